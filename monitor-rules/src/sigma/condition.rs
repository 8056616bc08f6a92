//! Sigma's conditions: selections joined with `and`, `or`, `not`, and `1 of` or `all of` several.
//!
//! A selection is looked at only if the condition asks for it.

use std::collections::HashMap;

use crate::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};
use crate::schema::Schema;
use crate::yaml::Node;

use super::document::{Detected, Pairs, texts};
use super::selection::Fields;
use super::truth::Truth;
use super::{Category, Refusal};

/// Selections of one rule.
const SELECTIONS_MAX: usize = 1_000;

/// Checks and connectives of one rule, each selection counted as often as it is asked for.
const SIZE_MAX: usize = 10_000;

/// The keys of a detection that are no selections.
const KEYS: [&str; 2] = ["condition", "timeframe"];

/// The truth of a rule's detection.
pub(super) fn translate<E>(
    schema: &'static Schema<E>,
    category: &'static Category,
    rule: &Detected<'_>,
) -> Result<Truth, Refusal> {
    let conditions = texts(rule.detection, "condition");
    if conditions.is_empty() {
        return Err("it has no `condition`".to_owned());
    }
    if rule.detection.len() > SELECTIONS_MAX {
        return Err(format!("it has more than {SELECTIONS_MAX} selections"));
    }
    let fields = Fields { schema, category };
    let mut selections =
        Selections { fields, detection: rule.detection, known: HashMap::new(), size: 0 };
    // Each of several conditions raises an alert of its own.
    let each = conditions.iter().map(|text| parse(text, &mut selections));
    each.collect::<Result<Vec<_>, _>>().map(Truth::any)
}

/// The selections of a rule, with what those came to that were asked for.
struct Selections<'d, E: 'static> {
    fields: Fields<E>,
    detection: &'d Pairs,
    known: HashMap<&'d str, Truth>,
    size: usize,
}

impl<'d, E> Selections<'d, E> {
    fn names(&self) -> impl Iterator<Item = (&'d str, &'d Node)> {
        let all = self.detection.iter().map(|(key, node)| (&*key.name, node));
        all.filter(|(name, _)| !KEYS.contains(name))
    }

    fn is_name(&self, word: &str) -> bool {
        self.names().any(|(name, _)| name == word)
    }

    fn one(&mut self, word: &str) -> Result<Truth, Refusal> {
        let found = self.names().find(|(name, _)| *name == word);
        let (name, node) = found.ok_or_else(|| format!("condition: no selection `{word}`"))?;
        self.truth(name, node)
    }

    fn truth(&mut self, name: &'d str, node: &Node) -> Result<Truth, Refusal> {
        let truth = match self.known.get(name) {
            Some(known) => known.clone(),
            None => {
                let truth = self.fields.selection(node);
                let truth = truth.map_err(|reason| format!("selection `{name}`: {reason}"))?;
                self.known.insert(name, truth.clone());
                truth
            }
        };
        self.size += truth.size();
        if self.size > SIZE_MAX {
            return Err(format!("condition: it asks for more than {SIZE_MAX} checks"));
        }
        Ok(truth)
    }

    /// The truths of all selections whose names a pattern fits. A leading underscore keeps a
    /// selection out, unless the pattern has one.
    fn fitting(&mut self, pattern: &str) -> Result<Vec<Truth>, Refusal> {
        let wanted = if pattern == "them" { "*" } else { pattern };
        let hidden = |name: &str| name.starts_with('_') && !wanted.starts_with('_');
        let found: Vec<(&str, &Node)> =
            self.names().filter(|(name, _)| !hidden(name) && fits(wanted, name)).collect();
        if found.is_empty() {
            return Err(format!("condition: no selection fits `{pattern}`"));
        }
        found.into_iter().map(|(name, node)| self.truth(name, node)).collect()
    }
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(last)
}

fn parse<E>(text: &str, selections: &mut Selections<'_, E>) -> Result<Truth, Refusal> {
    if text.len() > CONDITION_BYTES_MAX {
        return Err(format!("condition: longer than {CONDITION_BYTES_MAX} bytes"));
    }
    if let Some((_, aggregation)) = text.split_once('|') {
        let aggregation = aggregation.trim();
        return Err(format!("condition: aggregation `{aggregation}` is not carried"));
    }
    let mut parser = Parser { rest: text, selections, depth: 0 };
    let truth = parser.or()?;
    match parser.next() {
        None => Ok(truth),
        Some(word) => Err(format!("condition: `{word}` is not expected")),
    }
}

struct Parser<'t, 's, 'd, E: 'static> {
    rest: &'t str,
    selections: &'s mut Selections<'d, E>,
    depth: usize,
}

impl<'t, E> Parser<'t, '_, '_, E> {
    fn or(&mut self) -> Result<Truth, Refusal> {
        let mut terms = vec![self.and()?];
        while self.eat("or") {
            terms.push(self.and()?);
        }
        Ok(Truth::any(terms))
    }

    fn and(&mut self) -> Result<Truth, Refusal> {
        let mut terms = vec![self.not()?];
        while self.eat("and") {
            terms.push(self.not()?);
        }
        Ok(Truth::all(terms))
    }

    fn not(&mut self) -> Result<Truth, Refusal> {
        if self.eat("not") { self.deeper(Self::not).map(Truth::not) } else { self.operand() }
    }

    fn operand(&mut self) -> Result<Truth, Refusal> {
        let word = self.next().ok_or("condition: it ends where a selection is expected")?;
        if word == "(" {
            let inner = self.deeper(Self::or)?;
            return match self.next() {
                Some(")") => Ok(inner),
                _ => Err("condition: a parenthesis is not closed".to_owned()),
            };
        }
        if self.eat("of") {
            return self.of(word);
        }
        let reserved = ["and", "or", "not", ")"].iter().any(|key| word.eq_ignore_ascii_case(key));
        if reserved && !self.selections.is_name(word) {
            return Err(format!("condition: `{word}` is not expected"));
        }
        self.selections.one(word)
    }

    fn of(&mut self, number: &str) -> Result<Truth, Refusal> {
        let pattern = self.next().ok_or("condition: it ends behind `of`")?;
        let join: fn(Vec<Truth>) -> Truth = match &*number.to_ascii_lowercase() {
            "1" | "any" => Truth::any,
            "all" => Truth::all,
            _ => return Err(format!("condition: `{number} of` is not carried, only 1 and all")),
        };
        self.selections.fitting(pattern).map(join)
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Truth, Refusal>,
    ) -> Result<Truth, Refusal> {
        if self.depth >= CONDITION_DEPTH_MAX {
            return Err(format!("condition: nested deeper than {CONDITION_DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let truth = parse(self);
        self.depth -= 1;
        truth
    }

    /// The next word or parenthesis, and what follows it.
    fn peek(&self) -> Option<(&'t str, &'t str)> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next()?;
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
        let end = match first {
            '(' | ')' => 1,
            _ => rest.find(ends).unwrap_or(rest.len()),
        };
        rest.split_at_checked(end)
    }

    fn next(&mut self) -> Option<&'t str> {
        let (word, rest) = self.peek()?;
        self.rest = rest;
        Some(word)
    }

    /// Takes a word of the grammar, if it comes next.
    fn eat(&mut self, wanted: &str) -> bool {
        match self.peek() {
            Some((word, rest)) if word.eq_ignore_ascii_case(wanted) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}
