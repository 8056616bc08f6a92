//! What the task of a sink works with: its documents, one after the other, from memory or from the
//! store.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{Receiver, error::TryRecvError};

use super::SinkStats;
use crate::{
    document::{Delivery, Document, Schema, Sender},
    store::{
        Handed,
        feed::{Feed, Next},
    },
};

/// What the task of a sink works with.
pub struct Intake {
    source: Source,
    /// Its counters.
    pub stats: Arc<SinkStats>,
    schema: Schema,
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
        schema: Schema,
        sender: Arc<Sender>,
    ) -> Self {
        Self { source, stats, schema, sender, handed: VecDeque::new() }
    }

    /// The lines of the next documents: so many at most, and as many as there are, but one; None
    /// when there will be no more. What the form has no lines for counts as filtered. For tasks on
    /// a thread of their own.
    pub fn receive(&mut self, most: usize) -> Option<Vec<Vec<Vec<u8>>>> {
        let mut documents = Vec::new();
        while documents.is_empty() {
            let first = self.next()?;
            self.gather(first, most, &mut documents);
        }
        Some(documents)
    }

    /// The same, but none where none come in time.
    pub fn receive_within(&mut self, most: usize, time: Duration) -> Option<Vec<Vec<Vec<u8>>>> {
        let mut documents = Vec::new();
        match self.next_within(time) {
            Next::Here(first) => self.gather(first, most, &mut documents),
            Next::NotYet => {}
            Next::Over => return None,
        }
        Some(documents)
    }

    /// Takes the first, and those that are there, too.
    fn gather(&mut self, first: Vec<Vec<u8>>, most: usize, documents: &mut Vec<Vec<Vec<u8>>>) {
        let mut next = Some(first);
        while let Some(lines) = next {
            if !lines.is_empty() {
                documents.push(lines);
            }
            next = (documents.len() < most).then(|| self.next_there()).flatten();
        }
    }

    /// The same of one document.
    pub fn receive_one(&mut self) -> Option<Vec<Vec<u8>>> {
        self.receive(1)?.pop()
    }

    /// The lines of the next document; waits for one.
    fn next(&mut self) -> Option<Vec<Vec<u8>>> {
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
    fn next_within(&mut self, time: Duration) -> Next<Vec<Vec<u8>>> {
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
    fn next_there(&mut self) -> Option<Vec<Vec<u8>>> {
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

    fn of_queue(&self, queued: &Queued) -> Vec<Vec<u8>> {
        let Queued { document, bytes, number } = queued;
        self.stats.waiting_bytes.fetch_sub(*bytes, Relaxed);
        let Source::Queue(Waiting { name, stream, .. }) = &self.source else { return Vec::new() };
        let delivery = Delivery { sink: name, stream, number: *number };
        let lines = self.schema.write(document, &self.sender);
        self.stats.filtered.fetch_add(u64::from(lines.is_empty()), Relaxed);
        lines.iter().map(|line| self.schema.numbered(line, delivery)).collect()
    }

    fn of_store(&mut self, handed: Handed) -> Vec<Vec<u8>> {
        let Source::Store(feed) = &self.source else { return Vec::new() };
        let (sink, stream, number) = (&*feed.name, &*feed.stream, handed.number);
        let delivery = Delivery { sink, stream, number };
        let lines = handed.record.lines(self.schema.name());
        match lines {
            // The sink wants another form than it did when this was written.
            None => self.stats.dropped.fetch_add(1, Relaxed),
            Some([]) => self.stats.filtered.fetch_add(1, Relaxed),
            Some(_) => 0,
        };
        let lines: Vec<_> = lines
            .unwrap_or_default()
            .iter()
            .map(|line| self.schema.numbered(&line.0, delivery))
            .collect();
        self.handed.push_back((handed, !lines.is_empty()));
        self.settle();
        lines
    }

    /// Has done with what there are no lines of, in order.
    fn settle(&mut self) {
        let Source::Store(feed) = &self.source else { return };
        while let Some((handed, _)) = self.handed.pop_front_if(|(_, has_lines)| !*has_lines) {
            feed.finish(&handed);
        }
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
        let counter = if delivered { &self.stats.delivered } else { &self.stats.dropped };
        counter.fetch_add(1, Relaxed);
        if let (Source::Store(feed), Some((handed, _))) = (&self.source, self.handed.pop_front()) {
            feed.finish(&handed);
        }
        self.settle();
    }
}
