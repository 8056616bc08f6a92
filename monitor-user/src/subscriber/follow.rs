//! One process, and all that descend from it.

use std::collections::{HashSet, VecDeque};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    event::{Action, Event, ProcessKey},
    limits::FOLLOWED,
};

/// Whom to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Process id.
    pub pid: u32,
    /// Its children as well, and theirs.
    pub children: bool,
    /// What happened before is left out, nanoseconds since boot.
    pub since_ns: u64,
}

impl Root {
    /// It, as [`Deserialize`] reads it.
    pub(super) fn value(self) -> Value {
        let Self { pid, children, since_ns } = self;
        json!({ "pid": pid, "children": children, "since_ns": since_ns })
    }
}

/// Who belongs to it so far.
pub(super) struct Follow {
    root: Root,
    /// Whose id it was when it was first seen: whoever has that id later is someone else.
    key: Option<ProcessKey>,
    known: HashSet<ProcessKey>,
    /// The same, the oldest first.
    order: VecDeque<ProcessKey>,
}

impl Follow {
    pub(super) fn new(root: Root) -> Self {
        Self { root, key: None, known: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether an event is of one of them. Who was created by one of them is one from then on.
    pub(super) fn includes(&mut self, event: &Event) -> bool {
        if event.boottime_ns < self.root.since_ns {
            return false;
        }
        let of_process = event.process.key;
        let is_one = self.is_root(of_process)
            || self.root.children
                && (self.known.contains(&of_process)
                    || event.ancestors.iter().any(|ancestor| {
                        self.known.contains(&ancestor.key) || self.is_root(ancestor.key)
                    }));
        if let (true, Action::Fork { child }) = (is_one && self.root.children, &event.action) {
            self.add(*child);
        }
        is_one
    }

    /// How many of those that were created are still there.
    pub(super) fn alive(&self) -> usize {
        self.known.iter().filter(|key| is_alive(key)).count()
    }

    fn is_root(&mut self, key: ProcessKey) -> bool {
        key.pid == self.root.pid && *self.key.get_or_insert(key) == key
    }

    /// Where there are too many the oldest are known by their ancestors only.
    fn add(&mut self, key: ProcessKey) {
        if self.order.len() >= FOLLOWED {
            self.order.pop_front().iter().for_each(|oldest| {
                self.known.remove(oldest);
            });
        }
        if self.known.insert(key) {
            self.order.push_back(key);
        }
    }
}

/// Clock ticks of /proc, nanoseconds.
const TICK_NS: u64 = 10_000_000;

/// Whether a process is there and has not ended. It began when it says, to a tick.
fn is_alive(key: &ProcessKey) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", key.pid)).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(") ") else { return false };
    let mut fields = fields.split(' ');
    // State is the third of all, the start the twenty-second (proc(5)).
    let (state, start) = (fields.next(), fields.nth(18).and_then(|it| it.parse::<u64>().ok()));
    let began_ns = start.unwrap_or_default().saturating_mul(TICK_NS);
    state != Some("Z") && began_ns.abs_diff(key.start_ns) <= 2 * TICK_NS
}
