//! First programs of containers that wait longer than other events do: by them a container is
//! judged, once, and what tells of its image may come late.

use std::sync::Arc;

use super::{Line, Outlet, parked::News};
use crate::{
    event::Event,
    limits::{INCOMPLETE_NS, LATE_STARTS},
    policy::Policy,
};

impl<O: Outlet> Line<O> {
    /// What may run from now on; None: whatever is started.
    pub fn judge_images_by(&mut self, policy: Option<Arc<Policy>>) {
        self.enricher.judge_by(policy);
    }

    /// Keeps an event that is to wait longer; else gives it back, to be decided as it is.
    pub(super) fn defer(&mut self, at_ns: u64, mut event: Box<Event>) -> Option<Box<Event>> {
        if !event.policy.is_awaited(&event.container, event.timestamp_ns) {
            return Some(event);
        }
        if self.late.len() < LATE_STARTS {
            self.late.push_back((at_ns, event));
            return None;
        }
        give_up(&mut event);
        Some(event)
    }

    /// Decides those that waited long enough.
    pub(super) fn release_late(&mut self, now_ns: u64) {
        let is_due = |at_ns: u64| now_ns.saturating_sub(at_ns) >= INCOMPLETE_NS;
        while self.late.front().is_some_and(|(at_ns, _)| is_due(*at_ns)) {
            let Some((_, mut event)) = self.late.pop_front() else { return };
            give_up(&mut event);
            self.decide_late(event);
        }
    }

    /// Gives those that wait what became known.
    pub(super) fn look_again_late(&mut self, news: &News<'_>) {
        for _ in 0..self.late.len() {
            let Some((at_ns, mut event)) = self.late.pop_front() else { return };
            if news.is_about(&event) {
                news.tell(&self.enricher, &mut event);
                if !event.policy.is_awaited(&event.container, event.timestamp_ns) {
                    self.decide_late(event);
                    continue;
                }
            }
            self.late.push_back((at_ns, event));
        }
    }

    fn decide_late(&mut self, event: Box<Event>) {
        let verdict = self.judge.decide(&event);
        self.settle(event, verdict);
    }
}

fn give_up(event: &mut Event) {
    let (container, at_ns) = (Arc::clone(&event.container), event.timestamp_ns);
    event.policy.give_up(&container, at_ns);
}
