//! The tests of an exception: the event of the alert, which is quiet from then on, and one that
//! differs in one value and still fires.

use std::collections::BTreeSet;

use monitor_rules::{Rule, TestEvent, TestField, TestValue};
use serde_json::Value;

use super::columns::Column;
use crate::{
    document::history,
    event::Event,
    rules::{
        stored::{Stored, test_value},
        testing, values,
    },
};

/// Events as tests describe them.
pub(super) struct Trial {
    /// As the alert's was.
    pub(super) hidden: Vec<(String, Value)>,
    /// With another value of that field; None where no such event fires.
    pub(super) near: Option<(String, Vec<(String, Value)>)>,
}

/// What an event is told by besides what the rule asks for, where that alone makes none that fires.
const MORE: [&str; 8] = [
    "proc.name",
    "proc.exepath",
    "proc.cmdline",
    "proc.pname",
    "user.uid",
    "container.id",
    "fd.name",
    "evt.is_open_write",
];

/// The tests for a rule; None where no description makes an event on which the rule fires.
pub(super) fn of(rule: &Rule<Event>, stored: &Stored<'_>, columns: &[Column]) -> Option<Trial> {
    let own = columns.iter().map(|column| &*column.field);
    let asked: BTreeSet<&str> = rule.condition.fields().into_iter().chain(own).collect();
    let all = asked.iter().copied().chain(MORE).collect();
    let hidden = [&asked, &all].into_iter().find_map(|names| firing(rule, stored, names))?;
    let near = columns.iter().find_map(|column| {
        let other = other(&column.value)?;
        let mut event = hidden.clone();
        event.iter_mut().find(|(name, _)| *name == column.field)?.1 = other;
        let built = testing::build(&described(&event)?).ok()?;
        rule.decide(&built).fires.then_some((column.field.clone(), event))
    });
    // An exception that compares something else than the event says keeps nothing quiet.
    let event = testing::build(&described(&hidden)?).ok()?;
    let is_said = |column: &Column| {
        let said = values::of_name(&column.field, &event);
        said.is_some_and(|it| it.values.iter().map(history::value).eq([column.value.clone()]))
    };
    columns.iter().all(is_said).then_some(Trial { hidden, near })
}

/// An event of these fields on which the rule fires.
fn firing(
    rule: &Rule<Event>,
    stored: &Stored<'_>,
    names: &BTreeSet<&str>,
) -> Option<Vec<(String, Value)>> {
    let kind = stored.value("evt.type")?.clone();
    let mut fields = vec![("evt.type".to_owned(), kind)];
    for name in names.iter().filter(|name| **name != "evt.type") {
        let value = stored.value(name).cloned().and_then(known);
        fields.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    // Each try takes out at least one line.
    for _ in 0..=fields.len() {
        match testing::build(&described(&fields)?) {
            Ok(event) => return rule.decide(&event).fires.then_some(fields),
            Err(mistakes) => {
                let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
                let before = fields.len();
                let mut line = 0;
                fields.retain(|_| {
                    line += 1;
                    line == 1 || !lines.contains(&line)
                });
                if fields.len() == before {
                    return None;
                }
            }
        }
    }
    None
}

/// A value without those of its parts that are not known; None for one that no test can write.
fn known(value: Value) -> Option<Value> {
    Some(match value {
        Value::Array(items) => items.into_iter().filter(|item| !item.is_object()).collect(),
        Value::Object(why) => {
            let reason = why.get("unknown").and_then(Value::as_str)?;
            Value::String(format!("<{reason}>"))
        }
        other => other,
    })
}

/// Another value of the same sort.
fn other(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if text.parse::<std::net::IpAddr>().is_ok() => None,
        Value::String(text) => Some(format!("{text}-other").into()),
        Value::Number(number) => Some((number.as_i64()? ^ 1).into()),
        _ => None,
    }
}

fn described(fields: &[(String, Value)]) -> Option<TestEvent> {
    let field = |(number, (name, value)): (usize, &(String, Value))| {
        let value: TestValue = test_value(value)?;
        Some(TestField { name: name.clone(), value, line: number + 1, column: 1 })
    };
    let fields = fields.iter().enumerate().map(field).collect::<Option<Vec<_>>>()?;
    Some(TestEvent { fields, after_ns: 0, line: 1 })
}
