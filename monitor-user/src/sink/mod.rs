//! Where documents go. Each sink has its own task and a bounded queue; a full queue drops, and
//! counts. Nothing here ever makes the line wait.

#[cfg(any(feature = "kafka", feature = "nats"))]
mod batch;
mod ending;
mod estimate;
pub mod exchange;
pub mod file;
#[cfg(feature = "forward")]
pub mod forward;
pub mod gate;
#[cfg(feature = "http")]
pub mod http;
mod intake;
#[cfg(feature = "kafka")]
pub mod kafka;
mod lines;
#[cfg(feature = "nats")]
pub mod nats;
mod outage;
#[cfg(any(feature = "forward", feature = "http", feature = "syslog"))]
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "HTTP alone needs all of it"))]
mod parts;
#[cfg(feature = "tls")]
pub mod receiver;
pub mod redaction;
pub mod stdout;
#[cfg(feature = "syslog")]
pub mod syslog;
#[cfg(test)]
mod tests;
mod tries;
pub mod trouble;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use monitor_rules::{Condition, Priority};
use tokio::sync::mpsc::{Sender as Queue, channel};

use crate::{
    alert::Alert,
    document::{
        self, Document, Schema, Sender,
        heartbeat::{SinkCounters, StoreCounters},
    },
    event::Event,
    line::Outlet,
    recorder::Recalled,
    store::{
        self, StoreError, StoreOptions,
        feed::Feed,
        task::{SinkSet, Store, StoredSink},
    },
};
pub use ending::Ended;
pub(crate) use estimate::bytes as document_bytes;
use gate::Gates;
pub use intake::{About, Intake, Received};
use intake::{Queued, Source, Waiting};
use redaction::Redaction;
use trouble::Trouble;

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
#[derive(Clone)]
pub struct SinkOptions {
    /// Its name, unique.
    pub name: String,
    /// The form of its documents.
    pub schema: Schema,
    /// Whether it gets every event.
    pub events: bool,
    /// What holds for events and alerts that it gets; None: it gets all.
    pub condition: Option<Arc<Condition<Event>>>,
    /// What is kept back of documents.
    pub redaction: Redaction,
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
    /// Why the last try failed, as a number; 0: it did not.
    pub(crate) trouble: AtomicU8,
    /// Of those offered, the ones that were in the store when it was opened.
    pub(crate) carried: AtomicU64,
    /// Number of the last document for it.
    pub(crate) number: AtomicU64,
    /// Bytes of the documents that wait.
    waiting_bytes: AtomicU64,
}

impl SinkStats {
    /// Counters that go on from these.
    fn of(counters: &SinkCounters) -> Self {
        Self {
            offered: counters.offered.into(),
            delivered: counters.delivered.into(),
            filtered: counters.filtered.into(),
            dropped: counters.dropped.into(),
            retries: counters.retries.into(),
            number: counters.number.into(),
            ..Self::default()
        }
    }
}

struct Outgoing {
    options: SinkOptions,
    stats: Arc<SinkStats>,
    way: Way,
    task: JoinHandle<()>,
}

/// How documents get to a sink.
enum Way {
    /// By a queue of its own, in memory. The number of the last one.
    Queue(Queue<Queued>, u64),
    /// By the store, of which it is the so-many-th sink.
    Store(usize),
}

/// The task of a sink.
type Run = Box<dyn FnOnce(Intake) + Send>;

/// All sinks.
pub struct Fanout {
    sender: Arc<Sender>,
    sinks: Vec<Outgoing>,
    /// Sinks that wait for the store to be opened.
    waiting: Vec<(SinkOptions, Run)>,
    store: Option<Store>,
    /// The bytes that a store was to have which could not be opened.
    store_refused: Option<u64>,
    /// Whether the store keeps history, and is there for that alone.
    keeps_history: bool,
    gates: Gates,
    /// Sinks that ended: those of the same name count on.
    retired: Vec<Retired>,
}

/// What is left of a sink that ended.
struct Retired {
    name: String,
    stats: Arc<SinkStats>,
    /// Number of the last document that it got from memory.
    number: u64,
}

