//! Where what is shown comes from: subscribers of the line, each with a thread that reads it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{
    mpsc::{Sender, error::TrySendError},
    oneshot,
};

use super::{desk::Kept, views::inert};
use crate::{
    control::{Inside, Refusal},
    limits::WEB_STREAM_PATIENCE,
    subscriber::{Form, Output, Wish, write},
    top::seen::{FIELDS, FILTER, Raised, Seen},
};

/// How long to wait before the line is asked again.
const REST: Duration = Duration::from_secs(1);

/// How long to wait before one who is slow is sent more.
const PAUSE: Duration = Duration::from_millis(20);

/// How often a stream without lines shows that it is there: so it is known whether anybody reads.
const QUIET: Duration = Duration::from_secs(5);

/// What a feed tells.
pub(super) enum Told {
    Seen(Box<Seen>),
    Raised(Box<Kept>),
    /// Documents of a feed were lost on the way, so many in all.
    Late(Watched, u64),
    /// A feed has begun; or why nothing comes of it, though it is asked for.
    Goes(Watched, Option<String>),
}

/// What is watched for the page as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    Events,
    Alerts,
}

impl Watched {
    fn wish(self) -> Wish {
        let fields = FIELDS.iter().map(|field| (*field).to_owned()).collect();
        let form = Form::Fields { fields, json: true };
        match self {
            Self::Events => Wish { filter: FILTER.to_owned(), form, ..Wish::default() },
            Self::Alerts => Wish { alerts: true, form: Form::Ecs {}, ..Wish::default() },
        }
    }

    fn parse(self, line: &[u8]) -> Option<Told> {
        match self {
            Self::Events => Seen::parse(line).map(Box::new).map(Told::Seen),
            Self::Alerts => {
                let raised = Raised::parse(line)?;
                let document: Value = serde_json::from_slice(line).ok()?;
                Some(Told::Raised(Box::new(Kept { raised, document: inert(document) })))
            }
        }
    }
}

/// Has it watched until that is to end, or nobody takes what is told.
///
/// # Errors
///
/// There is no room for a thread.
pub(super) fn watch(
    watched: Watched,
    line: Inside,
    told: Sender<Told>,
    ends: Arc<AtomicBool>,
) -> io::Result<()> {
    let run = move || {
        while !ends.load(Ordering::Acquire) {
            match line.watch(&watched.wish()) {
                Ok((_, feed, writer)) => {
                    let mut way = Way { watched, told: &told, ends: &ends, late: 0 };
                    drop(way.send(Told::Goes(watched, None)));
                    write(&feed, &writer, line.documents_of(), &mut way, None);
                    return;
                }
                Err(refusal) => {
                    if told.blocking_send(Told::Goes(watched, Some(refusal.error))).is_err() {
                        return;
                    }
                    thread::sleep(REST);
                }
            }
        }
    };
    thread::Builder::new().name("web-watch".into()).spawn(run).map(drop)
}

/// The way to the desk.
struct Way<'a> {
    watched: Watched,
    told: &'a Sender<Told>,
    ends: &'a AtomicBool,
    late: u64,
}

impl Way<'_> {
    fn send(&self, told: Told) -> io::Result<()> {
        if self.ends.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Waits where the desk is slow: what finds no room in the queue before this is counted.
        self.told.blocking_send(told).map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

impl Output for Way<'_> {
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut told = lines.iter().filter_map(|line| self.watched.parse(line));
        told.try_for_each(|told| self.send(told))
    }

    fn rest(&mut self, lost: u64) -> io::Result<()> {
        if self.ends.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if lost == self.late {
            return Ok(());
        }
        self.late = lost;
        self.send(Told::Late(self.watched, lost))
    }
}

/// A stream that was opened: kinds without a hook.
pub(super) type Opened = Result<Vec<String>, Refusal>;

/// Shows one client what is wished for, as server-sent events. `opened` is told first whether that
/// can be; `over` is gone when no more comes.
///
/// # Errors
///
/// There is no room for a thread.
pub(super) fn stream(
    line: Inside,
    wish: Wish,
    out: Sender<Bytes>,
    opened: oneshot::Sender<Opened>,
    over: oneshot::Sender<()>,
) -> io::Result<()> {
    let run = move || {
        match line.watch(&wish) {
            Err(refusal) => drop(opened.send(Err(refusal))),
            Ok((watching, feed, writer)) => {
                if opened.send(Ok(watching.unseen)).is_ok() {
                    let mut shown = Events { out: &out, lost: 0, told: Instant::now() };
                    write(&feed, &writer, line.documents_of(), &mut shown, None);
                }
            }
        }
        drop(over);
    };
    thread::Builder::new().name("web-stream".into()).spawn(run).map(drop)
}

/// Server-sent events.
struct Events<'a> {
    out: &'a Sender<Bytes>,
    lost: u64,
    told: Instant,
}

impl Events<'_> {
    fn send(&mut self, text: String) -> io::Result<()> {
        let begun = Instant::now();
        let mut bytes = Bytes::from(text);
        self.told = begun;
        loop {
            match self.out.try_send(bytes) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) if begun.elapsed() < WEB_STREAM_PATIENCE => {
                    bytes = back;
                    thread::sleep(PAUSE);
                }
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
}

/// One of them; JSON has no line ends.
fn event(kind: &str, value: &Value) -> String {
    format!("event: {kind}\ndata: {value}\n\n")
}

/// The first of a stream.
pub(super) fn begin(unseen: &[String]) -> Bytes {
    Bytes::from(event("begin", &json!({ "unseen": unseen })))
}

impl Output for Events<'_> {
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let shown = |line: &Vec<u8>| event("line", &json!(String::from_utf8_lossy(line)));
        let text: String = lines.iter().map(shown).collect();
        self.send(text)
    }

    fn rest(&mut self, lost: u64) -> io::Result<()> {
        if self.out.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if lost != self.lost {
            self.lost = lost;
            return self.send(event("lost", &json!(lost)));
        }
        if self.told.elapsed() > QUIET { self.send(":\n\n".to_owned()) } else { Ok(()) }
    }
}
