//! The tests that stand in rules: each describes an event by its fields, and what is expected.
//!
//! This is the second maker of [`Event`]s beside `enrich`. What a test does not say has a sensible
//! value: a program of root's on the host, started by systemd, whose act succeeded.

mod act;
mod acts;
mod agree;
mod describe;
mod dns;
mod draft;
mod package;
mod place;
mod policy;
mod process;
mod profile;
mod restore;
mod value;

use std::fmt;

use monitor_rules::{
    Expect, Explained, Rule, RuleTest, TestActs, TestEvent, TestField, TestValue, Undecided,
    Windows,
};

use super::{Rules, SCHEMA};
use crate::event::Event;
pub use describe::describe;
use draft::Draft;
pub use restore::restore;

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
    /// It was to fire, and of several events none made it.
    Silent {
        /// How many there were.
        events: usize,
    },
    /// The test describes no event.
    Broken(Vec<Mistake>),
    /// The recording that it names cannot be read.
    Unreadable(String),
}

/// Gives the events of a recording, one after another: the name of the rule file, and the path as
/// written there. The error is for people.
pub type Recorded<'a> = &'a dyn Fn(&str, &str, &mut dyn FnMut(&Event)) -> Result<(), String>;

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

/// Runs the tests of all rules, also of those that are switched off, and no recordings.
#[must_use]
pub fn run_tests(rules: &Rules) -> Vec<TestReport> {
    let none = |_: &str, _: &str, _: &mut dyn FnMut(&Event)| {
        Err("recordings are not read here".to_owned())
    };
    rules.rules().iter().flat_map(|rule| run_tests_of(rule, &none)).collect()
}

/// Runs the tests of one rule.
#[must_use]
pub fn run_tests_of(rule: &Rule<Event>, recorded: Recorded<'_>) -> Vec<TestReport> {
    let run = |test: &RuleTest| TestReport {
        rule: rule.about.name.clone(),
        file: rule.about.file.clone(),
        line: test.line,
        test: test.name.clone(),
        expect: test.expect,
        outcome: outcome(rule, test, recorded),
    };
    rule.tests.iter().map(run).collect()
}

fn outcome(rule: &Rule<Event>, test: &RuleTest, recorded: Recorded<'_>) -> TestOutcome {
    let mut trial = Trial::new(rule);
    match &test.acts {
        TestActs::Event(event) => match build(event) {
            Ok(event) => trial.decide(&event),
            Err(mistakes) => return TestOutcome::Broken(mistakes),
        },
        TestActs::Events(events) => match build_all(events) {
            Ok(events) => events.iter().for_each(|event| trial.see(event)),
            Err(mistakes) => return TestOutcome::Broken(mistakes),
        },
        TestActs::Recording(path) => {
            if let Err(why) = recorded(&rule.about.file, path, &mut |event| trial.see(event)) {
                return TestOutcome::Unreadable(why);
            }
        }
    }
    trial.outcome(test.expect)
}

/// A rule on the events of one test.
struct Trial<'r> {
    rule: &'r Rule<Event>,
    windows: Windows,
    events: usize,
    fired: bool,
    /// What it made of the first event that it fired on, else of the only one.
    why: Option<(Explained, Vec<Undecided>)>,
}

impl<'r> Trial<'r> {
    fn new(rule: &'r Rule<Event>) -> Self {
        Self { rule, windows: Windows::default(), events: 0, fired: false, why: None }
    }

    /// Whether the rule holds for the event, whatever it gathers.
    fn decide(&mut self, event: &Event) {
        let decision = self.rule.decide(event);
        (self.events, self.fired) = (1, decision.fires);
        self.why = Some((self.rule.explain(event), decision.undecided));
    }

    /// What comes of one event after others.
    fn see(&mut self, event: &Event) {
        self.events += 1;
        let decision = self.rule.decide(event);
        if !decision.fires || self.fired {
            return;
        }
        let gathered = self.rule.aggregate.as_ref().is_none_or(|aggregate| {
            self.windows.take(0, aggregate, event, event.timestamp_ns).is_some()
        });
        if gathered {
            self.fired = true;
            self.why = Some((self.rule.explain(event), decision.undecided));
        }
    }

