//! Receivers over HTTP, as the texts of their protocols have them, and strict about it. None of
//! this is what the sender uses.

pub mod bulk;
pub mod collector;
pub mod loki;
pub mod otlp;
pub mod proxy;
mod request;
pub mod webhook;

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::{Mood, Receives, next};
use crate::daemon::item;
use request::Request;

/// A protocol: what a receiver makes of a request.
pub struct Protocol {
    /// What the sender calls it; empty: it need not say so.
    pub preset: &'static str,
    /// The form that documents are asked for in.
    pub format: &'static str,
    /// The path of requests, and what is in a body.
    pub path: &'static str,
    /// See above.
    pub content_type: &'static str,
    /// How it says that it is busy.
    pub busy: (u16, &'static str),
    /// Takes the documents of a body, and answers.
    pub take: fn(&[u8], &mut Shelf) -> Answer,
}

/// Status and body of an answer.
pub struct Answer(pub u16, pub Vec<u8>);

/// What a receiver has.
#[derive(Default)]
pub struct Shelf {
    /// The documents, in the order in which they came first.
    pub taken: Vec<Value>,
    /// Whatever tells documents apart, of protocols that know a repeat.
    pub known: BTreeSet<String>,
    /// What it finds wrong with documents.
    pub flaws: Vec<Flaw>,
}

/// What a receiver finds wrong with documents that have a word in them.
pub struct Flaw {
    /// The word.
    pub word: &'static str,
    /// How it answers.
    pub fault: Fault,
}

/// How a receiver answers what it does not take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It will never take it.
    Bad,
    /// It will, after so many tries.
    Busy(usize),
    /// It breaks.
    Breaks,
}

impl Shelf {
    /// What is wrong with a document, this time.
    pub fn fault(&mut self, text: &str) -> Option<Fault> {
        let flaw = self.flaws.iter_mut().find(|flaw| text.contains(flaw.word))?;
        match &mut flaw.fault {
            Fault::Busy(0) => None,
            Fault::Busy(times) => {
                *times -= 1;
                Some(flaw.fault)
            }
            fault => Some(*fault),
        }
    }

    /// Takes a document, as text.
    pub fn put(&mut self, text: &str) {
        self.taken.push(serde_json::from_str(text).unwrap_or_else(|_| text.into()));
    }
}

/// What it asks for.
#[derive(Clone, Default)]
pub struct Demands {
    /// TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// What stands in the header `Authorization`.
    pub authorization: Option<String>,
    /// That bodies are compressed.
    pub gzip: bool,
    /// Seconds after which it wants to be asked again when it is busy.
    pub retry_after: Option<u64>,
}

struct State {
    mood: Mutex<Mood>,
    shelf: Mutex<Shelf>,
    demands: Mutex<Demands>,
    requests: Mutex<usize>,
}

/// A receiver on a port of its own; it listens until the test ends.
pub struct HttpReceiver {
    port: u16,
    protocol: &'static Protocol,
    state: Arc<State>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpReceiver {
    /// Listens on a free port.
    pub fn start(protocol: &'static Protocol, mood: Mood, demands: Demands) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the receiver");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State {
            mood: Mutex::new(mood),
            shelf: Mutex::default(),
            demands: Mutex::new(demands),
            requests: Mutex::default(),
        });
        let this = Self { port, protocol, state: Arc::clone(&state) };
        thread::spawn(move || {
            // One thread a connection: a client may keep one open.
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || serve(stream, protocol, &state));
            }
        });
        this
    }

    /// How much it took.
    pub fn count(&self) -> usize {
        locked(&self.state.shelf).taken.len()
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        *locked(&self.state.requests)
    }

    /// Finds something wrong with documents from now on.
    pub fn finds(&self, word: &'static str, fault: Fault) {
        locked(&self.state.shelf).flaws.push(Flaw { word, fault });
    }

    /// Asks for something else from now on.
    pub fn demands(&self, change: impl FnOnce(&mut Demands)) {
        change(&mut locked(&self.state.demands));
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Receives for HttpReceiver {
    fn sink(&self, more: &str) -> String {
        let Protocol { preset, path, .. } = self.protocol;
        let (scheme, port) = match locked(&self.state.demands).tls {
            Some(_) => ("https://localhost", self.port),
            None => ("http://127.0.0.1", self.port),
        };
        // What has a path of its own is found by the preset.
        let (key, path) = match *preset {
            "" => (String::new(), path),
            preset => (format!("preset: {preset:?}\n"), &""),
        };
        item(&format!("kind: http\n{key}url: \"{scheme}:{port}{path}\"\n{more}\n"))
    }

    fn becomes(&self, mood: Mood) {
        *locked(&self.state.mood) = mood;
    }

    fn taken(&self) -> Vec<Value> {
        locked(&self.state.shelf).taken.clone()
    }

    fn knows_repeats(&self) -> bool {
        !locked(&self.state.shelf).known.is_empty()
    }

    fn format(&self) -> &'static str {
        self.protocol.format
    }
}

/// Answers requests until the client goes. None: it has gone.
fn serve(stream: TcpStream, protocol: &Protocol, state: &State) -> Option<()> {
    // At once: the kernel holds small pieces back.
    stream.set_nodelay(true).ok()?;
    let tls = locked(&state.demands).tls.clone();
    match tls {
        None => talk(stream, protocol, state),
        Some(config) => {
            let server = ServerConnection::new(config).ok()?;
            talk(StreamOwned::new(server, stream), protocol, state)
        }
    }
}

fn talk(stream: impl Read + Write, protocol: &Protocol, state: &State) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = Request::read(&mut stream)?;
        *locked(&state.requests) += 1;
        let now = next(&mut locked(&state.mood));
        match now {
            Mood::HangsUp => return None,
            Mood::Slow(time) => thread::sleep(time),
            Mood::Takes | Mood::TakesAfter(_) | Mood::Refuses => {}
        }
        let demands = locked(&state.demands).clone();
        request.check(protocol, &demands);
        let knows = demands.authorization.is_none()
            || request.header("authorization") == demands.authorization.as_deref();
        let is_busy = matches!(now, Mood::TakesAfter(_) | Mood::Refuses);
        let answer = match (knows, is_busy) {
            (false, _) => Answer(401, b"who are you?".to_vec()),
            (true, true) => Answer(protocol.busy.0, protocol.busy.1.as_bytes().to_vec()),
            (true, false) => (protocol.take)(&request.body, &mut locked(&state.shelf)),
        };
        let Answer(status, body) = answer;
        let later = demands.retry_after.filter(|_| is_busy);
        let later = later.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
        let length = body.len();
        // 204 has no body, and no length of one.
        let length = match status {
            204 => String::new(),
            _ => format!("Content-Length: {length}\r\n"),
        };
        let head = format!("HTTP/1.1 {status} Status\r\n{later}{length}\r\n");
        let stream = stream.get_mut();
        stream.write_all(&[head.as_bytes(), &body].concat()).ok()?;
        stream.flush().ok()?;
    }
}
