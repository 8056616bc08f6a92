//! What an exception compares: the fields of an alert that say who did what, to what and where.

use monitor_rules::{ArgRule, Get};
use serde_json::Value;

use super::super::Place;
use crate::{
    commands::Usage,
    event::Container,
    rules::{SCHEMA, stored::Stored},
};

/// A field, and the value that it is to have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) field: String,
    pub(super) value: Value,
}

impl Column {
    /// Whether an alert has that value; None where too little is kept of it.
    pub(super) fn holds(&self, stored: &Stored<'_>) -> Option<bool> {
        if stored.is_left_out(&self.field) {
            return None;
        }
        Some(stored.value(&self.field) == Some(&self.value))
    }
}

/// What acts are done to, the first that an event has.
const OBJECTS: [&[&str]; 4] =
    [&["fd.sip", "fd.sport"], &["fd.name"], &["fs.path.name"], &["evt.arg.path"]];

/// The columns for an alert: those that are asked for, or the narrowest.
pub(super) fn of(stored: &Stored<'_>, asked: &[String]) -> Result<Vec<Column>, Usage> {
    if !asked.is_empty() {
        return asked.iter().map(|field| named(stored, field)).collect();
    }
    let mut columns = Vec::new();
    let mut first = |sets: &[&[&str]]| {
        let all = |set: &&&[&str]| set.iter().all(|field| value(stored, field).is_some());
        let set = sets.iter().find(all).copied().unwrap_or_default();
        columns.extend(set.iter().filter_map(|field| column(stored, field)));
    };
    first(&[&["proc.exepath"], &["proc.name"]]);
    first(&[&["proc.script"]]);
    first(&[&["proc.pname"]]);
    first(&OBJECTS);
    match stored.value("container.id").and_then(Value::as_str) {
        Some(Container::HOST) => first(&[&["container.id"]]),
        _ => {
            first(&[&["container.image.repository"], &["container.id"]]);
            first(&[&["k8s.ns.name"]]);
            first(&[&["container.name"]]);
        }
    }
    if columns.is_empty() {
        let cure = "name fields with --field, as `runmon alerts show --json` has them";
        return Err(Usage(format!("nothing of this alert can be compared\nhint: {cure}")));
    }
    Ok(columns)
}

fn named(stored: &Stored<'_>, field: &str) -> Result<Column, Usage> {
    column(stored, field).ok_or_else(|| {
        let cure = "take fields with one value that this alert has: `runmon rules fields` lists \
                    all, `runmon alerts show --json` says which it has";
        Usage(format!("`{field}` cannot be compared\nhint: {cure}"))
    })
}

fn column(stored: &Stored<'_>, field: &str) -> Option<Column> {
    Some(Column { field: field.to_owned(), value: value(stored, field)?.clone() })
}

/// The only value of a field, if an exception can say it.
fn value<'d>(stored: &Stored<'d>, name: &str) -> Option<&'d Value> {
    let field = SCHEMA.fields.iter().find(|field| field.name == name)?;
    let is_single = matches!(field.get, Get::One(_)) && field.arg == ArgRule::None;
    let value = stored.value(name).filter(|_| is_single)?;
    match value {
        Value::String(text) => (!text.is_empty()).then_some(value),
        Value::Number(_) | Value::Bool(_) => Some(value),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Place {
    /// The rules that its daemon uses; none: the embedded ones.
    pub(super) fn rules(&self) -> Vec<std::path::PathBuf> {
        self.config.as_ref().map(|config| config.rules.clone()).unwrap_or_default()
    }
}
