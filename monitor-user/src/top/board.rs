//! What is kept of what was seen, by container. Every list has a bound: the oldest goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::seen::{Act, Outcome, Raised, Seen, Where, Who};
use crate::limits::{TOP_ALERTS, TOP_CONTAINERS, TOP_OBJECTS, TOP_PROCESSES};

/// Seconds over which rates are taken.
const RATE_SECONDS: i64 = 5;

/// Seconds for which a process that has ended is still shown.
const GONE_SECONDS: i64 = 3;

/// All containers.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// They, by id.
    pub places: BTreeMap<String, Place>,
    /// Events that came.
    pub events: u64,
    /// Alerts that came.
    pub alerts: u64,
    /// Records that the kernel had no room for, and what came faster than it was read.
    pub lost: u64,
    /// Containers that made way for others.
    pub forgotten: u64,
}

/// A container, or the host.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// What it is called.
    pub about: Where,
    /// When something happened there last, seconds since 1970.
    pub last_s: i64,
    /// Starts of programs.
    pub execs: Rate,
    /// Contacts to others.
    pub connects: Rate,
    /// Opens for writing.
    pub writes: Rate,
    /// Alerts about it.
    pub alert_count: u64,
    /// Records about it that were lost.
    pub lost: u64,
    /// Its processes, by id.
    pub processes: BTreeMap<u32, Process>,
    /// Whom it contacted, and who contacted it.
    pub contacts: BTreeMap<String, Touched>,
    /// What it wrote to.
    pub files: BTreeMap<String, Touched>,
    /// Its alerts, the latest first.
    pub alerts: VecDeque<Raised>,
    /// Entries of its lists that made way for others.
    pub forgotten: u64,
}

/// How often something happens.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    /// How often it happened in all.
    pub total: u64,
    /// By second, the latest last.
    seconds: VecDeque<(i64, u64)>,
}

/// A process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Who it is.
    pub who: Who,
    /// Its parent, as far as that is known.
    pub parent: Option<u32>,
    /// Its command line.
    pub command: String,
    /// What it was seen to do, in all.
    pub acts: u64,
    /// When it did something last, seconds since 1970.
    pub last_s: i64,
    /// When it ended, if it has.
    pub ended_s: Option<i64>,
    /// It did something here itself: who is only above others may be of the host.
    pub is_here: bool,
}

/// A file or another host.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// How often.
    pub count: u64,
    /// How often in vain.
    pub failed: u64,
    /// How often it was begun, and not told of again yet.
    begun: u64,
    /// Who did it last.
    pub who: Who,
    /// When, seconds since 1970.
    pub last_s: i64,
}

impl Rate {
    fn note(&mut self, second: i64) {
        self.total += 1;
        // What comes late is of the latest second: it is a matter of milliseconds.
        match self.seconds.back_mut() {
            Some((last, count)) if *last >= second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self.seconds.front().is_some_and(|(first, _)| *first < second - RATE_SECONDS) {
            self.seconds.pop_front();
        }
    }

    /// How often a second, of the last whole seconds.
    #[must_use]
    pub fn a_second(&self, now_s: i64) -> f64 {
        let of = now_s - RATE_SECONDS..now_s;
        let recent = self.seconds.iter().filter(|(second, _)| of.contains(second));
        recent.map(|(_, count)| *count as f64).sum::<f64>() / RATE_SECONDS as f64
    }
}

impl Board {
    /// Takes an event in.
    pub fn note(&mut self, seen: Seen) {
        self.events += 1;
        let second = seen.timestamp_ns.div_euclid(1_000_000_000);
        self.place(&seen.place, second).note(seen, second);
    }

    /// Takes an alert in. Of repeats only their number is new.
    pub fn raise(&mut self, raised: Raised) {
        self.alerts += 1;
        let second = raised.timestamp_ns.div_euclid(1_000_000_000);
        let place = self.place(&raised.place, second);
        place.alert_count += raised.repeats.max(1);
        place.alerts.push_front(raised);
        place.alerts.truncate(TOP_ALERTS);
    }

    /// Losses by container, since whoever counts began.
    pub fn set_losses(&mut self, total: u64, by_container: &[(String, u64)]) {
        self.lost = total;
        for (id, lost) in by_container {
            if let Some(place) = self.places.get_mut(id) {
                place.lost = *lost;
            }
        }
    }

    fn place(&mut self, about: &Where, second: i64) -> &mut Place {
        if !self.places.contains_key(&about.id) && self.places.len() >= TOP_CONTAINERS {
            let oldest = self.places.iter().min_by_key(|(_, place)| place.last_s);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.places.remove(&id);
                self.forgotten += 1;
            }
        }
        let place = self.places.entry(about.id.clone()).or_default();
        place.last_s = place.last_s.max(second);
        place.about.id.clone_from(&about.id);
        // What is known once stays known.
        for (known, told) in [
            (&mut place.about.name, &about.name),
            (&mut place.about.image, &about.image),
            (&mut place.about.pod, &about.pod),
        ] {
            if told.is_some() {
                known.clone_from(told);
            }
        }
        place
    }

