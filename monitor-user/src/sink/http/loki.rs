//! Loki's push API, in JSON. Streams are told apart by few labels with few values: a stream for
//! each host and priority. Everything else is in the line.

use std::collections::BTreeMap;

use monitor_rules::Priority;
use serde_json::{Value, json};

use super::{body::Sent, parts::Entry};

pub(super) fn body(entries: &[&Entry], sent: &Sent) -> Vec<u8> {
    let mut streams: BTreeMap<Priority, Vec<(i64, Value)>> = BTreeMap::new();
    for entry in entries {
        let lines = streams.entry(entry.about.priority).or_default();
        // The times of a stream ascend: what is told of late is told of at the last.
        let last = lines.last().map_or(i64::MIN, |(time, _)| *time);
        let time = entry.about.timestamp_ns.max(last);
        lines.push((time, json!([time.to_string(), entry.text()])));
    }
    let stream = |(priority, lines): (Priority, Vec<(i64, Value)>)| {
        let values: Vec<Value> = lines.into_iter().map(|(_, line)| line).collect();
        json!({ "stream": labels(priority, sent), "values": values })
    };
    let streams: Vec<Value> = streams.into_iter().map(stream).collect();
    json!({ "streams": streams }).to_string().into_bytes()
}

fn labels(priority: Priority, sent: &Sent) -> Value {
    let mut labels = json!({
        "service_name": sent.source,
        "host": sent.host,
        "priority": priority.name().to_ascii_lowercase(),
    });
    if let (Some(cluster), Some(labels)) = (&sent.cluster, labels.as_object_mut()) {
        labels.insert("cluster".to_owned(), json!(cluster));
    }
    labels
}
