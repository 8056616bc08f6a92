//! Findings about how something is: the check is the rule.

use serde_json::{Value, json};

use super::{ECS_VERSION, container, host, severity};
use crate::{
    document::{Document, Sender, id, members::set, state, text::rfc3339},
    state::{Activity, StateFinding, Vulnerable},
};

/// A finding. What is open is an alert, what is closed a state.
pub(super) fn of(finding: &StateFinding, sender: &Sender) -> Value {
    let (check, priority) = (finding.check, finding.priority);
    let category = if finding.vulnerable.is_some() { "vulnerability" } else { "configuration" };
    let (kind, sort) = match finding.activity {
        Activity::Create => ("alert", "creation"),
        Activity::Update => ("alert", "change"),
        Activity::Close => ("state", "end"),
    };
    let id = id(&Document::State(finding.clone().into()), sender);
    let mut document = json!({
        "@timestamp": rfc3339(finding.timestamp_ns),
        "ecs": { "version": ECS_VERSION },
        "event": {
            "id": id, "kind": kind, "module": "runmon", "dataset": "runmon.state",
            "category": [category], "type": [sort],
            "sequence": finding.sequence, "severity": severity(priority),
            "reason": finding.text, "start": rfc3339(finding.first_ns),
        },
        "message": format!("{}: {}", check.title, finding.text),
        "log": { "level": priority.name().to_ascii_lowercase() },
        "rule": { "id": check.id, "name": check.title, "priority": priority.name() },
        "host": host(sender),
        "runmon": { "document": "state", "state": state::of(finding) },
    });
    set(&mut document, &["container"], container::of(&finding.container, "event"));
    container::pod(&mut document, &finding.container);
    if let Some(vulnerable) = &finding.vulnerable {
        set(&mut document, &["vulnerability"], vulnerability(vulnerable));
        let package = json!({ "name": vulnerable.package, "version": vulnerable.version });
        set(&mut document, &["package"], package);
    }
    document
}

/// The vulnerabilities of a package: all their ids, and of the gravest how grave it is.
fn vulnerability(vulnerable: &Vulnerable) -> Value {
    let ids: Vec<&str> = vulnerable.vulnerabilities.iter().map(|it| it.id.as_str()).collect();
    let worst = vulnerable.vulnerabilities.first();
    let mut value = json!({
        "id": ids, "severity": worst.map(|it| it.severity), "scanner": { "vendor": "runmon" },
    });
    if let Some(tenths) = worst.and_then(|it| it.tenths) {
        set(&mut value, &["score"], json!({ "base": f64::from(tenths) / 10.0 }));
        set(&mut value, &["classification"], json!("CVSS"));
    }
    if ids.iter().all(|id| id.starts_with("CVE-")) {
        set(&mut value, &["enumeration"], json!("CVE"));
    }
    value
}
