//! What was done around an alert: events that the flight recorder kept, and other alerts.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    super::{
        Place,
        look::{items, text},
        past::{document, id_of},
    },
    Found,
};
use crate::{
    document::history::short_id,
    limits::{FLIGHT_SECONDS_RANGE, STORY_EVENTS},
    store::record::{Kind, Record},
};

/// What was done, in order.
pub(super) struct Story {
    pub(super) acts: Vec<Told>,
    /// There were more than are shown.
    pub(super) is_cut: bool,
}

/// An act of the story.
pub(super) struct Told {
    pub(super) timestamp_ns: i64,
    /// Of the same process tree; otherwise only in the same container.
    pub(super) is_tree: bool,
    /// Of an ancestor beyond the parent.
    pub(super) is_far: bool,
    /// The short id, of another alert.
    pub(super) alert: Option<String>,
    pub(super) document: Value,
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

impl Story {
    pub(super) fn of(place: &Place, found: &Found) -> anyhow::Result<Self> {
        let scene = Scene::of(found);
        let mut acts = Vec::new();
        let mut seen = HashSet::new();
        let mut is_cut = false;
        place.read(&mut |record| {
            let time = record.timestamp_ns;
            if time < scene.since_ns || time > scene.until_ns {
                return;
            }
            let Some(told) = scene.tell(record) else { return };
            if seen.insert(record.id.clone()) {
                acts.push(told);
            }
            if acts.len() > 4 * MOST {
                is_cut |= keep_nearest(&mut acts, found.past.timestamp_ns);
            }
        })?;
        is_cut |= keep_nearest(&mut acts, found.past.timestamp_ns);
        Ok(Self { acts, is_cut })
    }

    /// All of it, for programs.
    pub(super) fn documents(&self) -> Vec<Value> {
        let one = |told: &Told| {
            let near = if told.is_tree { "process_tree" } else { "container" };
            json!({ "near": near, "alert": told.alert, "document": told.document })
        };
        self.acts.iter().map(one).collect()
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
        if !matches!(record.kind, Kind::Event | Kind::Alert) || record.id == self.id {
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
