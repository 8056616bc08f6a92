//! The store's thread. Documents come from the line and are written down; sinks ask for what is
//! next, and say what they have done with. It has one queue, which the line never waits for.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    Handed, Losses, StoreError, StoreOptions, draft::draft, evict::is_full, log::Log, reader::Sink,
};
use crate::{
    document::{Document, Schema, Sender, heartbeat::StoreCounters},
    limits::{STORE_BATCH, STORE_BATCH_BYTES, STORE_QUEUE, STORE_QUEUE_BYTES},
    sink::{SinkStats, gate::Gate},
};

/// How often it is written down how far sinks are: what one did after that it does once more, if
/// the monitor is killed.
const MARK_EVERY: Duration = Duration::from_millis(50);

/// How often the disk is made to hold what was written.
const SYNC_EVERY: Duration = Duration::from_millis(200);

/// How long a disk that took nothing is left alone.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Documents that are written at once.
const WRITTEN_AT_ONCE: usize = 256;

/// Sinks, one bit each.
pub type SinkSet = u64;

/// A sink that gets its documents from the store.
#[derive(Debug)]
pub struct StoredSink {
    /// Its name.
    pub name: String,
    /// The schema that it wants.
    pub schema: Schema,
    /// Its counters.
    pub stats: Arc<SinkStats>,
}

/// What the thread is asked.
enum Call {
    /// Keep this, of so many bytes of memory.
    Keep(Document, SinkSet, u64),
    /// What is next for a sink?
    Next(usize),
    /// A sink has done with a record, which was its so-many-th.
    Done(usize, u64, u64),
    /// The monitor ends.
    End,
}

/// The state of the store, for who tells of it.
#[derive(Debug, Default)]
pub struct StoreState {
    /// Bytes on the disk.
    pub bytes: AtomicU64,
    /// Bytes that it may take there.
    pub bytes_max: AtomicU64,
    /// Records that gave way to others before all had them.
    pub evicted: AtomicU64,
    /// Records that could not be written for so long that others took their place.
    pub unwritten: AtomicU64,
    /// Bytes in which nothing could be read.
    pub broken_bytes: AtomicU64,
    /// Writes that failed.
    pub failures: AtomicU64,
    /// The last write failed: what came since is in memory only.
    pub is_failing: AtomicBool,
}

impl StoreState {
    /// Its numbers of this moment.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        StoreCounters {
            bytes: self.bytes.load(Relaxed),
            bytes_max: self.bytes_max.load(Relaxed),
            evicted: self.evicted.load(Relaxed),
            unwritten: self.unwritten.load(Relaxed),
            broken_bytes: self.broken_bytes.load(Relaxed),
            failures: self.failures.load(Relaxed),
            is_failing: self.is_failing.load(Relaxed),
        }
    }
}

/// The store, as the line sees it.
#[derive(Debug)]
pub struct Store {
    calls: SyncSender<Call>,
    waiting_bytes: Arc<AtomicU64>,
    refused: Arc<[AtomicU64]>,
    /// Its state.
    pub state: Arc<StoreState>,
    is_ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens the store and starts its thread, which writes once the gate is open; each sink gets a
    /// way to it.
    ///
    /// # Errors
    ///
    /// The directory cannot be used, or there is no room for a thread.
    pub fn start(
        options: StoreOptions,
        sender: Arc<Sender>,
        sinks: Vec<StoredSink>,
        gate: Gate,
    ) -> Result<(Self, Vec<Feed>), StoreError> {
        let path = options.path.clone();
        let state = Arc::new(StoreState::default());
        state.bytes_max.store(options.bytes_max, Relaxed);
        let refused: Arc<[AtomicU64]> = sinks.iter().map(|_| AtomicU64::default()).collect();
        let of_log = sinks.iter().map(|sink| Sink::new(&sink.name, Arc::clone(&sink.stats)));
        let log = Log::open(options, of_log.collect())?;
        let stream: Arc<str> = log.stream().into();
        let (calls, asked) = sync_channel(STORE_QUEUE);
        let is_ending = Arc::new(AtomicBool::new(false));
        let (mut feeds, mut ways) = (Vec::new(), Vec::new());
        for (index, sink) in sinks.iter().enumerate() {
            let (way, given) = sync_channel(1);
            ways.push(Way { give: way, asks: false });
            feeds.push(Feed {
                sink: index,
                calls: calls.clone(),
                given,
                batch: VecDeque::new(),
                asked: false,
                is_ending: Arc::clone(&is_ending),
                stream: Arc::clone(&stream),
                name: sink.name.as_str().into(),
            });
        }
        let waiting_bytes = Arc::<AtomicU64>::default();
        let task = Task {
            log,
            sender,
            schemas: sinks.iter().map(|sink| sink.schema).collect(),
            names: sinks.iter().map(|sink| sink.name.as_str().into()).collect(),
            ways,
            waiting_bytes: Arc::clone(&waiting_bytes),
            refused: Arc::clone(&refused),
            state: Arc::clone(&state),
            rhythm: Rhythm::default(),
            ends: Arc::clone(&is_ending),
            is_ending: false,
        };
        let thread = std::thread::Builder::new().name("store".into());
        let thread = thread
            .spawn(move || {
                gate.wait();
                task.run(&asked);
            })
            .map_err(|source| StoreError::open(&path, source))?;
        Ok((Self { calls, waiting_bytes, refused, state, is_ending, thread }, feeds))
    }

