//! The rule language: Falco's rule files, compiled against a schema and matched against events.
//!
//! What comes in is bytes of rule files and a [`Schema`] that says which fields and kinds of event
//! there are; what comes out is a [`RuleSet`] that is asked about one event after another, and
//! [`Diagnostic`]s that point into the files. The crate does no input or output, knows no event of
//! its own, and nothing in it panics, whatever the bytes.
//!
//! ```text
//! bytes → yaml → document → library → parse → compile → node ← eval ← event
//!         tree   definitions  merged    syntax            truth, explanation
//! ```
//!
//! ```
//! use monitor_rules::{
//!     Arg, ArgRule, Field, Get, KindSet, RuleFile, RuleSet, Schema, Scratch, Type, Value,
//! };
//!
//! struct Event { name: String }
//!
//! const EXEC: KindSet = KindSet::of(&[0]);
//! static SCHEMA: Schema<Event> = Schema {
//!     fields: &[
//!         Field {
//!             name: "proc.name",
//!             ty: Type::Str,
//!             arg: ArgRule::None,
//!             kinds: EXEC,
//!             doc: "The name of the process.",
//!             get: Get::One(|event: &Event, _: &Arg| Value::str(&event.name)),
//!         },
//!         Field {
//!             name: "evt.type",
//!             ty: Type::Str,
//!             arg: ArgRule::None,
//!             kinds: EXEC,
//!             doc: "The kind of event.",
//!             get: Get::One(|_: &Event, _: &Arg| Value::str("execve")),
//!         },
//!     ],
//!     kinds: &["exec"],
//!     kind_of: |_| 0,
//!     time_of: |_| 0,
//!     type_field: "evt.type",
//!     types: &[("execve", EXEC)],
//!     partly: &[],
//!     both_ends: &[],
//!     by_kind: &[],
//!     always: &[],
//!     dotted: &[],
//!     untyped: &[],
//!     members: &[],
//! };
//!
//! let file = RuleFile {
//!     name: "shell.yaml",
//!     bytes: b"
//! - rule: Shell
//!   desc: A shell starts
//!   condition: evt.type = execve and proc.name in (sh, bash)
//!   output: shell %proc.name
//!   priority: notice
//! ",
//! };
//! let loaded = RuleSet::load(&SCHEMA, &[file]);
//! assert!(!loaded.has_errors());
//! let event = Event { name: "sh".to_owned() };
//! let mut output = Vec::new();
//! loaded.rules.each_match(&event, &mut Scratch::default(), |found| {
//!     found.rule.output.render(&event, &mut output);
//! });
//! assert_eq!(output, b"shell sh");
//! ```
#![forbid(unsafe_code)]

pub mod limits;

mod value;

mod kind;
mod schema;

mod diagnostic;
mod source;
mod suggest;
mod text;

mod definition;
mod document;
mod indicators;
mod library;
mod mutate;
mod yaml;

mod ast;
mod cursor;
mod parse;
mod print;

mod compile;
mod node;
mod term;

mod aggregate;
mod matching;
mod needs;
mod time;
mod windows;

mod base64;
mod cidr;
mod getopt;
mod glob;
mod matcher;
mod path_set;

mod eval;
mod explain;
mod outline;

mod attack;
mod condition;
mod exception;
mod priority;
mod rule;
mod ruleset;
mod template;

pub mod sigma;

#[cfg(test)]
mod tests;

pub use aggregate::Aggregate;
pub use attack::{Tactic, technique_id};
pub use condition::{Condition, Decision};
use definition::Override;
pub use definition::{Expect, RuleTest, TestActs, TestEvent, TestField, TestValue};
pub use diagnostic::{Code, Diagnostic, Severity, Subject};
pub use eval::{Tri, Undecided};
pub use exception::RuleException;
pub use explain::{Explained, Part};
pub use indicators::ReadValues;
pub use kind::KindSet;
pub use matching::{Doubt, Finding, Pattern, Scratch};
pub use mutate::{Mutant, mutants};
pub use needs::Needs;
pub use outline::Outline;
pub use priority::Priority;
pub use rule::{About, Mode, Rate, Rule};
pub use ruleset::{Loaded, Match, Outcome, RuleSet};
pub use schema::{Arg, ArgRule, Field, Get, GetMembers, Key, Schema, Type, ValueOfKind};
pub use source::RuleFile;
pub use suggest::nearest;
pub use template::Template;
pub use value::{Unknown, Value, Visit};
pub use windows::{Gathered, Windows};

/// Checks the form of a rule file without a schema: YAML, objects, keys and the grammar of each
/// condition. Total for any bytes, which makes it the entry for fuzzing.
#[must_use]
pub fn parse_file(file: RuleFile<'_>) -> Vec<Diagnostic> {
    let mut reports = diagnostic::Reports::default();
    let definitions = document::read_files(&[file], &mut reports);
    for definition in &definitions {
        let (condition, overrides) = match definition {
            document::Definition::Macro(it) => (it.condition.as_ref(), it.overrides.as_ref()),
            document::Definition::Rule(it) => (it.condition.as_ref(), it.overrides.as_ref()),
            document::Definition::List(_) => (None, None),
        };
        // What is appended to another condition is none by itself.
        let appended = overrides.into_iter().flatten().any(|(part, how, _)| {
            part == "condition" && matches!(how, Override::Append | Override::AppendIfGiven)
        });
        if let Some(text) = condition
            && !appended
            && let Err(err) = parse::parse(text.as_str())
        {
            reports.push(text.locate(err.span), err.problem);
        }
    }
    reports.finish()
}

/// Reads a file that describes one event as a rule's test does: the fields of the event, or a test
/// with them below `event`. Total for any bytes.
///
/// # Errors
///
/// Everything because of which the file describes no event.
pub fn parse_event(file: RuleFile<'_>) -> Result<TestEvent, Vec<Diagnostic>> {
    let mut reports = diagnostic::Reports::default();
    let event = document::read_event(file, &mut reports);
    let found = reports.finish();
    match event {
        Some(event) if found.is_empty() => Ok(event),
        _ => Err(found),
    }
}
