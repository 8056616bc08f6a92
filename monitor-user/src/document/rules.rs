//! The rules in use and what each did, for who asks the daemon on its host.

use monitor_rules::{Mode, Rule};
use serde_json::{Value, json};

use super::text::rfc3339;
use crate::{
    event::Event,
    judge::{Judge, RuleTally},
};

/// All of them, in the order of their files.
#[must_use]
pub fn rules(judge: &Judge, now_ns: i64) -> Value {
    let one = |(rule, tally): (&Rule<Event>, &RuleTally)| {
        let about = &rule.about;
        let excepted: u64 = tally.excepted.iter().map(|(_, count)| count).sum();
        json!({
            "id": about.id, "name": about.name, "description": about.desc,
            "priority": about.priority.name().to_ascii_lowercase(),
            "enabled": rule.enabled, "shadow": rule.mode == Mode::Shadow,
            "off_until": judge.off_until(&about.id, now_ns).map(rfc3339),
            "matches": tally.matches, "alerts": tally.alerts, "excepted": excepted,
            "techniques": about.techniques, "triage": about.triage,
            "false_positives": about.false_positives, "references": about.references,
            "file": about.file, "line": about.line,
        })
    };
    judge.tallies().map(one).collect()
}
