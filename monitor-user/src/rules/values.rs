//! What all fields say of an event, for who keeps more of it than one rule asks for.

use std::ops::ControlFlow;

use monitor_rules::{Arg, ArgRule, Field, Get, Value};

use super::{SCHEMA, schema::written_name};
use crate::event::Event;

/// What a field says.
#[derive(Debug)]
pub struct FieldValues {
    /// Its name.
    pub name: &'static str,
    /// It has several values, or may have.
    pub is_many: bool,
    /// They: none where the event has no such thing.
    pub values: Vec<Value<'static>>,
}

/// The fields that an event has, each with what it says. Those that need a word in brackets are
/// left out: nobody knows all words.
#[must_use]
pub fn of(event: &Event) -> Vec<FieldValues> {
    let kind = event.action.kind();
    let has = |field: &&Field<Event>| {
        field.kinds.contains(kind) && !matches!(field.arg, ArgRule::Key | ArgRule::Index)
    };
    let fields = SCHEMA.fields.iter().filter(has).map(|field| of_field(field, event));
    fields.filter(|field| !field.values.is_empty()).collect()
}

/// What the field of that name says of an event; None if there is no such field.
#[must_use]
pub fn of_name(name: &str, event: &Event) -> Option<FieldValues> {
    let field = SCHEMA.fields.iter().find(|field| field.name == name)?;
    Some(of_field(field, event))
}

fn of_field(field: &'static Field<Event>, event: &Event) -> FieldValues {
    let mut values = Vec::new();
    let is_many = match field.get {
        Get::One(get) => {
            values.push(get(event, &Arg::None).into_owned());
            false
        }
        Get::Any(get) | Get::Set(get) => {
            get(event, &Arg::None, &mut |value| {
                values.push(value.into_owned());
                ControlFlow::Continue(())
            });
            true
        }
    };
    values.retain(|value| *value != Value::Absent);
    FieldValues { name: field.name, is_many, values }
}

/// Whether a field has one text as its value, so that an exception can name it.
#[must_use]
pub fn is_text(name: &str) -> bool {
    let field = SCHEMA.fields.iter().find(|field| field.name == name);
    field.is_some_and(|field| {
        field.ty == monitor_rules::Type::Str
            && matches!(field.get, Get::One(_))
            && written_name(field) == field.name
    })
}
