//! Containers about which somebody did not answer in time: a runtime that was busy, hung, or was
//! started anew. They are told of as far as they are known, and asked about again after a while.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    container::Container,
    enrich::container::{ContainerFacts, Lookup},
    event::Reason,
    limits::ASKED_AGAIN,
};

/// The wait before each question; after the last it stays as it is.
const WAITS: [Duration; 8] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(300),
    Duration::from_secs(300),
    Duration::from_secs(300),
];

/// One of them.
pub(super) struct Open {
    at: Instant,
    /// Questions after the first.
    asked: usize,
    pub(super) lookup: Lookup,
    told: ContainerFacts,
}

/// Those that are asked about again.
#[derive(Default)]
pub(super) struct Again {
    waiting: VecDeque<Open>,
}

/// There is no room for another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Again {
    /// Takes note of what was told first of a container.
    pub(super) fn note(
        &mut self,
        lookup: &Lookup,
        told: &ContainerFacts,
        now: Instant,
    ) -> Result<(), NoRoom> {
        let (lookup, told) = (lookup.clone(), told.clone());
        self.keep(Open { at: now, asked: 0, lookup, told }, now)
    }

    /// What is to be told after it was asked again: None where nothing more is known. Of what is
    /// gone by now nothing is found, which says less than what was told.
    pub(super) fn compare(
        &mut self,
        open: Open,
        found: ContainerFacts,
        now: Instant,
    ) -> Option<ContainerFacts> {
        let is_there = found.container.as_deref().is_some_and(|it| it.image.known().is_some());
        let is_news = is_there && found != open.told;
        let told = if is_news { found.clone() } else { open.told };
        // There was room for it before.
        let _kept = self.keep(Open { told, asked: open.asked + 1, ..open }, now);
        is_news.then_some(found)
    }

    /// Keeps one, if something is to be asked.
    fn keep(&mut self, open: Open, now: Instant) -> Result<(), NoRoom> {
        let is_open = open.told.container.as_deref().is_some_and(is_unanswered);
        let Some(wait) = WAITS.get(open.asked).filter(|_| is_open) else { return Ok(()) };
        if self.waiting.len() >= ASKED_AGAIN {
            return Err(NoRoom);
        }
        self.waiting.push_back(Open { at: now + *wait, ..open });
        Ok(())
    }

    /// When the next is asked about.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.iter().map(|it| it.at).min()
    }

    /// One for which it is time.
    pub(super) fn take(&mut self, now: Instant) -> Option<Open> {
        let due = self.waiting.iter().position(|it| it.at <= now)?;
        self.waiting.remove(due)
    }
}

/// Whether somebody did not answer who knows what a container is.
pub(super) fn is_unanswered(container: &Container) -> bool {
    container.facts().any(|(_, fact)| fact.reason() == Some(Reason::NoAnswer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Fact, FactSource};

    fn facts(image: Fact<Box<str>>, digest: Fact<Box<str>>) -> ContainerFacts {
        let unknown = Container::unknown("/x", Reason::NotInBundle);
        let container = Container { image, image_digest: digest, ..unknown };
        ContainerFacts { cgroup_path: "/x".into(), container: Some(Arc::new(container)) }
    }

    fn known(text: &str) -> Fact<Box<str>> {
        Fact::Known(text.into(), FactSource::Containerd)
    }

    const SILENT: Fact<Box<str>> = Fact::Unknown(Reason::NoAnswer);

    #[test]
    fn who_did_not_answer_is_asked_until_it_does() {
        let lookup =
            Lookup { cgroup_path: "/x".into(), id: "x".into(), is_nested: false, unseen: None };
        let (mut again, begun) = (Again::default(), Instant::now());
        assert_eq!(again.note(&lookup, &facts(known("i"), known("d")), begun), Ok(()));
        assert_eq!(again.due(), None);
        assert_eq!(again.note(&lookup, &facts(SILENT, SILENT), begun), Ok(()));
        assert!(again.take(begun + Duration::from_secs(1)).is_none());
        let mut now = begun + Duration::from_secs(2);
        // It is silent still, or the container's files are not to be seen: that is no news.
        for found in [facts(SILENT, SILENT), facts(Fact::Unknown(Reason::NoBundle), SILENT)] {
            let open = again.take(now).unwrap();
            assert_eq!(again.compare(open, found, now), None);
            now = again.due().unwrap();
        }
        let open = again.take(now).unwrap();
        let half = facts(known("i"), SILENT);
        assert_eq!(again.compare(open, half.clone(), now), Some(half.clone()));
        now = again.due().unwrap();
        let open = again.take(now).unwrap();
        assert_eq!(again.compare(open, half, now), None, "it was told");
        now = again.due().unwrap();
        let (open, all) = (again.take(now).unwrap(), facts(known("i"), known("d")));
        assert_eq!(again.compare(open, all.clone(), now), Some(all));
        assert_eq!(again.due(), None, "nothing is left to ask");
    }

    #[test]
    fn it_ends_where_nobody_ever_answers_or_there_is_no_room() {
        let lookup =
            Lookup { cgroup_path: "/x".into(), id: "x".into(), is_nested: false, unseen: None };
        let (mut again, mut now) = (Again::default(), Instant::now());
        again.note(&lookup, &facts(SILENT, SILENT), now).unwrap();
        let mut asked = 0;
        while let Some(due) = again.due() {
            now = due;
            let open = again.take(now).unwrap();
            assert_eq!(again.compare(open, facts(SILENT, SILENT), now), None);
            asked += 1;
        }
        assert_eq!(asked, WAITS.len());
        for _ in 0..ASKED_AGAIN {
            again.note(&lookup, &facts(SILENT, SILENT), now).unwrap();
        }
        assert_eq!(again.note(&lookup, &facts(SILENT, SILENT), now), Err(NoRoom));
    }
}
