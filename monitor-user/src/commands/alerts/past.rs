//! Alerts of the past: documents of the store put together, so that an update replaces what it is
//! of, and repeats are counted with what they repeat.

use std::collections::{HashMap, VecDeque};

use monitor_rules::Priority;
use serde_json::Value;

use super::look::{self, text};
use crate::{
    document::history::short_id,
    store::{
        HISTORY,
        record::{Kind, Record},
    },
};

/// An alert of the past, or a finding.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) id: String,
    pub(super) short: String,
    pub(super) timestamp_ns: i64,
    pub(super) priority: Priority,
    /// The rule that leads, or the name of the finding.
    pub(super) rule: String,
    pub(super) rule_id: String,
    /// How many more rules matched.
    pub(super) more: usize,
    pub(super) place: String,
    pub(super) container_id: String,
    pub(super) image: String,
    pub(super) pod: String,
    pub(super) program: String,
    pub(super) said: String,
    /// How often it was repeated, and when last.
    pub(super) repeats: u64,
    pub(super) last_ns: i64,
    /// The document as it is kept, where somebody wants it.
    pub(super) line: Vec<u8>,
}

impl Past {
    /// What a document says of an alert.
    pub(super) fn of(record: &Record, document: &Value, line: Vec<u8>) -> Self {
        let id = id_of(record, document);
        let rules = look::items(document, "/runmon/rules").count();
        Self {
            short: short_id(&id),
            id,
            timestamp_ns: record.timestamp_ns,
            priority: record.priority(),
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
            last_ns: record.timestamp_ns,
            line,
        }
    }
}

/// The id of the alert that a document is of, an update or repeats of it.
pub(super) fn id_of(record: &Record, document: &Value) -> String {
    let of = match record.kind {
        Kind::Update => document.pointer("/runmon/update/of"),
        Kind::RollUp => document.pointer("/runmon/rollup/of"),
        Kind::Alert | Kind::Event | Kind::Finding | Kind::Heartbeat => None,
    };
    of.and_then(Value::as_str).map_or_else(|| record.id.clone(), str::to_owned)
}

/// The document that history has of a record, if it is one of history.
pub(super) fn document(record: &Record) -> Option<(&[u8], Value)> {
    let line = record.lines(HISTORY)?.first()?;
    let document = serde_json::from_slice(&line.0).ok()?;
    Some((&line.0, document))
}

/// Whether a record is of an alert or a finding.
pub(super) fn is_alert(record: &Record) -> bool {
    match record.kind {
        Kind::Alert | Kind::Update | Kind::RollUp | Kind::Finding => true,
        Kind::Event | Kind::Heartbeat => false,
    }
}

/// Alerts, the newest of those that there is room for.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) alerts: VecDeque<Past>,
    most: usize,
    /// Those that went, since there was no room.
    pub(super) older: usize,
    /// By id: how many came before.
    known: HashMap<String, usize>,
}

impl Gathered {
    pub(super) fn new(most: usize) -> Self {
        Self { alerts: VecDeque::new(), most, older: 0, known: HashMap::new() }
    }

    /// Takes what a record says of an alert. Repeats of one that is not there stand for it.
    pub(super) fn take(&mut self, record: &Record, document: &Value, past: Past) {
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
