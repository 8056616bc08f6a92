//! Subscribers that come and go while the daemon runs, and with them the hooks that nobody else
//! needs.

use super::{CountedOutlet, Daemon};
use crate::{
    control::{Answer, Refusal, Reply, Watching},
    document::heartbeat::WebCounters,
    limits::SUBSCRIBERS,
    live::Live,
    subscriber::Subscriber,
};

impl<O: CountedOutlet> Daemon<O> {
    /// Tells of requests to the web page, too.
    pub fn count_web(&mut self, counters: Box<dyn Fn() -> WebCounters>) {
        self.web = Some(counters);
    }

    /// Has one more look on, and attaches what it needs.
    pub(super) fn subscribe(&mut self, subscriber: Subscriber, live: &mut Live) -> Answer {
        let wanted = super::record_kinds(subscriber.view().kinds());
        if !self.line.outlet().add(subscriber) {
            let error = format!("{SUBSCRIBERS} look on already: try again when one has ended");
            return Err(Refusal::failure(error));
        }
        self.watch_for_subscribers(live);
        let hooks = live.plan().hooks.iter();
        let unseen = hooks.filter(|hook| hook.chosen.is_none() && wanted.contains(&hook.kind));
        let unseen = unseen.map(|hook| hook.kind.name().to_owned()).collect();
        Ok(Reply::Watching(Watching { unseen }))
    }

    /// Lets go of what only those needed who are gone.
    pub(super) fn forget_subscribers(&mut self, live: &mut Live) {
        if self.line.outlet().forget_gone() {
            self.watch_for_subscribers(live);
        }
    }

    fn watch_for_subscribers(&mut self, live: &mut Live) {
        self.line.look_who_asks();
        let rules = self.line.judge().shared_rules();
        self.watch(&rules, live);
    }
}
