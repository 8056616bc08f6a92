//! What waits for a fact, and what becomes known.

use crate::{
    enrich::{Enricher, hashes::HashAnswer},
    event::Event,
};

/// An event that waits for a fact.
pub(super) enum Parked {
    /// A rule cannot be decided without it.
    Open(Box<Event>),
    /// No rule alerts; who wants events wants it, if at all, with the fact.
    Quiet(Box<Event>),
    /// The alert has left; who wants events wants it as above.
    Told(Box<Event>),
}

impl Parked {
    pub(super) fn event(&mut self) -> &mut Event {
        match self {
            Self::Open(event) | Self::Quiet(event) | Self::Told(event) => event,
        }
    }
}

/// What became known.
pub(super) enum News<'a> {
    /// The facts about a container, by the path of its cgroup.
    Container(&'a str),
    /// The path of a cgroup that was never told of.
    Cgroup,
    /// The hash of a file.
    Hash(&'a HashAnswer),
}

impl News<'_> {
    pub(super) fn is_about(&self, event: &Event) -> bool {
        match self {
            Self::Container(path) => *event.container.cgroup_path == **path,
            Self::Cgroup => event.container.is_unseen(),
            Self::Hash(answer) => answer.is_about(event),
        }
    }

    pub(super) fn tell(&self, enricher: &Enricher, event: &mut Event) {
        match self {
            Self::Container(_) | Self::Cgroup => enricher.refresh(event),
            Self::Hash(answer) => answer.tell(event),
        }
    }
}
