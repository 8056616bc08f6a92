//! NATS JetStream. Each document is a message that the server acknowledges when its stream has it.
//! What is not acknowledged is published again with the same id, by which the stream knows it for
//! as long as its window of duplicates is.
//!
//! The protocol is a few lines of text, and is spoken here: a client library for it brings a
//! runtime of its own, and opens certificates where this process may not.

mod ack;
mod client;
mod protocol;
mod who;

use std::{collections::HashMap, io};

use super::{
    Intake,
    batch::{self, Batch, Failure},
    receiver::Places,
    tries::Tries,
    trouble::Why,
};
use crate::{document::Delivery, limits::NATS_WINDOW_BYTES};
use ack::Ack;
use client::{Client, Reply};
pub use who::Who;

/// What the server is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatsOptions {
    /// The subject of all messages.
    pub subject: String,
    /// Who this is, for servers that ask.
    pub who: Who,
}

/// A ready NATS sink.
pub struct NatsSink {
    options: NatsOptions,
    places: Places,
    client: Option<Client>,
    /// The last try failed: one goes ahead of the others, so that none overtakes it where streams
    /// come back meanwhile.
    is_careful: bool,
}

impl NatsSink {
    /// One that makes its connection when there is something to send.
    #[must_use]
    pub fn new(options: NatsOptions, places: Places) -> Self {
        Self { options, places, client: None, is_careful: true }
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(mut self, intake: Intake) {
        let tries = Tries::new(format!("nats://{}", self.places), None);
        batch::run(intake, tries, |intake, batch| self.send(intake, batch));
    }

    /// Publishes what is left of a batch. What fails on a connection from before, which the server
    /// may have closed meanwhile, is tried at once on a new one.
    fn send(&mut self, intake: &Intake, batch: &mut Batch) -> Result<(), Why> {
        if let Some(mut client) = self.client.take() {
            match self.publish_on(&mut client, intake, batch) {
                Ok(()) => {
                    self.client = Some(client);
                    return Ok(());
                }
                // The server is there, and does not want it now.
                Err(Failure::Answer(why)) => {
                    self.client = Some(client);
                    return Err(why.into());
                }
                Err(Failure::Connection(_)) => {}
            }
        }
        let mut client = self.connect()?;
        match self.publish_on(&mut client, intake, batch) {
            Err(Failure::Connection(error)) => Err(error.into()),
            Err(Failure::Answer(why)) => {
                self.client = Some(client);
                Err(why.into())
            }
            Ok(()) => {
                self.client = Some(client);
                Ok(())
            }
        }
    }

    /// A connection to the first of the places where one can be made.
    fn connect(&mut self) -> io::Result<Client> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..self.places.count() {
            match Client::connect(self.places.turn(), &self.options.who) {
                Ok(client) => return Ok(client),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn publish_on(
        &mut self,
        client: &mut Client,
        intake: &Intake,
        batch: &mut Batch,
    ) -> Result<(), Failure> {
        let was_careful = std::mem::replace(&mut self.is_careful, true);
        let mut left = batch.left().into_iter().peekable();
        let mut first = was_careful;
        while left.peek().is_some() {
            let mut window = Window::default();
            while let Some(place) = left.next_if(|_| window.has_room()) {
                window.publish(client, &self.options.subject, intake, batch, place)?;
                if std::mem::take(&mut first) {
                    break;
                }
            }
            window.wait(client, batch)?;
        }
        self.is_careful = false;
        Ok(())
    }
}

/// Messages that are published, and not acknowledged yet.
#[derive(Default)]
struct Window {
    /// By the number of the message on this connection: the place of its document.
    waiting: HashMap<u64, usize>,
    /// How many messages of each document.
    messages: HashMap<usize, usize>,
    bytes: usize,
}

impl Window {
    fn has_room(&self) -> bool {
        self.bytes < NATS_WINDOW_BYTES
    }

    fn publish(
        &mut self,
        client: &mut Client,
        subject: &str,
        intake: &Intake,
        batch: &mut Batch,
        place: usize,
    ) -> Result<(), Failure> {
        let Some(pending) = batch.documents.get(place) else { return Ok(()) };
        let document = &pending.document;
        let delivery = Delivery { number: document.about.number, ..intake.stream() };
        let lines = document.lines.iter().enumerate();
        let mut messages = lines.map(|(index, line)| (id(delivery, index), line));
        let most = client.bytes_max();
        if messages.clone().any(|(id, line)| protocol::size(&id, line) > most) {
            batch.refused(place, format!("the server takes messages of {most} bytes at most"));
            return Ok(());
        }
        messages.try_for_each(|(id, line)| {
            let number = client.publish(subject, &id, line)?;
            self.waiting.insert(number, place);
            *self.messages.entry(place).or_default() += 1;
            self.bytes += line.len();
            Ok(())
        })
    }

    /// Waits until all are answered.
    fn wait(mut self, client: &mut Client, batch: &mut Batch) -> Result<(), Failure> {
        client.flush()?;
        let mut failed = None;
        while !self.waiting.is_empty() {
            let (number, ack) = match client.reply()? {
                Reply::Ack(number, ack) => (number, ack),
                Reply::Refusal(why) => return Err(Failure::Answer(why)),
            };
            // Another number is of a message from before a failure, which was published again.
            let Some(place) = self.waiting.remove(&number) else { continue };
            match ack {
                Ack::Stored => {
                    let left = self.messages.entry(place).or_default();
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        batch.taken(place);
                    }
                }
                Ack::Refused(why) => batch.refused(place, why),
                Ack::Later(why) => {
                    failed.get_or_insert(why);
                }
            }
        }
        failed.map_or(Ok(()), |why| Err(Failure::Answer(why)))
    }
}

/// The id by which a stream knows a message: where it is in what its sink sends, and which line of
/// the document it is, where that has several.
fn id(delivery: Delivery<'_>, index: usize) -> String {
    let Delivery { sink, stream, number } = delivery;
    let sink = plain(sink);
    match index {
        0 => format!("{stream}/{sink}/{number}"),
        _ => format!("{stream}/{sink}/{number}/{index}"),
    }
}

/// What people call a sink, as it may stand in a header: other bytes in hexadecimal digits.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => plain.push(byte.into()),
            _ => plain += &format!("%{byte:02x}"),
        }
    }
    plain
}

/// The subject with the host's name where it says so. A name may have what means something in a
/// subject.
///
/// # Errors
///
/// It can be no subject.
pub fn subject(text: &str, hostname: &str) -> Result<String, String> {
    let means = |c: char| matches!(c, '.' | '*' | '>') || c.is_whitespace() || c.is_control();
    let host: String = hostname.chars().map(|c| if means(c) { '_' } else { c }).collect();
    let subject = text.replace("{host}", &host);
    let is_token =
        |token: &str| !token.is_empty() && !token.contains(|c: char| c != '.' && means(c));
    if subject.len() > 255 || subject.starts_with('$') || !subject.split('.').all(is_token) {
        let what = "is no subject: words with dots between them, without `*`, `>` and spaces";
        return Err(format!("`{text}` {what}"));
    }
    Ok(subject)
}

#[cfg(test)]
mod tests;
