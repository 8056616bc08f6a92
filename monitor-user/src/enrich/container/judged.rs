//! Which containers were judged by the policy of what may run.

use super::{ContainerIndex, Registry, State};

impl Registry {
    /// A program started in a container: whether that is to be judged now.
    pub(in crate::enrich) fn judge_first(&mut self, index: ContainerIndex) -> bool {
        let Some(mut index) = self.current(Some(index)) else { return false };
        // A cgroup that a container made for itself is part of it.
        if let Some(entry) = self.containers.get(&index).filter(|it| it.state == State::Part) {
            let Some(above) = self.enclosing(&entry.path) else { return false };
            index = above;
        }
        let entry = self.containers.get_mut(&index);
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.is_judged, true))
    }

    /// What a cgroup turned out to be was judged already, when only its number was known.
    pub(super) fn set_judged(&mut self, index: Option<ContainerIndex>, is_judged: bool) {
        if let Some(entry) = index.and_then(|index| self.containers.get_mut(&index)) {
            entry.is_judged |= is_judged;
        }
    }

    /// Has each judged once more.
    pub(in crate::enrich) fn judge_anew(&mut self) {
        self.containers.values_mut().for_each(|entry| entry.is_judged = false);
    }
}
