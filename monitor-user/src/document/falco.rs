//! Falco's JSON, in the form that falcosidekick and its kin take: one document a rule.

use monitor_rules::Priority;
use serde_json::{Map, Value, json};

use super::{
    Document, Finding, Heartbeat, Sender, beyond, event_id, history, members::set,
    printable::lossless, repeated, rollup_id, update_id,
};
use crate::{
    alert::{Alert, RollUp},
    container::split_image,
    document::text::rfc3339,
    event::{Container, Fact, Node},
    state::StateFinding,
};

/// Writes a document. An event that no rule matched has no form here.
#[must_use]
pub fn write(document: &Document, sender: &Sender) -> Vec<Vec<u8>> {
    let values = match document {
        Document::Event(_) => Vec::new(),
        Document::Update(alert) if !alert.changed => Vec::new(),
        Document::Alert(alert) => alerts(alert, sender),
        Document::Update(alert) => of_update(alert, sender),
        Document::RollUp(rollup) => of_rollup(rollup, sender),
        Document::Heartbeat(heartbeat) => vec![of_heartbeat(heartbeat, sender)],
        Document::Finding(finding) => vec![of_finding(finding, sender)],
        Document::State(finding) => vec![of_state(finding, sender)],
    };
    values.iter().map(|value| value.to_string().into_bytes()).collect()
}

fn alerts(alert: &Alert, sender: &Sender) -> Vec<Value> {
    let event = &alert.event;
    let time = rfc3339(event.timestamp_ns);
    let one = |matched: &crate::alert::Matched| {
        let mut fields: Map<String, Value> = matched
            .fields
            .iter()
            .map(|(name, value)| (name.to_string(), json!(lossless(value))))
            .collect();
        fields.insert("evt.time".into(), json!(event.timestamp_ns));
        for (name, value) in place(&event.container) {
            fields.entry(name).or_insert(value);
        }
        if let Ok(way) = event.way() {
            fields.entry("proc.origin").or_insert_with(|| json!(way.name()));
        }
        of_node(&mut fields, &sender.node);
        if sender.history {
            let command = json!(history::command(alert.id(), sender));
            fields.insert("runmon.story".to_owned(), command);
        }
        if let Fact::Known(kept, _) = &event.program_copy {
            fields.insert("runmon.kept_executable".to_owned(), json!(kept.path));
        }
        let output = format!(
            "{}: {} {}",
            time,
            priority_name(matched.about.priority),
            lossless(&matched.output)
        );
        json!({
            "uuid": event_id(sender, event.id),
            "output": output,
            "priority": priority_name(matched.about.priority),
            "rule": matched.about.name,
            "time": time,
            "output_fields": fields,
            "source": "syscall",
            "tags": matched.about.tags,
            "hostname": sender.node.name(),
        })
    };
    alert.matched.iter().map(one).collect()
}

/// An alert with the facts that it lacked, and which one that is.
fn of_update(alert: &Alert, sender: &Sender) -> Vec<Value> {
    let mut values = alerts(alert, sender);
    for value in &mut values {
        set(value, &["uuid"], json!(update_id(alert, sender)));
        let of = json!(event_id(sender, alert.id()));
        set(value, &["output_fields", "runmon.update.of"], of);
    }
    values
}

/// Repeats: the last of them, and how many there were.
fn of_rollup(rollup: &RollUp, sender: &Sender) -> Vec<Value> {
    let mut values = alerts(&rollup.alert, sender);
    for value in &mut values {
        set(value, &["uuid"], json!(rollup_id(rollup, sender)));
        let output = value.get("output").and_then(Value::as_str).unwrap_or_default();
        let output = format!("{output} {}", repeated(rollup));
        set(value, &["output"], json!(output));
        if sender.history {
            let command = json!(history::command(rollup.first, sender));
            set(value, &["output_fields", "runmon.story"], command);
        }
        for (name, said) in [
            ("runmon.rollup.of", json!(event_id(sender, rollup.first))),
            ("runmon.rollup.count", json!(rollup.count)),
            ("runmon.rollup.first", json!(rollup.first_ns)),
            ("runmon.rollup.last", json!(rollup.last_ns)),
        ] {
            set(value, &["output_fields", name], said);
        }
    }
    values
}

