//! Rules and sinks that are changed while the daemon runs, between two events.

use std::sync::Arc;

use monitor_rules::KindSet;

use super::{CountedOutlet, Daemon, Kept, kernel_filter, record_kinds};
use crate::{
    bpf::kernel_side::Kernel,
    document::{finding, heartbeat::Reloads},
    live::{Live, boottime_ns},
    logging::{count, say},
    reload::Reloader,
    rules::{Rules, filter::Asks},
    sink::exchange::Change,
};

/// Where sinks come from that are to be used instead of those that are there.
pub trait SinkSource {
    /// Has the configuration read again.
    fn ask(&self);

    /// What the configuration has, if it was read again: other sinks, or those that are there.
    ///
    /// # Errors
    ///
    /// It cannot be used: why, for people.
    fn take(&mut self, kernel: &mut dyn Kernel) -> Option<Result<Option<Change>, String>>;

    /// Says whether those that were taken last are in use now. How many sinks there are now, and
    /// which kinds of event they want whatever the rules.
    fn settle(&mut self, is_taken: bool) -> (usize, KindSet);
}

impl<O: CountedOutlet> Daemon<O> {
    /// Has rules and sinks read again if that is asked for, and takes them once they are read.
    pub(super) fn reload(&mut self, live: &mut Live) {
        let is_asked = live.wants_reload();
        if is_asked {
            self.reload.iter().for_each(|(_, reloader)| reloader.ask());
            self.sink_source.iter().for_each(|source| source.ask());
            self.profiles.iter().for_each(Reloader::ask);
        }
        self.reload_rules(live);
        self.reload_profiles();
        self.reload_sinks(live);
        self.reload_policy(is_asked);
    }

    fn reload_rules(&mut self, live: &mut Live) {
        let Some((_, reloader)) = &self.reload else { return };
        match reloader.take() {
            None => {}
            Some(Ok(rules)) => {
                self.reloads.rules_taken += 1;
                self.health.rules_refused = false;
                self.set_rules(rules, live);
            }
            Some(Err(why)) => {
                self.reloads.rules_refused += 1;
                self.health.rules_refused = true;
                let text = format!("the old rules stay: {why}");
                say(&text);
                self.find(finding::RULES_REFUSED, text);
            }
        }
    }

    fn reload_profiles(&mut self) {
        match self.profiles.as_ref().and_then(Reloader::take) {
            None => {}
            Some(Ok(profiles)) => {
                self.reloads.profiles_taken += 1;
                say(&format!("read the profiles again: {}", count(profiles.len(), "profile")));
                self.line.expect(profiles);
            }
            Some(Err(why)) => {
                self.reloads.profiles_refused += 1;
                let text = format!("the old profiles stay: {why}");
                say(&text);
                self.find(finding::PROFILES_REFUSED, text);
            }
        }
    }

    fn reload_sinks(&mut self, live: &mut Live) {
        let Some(mut source) = self.sink_source.take() else { return };
        match self.line.outlet().inner().take_outcome() {
            None => {}
            Some(Ok(())) => {
                let (sinks, kinds) = source.settle(true);
                self.reloads.sinks_taken += 1;
                self.health.sinks_refused = false;
                say(&format!("changed the sinks: {}", count(sinks, "sink")));
                self.watch_kinds(kinds, live);
            }
            Some(Err(why)) => {
                source.settle(false);
                self.refuse_sinks(&why);
            }
        }
        match source.take(live.kernel()) {
            None => {}
            Some(Err(why)) => self.refuse_sinks(&why),
            Some(Ok(None)) => self.health.sinks_refused = false,
            Some(Ok(Some(change))) => {
                if let Err(error) = self.line.outlet().inner().change(change) {
                    source.settle(false);
                    self.refuse_sinks(&error.to_string());
                }
            }
        }
        self.sink_source = Some(source);
    }

    fn refuse_sinks(&mut self, why: &str) {
        self.reloads.sinks_refused += 1;
        self.health.sinks_refused = true;
        let text = format!("the old sinks stay: {why}");
        say(&text);
        self.find(finding::SINKS_REFUSED, text);
    }

    /// Swaps the rules between two events, and attaches the hooks that the new ones need.
    fn set_rules(&mut self, rules: Arc<Rules>, live: &mut Live) {
        self.watch(&rules, live);
        self.rules = rules.rules().iter().filter(|rule| rule.enabled).count();
        self.line.set_rules(Arc::clone(&rules));
        self.check_rules();
        say(&format!("read the rules again: {}", count(rules.rules().len(), "rule")));
    }

    /// Attaches the hooks that kinds of event need which are wanted whatever the rules.
    fn watch_kinds(&mut self, kinds: KindSet, live: &mut Live) {
        let Some((kept, _)) = &mut self.reload else { return };
        if kept.kinds == kinds {
            return;
        }
        kept.kinds = kinds;
        let rules = self.line.judge().shared_rules();
        self.watch(&rules, live);
    }

    /// Has the kernel tell of what these rules, the sinks and the subscribers want.
    pub(super) fn watch(&mut self, rules: &Rules, live: &mut Live) {
        let Some((kept, _)) = &self.reload else { return };
        let Kept { kinds, filters, changes, ref wanted, .. } = *kept;
        let subscribed = self.line.outlet();
        let env_keys = kept.env_keys.and(crate::rules::env_keys(rules));
        let env_keys = env_keys.and(subscribed.env_keys().names());
        let learns = wanted.iter().map(|wanted| wanted.asks());
        let asks: Vec<Asks<'_>> = subscribed.asks().chain(learns).collect();
        let filter = kernel_filter(rules, &asks, filters && kinds.is_empty());
        let learned = wanted.iter().fold(KindSet::EMPTY, |kinds, it| kinds.union(it.kinds));
        let kinds = kinds.union(subscribed.kinds()).union(learned).union(changes);
        let kinds = record_kinds(crate::rules::needed_kinds(rules).union(kinds));
        let kernel = live.kernel();
        if let Err(error) = kernel.keep_env(&env_keys) {
            let error = anyhow::Error::from(error);
            self.find(finding::HOOKS_REFUSED, format!("variables are not asked for: {error:#}"));
        }
        self.line.keep_env(env_keys);
        // The filter comes last. Till then the old one leaves out what it knows no rule for: the
        // new rules are not in use yet either.
        let watched = kernel.set_kinds(&kinds);
        self.line.leave_out(&kernel.take_canary_pids(), boottime_ns());
        // Whatever came of that: the old filter is not for the new rules.
        let refused = [watched, kernel.set_filter(&filter)].into_iter().filter_map(Result::err);
        let refused = refused.map(|error| format!("{:#}", anyhow::Error::from(error)));
        self.health.hooks_refused = refused.collect();
        for text in self.health.hooks_refused.clone() {
            self.find(finding::HOOKS_REFUSED, text);
        }
    }

    /// Tells of what the rules ask for that the configuration has switched off: when the daemon
    /// starts, and whenever they are read again.
    pub fn check_rules(&mut self) {
        if self.line.asks_hash_in_vain() {
            let text = "proc.exe_sha256 is unknown, and rules that ask for it do not fire: the \
                        configuration has `hash: off`; set it to `rules`"
                .to_owned();
            say(&text);
            self.find(finding::HASH_OFF, text);
        }
    }

    /// What came of reading rules and sinks again.
    pub(super) fn reloads(&self) -> Reloads {
        self.reloads
    }
}
