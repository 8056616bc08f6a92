//! Alerts that history keeps, asked what rules ask of events. An answer is given only where what is
//! kept tells it for sure.

use monitor_rules::{ArgRule, Condition, TestField, TestValue};
use serde_json::{Map, Value};

use super::{SCHEMA, testing::restore, values};
use crate::{document::history, event::Event};

/// The field that says what sort of event it is.
const KIND: &str = "evt.type";

/// What a condition comes to on an alert of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// What is kept of these fields does not tell.
    Undecided(Vec<&'static str>),
}

/// An alert of the past, with what all fields said of it.
#[derive(Debug)]
pub struct Stored<'d> {
    fields: &'d Map<String, Value>,
    left_out: Vec<&'d str>,
    timestamp_ns: i64,
}

impl<'d> Stored<'d> {
    /// The alert of a document, if that has what it takes.
    #[must_use]
    pub fn of(document: &'d Value, timestamp_ns: i64) -> Option<Self> {
        let history = document.pointer("/runmon/history")?;
        let left_out = history.get("left_out").and_then(Value::as_array);
        let left_out = left_out.into_iter().flatten().filter_map(Value::as_str).collect();
        let fields = history.get("fields")?.as_object()?;
        Some(Self { fields, left_out, timestamp_ns })
    }

    /// What a field said, if it has a value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'d Value> {
        self.fields.get(name)
    }

    /// Whether a field's value was too long to be kept.
    #[must_use]
    pub fn is_left_out(&self, name: &str) -> bool {
        self.left_out.contains(&name)
    }

    /// Whether a condition held.
    #[must_use]
    pub fn decide(&self, condition: &Condition<Event>) -> Held {
        let Some(event) = self.event() else { return Held::Undecided(vec![KIND]) };
        let kind = [KIND, "evt.is_open_write"].into_iter();
        let mut unsure: Vec<&str> = kind.filter(|name| !self.says_same(name, &event)).collect();
        let asked = condition.fields().into_iter();
        unsure.extend(asked.filter(|name| !self.is_sure(name, condition, &event)));
        if !unsure.is_empty() {
            return Held::Undecided(unsure);
        }
        if condition.decide(&event).fires { Held::Yes } else { Held::No }
    }

    /// The event made again, as far as its fields can be set.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        restore(&self.test_fields(), self.timestamp_ns)
    }

    /// The fields as a test writes them.
    #[must_use]
    pub fn test_fields(&self) -> Vec<TestField> {
        let field = |(number, (name, value)): (usize, (&String, &Value))| {
            let (name, value) = (name.clone(), test_value(value)?);
            Some(TestField { name, value, line: number + 1, column: 1 })
        };
        self.fields.iter().enumerate().filter_map(field).collect()
    }

    /// Whether the event that was made again says of a field what was kept of it.
    fn is_sure(&self, name: &str, condition: &Condition<Event>, event: &Event) -> bool {
        let Some(field) = SCHEMA.fields.iter().find(|field| field.name == name) else {
            return false;
        };
        let is_keyed = matches!(field.arg, ArgRule::Key)
            || (matches!(field.arg, ArgRule::Index) && !condition.keys_of(name).is_empty());
        // No event of that kind has it.
        let is_of_others = !field.kinds.contains(event.action.kind());
        is_of_others || (!is_keyed && self.says_same(name, event))
    }

    fn says_same(&self, name: &str, event: &Event) -> bool {
        let Some(now) = values::of_name(name, event) else { return false };
        if self.is_left_out(name) {
            return false;
        }
        let now: Vec<Value> = now.values.iter().map(history::value).collect();
        match self.fields.get(name) {
            None => now.is_empty(),
            Some(Value::Array(kept)) => *kept == now,
            Some(kept) => [kept.clone()] == *now,
        }
    }
}

/// A value to make an event of again, as a test writes it.
#[must_use]
pub fn test_value(value: &Value) -> Option<TestValue> {
    Some(match value {
        Value::Bool(yes) => TestValue::Bool(*yes),
        Value::Number(number) => TestValue::Int(number.as_i64()?),
        Value::String(text) => TestValue::Str(text.clone()),
        Value::Array(items) => TestValue::List(items.iter().filter_map(test_value).collect()),
        Value::Object(it) => match it.get("bytes") {
            Some(digits) => TestValue::Bytes(bytes(digits.as_str()?)?),
            None => TestValue::Str(format!("<{}>", it.get("unknown")?.as_str()?)),
        },
        Value::Null => return None,
    })
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests;
