//! Which containers were judged by the policy of what may run: each is at the first program that is
//! seen of it. One that ran before the monitor is judged at its next program, and after another
//! policy was read all are judged anew.

use std::sync::Arc;

use super::Enricher;
use crate::{
    event::{Action, Event},
    policy::{Policy, Standing, is_of_runtime},
};

impl Enricher {
    /// What may run from now on; None: whatever is started.
    pub fn judge_by(&mut self, policy: Option<Arc<Policy>>) {
        self.policy = policy;
        self.containers.judge_anew();
    }

    /// Says how the container of an event stands to the policy.
    pub(super) fn stand(&mut self, event: &mut Event) {
        let Some(policy) = &self.policy else { return };
        if event.container.is_host() {
            return;
        }
        let starts = matches!(event.action, Action::Exec { .. }) && !is_of_runtime(&event.process);
        let of = self.processes.get(event.process.key).and_then(|entry| entry.container);
        let at_start = starts && of.is_some_and(|index| self.containers.judge_first(index));
        event.policy = Standing::By { policy: Arc::clone(policy), at_start };
    }
}
