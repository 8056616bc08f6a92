//! What a sink is not told: members of documents, and what patterns find in their texts.

mod matches;
mod members;
mod protected;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use matches::HIDDEN;
use members::Members;
use protected::Protected;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

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
    /// The only members that are told beside those that every document needs; empty: all are. What
    /// the monitor tells of itself is told whole.
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
/// It is no regular expression, or a very large one, or one that is content with nothing.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let pattern = RegexBuilder::new(text).size_limit(PATTERN_BYTES).build();
    let pattern = pattern.map_err(|error| error.to_string())?;
    // The second text is for what asks for the edge of a word.
    let is_empty = |text| pattern.find(text).is_some_and(|found| found.is_empty());
    if ["", "a"].into_iter().any(is_empty) {
        return Err(format!("`{text}` matches the empty text, so that it may hide nothing"));
    }
    Ok(pattern)
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
            Schema::Cef => self.of_cef(line),
            Schema::Syslog(body) => self.of_syslog(line, body),
        }
    }

    fn of_object(&self, line: &[u8], schema: Schema) -> Vec<u8> {
        match (serde_json::from_slice(line), Protected::of(schema)) {
            (Ok(Value::Object(members)), Some(protected)) => {
                let own = protected::own(&members, schema);
                let members = Members { redaction: self, protected, own }.told(members, "");
                Value::Object(members).to_string().into_bytes()
            }
            // A document is an object. What is none is not told at all, rather than whole.
            _ => HIDDEN.into(),
        }
    }

    /// What a heartbeat says are its numbers, as in schemas with members.
    fn of_cef(&self, line: &[u8]) -> Vec<u8> {
        if cef::extension(line, "cat").as_deref() == Some("heartbeat") {
            return line.to_owned();
        }
        let other = |key: &str, value: &str| {
            if protected::is_cef_fact(key) { None } else { self.hide(value) }
        };
        cef::with_values(line, other).unwrap_or_else(|| self.of_text(line))
    }

    fn of_syslog(&self, line: &[u8], body: syslog::Body) -> Vec<u8> {
        let is_heartbeat =
            |(name, value): &(String, String)| (&**name, &**value) == ("document", "heartbeat");
        let facts = syslog::read(line).map(|(_, facts)| facts);
        if body == syslog::Body::Text && facts.is_some_and(|it| it.iter().any(is_heartbeat)) {
            return line.to_owned();
        }
        let other = |name: &str, value: &str| {
            if protected::is_syslog_fact(name) { None } else { self.hide(value) }
        };
        let document = |line: &[u8]| self.of_form(line, body.schema());
        syslog::with_parts(line, other, document).unwrap_or_else(|| self.of_text(line))
    }

    /// Lines that are no documents: all of it is text, but the time of day that they begin with,
    /// and what colours them.
    fn of_text(&self, line: &[u8]) -> Vec<u8> {
        const COLOUR: &str = "\x1b[";
        let text = String::from_utf8_lossy(line);
        let time = text.split_inclusive(' ').next().filter(|word| is_clock(word)).unwrap_or("");
        let mut told = time.to_owned();
        let mut pieces = text.get(time.len()..).unwrap_or_default().split(COLOUR);
        let first = pieces.next().map(|words| (None, words));
        let others = pieces.map(|piece| {
            let end = piece.find('m').map_or(0, |at| at + 1);
            let (colour, words) = piece.split_at_checked(end).unwrap_or(("", piece));
            (Some(colour), words)
        });
        for (colour, words) in first.into_iter().chain(others) {
            if let Some(colour) = colour {
                told += COLOUR;
                told += colour;
            }
            told += self.hide(words).as_deref().unwrap_or(words);
        }
        told.into_bytes()
    }

    fn hide(&self, text: &str) -> Option<String> {
        matches::hide(&self.patterns, text)
    }
}

/// Whether the first word of a line is the time of day, which may be coloured.
fn is_clock(word: &str) -> bool {
    let word = word.trim_end().trim_start_matches("\x1b[2m").trim_end_matches("\x1b[0m");
    let zero = |c: char| if c.is_ascii_digit() { '0' } else { c };
    word.chars().map(zero).eq("00:00:00.000".chars())
}

/// Whether single members of a schema's documents can be left out.
#[must_use]
pub fn has_members(schema: Schema) -> bool {
    Protected::of(schema).is_some()
}
