//! Numbers of the registry, and the containers of which this kernel sees nothing.

use std::{collections::HashSet, sync::Arc};

use super::{Entry, Registry, RegistryStats, State};
use crate::event::Container;

impl Registry {
    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> RegistryStats {
        let containers = || self.containers.values().filter(|e| e.state == State::Container);
        let is_blind = |entry: &&Entry| entry.cgroups > 0 && entry.container.is_blind();
        RegistryStats {
            containers: containers().count(),
            blind: containers().filter(is_blind).count(),
            cgroups: self.cgroups.len(),
            refused: self.refused,
            over_share: self.shares.refused,
            unseen: self.unseen,
        }
    }

    /// The containers that run: a process was in them, and their cgroups are there.
    #[must_use]
    pub fn running(&self) -> Vec<Arc<Container>> {
        let runs = |entry: &&Entry| {
            entry.state == State::Container && entry.cgroups > 0 && entry.is_entered
        };
        let running = self.containers.values().filter(runs).map(|entry| &entry.container);
        let is_seen = |it: &&Arc<Container>| it.is_certain() && !it.is_blind();
        running.filter(is_seen).cloned().collect()
    }

    /// The paths of cgroups that name containers, or may do so, and are there.
    #[must_use]
    pub fn live_paths(&self) -> HashSet<Box<str>> {
        let live = self.containers.values().filter(|entry| entry.cgroups > 0);
        live.map(|entry| entry.container.cgroup_path.clone()).collect()
    }

    /// Whether the path of each cgroup is known that is there, and none found no room.
    #[must_use]
    pub fn has_all_cgroups(&self) -> bool {
        let mut live = self.containers.values().filter(|entry| entry.cgroups > 0);
        let RegistryStats { refused, over_share, .. } = self.stats();
        refused == 0 && over_share == 0 && live.all(|entry| !entry.container.is_unseen())
    }

    /// Whether it is still asked of a cgroup whether it is a container's.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        let mut live = self.containers.values().filter(|entry| entry.cgroups > 0);
        live.any(|entry| entry.state == State::Candidate)
    }

    /// Ids and runtimes of containers of which this kernel sees nothing: so many at most.
    #[must_use]
    pub fn blind(&self, most: usize) -> Vec<(String, String)> {
        let containers = self.containers.values().filter(|e| e.state == State::Container);
        let blind = containers.filter(|entry| entry.cgroups > 0 && entry.container.is_blind());
        let told = blind.map(|Entry { container, .. }| {
            let runtime = container.runtime.known().map_or("", |runtime| &**runtime);
            (container.id.to_string(), runtime.to_owned())
        });
        told.take(most).collect()
    }
}