    /// Has a document kept for these sinks, or says that there is no room for it on its way there.
    pub fn offer(&self, document: &Document, sinks: SinkSet, bytes: u64) -> bool {
        let waiting = self.waiting_bytes.fetch_add(bytes, Relaxed);
        let fits = waiting.saturating_add(bytes) <= STORE_QUEUE_BYTES;
        let keep = || self.calls.try_send(Call::Keep(document.clone(), sinks, bytes));
        if fits && keep().is_ok() {
            return true;
        }
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
        for (sink, refused) in self.refused.iter().enumerate() {
            if sinks & (1 << sink) != 0 {
                refused.fetch_add(1, Relaxed);
            }
        }
        false
    }

    /// Ends: sinks are given what is there, and no longer wait for more.
    pub fn end(&self) {
        self.is_ending.store(true, Release);
        // Where there is no room for it the thread sees it all the same.
        drop(self.calls.try_send(Call::End));
    }

    /// Waits for its end, until a time; whether it ended by a panic.
    pub fn join(self, deadline: Instant) -> bool {
        drop(self.calls);
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.thread.is_finished() && self.thread.join().is_err()
    }
}

/// What comes next, for who does not wait for ever.
#[derive(Debug)]
pub enum Next<T> {
    /// This.
    Here(T),
    /// Nothing so far.
    NotYet,
    /// Nothing any more.
    Over,
}

/// The store, as a sink sees it.
#[derive(Debug)]
pub struct Feed {
    sink: usize,
    calls: SyncSender<Call>,
    given: Receiver<Vec<Handed>>,
    batch: VecDeque<Handed>,
    /// It waits for an answer.
    asked: bool,
    is_ending: Arc<AtomicBool>,
    /// Name of the run of numbers.
    pub stream: Arc<str>,
    /// The sink's name.
    pub name: Arc<str>,
}

impl Feed {
    /// Which of the store's sinks it is for.
    #[must_use]
    pub fn sink(&self) -> usize {
        self.sink
    }

    /// The next record; waits for one. None when there will be no more.
    pub fn take(&mut self) -> Option<Handed> {
        if self.batch.is_empty() {
            self.ask()?;
            self.batch = self.given.recv().ok()?.into();
            self.asked = false;
        }
        self.batch.pop_front()
    }

    /// The same, unless it takes too long.
    pub fn take_within(&mut self, time: Duration) -> Next<Handed> {
        if self.batch.is_empty() {
            if self.ask().is_none() {
                return Next::Over;
            }
            match self.given.recv_timeout(time) {
                Ok(batch) => self.batch = batch.into(),
                Err(RecvTimeoutError::Timeout) => return Next::NotYet,
                Err(RecvTimeoutError::Disconnected) => return Next::Over,
            }
            self.asked = false;
        }
        self.batch.pop_front().map_or(Next::Over, Next::Here)
    }

    /// Asks for more; it is answered once.
    fn ask(&mut self) -> Option<()> {
        if !self.asked {
            self.calls.send(Call::Next(self.sink)).ok()?;
            self.asked = true;
        }
        Some(())
    }

    /// The next record, if it was given already.
    pub fn take_there(&mut self) -> Option<Handed> {
        self.batch.pop_front()
    }

    /// Says that a record need not be given again.
    pub fn finish(&self, handed: &Handed) {
        // Who is gone gives it again to the next run.
        drop(self.calls.send(Call::Done(self.sink, handed.record.sequence, handed.number)));
    }

    /// Whether the monitor ends.
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Acquire)
    }

    /// Records that were given, and wait.
    pub fn waiting(&self) -> usize {
        self.batch.len()
    }
}

/// The way to a sink.
struct Way {
    give: SyncSender<Vec<Handed>>,
    /// It waits for an answer.
    asks: bool,
}

/// What is due, and when.
#[derive(Default)]
struct Rhythm {
    /// Something is to be written down that is not records.
    has_marks: bool,
    marked: Option<Instant>,
    synced: Option<Instant>,
    /// The last write failed then.
    failed: Option<Instant>,
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}

