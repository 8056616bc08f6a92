//! A server of NATS as Debian has it, with a stream, and a reader of what the stream holds that
//! knows nothing of who sent it.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::{Mood, QUEUES, Receives};
use crate::containerd::end_with_parent;
use crate::daemon::item;
use crate::wait;

/// The program.
fn program() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(QUEUES)?).join("nats/usr/sbin/nats-server");
    path.is_file().then_some(path)
}

/// Whether it was unpacked.
pub fn is_unpacked(name: &str) -> bool {
    name == "nats-server" && program().is_some()
}

/// A server whose configuration and stream are in a directory of its own, killed in the end. It is
/// down while it is told to refuse.
pub struct NatsServer {
    dir: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
}

/// A message of the stream.
#[derive(Debug)]
pub struct Stored {
    /// Its headers, with the line that begins them.
    pub headers: String,
    /// Its text.
    pub payload: Vec<u8>,
}

impl NatsServer {
    /// One on a free port, with a stream for the subjects that begin with `runmon`.
    pub fn start(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let this = Self { dir: dir.to_owned(), port, child: Mutex::default() };
        this.configure("");
        this.makes_stream(json!({}));
        this
    }

    /// Makes the stream, or gives it more properties.
    pub fn makes_stream(&self, more: Value) {
        let mut stream = json!({
            "name": "ALERTS", "subjects": ["runmon.>"], "storage": "file", "retention": "limits",
            "num_replicas": 1, "duplicate_window": 120_000_000_000_u64,
        });
        let more = more.as_object().expect("properties").clone();
        stream.as_object_mut().expect("properties").extend(more);
        let mut client = Client::connect(self.port).expect("connect to the server");
        let answer = client.ask("$JS.API.STREAM.CREATE.ALERTS", &stream);
        assert!(answer["error"].is_null(), "{answer:#}");
    }

    /// Takes the stream away.
    pub fn drops_stream(&self) {
        let mut client = Client::connect(self.port).expect("connect to the server");
        client.ask("$JS.API.STREAM.DELETE.ALERTS", &json!({}));
    }

    /// Starts anew with more of a configuration.
    pub fn configure(&self, more: &str) {
        self.kill();
        let (port, store) = (self.port, self.dir.join("store"));
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {store:?} }}\n\
             logfile: {:?}\n{more}\n",
            self.dir.join("log")
        );
        fs::write(self.dir.join("conf"), text).expect("write the configuration");
        self.run();
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut child = self.child();
        if child.is_some() {
            return;
        }
        let mut command = Command::new(program().expect("it is unpacked"));
        command.arg("--config").arg(self.dir.join("conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        *child = Some(end_with_parent(&mut command).spawn().expect("start the server"));
        let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let listens = || TcpStream::connect(("127.0.0.1", self.port)).ok();
        assert!(wait::until_or(listens).is_some(), "it does not listen: {}", log());
    }

    fn kill(&self) {
        let Some(mut child) = self.child().take() else { return };
        child.kill().and_then(|()| child.wait()).expect("kill the server");
    }

    /// All that the stream holds, in order. The server must want nothing of who reads.
    pub fn stored(&self) -> Vec<Stored> {
        Client::connect(self.port).map(|mut client| client.stored()).unwrap_or_default()
    }
}

impl Receives for NatsServer {
    fn sink(&self, more: &str) -> String {
        let port = self.port;
        item(&format!("kind: nats\naddress: \"localhost:{port}\"\n{more}\n"))
    }

    /// It is killed, which leaves it no time for anything, or runs.
    fn becomes(&self, mood: Mood) {
        match mood {
            Mood::Refuses | Mood::HangsUp => self.kill(),
            Mood::Takes | Mood::TakesAfter(_) | Mood::Slow(_) => self.run(),
        }
    }

    fn taken(&self) -> Vec<Value> {
        let stored = self.stored();
        stored.iter().map(|it| serde_json::from_slice(&it.payload).expect("a document")).collect()
    }

    fn moods(&self) -> &'static [Mood] {
        &[Mood::Refuses, Mood::Takes, Mood::Takes, Mood::Refuses, Mood::Takes]
    }

    fn knows_repeats(&self) -> bool {
        true
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection that asks JetStream.
struct Client(BufReader<TcpStream>);

/// A message: subject to answer to, headers and text.
struct Message {
    reply: String,
    stored: Stored,
}

impl Client {
    fn connect(port: u16) -> Option<Self> {
        let mut this = Self(BufReader::new(TcpStream::connect(("127.0.0.1", port)).ok()?));
        let info = this.line();
        assert!(info.starts_with("INFO "), "{info}");
        this.write("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB answer 1\r\nPING\r\n");
        assert_eq!(this.line(), "PONG");
        Some(this)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("read from the server");
        line.trim_end().to_owned()
    }

    fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("write to the server");
    }

    fn ask(&mut self, subject: &str, what: &Value) -> Value {
        let what = what.to_string();
        self.write(&format!("PUB {subject} answer {}\r\n{what}\r\n", what.len()));
        let answer = self.message();
        serde_json::from_slice(&answer.stored.payload).expect("JSON")
    }

    fn message(&mut self) -> Message {
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split(' ').collect();
            let number = |back: usize| words[words.len() - back].parse().expect("a number");
            let (headers, total): (usize, usize) = match words[0] {
                "MSG" => (0, number(1)),
                "HMSG" => (number(2), number(1)),
                "PING" => {
                    self.write("PONG\r\n");
                    continue;
                }
                _ => panic!("{line}"),
            };
            let has_reply = words.len() == if words[0] == "MSG" { 5 } else { 6 };
            let reply = if has_reply { words[3].to_owned() } else { String::new() };
            let mut bytes = vec![0; total + 2];
            self.0.read_exact(&mut bytes).expect("read a message");
            let payload = bytes[headers..total].to_vec();
            let headers = String::from_utf8(bytes[..headers].to_vec()).expect("UTF-8");
            return Message { reply, stored: Stored { headers, payload } };
        }
    }

    /// Asks for all of the stream, so much at a time that the server does not hang up on a slow
    /// reader.
    fn stored(&mut self) -> Vec<Stored> {
        const AT_ONCE: usize = 500;
        let mut all = Vec::new();
        let info = self.ask("$JS.API.STREAM.INFO.ALERTS", &json!({}));
        let state = &info["state"];
        let Some(last) = state["last_seq"].as_u64().filter(|_| state["messages"] != 0) else {
            return all;
        };
        let config = json!({ "ack_policy": "none", "deliver_policy": "all" });
        let consumer = json!({ "stream_name": "ALERTS", "config": config });
        let made = self.ask("$JS.API.CONSUMER.CREATE.ALERTS", &consumer);
        let name = made["name"].as_str().unwrap_or_else(|| panic!("no consumer: {made:#}"));
        let next = format!("PUB $JS.API.CONSUMER.MSG.NEXT.ALERTS.{name} pulled 3\r\n{AT_ONCE}\r\n");
        self.write("SUB pulled 2\r\n");
        loop {
            if all.len().is_multiple_of(AT_ONCE) {
                self.write(&next);
            }
            let Message { reply, stored } = self.message();
            // $JS.ACK.<stream>.<consumer>.<delivered>.<stream's>.<consumer's>.<time>.<pending>
            let number = reply.split('.').nth(5).and_then(|it| it.parse::<u64>().ok());
            let number = number.unwrap_or_else(|| panic!("{}", stored.headers));
            all.push(stored);
            if number >= last {
                return all;
            }
        }
    }
}
