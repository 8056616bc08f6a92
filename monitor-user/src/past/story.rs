//! What was done around an alert: events that the flight recorder kept, and other alerts.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    document,
    found::Found,
    id_of,
    look::{items, text},
};
use crate::{
    document::history::short_id,
    limits::{FLIGHT_SECONDS_RANGE, STORY_EVENTS},
    store::record::{Kind, Record},
};

/// What was done, in order.
pub struct Story {
    /// It, the oldest first.
    pub acts: Vec<Told>,
    /// There were more than are shown.
    pub is_cut: bool,
}

/// An act of the story.
pub struct Told {
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Of the same process tree; otherwise only in the same container.
    pub is_tree: bool,
    /// Of an ancestor beyond the parent.
    pub is_far: bool,
    /// The short id, of another alert.
    pub alert: Option<String>,
    /// All that is kept of it.
    pub document: Value,
}

/// What belongs to the story of an alert.
struct Scene {
    id: String,
    /// Processes of the chain, and the one that the tree comes from.
    chain: HashSet<String>,
    top: String,
    /// Ancestors beyond the parent.
    far: HashSet<String>,
    container: String,
    since_ns: i64,
    until_ns: i64,
}

/// Acts that are told before an alert, and after it: those nearest to it.
const MOST: usize = 2 * STORY_EVENTS;

/// A story that is put together, record after record.
pub struct Teller {
    scene: Scene,
    at_ns: i64,
    acts: Vec<Told>,
    seen: HashSet<String>,
    is_cut: bool,
}

impl Teller {
    /// Of an alert.
    #[must_use]
    pub fn of(found: &Found) -> Self {
        Self {
            scene: Scene::of(found),
            at_ns: found.past.timestamp_ns,
            acts: Vec::new(),
            seen: HashSet::new(),
            is_cut: false,
        }
    }

    /// Takes what a record tells of it.
    pub fn take(&mut self, record: &Record) {
        let Some(told) = self.scene.tell(record) else { return };
        if self.seen.insert(record.id.clone()) {
            self.acts.push(told);
        }
        if self.acts.len() > 4 * MOST {
            self.is_cut |= keep_nearest(&mut self.acts, self.at_ns);
        }
    }

    /// All of it.
    #[must_use]
    pub fn end(mut self) -> Story {
        let is_cut = keep_nearest(&mut self.acts, self.at_ns) || self.is_cut;
        Story { acts: self.acts, is_cut }
    }
}

impl Story {
    /// What is worth a line.
    pub fn shown(&self) -> impl Iterator<Item = &Told> {
        self.acts.iter().filter(|told| !told.is_idle())
    }

    /// All of it, for programs.
    #[must_use]
    pub fn documents(&self) -> Vec<Value> {
        let one = |told: &Told| {
            let near = if told.is_tree { "process_tree" } else { "container" };
            json!({ "near": near, "alert": told.alert, "document": told.document })
        };
        self.acts.iter().map(one).collect()
    }
}

impl Told {
    /// Whether it is only that a far ancestor has children, or ended as it should.
    fn is_idle(&self) -> bool {
        let said = || text(&self.document, "/runmon/history/said");
        let is_idle = match text(&self.document, "/event/action").as_str() {
            "fork" => true,
            "exit" => said() == "code 0",
            _ => false,
        };
        is_idle && self.is_far && self.alert.is_none()
    }
}

/// Sorts acts, and leaves out those that are far from a time; whether there were such.
fn keep_nearest(acts: &mut Vec<Told>, at_ns: i64) -> bool {
    acts.sort_by_key(|told| told.timestamp_ns);
    let before = acts.partition_point(|told| told.timestamp_ns < at_ns);
    let count = acts.len();
    acts.truncate(before.saturating_add(MOST));
    drop(acts.drain(..before.saturating_sub(MOST)));
    acts.len() < count
}

impl Scene {
    fn of(found: &Found) -> Self {
        let document = &found.document;
        let above = items(document, "/runmon/history/ancestors");
        let mut chain: HashSet<String> = above.map(|it| text(it, "/entity_id")).collect();
        let above = items(document, "/runmon/history/ancestors");
        let far = above.skip(1).map(|it| text(it, "/entity_id")).collect();
        let own = text(document, "/process/entity_id");
        let top = text(document, "/runmon/history/tree");
        let top = if top.is_empty() { own.clone() } else { top };
        chain.extend([own]);
        let container = text(document, "/container/id");
        let seconds = i64::try_from(*FLIGHT_SECONDS_RANGE.end()).unwrap_or_default();
        let window_ns = seconds.saturating_mul(1_000_000_000);
        let (at_ns, last_ns) = (found.past.timestamp_ns, found.past.timestamp_ns);
        Self {
            id: found.past.id.clone(),
            chain,
            top,
            far,
            container,
            since_ns: at_ns.saturating_sub(window_ns),
            until_ns: last_ns.saturating_add(window_ns),
        }
    }

    /// What a record tells of the story, if it is a part of it.
    fn tell(&self, record: &Record) -> Option<Told> {
        let is_near = (self.since_ns..=self.until_ns).contains(&record.timestamp_ns);
        let is_told = matches!(record.kind, Kind::Event | Kind::Alert) && record.id != self.id;
        if !is_near || !is_told {
            return None;
        }
        let (_, document) = document(record)?;
        let is_tree = self.is_tree(&document);
        let of_it = text(&document, "/runmon/history/alert") == self.id;
        let is_alert = record.kind == Kind::Alert;
        let same_place = text(&document, "/container/id") == self.container
            && self.container != crate::event::Container::HOST;
        let belongs = is_tree || of_it || (is_alert && same_place);
        if !belongs {
            return None;
        }
        let alert = is_alert.then(|| short_id(&id_of(record, &document)));
        let is_far = self.far.contains(&text(&document, "/process/entity_id"));
        Some(Told { timestamp_ns: record.timestamp_ns, is_tree, is_far, alert, document })
    }

    fn is_tree(&self, document: &Value) -> bool {
        let actor = text(document, "/process/entity_id");
        let is_top = |id: &Value| id.as_str() == Some(&*self.top);
        let is_ancestor = |it: &Value| it.get("entity_id").is_some_and(is_top);
        actor == self.top
            || self.chain.contains(&actor)
            || items(document, "/runmon/history/above").any(is_top)
            || items(document, "/runmon/history/ancestors").any(is_ancestor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acts_nearest_to_an_alert_stay_on_both_sides() {
        let told = |timestamp_ns| Told {
            timestamp_ns,
            is_tree: true,
            is_far: false,
            alert: None,
            document: Value::Null,
        };
        let most = i64::try_from(MOST).unwrap();
        let mut acts: Vec<Told> = (-3 * most..3).map(told).collect();
        assert!(keep_nearest(&mut acts, 0));
        let times: Vec<i64> = acts.iter().map(|told| told.timestamp_ns).collect();
        assert_eq!(times, (-most..3).collect::<Vec<_>>());
        assert!(!keep_nearest(&mut acts, 0));
    }
}
