//! Alerts, and what is wrong with the monitor, as detection findings.

use monitor_rules::{About, Priority, Tactic};
use serde_json::{Map, Value, json};

use super::{
    EVENT_PROFILES, OWN_PROFILES, Severity, Start, class::DETECTION, container, milliseconds,
    of_event,
};
use crate::{
    alert::{Alert, Matched, RollUp},
    document::{
        Finding, Sender, beyond, event_id, members::set, printable::lossless, repeated, rollup_id,
        update_id,
    },
    event::Action,
};

/// Members of an event that evidence has, too.
const EVIDENCE: [&str; 7] =
    ["actor", "process", "file", "connection_info", "src_endpoint", "dst_endpoint", "query"];

/// Members of an event that its finding says itself.
const OF_FINDING: [&str; 7] =
    ["metadata", "device", "severity_id", "severity", "time", "time_dt", "message"];

/// An alert: the event is its evidence.
pub(super) fn of_alert(alert: &Alert, sender: &Sender, form: &str) -> Value {
    let event = of_event(&alert.event, sender, form);
    let Some(leader) = alert.leader() else { return event };
    let id = event_id(sender, alert.id());
    let activity = match form {
        "update" | "rollup" => DETECTION.activity(2, "Update"),
        _ => DETECTION.activity(1, "Create"),
    };
    let code = Action::KINDS.get(usize::from(alert.event.action.kind())).unwrap_or(&"act");
    let start = Start {
        activity,
        severity: severity(leader.about.priority),
        timestamp_ns: alert.event.timestamp_ns,
        id: &id,
        code,
        profiles: EVENT_PROFILES,
    };
    let mut document = start.document(sender);
    set(&mut document, &["message"], json!(lossless(&leader.output)));
    set(&mut document, &["is_alert"], json!(true));
    set(&mut document, &["status_id"], json!(1));
    set(&mut document, &["status"], json!("New"));
    if !leader.about.tags.is_empty() {
        set(&mut document, &["metadata", "labels"], json!(leader.about.tags));
    }
    set(&mut document, &["finding_info"], finding_info(alert, leader, &id));
    gathered(&mut document, leader);
    set(&mut document, &["resources"], json!(container::resources(&alert.event.container, sender)));
    let (evidence, mut unmapped) = evidence(event);
    set(&mut document, &["evidences"], json!([evidence]));
    beyond::of_alert(&mut unmapped, alert);
    beyond::story(&mut unmapped, alert.id(), sender);
    set(&mut document, &["unmapped"], unmapped);
    document
}

/// An alert with the facts that it lacked: another event of the same finding.
pub(super) fn of_update(alert: &Alert, sender: &Sender) -> Value {
    let mut document = of_alert(alert, sender, "update");
    set(&mut document, &["metadata", "uid"], json!(update_id(alert, sender)));
    document
}

/// Repeats: the finding that they repeat goes on.
pub(super) fn of_rollup(rollup: &RollUp, sender: &Sender) -> Value {
    let mut document = of_alert(&rollup.alert, sender, "rollup");
    set(&mut document, &["metadata", "uid"], json!(rollup_id(rollup, sender)));
    set(&mut document, &["finding_info", "uid"], json!(event_id(sender, rollup.first)));
    set(&mut document, &["count"], json!(rollup.count));
    set(&mut document, &["start_time"], json!(milliseconds(rollup.first_ns)));
    set(&mut document, &["end_time"], json!(milliseconds(rollup.last_ns)));
    if let Some(leader) = rollup.alert.leader() {
        let said = format!("{} {}", lossless(&leader.output), repeated(rollup));
        set(&mut document, &["message"], json!(said));
    }
    set(&mut document, &["unmapped", "rollup"], beyond::of_rollup(rollup, sender));
    if let Some(unmapped) = document.get_mut("unmapped") {
        beyond::story(unmapped, rollup.first, sender);
    }
    document
}

fn finding_info(alert: &Alert, leader: &Matched, id: &str) -> Value {
    let about = &leader.about;
    let mut info = json!({
        "uid": id,
        "title": about.name,
        "analytic": analytic(about),
        "created_time": milliseconds(alert.event.timestamp_ns),
    });
    if !about.desc.is_empty() {
        set(&mut info, &["desc"], json!(about.desc));
    }
    if let Some(reference) = about.references.first() {
        set(&mut info, &["src_url"], json!(reference));
    }
    let others: Vec<Value> =
        alert.matched.iter().skip(1).map(|matched| analytic(&matched.about)).collect();
    if !others.is_empty() {
        set(&mut info, &["related_analytics"], json!(others));
    }
    let attacks = attacks(alert);
    if !attacks.is_empty() {
        set(&mut info, &["attacks"], json!(attacks));
    }
    info
}

/// A rule.
fn analytic(about: &About) -> Value {
    let mut value = json!({ "uid": about.id, "name": about.name, "type_id": 1, "type": "Rule" });
    if !about.desc.is_empty() {
        set(&mut value, &["desc"], json!(about.desc));
    }
    if let Some(version) = &about.version {
        set(&mut value, &["version"], json!(version));
    }
    value
}