    fn outcome(self, expect: Expect) -> TestOutcome {
        if self.fired == (expect == Expect::Fires) {
            return TestOutcome::Passed;
        }
        match self.why {
            Some((why, undecided)) => TestOutcome::Failed { why, undecided },
            None => TestOutcome::Silent { events: self.events },
        }
    }
}

/// The events of a test, each at its time.
fn build_all(tests: &[TestEvent]) -> Result<Vec<Event>, Vec<Mistake>> {
    let (mut events, mut mistakes) = (Vec::new(), Vec::new());
    let mut later_ns: u64 = 0;
    for test in tests {
        later_ns = later_ns.saturating_add(test.after_ns);
        match build(test) {
            Ok(mut event) => {
                event.timestamp_ns = event.timestamp_ns.saturating_add_unsigned(later_ns);
                event.boottime_ns = event.boottime_ns.saturating_add(later_ns);
                events.push(event);
            }
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(events) } else { Err(mistakes) }
}

/// Makes an event as a test describes it.
///
/// # Errors
///
/// Everything in the description that is no field, no possible value, or does not go together.
pub fn build(test: &TestEvent) -> Result<Event, Vec<Mistake>> {
    let mistake =
        |field: &TestField, message| Mistake { message, line: field.line, column: field.column };
    let at_test = |message| Mistake { message, line: test.line, column: 1 };
    let kind = test.fields.iter().find(|field| field.name == "evt.type");
    let Some(kind) = kind else {
        let message = "the event has no `evt.type`: say what is done, such as `execve`".to_owned();
        return Err(vec![at_test(message)]);
    };
    let kind = match act::kind(&kind.value) {
        Ok(number) => number,
        Err(message) => return Err(vec![mistake(kind, message)]),
    };
    let mut draft = Draft::new(kind);
    let mut mistakes = Vec::new();
    let fields: Vec<&TestField> =
        test.fields.iter().filter(|field| field.name != "evt.type").collect();
    for field in &fields {
        if let Err(message) = set(&mut draft, field) {
            mistakes.push(mistake(field, message));
        }
    }
    match draft.finish() {
        Ok(event) if mistakes.is_empty() => {
            let found = agree::contradictions(kind, &fields, &event);
            if found.is_empty() { Ok(event) } else { Err(found) }
        }
        Ok(_) => Err(mistakes),
        Err(message) => {
            let located = agree::located(kind, &fields, message.clone());
            mistakes.push(located.unwrap_or_else(|| at_test(message)));
            Err(mistakes)
        }
    }
}

/// Sets what one line says.
fn set(draft: &mut Draft, field: &TestField) -> Result<(), String> {
    let (name, arg) = name_and_arg(field);
    let known = SCHEMA.fields.iter().any(|known| known.name == name);
    let set: Option<Result<(), String>> = acts::set(draft, name, &field.value)
        .or_else(|| act::set(draft, name, &field.value))
        .or_else(|| dns::set(draft, name, &field.value))
        .or_else(|| package::set(draft, name, &field.value))
        .or_else(|| process::set(draft, (name, arg), &field.value))
        .or_else(|| profile::set(draft, name, &field.value))
        .or_else(|| policy::set(draft, name, &field.value))
        .or_else(|| place::set(draft, (name, arg), &field.value));
    match set {
        Some(result) => result.map_err(|why| format!("`{}`: {why}", field.name)),
        None if known => Err(format!("`{name}` follows from other fields: set those instead")),
        None => Err(format!("no event has a field `{name}`; `runmon rules fields` lists them")),
    }
}

/// The field of a line, and its argument.
fn name_and_arg(field: &TestField) -> (&str, Option<&str>) {
    match field.name.split_once('[') {
        Some((name, arg)) => (name, Some(arg.strip_suffix(']').unwrap_or(arg))),
        None => (&field.name, None),
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
