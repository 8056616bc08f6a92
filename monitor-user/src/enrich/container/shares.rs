//! How much of the registry one container or one user may take: whoever may make cgroups can make
//! any number of them.

use std::{collections::HashMap, sync::Arc};

use super::{ContainerIndex, Entry, OVERFLOW, Registry, State};
use crate::{
    enrich::cgroup_path,
    event::{Container, Reason},
    limits::{CGROUPS_OF_ONE, CONTAINERS_IN_ONE},
};

/// Path of an outermost container, or of a user's slice.
pub(super) type Owner = Arc<str>;

/// What each owner takes.
#[derive(Default)]
pub(super) struct Shares {
    of: HashMap<Owner, Share>,
    /// Cgroups and containers that were over the share of their owner.
    pub(super) refused: u64,
}

#[derive(Default)]
struct Share {
    cgroups: usize,
    containers: usize,
}

impl Shares {
    /// Takes room for a cgroup; None if its owner has as many as may be.
    pub(super) fn take_cgroup(&mut self, owner: Option<&str>) -> Option<Option<Owner>> {
        let Some(owner) = owner else { return Some(None) };
        let known = self.of.get_key_value(owner).map(|(owner, _)| Arc::clone(owner));
        let owner = known.unwrap_or_else(|| owner.into());
        let share = self.of.entry(Arc::clone(&owner)).or_default();
        if share.cgroups >= CGROUPS_OF_ONE {
            self.refused += 1;
            return None;
        }
        share.cgroups += 1;
        Some(Some(owner))
    }

    /// Takes room for a container; false if its owner has as many as may be.
    pub(super) fn take_container(&mut self, owner: &Owner) -> bool {
        let share = self.of.entry(Arc::clone(owner)).or_default();
        if share.containers >= CONTAINERS_IN_ONE {
            self.refused += 1;
            return false;
        }
        share.containers += 1;
        true
    }

    pub(super) fn give_cgroup(&mut self, owner: Option<&Owner>) {
        self.give(owner, |share| &mut share.cgroups);
    }

    pub(super) fn give_container(&mut self, owner: Option<&Owner>) {
        self.give(owner, |share| &mut share.containers);
    }

    fn give(&mut self, owner: Option<&Owner>, what: impl Fn(&mut Share) -> &mut usize) {
        let Some(owner) = owner else { return };
        let Some(share) = self.of.get_mut(owner) else { return };
        let taken = what(share);
        *taken = taken.saturating_sub(1);
        if share.cgroups == 0 && share.containers == 0 {
            self.of.remove(owner);
        }
    }
}

/// What stands for the path of those in a container that found no room. No cgroup has such a path.
pub(super) fn crowd_path(owner: &str) -> Box<str> {
    format!("{owner}//").into()
}

impl Registry {
    /// The outermost container in the path of a cgroup, or the slice of the user whose it is.
    pub(super) fn owner<'p>(&self, path: &'p str) -> Option<&'p str> {
        let is_known = |part: &&str| {
            let entry = self.by_path.get(*part).and_then(|index| self.containers.get(index));
            entry.is_some_and(|it| it.state == State::Container)
        };
        let known = cgroup_path::parts(path).find(is_known);
        [known, cgroup_path::outermost(path)].into_iter().flatten().min_by_key(|part| part.len())
    }

    /// What the processes are in of those in a container that found no room: that container, of
    /// which too much is asked to tell more.
    pub(super) fn crowd(&mut self, owner: &str) -> ContainerIndex {
        let path = crowd_path(owner);
        if let Some(known) = self.by_path.get(&path) {
            return *known;
        }
        let outermost = self.by_path.get(owner).and_then(|index| self.containers.get(index));
        let Some(Entry { container, .. }) = outermost else { return OVERFLOW };
        // Not the outer one's path: facts about that one are not about those inside of it.
        let unknown = Container::unknown(&path, Reason::TooMany);
        let container = Container { id: container.id.clone(), ..unknown };
        self.insert(Arc::new(container), path, State::Crowd, None)
    }
}
