//! Names and ids that no two rules have.

use std::collections::{HashMap, HashSet};

use crate::ruleset::RuleSet;

use super::Refusal;
use super::document::{Detected, text};
use super::text::one_line;

/// The longest id that is taken as it is; Sigma's have 36 characters.
const ID_MAX: usize = 64;

/// The names and ids that are taken, and for names that came more than once the last number.
pub(super) struct Names {
    names: HashSet<String>,
    ids: HashMap<String, String>,
    numbers: HashMap<String, usize>,
}

impl Names {
    pub(super) fn of<E>(known: &RuleSet<E>) -> Self {
        let all = || known.rules().iter().map(|rule| &rule.about);
        Self {
            names: all().map(|about| about.name.clone()).collect(),
            ids: all().map(|about| (about.id.clone(), about.name.clone())).collect(),
            numbers: HashMap::new(),
        }
    }

    /// A free name and id for a rule. The same id twice is the same rule twice.
    pub(super) fn propose(&mut self, rule: &Detected<'_>) -> Result<(String, String), Refusal> {
        let given = text(rule.pairs, "id").filter(|id| is_id(id));
        if let Some(other) = given.and_then(|id| self.ids.get(id)) {
            return Err(format!("its id is that of rule `{other}`"));
        }
        let title = one_line(rule.title);
        let name = self.free(&title, |names, name| names.names.contains(name), " (", ")");
        let id = given.map_or_else(
            || self.free(&slug(&title), |names, id| names.ids.contains_key(id), "_", ""),
            str::to_owned,
        );
        Ok((name, id))
    }

    pub(super) fn take(&mut self, name: String, id: String) {
        self.ids.insert(id, name.clone());
        self.names.insert(name);
    }

    /// The text, with a number behind it if it is taken.
    fn free(
        &mut self,
        text: &str,
        taken: impl Fn(&Self, &str) -> bool,
        before: &str,
        behind: &str,
    ) -> String {
        if !taken(self, text) {
            return text.to_owned();
        }
        let mut number = self.numbers.get(text).copied().unwrap_or(1);
        loop {
            number += 1;
            let numbered = format!("{text}{before}{number}{behind}");
            if !taken(self, &numbered) {
                self.numbers.insert(text.to_owned(), number);
                return numbered;
            }
        }
    }
}

fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=ID_MAX).contains(&text.len()) && text.chars().all(fits)
}

fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.map(str::to_ascii_lowercase).take(8).collect::<Vec<_>>();
    format!("sigma_{}", words.join("_"))
}
