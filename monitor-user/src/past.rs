//! Alerts of the past: documents of the store put together, so that an update replaces what it is
//! of, and repeats are counted with what they repeat; and the story of one of them.

pub mod found;
pub mod look;
pub mod story;

use std::collections::{HashMap, VecDeque};

use monitor_rules::Priority;
use serde_json::Value;

use look::text;

use crate::{
    document::history::short_id,
    store::{
        HISTORY,
        record::{Kind, Record},
    },
};

/// An alert of the past, or a finding.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its id.
    pub id: String,
    /// Its short name.
    pub short: String,
    /// When it was raised, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// How much it matters.
    pub priority: Priority,
    /// The rule that leads, or the name of the finding.
    pub rule: String,
    /// The id of that.
    pub rule_id: String,
    /// How many more rules matched.
    pub more: usize,
    /// Where it happened, as people name that.
    pub place: String,
    /// Id of the container.
    pub container_id: String,
    /// Image of the container.
    pub image: String,
    /// The pod with its namespace.
    pub pod: String,
    /// The program that did it.
    pub program: String,
    /// What the rule says.
    pub said: String,
    /// How often it was repeated.
    pub repeats: u64,
    /// When it was repeated last.
    pub last_ns: i64,
    /// The document as it is kept, where somebody wants it.
    pub line: Vec<u8>,
}

impl Past {
    /// What a document says of an alert.
    #[must_use]
    pub fn of(record: &Record, document: &Value, line: Vec<u8>) -> Self {
        let id = id_of(record, document);
        Self { line, ..Self::told(id, record.timestamp_ns, record.priority(), document) }
    }

    /// What the document of an alert says that is in no store.
    #[must_use]
    pub fn told(id: String, timestamp_ns: i64, priority: Priority, document: &Value) -> Self {
        let rules = look::items(document, "/runmon/rules").count();
        Self {
            short: short_id(&id),
            id,
            timestamp_ns,
            priority,
            rule: text(document, "/rule/name"),
            rule_id: text(document, "/rule/id"),
            more: rules.saturating_sub(1),
            place: look::place(document),
            container_id: text(document, "/container/id"),
            image: look::image(document),
            pod: look::pod(document),
            program: text(document, "/process/executable"),
            said: text(document, "/event/reason"),
            repeats: 0,
            last_ns: timestamp_ns,
            line: Vec::new(),
        }
    }
}

/// The id of the alert that a document is of, an update or repeats of it.
#[must_use]
pub fn id_of(record: &Record, document: &Value) -> String {
    let of = match record.kind {
        Kind::Update => document.pointer("/runmon/update/of"),
        Kind::RollUp => document.pointer("/runmon/rollup/of"),
        Kind::Alert | Kind::Event | Kind::Finding | Kind::State | Kind::Heartbeat => None,
    };
    of.and_then(Value::as_str).map_or_else(|| record.id.clone(), str::to_owned)
}

/// The document that history has of a record, if it is one of history.
#[must_use]
pub fn document(record: &Record) -> Option<(&[u8], Value)> {
    let line = record.lines(HISTORY)?.first()?;
    let document = serde_json::from_slice(&line.0).ok()?;
    Some((&line.0, document))
}

/// Whether a record is of an alert or a finding.
#[must_use]
pub fn is_alert(record: &Record) -> bool {
    match record.kind {
        Kind::Alert | Kind::Update | Kind::RollUp | Kind::Finding | Kind::State => true,
        Kind::Event | Kind::Heartbeat => false,
    }
}

/// Alerts, the newest of those that there is room for.
#[derive(Debug)]
pub struct Gathered {
    /// They, the oldest first.
    pub alerts: VecDeque<Past>,
    most: usize,
    /// Those that went, since there was no room.
    pub older: usize,
    /// By id: how many came before.
    known: HashMap<String, usize>,
}

impl Gathered {
    /// None yet, and room for so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { alerts: VecDeque::new(), most, older: 0, known: HashMap::new() }
    }

    /// Takes what a record says of an alert. Repeats of one that is not there stand for it.
    pub fn take(&mut self, record: &Record, document: &Value, past: Past) {
        let count = document.pointer("/runmon/rollup/count").and_then(Value::as_u64).unwrap_or(1);
        let is_rollup = record.kind == Kind::RollUp;
        let place = self.known.get(&past.id).and_then(|at| at.checked_sub(self.older));
        match place.and_then(|place| self.alerts.get_mut(place)) {
            Some(known) if is_rollup => {
                known.repeats = known.repeats.saturating_add(count);
                known.last_ns = known.last_ns.max(past.timestamp_ns);
            }
            Some(known) => {
                let (repeats, last_ns) = (known.repeats, known.last_ns);
                *known = Past { repeats, last_ns, ..past };
            }
            None => {
                // The last of the repeats is what stands there.
                let repeats = if is_rollup { count.saturating_sub(1) } else { 0 };
                self.known.insert(past.id.clone(), self.older + self.alerts.len());
                self.alerts.push_back(Past { repeats, ..past });
            }
        }
        while self.alerts.len() > self.most {
            if let Some(gone) = self.alerts.pop_front() {
                self.known.remove(&gone.id);
            }
            self.older += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::record::Record;

    fn take(gathered: &mut Gathered, kind: Kind, id: &str, of: &str, count: u64) {
        let document = match kind {
            Kind::RollUp => json!({ "runmon": { "rollup": { "of": of, "count": count } } }),
            Kind::Update => {
                json!({ "runmon": { "update": { "of": of } }, "rule": { "name": "new" } })
            }
            _ => json!({ "rule": { "name": "old" } }),
        };
        let record = Record {
            sequence: 1,
            timestamp_ns: 7 + i64::try_from(count).unwrap(),
            priority: 4,
            kind,
            id: id.to_owned(),
            to: Vec::new(),
            forms: Vec::new(),
        };
        let past = Past::of(&record, &document, Vec::new());
        gathered.take(&record, &document, past);
    }

    #[test]
    fn updates_replace_and_repeats_are_added() {
        let mut gathered = Gathered::new(10);
        take(&mut gathered, Kind::Alert, "a", "", 0);
        take(&mut gathered, Kind::RollUp, "a-rollup-1", "a", 3);
        take(&mut gathered, Kind::Update, "a-update", "a", 0);
        take(&mut gathered, Kind::RollUp, "a-rollup-2", "a", 4);
        let [past] = gathered.alerts.make_contiguous() else { panic!("{gathered:?}") };
        assert_eq!((past.rule.as_str(), past.repeats, past.last_ns), ("new", 7, 11));
        assert_eq!(past.short, short_id("a"));
    }

    #[test]
    fn the_newest_stay_and_the_others_are_counted() {
        let mut gathered = Gathered::new(2);
        for id in ["a", "b", "c"] {
            take(&mut gathered, Kind::Alert, id, "", 0);
        }
        take(&mut gathered, Kind::RollUp, "c-rollup-1", "c", 5);
        // What it repeats is not there any more: it stands for that.
        take(&mut gathered, Kind::RollUp, "a-rollup-1", "a", 2);
        let ids: Vec<&str> = gathered.alerts.iter().map(|past| &*past.id).collect();
        assert_eq!((ids, gathered.older), (vec!["c", "a"], 2));
        let repeats: Vec<u64> = gathered.alerts.iter().map(|past| past.repeats).collect();
        assert_eq!(repeats, [5, 1]);
    }
}
