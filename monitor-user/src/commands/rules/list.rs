//! `runmon rules list`: the rules that the filter lets through, as a table, JSON or a layer.

use std::process::ExitCode;

use monitor_rules::{Mode, Rule};
use serde_json::json;

use super::{filter::Filter, load, navigator, report, show};
use crate::{
    cli::RulesListArgs, commands::say, document::printable::terminal, event::Event,
    rules::schema::kind_names,
};

/// Kinds of event that the table names of one rule; the JSON has all.
const KINDS_SHOWN: usize = 5;

/// Lists rules; without paths the embedded ones.
pub(super) fn run(args: &RulesListArgs) -> anyhow::Result<ExitCode> {
    let filter = Filter::of(&args.only)?;
    let rules = load(&args.paths)?;
    let chosen: Vec<&Rule<Event>> =
        rules.rules().iter().filter(|rule| filter.lets_through(rule)).collect();
    if chosen.is_empty() {
        say(&filter.why_none(rules.rules()));
    }
    if args.navigator {
        show(&navigator::layer(&chosen))?;
    } else if args.json {
        show(&as_json(&chosen))?;
    } else if !chosen.is_empty() {
        show(&as_table(&chosen))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn as_table(rules: &[&Rule<Event>]) -> String {
    let head = ["ID", "PRIORITY", "EVENTS", "TACTICS", "NAME"].map(str::to_owned);
    let row = |rule: &&Rule<Event>| {
        let about = &rule.about;
        let tactics: Vec<&str> = about.tactics.iter().map(|tactic| tactic.name).collect();
        let state = match (rule.enabled, rule.mode) {
            (false, _) => " (off)",
            (true, Mode::Shadow) => " (shadow)",
            (true, Mode::Alert) => "",
        };
        [
            about.id.clone(),
            about.priority.name().to_ascii_lowercase(),
            kinds(&kind_names(rule.kinds())),
            tactics.join(","),
            format!("{}{state}", terminal(about.name.as_bytes())),
        ]
    };
    report::table(std::iter::once(head).chain(rules.iter().map(row)).collect())
}

/// The kinds of a rule, some of them where all would push what follows off the screen.
fn kinds(names: &[&str]) -> String {
    match names.split_at_checked(KINDS_SHOWN) {
        Some((first, rest)) if rest.len() > 1 => {
            format!("{} and {} more", first.join(","), rest.len())
        }
        _ => names.join(","),
    }
}

pub(super) fn as_json(rules: &[&Rule<Event>]) -> String {
    let one = |rule: &&Rule<Event>| {
        let about = &rule.about;
        let tactics: Vec<&str> = about.tactics.iter().map(|tactic| tactic.id).collect();
        json!({
            "id": about.id,
            "name": about.name,
            "version": about.version,
            "description": about.desc,
            "priority": about.priority.name().to_ascii_lowercase(),
            "enabled": rule.enabled,
            "events": kind_names(rule.kinds()),
            "fields": rule.fields(),
            "tactics": tactics,
            "techniques": about.techniques,
            "tags": about.tags,
            "references": about.references,
            "false_positives": about.false_positives,
            "triage": about.triage,
            "tests": rule.tests.len(),
            "file": about.file,
            "line": about.line,
        })
    };
    report::lines(&json!(rules.iter().map(one).collect::<Vec<_>>()))
}
