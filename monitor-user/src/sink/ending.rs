//! How sinks end: for good, or because others take their place.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{Fanout, Outgoing, Retired, SinkStats, Way, read};
use crate::document::heartbeat::SinkCounters;

/// What came of a sink.
#[derive(Debug)]
pub struct Ended {
    /// Its last counters.
    pub counters: SinkCounters,
    /// Its task ended by a panic.
    pub died: bool,
    /// Its task ended in time.
    pub is_over: bool,
    /// What it has not got is in the store.
    pub is_stored: bool,
}

impl Fanout {
    /// Ends all sinks but those that are `kept` and get their documents from memory, and waits for
    /// what their queues hold, at most `patience` in all. The store stays, and with it what those
    /// have not got that get their documents from there. Sinks of the same names that are added now
    /// go on where these were.
    pub fn retire(&mut self, patience: Duration, kept: &[String]) {
        if let Some(store) = &self.store {
            store.end_sinks();
        }
        // Some may have been added before another one could not be.
        self.waiting.clear();
        let goes = |sink: &mut Outgoing| {
            matches!(sink.way, Way::Store(_)) || !kept.contains(&sink.options.name)
        };
        let sinks = self.sinks.extract_if(.., goes).collect();
        for (ended, stats, number) in end(sinks, Instant::now() + patience) {
            let Ended { counters, died, is_over, is_stored } = ended;
            if died {
                tracing::error!(sink = counters.name, "its task failed: see the panic above");
            }
            // Who has not ended yet counts for itself.
            let stats = if is_over { stats } else { Arc::new(SinkStats::of(&counters)) };
            let (left, name) = (counters.queued(), counters.name);
            if is_stored {
                // Whoever comes is offered them again.
                stats.offered.fetch_sub(left, Relaxed);
            } else {
                stats.dropped.fetch_add(left, Relaxed);
            }
            self.retired.push(Retired { name, stats, number });
        }
    }

    /// Counts documents as lost that were meant for all sinks: whoever counts them sees a gap.
    pub(super) fn lose(&mut self, count: u64) {
        for sink in &mut self.sinks {
            sink.stats.offered.fetch_add(count, Relaxed);
            sink.stats.dropped.fetch_add(count, Relaxed);
            match (&mut sink.way, &self.store) {
                (Way::Queue(_, number), _) => *number += count,
                (Way::Store(place), Some(store)) => store.skip(*place, count),
                (Way::Store(_), None) => {}
            }
        }
    }

    /// Ends the queues and waits for what is in them, at most `patience` in all. Returns what came
    /// of each; what was still waiting then counts as dropped, where it is not in the store.
    pub fn finish(mut self, patience: Duration) -> Vec<Ended> {
        self.begin();
        let deadline = Instant::now() + patience;
        if let Some(store) = &self.store {
            store.end();
        }
        let ended = end(self.sinks, deadline).into_iter().map(|(mut ended, ..)| {
            if !ended.is_stored {
                // Nobody will take it any more: it is out of time, or its task is gone.
                ended.counters.dropped += ended.counters.queued();
            }
            ended
        });
        let ended = ended.collect();
        if let Some(store) = self.store
            && store.join(deadline.max(Instant::now() + STORE_PATIENCE))
        {
            tracing::error!("the task of the store failed: see the panic above");
        }
        ended
    }
}

/// Ends sinks, and waits for them until then: what came of each, its counters, and the number of
/// its last document from memory.
fn end(sinks: Vec<Outgoing>, deadline: Instant) -> Vec<(Ended, Arc<SinkStats>, u64)> {
    // All first, so that none is told late because of another one.
    let ending: Vec<_> = sinks.into_iter().map(Outgoing::end).collect();
    let mut ended = Vec::new();
    for Ending { name, stats, task, number, is_stored } in ending {
        while !task.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let is_over = task.is_finished();
        let died = is_over && task.join().is_err();
        let counters = read(&name, &stats);
        ended.push((Ended { counters, died, is_over, is_stored }, stats, number));
    }
    ended
}

/// How long the store may take to write down the last of it, whatever sinks took.
const STORE_PATIENCE: Duration = Duration::from_millis(500);

/// A sink that is to end.
struct Ending {
    name: String,
    stats: Arc<SinkStats>,
    task: JoinHandle<()>,
    number: u64,
    is_stored: bool,
}

impl Outgoing {
    /// Ends the queue. What is left is its task.
    fn end(self) -> Ending {
        let (is_stored, number) = match self.way {
            Way::Queue(_, number) => (false, number),
            Way::Store(_) => (true, 0),
        };
        drop(self.way);
        // It may rest between two tries.
        self.task.thread().unpark();
        Ending { name: self.options.name, stats: self.stats, task: self.task, number, is_stored }
    }
}
