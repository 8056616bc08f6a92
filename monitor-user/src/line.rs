//! The straight line: bytes in, alerts out. The stages run in this order, on one thread; nothing
//! goes back.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    alert::{self, Alert, RollUp, RulesThen},
    decode::decode,
    document::Document,
    enrich::{
        Enriched, Enricher, container::ContainerFacts, hashes::HashAnswer, holders::Holder,
        process_table,
    },
    env::EnvKeys,
    event::{Action, Event, Fact, ProcessKey, Reason},
    judge::{Judge, Verdict},
    limits::{INCOMPLETE_NS, OWN_PIDS, PARKED, PARKED_BYTES, PARKED_NS},
    packages::PackageAnswer,
    profile::{Learner, differences::Differences, drift::Profiles, remark::Remark},
    raw_event::{CgroupKey, RawBody},
    recorder::{Recalled, Recorder, RecorderOptions},
    rollup::RollUps,
    rules::{self, Rules},
};

pub mod beside;
mod context;
mod late;
mod parked;
mod reads;
mod stats;
mod updates;

use beside::Beside;
use parked::{News, Parked};
pub use stats::{EventCounts, LineStats};

/// Where documents go.
pub trait Outlet {
    /// Takes a document; never waits.
    fn offer(&mut self, document: Document);
    /// Takes what was done around an alert, if it keeps such; never waits.
    fn recall(&mut self, _recalled: Recalled) {}
    /// Whether events themselves are wanted, not only alerts.
    fn wants_events(&self) -> bool;
    /// Whether it hangs on a fact which is still looked for that an event is wanted: then it waits.
    fn awaits(&self, _event: &Event) -> bool {
        false
    }
    /// Whether it wants the hashes of executed files, whatever the rules.
    fn asks_hash(&self) -> bool {
        false
    }
}