/// What was said about the machine.
fn of_node(fields: &mut Map<String, Value>, node: &Node) {
    let names = [("k8s.node.name", &node.said_name), ("k8s.cluster.name", &node.cluster)];
    for (field, name) in names {
        if let Some(name) = name {
            fields.entry(field).or_insert_with(|| json!(name));
        }
    }
    for label in &node.labels {
        fields.insert(format!("labels.{}", label.key), json!(label.value));
    }
}

/// What Falco adds to each alert's fields: where it happened.
fn place(container: &Container) -> [(&'static str, Value); 6] {
    let known = |fact: &Fact<Box<str>>| json!(fact.known());
    let image = container.image.known().map(|image| split_image(image));
    let name = match container.is_host() {
        true => json!(Container::HOST),
        false => known(&container.name),
    };
    [
        ("container.id", json!(container.short_id())),
        ("container.name", name),
        ("container.image.repository", json!(image.and_then(|(repository, _)| repository))),
        ("container.image.tag", json!(image.and_then(|(_, tag)| tag))),
        ("k8s.pod.name", known(&container.pod_name)),
        ("k8s.ns.name", known(&container.pod_namespace)),
    ]
}

fn of_heartbeat(heartbeat: &Heartbeat, sender: &Sender) -> Value {
    let time = rfc3339(heartbeat.timestamp_ns);
    let lost = heartbeat.lost();
    let degraded: Vec<&str> = heartbeat.degraded.iter().map(|reason| reason.name()).collect();
    json!({
        "uuid": format!("{}-heartbeat-{}", super::run(sender), heartbeat.sequence),
        "output": format!(
            "{time}: Informational runmon heartbeat {}: {} records, {lost} lost",
            heartbeat.sequence, heartbeat.line.records
        ),
        "priority": "Informational",
        "rule": "runmon heartbeat",
        "time": time,
        "output_fields": {
            "runmon.heartbeat": heartbeat.sequence,
            "runmon.records": heartbeat.line.records,
            "runmon.lost": lost,
            "runmon.alerts": heartbeat.line.alerts,
            "runmon.degraded": degraded.join(" "),
        },
        "source": "internal",
        "tags": ["runmon_heartbeat"],
        "hostname": sender.node.name(),
        "runmon": beyond::heartbeat(heartbeat),
    })
}

fn of_finding(finding: &Finding, sender: &Sender) -> Value {
    let (time, priority) = (rfc3339(finding.timestamp_ns), priority_name(finding.priority));
    let mut fields = json!({ "runmon.finding": finding.sequence });
    if let (Some(container), Some(fields)) = (&finding.container, fields.as_object_mut()) {
        fields.insert("container.id".to_owned(), json!(container));
    }
    json!({
        "uuid": format!("{}-finding-{}", super::run(sender), finding.sequence),
        "output": format!("{time}: {priority} {}: {}", finding.name, finding.text),
        "priority": priority,
        "rule": finding.name,
        "time": time,
        "output_fields": fields,
        "source": "internal",
        "tags": ["runmon_finding"],
        "hostname": sender.node.name(),
    })
}

fn of_state(finding: &StateFinding, sender: &Sender) -> Value {
    let (time, priority) = (rfc3339(finding.timestamp_ns), priority_name(finding.priority));
    let check = finding.check;
    let mut fields: Map<String, Value> = place(&finding.container)
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    for (name, value) in [
        ("runmon.state.uid", &*finding.uid),
        ("runmon.state.check", check.id),
        ("runmon.state.activity", finding.activity.name()),
        ("runmon.state.status", finding.status().name()),
    ] {
        fields.insert(name.to_owned(), json!(value));
    }
    of_node(&mut fields, &sender.node);
    json!({
        "uuid": super::id(&Document::State(finding.clone().into()), sender),
        "output": format!("{time}: {priority} {}: {}", check.title, finding.text),
        "priority": priority,
        "rule": check.title,
        "time": time,
        "output_fields": fields,
        "source": "internal",
        "tags": ["runmon_state"],
        "hostname": sender.node.name(),
    })
}

/// The name of a priority as Falco writes it.
#[must_use]
pub fn priority_name(priority: Priority) -> &'static str {
    priority.name()
}
