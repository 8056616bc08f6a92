//! The tests that stand in rules: each describes an event by its fields, and what is expected.
//!
//! This is the second maker of [`Event`]s beside `enrich`. What a test does not say has a sensible
//! value: a program of root's on the host, started by systemd, whose act succeeded.

mod act;
mod draft;
mod place;
mod process;
mod value;

use std::fmt;

use monitor_rules::{Expect, Explained, RuleTest, TestField, TestValue, Undecided};

use super::{Rules, SCHEMA};
use crate::event::Event;
use draft::Draft;

/// What came of one test.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// Name of the rule.
    pub rule: String,
    /// File of the rule.
    pub file: String,
    /// Line of the test.
    pub line: usize,
    /// Name of the test.
    pub test: String,
    /// What is expected.
    pub expect: Expect,
    /// What came of it.
    pub outcome: TestOutcome,
}

impl TestReport {
    /// Whether the rule did as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self.outcome, TestOutcome::Passed)
    }
}

/// What came of one test.
#[derive(Clone, Debug)]
pub enum TestOutcome {
    /// The rule did as expected.
    Passed,
    /// It did not.
    Failed {
        /// Why not: every check with the values that it saw.
        why: Explained,
        /// What was asked for and not known.
        undecided: Vec<Undecided>,
    },
    /// The test describes no event.
    Broken(Vec<Mistake>),
}

/// What is wrong with the description of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Runs the tests of all rules, also of those that are switched off.
#[must_use]
pub fn run_tests(rules: &Rules) -> Vec<TestReport> {
    rules.rules().iter().flat_map(run_tests_of).collect()
}

/// Runs the tests of one rule.
#[must_use]
pub fn run_tests_of(rule: &monitor_rules::Rule<Event>) -> Vec<TestReport> {
    let run = |test: &RuleTest| TestReport {
        rule: rule.about.name.clone(),
        file: rule.about.file.clone(),
        line: test.line,
        test: test.name.clone(),
        expect: test.expect,
        outcome: match build(test) {
            Err(mistakes) => TestOutcome::Broken(mistakes),
            Ok(event) => judge(rule, test.expect, &event),
        },
    };
    rule.tests.iter().map(run).collect()
}

fn judge(rule: &monitor_rules::Rule<Event>, expect: Expect, event: &Event) -> TestOutcome {
    let decision = rule.decide(event);
    if decision.fires == (expect == Expect::Fires) {
        return TestOutcome::Passed;
    }
    TestOutcome::Failed { why: rule.explain(event), undecided: decision.undecided }
}

/// Makes the event that a test describes.
///
/// # Errors
///
/// Everything in the description that is no field, no possible value, or does not go together.
pub fn build(test: &RuleTest) -> Result<Event, Vec<Mistake>> {
    let mistake =
        |field: &TestField, message| Mistake { message, line: field.line, column: field.column };
    let at_test = |message| Mistake { message, line: test.line, column: 1 };
    let kind = test.event.iter().find(|field| field.name == "evt.type");
    let Some(kind) = kind else {
        let message = "the event has no `evt.type`: say what is done, such as `execve`".to_owned();
        return Err(vec![at_test(message)]);
    };
    let mut draft = match act::kind(&kind.value) {
        Ok(kind) => Draft::new(kind),
        Err(message) => return Err(vec![mistake(kind, message)]),
    };
    let mut mistakes = Vec::new();
    for field in test.event.iter().filter(|field| field.name != "evt.type") {
        if let Err(message) = set(&mut draft, field) {
            mistakes.push(mistake(field, message));
        }
    }
    match draft.finish() {
        Ok(event) if mistakes.is_empty() => Ok(event),
        Ok(_) => Err(mistakes),
        Err(message) => {
            mistakes.push(at_test(message));
            Err(mistakes)
        }
    }
}

/// Sets what one line says.
fn set(draft: &mut Draft, field: &TestField) -> Result<(), String> {
    let (name, arg) = match field.name.split_once('[') {
        Some((name, arg)) => (name, Some(arg.strip_suffix(']').unwrap_or(arg))),
        None => (&*field.name, None),
    };
    let known = SCHEMA.fields.iter().any(|known| known.name == name);
    let set: Option<Result<(), String>> = act::set(draft, name, &field.value)
        .or_else(|| process::set(draft, (name, arg), &field.value))
        .or_else(|| place::set(draft, name, &field.value));
    match set {
        Some(result) => result.map_err(|why| format!("`{}`: {why}", field.name)),
        None if known => Err(format!("`{name}` follows from other fields: set those instead")),
        None => Err(format!("no event has a field `{name}`; `runmon rules fields` lists them")),
    }
}

/// What setting a field comes to: `None` if the field is another module's.
type Set = Option<Result<(), String>>;

/// Sets a part from a value of its type.
fn assign<T>(
    part: &mut T,
    value: &TestValue,
    read: fn(&TestValue) -> Result<T, String>,
) -> Result<(), String> {
    *part = read(value)?;
    Ok(())
}
