//! Where the lines come from that are shown: of a daemon, or of hooks of our own.

use std::{
    io,
    path::Path,
    sync::{Arc, mpsc::SyncSender},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    commands::tail::attached,
    control::{
        Reply, Request,
        client::{self, Shown, ShownLine},
    },
    document::Sender,
    subscriber::{self, Feed, Output, Wish},
};

/// How often the daemon is asked what was lost.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// What comes.
#[derive(Debug)]
pub(super) enum Line {
    /// Fields of an event, or a document.
    Document(Vec<u8>),
    /// What a status says.
    State(Value),
    /// So many documents came faster than they were read.
    Late(u64),
    /// There will be no more, and why.
    Over(String),
}

/// Has the daemon show what is wished for; false where none runs.
pub(super) fn attach(
    socket: &Path,
    wishes: &[Wish],
    lines: &SyncSender<Line>,
) -> anyhow::Result<bool> {
    for wish in wishes {
        let Some((_, shown)) = attached::attach(socket, wish)? else { return Ok(false) };
        let lines = lines.clone();
        spawn("shown", move || read(shown, &lines))?;
    }
    let (socket, lines) = (socket.to_owned(), lines.clone());
    spawn("state", move || ask(&socket, &lines))?;
    Ok(true)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).context("cannot start a thread")
}

fn read(mut shown: Shown, lines: &SyncSender<Line>) {
    loop {
        let line = match shown.read() {
            Ok(Some(ShownLine::Line(line))) => Line::Document(line.to_owned()),
            Ok(Some(ShownLine::Lost(count))) => Line::Late(count),
            Ok(None) => Line::Over("the daemon ended".to_owned()),
            Err(error) => Line::Over(format!("the daemon is not heard any more: {error}")),
        };
        let is_over = matches!(line, Line::Over(_));
        // Nobody looks any more.
        if lines.send(line).is_err() || is_over {
            return;
        }
    }
}

fn ask(socket: &Path, lines: &SyncSender<Line>) {
    while let Ok(Ok(Reply::Status(state))) = client::ask(socket, &Request::Status) {
        if lines.send(Line::State(state)).is_err() {
            return;
        }
        thread::sleep(ASK_EVERY);
    }
}

/// Has a subscriber's documents shown.
pub(super) fn show(
    feed: Feed,
    wish: &Wish,
    sender: Arc<Sender>,
    lines: SyncSender<Line>,
) -> anyhow::Result<()> {
    let writer = wish.form.writer(wish.root).map_err(anyhow::Error::msg)?;
    spawn("shown", move || {
        let mut output = Way { lines, late: 0 };
        subscriber::write(&feed, &writer, &sender, &mut output, None);
    })
}

/// The way to who shows them.
struct Way {
    lines: SyncSender<Line>,
    late: u64,
}

impl Way {
    fn send(&self, line: Line) -> io::Result<()> {
        self.lines.send(line).map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

impl Output for Way {
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.send(Line::Document(line.clone())))
    }

    fn rest(&mut self, lost: u64) -> io::Result<()> {
        if lost == self.late {
            return Ok(());
        }
        self.late = lost;
        self.send(Line::Late(lost))
    }
}
