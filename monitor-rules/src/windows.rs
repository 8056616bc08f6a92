//! The events that are being gathered for rules with an `aggregate`, by rule and key.
//!
//! Time is that of the events, so that a replay gathers alike. The state is bounded: what has
//! waited longest goes first, and is counted.

use std::collections::{HashMap, VecDeque};

use crate::aggregate::{Aggregate, Goal};
use crate::condition::Condition;
use crate::limits::{AGGREGATE_ENTRIES_MAX, AGGREGATE_KEYS_MAX};

/// What several events came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// How many events there were, the last one included.
    pub count: u64,
    /// When the first was, nanoseconds since 1970.
    pub first_ns: i64,
    /// When the last was.
    pub last_ns: i64,
    /// The fields that they were gathered by, with their values.
    pub key: Vec<(Box<str>, Vec<u8>)>,
}

/// The state of all rules with an `aggregate`.
#[derive(Debug, Default)]
pub struct Windows {
    open: HashMap<(usize, Box<[u8]>), Window, ahash::RandomState>,
    /// Entries of all windows together.
    entries: usize,
    evicted: u64,
}

/// The events of one rule and key.
#[derive(Debug, Default)]
struct Window {
    /// When each was, and what told it apart from the others: the hash of its value.
    events: VecDeque<(i64, u64)>,
    last_ns: i64,
    within_ns: u64,
    /// For a sequence, by step: when the latest way to get there began.
    starts: Vec<Option<i64>>,
}

impl Windows {
    /// Takes in an event that the rule of this number matches. What it completes is returned, and
    /// gathering starts anew.
    pub fn take<E>(
        &mut self,
        rule: usize,
        aggregate: &Aggregate<E>,
        event: &E,
        time_ns: i64,
    ) -> Option<Gathered> {
        let mut key = Vec::new();
        for field in &aggregate.by {
            field.render(event, &mut key);
            key.push(0);
        }
        let slot = (rule, key.into_boxed_slice());
        if self.entries >= AGGREGATE_ENTRIES_MAX || !self.open.contains_key(&slot) {
            self.make_room(time_ns);
        }
        let hasher = self.open.hasher().clone();
        let window = self.open.entry(slot.clone()).or_default();
        let before = window.events.len();
        window.last_ns = window.last_ns.max(time_ns);
        window.within_ns = aggregate.within_ns;
        let oldest = time_ns.saturating_sub_unsigned(aggregate.within_ns);
        let complete = match &aggregate.goal {
            Goal::Count(count) => {
                window.forget_before(oldest);
                window.events.push_back((time_ns, 0));
                window.events.len() >= *count
            }
            Goal::Distinct(field, count) => {
                window.forget_before(oldest);
                let mut value = Vec::new();
                field.render(event, &mut value);
                let hash = hasher.hash_one(&value);
                window.events.retain(|(_, known)| *known != hash);
                window.events.push_back((time_ns, hash));
                window.events.len() >= *count
            }
            Goal::Sequence(steps) => window.step(steps, event, time_ns, oldest),
        };
        self.entries = (self.entries + window.events.len()).saturating_sub(before);
        if !complete {
            if window.events.is_empty() {
                self.open.remove(&slot);
            }
            return None;
        }
        let window = self.open.remove(&slot)?;
        self.entries = self.entries.saturating_sub(window.events.len());
        let key = aggregate.by.iter().map(|field| {
            let mut value = Vec::new();
            field.render(event, &mut value);
            (field.shown.clone(), value)
        });
        Some(Gathered {
            count: window.events.len() as u64,
            first_ns: window.events.iter().map(|(at, _)| *at).min().unwrap_or(time_ns),
            last_ns: time_ns,
            key: key.collect(),
        })
    }

    /// Gives rules their new numbers. What was gathered for a rule that has none any more is
    /// forgotten, and counted as evicted.
    pub fn renumber(&mut self, number: impl Fn(usize) -> Option<usize>) {
        for ((rule, key), window) in std::mem::take(&mut self.open) {
            match number(rule) {
                Some(rule) => drop(self.open.insert((rule, key), window)),
                None => {
                    self.entries = self.entries.saturating_sub(window.events.len());
                    self.evicted += 1;
                }
            }
        }
    }

    /// Windows that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Windows that went for lack of room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Drops what is over, and, if there is still no room, the eighth that was used longest ago.
    fn make_room(&mut self, now_ns: i64) {
        if self.has_room() {
            return;
        }
        self.open
            .retain(|_, window| window.last_ns > now_ns.saturating_sub_unsigned(window.within_ns));
        self.count_entries();
        if self.has_room() || self.open.is_empty() {
            return;
        }
        let mut ages: Vec<i64> = self.open.values().map(|window| window.last_ns).collect();
        let eighth = ages.len() / 8;
        let limit = *ages.select_nth_unstable(eighth).1;
        let before = self.open.len();
        self.open.retain(|_, window| window.last_ns > limit);
        self.count_entries();
        self.evicted += (before - self.open.len()) as u64;
    }

    fn has_room(&self) -> bool {
        self.open.len() < AGGREGATE_KEYS_MAX && self.entries < AGGREGATE_ENTRIES_MAX
    }

    fn count_entries(&mut self) {
        self.entries = self.open.values().map(|window| window.events.len()).sum();
    }
}

impl Window {
    fn forget_before(&mut self, oldest_ns: i64) {
        self.events.retain(|(at, _)| *at > oldest_ns);
    }

    /// Goes on with every way through the steps that the event goes on with. Whether one of them is
    /// through: then its steps are the events.
    fn step<E>(&mut self, steps: &[Condition<E>], event: &E, time_ns: i64, oldest_ns: i64) -> bool {
        self.starts.resize(steps.len(), None);
        let holds = |at: usize| steps.get(at).is_some_and(|step| step.decide(event).fires);
        // The last first: an event is one step of a way, not two.
        for at in (0..steps.len()).rev().filter(|at| holds(*at)) {
            let before = match at.checked_sub(1) {
                Some(before) => self.starts.get(before).copied().flatten(),
                None => Some(time_ns),
            };
            let in_time = before.filter(|start| *start > oldest_ns);
            if let (Some(start), Some(place)) = (in_time, self.starts.get_mut(at)) {
                *place = Some(start);
            }
        }
        let through = self.starts.last().copied().flatten();
        // As many entries as steps were done, for the count of what is gathered.
        self.events = self.starts.iter().flatten().map(|start| (*start, 0)).collect();
        if let Some(start) = through {
            self.events = steps.iter().map(|_| (start, 0)).collect();
        }
        through.is_some()
    }
}
