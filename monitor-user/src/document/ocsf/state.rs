//! Findings about how something is: as vulnerability findings, where they are about a package with
//! known vulnerabilities, else as compliance findings.

use serde_json::{Value, json};

use super::{
    OWN_PROFILES, Start,
    class::{COMPLIANCE, VULNERABILITY},
    container,
    finding::severity,
    milliseconds, vulnerability,
};
use crate::{
    document::{Document, Sender, id, members::set, state},
    state::{Activity, StateFinding, Status},
};

/// What the checks of ours are called among standards, where no other one knows them.
const OURS: &str = "runmon";

/// A finding: the same `finding_info.uid` from its first document to its last.
pub(super) fn of(finding: &StateFinding, sender: &Sender) -> Value {
    let check = finding.check;
    let class = if finding.vulnerable.is_some() { &VULNERABILITY } else { &COMPLIANCE };
    let (activity, (status_id, status)) = match finding.activity {
        Activity::Create => (class.activity(1, "Create"), (1, "New")),
        Activity::Update => (class.activity(2, "Update"), (2, "In Progress")),
        Activity::Close => (class.activity(3, "Close"), (4, "Resolved")),
    };
    let id = id(&Document::State(finding.clone().into()), sender);
    let start = Start {
        activity,
        severity: severity(finding.priority),
        timestamp_ns: finding.timestamp_ns,
        id: &id,
        code: check.id,
        profiles: OWN_PROFILES,
    };
    let mut document = start.document(sender);
    set(&mut document, &["message"], json!(format!("{}: {}", check.title, finding.text)));
    set(&mut document, &["status_id"], json!(status_id));
    set(&mut document, &["status"], json!(status));
    set(&mut document, &["finding_info"], info(finding));
    set(&mut document, &["resources"], json!(container::resources(&finding.container, sender)));
    match &finding.vulnerable {
        Some(vulnerable) => {
            let all = vulnerability::all(vulnerable, check.cure);
            set(&mut document, &["vulnerabilities"], json!(all));
        }
        None => {
            set(&mut document, &["compliance"], compliance(finding));
            set(&mut document, &["remediation"], json!({ "desc": check.cure }));
            if !finding.evidence.is_empty() {
                set(&mut document, &["evidences"], json!([{ "data": state::evidence(finding) }]));
            }
        }
    }
    let mut unmapped = json!({
        "document": "state",
        "sequence": finding.sequence,
        "priority": finding.priority.name(),
        "state": state::of(finding),
    });
    container::unmapped(&mut unmapped, &finding.container, "event");
    set(&mut document, &["unmapped"], unmapped);
    document
}

fn info(finding: &StateFinding) -> Value {
    let check = finding.check;
    json!({
        "uid": finding.uid,
        "title": check.title,
        "analytic": { "uid": check.id, "name": check.title, "type_id": 1, "type": "Rule" },
        "created_time": milliseconds(finding.first_ns),
        "first_seen_time": milliseconds(finding.first_ns),
        "last_seen_time": milliseconds(finding.timestamp_ns),
        "modified_time": milliseconds(finding.timestamp_ns),
    })
}

fn compliance(finding: &StateFinding) -> Value {
    let (status_id, status) = match finding.status() {
        // What was accepted is nobody's finding.
        Status::Pass | Status::Accepted => (1, "Pass"),
        Status::Unknown | Status::NotApplicable | Status::NotDecidable => (2, "Warning"),
        Status::Fail => (3, "Fail"),
    };
    let mut standards: Vec<&str> =
        finding.check.standards.iter().map(|(standard, _)| *standard).collect();
    standards.dedup();
    if standards.is_empty() {
        standards.push(OURS);
    }
    json!({
        "control": finding.check.id,
        "desc": finding.check.title,
        "standards": standards,
        "requirements": state::standards(finding),
        "status_id": status_id,
        "status": status,
        "status_details": [finding.text],
    })
}
