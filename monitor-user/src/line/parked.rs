//! What waits for a fact, and what becomes known.

use std::sync::Arc;

use super::{Line, Outlet};
use crate::{
    document::Document,
    enrich::{Enricher, hashes::HashAnswer},
    event::Event,
    judge::Verdict,
    packages::PackageAnswer,
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
    /// To which package a file belongs.
    Package(&'a PackageAnswer),
}

impl News<'_> {
    pub(super) fn is_about(&self, event: &Event) -> bool {
        match self {
            Self::Container(path) => *event.container.cgroup_path == **path,
            Self::Cgroup => event.container.is_unseen(),
            Self::Hash(answer) => answer.is_about(event),
            Self::Package(answer) => answer.is_about(event),
        }
    }

    pub(super) fn tell(&self, enricher: &Enricher, event: &mut Event) {
        match self {
            Self::Container(_) | Self::Cgroup => enricher.refresh(event),
            Self::Hash(answer) => answer.tell(event),
            Self::Package(answer) => event.program_package = answer.package.clone(),
        }
    }
}

impl<O: Outlet> Line<O> {
    /// What comes of an event that waited, if it need not wait any more.
    pub(super) fn decide(&mut self, parked: Parked) -> Result<(), Parked> {
        match parked {
            Parked::Quiet(event) if self.outlet.awaits(&event) => Err(Parked::Quiet(event)),
            Parked::Told(event) if self.outlet.awaits(&event) => Err(Parked::Told(event)),
            Parked::Open(event) => match self.judge.judge(&event) {
                Verdict::Open => Err(Parked::Open(event)),
                verdict => {
                    self.settle(event, verdict);
                    Ok(())
                }
            },
            decided => {
                self.let_go(decided);
                Ok(())
            }
        }
    }

    /// Lets something go that waits no longer, as it is.
    pub(super) fn let_go(&mut self, parked: Parked) {
        match parked {
            Parked::Quiet(event) => self.pass(event),
            Parked::Told(event) => self.outlet.offer(Document::Event(Arc::from(event))),
            Parked::Open(event) => {
                let verdict = self.judge.decide(&event);
                self.settle(event, verdict);
            }
        }
    }
}
