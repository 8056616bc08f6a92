//! A receiver of Fluent Forward, version 1, as its specification has it, and strict about it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::read::GzDecoder;
use rmpv::{Value as Pack, decode::read_value, encode::write_value};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::daemon::item;
use sha2::{Digest as _, Sha512};

use super::{Mood, Receives, next};

/// What it asks for.
#[derive(Clone, Default)]
pub struct Demands {
    /// The key that both sides know.
    pub shared_key: Option<String>,
    /// A user and that one's password.
    pub user: Option<(String, String)>,
    /// TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// A word that no entry has: it hangs up at a chunk with one that has it.
    pub breaks_at: Option<&'static str>,
}

/// A receiver on a port of its own; it listens until the test ends.
pub struct ForwardReceiver {
    port: u16,
    taken: Arc<Mutex<Vec<Value>>>,
    mood: Arc<Mutex<Mood>>,
    demands: Arc<Mutex<Demands>>,
}

impl ForwardReceiver {
    /// Listens on a free port.
    pub fn start(mood: Mood, demands: &Demands) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the receiver");
        let port = listener.local_addr().expect("its address").port();
        let (taken, mood) = (Arc::default(), Arc::new(Mutex::new(mood)));
        let demands = Arc::new(Mutex::new(demands.clone()));
        let this = Self {
            port,
            taken: Arc::clone(&taken),
            mood: Arc::clone(&mood),
            demands: Arc::clone(&demands),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, mood) = (Arc::clone(&taken), Arc::clone(&mood));
                let demands = demands.lock().unwrap_or_else(PoisonError::into_inner).clone();
                thread::spawn(move || serve(stream, &mood, &taken, &demands));
            }
        });
        this
    }

    /// Asks for something else on connections that are made from now on.
    pub fn demands(&self, change: impl FnOnce(&mut Demands)) {
        change(&mut self.demands.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Receives for ForwardReceiver {
    fn sink(&self, more: &str) -> String {
        let port = self.port;
        item(&format!("kind: \"forward\"\naddress: \"localhost:{port}\"\n{more}\n"))
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    stream: TcpStream,
    mood: &Mutex<Mood>,
    taken: &Mutex<Vec<Value>>,
    demands: &Demands,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    match &demands.tls {
        None => talk(stream, mood, taken, demands),
        Some(config) => {
            let server = ServerConnection::new(Arc::clone(config)).ok()?;
            talk(StreamOwned::new(server, stream), mood, taken, demands)
        }
    }
}

/// Takes chunks until the client goes. None: it has gone.
fn talk(
    mut stream: impl Read + Write,
    mood: &Mutex<Mood>,
    taken: &Mutex<Vec<Value>>,
    demands: &Demands,
) -> Option<()> {
    if let Some(key) = &demands.shared_key {
        greet(&mut stream, key, demands.user.as_ref())?;
    }
    loop {
        let chunk = read_value(&mut stream).ok()?;
        let now = next(&mut mood.lock().unwrap_or_else(PoisonError::into_inner));
        match now {
            // Whoever gets no answer sends it again.
            Mood::HangsUp | Mood::Refuses | Mood::TakesAfter(_) => return None,
            Mood::Slow(time) => thread::sleep(time),
            Mood::Takes => {}
        }
        let (id, documents) = documents(&chunk);
        let is_bad = |word: &str| documents.iter().any(|it| it.to_string().contains(word));
        if demands.breaks_at.is_some_and(is_bad) {
            return None;
        }
        taken.lock().unwrap_or_else(PoisonError::into_inner).extend(documents);
        write(&mut stream, &Pack::Map(vec![("ack".into(), id.into())]))?;
    }
}

/// The id of a chunk, and its entries.
fn documents(chunk: &Pack) -> (String, Vec<Value>) {
    let parts = chunk.as_array().expect("a message is an array");
    let [tag, entries, options] = &parts[..] else { panic!("it has three parts: {chunk}") };
    assert_eq!(tag.as_str(), Some("runmon"));
    let Pack::Binary(entries) = entries else { panic!("entries are binary: {entries}") };
    let option = |name: &str| {
        let options = options.as_map().expect("options are a map");
        options.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    };
    let compressed = option("compressed").map(|it| it.as_str().expect("text").to_owned());
    let entries = match compressed.as_deref() {
        Some("gzip") => {
            let mut whole = Vec::new();
            GzDecoder::new(&entries[..]).read_to_end(&mut whole).expect("gzip");
            whole
        }
        None | Some("text") => entries.clone(),
        other => panic!("compressed as {other:?}"),
    };
    let mut rest = &entries[..];
    let mut documents = Vec::new();
    while !rest.is_empty() {
        let entry = read_value(&mut rest).expect("an entry");
        let parts = entry.as_array().expect("an entry is an array");
        let [Pack::Ext(0, time), Pack::Map(record)] = &parts[..] else { panic!("{entry}") };
        assert_eq!(time.len(), 8, "a time has eight bytes");
        let seconds = u32::from_be_bytes([time[0], time[1], time[2], time[3]]);
        assert!(seconds > 1_700_000_000, "{seconds}");
        documents.push(json(&Pack::Map(record.clone())));
    }
    let size = option("size").and_then(Pack::as_u64).expect("a size");
    assert_eq!(size, documents.len() as u64);
    let id = option("chunk").and_then(Pack::as_str).expect("the id of the chunk").to_owned();
    assert_eq!(id.len(), 24, "the base64 of 128 bits");
    (id, documents)
}

/// The same in JSON.
fn json(pack: &Pack) -> Value {
    match pack {
        Pack::Nil => Value::Null,
        Pack::Boolean(value) => (*value).into(),
        Pack::Integer(value) => match (value.as_u64(), value.as_i64()) {
            (Some(value), _) => value.into(),
            (None, value) => value.into(),
        },
        Pack::F32(value) => f64::from(*value).into(),
        Pack::F64(value) => (*value).into(),
        Pack::String(text) => text.as_str().expect("UTF-8").into(),
        Pack::Array(items) => items.iter().map(json).collect(),
        Pack::Map(members) => {
            let member = |(key, value): &(Pack, Pack)| {
                (key.as_str().expect("a name").to_owned(), json(value))
            };
            Value::Object(members.iter().map(member).collect())
        }
        Pack::Binary(_) | Pack::Ext(..) => panic!("{pack} is no JSON"),
    }
}

/// HELO, PING, PONG.
fn greet(
    stream: &mut (impl Read + Write),
    key: &str,
    user: Option<&(String, String)>,
) -> Option<()> {
    const NONCE: &[u8] = b"0123456789abcdef";
    let auth: &[u8] = if user.is_some() { b"fedcba9876543210" } else { b"" };
    let options = Pack::Map(vec![
        ("nonce".into(), Pack::Binary(NONCE.to_vec())),
        ("auth".into(), Pack::Binary(auth.to_vec())),
        ("keepalive".into(), true.into()),
    ]);
    write(stream, &Pack::Array(vec!["HELO".into(), options]))?;
    let ping = read_value(stream).ok()?;
    let parts = ping.as_array().expect("PING is an array");
    assert_eq!(parts.len(), 6, "{ping}");
    assert_eq!(parts[0].as_str(), Some("PING"));
    let host = parts[1].as_str().expect("the client's name");
    let Pack::Binary(salt) = &parts[2] else { panic!("the salt is binary") };
    let digest = |host: &str| sha512(&[salt, host.as_bytes(), NONCE, key.as_bytes()]);
    let knows_key = parts[3].as_str() == Some(&digest(host));
    let knows_user = user.is_none_or(|(name, password)| {
        let expected = sha512(&[auth, name.as_bytes(), password.as_bytes()]);
        parts[4].as_str() == Some(name) && parts[5].as_str() == Some(&expected)
    });
    let why = match (knows_key, knows_user) {
        (false, _) => "shared_key mismatch",
        (true, false) => "username/password mismatch",
        (true, true) => "",
    };
    let pong = Pack::Array(vec![
        "PONG".into(),
        why.is_empty().into(),
        why.into(),
        "receiver".into(),
        digest("receiver").into(),
    ]);
    write(stream, &pong)?;
    why.is_empty().then_some(())
}

fn sha512(parts: &[&[u8]]) -> String {
    let digest = Sha512::digest(parts.concat());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// At once: the kernel holds small pieces back.
fn write(stream: &mut impl Write, value: &Pack) -> Option<()> {
    let mut bytes = Vec::new();
    write_value(&mut bytes, value).expect("a value");
    stream.write_all(&bytes).and_then(|()| stream.flush()).ok()
}
