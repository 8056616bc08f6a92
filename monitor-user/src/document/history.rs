//! What history keeps: documents in the Elastic Common Schema, and below `runmon.history` all that
//! is needed to tell of an alert later, when neither its rules nor its event are there any more.

use monitor_rules::{Unknown, Value as Found};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Document, Sender, ecs, entity_id, event_id, explained,
    members::set,
    printable::{command_line, lossless},
};
use crate::{
    alert::{Alert, Matched},
    enrich::process_name,
    event::{Event, EventId, Process},
    limits::{ANCESTOR_ARGS_BYTES, HISTORY_VALUE_BYTES, HISTORY_VALUES_BYTES},
    recorder,
    rules::values,
};

/// Digits of the short name of an alert.
const SHORT_BYTES: usize = 6;

/// The short name of the alert with an id: ids of one run have the same beginning.
#[must_use]
pub fn short_id(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(SHORT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// The command that tells the story of an alert.
#[must_use]
pub fn command(alert: EventId, sender: &Sender) -> String {
    let short = short_id(&event_id(sender, alert));
    match sender.instance.as_str() {
        "" | crate::instance::DEFAULT_NAME => format!("runmon alerts show {short}"),
        other => format!("runmon alerts show {short} --instance {other}"),
    }
}

/// Writes a document as history keeps it.
#[must_use]
pub fn write(document: &Document, sender: &Sender) -> Vec<u8> {
    let mut value = ecs::value(document, sender);
    if let Document::Alert(alert) | Document::Update(alert) = document {
        set(&mut value, &["runmon", "history"], of_alert(alert, sender));
    }
    value.to_string().into_bytes()
}

/// Writes an event that was around an alert.
#[must_use]
pub fn write_event(event: &std::sync::Arc<Event>, alert: EventId, sender: &Sender) -> Vec<u8> {
    let mut value = ecs::value(&Document::Event(std::sync::Arc::clone(event)), sender);
    let above: Vec<String> =
        event.ancestors.iter().map(|process| entity_id(sender, process.key)).collect();
    let said = super::text::act(event);
    let kept = json!({ "alert": event_id(sender, alert), "above": above, "said": said });
    set(&mut value, &["runmon", "history"], kept);
    value.to_string().into_bytes()
}

fn of_alert(alert: &Alert, sender: &Sender) -> Value {
    let event = &alert.event;
    let rules: Vec<Value> = alert.matched.iter().map(|matched| rule(matched, alert)).collect();
    let ancestors: Vec<Value> = event.ancestors.iter().map(|it| process(it, sender)).collect();
    let (fields, left_out) = fields(event);
    json!({
        "said": super::text::act(event),
        "rules": rules,
        "ancestors": ancestors,
        "tree": entity_id(sender, recorder::tree_top(event)),
        "fields": fields,
        "left_out": left_out,
    })
}

/// What a rule says for who looks at its alert, and what it saw.
fn rule(matched: &Matched, alert: &Alert) -> Value {
    let about = &matched.about;
    let mut told = json!({
        "id": about.id,
        "triage": about.triage,
        "false_positives": about.false_positives,
        "output": lossless(&matched.output),
    });
    let tactics = about.tactics.iter().map(|it| json!({ "id": it.id, "name": it.name }));
    set(&mut told, &["tactics"], tactics.collect());
    set(&mut told, &["techniques"], json!(about.techniques));
    if let Some(rule) = alert.rules.rule(&about.id) {
        set(&mut told, &["condition"], explained::kept(&rule.condition.explain(&alert.event)));
        if let Some(aggregate) = &rule.aggregate {
            set(&mut told, &["alerts_on"], json!(aggregate.describe()));
        }
    }
    told
}

fn process(process: &Process, sender: &Sender) -> Value {
    let line = command_line(&process.args);
    let line = line.get(..line.len().min(ANCESTOR_ARGS_BYTES)).unwrap_or_default();
    json!({
        "entity_id": entity_id(sender, process.key),
        "pid": process.key.pid,
        "name": lossless(process_name(process)),
        "executable": process.executable.as_deref().map(lossless),
        "command_line": lossless(line),
    })
}

/// What all fields say, and those for which there was no room.
fn fields(event: &Event) -> (Map<String, Value>, Vec<&'static str>) {
    let (mut kept, mut left_out) = (Map::new(), Vec::new());
    let mut room = HISTORY_VALUES_BYTES;
    for field in values::of(event) {
        let bytes: usize = field.values.iter().map(bytes_of).sum();
        if bytes > room || field.values.iter().any(|value| bytes_of(value) > HISTORY_VALUE_BYTES) {
            left_out.push(field.name);
            continue;
        }
        room -= bytes;
        let mut values: Vec<Value> = field.values.iter().map(value).collect();
        let value = if field.is_many { Value::Array(values) } else { values.remove(0) };
        kept.insert(field.name.to_owned(), value);
    }
    (kept, left_out)
}

/// Bytes that a value takes, approximately.
fn bytes_of(value: &Found<'_>) -> usize {
    if let Found::Str(text) = value { 16 + text.len() } else { 16 }
}

/// A value so that it can be read again as it was.
#[must_use]
pub fn value(value: &Found<'_>) -> Value {
    match value {
        Found::Absent => Value::Null,
        Found::Unknown(Unknown::Pending) => json!({ "unknown": "pending" }),
        Found::Unknown(Unknown::Never(reason)) => json!({ "unknown": reason }),
        Found::Bool(yes) => json!(yes),
        Found::Int(number) => json!(number),
        Found::Ip(ip) => json!(ip.to_string()),
        Found::Str(text) => match std::str::from_utf8(text) {
            Ok(text) => json!(text),
            Err(_) => {
                let digits: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ "bytes": digits })
            }
        },
    }
}
