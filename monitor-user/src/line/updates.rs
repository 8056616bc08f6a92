//! Alerts that left with facts pending, and what is told of them once the facts are there.

use std::sync::Arc;

use super::{Line, Outlet};
use crate::{
    alert::{self, Alert, RulesThen},
    document::Document,
    event::{Event, Fact, Reason},
    limits::INCOMPLETE,
};

impl<O: Outlet> Line<O> {
    pub(super) fn await_facts(&mut self, now_ns: u64, alert: Alert) {
        if self.incomplete.len() >= INCOMPLETE {
            self.give_up_oldest();
        }
        self.incomplete.push_back((now_ns, alert));
    }

    /// Tells what is known by now of the alert that has waited longest, if that is more than it
    /// left with; false if none waits.
    pub(super) fn give_up_oldest(&mut self) -> bool {
        let Some((_, mut alert)) = self.incomplete.pop_front() else { return false };
        self.stats.updates_expired += 1;
        if alert.changed && !alert.event.container.is_pending() {
            let mut event = Event::clone(&alert.event);
            if event.program_hash == Fact::Unknown(Reason::Pending) {
                event.program_hash = Fact::Unknown(Reason::NoAnswer);
            }
            if event.program_package == Fact::Unknown(Reason::Pending) {
                event.program_package = Fact::Unknown(Reason::NoAnswer);
            }
            if event.program_copy == Fact::Unknown(Reason::Pending) {
                event.program_copy = Fact::Unknown(Reason::NoAnswer);
            }
            alert.event = Arc::new(event);
            self.update(&alert);
        }
        true
    }

    /// The same alert again, with the facts that it lacked.
    pub(super) fn update(&mut self, alert: &Alert) {
        let matched = self.judge.again(&alert.matched, &alert.event);
        if matched.is_empty() {
            return;
        }
        self.stats.updates += 1;
        let says = |matched: &[alert::Matched]| -> Vec<Vec<u8>> {
            matched.iter().map(|one| one.output.clone()).collect()
        };
        let changed = alert.changed || says(&matched) != says(&alert.matched);
        let event = Arc::clone(&alert.event);
        let rules = RulesThen::new(self.judge.shared_rules());
        let alert = Alert { event, matched, complete: true, changed, rules };
        self.outlet.offer(Document::Update(alert));
    }
}
