//! What is known of all containers, for who looks at them.

use std::{collections::HashSet, sync::Arc};

use super::{Enricher, container};
use crate::container::Container;

impl Enricher {
    /// Ids and runtimes of containers of which this kernel sees nothing: so many at most.
    #[must_use]
    pub fn blind_containers(&self, most: usize) -> Vec<(String, String)> {
        self.containers.blind(most)
    }

    /// The containers that run and that this kernel sees.
    #[must_use]
    pub fn running(&self) -> Vec<Arc<Container>> {
        self.containers.running()
    }

    /// The paths of cgroups that name containers, or may do so, and are there.
    #[must_use]
    pub fn live_paths(&self) -> HashSet<Box<str>> {
        self.containers.live_paths()
    }

    /// Whether the path of each cgroup is known that is there, and none found no room.
    #[must_use]
    pub fn has_all_cgroups(&self) -> bool {
        self.containers.has_all_cgroups()
    }

    /// Whether it is still asked of a cgroup whether it is a container's.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.containers.is_asking()
    }

    /// State of the container registry, for the counters.
    #[must_use]
    pub fn registry_stats(&self) -> container::RegistryStats {
        self.containers.stats()
    }
}
