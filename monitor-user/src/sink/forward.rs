//! Fluent Forward, version 1: entries in MessagePack, a chunk at a time. A chunk counts as
//! delivered when the receiver has said so (`ack`); until then it is sent again, in parts where the
//! receiver hangs up at it.

mod greeting;
mod members;
mod message;

use std::io::{self, Write as _};

use super::{
    Intake,
    parts::{self, Asked, Entry, Parts, Patience},
    receiver::{Connection, Receiver},
    tries::{End, Tries},
};
use crate::limits::STORE_BATCH;
pub use greeting::Secrets;
use message::Chunk;

/// What the receiver is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardOptions {
    /// The tag of all entries, by which receivers route.
    pub tag: String,
    /// Whether entries are compressed.
    pub gzip: bool,
    /// What the receiver asks for before it takes anything.
    pub secrets: Option<Secrets>,
    /// Name of this host, for receivers that ask who it is.
    pub hostname: String,
}

/// A ready Forward sink.
pub struct ForwardSink {
    options: ForwardOptions,
    receiver: Receiver,
    connection: Option<Connection>,
}

impl ForwardSink {
    /// One that makes its connection when there is something to send.
    #[must_use]
    pub fn new(options: ForwardOptions, receiver: Receiver) -> Self {
        Self { options, receiver, connection: None }
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(mut self, mut intake: Intake) {
        let mut tries = Tries::new(format!("forward://{}", self.receiver.place), None);
        while let Some(documents) = intake.receive_whole(STORE_BATCH) {
            let entries = documents.into_iter().flat_map(Entry::of).collect();
            let parts = Parts::new(entries, Patience::default());
            let ask = |_: &Intake, part: &[&Entry]| self.send(part);
            if parts::deliver(parts, &mut intake, &mut tries, ask) == End::Kept {
                return;
            }
        }
    }

    /// Sends a chunk and waits until it is taken. What fails on a connection from before, which the
    /// receiver may have closed meanwhile, is tried at once on a new one.
    fn send(&mut self, part: &[&Entry]) -> Asked {
        let lines = part.iter().map(|entry| &*entry.line);
        let chunk = match Chunk::of(lines, &self.options) {
            Ok(chunk) => chunk,
            Err(error) => return Asked::refused(error.to_string()),
        };
        if let Some(mut connection) = self.connection.take()
            && exchange(&mut connection, &chunk).is_ok()
        {
            self.connection = Some(connection);
            return Asked::taken();
        }
        let mut connection = match self.connect() {
            Ok(connection) => connection,
            Err(error) => return Asked::later(error.into()),
        };
        if let Err(error) = exchange(&mut connection, &chunk) {
            return Asked::failed(error.into());
        }
        self.connection = Some(connection);
        Asked::taken()
    }

    fn connect(&self) -> io::Result<Connection> {
        let mut connection = self.receiver.connect()?;
        if let Some(secrets) = &self.options.secrets {
            let reach = &*self.receiver.reach;
            secrets.greet(&mut connection, &self.options.hostname, reach)?;
        }
        Ok(connection)
    }
}

fn exchange(connection: &mut Connection, chunk: &Chunk) -> io::Result<()> {
    connection.write_all(&chunk.message)?;
    connection.flush()?;
    let ack = message::read_ack(connection)?;
    if ack == chunk.id {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "another chunk was acknowledged"))
}
