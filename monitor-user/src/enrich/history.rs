//! What a record changed, for who leaves out the records that changed nothing.

use std::sync::Arc;

use super::{Enricher, container::ContainerIndex, process_table::Entry};
use crate::event::ProcessKey;

/// What is known of a process.
#[derive(Default)]
pub struct Known(Option<Entry>);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => {
                Arc::ptr_eq(&one.process, &other.process)
                    && Arc::ptr_eq(&one.ancestors, &other.ancestors)
                    && (one.container, one.way_in) == (other.container, other.way_in)
                    && (one.cgroup, one.ended) == (other.cgroup, other.ended)
            }
            (None, None) => true,
            _ => false,
        }
    }
}

impl Known {
    /// The container that it is in.
    #[must_use]
    pub fn container(&self) -> Option<ContainerIndex> {
        self.0.as_ref()?.container
    }
}

impl Enricher {
    /// What is known of a process now.
    #[must_use]
    pub fn known_of(&self, key: ProcessKey) -> Known {
        Known(self.processes.get(key).cloned())
    }

    /// Cgroups so far that the kernel never told of.
    #[must_use]
    pub fn unseen_cgroups(&self) -> u64 {
        self.containers.unseen_count()
    }

    /// Whether some process is known to have entered a container.
    #[must_use]
    pub fn is_entered(&self, container: ContainerIndex) -> bool {
        self.containers.is_entered(container)
    }
}
