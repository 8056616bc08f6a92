//! A connection to a server of NATS, over which messages are published and acknowledged.

use std::io::{self, BufRead, BufReader, Write as _};

use serde_json::json;

use super::{
    ack::{self, Ack},
    protocol::{self, Info, Said, strange},
    who::Who,
};
use crate::{
    limits::NATS_WRITTEN_AT_ONCE,
    sink::receiver::{Connection, Receiver},
};

/// What is said to a message.
pub(super) enum Reply {
    /// To that of this number.
    Ack(u64, Ack),
    /// To any of them.
    Refusal(String),
}

/// A connection.
pub(super) struct Client {
    stream: BufReader<Connection>,
    info: Info,
    /// Where answers are wanted, with a dot behind it.
    inbox: String,
    /// Number of the message before.
    number: u64,
    /// What is to be written.
    buffer: Vec<u8>,
}

impl Client {
    /// Makes one, and shows who this is.
    pub(super) fn connect(receiver: &Receiver, who: &Who) -> io::Result<Self> {
        // What it says first is in plain text, even where it goes on with TLS.
        let mut stream = BufReader::new(receiver.connect_plain()?);
        let info = read_info(&mut stream)?;
        if receiver.tls.is_some() {
            // Whoever is between could have put more behind it.
            if !stream.buffer().is_empty() {
                return Err(strange("it says more than who it is"));
            }
            stream = BufReader::new(receiver.secure(stream.into_inner())?);
        } else if info.tls_required {
            return Err(refused("it wants TLS: say `tls: true`"));
        }
        if !info.headers {
            return Err(refused("it takes no headers, without which it has no JetStream"));
        }
        let mut random = [0; 12];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let inbox = format!("_INBOX.{random}.");
        let mut this = Self { stream, info, inbox, number: 0, buffer: Vec::new() };
        this.greet(receiver, who)?;
        Ok(this)
    }

    fn greet(&mut self, receiver: &Receiver, who: &Who) -> io::Result<()> {
        let mut options = json!({
            "verbose": false,
            "pedantic": false,
            "tls_required": receiver.tls.is_some(),
            "name": "runmon",
            "lang": "rust",
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": 1,
            "headers": true,
            "no_responders": true,
        });
        who.show(&mut options, &*receiver.reach)?;
        let inbox = &self.inbox;
        let words = format!("CONNECT {options}\r\nSUB {inbox}* 1\r\nPING\r\n");
        self.buffer.extend_from_slice(words.as_bytes());
        self.flush()?;
        loop {
            match protocol::read(&mut self.stream)? {
                Said::Pong => return Ok(()),
                Said::Error(why) => return Err(refused(&format!("it refuses: {why}"))),
                Said::Ping => self.pong()?,
                Said::Info(_) | Said::Ok | Said::Message { .. } => {}
            }
        }
    }

    /// Bytes of a message at most, with its headers.
    pub(super) fn bytes_max(&self) -> usize {
        self.info.max_payload
    }

    /// Publishes a message, and gives it a number.
    pub(super) fn publish(&mut self, subject: &str, id: &str, payload: &[u8]) -> io::Result<u64> {
        self.number += 1;
        let reply = format!("{}{}", self.inbox, self.number);
        self.buffer.extend(protocol::publish(subject, &reply, id, payload));
        if self.buffer.len() >= NATS_WRITTEN_AT_ONCE {
            self.flush()?;
        }
        Ok(self.number)
    }

    /// Writes what is left.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let connection = self.stream.get_mut();
        let written = connection.write_all(&self.buffer).and_then(|()| connection.flush());
        self.buffer.clear();
        // Where that fails the server may have said why.
        written.map_err(|error| match protocol::read(&mut self.stream) {
            Ok(Said::Error(why)) => refused(&format!("it refuses: {why}")),
            Ok(_) | Err(_) => error,
        })
    }

    /// Waits for the next answer.
    pub(super) fn reply(&mut self) -> io::Result<Reply> {
        loop {
            match protocol::read(&mut self.stream)? {
                Said::Message { subject, status, payload } => {
                    let number = subject.strip_prefix(&self.inbox).and_then(|it| it.parse().ok());
                    if let Some(number) = number {
                        return Ok(Reply::Ack(number, ack::read(&status, &payload)));
                    }
                }
                // The connection stays.
                Said::Error(why) if why.to_ascii_lowercase().starts_with("permissions ") => {
                    return Ok(Reply::Refusal(format!("it refuses: {why}")));
                }
                Said::Error(why) => return Err(refused(&format!("it refuses: {why}"))),
                Said::Ping => self.pong()?,
                Said::Pong | Said::Info(_) | Said::Ok => {}
            }
        }
    }

    fn pong(&mut self) -> io::Result<()> {
        self.buffer.extend_from_slice(b"PONG\r\n");
        self.flush()
    }
}

/// What a server says of itself.
fn read_info(stream: &mut impl BufRead) -> io::Result<Info> {
    let Said::Info(text) = protocol::read(stream)? else {
        return Err(strange("it does not speak NATS"));
    };
    serde_json::from_str(&text).map_err(|_| strange("it does not say who it is"))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned())
}
