//! The straight line: bytes in, alerts out. The stages run in this order, on one thread; nothing
//! goes back.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    alert::{self, Alert},
    decode::decode,
    document::Document,
    enrich::{
        Enriched, Enricher,
        container::{ContainerFacts, Lookup},
    },
    env::EnvKeys,
    event::{Action, Event, ProcessKey},
    judge::{Judge, Verdict},
    limits::{PARKED, PARKED_NS},
    raw_event::{CgroupKey, RawBody},
    rules::Rules,
};

/// Where documents go.
pub trait Outlet {
    /// Takes a document; never waits.
    fn offer(&mut self, document: Document);
    /// Whether events themselves are wanted, not only alerts.
    fn wants_events(&self) -> bool;
}

/// What the line takes in. A recording holds exactly these.
#[derive(Debug)]
pub enum Input<'a> {
    /// A record of the kernel.
    Record(&'a [u8]),
    /// A cgroup that was there before the monitor.
    Cgroup(CgroupKey, &'a str),
    /// What the metadata task found.
    Facts(ContainerFacts),
}

/// What happened on the line, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStats {
    /// Records that came in, seeds included.
    pub records: u64,
    /// Records of processes that ran before the monitor.
    pub seeds: u64,
    /// Records that were no record.
    pub decode_errors: u64,
    /// Events that came of the rest, by kind.
    pub events: [u64; Action::KINDS.len()],
    /// Records of an end that was told of before: two last threads can both be the last.
    pub repeated: u64,
    /// Events of the monitor's own canary, left out.
    pub own: u64,
    /// Alerts.
    pub alerts: u64,
    /// Alerts that left with facts pending.
    pub incomplete: u64,
    /// Updates of such alerts.
    pub updates: u64,
    /// Events that waited for a fact.
    pub parked: u64,
    /// Of these, the ones that were decided because time or room ran out.
    pub parked_expired: u64,
}

/// An event or an alert that waits for facts about its container.
enum Waiting {
    Event(Box<Event>),
    Update(Alert),
}

/// The line with its state.
pub struct Line<O> {
    enricher: Enricher,
    judge: Judge,
    waiting: VecDeque<(u64, Waiting)>,
    own_pids: Vec<u32>,
    own_until_ns: u64,
    stats: LineStats,
    outlet: O,
}

impl<O: Outlet> Line<O> {
    /// A line that ends in `outlet`. Acts of `own_pids` (the canary's children) are left out.
    pub fn new(enricher: Enricher, rules: Arc<Rules>, own_pids: Vec<u32>, outlet: O) -> Self {
        let (waiting, stats) = (VecDeque::new(), LineStats::default());
        let judge = Judge::new(rules);
        Self { enricher, judge, waiting, own_pids, own_until_ns: u64::MAX, stats, outlet }
    }

    /// Says when the last of the own pids was started, nanoseconds since boot: who has one of them
    /// later is someone else.
    pub fn own_until(&mut self, boottime_ns: u64) {
        self.own_until_ns = boottime_ns;
    }

    /// Takes one input through all stages.
    pub fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Record(bytes) => self.record(bytes),
            Input::Cgroup(key, path) => self.cgroup(key, path),
            Input::Facts(facts) => self.facts(facts),
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

    fn event(&mut self, event: Box<Event>) {
        if let Some(count) = self.stats.events.get_mut(usize::from(event.action.kind())) {
            *count += 1;
        }
        if !self.own_pids.is_empty() && self.is_own(&event) {
            self.stats.own += 1;
            return;
        }
        self.expire(event.boottime_ns);
        match self.judge.judge(&event) {
            Verdict::Quiet => self.pass(event),
            Verdict::Open => self.park(event.boottime_ns, Waiting::Event(event)),
            Verdict::Matched(matched) => self.alert(event, matched),
        }
    }

    /// An event that no rule matches.
    fn pass(&mut self, event: Box<Event>) {
        if self.outlet.wants_events() {
            self.outlet.offer(Document::Event(Arc::from(event)));
        }
    }

    fn alert(&mut self, event: Box<Event>, matched: Vec<alert::Matched>) {
        let (at, complete) = (event.boottime_ns, alert::is_complete(&event.container));
        let alert = Alert { event: Arc::from(event), matched, complete };
        self.stats.alerts += 1;
        if self.outlet.wants_events() {
            self.outlet.offer(Document::Event(Arc::clone(&alert.event)));
        }
        if !complete {
            self.stats.incomplete += 1;
            let waiting = Waiting::Update(alert.clone());
            self.outlet.offer(Document::Alert(alert));
            self.park(at, waiting);
            return;
        }
        self.outlet.offer(Document::Alert(alert));
    }