    /// Forgets processes that ended a while ago.
    pub fn tidy(&mut self, now_s: i64) {
        self.places.values_mut().for_each(|place| place.tidy(now_s));
    }
}

impl Place {
    /// What it is called: by its pod, its name or its id.
    #[must_use]
    pub fn name(&self) -> &str {
        let Where { id, name, pod, .. } = &self.about;
        pod.as_ref().or(name.as_ref()).unwrap_or(id)
    }

    fn note(&mut self, seen: Seen, second: i64) {
        let Seen { act, outcome, who, command, ancestors, object, .. } = seen;
        let process = self.process(&who, &command, &ancestors, second);
        process.acts += 1;
        process.ended_s = (act == Act::Exit).then_some(second);
        let list = match act {
            Act::Exec => {
                self.execs.note(second);
                return;
            }
            Act::Exit => return,
            Act::Connect | Act::Serve => &mut self.contacts,
            Act::Write => {
                self.writes.note(second);
                &mut self.files
            }
        };
        let object = if act == Act::Serve { format!("← {object}") } else { object };
        if !list.contains_key(&object) && list.len() >= TOP_OBJECTS {
            let oldest = list.iter().min_by_key(|(_, touched)| touched.last_s);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                list.remove(&name);
                self.forgotten += 1;
            }
        }
        let touched = list.entry(object).or_default();
        touched.who = who;
        touched.last_s = second;
        let is_new = outcome != Outcome::Failed || touched.begun == 0;
        match outcome {
            Outcome::Done => {}
            Outcome::Begun => touched.begun += 1,
            Outcome::Failed => {
                touched.failed += 1;
                touched.begun = touched.begun.saturating_sub(1);
            }
        }
        touched.count += u64::from(is_new);
        if is_new && act == Act::Connect {
            self.connects.note(second);
        }
    }

    fn process(
        &mut self,
        who: &Who,
        command: &str,
        ancestors: &[Who],
        second: i64,
    ) -> &mut Process {
        // Those above it are there as well, or were.
        let mut child = None;
        for (at, ancestor) in ancestors.iter().enumerate().rev() {
            let is_new = !self.processes.contains_key(&ancestor.pid);
            if is_new && self.processes.len() >= TOP_PROCESSES {
                continue;
            }
            let parent = ancestors.get(at + 1).map(|parent| parent.pid);
            let process = self.processes.entry(ancestor.pid).or_default();
            process.parent = process.parent.or(parent);
            if is_new {
                process.who = ancestor.clone();
                process.last_s = second;
            }
            child = Some(ancestor.pid);
        }
        if !self.processes.contains_key(&who.pid) && self.processes.len() >= TOP_PROCESSES {
            let oldest = self.processes.iter().min_by_key(|(_, process)| process.last_s);
            if let Some(pid) = oldest.map(|(pid, _)| *pid) {
                self.processes.remove(&pid);
                self.forgotten += 1;
            }
        }
        let process = self.processes.entry(who.pid).or_default();
        process.who = who.clone();
        command.clone_into(&mut process.command);
        process.parent = child.or(process.parent);
        process.last_s = second;
        process.is_here = true;
        process
    }

    /// How many processes did something here.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.processes.values().filter(|process| process.is_here).count()
    }

    /// Forgets who ended a while ago, and who is above nobody any more.
    fn tidy(&mut self, now_s: i64) {
        let stays = |ended: i64| now_s - ended < GONE_SECONDS;
        self.processes.retain(|_, process| process.ended_s.is_none_or(stays));
        let mut above: BTreeSet<u32> = BTreeSet::new();
        for process in self.processes.values().filter(|process| process.is_here) {
            let mut parent = process.parent;
            // Who is known to be above need not be looked at again: it ends, whatever they say.
            while let Some(pid) = parent.filter(|pid| above.insert(*pid)) {
                parent = self.processes.get(&pid).and_then(|process| process.parent);
            }
        }
        self.processes.retain(|pid, process| process.is_here || above.contains(pid));
    }

    /// Its processes as a tree: how deep each is, and it.
    #[must_use]
    pub fn tree(&self) -> Vec<(usize, &Process)> {
        let mut children: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
        for (pid, process) in &self.processes {
            let is_there = |parent: &u32| *parent != *pid && self.processes.contains_key(parent);
            children.entry(process.parent.filter(is_there)).or_default().push(*pid);
        }
        let mut tree = Vec::with_capacity(self.processes.len());
        let mut waiting: Vec<(usize, u32)> = Vec::new();
        let roots = children.remove(&None).unwrap_or_default();
        waiting.extend(roots.into_iter().rev().map(|pid| (0, pid)));
        while let Some((depth, pid)) = waiting.pop() {
            tree.extend(self.processes.get(&pid).map(|process| (depth, process)));
            // Who is looked at once is not looked at again, whatever the parents say.
            let below = children.remove(&Some(pid)).unwrap_or_default();
            waiting.extend(below.into_iter().rev().map(|pid| (depth + 1, pid)));
        }
        tree
    }
}
