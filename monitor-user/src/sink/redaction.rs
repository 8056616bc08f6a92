//! What a sink is not told: members of documents, and what patterns find in their texts.

mod matches;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use matches::HIDDEN;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::{
    document::{Schema, cef, syslog},
    limits::PATTERN_BYTES,
};

/// What a sink is not told.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// What these find in texts is hidden: their groups, or all where they have none.
    patterns: Arc<[Regex]>,
    /// Members that are left out, by the names on the way to them with dots between.
    left_out: Arc<[String]>,
    /// The only members that are told beside those that every document needs; empty: all are.
    only: Arc<[String]>,
}

impl PartialEq for Redaction {
    fn eq(&self, other: &Self) -> bool {
        let texts = |patterns: &[Regex]| patterns.iter().map(Regex::to_string).collect::<Vec<_>>();
        texts(&self.patterns) == texts(&other.patterns)
            && (&self.left_out, &self.only) == (&other.left_out, &other.only)
    }
}

impl Eq for Redaction {}

/// A pattern, or why it is none.
///
/// # Errors
///
/// It is no regular expression, or a very large one.
pub fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(PATTERN_BYTES).build().map_err(|error| error.to_string())
}

impl Redaction {
    /// With these patterns, members that are left out, and the only ones that are told.
    #[must_use]
    pub fn new(patterns: Vec<Regex>, left_out: Vec<String>, only: Vec<String>) -> Self {
        Self { patterns: patterns.into(), left_out: left_out.into(), only: only.into() }
    }

    /// Whether nothing is kept back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.left_out.is_empty() && self.only.is_empty()
    }

    /// Takes out of a line of this schema what is not to be told.
    #[must_use]
    pub fn of_line(&self, line: Vec<u8>, schema: Schema) -> Vec<u8> {
        if self.is_empty() { line } else { self.of_form(&line, schema) }
    }

    /// Patterns are about what was said, not about how a form writes it: they see values as they
    /// were before anything in them was escaped.
    fn of_form(&self, line: &[u8], schema: Schema) -> Vec<u8> {
        match schema {
            Schema::Ecs | Schema::Ocsf | Schema::Falco => self.of_object(line, schema),
            Schema::Text { .. } => self.of_text(line),
            Schema::Cef => {
                let told = cef::with_values(line, |_, value| self.hide(value));
                told.unwrap_or_else(|| self.of_text(line))
            }
            Schema::Syslog(body) => {
                let fact = |_: &str, value: &str| self.hide(value);
                let document = |line: &[u8]| self.of_form(line, body.schema());
                let told = syslog::with_parts(line, fact, document);
                told.unwrap_or_else(|| self.of_text(line))
            }
        }
    }

    fn of_object(&self, line: &[u8], schema: Schema) -> Vec<u8> {
        match (serde_json::from_slice(line), needed(schema)) {
            (Ok(Value::Object(members)), Some(kept)) => {
                let members = self.of_members(members, "", kept);
                Value::Object(members).to_string().into_bytes()
            }
            // A document is an object. What is none is not told at all, rather than whole.
            _ => HIDDEN.into(),
        }
    }

    /// Lines that are no documents: all of it is text.
    fn of_text(&self, line: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(line);
        self.hide(&text).map_or_else(|| line.to_owned(), String::into_bytes)
    }

    fn of_members(
        &self,
        members: Map<String, Value>,
        at: &str,
        kept: &[&str],
    ) -> Map<String, Value> {
        let mut told = Map::new();
        for (name, value) in members {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            let is_kept = kept.iter().any(|kept| is_in(&path, kept));
            if !is_kept && self.left_out.iter().any(|left_out| is_in(&path, left_out)) {
                continue;
            }
            let is_only = |path: &str| {
                self.only.is_empty() || is_kept || self.only.iter().any(|only| is_in(path, only))
            };
            let value = match value {
                Value::Object(below) if !is_only(&path) => {
                    let below = self.of_members(below, &path, kept);
                    if below.is_empty() {
                        continue;
                    }
                    Value::Object(below)
                }
                _ if !is_only(&path) => continue,
                value => self.of_value(value, &path, kept),
            };
            told.insert(name, value);
        }
        told
    }

    fn of_value(&self, value: Value, at: &str, kept: &[&str]) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide(&text).unwrap_or(text)),
            Value::Array(items) => self.of_items(items, at, kept),
            Value::Object(members) => Value::Object(self.of_members(members, at, kept)),
            plain => plain,
        }
    }

    /// What stands in several texts, such as arguments, may be found only where they are together.
    fn of_items(&self, items: Vec<Value>, at: &str, kept: &[&str]) -> Value {
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        match texts {
            Some(texts) => {
                let mut texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
                matches::hide_in_list(&self.patterns, &mut texts);
                Value::from(texts)
            }
            None => items.into_iter().map(|item| self.of_value(item, at, kept)).collect(),
        }
    }

    fn hide(&self, text: &str) -> Option<String> {
        matches::hide(&self.patterns, text)
    }
}

/// Whether a path is a member, or below it.
fn is_in(path: &str, member: &str) -> bool {
    path.strip_prefix(member).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What every document of a schema needs to be one, and to be missed; None: its lines are texts.
fn needed(schema: Schema) -> Option<&'static [&'static str]> {
    match schema {
        Schema::Ecs => Some(&["@timestamp", "ecs", "event", "runmon.delivery", "runmon.document"]),
        Schema::Ocsf => Some(&[
            "activity_id",
            "category_uid",
            "class_uid",
            "metadata",
            "severity_id",
            "time",
            "type_uid",
        ]),
        Schema::Falco => Some(&[
            "output_fields.runmon.delivery",
            "output_fields.runmon.document",
            "priority",
            "rule",
            "source",
            "time",
            "uuid",
        ]),
        Schema::Text { .. } | Schema::Cef | Schema::Syslog(_) => None,
    }
}

/// Whether single members of a schema's documents can be left out.
#[must_use]
pub fn has_members(schema: Schema) -> bool {
    needed(schema).is_some()
}
