//! What is noted of events beside what rules make of them: which containers did what can change how
//! they are set up, and which files are used.

use std::collections::BTreeSet;

use monitor_rules::KindSet;

use super::{Line, Outlet};
use crate::{
    event::{Action, Event, Outcome},
    limits::CHANGED_CONTAINERS,
    usage::Book,
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

/// What is noted.
#[derive(Debug, Default)]
pub(super) struct Beside {
    notes_changes: bool,
    /// Containers, by the paths of their cgroups, until somebody takes them.
    changed: BTreeSet<Box<str>>,
    /// Which files are used, if that is noted.
    book: Option<Book>,
}

impl Beside {
    /// Notes what is to be noted of an event.
    pub(super) fn note(&mut self, event: &Event) {
        self.note_change(event);
        if let Some(book) = &mut self.book {
            book.note(event);
        }
    }

    /// Notes the container of an event, if that changes it. Without room it is looked at in its
    /// turn.
    fn note_change(&mut self, event: &Event) {
        let kind = usize::from(event.action.kind());
        let is_one = self.notes_changes
            && !event.container.is_host()
            && !matches!(event.outcome, Outcome::Failure(_))
            && Action::KINDS.get(kind).is_some_and(|kind| KINDS.contains(kind));
        if is_one && self.changed.len() < CHANGED_CONTAINERS {
            self.changed.insert(event.container.cgroup_path.clone());
        }
    }
}

impl<O: Outlet> Line<O> {
    /// Whether containers are noted that do what can change how they are set up.
    pub fn note_changes(&mut self, is_on: bool) {
        self.beside.notes_changes = is_on;
    }

    /// Whether some were noted since.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.beside.changed.is_empty()
    }

    /// Those that were noted since, by the paths of their cgroups.
    pub fn take_changes(&mut self) -> BTreeSet<Box<str>> {
        std::mem::take(&mut self.beside.changed)
    }
}

impl<O: Outlet> Line<O> {
    /// Has it noted which files are used, in this book.
    pub fn note_usage(&mut self, book: Book) {
        self.beside.book = Some(book);
    }

    /// Which files are used, if that is noted.
    pub fn usage(&mut self) -> Option<&mut Book> {
        self.beside.book.as_mut()
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
