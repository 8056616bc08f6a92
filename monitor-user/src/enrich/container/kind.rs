//! What a container in the registry is: none at all, one inside another, or not known yet.

use super::{ContainerIndex, OVERFLOW, Registry, State};
use crate::event::Container;

impl Registry {
    pub(super) fn is_placeholder(&self, index: ContainerIndex) -> bool {
        let entry = self.containers.get(&index);
        entry.is_some_and(|entry| entry.path.starts_with('?') && entry.found.is_none())
    }

    /// Whether a container only says that nothing is known.
    #[must_use]
    pub fn is_unknown(&self, index: ContainerIndex) -> bool {
        index == OVERFLOW || &*self.get(Some(index)).id == Container::UNKNOWN
    }

    /// Whether a cgroup turned out not to be a container.
    #[must_use]
    pub fn is_host(&self, index: ContainerIndex) -> bool {
        let Some(index) = self.current(Some(index)) else { return true };
        let entry = self.containers.get(&index);
        index != OVERFLOW && entry.is_none_or(|entry| entry.state == State::Host)
    }

    /// Whether it is not known yet if a cgroup is a container.
    #[must_use]
    pub fn is_open(&self, index: ContainerIndex) -> bool {
        let entry = self.current(Some(index)).and_then(|index| self.containers.get(&index));
        entry.is_some_and(|entry| entry.state == State::Candidate)
    }

    /// Whether `inner` runs inside `outer`: a container in a container.
    #[must_use]
    pub fn is_nested(&self, inner: ContainerIndex, outer: ContainerIndex) -> bool {
        let (Some(inner), Some(outer)) = (self.path_of(inner), self.path_of(outer)) else {
            return false;
        };
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    }

    fn path_of(&self, index: ContainerIndex) -> Option<&str> {
        self.containers.get(&self.current(Some(index))?).map(|entry| &*entry.path)
    }
}
