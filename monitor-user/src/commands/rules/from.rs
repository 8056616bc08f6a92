//! `runmon rules test --from RECORDING`: makes tests of what a recording shows.
//!
//! A rule that fired gets a test for each sort of event that it fired on, and one for each event
//! that it nearly fired on: of one of its main terms alone it was not true. Each test is tried
//! before it is written.

use std::{collections::BTreeMap, io::Write as _, path::Path, process::ExitCode, sync::Arc};

use monitor_rules::{Explained, Part, Rule, TestField, TestValue, Tri};

use super::{load, rule_named};
use crate::{
    cli::RulesTestArgs,
    commands::{explain_recording, new_file, replay::line_of, say, show},
    document::{Document, printable::terminal},
    event::{Event, EventId},
    line::Outlet,
    rules::{Rules, testing::describe},
    source::recording::Reader,
};

/// Tests of each sort for one rule.
const TESTS: usize = 3;

/// Events that are looked at for them: most are much alike.
const EVENTS: usize = 64;

/// Longest part of a command line in the name of a test.
const NAME_CHARS: usize = 60;

/// Makes tests for the rules that fire on a recording.
pub(super) fn run(args: &RulesTestArgs, recording: &Path) -> anyhow::Result<ExitCode> {
    let rules = Arc::new(load(&args.paths)?);
    let only = args.rule.as_deref().map(|name| rule_named(&rules, name)).transpose()?;
    let only = only.map(|(number, _)| number);
    let mut fired = Fired { rules: &rules, only, events: BTreeMap::new() };
    each_event(recording, &rules, |document| fired.take(document))?;
    let mut near = Near { rules: &rules, fired: &fired.events, events: BTreeMap::new() };
    each_event(recording, &rules, |document| near.take(document))?;
    let mut text = String::new();
    for (number, events) in &fired.events {
        let near = near.events.remove(number).unwrap_or_default();
        if let Some(rule) = rules.rules().get(*number) {
            text.push_str(&tests_of(rule, events, &near));
        }
    }
    if fired.events.is_empty() {
        say("no rule fired on this recording: there is nothing to make tests of");
        return Ok(ExitCode::SUCCESS);
    }
    let head = "# Made of a recording by `runmon rules test --from`: look at each test, and keep\n\
                # what the rule is to do. These are added to the rules that are loaded before.\n";
    let text = format!("{head}{text}");
    let Some(output) = &args.output else {
        show(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    new_file(output)?.write_all(text.as_bytes())?;
    say(&format!("`runmon rules test RULES {}` runs them", output.display()));
    Ok(ExitCode::SUCCESS)
}

/// Shows every event and alert of a recording as it was when it was decided.
fn each_event(
    recording: &Path,
    rules: &Arc<Rules>,
    each: impl FnMut(Document),
) -> anyhow::Result<()> {
    let mut reader = Reader::open(recording).map_err(explain_recording)?;
    let mut line = line_of(&reader.preamble, Arc::clone(rules), Documents(each));
    while let Some(input) = reader.next()? {
        line.take(input);
        drop((line.take_lookups(), line.take_hash_questions()));
    }
    line.finish();
    Ok(())
}

struct Documents<F>(F);

impl<F: FnMut(Document)> Outlet for Documents<F> {
    fn offer(&mut self, document: Document) {
        (self.0)(document);
    }

    fn wants_events(&self) -> bool {
        true
    }
}

/// Which rules fired on what.
struct Fired<'r> {
    rules: &'r Rules,
    /// The only rule that is asked for: also if it is off.
    only: Option<usize>,
    events: BTreeMap<usize, Vec<Arc<Event>>>,
}

impl Fired<'_> {
    fn take(&mut self, document: Document) {
        match (document, self.only) {
            (Document::Event(event), Some(number)) => {
                let rule = self.rules.rules().get(number);
                if rule.is_some_and(|rule| rule.decide(&event).fires) {
                    self.add(number, event);
                }
            }
            (Document::Alert(alert), None) => {
                for matched in &alert.matched {
                    let is_it = |rule: &Rule<Event>| Arc::ptr_eq(&rule.about, &matched.about);
                    if let Some(number) = self.rules.rules().iter().position(is_it) {
                        self.add(number, Arc::clone(&alert.event));
                    }
                }
            }
            // More is known of it by now.
            (Document::Update(alert), None) => self.replace(alert.id(), &alert.event),
            _ => {}
        }
    }

    fn add(&mut self, number: usize, event: Arc<Event>) {
        let events = self.events.entry(number).or_default();
        if events.len() < EVENTS {
            events.push(event);
        }
    }

    fn replace(&mut self, id: EventId, by: &Arc<Event>) {
        for event in self.events.values_mut().flatten().filter(|event| event.id == id) {
            *event = Arc::clone(by);
        }
    }
}

/// An event, and the term that kept a rule quiet on it.
type Missed = (String, Arc<Event>);

/// What rules that fired elsewhere nearly fired on.
struct Near<'r> {
    rules: &'r Rules,
    fired: &'r BTreeMap<usize, Vec<Arc<Event>>>,
    events: BTreeMap<usize, Vec<Missed>>,
}

