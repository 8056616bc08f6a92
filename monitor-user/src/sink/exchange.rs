//! All sinks, and others in their place while the line goes on: what comes meanwhile waits in
//! memory.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    time::{Duration, Instant},
};

use super::{Ended, Fanout, SinkStats, estimate, read};
use crate::{
    document::{
        Document,
        heartbeat::{SinkCounters, StoreCounters},
    },
    limits::{SINKS_PATIENCE, STORE_QUEUE, STORE_QUEUE_BYTES},
    line::Outlet,
    live::Bell,
    recorder::Recalled,
    store::state::StoreState,
};

/// Adds sinks to a fanout that has none.
pub type Open = Box<dyn FnOnce(&mut Fanout) -> Result<(), String> + Send>;

/// Others in the place of the sinks that are there.
pub struct Change {
    /// Names of those that go on as they are, if their documents wait in memory: they would be
    /// lost. It is no harm to name others.
    pub kept: Vec<String>,
    /// Adds the new ones.
    pub open: Open,
    /// Adds those that are there, should the new ones not be usable.
    pub back: Open,
}

/// All sinks.
pub struct Exchange {
    place: Place,
    bell: Bell,
    /// What came of the last change, until that is asked.
    outcome: Option<Result<(), String>>,
}

/// Where documents go.
enum Place {
    /// To the sinks.
    Sinks(Box<Fanout>),
    /// Nowhere yet.
    Between(Box<Between>),
    /// There are no sinks any more: what changed them failed.
    Nowhere,
}

/// What waits while sinks are changed.
struct Between {
    came: Receiver<(Box<Fanout>, Result<(), String>)>,
    waiting: VecDeque<Document>,
    waiting_bytes: u64,
    /// Documents that found no room.
    lost: u64,
    /// The sinks that were there.
    sinks: Vec<(String, Arc<SinkStats>)>,
    store: Option<Arc<StoreState>>,
    wants_events: bool,
}

impl Exchange {
    /// Of these sinks. The bell is rung when others are in their place.
    #[must_use]
    pub fn new(fanout: Fanout, bell: Bell) -> Self {
        Self { place: Place::Sinks(Box::new(fanout)), bell, outcome: None }
    }

    /// Has the sinks begin their work, where they were held.
    pub fn begin(&mut self) {
        if let Place::Sinks(fanout) = &mut self.place {
            fanout.begin();
        }
    }

    /// Puts others in the place of the sinks, on a thread of its own, since it takes as long as the
    /// last of the old ones takes to end. Meanwhile nothing else can be put there.
    ///
    /// # Errors
    ///
    /// There is no room for a thread, or the last change is not over: all is as it was.
    pub fn change(&mut self, change: Change) -> io::Result<()> {
        if !matches!(self.place, Place::Sinks(_)) {
            return Err(io::Error::other("the last change of the sinks is not over yet"));
        }
        let (give, given) = sync_channel::<Box<Fanout>>(1);
        let (answer, came) = sync_channel(1);
        let bell = self.bell.clone();
        std::thread::Builder::new().name("sinks".to_owned()).spawn(move || {
            let Ok(mut fanout) = given.recv() else { return };
            let outcome = exchange(&mut fanout, change);
            // Who is gone needs none.
            drop(answer.send((fanout, outcome)));
            bell.ring();
        })?;
        let Place::Sinks(fanout) = std::mem::replace(&mut self.place, Place::Nowhere) else {
            return Ok(());
        };
        let sinks = fanout.sinks.iter();
        let sinks = sinks.map(|sink| (sink.options.name.clone(), Arc::clone(&sink.stats)));
        self.place = Place::Between(Box::new(Between {
            came,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            lost: 0,
            sinks: sinks.collect(),
            store: fanout.store.as_ref().map(|store| Arc::clone(&store.state)),
            wants_events: fanout.wants_events(),
        }));
        drop(give.send(fanout));
        Ok(())
    }

    /// What came of the last change, once it is over; it is told once.
    pub fn take_outcome(&mut self) -> Option<Result<(), String>> {
        self.settle();
        self.outcome.take()
    }

