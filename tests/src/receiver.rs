//! Receivers that do as they are told.

pub mod forward;
pub mod syslog;
pub mod tls;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::item;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It takes what comes.
    Takes,
    /// It takes what comes after so many requests, which it asks to come later.
    TakesAfter(usize),
    /// It asks all to come later.
    Refuses,
    /// It takes what comes, and thinks about each for so long.
    Slow(Duration),
    /// It hangs up on whoever asks.
    HangsUp,
}

/// What documents are sent to.
pub trait Receives {
    /// A sink that sends there.
    fn sink(&self, more: &str) -> String;

    /// Answers otherwise from now on.
    fn becomes(&self, mood: Mood);

    /// What it took, in order.
    fn taken(&self) -> Vec<Value>;
}

/// An HTTP receiver on a port of its own; it listens until the test ends.
pub struct Receiver {
    address: String,
    taken: Arc<Mutex<Vec<Value>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Receiver {
    /// Listens on a free port.
    pub fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the receiver");
        let address = listener.local_addr().expect("its address").to_string();
        let (taken, mood) = (Arc::default(), Arc::new(Mutex::new(mood)));
        let this = Self { address, taken: Arc::clone(&taken), mood: Arc::clone(&mood) };
        thread::spawn(move || {
            // One thread a connection: a client may keep one open.
            for stream in listener.incoming().flatten() {
                let (taken, mood) = (Arc::clone(&taken), Arc::clone(&mood));
                thread::spawn(move || serve(stream, &mood, &taken));
            }
        });
        this
    }

    /// How much it took.
    pub fn count(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Receives for Receiver {
    fn sink(&self, more: &str) -> String {
        let address = &self.address;
        item(&format!("kind: \"http\"\nurl: \"http://{address}/alerts\"\n{more}\n"))
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers requests until the client goes. None: it has gone.
fn serve(stream: TcpStream, mood: &Mutex<Mood>, taken: &Mutex<Vec<Value>>) -> Option<()> {
    let mut answers = stream.try_clone().ok()?;
    let mut requests = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut first = String::new();
        requests.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
        assert!(first.starts_with("POST /alerts HTTP/1.1"), "{first}");
        loop {
            let mut line = String::new();
            requests.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse::<usize>().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let now = next(&mut mood.lock().unwrap_or_else(PoisonError::into_inner));
        match now {
            Mood::HangsUp => return None,
            Mood::Slow(time) => thread::sleep(time),
            Mood::Takes | Mood::TakesAfter(_) | Mood::Refuses => {}
        }
        let takes = matches!(now, Mood::Takes | Mood::Slow(_));
        if takes {
            let document = serde_json::from_slice(&body).expect("a document a request");
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(document);
        }
        let status = if takes { "200 OK" } else { "503 Service Unavailable" };
        // At once: the kernel holds small pieces back.
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        answers.write_all(answer.as_bytes()).ok()?;
    }
}

/// How this request is answered.
fn next(mood: &mut Mood) -> Mood {
    if let Mood::TakesAfter(refusals) = *mood {
        *mood = refusals.checked_sub(1).map_or(Mood::Takes, Mood::TakesAfter);
    }
    *mood
}
