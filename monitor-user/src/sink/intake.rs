//! What the task of a sink works with: its documents, one after the other, from memory or from the
//! store.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use monitor_rules::Priority;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};

use super::{SinkOptions, SinkStats, redaction::Redaction};
use crate::{
    document::{self, Delivery, Document, Schema, Sender},
    store::{
        Handed, about,
        feed::{Feed, Next},
    },
};

/// A document, and what is known of it beside its lines.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its lines, in the sink's schema.
    pub lines: Vec<Vec<u8>>,
    /// What is known of it.
    pub about: About,
}

/// What is known of a document, whatever its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub id: String,
    /// Its number among those for this sink; it has the same if it is given again.
    pub number: u64,
    /// Its time, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// How much it matters.
    pub priority: Priority,
}

/// What the task of a sink works with.
pub struct Intake {
    source: Source,
    /// Its counters.
    pub stats: Arc<SinkStats>,
    schema: Schema,
    redaction: Redaction,
    sender: Arc<Sender>,
    /// What it got from the store, and has not done with; whether there are lines of it.
    handed: VecDeque<(Handed, bool)>,
}

/// How often it is looked whether a document waits in memory, where a sink has something else to
/// do.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Where documents come from.
pub(super) enum Source {
    /// From memory.
    Queue(Waiting),
    /// From the store.
    Store(Feed),
}

/// A document that waits in memory.
pub(super) struct Queued {
    pub(super) document: Document,
    pub(super) bytes: u64,
    pub(super) number: u64,
}

/// Documents that wait in memory. They end when the line does.
pub(super) struct Waiting {
    documents: Receiver<Queued>,
    stream: String,
    name: String,
}

impl Waiting {
    pub(super) fn new(documents: Receiver<Queued>, stream: String, name: String) -> Self {
        Self { documents, stream, name }
    }
}

impl Intake {
    pub(super) fn new(
        source: Source,
        stats: Arc<SinkStats>,
        options: &SinkOptions,
        sender: Arc<Sender>,
    ) -> Self {
        let (schema, redaction) = (options.schema, options.redaction.clone());
        Self { source, stats, schema, redaction, sender, handed: VecDeque::new() }
    }

    /// The lines of the next documents: so many at most, and as many as there are, but one; None
    /// when there will be no more. What the form has no lines for counts as filtered. For tasks on
    /// a thread of their own.
    pub fn receive(&mut self, most: usize) -> Option<Vec<Vec<Vec<u8>>>> {
        self.receive_whole(most).map(lines)
    }

    /// The same, but none where none come in time.
    pub fn receive_within(&mut self, most: usize, time: Duration) -> Option<Vec<Vec<Vec<u8>>>> {
        self.receive_whole_within(most, time).map(lines)
    }

    /// As [`Self::receive`], with what is known of each.
    pub fn receive_whole(&mut self, most: usize) -> Option<Vec<Received>> {
        let mut documents = Vec::new();
        while documents.is_empty() {
            let first = self.next()?;
            self.gather(first, most, &mut documents);
        }
        Some(documents)
    }

    /// As [`Self::receive_within`], with what is known of each.
    pub fn receive_whole_within(&mut self, most: usize, time: Duration) -> Option<Vec<Received>> {
        let mut documents = Vec::new();
        match self.next_within(time) {
            Next::Here(first) => self.gather(first, most, &mut documents),
            Next::NotYet => {}
            Next::Over => return None,
        }
        Some(documents)
    }

    /// Takes the first, and those that are there, too.
    fn gather(&mut self, first: Received, most: usize, documents: &mut Vec<Received>) {
        let mut next = Some(first);
        while let Some(received) = next {
            if !received.lines.is_empty() {
                documents.push(received);
            }
            next = (documents.len() < most).then(|| self.next_there()).flatten();
        }
    }

    /// The same of one document.
    pub fn receive_one(&mut self) -> Option<Vec<Vec<u8>>> {
        self.receive(1)?.pop()
    }

    /// The lines of the next document; waits for one.
    fn next(&mut self) -> Option<Received> {
        match &mut self.source {
            Source::Queue(waiting) => {
                let queued = waiting.documents.blocking_recv()?;
                Some(self.of_queue(&queued))
            }
            Source::Store(feed) => {
                let handed = feed.take()?;
                Some(self.of_store(handed))
            }
        }
    }

    /// The same; waits no longer than that. Of those in memory nobody tells: it looks for them.
    fn next_within(&mut self, time: Duration) -> Next<Received> {
        let begun = Instant::now();
        match &mut self.source {
            Source::Queue(waiting) => loop {
                match waiting.documents.try_recv() {
                    Ok(queued) => return Next::Here(self.of_queue(&queued)),
                    Err(TryRecvError::Disconnected) => return Next::Over,
                    Err(TryRecvError::Empty) if begun.elapsed() >= time => return Next::NotYet,
                    Err(TryRecvError::Empty) => std::thread::park_timeout(LOOK_EVERY),
                }
            },
            Source::Store(feed) => match feed.take_within(time) {
                Next::Here(handed) => Next::Here(self.of_store(handed)),
                Next::NotYet => Next::NotYet,
                Next::Over => Next::Over,
            },
        }
    }