    /// Gives the new sinks what waited for them, once they are there.
    fn settle(&mut self) {
        let Place::Between(between) = &mut self.place else { return };
        match between.came.try_recv() {
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.place = Place::Nowhere;
                self.outcome = Some(Err("the task that changes them failed".to_owned()));
            }
            Ok((mut fanout, outcome)) => {
                fanout.lose(between.lost);
                for document in std::mem::take(&mut between.waiting) {
                    fanout.offer(document);
                }
                self.place = Place::Sinks(fanout);
                self.outcome = Some(outcome);
            }
        }
    }

    /// The counters of every sink.
    #[must_use]
    pub fn counters(&self) -> Vec<SinkCounters> {
        match &self.place {
            Place::Sinks(fanout) => fanout.counters(),
            Place::Between(between) => {
                between.sinks.iter().map(|(name, stats)| read(name, stats)).collect()
            }
            Place::Nowhere => Vec::new(),
        }
    }

    /// The state of the store, if there is one.
    #[must_use]
    pub fn store(&self) -> Option<StoreCounters> {
        match &self.place {
            Place::Sinks(fanout) => fanout.store(),
            Place::Between(between) => between.store.as_ref().map(|state| state.counters()),
            Place::Nowhere => None,
        }
    }

    /// The tasks that are gone; see [`Fanout::gone`]. Those that are being exchanged may be.
    #[must_use]
    pub fn gone(&self) -> Vec<String> {
        match &self.place {
            Place::Sinks(fanout) => fanout.gone(),
            Place::Between(_) | Place::Nowhere => Vec::new(),
        }
    }

    /// Ends all; see [`Fanout::finish`].
    pub fn finish(mut self, patience: Duration) -> Vec<Ended> {
        let deadline = Instant::now() + SINKS_PATIENCE;
        while matches!(self.place, Place::Between(_)) && Instant::now() < deadline {
            self.settle();
            std::thread::sleep(Duration::from_millis(2));
        }
        match self.place {
            Place::Sinks(fanout) => fanout.finish(patience),
            Place::Between(_) | Place::Nowhere => Vec::new(),
        }
    }
}

/// Ends the sinks that are there, and adds the others, or those again.
fn exchange(fanout: &mut Fanout, Change { kept, open, back }: Change) -> Result<(), String> {
    let mut add = |open: Open| {
        fanout.retire(SINKS_PATIENCE, &kept);
        let opened = catch_unwind(AssertUnwindSafe(|| open(fanout)));
        opened.unwrap_or_else(|_panic| Err("opening them failed: see the panic above".to_owned()))
    };
    add(open).map_err(|why| match add(back) {
        Ok(()) => why,
        Err(worse) => format!("{why}; nor can the old ones be used: {worse}"),
    })
}

impl Outlet for Exchange {
    fn offer(&mut self, document: Document) {
        self.settle();
        match &mut self.place {
            Place::Sinks(fanout) => fanout.offer(document),
            Place::Between(between) => between.keep(document),
            Place::Nowhere => {}
        }
    }

    fn recall(&mut self, recalled: Recalled) {
        self.settle();
        match &mut self.place {
            Place::Sinks(fanout) => fanout.recall(recalled),
            Place::Between(between) => between.lose_history(recalled.events.len() as u64),
            Place::Nowhere => {}
        }
    }

    fn wants_events(&self) -> bool {
        match &self.place {
            Place::Sinks(fanout) => fanout.wants_events(),
            Place::Between(between) => between.wants_events,
            Place::Nowhere => false,
        }
    }
}

impl Between {
    /// Counts events around alerts that nobody can keep now: they would take the place of
    /// documents.
    fn lose_history(&self, events: u64) {
        if let Some(store) = &self.store {
            store.history_refused.fetch_add(events, Relaxed);
        }
    }

    fn keep(&mut self, document: Document) {
        let bytes = estimate::bytes(&document);
        let fits = self.waiting_bytes.saturating_add(bytes) <= STORE_QUEUE_BYTES;
        if !fits || self.waiting.len() >= STORE_QUEUE {
            self.lost += 1;
            return;
        }
        self.waiting_bytes += bytes;
        self.waiting.push_back(document);
    }
}