/// What the line takes in. A recording holds exactly these.
#[derive(Debug)]
pub enum Input<'a> {
    /// A record of the kernel.
    Record(&'a [u8]),
    /// A record that what comes later needs, and that is not told of itself.
    Context(&'a [u8]),
    /// A cgroup that was there before the monitor.
    Cgroup(CgroupKey, &'a str),
    /// System calls that the processes of a cgroup made: names, with spaces between.
    Syscalls(CgroupKey, &'a str),
    /// What the metadata task found.
    Facts(ContainerFacts),
    /// Whose addresses the cluster's API says are.
    Holder(Holder),
    /// What came of reading an executed file.
    Hash(HashAnswer),
    /// To which package an executed file belongs.
    Package(PackageAnswer),
    /// A look at the clock, nanoseconds since boot: what has waited long enough is decided.
    Time(u64),
}

/// The line with its state.
pub struct Line<O> {
    enricher: Enricher,
    judge: Judge,
    /// Events that wait for a fact, since when.
    parked: VecDeque<(u64, Parked)>,
    parked_bytes: usize,
    /// First programs of containers that wait longer, since when.
    late: VecDeque<(u64, Box<Event>)>,
    /// Alerts that left with facts pending, since when.
    incomplete: VecDeque<(u64, Alert)>,
    /// Repeats of alerts, if they are gathered.
    rollups: Option<RollUps>,
    /// The events of the last seconds, if they are recorded.
    recorder: Option<Recorder>,
    /// What containers do, if it is learned.
    learner: Option<Learner>,
    /// What profiles do not expect of what they do.
    differences: Differences,
    /// What is noted of events beside that.
    beside: Beside,
    own_pids: Vec<u32>,
    own_until_ns: u64,
    stats: LineStats,
    outlet: O,
}

impl<O: Outlet> Line<O> {
    /// A line that ends in `outlet`. Acts of `own_pids` (the canary's children) are left out.
    pub fn new(mut enricher: Enricher, rules: Arc<Rules>, own_pids: Vec<u32>, outlet: O) -> Self {
        enricher.hashes().set_rules_ask(rules::asks_hash(&rules) || outlet.asks_hash());
        enricher.packages().set_rules_ask(rules::asks_package(&rules));
        Self {
            enricher,
            judge: Judge::new(rules),
            parked: VecDeque::new(),
            parked_bytes: 0,
            late: VecDeque::new(),
            incomplete: VecDeque::new(),
            rollups: None,
            recorder: None,
            learner: None,
            differences: Differences::default(),
            beside: Beside::default(),
            own_pids,
            own_until_ns: u64::MAX,
            stats: LineStats::default(),
            outlet,
        }
    }

    /// Has repeats of alerts gathered for so long.
    pub fn roll_up(&mut self, window_ns: u64) {
        self.rollups = (window_ns > 0).then(|| RollUps::new(window_ns));
    }

    /// Has the events around alerts kept.
    pub fn keep_flight(&mut self, options: Option<RecorderOptions>) {
        self.recorder = options.map(Recorder::new);
    }

    /// What is expected of containers from now on.
    pub fn expect(&mut self, profiles: Profiles) {
        self.differences = Differences::new(&profiles);
        self.enricher.set_profiles(profiles);
    }

    /// How what happens compares to what is expected.
    #[must_use]
    pub fn differences(&self) -> &Differences {
        &self.differences
    }

    /// What was found about profiles, and not told yet.
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        let mut remarks = self.differences.take_remarks();
        remarks.extend(self.learner.iter_mut().flat_map(Learner::take_remarks));
        remarks
    }

    /// Takes in what a container did, once for each event.
    fn observe(&mut self, event: &Event, is_alerted: bool) {
        self.differences.take(event);
        if let Some(learner) = &mut self.learner {
            learner.take(event, is_alerted);
        }
    }

    /// Has what containers do learned.
    pub fn learn(&mut self, learner: Option<Learner>) {
        self.learner = learner;
    }

    /// What was learned.
    #[must_use]
    pub fn learner(&self) -> Option<&Learner> {
        self.learner.as_ref()
    }

    /// Says when the last of the own pids was started, nanoseconds since boot: who has one of them
    /// later is someone else.
    pub fn own_until(&mut self, boottime_ns: u64) {
        self.own_until_ns = boottime_ns;
    }

    /// More processes of the monitor's own canary, all started before a time.
    pub fn leave_out(&mut self, pids: &[u32], boottime_ns: u64) {
        self.own_pids.extend(pids);
        let extra = self.own_pids.len().saturating_sub(OWN_PIDS);
        self.own_pids.drain(..extra);
        self.own_until_ns = boottime_ns;
    }

    /// Takes one input through all stages.
    pub fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Record(bytes) => self.record(bytes),
            Input::Context(bytes) => self.context(bytes),
            Input::Cgroup(key, path) => self.cgroup(key, path),
            Input::Syscalls(key, names) => self.syscalls(key, names),
            Input::Facts(facts) => self.facts(facts),
            Input::Holder(holder) => self.enricher.hold(holder),
            Input::Hash(answer) => self.hash(&answer),
            Input::Package(answer) => self.package(&answer),
            Input::Time(now_ns) => self.expire(now_ns),
        }
    }

    fn record(&mut self, bytes: &[u8]) {
        self.stats.records += 1;
        let Ok(raw) = decode(bytes) else {
            self.stats.decode_errors += 1;
            return;
        };
        if matches!(raw.body, RawBody::Task(_)) {
            self.stats.seeds += 1;
        }
        match self.enricher.enrich(raw) {
            Enriched::State => {}
            Enriched::Repeat => self.stats.repeated += 1,
            Enriched::Event(event) => self.event(event),
        }
    }

    fn event(&mut self, mut event: Box<Event>) {
        if let Some(count) = self.stats.events.0.get_mut(usize::from(event.action.kind())) {
            *count += 1;
        }
        if !self.own_pids.is_empty() && self.is_own(&event) {
            self.stats.own += 1;
            return;
        }
        self.beside.note(&event);
        self.expire(event.boottime_ns);
        match self.judge.judge(&event) {
            Verdict::Quiet if self.is_wanted_whole(&event) || self.outlet.awaits(&event) => {
                self.enricher.ask_late(&mut event);
                self.park(event.boottime_ns, Parked::Quiet(event));
            }
            Verdict::Quiet => self.pass(event),
            Verdict::Open => {
                self.enricher.ask_late(&mut event);
                self.park(event.boottime_ns, Parked::Open(event));
            }
            Verdict::Matched(matched) => self.alert(event, matched),
        }
    }

    /// Whether the start of a program is to be told of with its hash, which is asked for.
    fn is_wanted_whole(&mut self, event: &Event) -> bool {
        matches!(event.action, Action::Exec { .. })
            && event.program_hash == Fact::Unknown(Reason::Pending)
            && self.enricher.hashes().asks_always()
            && self.outlet.wants_events()
    }

    /// An event that no rule matches.
    fn pass(&mut self, event: Box<Event>) {
        self.observe(&event, false);
        if self.recorder.is_none() && !self.outlet.wants_events() {
            return;
        }
        let event = Arc::from(event);
        self.note(&event);
        if self.outlet.wants_events() {
            self.outlet.offer(Document::Event(event));
        }
    }

    /// Records an event that is not that of an alert.
    fn note(&mut self, event: &Arc<Event>) {
        let recalled = self.recorder.as_mut().and_then(|recorder| recorder.take(event));
        recalled.into_iter().for_each(|recalled| self.outlet.recall(recalled));
    }

    fn alert(&mut self, mut event: Box<Event>, matched: Vec<alert::Matched>) {
        self.enricher.hashes().follow_alert(&mut event);
        self.observe(&event, true);
        self.enricher.packages().ask(&event);
        let (at, complete) = (event.boottime_ns, alert::is_complete(&event));
        let rules = RulesThen::new(self.judge.shared_rules());
        let alert = Alert { event: Arc::from(event), matched, complete, changed: false, rules };
        if self.outlet.awaits(&alert.event) {
            self.park(at, Parked::Told(Box::new(Event::clone(&alert.event))));
        } else if self.outlet.wants_events() {
            self.outlet.offer(Document::Event(Arc::clone(&alert.event)));
        }
        if let Some(rollups) = &mut self.rollups {
            let (is_first, gone) = rollups.admit(&alert);
            self.summarise(gone);
            if !is_first {
                self.stats.rolled_up += 1;
                self.note(&alert.event);
                return;
            }
        }
        self.stats.alerts += 1;
        if !complete {
            self.stats.incomplete += 1;
            self.await_facts(at, alert.clone());
        }
        let recalled = self.recorder.as_mut().and_then(|recorder| recorder.alert(&alert));
        self.outlet.offer(Document::Alert(alert));
        recalled.into_iter().for_each(|recalled| self.outlet.recall(recalled));
    }

    fn summarise(&mut self, rollups: impl IntoIterator<Item = RollUp>) {
        for rollup in rollups {
            self.stats.rollups += 1;
            self.outlet.offer(Document::RollUp(Arc::new(rollup)));
        }
    }

    fn park(&mut self, now_ns: u64, mut parked: Parked) {
        self.stats.parked += 1;
        let bytes = size(parked.event());
        while self.parked.len() >= PARKED || self.parked_bytes + bytes > PARKED_BYTES {
            if !self.release_oldest() {
                break;
            }
        }
        self.parked_bytes += bytes;
        self.parked.push_back((now_ns, parked));
    }

    /// Decides what has waited long enough. Time is that of the events, or a look at the clock that
    /// is an input like them, so that a replay decides alike.
    fn expire(&mut self, now_ns: u64) {
        while self.parked.front().is_some_and(|(at, _)| now_ns.saturating_sub(*at) >= PARKED_NS) {
            self.release_oldest();
        }
        self.release_late(now_ns);
        let late = |(at, _): &(u64, Alert)| now_ns.saturating_sub(*at) >= INCOMPLETE_NS;
        while self.incomplete.front().is_some_and(late) {
            self.give_up_oldest();
        }
        let due = self.rollups.as_mut().map(|rollups| rollups.take_due(now_ns));
        self.summarise(due.into_iter().flatten());
    }

    /// Decides the event that has waited longest; false if none waits.
    fn release_oldest(&mut self) -> bool {
        let Some((at, mut parked)) = self.parked.pop_front() else { return false };
        self.parked_bytes = self.parked_bytes.saturating_sub(size(parked.event()));
        self.stats.parked_expired += 1;
        match parked {
            Parked::Open(event) => {
                if let Some(event) = self.defer(at, event) {
                    self.let_go(Parked::Open(event));
                }
            }
            decided => self.let_go(decided),
        }
        true
    }

    fn settle(&mut self, event: Box<Event>, verdict: Verdict) {
        match verdict {
            Verdict::Quiet | Verdict::Open => self.pass(event),
            Verdict::Matched(matched) => self.alert(event, matched),
        }
    }

    fn cgroup(&mut self, key: CgroupKey, path: &str) {
        self.enricher.add_cgroup(key, path);
        self.look_again(&News::Cgroup);
    }

    fn syscalls(&mut self, key: CgroupKey, names: &str) {
        let Some(learner) = &mut self.learner else { return };
        match self.enricher.container_at(key) {
            Some(container) => learner.take_syscalls(container, names),
            // Its cgroup is gone: what it called last is told of behind that.
            None => learner.take_last_syscalls(&self.enricher.container_id(key), names),
        }
    }

    fn facts(&mut self, facts: ContainerFacts) {
        let path = facts.cgroup_path.clone();
        let container = facts.container.clone();
        if self.enricher.learn(facts) {
            self.look_again(&News::Container(&path));
            if let (Some(learner), Some(container)) = (&mut self.learner, container) {
                learner.know(&container);
            }
        }
    }

    fn hash(&mut self, answer: &HashAnswer) {
        self.enricher.hashes().learn(answer);
        self.look_again(&News::Hash(answer));
    }

    fn package(&mut self, answer: &PackageAnswer) {
        self.enricher.packages().learn(answer);
        self.look_again(&News::Package(answer));
    }

    /// Gives what waits the facts that are there now. What has more to wait for goes on waiting.
    fn look_again(&mut self, news: &News<'_>) {
        self.look_again_late(news);
        for _ in 0..self.parked.len() {
            let Some((at, mut parked)) = self.parked.pop_front() else { return };
            if news.is_about(parked.event()) {
                news.tell(&self.enricher, parked.event());
                let bytes = size(parked.event());
                match self.decide(parked) {
                    Ok(()) => {
                        self.parked_bytes = self.parked_bytes.saturating_sub(bytes);
                        continue;
                    }
                    Err(open) => parked = open,
                }
            }
            self.parked.push_back((at, parked));
        }
        for _ in 0..self.incomplete.len() {
            let Some((at, mut alert)) = self.incomplete.pop_front() else { return };
            if news.is_about(&alert.event) {
                let mut event = Event::clone(&alert.event);
                news.tell(&self.enricher, &mut event);
                alert.event = Arc::new(event);
                alert.changed |= !matches!(news, News::Hash(_) | News::Package(_));
                if alert::is_complete(&alert.event) {
                    self.update(&alert);
                    continue;
                }
            }
            self.incomplete.push_back((at, alert));
        }
    }

    fn is_own(&mut self, event: &Event) -> bool {
        let actor = event.process.key;
        let own = |key: &ProcessKey| {
            key.start_ns <= self.own_until_ns && self.own_pids.contains(&key.pid)
        };
        let is_own = match &event.action {
            Action::Fork { child } => own(&actor) || own(child),
            _ => own(&actor),
        };
        if is_own && matches!(event.action, Action::Exit { .. }) {
            self.own_pids.retain(|known| *known != actor.pid);
        }
        is_own
    }

    /// Decides everything that still waits: there will be no more facts.
    pub fn finish(&mut self) {
        while self.release_oldest() {}
        self.release_late(u64::MAX);
        while self.give_up_oldest() {}
        let last = self.rollups.as_mut().map(RollUps::finish);
        self.summarise(last.into_iter().flatten());
    }

    /// Whether something waits for facts.
    pub fn is_waiting(&self) -> bool {
        !self.parked.is_empty() || !self.late.is_empty() || !self.incomplete.is_empty()
    }

    /// Changes the rules between two events.
    pub fn set_rules(&mut self, rules: Arc<Rules>) {
        self.judge.set_rules(rules);
        self.look_who_asks();
    }

    /// Changes which environment variables are kept.
    pub fn keep_env(&mut self, keys: EnvKeys) {
        self.enricher.keep_env(keys);
    }

    /// The rules and what they did.
    pub fn judge(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// Wall clock minus boot clock is this from now on, nanoseconds.
    pub fn clock_was_set(&mut self, clock_offset_ns: i64) {
        let by_ns = clock_offset_ns.saturating_sub(self.enricher.clock_offset_ns());
        self.enricher.clock_was_set(clock_offset_ns);
        self.judge.clock_was_set(by_ns);
    }
}

/// Bytes of an event that waits, approximately.
pub(crate) fn size(event: &Event) -> usize {
    let held = match &event.action {
        Action::Exec { previous } => previous.as_ref().map_or(0, |it| process_table::size(it)),
        other => other.text_bytes(),
    };
    size_of::<Event>() + process_table::size(&event.process) + held
}

#[cfg(test)]
mod tests;
