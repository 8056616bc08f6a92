//! From events to tests: describes an event that was recorded by the fields that a rule asks for,
//! so that the rule makes of the description what it made of the event.

use std::ops::ControlFlow;

use monitor_rules::{
    Arg, ArgRule, Field, Get, Rule, TestEvent, TestField, TestValue, Unknown, Value,
};

use super::{SCHEMA, build};
use crate::event::Event;

/// A value longer than this makes no test that anybody reads.
const VALUE_BYTES: usize = 4096;

/// What names the object of an act, one of these or two together.
const OBJECTS: [&[&str]; 4] =
    [&["fd.name"], &["fs.path.name"], &["fs.path.source", "fs.path.target"], &["evt.arg.dev"]];

/// A field with its argument.
#[derive(Clone)]
struct Asked {
    field: &'static Field<Event>,
    arg: Arg,
    /// As a test names it.
    name: String,
}

/// Describes an event. None: it cannot be described so that the rule decides alike.
#[must_use]
pub fn describe(rule: &Rule<Event>, event: &Event) -> Option<Vec<TestField>> {
    let fires = rule.decide(event).fires;
    let asked = asked(rule);
    let mut test = Attempt::new(event, &asked)?;
    for one in &asked {
        test.add(one);
    }
    // What a rule asks for can follow from fields that it does not name.
    for field in SCHEMA.fields {
        if test.wrong == 0 {
            break;
        }
        if matches!(field.arg, ArgRule::None | ArgRule::OptionalIndex | ArgRule::OptionalKey) {
            let one = Asked { field, arg: Arg::None, name: field.name.to_owned() };
            test.add_if_it_helps(&one);
        }
    }
    let described = build(&test.event).ok()?;
    (rule.decide(&described).fires == fires).then_some(test.event.fields)
}

/// The fields that a rule's condition and exceptions ask for.
fn asked(rule: &Rule<Event>) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    let mut add = |name: &'static str, arg: &Arg| {
        let name = match arg {
            Arg::None => name.to_owned(),
            Arg::Index(index) => format!("{name}[{index}]"),
            Arg::Key(key) => format!("{name}[{}]", key.text()),
        };
        let bare = name.split('[').next().unwrap_or_default();
        let field = SCHEMA.fields.iter().find(|field| field.name == bare);
        if let Some(field) = field.filter(|_| asked.iter().all(|known| known.name != name)) {
            asked.push(Asked { field, arg: arg.clone(), name });
        }
    };
    rule.condition.visit_fields(&mut add);
    for exception in &rule.exceptions {
        exception.condition.visit_fields(&mut add);
    }
    asked
}

impl Asked {
    fn values(&self, event: &Event) -> Vec<Value<'static>> {
        let mut values = Vec::new();
        match self.field.get {
            Get::One(get) => values.push(get(event, &self.arg).into_owned()),
            Get::Any(get) | Get::Set(get) => get(event, &self.arg, &mut |value| {
                values.push(value.into_owned());
                ControlFlow::Continue(())
            }),
        }
        values.retain(|value| !matches!(value, Value::Absent));
        values
    }
}

/// A description in the making.
struct Attempt<'a> {
    recorded: &'a Event,
    asked: &'a [Asked],
    event: TestEvent,
    /// Of how many fields that are asked for it says something else than was recorded.
    wrong: usize,
}

impl<'a> Attempt<'a> {
    fn new(recorded: &'a Event, asked: &'a [Asked]) -> Option<Self> {
        let kind = SCHEMA.fields.iter().find(|field| field.name == "evt.type")?;
        let kind = Asked { field: kind, arg: Arg::None, name: kind.name.to_owned() };
        let fields = vec![kind.told_of(recorded)?];
        let event = TestEvent { fields, after_ns: 0, line: 1 };
        let mut attempt = Self { recorded, asked, event, wrong: usize::MAX };
        attempt.wrong = attempt.wrong_in(&attempt.event);
        OBJECTS.iter().for_each(|fields| attempt.name_object(fields));
        Some(attempt)
    }

    /// An act on a file is none before it is said which.
    fn name_object(&mut self, names: &[&str]) {
        if self.wrong != usize::MAX {
            return;
        }
        let mut event = self.event.clone();
        for field in SCHEMA.fields.iter().filter(|field| names.contains(&field.name)) {
            let one = Asked { field, arg: Arg::None, name: field.name.to_owned() };
            event.fields.extend(one.told_of(self.recorded));
        }
        let wrong = self.wrong_in(&event);
        if wrong != usize::MAX {
            (self.event, self.wrong) = (event, wrong);
        }
    }

    /// How many fields differ; all, if the description is none.
    fn wrong_in(&self, event: &TestEvent) -> usize {
        let Ok(described) = build(event) else { return usize::MAX };
        let differs = |one: &&Asked| one.values(&described) != one.values(self.recorded);
        self.asked.iter().filter(differs).count()
    }

    fn with(&self, one: &Asked) -> Option<(TestEvent, usize)> {
        if self.event.fields.iter().any(|field| field.name == one.name) {
            return None;
        }
        let mut event = self.event.clone();
        // Mistakes are told by their lines.
        let line = event.fields.len() + 1;
        event.fields.push(TestField { line, ..one.told_of(self.recorded)? });
        let wrong = self.wrong_in(&event);
        Some((event, wrong))
    }

    /// Says what was recorded of a field that is asked for, unless that can only follow.
    fn add(&mut self, one: &Asked) {
        if let Some((event, wrong)) = self.with(one)
            && wrong != usize::MAX
            && wrong <= self.wrong
        {
            (self.event, self.wrong) = (event, wrong);
        }
    }

    fn add_if_it_helps(&mut self, one: &Asked) {
        if let Some((event, wrong)) = self.with(one)
            && wrong < self.wrong
        {
            (self.event, self.wrong) = (event, wrong);
        }
    }
}

impl Asked {
    /// The line of a test that says what was recorded; None where that cannot be written.
    fn told_of(&self, event: &Event) -> Option<TestField> {
        let mut values: Vec<TestValue> =
            self.values(event).iter().map(value).collect::<Option<_>>()?;
        let value = match values.len() {
            0 => return None,
            1 => values.remove(0),
            _ => TestValue::List(values),
        };
        Some(TestField { name: self.name.clone(), value, line: 1, column: 1 })
    }
}

fn value(value: &Value<'_>) -> Option<TestValue> {
    Some(match value {
        Value::Absent => return None,
        Value::Unknown(Unknown::Pending) => TestValue::Str("<pending>".to_owned()),
        Value::Unknown(Unknown::Never(reason)) => TestValue::Str(format!("<{reason}>")),
        Value::Bool(yes) => TestValue::Bool(*yes),
        Value::Int(number) => TestValue::Int(*number),
        Value::Str(text) if text.len() > VALUE_BYTES => return None,
        Value::Str(text) => TestValue::Str(String::from_utf8(text.to_vec()).ok()?),
        Value::Ip(ip) => TestValue::Str(ip.to_string()),
    })
}
