//! `runmon rules test --mutants`: negates each main term of each rule in turn, and says where no
//! test notices.

use std::process::ExitCode;

use monitor_rules::{Mutant, mutants};
use serde_json::json;

use super::{Source, compile, load, progress::Progress, read, report, show, test::run_one};
use crate::{cli::RulesTestArgs, document::printable::terminal, rules};

/// Tries the mutants of the rules; without paths those of the embedded rules.
pub(super) fn run(args: &RulesTestArgs) -> anyhow::Result<ExitCode> {
    // What is wrong with the rules themselves is told first.
    let known = load(&args.paths)?;
    let only = match &args.rule {
        Some(name) => Some(super::rule_named(&known, name)?.1.about.name.clone()),
        None => None,
    };
    let files = read(&args.paths)?.sources;
    let all: Vec<(usize, Mutant)> = files
        .iter()
        .enumerate()
        .flat_map(|(at, file)| mutants(file.as_rule_file()).into_iter().map(move |it| (at, it)))
        .filter(|(_, mutant)| only.as_ref().is_none_or(|name| *name == mutant.rule))
        .collect();
    let mut progress = Progress::new(all.len(), "mutant");
    let mut survivors = Vec::new();
    for (at, mutant) in &all {
        if !is_noticed(&files, mutant) {
            survivors.push((files.get(*at).map_or("", |file| &file.name), mutant));
        }
        progress.add(1);
    }
    progress.finish();
    show(&if args.json { as_json(all.len(), &survivors) } else { as_text(all.len(), &survivors) })?;
    Ok(if survivors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a test fails with the mutant in place of the rule. One that does not compile is noticed
/// too.
fn is_noticed(files: &[Source], mutant: &Mutant) -> bool {
    let (name, condition) = (json!(mutant.rule), json!(mutant.condition));
    let text =
        format!("- rule: {name}\n  condition: {condition}\n  override: {{condition: replace}}\n");
    let changed = Source { name: "mutant".to_owned(), bytes: text.into_bytes() };
    let loaded = compile(files.iter().chain([&changed]));
    match rules::named(&loaded.rules, &mutant.rule) {
        Ok((_, rule)) => run_one(rule).iter().any(|report| !report.passed()),
        Err(_) => true,
    }
}

fn as_text(all: usize, survivors: &[(&str, &Mutant)]) -> String {
    let mut text = String::new();
    for (file, Mutant { rule, term, .. }) in survivors {
        let (rule, term) = (terminal(rule.as_bytes()), terminal(term.as_bytes()));
        text.push_str(&format!("{file}: `{rule}`: no test notices if this is negated: {term}\n"));
    }
    let noticed = all - survivors.len();
    text.push_str(&format!("{noticed} of {} are noticed\n", report::count(all, "mutant")));
    text
}

fn as_json(all: usize, survivors: &[(&str, &Mutant)]) -> String {
    let one = |(file, mutant): &(&str, &Mutant)| {
        let Mutant { rule, term, condition } = mutant;
        json!({ "file": file, "rule": rule, "term": term, "condition": condition })
    };
    report::lines(&json!({
        "mutants": all,
        "unnoticed": survivors.iter().map(one).collect::<Vec<_>>(),
    }))
}
