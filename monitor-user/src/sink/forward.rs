//! Fluent Forward, version 1: entries in MessagePack, a chunk at a time. A chunk counts as
//! delivered when the receiver has said so (`ack`); until then it is sent again.

mod greeting;
mod message;

use std::io::{self, Write as _};

use super::{
    Intake,
    receiver::{Connection, Receiver},
    tries::{Answer, End, Tries},
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
        while let Some(documents) = intake.receive(STORE_BATCH) {
            let lines = documents.iter().flatten().map(Vec::as_slice);
            let chunk = Chunk::of(lines, &self.options);
            let end = tries.deliver(&intake, || match &chunk {
                Ok(chunk) => self.send(chunk),
                Err(error) => Answer::Refused(error.to_string()),
            });
            if end == End::Kept {
                return;
            }
            documents.iter().for_each(|_| intake.done(end == End::Delivered));
        }
    }

    /// Sends a chunk and waits until it is taken. What fails on a connection from before, which the
    /// receiver may have closed meanwhile, is tried at once on a new one.
    fn send(&mut self, chunk: &Chunk) -> Answer {
        if let Some(mut connection) = self.connection.take()
            && exchange(&mut connection, chunk).is_ok()
        {
            self.connection = Some(connection);
            return Answer::Taken;
        }
        let sent = self.connect().and_then(|mut connection| {
            exchange(&mut connection, chunk)?;
            Ok(connection)
        });
        match sent {
            Ok(connection) => {
                self.connection = Some(connection);
                Answer::Taken
            }
            Err(error) => Answer::Later(error.into()),
        }
    }

    fn connect(&self) -> io::Result<Connection> {
        let mut connection = self.receiver.connect()?;
        if let Some(secrets) = &self.options.secrets {
            secrets.greet(&mut connection, &self.options.hostname)?;
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
