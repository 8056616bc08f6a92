//! `runmon rules test`: runs the tests that stand in rules, and says which rules lack some.

use std::{path::Path, process::ExitCode, time::Instant};

use monitor_rules::{Expect, Rule};
use serde_json::json;

use super::{from, load, mutants, progress::Progress, recorded, report, rule_named, show};
use crate::{
    cli::RulesTestArgs,
    document::printable::terminal,
    event::Event,
    rules::testing::{TestReport, run_tests_of},
};

/// Rules without tests that are named; the rest is counted.
const NAMES_SHOWN: usize = 12;

/// Runs the tests; without paths those of the embedded rules.
pub(super) fn run(args: &RulesTestArgs) -> anyhow::Result<ExitCode> {
    if args.mutants {
        return mutants::run(args);
    }
    if let Some(recording) = &args.from {
        return from::run(args, recording);
    }
    let rules = load(&args.paths)?;
    let chosen: Vec<&Rule<Event>> = match &args.rule {
        Some(name) => vec![rule_named(&rules, name)?.1],
        None => rules.rules().iter().collect(),
    };
    let begun = Instant::now();
    let tests = chosen.iter().map(|rule| rule.tests.len()).sum();
    let mut progress = Progress::new(tests, "test");
    let tried: Vec<Tried<'_>> =
        chosen.into_iter().map(|rule| Tried::of(rule, &mut progress)).collect();
    progress.finish();
    let ran = Ran { tried, seconds: begun.elapsed().as_secs_f64() };
    show(&match (args.json, args.table) {
        (true, _) => ran.as_json(),
        (false, true) => format!("{}\n{}", ran.table(), ran.as_text()),
        (false, false) => ran.as_text(),
    })?;
    Ok(if ran.failed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A rule with what came of its tests.
struct Tried<'r> {
    rule: &'r Rule<Event>,
    reports: Vec<TestReport>,
}

impl<'r> Tried<'r> {
    fn of(rule: &'r Rule<Event>, progress: &mut Progress) -> Self {
        let reports = run_one(rule);
        progress.add(reports.len());
        Self { rule, reports }
    }

    fn failed(&self) -> impl Iterator<Item = &TestReport> {
        self.reports.iter().filter(|report| !report.passed())
    }

    fn count(&self, expect: Expect) -> usize {
        self.reports.iter().filter(|report| report.expect == expect).count()
    }
}

/// Runs the tests of one rule, recordings included.
pub(super) fn run_one(rule: &Rule<Event>) -> Vec<TestReport> {
    run_tests_of(rule, &recorded_events)
}

/// The events of a recording that a test names, relative to the rule file's folder.
fn recorded_events(
    rule_file: &str,
    path: &str,
    each: &mut dyn FnMut(&Event),
) -> Result<(), String> {
    let folder = Path::new(rule_file).parent().unwrap_or(Path::new(""));
    let told = recorded::each_event(&folder.join(path), |event| {
        each(&event);
        true
    });
    told.map_err(|error| format!("{error:#}"))
}

/// What came of all tests.
struct Ran<'r> {
    tried: Vec<Tried<'r>>,
    seconds: f64,
}

impl Ran<'_> {
    fn tests(&self) -> usize {
        self.tried.iter().map(|tried| tried.reports.len()).sum()
    }

    fn failed(&self) -> usize {
        self.tried.iter().map(|tried| tried.failed().count()).sum()
    }

    /// The tests that failed, and a summary.
    fn as_text(&self) -> String {
        let failed = self.tried.iter().flat_map(Tried::failed);
        let mut text: String = failed.map(report::test).collect();
        let (tests, failed) = (self.tests(), self.failed());
        let rules = report::count(self.tried.len(), "rule");
        let passed = tests - failed;
        text.push_str(&format!(
            "{passed} passed, {failed} failed, of {rules}, in {:.2} s\n",
            self.seconds
        ));
        let none = |tried: &Tried<'_>| tried.reports.is_empty();
        text.push_str(&self.names("without tests", none));
        let lacks = |expect| move |tried: &Tried<'_>| !none(tried) && tried.count(expect) == 0;
        text.push_str(&self.names("without a test that fires", lacks(Expect::Fires)));
        text.push_str(&self.names("without a test that keeps quiet", lacks(Expect::Quiet)));
        text
    }

    /// The rules that lack something; nothing if none does.
    fn names(&self, lack: &str, lacks: impl Fn(&Tried<'_>) -> bool) -> String {
        let found: Vec<&Tried<'_>> = self.tried.iter().filter(|tried| lacks(tried)).collect();
        if found.is_empty() {
            return String::new();
        }
        let shown = found.iter().take(NAMES_SHOWN);
        let shown = shown.map(|tried| terminal(tried.rule.about.name.as_bytes()).into_owned());
        let more = match found.len().saturating_sub(NAMES_SHOWN) {
            0 => String::new(),
            more => format!("; {more} more, see --table"),
        };
        let (rules, shown) = (report::count(found.len(), "rule"), shown.collect::<Vec<_>>());
        format!("{rules} {lack}: {}{more}\n", shown.join(", "))
    }

    /// How many tests each rule has.
    fn table(&self) -> String {
        let head = ["FIRING", "QUIET", "FAILED", "ID", "NAME"].map(str::to_owned);
        let row = |tried: &Tried<'_>| {
            let about = &tried.rule.about;
            [
                tried.count(Expect::Fires).to_string(),
                tried.count(Expect::Quiet).to_string(),
                tried.failed().count().to_string(),
                about.id.clone(),
                terminal(about.name.as_bytes()).into_owned(),
            ]
        };
        report::table(std::iter::once(head).chain(self.tried.iter().map(row)).collect())
    }

    fn as_json(&self) -> String {
        let rule = |tried: &Tried<'_>| {
            json!({
                "id": tried.rule.about.id,
                "name": tried.rule.about.name,
                "enabled": tried.rule.enabled,
                "firing": tried.count(Expect::Fires),
                "quiet": tried.count(Expect::Quiet),
                "failed": tried.failed().count(),
            })
        };
        let failure = |report: &TestReport| {
            let expected = match report.expect {
                Expect::Fires => "fires",
                Expect::Quiet => "quiet",
            };
            json!({
                "rule": report.rule,
                "test": report.test,
                "file": report.file,
                "line": report.line,
                "expected": expected,
                "text": report::test(report),
            })
        };
        let failures = self.tried.iter().flat_map(Tried::failed).map(failure);
        report::lines(&json!({
            "passed": self.tests() - self.failed(),
            "failed": self.failed(),
            "seconds": self.seconds,
            "rules": self.tried.iter().map(rule).collect::<Vec<_>>(),
            "failures": failures.collect::<Vec<_>>(),
        }))
    }
}
