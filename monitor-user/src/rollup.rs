//! Repeats of an alert are counted, and leave as one summary: the first leaves at once, and
//! whatever differs in who did it, where or to what is another alert. Time is that of the events,
//! so that a replay gives the same.

mod key;

use std::collections::{HashMap, VecDeque};

use self::key::{Key, key};
use crate::{
    alert::{Alert, RollUp},
    event::EventId,
    limits::ROLLUPS,
};

/// Alerts that repeats are counted of.
#[derive(Debug, Default)]
pub struct RollUps {
    window_ns: u64,
    open: HashMap<Key, Open>,
    /// When they are looked at next, the earliest first.
    due: VecDeque<(u64, Key)>,
    evicted: u64,
}

/// An alert that left, and its repeats since the last summary.
#[derive(Debug)]
struct Open {
    first: EventId,
    summaries: u64,
    repeats: u64,
    first_ns: i64,
    /// The last of them.
    sample: Option<Alert>,
}

impl Open {
    /// The summary of its repeats, if there are any.
    fn close(&mut self) -> Option<RollUp> {
        let alert = self.sample.take()?;
        self.summaries += 1;
        let (first, number) = (self.first, self.summaries);
        let (first_ns, last_ns) = (self.first_ns, alert.event.timestamp_ns);
        let count = std::mem::take(&mut self.repeats);
        Some(RollUp { first, number, alert, count, first_ns, last_ns })
    }
}

impl RollUps {
    /// Gathers repeats for so long; the next one after a quiet window leaves at once again.
    #[must_use]
    pub fn new(window_ns: u64) -> Self {
        Self { window_ns, ..Self::default() }
    }

    /// Whether an alert leaves at once: it is no repeat. The summary is of another one, which has
    /// to make room.
    pub fn admit(&mut self, alert: &Alert) -> (bool, Option<RollUp>) {
        let key = key(alert);
        if let Some(open) = self.open.get_mut(&key) {
            if open.repeats == 0 {
                open.first_ns = alert.event.timestamp_ns;
            }
            open.repeats += 1;
            open.sample = Some(alert.clone());
            return (false, None);
        }
        let gone = if self.open.len() < ROLLUPS { None } else { self.evict() };
        let due_ns = alert.event.boottime_ns.saturating_add(self.window_ns);
        self.due.push_back((due_ns, key));
        let open = Open { first: alert.id(), summaries: 0, repeats: 0, first_ns: 0, sample: None };
        self.open.insert(key, open);
        (true, gone)
    }

    fn evict(&mut self) -> Option<RollUp> {
        let (_, key) = self.due.pop_front()?;
        self.evicted += 1;
        self.open.remove(&key)?.close()
    }

    /// Summaries of what was gathered by now.
    pub fn take_due(&mut self, now_ns: u64) -> Vec<RollUp> {
        let mut summaries = Vec::new();
        while let Some((_, key)) = self.due.pop_front_if(|(due_ns, _)| *due_ns <= now_ns) {
            match self.open.get_mut(&key).and_then(Open::close) {
                Some(summary) => {
                    summaries.push(summary);
                    self.due.push_back((now_ns.saturating_add(self.window_ns), key));
                }
                // A whole window was quiet.
                None => drop(self.open.remove(&key)),
            }
        }
        summaries
    }

    /// Summaries of all that was gathered.
    pub fn finish(&mut self) -> Vec<RollUp> {
        let due = std::mem::take(&mut self.due);
        let open = &mut self.open;
        due.into_iter().filter_map(|(_, key)| open.remove(&key)?.close()).collect()
    }

    /// Alerts that repeats are counted of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Alerts that had to make room for others before their window was over.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests;
