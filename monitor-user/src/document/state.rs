//! What findings about a state say beyond any schema, the same in each: below `runmon` in the
//! Elastic Common Schema, below `unmapped` in OCSF.

use serde_json::{Map, Value, json};

use super::text::rfc3339;
use crate::state::StateFinding;

/// All of it.
pub(super) fn of(finding: &StateFinding) -> Value {
    json!({
        "uid": finding.uid,
        "activity": finding.activity.name(),
        "check": finding.check.id,
        "status": finding.status().name(),
        "since": rfc3339(finding.first_ns),
        "standards": standards(finding),
        "remediation": finding.check.cure,
        "evidence": evidence(finding),
    })
}

/// What others call it.
pub(super) fn standards(finding: &StateFinding) -> Vec<String> {
    let named = |(standard, number): &(&str, &str)| format!("{standard} {number}");
    finding.check.standards.iter().map(named).collect()
}

/// What shows it.
pub(super) fn evidence(finding: &StateFinding) -> Map<String, Value> {
    finding.evidence.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}
