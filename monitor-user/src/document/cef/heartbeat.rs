//! A heartbeat in the Common Event Format: what there is room for.

use std::collections::BTreeMap;

use monitor_rules::Priority;
use serde_json::{Value, json};

use super::Line;
use crate::document::{Document, Heartbeat, Sender};

/// Bytes of a list, at most: over syslog many receivers cut a message at 8 KiB.
const LIST_BYTES: usize = 1500;

pub(super) fn of(heartbeat: &Heartbeat, document: &Document, sender: &Sender) -> Line {
    let mut line = Line::new("heartbeat", "Heartbeat", Priority::Informational);
    line.start("heartbeat", heartbeat.timestamp_ns, document, sender);
    line.text("msg", &heartbeat.summary());
    line.labelled("cn2", "lost", &heartbeat.lost().to_string());
    line.labelled("cn3", "blindContainers", &heartbeat.blind.len().to_string());
    if let Some(store) = &heartbeat.store {
        line.labelled("flexNumber1", "storeBytes", &store.bytes.to_string());
    }
    let degraded: Vec<&str> = heartbeat.degraded.iter().map(|reason| reason.name()).collect();
    if !degraded.is_empty() {
        line.text("reason", &degraded.join(" "));
    }
    line.labelled("cs2", "rulesVersion", &heartbeat.rules_version);
    line.labelled("cs3", "sinks", &list(sinks(heartbeat)));
    let unseen = heartbeat.hooks.iter().filter(|hook| hook.backend.is_none());
    for (key, label, items) in [
        ("cs1", "lostByCause", by_cause(heartbeat)),
        ("cs4", "kindsNotSeen", unseen.map(|hook| json!(hook.kind)).collect()),
        ("cs5", "lostByContainer", by_container(heartbeat)),
    ] {
        if !items.is_empty() {
            line.labelled(key, label, &list(items));
        }
    }
    line
}

/// Why records were lost, of all kinds.
fn by_cause(heartbeat: &Heartbeat) -> Vec<Value> {
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for (cause, count) in heartbeat.kinds.iter().flat_map(|kind| &kind.dropped) {
        *causes.entry(cause).or_default() += count;
    }
    let causes = causes.iter().filter(|(_, count)| **count > 0);
    causes.map(|(cause, count)| json!({ "cause": cause, "count": count })).collect()
}

fn by_container(heartbeat: &Heartbeat) -> Vec<Value> {
    let one = |loss: &crate::document::heartbeat::Loss| {
        let count: u64 = loss.dropped.iter().map(|(_, count)| count).sum();
        json!({ "container": loss.container, "count": count })
    };
    heartbeat.losses.iter().map(one).collect()
}

/// Which numbers of each sink belong to the interval, and how many documents wait.
fn sinks(heartbeat: &Heartbeat) -> Vec<Value> {
    let one = |sink: &crate::document::heartbeat::SinkCounters| {
        json!({
            "name": sink.name, "number_before": sink.number_before, "number": sink.number,
            "queued": sink.queued(),
        })
    };
    heartbeat.sinks.iter().map(one).collect()
}

/// A list in JSON, of as many items as there is room for, and how many more there are.
fn list(items: Vec<Value>) -> String {
    let (mut shown, mut bytes) = (Vec::new(), 0);
    let count = items.len();
    for item in items {
        bytes += item.to_string().len() + 1;
        if bytes > LIST_BYTES {
            break;
        }
        shown.push(item);
    }
    let more = count - shown.len();
    if more > 0 {
        shown.push(json!({ "more": more }));
    }
    Value::Array(shown).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_an_end() {
        let items = |count: usize| (0..count).map(|_| json!("x".repeat(97))).collect::<Vec<_>>();
        assert_eq!(list(items(0)), "[]");
        let all: Vec<Value> = serde_json::from_str(&list(items(15))).unwrap();
        assert_eq!(all, items(15));
        let cut: Vec<Value> = serde_json::from_str(&list(items(40))).unwrap();
        assert_eq!((cut.len(), &cut[15]), (16, &json!({ "more": 25 })));
    }
}
