//! The flight recorder: the events of the last seconds, of which those around an alert are kept.
//!
//! Events come in as the line passes them, what is to be kept goes out. Time is that of the events.
//! It asks the kernel for nothing, waits for nobody, and holds no more than it is told to.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    alert::Alert,
    event::{Container, Event, EventId, Process, ProcessKey},
    limits::{STORIES, STORY_BURST, STORY_EVENTS, STORY_RATE},
    line::size,
};

#[cfg(test)]
mod tests;

/// Events that are to be kept for an alert.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// The alert.
    pub alert: EventId,
    /// They, the oldest first.
    pub events: Vec<Arc<Event>>,
}

/// How much is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderOptions {
    /// Time before and after an alert, nanoseconds.
    pub window_ns: u64,
    /// Bytes of events that are held, approximately.
    pub bytes_max: usize,
}

/// What the recorder holds, and what it could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderStats {
    /// Events that are held.
    pub events: u64,
    /// Bytes that they take, approximately.
    pub bytes: u64,
    /// Events that went for lack of room before their time was over.
    pub evicted: u64,
    /// Alerts for which nothing was kept: too many came at once.
    pub refused: u64,
    /// Events around alerts that were not kept, since there were too many.
    pub left_out: u64,
    /// Alerts of which not all was kept that followed, since too many others came.
    pub cut: u64,
}

impl RecorderStats {
    /// By their names in heartbeats.
    #[must_use]
    pub fn named(self) -> [(&'static str, u64); 6] {
        [
            ("recorder_events", self.events),
            ("recorder_bytes", self.bytes),
            ("recorder_evicted", self.evicted),
            ("recorder_alerts_refused", self.refused),
            ("recorder_left_out", self.left_out),
            ("recorder_alerts_cut", self.cut),
        ]
    }
}

/// The flight recorder.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    /// The oldest first.
    held: VecDeque<Held>,
    /// Alerts of which what follows is kept, the oldest first.
    open: VecDeque<Open>,
    tokens: Tokens,
    stats: RecorderStats,
}

/// An event of the last seconds.
#[derive(Debug)]
struct Held {
    event: Arc<Event>,
    bytes: usize,
    /// It was kept for an alert: it is not once more.
    is_kept: bool,
}

/// An alert of which what follows is kept.
#[derive(Debug)]
struct Open {
    alert: EventId,
    scene: Scene,
    until_ns: u64,
    room: Room,
}

/// How many events of each sort may still be kept.
#[derive(Debug)]
struct Room {
    tree: usize,
    container: usize,
}

impl Room {
    const FULL: Self = Self { tree: STORY_EVENTS, container: STORY_EVENTS / 4 };

    /// Takes a place, if there is one.
    fn take(&mut self, nearness: Nearness) -> bool {
        let left = match nearness {
            Nearness::Tree => &mut self.tree,
            Nearness::Container => &mut self.container,
        };
        let has_any = *left > 0;
        *left = left.saturating_sub(1);
        has_any
    }
}

/// How near an event is to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nearness {
    /// Of the same process tree.
    Tree,
    /// In the same container.
    Container,
}

/// What an event has to do with to be near an alert.
#[derive(Debug)]
struct Scene {
    /// The process that all of the tree come from.
    top: ProcessKey,
    /// The processes that it comes from in turn.
    above: Vec<ProcessKey>,
    container: Arc<Container>,
    is_host: bool,
}

/// The process that the tree of an event comes from: the parent of who did it, where that is not
/// what everything on the host or in the container comes from.
#[must_use]
pub fn tree_top(event: &Event) -> ProcessKey {
    let starts_all = |process: &Process| process.key.pid == 1 || process.namespace_pid == 1;
    let parent = event.ancestors.first().filter(|parent| !starts_all(parent));
    parent.map_or(event.process.key, |parent| parent.key)
}

impl Scene {
    fn of(event: &Event) -> Self {
        let top = tree_top(event);
        let above = event.ancestors.iter().filter(|process| process.key != top);
        Self {
            top,
            above: above.map(|process| process.key).collect(),
            container: Arc::clone(&event.container),
            is_host: event.container.is_host(),
        }
    }

    fn nearness(&self, event: &Event) -> Option<Nearness> {
        let actor = event.process.key;
        let is_below = || event.ancestors.iter().any(|process| process.key == self.top);
        if actor == self.top || self.above.contains(&actor) || is_below() {
            return Some(Nearness::Tree);
        }
        (!self.is_host && event.container.id == self.container.id).then_some(Nearness::Container)
    }
}

