//! Sigma's rules, said in the language here.
//!
//! Bytes of Sigma's YAML come in, with a [`Profile`] that says which of its categories and fields
//! there are; texts of rules go out, and for each rule that cannot be carried the reason. A rule
//! is carried whole or not at all, and only once it was compiled: what is left out is never left
//! out of a rule.
//!
//! ```text
//! document ─▶ condition ─▶ selection ─▶ test ─▶ truth ─▶ text ─▶ compiled
//!                          modifiers    pattern
//! ```

mod address;
mod condition;
mod document;
mod encoding;
mod modifiers;
mod name;
mod pattern;
mod selection;
mod strings;
mod test;
mod text;
mod truth;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::diagnostic::Severity;
use crate::limits::{DEFINITIONS_MAX, FILE_BYTES_MAX};
use crate::ruleset::RuleSet;
use crate::schema::Schema;
use crate::source::RuleFile;

use document::{Detected, Document};
use name::Names;

/// What of Sigma can be carried: its categories, in the terms of a schema.
#[derive(Debug)]
pub struct Profile {
    /// The categories of log sources.
    pub categories: &'static [Category],
}

/// A category of log sources.
#[derive(Debug)]
pub struct Category {
    /// Its name in Sigma.
    pub name: &'static str,
    /// The condition that holds for its events.
    pub condition: &'static str,
    /// What stands behind the title in the output of its rules.
    pub output: &'static str,
    /// Tags of its rules.
    pub tags: &'static [&'static str],
    /// Its fields, by their names in Sigma.
    pub fields: &'static [(&'static str, Source)],
    /// The fields that are searched for words which name no field.
    pub searched: &'static [&'static str],
}

/// Where the value of a field of Sigma's is found.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// In this field.
    Field(&'static str),
    /// It is the same in all events.
    Always(&'static str),
    /// Nowhere, and why.
    Nowhere(&'static str),
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// The rules that were carried, each a text of YAML.
    pub rules: Vec<String>,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

/// A rule, or a file, that could not be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The file.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The title of the rule, if it has one.
    pub title: Option<String>,
    /// Why.
    pub reason: String,
}

/// Why something cannot be carried.
type Refusal = String;

impl Imported {
    /// One rule file of all rules; empty if there are none.
    #[must_use]
    pub fn file(&self) -> String {
        if self.rules.is_empty() {
            return String::new();
        }
        let head = text::HEAD.to_owned();
        self.rules.iter().fold(head, |file, rule| file + "\n" + rule)
    }
}

/// Carries the rules of Sigma's files over, in their order. `known` are rules that the new ones
/// must not replace: names and ids differ from theirs.
#[must_use]
pub fn import<E>(
    schema: &'static Schema<E>,
    profile: &Profile,
    known: &RuleSet<E>,
    files: &[RuleFile<'_>],
) -> Imported {
    let mut imported = Imported::default();
    let mut documents = Vec::new();
    for file in files {
        document::read(file, &mut documents, &mut imported.left_out);
    }
    let parts: HashSet<&str> = documents.iter().flat_map(Document::parts).collect();
    let mut importer = Importer { schema, profile, names: Names::of(known), bytes: 0, count: 0 };
    for document in &documents {
        match importer.carry(document, &parts) {
            Ok(rule) => imported.rules.push(rule),
            Err(reason) => imported.left_out.push(document.left_out(reason)),
        }
    }
    let place = |file: &str| files.iter().position(|known| known.name == file);
    imported.left_out.sort_by_key(|left| (place(&left.file), left.line));
    imported
}

struct Importer<'p, E: 'static> {
    schema: &'static Schema<E>,
    profile: &'p Profile,
    names: Names,
    /// Of the file that the rules so far come to.
    bytes: usize,
    count: usize,
}

impl<E> Importer<'_, E> {
    /// The text of a rule that compiles.
    fn carry(&mut self, document: &Document, parts: &HashSet<&str>) -> Result<String, Refusal> {
        let rule = document.rule()?;
        if let Some(part) = rule.names().find(|name| parts.contains(name)) {
            return Err(format!("it only feeds a correlation, which names it `{part}`"));
        }
        let category = self.category(&rule)?;
        let truth = condition::translate(self.schema, category, &rule)?;
        let condition = text::condition(category, truth)?;
        let (name, id) = self.names.propose(&rule)?;
        let rule = text::rule(category, &rule, (&name, &id), &condition);
        self.compile(&rule)?;
        self.names.take(name, id);
        self.bytes += rule.len() + 1;
        self.count += 1;
        Ok(rule)
    }

    fn category(&self, rule: &Detected<'_>) -> Result<&'static Category, Refusal> {
        let name = rule.category()?;
        let found = self.profile.categories.iter().find(|category| category.name == name);
        found.ok_or_else(|| {
            let known = self.profile.categories.iter().map(|category| category.name);
            let known = known.collect::<Vec<_>>().join(", ");
            format!("log source category `{name}` is not carried; these are: {known}")
        })
    }

    /// A rule that does not load, or never matches, is none.
    fn compile(&self, rule: &str) -> Result<(), Refusal> {
        if self.count >= DEFINITIONS_MAX {
            return Err(format!("more than {DEFINITIONS_MAX} rules; import them in parts"));
        }
        if text::HEAD.len() + self.bytes + rule.len() + 1 > FILE_BYTES_MAX {
            let limit = format!("the rules would come to more than {FILE_BYTES_MAX} bytes");
            return Err(format!("{limit}; import them in parts"));
        }
        let file = RuleFile { name: "", bytes: rule.as_bytes() };
        let loaded = RuleSet::load(self.schema, &[file]);
        let wrong = loaded
            .diagnostics
            .iter()
            .find(|found| found.severity() == Severity::Error || loaded.rules.kinds().is_empty());
        match wrong {
            Some(wrong) => Err(format!("it would not load: {}", wrong.message)),
            None => Ok(()),
        }
    }
}
