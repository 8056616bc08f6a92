//! What a record changed here, for who leaves out the records that changed nothing.

use super::{ContainerIndex, Registry};

impl Registry {
    /// Cgroups so far that the kernel never told of.
    pub(in crate::enrich) fn unseen_count(&self) -> u64 {
        self.unseen
    }

    /// Whether some process is known to have entered a container.
    pub(in crate::enrich) fn is_entered(&self, index: ContainerIndex) -> bool {
        let entry = self.current(Some(index)).and_then(|index| self.containers.get(&index));
        entry.is_some_and(|entry| entry.is_entered)
    }
}