impl Fanout {
    /// No sinks yet.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self {
            sender: Arc::new(sender),
            sinks: Vec::new(),
            waiting: Vec::new(),
            store: None,
            store_refused: None,
            keeps_history: false,
            gates: Gates::default(),
            retired: Vec::new(),
        }
    }

    /// Has sinks that are added from now on, and the store, begin their work only when
    /// [`Self::begin`] says so. What they get meanwhile waits.
    pub fn hold(&mut self) {
        self.gates.hold();
    }

    /// Has all begin.
    pub fn begin(&mut self) {
        self.gates.open();
    }

    /// Adds a sink whose task is `run`, and whose documents wait in memory.
    pub fn add(
        &mut self,
        options: SinkOptions,
        run: impl FnOnce(Intake) + Send + 'static,
    ) -> Result<(), SinkError> {
        let (stats, number) = self.known(&options.name);
        self.start(options, (stats, number), None, Box::new(run))
    }

    /// Adds a sink whose documents wait in the store, once that is open.
    pub fn add_stored(&mut self, options: SinkOptions, run: impl FnOnce(Intake) + Send + 'static) {
        self.waiting.push((options, Box::new(run)));
    }

    /// Whether it has a sink of this name already.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.sinks.iter().any(|sink| sink.options.name == name)
    }

    /// Whether there are sinks that wait for the store.
    #[must_use]
    pub fn wants_store(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Where a sink of this name counts on: at nothing, if there was none.
    fn known(&mut self, name: &str) -> (Arc<SinkStats>, u64) {
        let found = self.retired.iter().position(|retired| retired.name == name);
        let retired = found.map(|at| self.retired.swap_remove(at));
        retired.map_or_else(Default::default, |it| (it.stats, it.number))
    }

    /// Opens the store, and starts the sinks that wait for it. Where it cannot be opened, they are
    /// started all the same: their documents wait in memory, and the error is for people.
    ///
    /// # Errors
    ///
    /// A sink cannot be started.
    pub fn open_store(&mut self, options: StoreOptions) -> Result<Option<StoreError>, SinkError> {
        self.keeps_history = options.history;
        let waiting = std::mem::take(&mut self.waiting);
        let known: Vec<_> = waiting.iter().map(|(options, _)| self.known(&options.name)).collect();
        let stored = waiting.iter().zip(&known).map(|((options, _), (stats, _))| StoredSink {
            name: options.name.clone(),
            schema: options.schema,
            stats: Arc::clone(stats),
        });
        let (feeds, error) = match &mut self.store {
            Some(store) => (store.change(stored.collect()), None),
            None if waiting.is_empty() && !self.keeps_history => (Vec::new(), None),
            None => {
                let (sender, gate) = (Arc::clone(&self.sender), self.gates.make());
                let bytes_max = options.bytes_max;
                self.store_refused = None;
                match Store::start(options, sender, stored.collect(), gate) {
                    Ok((store, feeds)) => {
                        self.store = Some(store);
                        (feeds, None)
                    }
                    Err(error) => {
                        self.store_refused = Some(bytes_max);
                        (Vec::new(), Some(error))
                    }
                }
            }
        };
        let mut feeds = feeds.into_iter();
        for ((options, run), known) in waiting.into_iter().zip(known) {
            self.start(options, known, feeds.next(), run)?;
        }
        Ok(error)
    }

    fn start(
        &mut self,
        options: SinkOptions,
        (stats, number): (Arc<SinkStats>, u64),
        feed: Option<Feed>,
        run: Run,
    ) -> Result<(), SinkError> {
        let (way, source) = match feed {
            Some(feed) => (Way::Store(feed.sink()), Source::Store(feed)),
            None => {
                let (queue, documents) = channel(options.queue.max(1));
                let stream = document::run(&self.sender);
                let name = options.name.clone();
                (Way::Queue(queue, number), Source::Queue(Waiting::new(documents, stream, name)))
            }
        };
        let sender = Arc::clone(&self.sender);
        let intake = Intake::new(source, Arc::clone(&stats), &options, sender);
        let named = std::thread::Builder::new().name(format!("sink {}", options.name));
        let gate = self.gates.make();
        let task = named
            .spawn(move || {
                gate.wait();
                run(intake);
            })
            .map_err(|source| SinkError::Start { name: options.name.clone(), source })?;
        self.sinks.push(Outgoing { options, stats, way, task });
        Ok(())
    }

    /// The counters of every sink.
    #[must_use]
    pub fn counters(&self) -> Vec<SinkCounters> {
        self.sinks.iter().map(|sink| read(&sink.options.name, &sink.stats)).collect()
    }

    /// The tasks that are gone, although nobody ended them: those of sinks, and that of the store.
    #[must_use]
    pub fn gone(&self) -> Vec<String> {
        let sinks = self.sinks.iter().filter(|sink| sink.task.is_finished());
        let sinks = sinks.map(|sink| format!("sink {}", sink.options.name));
        let store = self.store.as_ref().filter(|store| store.is_gone());
        sinks.chain(store.map(|_| "store".to_owned())).collect()
    }

    /// The numbers of the store, if there is to be one: where it could not be opened, they say that
    /// it cannot be written.
    #[must_use]
    pub fn store(&self) -> Option<StoreCounters> {
        let refused = || {
            let bytes_max = self.store_refused?;
            Some(StoreCounters {
                bytes_max,
                failures: 1,
                is_failing: true,
                ..StoreCounters::default()
            })
        };
        self.store.as_ref().map(|store| store.state.counters()).or_else(refused)
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
        trouble: Trouble::of_number(stats.trouble.load(Relaxed)),
        number: stats.number.load(Relaxed),
        number_before: 0,
    }
}

