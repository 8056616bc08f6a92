//! Where documents go. Each sink has its own task and a bounded queue; a full queue drops, and
//! counts. Nothing here ever makes the line wait.

mod estimate;
pub mod file;
#[cfg(feature = "http")]
pub mod http;
mod lines;
pub mod stdout;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use monitor_rules::Priority;
use tokio::sync::mpsc::{Receiver, Sender as Queue, channel};

use crate::{
    document::{Document, Schema, Sender, heartbeat::SinkCounters},
    line::Outlet,
};

/// Why a sink could not be opened, or gave up.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file or directory cannot be used.
    #[error("sink {name}: cannot open {path}")]
    Open {
        /// The sink.
        name: String,
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The path leads to something that is no file, and that must not be renamed.
    #[error("sink {name}: cannot write alerts to {path}")]
    NotRegular {
        /// The sink.
        name: String,
        /// What the path is.
        path: std::path::PathBuf,
        /// What it leads to.
        #[source]
        source: std::io::Error,
    },
    /// The address of a network sink cannot be used.
    #[error("sink {name}: {what}")]
    Address {
        /// The sink.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The task of a sink cannot be started.
    #[error("sink {name}: cannot start its task")]
    Start {
        /// The sink.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What a sink wants, and how.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Its name, unique.
    pub name: String,
    /// The form of its documents.
    pub schema: Schema,
    /// Whether it gets every event.
    pub events: bool,
    /// Whether it gets heartbeats.
    pub heartbeats: bool,
    /// The least priority of the alerts that it gets.
    pub minimum: Priority,
    /// Documents that may wait for it.
    pub queue: usize,
    /// Bytes that these may take, approximately.
    pub queue_bytes: u64,
}

/// Counters of a sink, shared between the line and the sink's task.
#[derive(Debug, Default)]
pub struct SinkStats {
    pub(crate) offered: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) filtered: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) retries: AtomicU64,
    /// Bytes of the documents that wait.
    waiting_bytes: AtomicU64,
}

/// What the task of a sink works with.
pub struct Intake {
    /// Documents with their bytes, in order. It ends when the line does.
    documents: Receiver<(Document, u64)>,
    /// Its counters.
    pub stats: Arc<SinkStats>,
    /// The form to write.
    pub schema: Schema,
    /// Who sends.
    pub sender: Arc<Sender>,
}

struct Outgoing {
    options: SinkOptions,
    queue: Queue<(Document, u64)>,
    stats: Arc<SinkStats>,
    task: JoinHandle<()>,
}

/// What came of a sink.
#[derive(Debug)]
pub struct Ended {
    /// Its last counters.
    pub counters: SinkCounters,
    /// Its task ended by a panic.
    pub died: bool,
}

/// All sinks.
pub struct Fanout {
    sender: Arc<Sender>,
    sinks: Vec<Outgoing>,
}

impl Fanout {
    /// No sinks yet.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self { sender: Arc::new(sender), sinks: Vec::new() }
    }

    /// Adds a sink whose task is `run`.
    pub fn add(
        &mut self,
        options: SinkOptions,
        run: impl FnOnce(Intake) + Send + 'static,
    ) -> Result<(), SinkError> {
        let (queue, documents) = channel(options.queue.max(1));
        let stats = Arc::new(SinkStats::default());
        let intake = Intake {
            documents,
            stats: Arc::clone(&stats),
            schema: options.schema,
            sender: Arc::clone(&self.sender),
        };
        let named = std::thread::Builder::new().name(format!("sink {}", options.name));
        let task = named
            .spawn(move || run(intake))
            .map_err(|source| SinkError::Start { name: options.name.clone(), source })?;
        self.sinks.push(Outgoing { options, queue, stats, task });
        Ok(())
    }

    /// The counters of every sink.
    #[must_use]
    pub fn counters(&self) -> Vec<SinkCounters> {
        self.sinks.iter().map(|sink| read(&sink.options.name, &sink.stats)).collect()
    }

    /// Ends the queues and waits for what is in them, at most `patience` in all. Returns what came
    /// of each; what was still waiting then counts as dropped.
    pub fn finish(self, patience: Duration) -> Vec<Ended> {
        let deadline = std::time::Instant::now() + patience;
        // All first, so that none is told late because of another one.
        let ending: Vec<_> = self.sinks.into_iter().map(Outgoing::end).collect();
        let mut ended = Vec::new();
        for (name, stats, task) in ending {
            while !task.is_finished() && std::time::Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            let died = task.is_finished() && task.join().is_err();
            let mut counters = read(&name, &stats);
            // Nobody will take it any more: it is out of time, or its task is gone.
            counters.dropped += counters.queued();
            ended.push(Ended { counters, died });
        }
        ended
    }
}

