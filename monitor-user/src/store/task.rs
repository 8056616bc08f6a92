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
    Handed, Losses, StoreError, StoreOptions, draft::draft, evict::is_full, feed::Feed,
    history::History, log::Log, reader::Sink, state::StoreState,
};
use crate::{
    document::{Document, Schema, Sender},
    limits::{STORE_BATCH, STORE_BATCH_BYTES, STORE_QUEUE},
    recorder::Recalled,
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
#[derive(Debug)]
pub(super) enum Call {
    /// Keep this, of so many bytes of memory; for no sink it is history only.
    Keep(Document, SinkSet, u64),
    /// Keep what was done around an alert.
    Recall(Recalled, u64),
    /// A sink asks.
    Asked,
    /// These sinks are there from now on, and no others.
    Change(Vec<StoredSink>, Ways),
    /// The monitor ends.
    End,
    /// The thread is to fail.
    #[cfg(test)]
    Fail,
}

/// What sinks ask: on a way of their own, so that they need not wait behind all that is to be kept
/// when much is.
#[derive(Debug)]
pub(super) enum Ask {
    /// What is next for a sink?
    Next(usize, u32),
    /// A sink has done with a record, which was its so-many-th, and with those before it.
    Done { sink: usize, generation: u32, sequence: u64, number: u64 },
}

/// The store, as the line sees it.
#[derive(Debug)]
pub struct Store {
    pub(super) calls: SyncSender<Call>,
    asks: SyncSender<Ask>,
    pub(super) waiting_bytes: Arc<AtomicU64>,
    pub(super) waiting_history: Arc<AtomicU64>,
    pub(super) refused: Arc<[AtomicU64]>,
    stream: Arc<str>,
    /// Its state.
    pub state: Arc<StoreState>,
    /// The monitor ends.
    is_ending: Arc<AtomicBool>,
    /// The sinks that are there now, which end before others are.
    generation: u32,
    sinks_end: Arc<AtomicBool>,
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
        let refused: Arc<[AtomicU64]> = (0..SinkSet::BITS).map(|_| AtomicU64::default()).collect();
        let history = History::new(options.history);
        let of_log = sinks.iter().map(|sink| Sink::new(&sink.name, Arc::clone(&sink.stats)));
        let log = Log::open(options, of_log.collect())?;
        let stream: Arc<str> = log.stream().into();
        let (calls, called) = sync_channel(STORE_QUEUE);
        let (asks, asked) = sync_channel(STORE_QUEUE);
        let is_ending = Arc::<AtomicBool>::default();
        let (feeds, ways) = ways(&sinks, 0, (&calls, &asks), &stream);
        let sinks_end = Arc::clone(&ways.end);
        let waiting_bytes = Arc::<AtomicU64>::default();
        let waiting_history = Arc::<AtomicU64>::default();
        let task = Task {
            asked,
            early: Vec::new(),
            log,
            sender,
            sinks,
            ways,
            waiting_bytes: Arc::clone(&waiting_bytes),
            waiting_history: Arc::clone(&waiting_history),
            history,
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
                task.run(&called);
            })
            .map_err(|source| StoreError::open(&path, source))?;
        let this = Self {
            calls,
            asks,
            waiting_bytes,
            waiting_history,
            refused,
            stream,
            state,
            is_ending,
            generation: 0,
            sinks_end,
            thread,
        };
        Ok((this, feeds))
    }

    /// Has its sinks end: what they have not done with stays.
    pub fn end_sinks(&self) {
        self.sinks_end.store(true, Release);
    }

    /// Gives other sinks a way to it, and those that were there no more. Who has the name of one
    /// that was goes on where that was.
    pub fn change(&mut self, sinks: Vec<StoredSink>) -> Vec<Feed> {
        self.generation += 1;
        let (feeds, ways) = ways(&sinks, self.generation, (&self.calls, &self.asks), &self.stream);
        self.sinks_end = Arc::clone(&ways.end);
        // Where the thread is gone, so is every sink's feed.
        drop(self.calls.send(Call::Change(sinks, ways)));
        feeds
    }

    /// Ends: sinks are given what is there, and no longer wait for more.
    pub fn end(&self) {
        self.end_sinks();
        self.is_ending.store(true, Release);
        // Where there is no room for it the thread sees it all the same.
        drop(self.calls.try_send(Call::End));
    }

    /// Whether its thread is gone: what is offered then is lost, and counted.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }

    /// Has its thread fail.
    #[cfg(test)]
    pub(crate) fn fail(&self) {
        self.calls.send(Call::Fail).unwrap();
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

/// The ways between the store and its sinks.
fn ways(
    sinks: &[StoredSink],
    generation: u32,
    (calls, asks): (&SyncSender<Call>, &SyncSender<Ask>),
    stream: &Arc<str>,
) -> (Vec<Feed>, Ways) {
    let end = Arc::<AtomicBool>::default();
    let way = |(index, sink): (usize, &StoredSink)| {
        let (give, given) = sync_channel(1);
        let feed = Feed {
            sink: index,
            generation,
            calls: calls.clone(),
            asks: asks.clone(),
            given,
            batch: VecDeque::new(),
            asked: false,
            is_ending: Arc::clone(&end),
            stream: Arc::clone(stream),
            name: sink.name.as_str().into(),
        };
        (feed, Way { give, asks: false })
    };
    let (feeds, each) = sinks.iter().enumerate().map(way).unzip();
    (feeds, Ways { generation, end, each })
}

/// The ways to the sinks that are there now.
#[derive(Debug)]
pub(super) struct Ways {
    generation: u32,
    /// They are to end.
    end: Arc<AtomicBool>,
    each: Vec<Way>,
}

/// The way to a sink.
#[derive(Debug)]
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
    asked: Receiver<Ask>,
    /// What sinks asked that are to come: they may be heard before it is heard that they come. At
    /// most one question of each.
    early: Vec<Ask>,
    log: Log,
    sender: Arc<Sender>,
    sinks: Vec<StoredSink>,
    ways: Ways,
    waiting_bytes: Arc<AtomicU64>,
    waiting_history: Arc<AtomicU64>,
    history: History,
    refused: Arc<[AtomicU64]>,
    state: Arc<StoreState>,
    rhythm: Rhythm,
    /// Whether the monitor ends.
    ends: Arc<AtomicBool>,
    is_ending: bool,
}

