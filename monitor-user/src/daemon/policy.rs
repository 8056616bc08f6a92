//! The policy of what may run, which is changed between two events.

use std::sync::Arc;

use super::{CountedOutlet, Daemon};
use crate::{document::finding, logging::say, policy::Policy, reload::Reloader};

impl<O: CountedOutlet> Daemon<O> {
    /// Has images judged by what comes from there.
    pub fn judge_images_with(&mut self, reload: Reloader<Arc<Policy>>) {
        self.policy = Some(reload);
    }

    /// Takes a policy that was read again; one that is bad changes nothing.
    pub(super) fn reload_policy(&mut self, is_asked: bool) {
        let Some(reloader) = &self.policy else { return };
        if is_asked {
            reloader.ask();
        }
        match reloader.take() {
            None => {}
            Some(Ok(policy)) => {
                self.reloads.policy_taken += 1;
                self.health.policy_refused = false;
                self.line.judge_images_by(Some(policy));
                say("read the policy of images again: each container is judged by it once more");
            }
            Some(Err(why)) => {
                self.reloads.policy_refused += 1;
                self.health.policy_refused = true;
                let text = format!("the old policy of images stays: {why}");
                say(&text);
                self.find(finding::POLICY_REFUSED, text);
            }
        }
    }
}
