//! What the task of a sink works with: its documents, one after the other, from memory or from the
//! store.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Receiver;

use super::SinkStats;
use crate::{
    document::{Delivery, Document, Schema, Sender},
    store::{Handed, task::Feed},
};

/// What the task of a sink works with.
pub struct Intake {
    source: Source,
    /// Its counters.
    pub stats: Arc<SinkStats>,
    schema: Schema,
    sender: Arc<Sender>,
    /// What it got from the store last.
    handed: Option<Handed>,
}

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
        Self { source, stats, schema, sender, handed: None }
    }

    /// The lines of the next document; None when there will be no more. What the form has no lines
    /// for counts as filtered. For tasks on a thread of their own.
    pub fn receive(&mut self) -> Option<Vec<Vec<u8>>> {
        loop {
            let lines = match &mut self.source {
                Source::Queue(waiting) => {
                    let Queued { document, bytes, number } = waiting.documents.blocking_recv()?;
                    self.stats.waiting_bytes.fetch_sub(bytes, Relaxed);
                    let (sink, stream) = (&*waiting.name, &*waiting.stream);
                    let delivery = Delivery { sink, stream, number };
                    let lines = self.schema.write(&document, &self.sender);
                    lines.iter().map(|line| self.schema.numbered(line, delivery)).collect()
                }
                Source::Store(feed) => {
                    let handed = feed.take()?;
                    let number = handed.number;
                    let delivery = Delivery { sink: &feed.name, stream: &feed.stream, number };
                    let lines = handed.record.lines(self.schema.name()).unwrap_or_default();
                    let numbered = |line: &Vec<u8>| self.schema.numbered(line, delivery);
                    let lines = lines.iter().map(|line| numbered(&line.0)).collect::<Vec<_>>();
                    if lines.is_empty() {
                        feed.finish(&handed);
                    }
                    self.handed = Some(handed);
                    lines
                }
            };
            if !lines.is_empty() {
                return Some(lines);
            }
            self.stats.filtered.fetch_add(1, Relaxed);
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

    /// Counts a document as delivered, or as lost.
    pub fn done(&mut self, delivered: bool) {
        let counter = if delivered { &self.stats.delivered } else { &self.stats.dropped };
        counter.fetch_add(1, Relaxed);
        if let (Source::Store(feed), Some(handed)) = (&self.source, self.handed.take()) {
            feed.finish(&handed);
        }
    }
}