/// What the rules say that it is in ATT&CK. Which technique serves which tactic they do not say.
fn attacks(alert: &Alert) -> Vec<Value> {
    let mut attacks = Vec::new();
    let all = || alert.matched.iter().map(|matched| &matched.about);
    let tactics = all()
        .flat_map(|about| &about.tactics)
        .map(|Tactic { id, name }| json!({ "tactic": { "uid": id, "name": title(name) } }));
    let techniques = all().flat_map(|about| &about.techniques).map(|id| match id.split_once('.') {
        Some((technique, _)) => {
            json!({ "technique": { "uid": technique }, "sub_technique": { "uid": id } })
        }
        None => json!({ "technique": { "uid": id } }),
    });
    for attack in tactics.chain(techniques) {
        if !attacks.contains(&attack) {
            attacks.push(attack);
        }
    }
    attacks
}

/// The name of a tactic as ATT&CK writes it.
fn title(tag: &str) -> String {
    let capital = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) if word != "and" => first.to_uppercase() + rest,
        _ => word.to_owned(),
    };
    tag.split('_').map(capital).collect::<Vec<_>>().join(" ")
}

/// How many events came together, where the rule asks for several.
fn gathered(document: &mut Value, leader: &Matched) {
    let Some(gathered) = &leader.gathered else { return };
    let (first, last) = (milliseconds(gathered.first_ns), milliseconds(gathered.last_ns));
    set(document, &["count"], json!(gathered.count));
    set(document, &["start_time"], json!(first));
    set(document, &["end_time"], json!(last));
    set(document, &["finding_info", "first_seen_time"], json!(first));
    set(document, &["finding_info", "last_seen_time"], json!(last));
}

/// An event as evidence, and what the schema has no place for. What evidence has no member for is
/// its data.
fn evidence(event: Value) -> (Value, Value) {
    let Value::Object(members) = event else { return (json!({}), json!({})) };
    let (mut evidence, mut data) = (Map::new(), Map::new());
    let mut unmapped = json!({});
    for (name, value) in members {
        match name.as_str() {
            "unmapped" => unmapped = value,
            name if OF_FINDING.contains(&name) => {}
            known if EVIDENCE.contains(&known) => {
                evidence.insert(name, value);
            }
            _ => {
                data.insert(name, value);
            }
        }
    }
    for holder in ["driver", "module"] {
        let file = data.get(holder).and_then(|value| value.get("file"));
        if let Some(file) = file.cloned() {
            evidence.insert("file".to_owned(), file);
        }
    }
    let acting = evidence.get("actor").and_then(|actor| actor.pointer("/process/container"));
    let own = evidence.get("process").and_then(|process| process.get("container"));
    if let Some(container) = own.or(acting).cloned() {
        evidence.insert("container".to_owned(), container);
    }
    evidence.insert("data".to_owned(), Value::Object(data));
    (Value::Object(evidence), unmapped)
}

/// What is wrong with the monitor.
pub(super) fn of(finding: &Finding, sender: &Sender) -> Value {
    let id = format!("{}-finding-{}", crate::document::run(sender), finding.sequence);
    let start = Start {
        activity: DETECTION.activity(1, "Create"),
        severity: severity(finding.priority),
        timestamp_ns: finding.timestamp_ns,
        id: &id,
        code: "finding",
        profiles: OWN_PROFILES,
    };
    let mut document = start.document(sender);
    set(&mut document, &["message"], json!(finding.text));
    set(&mut document, &["is_alert"], json!(true));
    set(&mut document, &["status_id"], json!(1));
    set(&mut document, &["status"], json!("New"));
    let analytic = json!({ "name": finding.name, "type_id": 99, "type": "Check of the monitor" });
    let info = json!({
        "uid": id,
        "title": finding.name,
        "analytic": analytic,
        "created_time": milliseconds(finding.timestamp_ns),
    });
    set(&mut document, &["finding_info"], info);
    let of_container = finding.container.as_ref().map(|id| {
        let mut value = container::affected("container");
        set(&mut value, &["uid"], json!(id));
        value
    });
    let resources: Vec<Value> =
        of_container.into_iter().chain(container::of_machine(sender)).collect();
    set(&mut document, &["resources"], json!(resources));
    let unmapped = json!({
        "document": "finding",
        "sequence": finding.sequence,
        "priority": finding.priority.name(),
    });
    set(&mut document, &["unmapped"], unmapped);
    document
}

/// How grave a priority is.
pub(super) fn severity(priority: Priority) -> Severity {
    match priority {
        Priority::Emergency => (6, "Fatal"),
        Priority::Alert | Priority::Critical => (5, "Critical"),
        Priority::Error => (4, "High"),
        Priority::Warning => (3, "Medium"),
        Priority::Notice => (2, "Low"),
        Priority::Informational | Priority::Debug => super::INFORMATIONAL,
    }
}
