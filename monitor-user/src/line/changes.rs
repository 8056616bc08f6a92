//! Containers that did what can change how they are set up.

use std::collections::BTreeSet;

use monitor_rules::KindSet;

use super::{Line, Outlet};
use crate::{
    event::{Action, Event, Outcome},
    limits::CHANGED_CONTAINERS,
};

/// The kinds of event after which a container is looked at again.
const KINDS: [&str; 6] = ["listen", "mount", "setns", "umount", "unshare", "capset"];

/// These kinds, as a set.
#[must_use]
pub fn kinds() -> KindSet {
    let number = |name: &&str| Action::KINDS.iter().position(|known| known == name);
    let numbers = KINDS.iter().filter_map(number).filter_map(|it| u8::try_from(it).ok());
    KindSet::of(&numbers.collect::<Vec<_>>())
}

/// Containers, by the paths of their cgroups, until somebody takes them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    is_on: bool,
    paths: BTreeSet<Box<str>>,
}

impl Changes {
    /// Notes the container of an event, if that changes it. Without room it is looked at in its
    /// turn.
    pub(super) fn note(&mut self, event: &Event) {
        let kind = usize::from(event.action.kind());
        let is_one = self.is_on
            && !event.container.is_host()
            && !matches!(event.outcome, Outcome::Failure(_))
            && Action::KINDS.get(kind).is_some_and(|kind| KINDS.contains(kind));
        if is_one && self.paths.len() < CHANGED_CONTAINERS {
            self.paths.insert(event.container.cgroup_path.clone());
        }
    }
}

impl<O: Outlet> Line<O> {
    /// Whether containers are noted that do what can change how they are set up.
    pub fn note_changes(&mut self, is_on: bool) {
        self.changes.is_on = is_on;
    }

    /// Those that were noted since, by the paths of their cgroups.
    pub fn take_changes(&mut self) -> BTreeSet<Box<str>> {
        std::mem::take(&mut self.changes.paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_those_of_events() {
        assert_eq!(kinds().iter().count(), KINDS.len());
    }
}