fn read(name: &str, stats: &SinkStats) -> SinkCounters {
    // Offered last: a document on its way meanwhile is then queued, not delivered out of nothing.
    let (delivered, filtered) = (stats.delivered.load(Relaxed), stats.filtered.load(Relaxed));
    let (dropped, retries) = (stats.dropped.load(Relaxed), stats.retries.load(Relaxed));
    SinkCounters {
        name: name.to_owned(),
        offered: stats.offered.load(Relaxed),
        delivered,
        filtered,
        dropped,
        retries,
    }
}

impl Outlet for Fanout {
    fn offer(&mut self, document: Document) {
        for sink in &self.sinks {
            sink.offer(&document);
        }
    }

    fn wants_events(&self) -> bool {
        self.sinks.iter().any(|sink| sink.options.events)
    }
}

impl Outgoing {
    fn offer(&self, document: &Document) {
        self.stats.offered.fetch_add(1, Relaxed);
        if !self.options.wants(document) {
            self.stats.filtered.fetch_add(1, Relaxed);
            return;
        }
        let bytes = estimate::bytes(document);
        let waiting = self.stats.waiting_bytes.fetch_add(bytes, Relaxed);
        let fits = waiting.saturating_add(bytes) <= self.options.queue_bytes;
        if !fits || self.queue.try_send((document.clone(), bytes)).is_err() {
            self.stats.waiting_bytes.fetch_sub(bytes, Relaxed);
            self.stats.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Ends the queue. What is left is its task.
    fn end(self) -> (String, Arc<SinkStats>, JoinHandle<()>) {
        drop(self.queue);
        // It may rest between two tries.
        self.task.thread().unpark();
        (self.options.name, self.stats, self.task)
    }
}

impl SinkOptions {
    fn wants(&self, document: &Document) -> bool {
        match document {
            document if !self.schema.has_form(document) => false,
            Document::Event(_) => self.events,
            Document::Heartbeat(_) => self.heartbeats,
            Document::Finding(finding) => finding.priority <= self.minimum,
            Document::Alert(alert) | Document::Update(alert) => {
                // Priorities sort from the gravest.
                alert.leader().is_some_and(|leader| leader.about.priority <= self.minimum)
            }
        }
    }
}

impl Intake {
    /// The lines of the next document; None when there will be no more. What the form has no lines
    /// for counts as filtered. For tasks on a thread of their own.
    pub fn receive(&mut self) -> Option<Vec<Vec<u8>>> {
        loop {
            let (document, bytes) = self.documents.blocking_recv()?;
            self.stats.waiting_bytes.fetch_sub(bytes, Relaxed);
            let lines = self.schema.write(&document, &self.sender);
            if !lines.is_empty() {
                return Some(lines);
            }
            self.stats.filtered.fetch_add(1, Relaxed);
        }
    }

    /// Documents that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.documents.len()
    }

    /// Whether the monitor stops: what waits is all that there will be, and time is short.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.documents.is_closed()
    }

    /// Rests, until the monitor stops at the latest.
    pub fn rest(&self, time: Duration) {
        let begun = std::time::Instant::now();
        // Who parks may be woken for no reason.
        while !self.is_ending() {
            let Some(left) = time.checked_sub(begun.elapsed()) else { return };
            std::thread::park_timeout(left);
        }
    }

    /// Counts a document as delivered, or as lost.
    pub fn done(&self, delivered: bool) {
        let counter = if delivered { &self.stats.delivered } else { &self.stats.dropped };
        counter.fetch_add(1, Relaxed);
    }
}
