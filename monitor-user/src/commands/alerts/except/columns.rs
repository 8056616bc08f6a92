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
    let program = first(stored, &[&["proc.exepath"], &["proc.name"]], Need::Must)?;
    let script = first(stored, &[&["proc.script"]], Need::May)?;
    let parent = first(stored, &[&["proc.pname"]], Need::May)?;
    let is_start = stored.value("evt.type").and_then(Value::as_str) == Some("execve");
    // What a program is started for stands on its command line.
    let objects: &[&[&str]] = if is_start { &[&["proc.cmdline"]] } else { &OBJECTS };
    let object = first(stored, objects, Need::Must)?;
    let mut columns = [program, script, parent, object].concat();
    let places: &[&[&[&str]]] = match stored.value("container.id").and_then(Value::as_str) {
        Some(Container::HOST) => &[&[&["container.id"]]],
        _ => &[
            &[&["container.image.repository"], &["container.id"]],
            &[&["k8s.ns.name"]],
            &[&["container.name"]],
        ],
    };
    for sets in places {
        columns.extend(first(stored, sets, Need::May)?);
    }
    if columns.is_empty() {
        let cure = "name fields with --field, as `runmon alerts show --json` has them";
        return Err(Usage(format!("nothing of this alert can be compared\nhint: {cure}")));
    }
    Ok(columns)
}

/// Whether an exception may do without what is not known.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    Must,
    May,
}

/// The first of these sets of fields that the alert has all of; none where it has no such thing.
///
/// # Errors
///
/// It has one that cannot be written: an exception without that would hold for more than is shown.
fn first(stored: &Stored<'_>, sets: &[&[&str]], need: Need) -> Result<Vec<Column>, Usage> {
    let mut unknown = None;
    for set in sets {
        let columns: Result<Vec<Column>, (&str, Lack)> =
            set.iter().map(|field| column(stored, field).map_err(|lack| (*field, lack))).collect();
        match columns {
            Ok(columns) => return Ok(columns),
            Err((_, Lack::Absent)) => {}
            Err((field, Lack::Unknown)) => {
                unknown.get_or_insert(field);
            }
            Err((field, lack)) => return Err(refused(field, lack)),
        }
    }
    match unknown {
        Some(field) if need == Need::Must => Err(refused(field, Lack::Unknown)),
        _ => Ok(Vec::new()),
    }
}

fn refused(field: &str, lack: Lack) -> Usage {
    let cure = "without it the exception would hold for more: name all fields that it is to \
                compare with --field";
    Usage(format!("`{field}` cannot be compared: {}\nhint: {cure}", lack.why()))
}

fn named(stored: &Stored<'_>, field: &str) -> Result<Column, Usage> {
    column(stored, field).map_err(|lack| {
        let cure = "take fields with one value that this alert has: `runmon rules fields` lists \
                    all, `runmon alerts show --json` says which it has";
        Usage(format!("`{field}` cannot be compared: {}\nhint: {cure}", lack.why()))
    })
}

fn column(stored: &Stored<'_>, field: &str) -> Result<Column, Lack> {
    Ok(Column { field: field.to_owned(), value: value(stored, field)?.clone() })
}

/// Why an exception cannot say the value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lack {
    Absent,
    /// There is no such field, or it has several values.
    Many,
    /// It was too long to be kept.
    Long,
    /// It is no UTF-8, which rules are written in.
    Bytes,
    Unknown,
}

impl Lack {
    fn why(self) -> &'static str {
        match self {
            Self::Absent => "this alert has no value of it",
            Self::Many => "it is no field with one value",
            Self::Long => "its value was too long to be kept",
            Self::Bytes => "its value is no UTF-8, and a rule cannot say it",
            Self::Unknown => "its value was not known",
        }
    }
}

/// The only value of a field, if an exception can say it.
fn value<'d>(stored: &Stored<'d>, name: &str) -> Result<&'d Value, Lack> {
    let field = SCHEMA.fields.iter().find(|field| field.name == name).ok_or(Lack::Many)?;
    if !matches!(field.get, Get::One(_)) || field.arg != ArgRule::None {
        return Err(Lack::Many);
    }
    if stored.is_left_out(name) {
        return Err(Lack::Long);
    }
    match stored.value(name) {
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value),
        Some(value @ Value::String(text)) if !text.is_empty() => Ok(value),
        Some(Value::Object(why)) if why.contains_key("bytes") => Err(Lack::Bytes),
        Some(Value::Object(_)) => Err(Lack::Unknown),
        Some(Value::Array(_)) => Err(Lack::Many),
        Some(Value::String(_) | Value::Null) | None => Err(Lack::Absent),
    }
}

impl Place {
    /// The rules that its daemon uses; none: the embedded ones.
    pub(super) fn rules(&self) -> Vec<std::path::PathBuf> {
        self.config.as_ref().map(|config| config.rules.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The fields that are compared, or why none are.
    fn compared(fields: &Value, left_out: &[&str], asked: &[&str]) -> Result<Vec<String>, String> {
        let document = json!({"runmon": {"history": {"fields": fields, "left_out": left_out}}});
        let stored = Stored::of(&document, 0).unwrap();
        let asked: Vec<String> = asked.iter().map(|&field| field.to_owned()).collect();
        let columns = of(&stored, &asked).map_err(|Usage(text)| text)?;
        Ok(columns.into_iter().map(|column| column.field).collect())
    }

    fn opened(changed: &str, value: Value) -> Value {
        let mut fields = json!({
            "evt.type": "openat", "proc.exepath": "/usr/bin/cat", "proc.name": "cat",
            "proc.pname": "sh", "fd.name": "/etc/shadow", "container.id": "host",
        });
        fields[changed] = value;
        fields
    }

    #[test]
    fn a_start_is_told_by_its_command_line() {
        let fields = json!({
            "evt.type": "execve", "proc.exepath": "/bin/busybox", "proc.pname": "sh",
            "proc.cmdline": "busybox wget x", "container.id": "host",
        });
        let all = ["proc.exepath", "proc.pname", "proc.cmdline", "container.id"];
        assert_eq!(compared(&fields, &[], &[]).unwrap(), all);
    }

    #[test]
    fn what_cannot_be_written_is_never_left_out() {
        let all = ["proc.exepath", "proc.pname", "fd.name", "container.id"];
        assert_eq!(compared(&opened("evt.dir", json!(">")), &[], &[]).unwrap(), all);
        for field in all {
            let bytes = opened(field, json!({"bytes": "2f746d702fff"}));
            if field != "container.id" {
                let why = compared(&bytes, &[], &[]).unwrap_err();
                assert!(why.contains(&format!("`{field}`")) && why.contains("UTF-8"), "{why}");
            }
            let mut long = opened("evt.dir", json!(">"));
            long.as_object_mut().unwrap().remove(field);
            let why = compared(&long, &[field], &[]).unwrap_err();
            assert!(why.contains(&format!("`{field}`")) && why.contains("too long"), "{why}");
        }
        let unknown = opened("fd.name", json!({"unknown": "pending"}));
        assert!(compared(&unknown, &[], &[]).unwrap_err().contains("`fd.name`"));
        // Said by who writes it, it is left out.
        let bytes = opened("fd.name", json!({"bytes": "ff"}));
        assert_eq!(compared(&bytes, &[], &["proc.name"]).unwrap(), ["proc.name"]);
        let why = compared(&bytes, &["proc.cmdline"], &["proc.cmdline"]).unwrap_err();
        assert!(why.contains("too long"), "{why}");
    }
}