    /// The same, if there is one.
    fn next_there(&mut self) -> Option<Received> {
        match &mut self.source {
            Source::Queue(waiting) => {
                let queued = waiting.documents.try_recv().ok()?;
                Some(self.of_queue(&queued))
            }
            Source::Store(feed) => {
                let handed = feed.take_there()?;
                Some(self.of_store(handed))
            }
        }
    }

    fn of_queue(&self, queued: &Queued) -> Received {
        let Queued { document, bytes, number } = queued;
        self.stats.waiting_bytes.fetch_sub(*bytes, Relaxed);
        let delivery = Delivery { number: *number, ..self.stream() };
        let lines = self.schema.write(document, &self.sender);
        self.stats.filtered.fetch_add(u64::from(lines.is_empty()), Relaxed);
        let (_, priority, timestamp_ns) = about(document);
        let about = About {
            id: document::id(document, &self.sender),
            number: *number,
            timestamp_ns,
            priority,
        };
        let lines = lines.iter().map(|line| self.told(line, delivery)).collect();
        Received { lines, about }
    }

    fn of_store(&mut self, handed: Handed) -> Received {
        let delivery = Delivery { number: handed.number, ..self.stream() };
        let lines = handed.record.lines(self.schema.name());
        match lines {
            // The sink wants another form than it did when this was written.
            None => self.stats.dropped.fetch_add(1, Relaxed),
            Some([]) => self.stats.filtered.fetch_add(1, Relaxed),
            Some(_) => 0,
        };
        let lines: Vec<_> =
            lines.unwrap_or_default().iter().map(|line| self.told(&line.0, delivery)).collect();
        let record = &handed.record;
        let about = About {
            id: record.id.clone(),
            number: handed.number,
            timestamp_ns: record.timestamp_ns,
            priority: record.priority(),
        };
        self.handed.push_back((handed, !lines.is_empty()));
        self.settle();
        Received { lines, about }
    }

    /// A line with its number, and without what is kept back.
    fn told(&self, line: &[u8], delivery: Delivery<'_>) -> Vec<u8> {
        self.redaction.of_line(self.schema.numbered(line, delivery), self.schema)
    }

    /// Has done with what there are no lines of, in order.
    fn settle(&mut self) {
        let Source::Store(feed) = &self.source else { return };
        while let Some((handed, _)) = self.handed.pop_front_if(|(_, has_lines)| !*has_lines) {
            feed.finish(&handed);
        }
    }

    /// Where the documents are numbered, before the first of them.
    #[must_use]
    pub fn stream(&self) -> Delivery<'_> {
        let (sink, stream) = match &self.source {
            Source::Queue(waiting) => (&*waiting.name, &*waiting.stream),
            Source::Store(feed) => (&*feed.name, &*feed.stream),
        };
        Delivery { sink, stream, number: 0 }
    }

    /// The form that they have.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// Who sends them.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Documents that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        match &self.source {
            Source::Queue(waiting) => waiting.documents.len(),
            Source::Store(feed) => feed.waiting(),
        }
    }

    /// Whether what is not delivered now is there for the next run of the monitor.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self.source, Source::Store(_))
    }

    /// Whether the monitor stops: what waits is all that there will be, and time is short.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        match &self.source {
            Source::Queue(waiting) => waiting.documents.is_closed(),
            Source::Store(feed) => feed.is_ending(),
        }
    }

    /// Rests, until the monitor stops at the latest.
    pub fn rest(&self, time: Duration) {
        let begun = Instant::now();
        // Who parks may be woken for no reason.
        while !self.is_ending() {
            let Some(left) = time.checked_sub(begun.elapsed()) else { return };
            std::thread::park_timeout(left);
        }
    }

    /// Counts the next of the documents that were received as delivered, or as lost.
    pub fn done(&mut self, delivered: bool) {
        self.done_all(1, delivered);
    }

    /// The same of the next so many. The store is told once.
    pub fn done_all(&mut self, count: usize, delivered: bool) {
        let counter = if delivered { &self.stats.delivered } else { &self.stats.dropped };
        counter.fetch_add(count as u64, Relaxed);
        let mut last = None;
        for _ in 0..count {
            // Those without lines count for nothing: they are done with, with the one before.
            last = self.handed.pop_front().or(last);
            while let Some(also) = self.handed.pop_front_if(|(_, has_lines)| !*has_lines) {
                last = Some(also);
            }
        }
        if let (Source::Store(feed), Some((handed, _))) = (&self.source, &last) {
            feed.finish(handed);
        }
    }
}

fn lines(documents: Vec<Received>) -> Vec<Vec<Vec<u8>>> {
    documents.into_iter().map(|received| received.lines).collect()
}