impl Task {
    fn run(mut self, called: &Receiver<Call>) {
        // If that fails so does the first write, which is told.
        drop(self.log.begin());
        loop {
            match called.recv_timeout(MARK_EVERY) {
                Ok(call) => self.hear(call),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            for call in called.try_iter().take(WRITTEN_AT_ONCE) {
                self.hear(call);
            }
            self.hear_sinks();
            if !self.is_ending && self.ends.load(Acquire) {
                self.is_ending = true;
                self.rhythm.has_marks = true;
                self.skip_refused();
            }
            self.write();
            self.answer();
            self.tell();
        }
        self.hear_sinks();
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
                if sinks == 0 {
                    self.waiting_history.fetch_sub(1, Relaxed);
                } else {
                    self.keep(&document, sinks);
                }
                let history = self.history.of(&document, &self.sender, &self.state);
                history.into_iter().for_each(|draft| self.log.append(draft));
            }
            Call::Recall(recalled, bytes) => {
                self.waiting_bytes.fetch_sub(bytes, Relaxed);
                self.waiting_history.fetch_sub(1, Relaxed);
                let story = self.history.story(&recalled, &self.sender, &self.state);
                story.into_iter().for_each(|draft| self.log.append(draft));
            }
            Call::Change(sinks, ways) => {
                // What those that end have done with, they said before.
                self.hear_sinks();
                self.skip_refused();
                let of_log =
                    sinks.iter().map(|sink| Sink::new(&sink.name, Arc::clone(&sink.stats)));
                self.log.change_sinks(of_log.collect());
                (self.sinks, self.ways) = (sinks, ways);
                self.rhythm.has_marks = true;
                std::mem::take(&mut self.early).into_iter().for_each(|ask| self.hear_sink(ask));
            }
            // They wake.
            Call::Asked | Call::End => {}
            #[cfg(test)]
            Call::Fail => std::panic::resume_unwind(Box::new("as the test wants")),
        }
    }

    /// Puts a document down for these sinks.
    fn keep(&mut self, document: &Document, sinks: SinkSet) {
        let wanted = |(index, _): &(usize, &StoredSink)| sinks & (1 << index) != 0;
        let to: Vec<_> =
            self.sinks.iter().enumerate().filter(wanted).map(|(_, sink)| sink).collect();
        let names = to.iter().map(|sink| sink.name.as_str().into()).collect();
        let schemas = to.iter().map(|sink| sink.schema);
        self.log.append(draft(document, names, schemas, &self.sender));
    }

    /// What sinks asked so far.
    fn hear_sinks(&mut self) {
        for _ in 0..STORE_QUEUE {
            let Ok(ask) = self.asked.try_recv() else { return };
            self.hear_sink(ask);
        }
    }

    fn hear_sink(&mut self, ask: Ask) {
        let (Ask::Next(_, generation) | Ask::Done { generation, .. }) = ask;
        match ask {
            _ if generation > self.ways.generation => self.early.push(ask),
            // Who is of an older one takes what is left of theirs for itself.
            _ if generation < self.ways.generation => {}
            Ask::Next(sink, _) => {
                if let Some(way) = self.ways.each.get_mut(sink) {
                    way.asks = true;
                }
            }
            Ask::Done { sink, sequence, number, .. } => {
                self.log.finish(sink, sequence, number);
                self.rhythm.has_marks = true;
            }
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
        for (sink, way) in self.ways.each.iter_mut().enumerate().filter(|(_, way)| way.asks) {
            let given = self.log.next_for(sink, STORE_BATCH, STORE_BATCH_BYTES);
            let Some(given) = given else { continue };
            if given.is_empty() && !self.ways.end.load(Acquire) {
                continue;
            }
            way.asks = false;
            // Who is gone needs none.
            drop(way.give.try_send(given));
        }
    }

    fn tell(&self) {
        let Losses { evicted, unwritten, broken_bytes, too_large, history } = self.log.losses;
        let state = &self.state;
        state.bytes.store(self.log.bytes(), Relaxed);
        state.evicted.store(evicted, Relaxed);
        state.unwritten.store(unwritten + too_large, Relaxed);
        state.broken_bytes.store(broken_bytes, Relaxed);
        state.history_unwritten.store(history, Relaxed);
    }
}
