//! Who looks on over the socket: one line after the other, as long as they are read.

use std::{
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::request::{LOST, SHOWN};
use crate::{
    document::Sender,
    subscriber::{Feed, Output, Subscriber, Wish, Writer, write},
};

/// How long a client may take nothing, as one whose terminal was halted; then it is taken for gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that leave at once.
const AT_ONCE: usize = 64 << 10;

/// What is to be shown over a connection.
pub(super) struct Show {
    feed: Feed,
    writer: Writer,
}

impl Show {
    /// As it is wished for, and who is to look on.
    pub(super) fn new(wish: &Wish) -> Result<(Subscriber, Self), String> {
        let writer = wish.form.writer(wish.root)?;
        let (subscriber, feed) = Subscriber::new(wish.view()?);
        Ok((subscriber, Self { feed, writer }))
    }

    /// Shows it until the client hangs up, or the daemon ends.
    pub(super) fn run(self, stream: &UnixStream, sender: &Sender) {
        if let Err(error) = stream.set_write_timeout(Some(PATIENCE)) {
            tracing::debug!(%error, "a connection may be waited for without end");
        }
        let mut output = Framed { stream, bytes: Vec::new(), lost: 0 };
        let told = write(&self.feed, &self.writer, sender, &mut output, None);
        tracing::debug!(shown = told.shown, lost = told.lost, "a subscriber is gone");
    }
}

/// Lines on a connection, each with what it is.
struct Framed<'a> {
    stream: &'a UnixStream,
    bytes: Vec<u8>,
    lost: u64,
}

impl Framed<'_> {
    fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.write_all(&self.bytes);
        self.bytes.clear();
        written
    }

    /// Whether the client has hung up. It has nothing more to say.
    fn is_over(&self) -> bool {
        let mut watched = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        let over = PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR;
        let looked = poll(&mut watched, PollTimeout::ZERO);
        let [watched] = watched;
        looked.is_ok() && watched.revents().is_some_and(|told| told.intersects(over))
    }
}

impl Output for Framed<'_> {
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        for line in lines {
            self.bytes.push(SHOWN);
            self.bytes.extend_from_slice(line);
            self.bytes.push(b'\n');
        }
        if self.bytes.len() < AT_ONCE { Ok(()) } else { self.flush() }
    }

    fn rest(&mut self, lost: u64) -> io::Result<()> {
        if lost != self.lost {
            self.lost = lost;
            self.bytes.push(LOST);
            self.bytes.extend_from_slice(lost.to_string().as_bytes());
            self.bytes.push(b'\n');
        }
        if self.is_over() { Err(io::ErrorKind::BrokenPipe.into()) } else { self.flush() }
    }
}