impl Outlet for Fanout {
    fn offer(&mut self, document: Document) {
        let mut stored: SinkSet = 0;
        for sink in &mut self.sinks {
            stored |= sink.offer(&document);
        }
        let Some(store) = &self.store else { return };
        if stored == 0 {
            if self.keeps_history && store::is_kept(&document) {
                store.remember(&document, estimate::bytes(&document));
            }
            return;
        }
        if !store.offer(&document, stored, estimate::bytes(&document)) {
            let is_kept = self.keeps_history && store::is_kept(&document);
            store.state.history_refused.fetch_add(is_kept.into(), Relaxed);
            let is_meant = |sink: &&Outgoing| sink.place_in_store() & stored != 0;
            for sink in self.sinks.iter().filter(is_meant) {
                sink.stats.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    fn recall(&mut self, recalled: Recalled) {
        if let Some(store) = self.store.as_ref().filter(|_| self.keeps_history) {
            let bytes = recalled.events.iter().map(|event| estimate::of_event(event) as u64).sum();
            store.recall(recalled, bytes);
        }
    }

    fn wants_events(&self) -> bool {
        self.sinks.iter().any(|sink| sink.options.events)
    }
}

impl Outgoing {
    /// Gives it a document, if it wants that; where it gets it by the store, says so.
    fn offer(&mut self, document: &Document) -> SinkSet {
        self.stats.offered.fetch_add(1, Relaxed);
        if !self.options.wants(document) {
            self.stats.filtered.fetch_add(1, Relaxed);
            return 0;
        }
        let place = self.place_in_store();
        let Way::Queue(queue, number) = &mut self.way else { return place };
        *number += 1;
        self.stats.number.store(*number, Relaxed);
        let bytes = estimate::bytes(document);
        let waiting = self.stats.waiting_bytes.fetch_add(bytes, Relaxed);
        let fits = waiting.saturating_add(bytes) <= self.options.queue_bytes;
        let queued = Queued { document: document.clone(), bytes, number: *number };
        if !fits || queue.try_send(queued).is_err() {
            self.stats.waiting_bytes.fetch_sub(bytes, Relaxed);
            self.stats.dropped.fetch_add(1, Relaxed);
        }
        0
    }

    /// Which one of the store's it is, as a set.
    fn place_in_store(&self) -> SinkSet {
        match self.way {
            Way::Store(place) => 1 << place,
            Way::Queue(..) => 0,
        }
    }
}

impl SinkOptions {
    fn wants_alert(&self, alert: &Alert) -> bool {
        // Priorities sort from the gravest.
        alert.leader().is_some_and(|leader| leader.about.priority <= self.minimum)
            && self.holds(&alert.event)
    }

    fn holds(&self, event: &Event) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.decide(event).fires)
    }

    fn wants(&self, document: &Document) -> bool {
        match document {
            document if !self.schema.has_form(document) => false,
            Document::Event(event) => self.events && self.holds(event),
            Document::Heartbeat(_) => self.heartbeats,
            Document::Finding(finding) => finding.priority <= self.minimum,
            Document::State(finding) => finding.priority <= self.minimum,
            Document::Alert(alert) | Document::Update(alert) => self.wants_alert(alert),
            Document::RollUp(rollup) => self.wants_alert(&rollup.alert),
        }
    }
}
