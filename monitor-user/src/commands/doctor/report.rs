//! The doctor's report, for people and as JSON.

use std::fmt::Write as _;

use monitor_common::Program;
use serde_json::{Value, json};

use super::Planned;
use crate::{
    bpf::{attach_point::attach_point, planner},
    host::{Addition, Finding, Manager, Place},
};

/// For people: of lines to add, those that fit where this runs.
pub(super) fn text(place: &Place, findings: &[Finding], plan: &Planned) -> String {
    let mut text = format!("Host {}\n", crate::node::hostname());
    let mut told = Vec::new();
    for finding in findings {
        write_finding(&mut text, place, finding, &mut told);
    }
    text.push_str("\nHooks\n");
    match plan {
        Err(why) => line(&mut text, format_args!("  BAD none can be loaded: {why}")),
        Ok((plan, _)) => plan.hooks.iter().for_each(|hook| write_hook(&mut text, hook)),
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // A string takes everything.
    writeln!(text, "{line}").unwrap_or_default();
}

/// A line that mends several flaws is told once: whoever adds it twice has an error.
fn write_finding<'f>(
    text: &mut String,
    place: &Place,
    finding: &'f Finding,
    told: &mut Vec<&'f Addition>,
) {
    let mark = if finding.good { "ok " } else { "BAD" };
    line(text, format_args!("  {mark} {}: {}", finding.what, finding.found));
    if !finding.costs.is_empty() {
        line(text, format_args!("      costs: {}", finding.costs));
    }
    if !finding.cure.is_empty() {
        line(text, format_args!("      cure: {}", finding.cure));
    }
    for addition in finding.add.iter().filter(|addition| place.fits(addition.manager)) {
        let Addition { to, line: added, .. } = addition;
        if told.contains(&addition) {
            line(text, format_args!("      add to {to}: what is said above"));
        } else {
            line(text, format_args!("      add to {to}: {added}"));
            told.push(addition);
        }
    }
}

fn write_hook(text: &mut String, hook: &planner::Planned) {
    let kind = hook.kind.name();
    match &hook.chosen {
        None => line(text, format_args!("  BAD {kind}: not seen")),
        Some(chosen) => {
            let programs: Vec<String> = chosen
                .programs
                .iter()
                .map(|(program, fired)| {
                    let label = attach_point(*program).label();
                    match fired {
                        Some(true) => format!("{label} (fires)"),
                        Some(false) => format!("{label} (DID NOT FIRE)"),
                        None => format!("{label} (attached)"),
                    }
                })
                .collect();
            let backend = chosen.backend.name();
            line(text, format_args!("  ok  {kind}: {backend} [{}]", programs.join(", ")));
            for gap in &chosen.blind {
                line(text, format_args!("        cannot see: {gap}"));
            }
        }
    }
    for refusal in &hook.refused {
        line(text, format_args!("        not {}: {}", refusal.backend.name(), refusal.why));
    }
}

/// As JSON: with the lines to add for everybody who may have started this.
pub(super) fn json(place: &Place, findings: &[Finding], plan: &Planned) -> Value {
    let host: Vec<Value> = findings.iter().map(finding_json).collect();
    let fits = Manager::ALL.iter().filter(|manager| place.fits(**manager));
    let fits: Vec<&str> = fits.map(|manager| manager.name()).collect();
    let mut report = json!({ "host": host, "runs_in": fits, "hooks": [] });
    match plan {
        Err(why) => put(&mut report, "failure", json!(why)),
        Ok((plan, verified)) => {
            put(&mut report, "hooks", plan.hooks.iter().map(hook_json).collect());
            let verified = verified.iter().map(|(name, count)| ((*name).to_owned(), json!(count)));
            put(&mut report, "verified_instructions", Value::Object(verified.collect()));
        }
    }
    report
}

fn put(report: &mut Value, key: &str, value: Value) {
    if let Some(report) = report.as_object_mut() {
        report.insert(key.to_owned(), value);
    }
}

fn finding_json(finding: &Finding) -> Value {
    let Finding { what, good, found, costs, cure, add } = finding;
    let add: Vec<Value> = add
        .iter()
        .map(|it| json!({ "for": it.manager.name(), "to": it.to, "line": it.line }))
        .collect();
    json!({
        "what": what, "good": good, "found": found, "costs": costs, "cure": cure, "add": add,
    })
}

fn hook_json(hook: &planner::Planned) -> Value {
    let refused: Vec<Value> = hook
        .refused
        .iter()
        .map(|refusal| json!({ "backend": refusal.backend.name(), "why": refusal.why }))
        .collect();
    let programs = |chosen: &planner::Chosen| -> Vec<Value> {
        let one = |(program, fired): &(Program, Option<bool>)| {
            let label = attach_point(*program).label();
            json!({ "program": program.name(), "attach": label, "fired": fired })
        };
        chosen.programs.iter().map(one).collect()
    };
    json!({
        "kind": hook.kind.name(),
        "backend": hook.chosen.as_ref().map(|chosen| chosen.backend.name()),
        "programs": hook.chosen.as_ref().map(programs),
        "blind": hook.chosen.as_ref().map(|chosen| &chosen.blind),
        "refused": refused,
    })
}
