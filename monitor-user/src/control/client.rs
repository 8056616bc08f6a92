//! The other end of the socket: asks a running daemon.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::{
    Answer, Refusal, Reply, Request, Watching,
    request::{LOST, SHOWN, parse_answer},
};
use crate::{limits::STATUS_BYTES, subscriber::Wish};

/// How long the daemon may take, its own patience with us included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks, and waits for the answer.
///
/// # Errors
///
/// Nobody listens there, or no answer comes.
pub fn ask(socket: &Path, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Where it is not taken, the answer says why.
    let written = stream.write_all(request.line().as_bytes());
    let mut line = Vec::new();
    let read = (&stream).take(STATUS_BYTES).read_to_end(&mut line);
    if let Some(answer) = parse_answer(&line) {
        return Ok(answer);
    }
    written?;
    read?;
    Err(no_answer())
}

fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the daemon gave no answer")
}

/// What the daemon shows, line by line.
#[derive(Debug)]
pub struct Shown {
    lines: BufReader<UnixStream>,
    line: Vec<u8>,
}

/// A line of what the daemon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownLine<'a> {
    /// A line, with its end.
    Line(&'a [u8]),
    /// So many documents found no room on their way so far.
    Lost(u64),
}

/// Asks to be shown what happens.
///
/// # Errors
///
/// Nobody listens there, or no answer comes.
pub fn watch(socket: &Path, wish: &Wish) -> io::Result<Result<(Watching, Shown), Refusal>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Where it is not taken, the answer says why.
    let written = stream.write_all(Request::Watch { wish: wish.clone() }.line().as_bytes());
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    let read = (&mut lines).take(STATUS_BYTES).read_until(b'\n', &mut line);
    let Some(answer) = parse_answer(&line) else {
        written?;
        read?;
        return Err(no_answer());
    };
    let watching = match answer {
        Ok(Reply::Watching(watching)) => watching,
        Ok(_) => return Err(no_answer()),
        Err(refusal) => return Ok(Err(refusal)),
    };
    lines.get_ref().set_read_timeout(None)?;
    Ok(Ok((watching, Shown { lines, line: Vec::new() })))
}

impl Shown {
    /// The connection, to be shut down by who has seen enough.
    ///
    /// # Errors
    ///
    /// There are no more descriptors.
    pub fn connection(&self) -> io::Result<UnixStream> {
        self.lines.get_ref().try_clone()
    }

    /// Whether more of it has come already.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.lines.buffer().is_empty()
    }

    /// The next line; None where there will be no more.
    ///
    /// # Errors
    ///
    /// The connection fails.
    pub fn read(&mut self) -> io::Result<Option<ShownLine<'_>>> {
        self.line.clear();
        // The daemon bounds its lines.
        self.lines.read_until(b'\n', &mut self.line)?;
        let text =
            |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|it| it.trim().parse().ok());
        match self.line.split_first() {
            Some((&SHOWN, line)) if line.ends_with(b"\n") => Ok(Some(ShownLine::Line(line))),
            Some((&LOST, count)) => Ok(text(count).map(ShownLine::Lost)),
            // Cut in the middle, or its end.
            _ => Ok(None),
        }
    }
}