struct Task {
    log: Log,
    sender: Arc<Sender>,
    schemas: Vec<Schema>,
    names: Vec<Arc<str>>,
    ways: Vec<Way>,
    waiting_bytes: Arc<AtomicU64>,
    refused: Arc<[AtomicU64]>,
    state: Arc<StoreState>,
    rhythm: Rhythm,
    /// Whether the monitor ends.
    ends: Arc<AtomicBool>,
    is_ending: bool,
}

impl Task {
    fn run(mut self, asked: &Receiver<Call>) {
        // If that fails so does the first write, which is told.
        drop(self.log.begin());
        loop {
            match asked.recv_timeout(MARK_EVERY) {
                Ok(call) => self.hear(call),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            for call in asked.try_iter().take(WRITTEN_AT_ONCE) {
                self.hear(call);
            }
            if !self.is_ending && self.ends.load(Acquire) {
                self.is_ending = true;
                self.rhythm.has_marks = true;
                self.skip_refused();
            }
            self.write();
            self.answer();
            self.tell();
        }
        self.is_ending = true;
        self.skip_refused();
        self.rhythm = Rhythm { has_marks: true, ..Rhythm::default() };
        self.write();
    }

    fn hear(&mut self, call: Call) {
        match call {
            Call::Keep(document, sinks, bytes) => {
                self.waiting_bytes.fetch_sub(bytes, Relaxed);
                self.skip_refused();
                let wanted = |index: &usize| sinks & (1 << index) != 0;
                let to: Vec<usize> = (0..self.names.len()).filter(wanted).collect();
                let names = to.iter().filter_map(|at| self.names.get(*at).cloned()).collect();
                let schemas = to.iter().filter_map(|at| self.schemas.get(*at).copied());
                self.log.append(draft(&document, names, schemas, &self.sender));
            }
            Call::Next(sink) => {
                if let Some(way) = self.ways.get_mut(sink) {
                    way.asks = true;
                }
            }
            Call::Done(sink, sequence, number) => {
                self.log.finish(sink, sequence, number);
                self.rhythm.has_marks = true;
            }
            // It wakes.
            Call::End => {}
        }
    }

    /// Leaves out numbers for what found no room on its way here: whoever counts sees a gap.
    fn skip_refused(&mut self) {
        for (sink, refused) in self.refused.iter().enumerate() {
            match refused.swap(0, Relaxed) {
                0 => {}
                count => self.log.skip(sink, count),
            }
        }
    }

    /// Writes down what is to be written, if the disk takes it.
    fn write(&mut self) {
        let Rhythm { failed, .. } = self.rhythm;
        if failed.is_some() && !is_due(failed, RETRY_AFTER) && !self.is_ending {
            return;
        }
        let written = self.write_all();
        match (&written, failed) {
            (Err(error), None) => tracing::error!(
                %error,
                "the store cannot be written: what comes stays in memory, and goes to sinks that \
                 take it"
            ),
            (Ok(()), Some(_)) => tracing::warn!("the store can be written again"),
            _ => {}
        }
        self.state.failures.fetch_add(u64::from(written.is_err()), Relaxed);
        self.state.is_failing.store(written.is_err(), Relaxed);
        self.rhythm.failed = written.is_err().then(Instant::now);
    }

    /// On a full disk what nobody needs any more makes room.
    fn write_all(&mut self) -> io::Result<()> {
        loop {
            match self.try_write() {
                Err(error) if is_full(&error) => {
                    if !self.log.give_way() {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }

    fn try_write(&mut self) -> io::Result<()> {
        self.log.flush()?;
        let rhythm = &mut self.rhythm;
        if rhythm.has_marks && (self.is_ending || is_due(rhythm.marked, MARK_EVERY)) {
            self.log.mark(self.is_ending)?;
            rhythm.has_marks = false;
            rhythm.marked = Some(Instant::now());
        }
        if self.is_ending || is_due(rhythm.synced, SYNC_EVERY) {
            self.log.sync()?;
            // Where there is no room for that either, the next write tells.
            drop(self.log.directory.reserve());
            rhythm.synced = Some(Instant::now());
        }
        Ok(())
    }

    /// Gives those who wait what there is.
    fn answer(&mut self) {
        for (sink, way) in self.ways.iter_mut().enumerate().filter(|(_, way)| way.asks) {
            let given = self.log.next_for(sink, STORE_BATCH, STORE_BATCH_BYTES);
            let Some(given) = given else { continue };
            if given.is_empty() && !self.is_ending {
                continue;
            }
            way.asks = false;
            // Who is gone needs none.
            drop(way.give.try_send(given));
        }
    }

    fn tell(&self) {
        let Losses { evicted, unwritten, broken_bytes, too_large } = self.log.losses;
        let state = &self.state;
        state.bytes.store(self.log.bytes(), Relaxed);
        state.evicted.store(evicted, Relaxed);
        state.unwritten.store(unwritten + too_large, Relaxed);
        state.broken_bytes.store(broken_bytes, Relaxed);
    }
}
