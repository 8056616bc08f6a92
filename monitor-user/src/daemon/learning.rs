//! What is learned while the daemon runs, written down from time to time.

use std::sync::Arc;

use monitor_rules::Priority;

use super::{CountedOutlet, Daemon};
use crate::{
    document::finding,
    event::Action,
    live::Live,
    logging::say,
    profile::{
        Learner, Profile,
        remark::{Remark, RemarkKind},
        shelf::Shelf,
        wanted::Wanted,
    },
};

/// Where it goes, and what it takes.
#[derive(Debug)]
pub struct Learning {
    /// Where profiles are written.
    pub shelf: Shelf,
    /// What has to be seen.
    pub wanted: Arc<Wanted>,
    /// Whether each workload that runs an image has a profile of its own.
    pub by_workload: bool,
}

impl<O: CountedOutlet> Daemon<O> {
    /// Learns what images do, and has it written there.
    pub fn learn_with(&mut self, learning: Learning) {
        self.line.learn(Some(Learner::new(learning.by_workload)));
        self.learning = Some(learning);
    }

    /// Has what was learned so far written.
    pub(super) fn keep_learned(&mut self, live: &mut Live) {
        let profiles = self.learned(live, false);
        if let Some(learning) = &mut self.learning {
            learning.shelf.put(profiles);
        }
    }

    /// The same for the last time.
    pub(super) fn finish_learning(&mut self, live: &mut Live) {
        let profiles = self.learned(live, true);
        let Some(learning) = self.learning.take() else { return };
        let refused = self.line.learner().map_or(0, |it| it.stats().refused);
        for (count, what) in [
            (refused, "events of further images were not learned from: there is room for so many"),
            (learning.shelf.late(), "times what was learned could not be written soon enough"),
        ] {
            if count > 0 {
                say(&format!("{count} {what}"));
            }
        }
        learning.shelf.finish(profiles);
    }

    /// Tells what was found about profiles since the last time.
    pub(super) fn tell_remarks(&mut self) {
        for Remark { kind, container, text } in self.line.take_remarks() {
            let (priority, name) = match kind {
                RemarkKind::Differs => (Priority::Notice, finding::PROFILE_DIFFERS),
                RemarkKind::Burst => (Priority::Warning, finding::PROFILE_BURST),
            };
            self.find_as(priority, name, text, Some(container));
        }
    }

    /// What is learned, in numbers, by their names in heartbeats.
    pub(super) fn learned_numbers(&self) -> Vec<(&'static str, u64)> {
        let stats = self.line.learner().map(Learner::stats).unwrap_or_default();
        let late = self.learning.as_ref().map_or(0, |learning| learning.shelf.late());
        stats.named().into_iter().chain([("learned_written_late", late)]).collect()
    }

    fn learned(&mut self, live: &mut Live, is_end: bool) -> Vec<Profile> {
        let Some(learning) = &self.learning else { return Vec::new() };
        let hooks = live.plan().hooks.iter().filter(|hook| hook.chosen.is_some());
        let seen: Vec<&str> = hooks.map(|hook| hook.kind.name()).collect();
        let kinds = learning.wanted.kinds.iter();
        let kinds = kinds.filter_map(|kind| Action::KINDS.get(usize::from(kind)).copied());
        let unseen: Vec<String> =
            kinds.filter(|kind| !seen.contains(kind)).map(str::to_owned).collect();
        let losses = self.losses(live.kernel().losses().unwrap_or_default());
        let lost = |id: &str| -> u64 {
            let of_it = losses.iter().filter(|(container, _)| container == id);
            of_it.flat_map(|(_, counts)| counts).sum()
        };
        self.line.learner().map(|it| it.profiles(&unseen, &lost, is_end)).unwrap_or_default()
    }
}