impl Recorder {
    /// One that holds nothing yet.
    #[must_use]
    pub fn new(options: RecorderOptions) -> Self {
        Self {
            options,
            held: VecDeque::new(),
            open: VecDeque::new(),
            tokens: Tokens::default(),
            stats: RecorderStats::default(),
        }
    }

    /// Takes an event; what follows from it for an alert before it.
    pub fn take(&mut self, event: &Arc<Event>) -> Option<Recalled> {
        let alert = self.wanted_by(event);
        self.hold(event, alert.is_some());
        alert.map(|alert| Recalled { alert, events: vec![Arc::clone(event)] })
    }

    /// Takes the event of an alert that left; what is kept of the time before it.
    pub fn alert(&mut self, alert: &Alert) -> Option<Recalled> {
        let event = &alert.event;
        // Its own event is in the alert.
        self.hold(event, true);
        if !self.tokens.take(event.boottime_ns) {
            self.stats.refused += 1;
            return None;
        }
        let scene = Scene::of(event);
        let events = self.before(&scene, event.boottime_ns);
        if self.open.len() >= STORIES {
            self.open.pop_front();
            self.stats.cut += 1;
        }
        let until_ns = event.boottime_ns.saturating_add(self.options.window_ns);
        self.open.push_back(Open { alert: alert.id(), scene, until_ns, room: Room::FULL });
        (!events.is_empty()).then(|| Recalled { alert: alert.id(), events })
    }

    /// What it holds, and what it could not.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        RecorderStats { events: self.held.len() as u64, ..self.stats }
    }

    /// The alert of which this is what followed.
    fn wanted_by(&mut self, event: &Event) -> Option<EventId> {
        while self.open.front().is_some_and(|open| open.until_ns < event.boottime_ns) {
            self.open.pop_front();
        }
        for open in &mut self.open {
            let Some(nearness) = open.scene.nearness(event) else { continue };
            if open.room.take(nearness) {
                return Some(open.alert);
            }
            self.stats.left_out += 1;
        }
        None
    }

    /// What is near an alert of the time before it and is not kept yet, the oldest first. What was
    /// just before it counts more than what was long before.
    fn before(&mut self, scene: &Scene, at_ns: u64) -> Vec<Arc<Event>> {
        let since_ns = at_ns.saturating_sub(self.options.window_ns);
        let mut room = Room::FULL;
        let mut events = Vec::new();
        for held in self.held.iter_mut().rev() {
            if held.is_kept || held.event.boottime_ns < since_ns {
                continue;
            }
            let Some(nearness) = scene.nearness(&held.event) else { continue };
            if room.take(nearness) {
                held.is_kept = true;
                events.push(Arc::clone(&held.event));
            } else {
                self.stats.left_out += 1;
            }
        }
        events.reverse();
        events
    }

    fn hold(&mut self, event: &Arc<Event>, is_kept: bool) {
        let since_ns = event.boottime_ns.saturating_sub(self.options.window_ns);
        while self.held.front().is_some_and(|oldest| oldest.event.boottime_ns < since_ns) {
            self.let_go();
        }
        let bytes = size(event);
        self.held.push_back(Held { event: Arc::clone(event), bytes, is_kept });
        self.stats.bytes += bytes as u64;
        while self.stats.bytes > self.options.bytes_max as u64 {
            self.stats.evicted += 1;
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        if let Some(oldest) = self.held.pop_front() {
            self.stats.bytes = self.stats.bytes.saturating_sub(oldest.bytes as u64);
        }
    }
}

/// How many alerts may have their story looked for: a search looks at all that is held.
#[derive(Debug)]
struct Tokens {
    left_ns: u64,
    at_ns: u64,
}

/// What one takes, nanoseconds of time.
const TOKEN_NS: u64 = 1_000_000_000 / STORY_RATE;

impl Default for Tokens {
    fn default() -> Self {
        Self { left_ns: STORY_BURST * TOKEN_NS, at_ns: 0 }
    }
}

impl Tokens {
    fn take(&mut self, now_ns: u64) -> bool {
        let came = now_ns.saturating_sub(self.at_ns);
        self.at_ns = self.at_ns.max(now_ns);
        self.left_ns = self.left_ns.saturating_add(came).min(STORY_BURST * TOKEN_NS);
        match self.left_ns.checked_sub(TOKEN_NS) {
            Some(left_ns) => {
                self.left_ns = left_ns;
                true
            }
            None => false,
        }
    }
}