impl Near<'_> {
    fn take(&mut self, document: Document) {
        let Document::Event(event) = document else { return };
        for number in self.fired.keys() {
            let Some(rule) = self.rules.rules().get(*number) else { continue };
            let missed = self.events.entry(*number).or_default();
            let is_of_kind = rule.kinds().contains(event.action.kind());
            if missed.len() >= EVENTS || !is_of_kind || rule.decide(&event).fires {
                continue;
            }
            if let Some(term) = only_failing(&rule.explain(&event))
                && missed.iter().filter(|(known, _)| *known == term).count() < TESTS
            {
                missed.push((term, Arc::clone(&event)));
            }
        }
    }
}

/// The main term that alone does not hold.
fn only_failing(explained: &Explained) -> Option<String> {
    let mut failing = Vec::new();
    main_terms(explained, &mut failing);
    match failing.as_slice() {
        [only] => Some(as_text(only)),
        _ => None,
    }
}

/// The terms of all `and`s from the top that do not hold.
fn main_terms<'e>(explained: &'e Explained, failing: &mut Vec<&'e Explained>) {
    match &explained.part {
        Part::And(parts) => parts.iter().for_each(|part| main_terms(part, failing)),
        // A name says more than what it stands for, unless that is several terms.
        Part::Macro(_, inner) if matches!(inner.part, Part::And(_)) => main_terms(inner, failing),
        _ if explained.truth != Tri::True => failing.push(explained),
        _ => {}
    }
}

fn as_text(explained: &Explained) -> String {
    match &explained.part {
        Part::Check { text, .. } => text.clone(),
        Part::Macro(name, _) => name.clone(),
        Part::Not(inner) => format!("not {}", as_text(inner)),
        Part::And(parts) => joined(parts, " and "),
        Part::Or(parts) => joined(parts, " or "),
    }
}

fn joined(parts: &[Explained], word: &str) -> String {
    let parts: Vec<String> = parts.iter().map(as_text).collect();
    format!("({})", parts.join(word))
}

/// The tests of one rule, as a file that adds them to it.
fn tests_of(rule: &Rule<Event>, fired: &[Arc<Event>], near: &[Missed]) -> String {
    let mut tests = String::new();
    let mut told: Vec<Vec<(String, TestValue)>> = Vec::new();
    let mut undescribed = 0;
    let mut add = |name: String, fires: bool, event: &Event| {
        let Some(fields) = describe(rule, event) else {
            undescribed += 1;
            return false;
        };
        let says = fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect();
        if told.contains(&says) {
            return false;
        }
        told.push(says);
        tests.push_str(&test(&name, fires, &fields));
        true
    };
    let mut left = TESTS;
    for event in fired {
        left -= usize::from(left > 0 && add(name_of(event), true, event));
    }
    let mut terms: Vec<&str> = Vec::new();
    for (term, event) in near {
        if terms.len() < TESTS
            && !terms.contains(&&**term)
            && add(format!("{}; fails: {term}", name_of(event)), false, event)
        {
            terms.push(term);
        }
    }
    let name = yaml(&rule.about.name);
    let mut notes = String::new();
    if rule.aggregate.is_some() {
        notes.push_str("# It gathers several events: here only its condition is tried.\n");
    }
    if undescribed > 0 {
        notes.push_str(&format!(
            "# {undescribed} events cannot be described by fields: keep the recording as a test.\n"
        ));
    }
    if tests.is_empty() {
        return format!("\n# {}\n{notes}", terminal(rule.about.name.as_bytes()));
    }
    format!("\n{notes}- rule: {name}\n  tests:\n{tests}  override: {{tests: append}}\n")
}

/// When it was, and what was done by which command line.
fn name_of(event: &Event) -> String {
    let at = jiff::Timestamp::from_nanosecond(event.timestamp_ns.into());
    let at = at.map_or(String::new(), |at| format!("{at:.3}: "));
    let words = event.process.args.split(|byte| *byte == 0);
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    let line: String = words.join(" ").trim().chars().take(NAME_CHARS).collect();
    let kind = crate::rules::SCHEMA.kinds.get(usize::from(event.action.kind())).unwrap_or(&"");
    format!("{at}{kind} by `{line}`")
}

fn test(name: &str, fires: bool, fields: &[TestField]) -> String {
    let mut text = format!("    - name: {}\n      fires: {fires}\n      event:\n", yaml(name));
    for field in fields {
        text.push_str(&format!("        {}: {}\n", yaml(&field.name), yaml_of(&field.value)));
    }
    text
}

fn yaml_of(value: &TestValue) -> String {
    match value {
        TestValue::Null => "null".to_owned(),
        TestValue::Bool(yes) => yes.to_string(),
        TestValue::Int(number) => number.to_string(),
        TestValue::Str(text) => yaml(text),
        TestValue::Bytes(bytes) => yaml(&String::from_utf8_lossy(bytes)),
        TestValue::List(values) => {
            let values: Vec<String> = values.iter().map(yaml_of).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

/// A text as YAML: as it is where that is safe, in quotes otherwise. It may come from an attacker.
fn yaml(text: &str) -> String {
    let is_word = |it: char| it.is_ascii_alphanumeric() || "._/-".contains(it);
    let starts_well = text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '/');
    let means_else = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"]
        .contains(&&*text.to_ascii_lowercase());
    if starts_well && text.chars().all(is_word) && !means_else {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for it in text.chars() {
        match it {
            '"' | '\\' => quoted.extend(['\\', it]),
            ' '..='~' => quoted.push(it),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(it))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