    fn park(&mut self, now_ns: u64, waiting: Waiting) {
        if matches!(waiting, Waiting::Event(_)) {
            self.stats.parked += 1;
        }
        if self.waiting.len() >= PARKED {
            self.release_oldest();
        }
        self.waiting.push_back((now_ns, waiting));
    }

    /// Decides what has waited long enough. Time is that of the events, so that a replay decides
    /// alike.
    pub fn expire(&mut self, now_ns: u64) {
        while let Some((at, _)) = self.waiting.front() {
            if now_ns.saturating_sub(*at) < PARKED_NS {
                return;
            }
            self.release_oldest();
        }
    }

    fn release_oldest(&mut self) {
        match self.waiting.pop_front() {
            Some((_, Waiting::Event(event))) => {
                self.stats.parked_expired += 1;
                self.settle(event);
            }
            // Its facts never came; what it left with stands.
            Some((_, Waiting::Update(_))) | None => {}
        }
    }

    fn settle(&mut self, event: Box<Event>) {
        match self.judge.decide(&event) {
            Verdict::Quiet | Verdict::Open => self.pass(event),
            Verdict::Matched(matched) => self.alert(event, matched),
        }
    }

    /// What waited to hear where its cgroup is may have more to wait for: its container's facts.
    fn cgroup(&mut self, key: CgroupKey, path: &str) {
        self.enricher.add_cgroup(key, path);
        for _ in 0..self.waiting.len() {
            let Some((at, waiting)) = self.waiting.pop_front() else { return };
            match waiting {
                Waiting::Event(mut event) if event.container.is_unseen() => {
                    self.enricher.refresh(&mut event);
                    if alert::is_complete(&event.container) {
                        self.settle(event);
                    } else {
                        self.waiting.push_back((at, Waiting::Event(event)));
                    }
                }
                Waiting::Update(mut alert) if alert.event.container.is_unseen() => {
                    let mut event = Event::clone(&alert.event);
                    self.enricher.refresh(&mut event);
                    alert.event = Arc::new(event);
                    if alert::is_complete(&alert.event.container) {
                        self.update(&alert);
                    } else {
                        self.waiting.push_back((at, Waiting::Update(alert)));
                    }
                }
                other => self.waiting.push_back((at, other)),
            }
        }
    }

    fn facts(&mut self, facts: ContainerFacts) {
        let path = facts.cgroup_path.clone();
        if !self.enricher.learn(facts) {
            return;
        }
        for _ in 0..self.waiting.len() {
            let Some((at, waiting)) = self.waiting.pop_front() else { return };
            match waiting {
                Waiting::Event(mut event) if event.container.cgroup_path == path => {
                    self.enricher.refresh(&mut event);
                    self.settle(event);
                }
                Waiting::Update(alert) if alert.event.container.cgroup_path == path => {
                    self.update(&alert);
                }
                other => self.waiting.push_back((at, other)),
            }
        }
    }

    /// The same alert again, with the facts that it lacked.
    fn update(&mut self, alert: &Alert) {
        let mut event = Event::clone(&alert.event);
        self.enricher.refresh(&mut event);
        let matched = self.judge.again(&alert.matched, &event);
        if matched.is_empty() {
            return;
        }
        self.stats.updates += 1;
        let complete = alert::is_complete(&event.container);
        self.outlet.offer(Document::Update(Alert { event: Arc::new(event), matched, complete }));
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
        while !self.waiting.is_empty() {
            self.release_oldest();
        }
    }

    /// Whether something waits for facts.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Changes the rules between two events.
    pub fn set_rules(&mut self, rules: Arc<Rules>) {
        self.judge.set_rules(rules);
    }

    /// Changes which environment variables are kept.
    pub fn keep_env(&mut self, keys: EnvKeys) {
        self.enricher.keep_env(keys);
    }

    /// The rules and what they did.
    pub fn judge(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// What the metadata task must be asked now.
    pub fn take_lookups(&mut self) -> Vec<Lookup> {
        self.enricher.take_lookups()
    }

    /// The state behind the line, for the counters.
    pub fn enricher(&self) -> &Enricher {
        &self.enricher
    }

    /// What happened so far.
    pub fn stats(&self) -> LineStats {
        self.stats
    }

    /// Takes the end of the line off.
    pub fn into_outlet(self) -> O {
        self.outlet
    }

    /// The end of the line.
    pub fn outlet(&mut self) -> &mut O {
        &mut self.outlet
    }
}

#[cfg(test)]
mod tests;
