//! The end of the line, with subscribers beside the sinks.

use monitor_rules::KindSet;

use super::Subscriber;
use crate::{
    document::Document, env::EnvKeys, event::Event, limits::SUBSCRIBERS, line::Outlet,
    recorder::Recalled, rules::filter::Asks,
};

/// An end of the line that others look at as well.
pub struct Subscribed<O> {
    inner: O,
    subscribers: Vec<Subscriber>,
}

impl<O: Outlet> Subscribed<O> {
    /// Nobody looks on yet.
    pub fn new(inner: O) -> Self {
        Self { inner, subscribers: Vec::new() }
    }

    /// Where documents go in any case.
    pub fn inner(&mut self) -> &mut O {
        &mut self.inner
    }

    /// The same, for good.
    pub fn into_inner(self) -> O {
        self.inner
    }

    /// Has one more look on; false where too many do already.
    pub fn add(&mut self, subscriber: Subscriber) -> bool {
        let has_room = self.subscribers.len() < SUBSCRIBERS;
        if has_room {
            self.subscribers.push(subscriber);
        }
        has_room
    }

    /// Forgets who is gone; whether anyone is.
    pub fn forget_gone(&mut self) -> bool {
        let before = self.subscribers.len();
        self.subscribers.retain(|subscriber| !subscriber.is_gone());
        self.subscribers.len() < before
    }

    /// How many of the processes that they follow are still there, the first ones left out.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.subscribers.iter().map(|subscriber| subscriber.view().alive()).sum()
    }

    /// How many look on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// The kinds of event that they want.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        let kinds = self.subscribers.iter().map(|subscriber| subscriber.view().kinds());
        kinds.fold(KindSet::EMPTY, KindSet::union)
    }

    /// What they ask of events.
    pub fn asks(&self) -> impl Iterator<Item = Asks<'_>> {
        self.subscribers.iter().map(|subscriber| subscriber.view().asks())
    }

    /// The environment variables that they ask for.
    #[must_use]
    pub fn env_keys(&self) -> EnvKeys {
        let keys = self.subscribers.iter().map(|subscriber| subscriber.view().env_keys());
        keys.fold(EnvKeys::default(), |all, one| all.and(one.names()))
    }
}

impl<O: Outlet> Outlet for Subscribed<O> {
    fn offer(&mut self, document: Document) {
        for subscriber in &mut self.subscribers {
            subscriber.offer(&document);
        }
        if !matches!(document, Document::Event(_)) || self.inner.wants_events() {
            self.inner.offer(document);
        }
    }

    fn recall(&mut self, recalled: Recalled) {
        self.inner.recall(recalled);
    }

    fn wants_events(&self) -> bool {
        self.inner.wants_events()
            || self.subscribers.iter().any(|subscriber| !subscriber.view().alerts)
    }

    fn asks_hash(&self) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.view().asks_hash)
    }

    fn awaits(&self, event: &Event) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.awaits(event))
    }
}
