//! Constant values: list names expanded, every value with the place where it is written.

use crate::ast::{Literal, Operand};
use crate::diagnostic::{Code, Problem};
use crate::limits::{CONDITION_DEPTH_MAX, LIST_EXPANSIONS_MAX, LIST_ITEMS_MAX};
use crate::parse::quoted_value;
use crate::source::Place;
use crate::suggest::{did_you_mean, nearest};
use crate::text::Text;

use super::Compiler;

/// A constant as written.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
}

impl<E> Compiler<'_, E> {
    /// The words of an operand that is no field: one, or all of a list.
    pub(super) fn words(&mut self, operand: &Operand, text: &Text) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        match operand {
            Operand::Literal(literal) => {
                words.push(Word { text: literal.text.clone(), place: text.locate(literal.span) });
            }
            Operand::List(list) => self.items(&list.items, text, &mut words)?,
            Operand::Field(_) | Operand::Call(_) => return None,
        }
        Some(words)
    }

    /// The words of the list that stands alone behind `in`, `intersects` or `pmatch`.
    pub(super) fn named_list(&mut self, literal: &Literal, text: &Text) -> Option<Vec<Word>> {
        let name = &literal.text;
        if !self.library.lists.contains_key(name) {
            let problem = Problem::new(Code::UnknownList, format!("unknown list `{name}`"));
            let near = self
                .may_compare(self.library.lists.len())
                .then(|| did_you_mean(name, self.library.lists.keys().map(String::as_str)));
            let help =
                near.flatten().unwrap_or_else(|| format!("for the value itself write `({name})`"));
            self.report(text, literal.span, problem.help(help));
            return None;
        }
        let mut words = Vec::new();
        self.expand(name, text.locate(literal.span), &mut Vec::new(), &mut words)?;
        Some(words)
    }

    fn items(&mut self, items: &[Operand], text: &Text, words: &mut Vec<Word>) -> Option<()> {
        for item in items {
            match item {
                Operand::List(list) => self.items(&list.items, text, words)?,
                Operand::Literal(literal) => self.add_member(literal, text, words)?,
                Operand::Field(_) | Operand::Call(_) => return None,
            }
        }
        Some(())
    }

    /// The words of a literal in a list: itself, or all of the list that it names.
    pub(super) fn member(&mut self, literal: &Literal, text: &Text) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        self.add_member(literal, text, &mut words)?;
        Some(words)
    }

    fn add_member(&mut self, literal: &Literal, text: &Text, words: &mut Vec<Word>) -> Option<()> {
        let place = text.locate(literal.span);
        if literal.quoted {
            words.push(Word { text: literal.text.clone(), place });
            return Some(());
        }
        self.suspect(literal, text);
        self.expand(&literal.text, place, &mut Vec::new(), words)
    }

    /// Adds the word, or, if it names a list, the words of that list.
    fn expand(
        &mut self,
        name: &str,
        place: Place,
        open: &mut Vec<String>,
        words: &mut Vec<Word>,
    ) -> Option<()> {
        self.within_limit(words.len(), place)?;
        let library = self.library;
        let Some(list) = library.lists.get(name) else {
            words.push(Word { text: name.to_owned(), place });
            return Some(());
        };
        if open.iter().any(|other| other == name) {
            let cycle = open.iter().map(String::as_str).chain([name]).collect::<Vec<_>>();
            let problem = Problem::new(Code::Recursion, format!("list `{name}` contains itself"));
            self.reports.push(place, problem.help(cycle.join(" → ")));
            return None;
        }
        if open.len() >= CONDITION_DEPTH_MAX {
            let message = format!("lists are nested deeper than {CONDITION_DEPTH_MAX} levels");
            self.reports.push(place, Problem::new(Code::Limit, message));
            return None;
        }
        open.push(name.to_owned());
        for item in list.items.iter().flatten() {
            // An item may have its own quotes, as in a condition: then it names no list.
            let Some(text) = quoted_value(&item.value) else {
                self.expand(&item.value, item.place, open, words)?;
                continue;
            };
            self.within_limit(words.len(), item.place)?;
            words.push(Word { text, place: item.place });
        }
        open.pop();
        Some(())
    }

    /// Whether one more value may stand behind that many of the same list.
    fn within_limit(&mut self, count: usize, place: Place) -> Option<()> {
        self.expanded = self.expanded.saturating_add(1);
        let message = if count >= LIST_ITEMS_MAX {
            format!("list has more than {LIST_ITEMS_MAX} values")
        } else if self.expanded > LIST_EXPANSIONS_MAX {
            format!("lists expand to more than {LIST_EXPANSIONS_MAX} values in all")
        } else {
            return Some(());
        };
        self.reports.push(place, Problem::new(Code::Limit, message));
        None
    }

    /// Warns of a word that is nearly the name of a list.
    fn suspect(&mut self, literal: &Literal, text: &Text) {
        let word = &literal.text;
        if !word.contains('_') || self.library.lists.contains_key(word) {
            return;
        }
        if !self.may_compare(self.library.lists.len()) {
            return;
        }
        let known = self.library.lists.keys().map(String::as_str);
        if let Some(list) = nearest(word, known.filter(|name| name.contains('_'))) {
            let message = format!("`{word}` is taken as a value");
            let help = format!("did you mean the list `{list}`? If not, put it in quotes");
            let problem = Problem::new(Code::SuspiciousListItem, message).help(help);
            self.report(text, literal.span, problem);
        }
    }
}
