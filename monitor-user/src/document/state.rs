//! What findings about a state say beyond any schema, the same in each: below `runmon` in the
//! Elastic Common Schema, below `unmapped` in OCSF.

use serde_json::{Map, Value, json};

use super::{members::set, text::rfc3339};
use crate::state::{StateFinding, Vulnerability, Vulnerable};

/// All of it.
pub(super) fn of(finding: &StateFinding) -> Value {
    let mut value = json!({
        "uid": finding.uid,
        "activity": finding.activity.name(),
        "check": finding.check.id,
        "status": finding.status().name(),
        "since": rfc3339(finding.first_ns),
        "standards": standards(finding),
        "remediation": finding.check.cure,
        "evidence": evidence(finding),
    });
    if let Some(vulnerable) = &finding.vulnerable {
        set(&mut value, &["vulnerable"], package(vulnerable));
    }
    value
}

/// A package with known vulnerabilities.
fn package(it: &Vulnerable) -> Value {
    let one = |it: &Vulnerability| {
        json!({
            "id": it.id,
            "severity": it.severity,
            "score": it.tenths.map(|tenths| f64::from(tenths) / 10.0),
            "fixed": it.fixed,
            "exploited_since": it.exploited,
            "epss": it.likelihood.map(|millionths| f64::from(millionths) / 1e6),
        })
    };
    let installed = it.installed.iter();
    json!({
        "package": it.package,
        "version": it.version,
        "ecosystem": it.ecosystem,
        "installed": installed
            .map(|(name, version)| json!({ "name": name, "version": version }))
            .collect::<Vec<_>>(),
        "paths": it.paths,
        "fixed": it.fixed,
        "in_use": it.in_use,
        "exposed": it.exposed,
        "vulnerabilities": it.vulnerabilities.iter().map(one).collect::<Vec<_>>(),
        "more_vulnerabilities": it.more,
        "data_made_on": rfc3339(it.data_made_on.saturating_mul(1_000_000_000)),
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
