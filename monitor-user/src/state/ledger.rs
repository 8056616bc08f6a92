//! Which findings are open, and what a look changes of that.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use monitor_rules::Priority;

use super::{
    Activity, Assessment, Observation, StateFinding, Status,
    kept::{Kept, Key, Open},
    uid,
};
use crate::{container::Container, limits::STATE_FINDINGS};

/// What a look is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// What all of its findings are closed by.
    pub place: &'s str,
    /// What tells it from all others, in later runs, too.
    pub id: &'s str,
    /// The container; of an image, one of its containers.
    pub container: &'s Arc<Container>,
}

impl<'s> Subject<'s> {
    /// A container.
    #[must_use]
    pub fn of(container: &'s Arc<Container>) -> Self {
        Self { place: &container.cgroup_path, id: &container.id, container }
    }
}

/// Numbers of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Findings that are open.
    pub open: usize,
    /// Findings that found no room, each counted at each look.
    pub refused: u64,
}

/// Why a finding is closed that is not seen any more.
pub const NO_MORE: &str = "it is so no more";

/// Why one is closed of which it was said that it is as it is to be.
pub const ACCEPTED: &str = "it was accepted";

/// Remembers which findings are open.
#[derive(Debug)]
pub struct Ledger {
    /// What matters less is not told of.
    least: Priority,
    /// The name of this node: each has a host of its own.
    node: Box<str>,
    open: BTreeMap<Arc<Key>, Arc<Open>>,
    /// What was closed just now: whether that came anywhere is not certain yet.
    closed: VecDeque<Kept>,
    refused: u64,
    changes: u64,
}

impl Ledger {
    /// One that tells of what matters at least so much.
    #[must_use]
    pub fn new(least: Priority) -> Self {
        Self {
            least,
            node: "".into(),
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            refused: 0,
            changes: 0,
        }
    }

    /// The same, on the node of that name.
    #[must_use]
    pub fn on(self, node: &str) -> Self {
        Self { node: node.into(), ..self }
    }

    /// The same, with what was open before.
    #[must_use]
    pub fn with(mut self, before: Vec<Kept>) -> Self {
        for Kept { key, open, .. } in before {
            if self.open.len() < STATE_FINDINGS {
                self.open.insert(key, open);
            } else {
                self.refused += 1;
            }
        }
        self
    }

    /// Where something is open, each with what it is about.
    #[must_use]
    pub fn places(&self) -> BTreeMap<Box<str>, Arc<Container>> {
        let place =
            |(key, open): (&Arc<Key>, &Arc<Open>)| (key.0.clone(), Arc::clone(&open.container));
        self.open.iter().map(place).collect()
    }

    /// What is to outlive the daemon: all that is open, and what was closed just now.
    #[must_use]
    pub fn kept(&mut self, now_ns: i64) -> Vec<Kept> {
        self.closed.retain(|it| it.is_recent(now_ns));
        let open = self.open.iter().map(|(key, open)| {
            let (key, open) = (Arc::clone(key), Arc::clone(open));
            Kept { key, open, closed: None }
        });
        open.chain(self.closed.iter().cloned()).collect()
    }

    /// How often that changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Numbers of it.
    #[must_use]
    pub fn stats(&self) -> LedgerStats {
        LedgerStats { open: self.open.len(), refused: self.refused }
    }

    /// Takes in what a look at a container answered, and says what changed. What cannot be seen
    /// changes nothing.
    pub fn take(
        &mut self,
        container: &Arc<Container>,
        assessments: Vec<Assessment>,
        now_ns: i64,
    ) -> Vec<StateFinding> {
        let subject = Subject::of(container);
        let mut told = Vec::new();
        for assessment in assessments {
            let Assessment { check, status, text, evidence } = assessment;
            match status {
                Status::Fail => {
                    told.extend(self.see(subject, Observation::of(check, text, evidence), now_ns));
                }
                // What is not here any more is not wrong any more, and what was accepted is told
                // to nobody.
                Status::Pass | Status::NotApplicable | Status::Accepted => {
                    let why = if status == Status::Accepted { ACCEPTED } else { NO_MORE };
                    let key = (subject.place.into(), check.id, "".into());
                    told.extend(self.close(&key, why, now_ns));
                }
                Status::Unknown | Status::NotDecidable => {}
            }
        }
        told
    }

