//! The rules on the events of this crate.

mod examples;
mod fields;
mod filter;
mod language;
mod schema;
mod shipped;

use std::{collections::BTreeSet, net::SocketAddr, ops::ControlFlow, path::Path, sync::Arc};

use monitor_rules::{Arg, Condition, Get, KindSet, RuleFile, TestField, TestValue, Unknown, Value};

use super::{
    Rules, SCHEMA, embedded,
    kinds::ALL,
    load,
    names::Names,
    schema::PUT_TOGETHER,
    testing::{self, TestOutcome},
};
use crate::env::EnvKeys;
use crate::event::{
    Action, Address, Container, Event, Fact, FactSource, Knowledge, Outcome, Process, Reason,
};
use crate::judge::{Judge, Verdict};

/// An event, by the fields that a rule's test would give.
fn event(fields: &[(&str, TestValue)]) -> Event {
    match try_event(fields) {
        Ok(event) => event,
        Err(mistakes) => panic!("{mistakes:?}"),
    }
}

fn try_event(fields: &[(&str, TestValue)]) -> Result<Event, Vec<testing::Mistake>> {
    let field = |(at, (name, value)): (usize, &(&str, TestValue))| TestField {
        name: (*name).to_owned(),
        value: value.clone(),
        line: at + 1,
        column: 3,
    };
    testing::build(&monitor_rules::TestEvent {
        fields: fields.iter().enumerate().map(field).collect(),
        after_ns: 0,
        line: 1,
    })
}

fn text(text: &str) -> TestValue {
    TestValue::Str(text.to_owned())
}

fn of_type(name: &str) -> Event {
    let path = ("fd.name", text("/f"));
    let mut fields = vec![("evt.type", text(name))];
    fields.extend((name == "open").then_some(path));
    event(&fields)
}

/// An event of a kind, by a type that stands for this kind, if possible for no other.
fn of_kind(kind: u8) -> Event {
    let types = SCHEMA.types.iter().filter(|(_, kinds)| kinds.contains(kind));
    let (name, _) = types.min_by_key(|(_, kinds)| kinds.iter().count()).unwrap();
    let mut fields = vec![("evt.type", text(name))];
    match Action::KINDS[usize::from(kind)] {
        "file_open" => fields.push(("fd.name", text("/f"))),
        "file_read" => {
            fields.extend([("fd.name", text("/f")), ("evt.is_open_write", TestValue::Bool(false))]);
        }
        "rename" | "link" | "symlink" => {
            fields.extend([("fs.path.source", text("/f")), ("fs.path.target", text("/g"))]);
        }
        _ => {}
    }
    event(&fields)
}

fn change(event: &mut Event, change: impl FnOnce(&mut Process)) {
    let mut process = Process::clone(&event.process);
    change(&mut process);
    event.process = Arc::new(process);
}

/// All values of a field, as outputs show them; why a value is unknown stands in angle brackets.
fn show(event: &Event, field: &str) -> String {
    let (name, arg) = match field.split_once('[') {
        Some((name, arg)) => (name, arg.trim_end_matches(']')),
        None => (field, ""),
    };
    let found = SCHEMA.fields.iter().find(|known| known.name == name).unwrap();
    // Keys cannot be made outside of the rule language: those go through conditions, below.
    let arg = arg.parse().map_or(Arg::None, Arg::Index);
    let mut shown = Vec::new();
    let mut visit = |value: Value<'_>| {
        shown.push(match value {
            Value::Absent => "-".to_owned(),
            Value::Unknown(Unknown::Pending) => "<pending>".to_owned(),
            Value::Unknown(Unknown::Never(why)) => format!("<{why}>"),
            value => {
                let mut text = Vec::new();
                value.write_to(&mut text);
                String::from_utf8(text).unwrap()
            }
        });
        ControlFlow::Continue(())
    };
    match found.get {
        Get::One(get) => assert!(visit(get(event, &arg)).is_continue()),
        Get::Any(get) | Get::Set(get) => get(event, &arg, &mut visit),
    }
    shown.join(",")
}

fn check(event: &Event, expected: &[(&str, &str)]) {
    for (field, value) in expected {
        assert_eq!(show(event, field), *value, "{field}");
    }
}

fn holds(event: &Event, condition: &str) -> bool {
    let condition = Condition::compile(&SCHEMA, "test", condition).unwrap_or_else(|found| {
        panic!("{condition}: {:?}", found.iter().map(|d| d.one_line()).collect::<Vec<_>>())
    });
    condition.decide(event).fires
}