    /// Takes in all that is so of a subject, and says what changed: what is open and not among it
    /// is over, for the reason that is told of its check and part; what could not be decided has
    /// none.
    pub fn replace(
        &mut self,
        subject: Subject<'_>,
        observations: Vec<Observation>,
        why_over: &dyn Fn(&str, &str) -> Option<&'static str>,
        now_ns: i64,
    ) -> Vec<StateFinding> {
        let seen: BTreeSet<(&str, &str)> =
            observations.iter().map(|it| (it.check.id, &*it.part)).collect();
        let is_over = |key: &&Arc<Key>| !seen.contains(&(key.1, &*key.2));
        let over = self.at(subject.place).filter(is_over);
        let over = over.filter_map(|key| Some((Arc::clone(key), why_over(key.1, &key.2)?)));
        let over: Vec<(Arc<Key>, &str)> = over.collect();
        let mut told: Vec<StateFinding> =
            over.iter().filter_map(|(key, why)| self.close(key, why, now_ns)).collect();
        for observation in observations {
            told.extend(self.see(subject, observation, now_ns));
        }
        told
    }

    /// Closes all that is open at a place, for this reason.
    pub fn close_all(&mut self, place: &str, why: &str, now_ns: i64) -> Vec<StateFinding> {
        let keys: Vec<Arc<Key>> = self.at(place).cloned().collect();
        keys.iter().filter_map(|key| self.close(key, why, now_ns)).collect()
    }

    /// What is open at a place is at another one from now on.
    pub fn shift(&mut self, place: &str, to: &str) {
        let keys: Vec<Arc<Key>> = self.at(place).cloned().collect();
        for key in keys {
            if let Some(open) = self.open.remove(&*key) {
                self.open.insert(Arc::new((to.into(), key.1, key.2.clone())), open);
                self.changes += 1;
            }
        }
    }

    fn at(&self, place: &str) -> impl Iterator<Item = &Arc<Key>> {
        let from: Key = (place.into(), "", "".into());
        let is_there = move |key: &&Arc<Key>| key.0 == from.0;
        let from: Key = (place.into(), "", "".into());
        self.open.range::<Key, _>(from..).map(|(key, _)| key).take_while(is_there)
    }

    fn see(
        &mut self,
        subject: Subject<'_>,
        seen: Observation,
        now_ns: i64,
    ) -> Option<StateFinding> {
        let key: Key = (subject.place.into(), seen.check.id, seen.part.as_str().into());
        // Priorities sort from the gravest.
        if seen.priority > self.least {
            return self.close(&key, &format!("it matters less now: {}", seen.text), now_ns);
        }
        let Some(open) = self.open.get_mut(&key) else {
            return self.open(subject, key, seen, now_ns);
        };
        let open = Arc::make_mut(open);
        // Facts about the container that came since are told with what is told next.
        open.container = Arc::clone(subject.container);
        let is_news = !open.is_told(&seen);
        if !is_news && !open.is_doubtful {
            return None;
        }
        let was_told = !(open.is_doubtful && open.last == Activity::Create);
        open.last = if was_told { Activity::Update } else { Activity::Create };
        (open.told_ns, open.is_doubtful) = (now_ns, false);
        open.text.clone_from(&seen.text);
        (open.priority, open.vulnerable) = (seen.priority, seen.vulnerable);
        self.changes += 1;
        Some(open.told(open.last, seen.text, seen.evidence, now_ns))
    }

    fn open(
        &mut self,
        subject: Subject<'_>,
        key: Key,
        seen: Observation,
        now_ns: i64,
    ) -> Option<StateFinding> {
        if self.open.len() >= STATE_FINDINGS {
            self.refused += 1;
            return None;
        }
        // The host has the same name everywhere, images have, and containers can have.
        let id = format!("{}\0{}", subject.id, self.node);
        let open = Open {
            check: seen.check,
            uid: uid(seen.check.id, &id, &seen.part),
            priority: seen.priority,
            text: seen.text.clone(),
            first_ns: now_ns,
            vulnerable: seen.vulnerable,
            container: Arc::clone(subject.container),
            last: Activity::Create,
            told_ns: now_ns,
            is_doubtful: false,
        };
        let told = open.told(Activity::Create, seen.text, seen.evidence, now_ns);
        self.closed.retain(|it| *it.key != key);
        self.open.insert(Arc::new(key), Arc::new(open));
        self.changes += 1;
        Some(told)
    }

    fn close(&mut self, key: &Key, why: &str, now_ns: i64) -> Option<StateFinding> {
        let (key, open) = self.open.remove_entry(key)?;
        let mut kept = Kept { key, open, closed: Some(why.into()) };
        let told = kept.close(now_ns);
        // The oldest came somewhere, or nothing does.
        if self.closed.len() >= STATE_FINDINGS {
            self.closed.pop_front();
        }
        self.closed.push_back(kept);
        self.changes += 1;
        Some(told)
    }
}

#[cfg(test)]
mod tests;
