//! Texts compared with patterns: each sort of comparison done once, for all values of it.
//!
//! Without regard to case the field is made lower-case once for all values, which costs less than
//! a pattern for each. It is ASCII's case: other letters are compared as they are written.

use crate::ast::{Function, Modifier, Op, Operand};
use crate::glob;

use super::Refusal;
use super::pattern::{Pattern, Shape};
use super::truth::{Truth, call, check, check_list, exists, field, quoted};

/// The field fits one of the patterns.
pub(super) fn any(name: &str, patterns: &[Pattern], cased: bool) -> Truth {
    let groups = groups(patterns, cased);
    Truth::any(groups.into_iter().map(|(op, texts)| compare(name, op, texts, cased, false)))
}

/// The field fits all patterns.
pub(super) fn all(name: &str, patterns: &[Pattern], cased: bool) -> Truth {
    let groups = groups(patterns, cased);
    Truth::all(groups.into_iter().map(|(op, texts)| compare(name, op, texts, cased, true)))
}

/// The texts by the operator that they are compared with, in the order in which these appear;
/// without one the field need only be there.
fn groups(patterns: &[Pattern], cased: bool) -> Vec<(Option<Op>, Vec<String>)> {
    let mut groups: Vec<(Option<Op>, Vec<String>)> = Vec::new();
    for pattern in patterns {
        let (op, text) = match pattern.shape(cased) {
            Shape::Anything => (None, String::new()),
            Shape::Equal(text) => (Some(Op::Eq), text),
            Shape::StartsWith(text) => (Some(Op::StartsWith), text),
            Shape::EndsWith(text) => (Some(Op::EndsWith), text),
            Shape::Contains(text) => (Some(Op::Contains), text),
            Shape::Glob(text) => (Some(if cased { Op::Glob } else { Op::IGlob }), text),
            Shape::Regex(text) => (Some(Op::Regex), text),
        };
        match groups.iter_mut().find(|(known, _)| *known == op) {
            Some((_, texts)) => texts.push(text),
            None => groups.push((op, vec![text])),
        }
    }
    groups
}

fn compare(name: &str, op: Option<Op>, texts: Vec<String>, cased: bool, all: bool) -> Truth {
    let Some(op) = op else { return exists(name) };
    let own_case = matches!(op, Op::Glob | Op::IGlob | Op::Regex);
    let has_case = texts.iter().any(|text| text.contains(|c: char| c.is_ascii_alphabetic()));
    let lower = !cased && !own_case && has_case;
    let left = if lower { call(Function::ToLower, field(name)) } else { field(name) };
    let item =
        |text: &String| quoted(&if lower { text.to_ascii_lowercase() } else { text.clone() });
    let mut items: Vec<Operand> = texts.iter().map(item).collect();
    if items.len() == 1
        && let Some(only) = items.pop()
    {
        return check(left, op, only);
    }
    match (op, all) {
        (Op::Eq, false) => check_list(left, Op::In, None, items),
        (_, false) => check_list(left, op, Some(Modifier::Any), items),
        (_, true) => check_list(left, op, Some(Modifier::All), items),
    }
}

/// The field has a part that a regular expression fits. Of its own accord an expression stands for
/// a whole text here, and its dot for a line feed too.
pub(super) fn regex(name: &str, pattern: &str, flags: &str) -> Result<Truth, Refusal> {
    let has = |flag| if flags.contains(flag) { flag } else { "" };
    let dot = if flags.contains('s') { "s" } else { "" };
    // Bytes are compared, unless the expression speaks of characters that have several.
    let unicode = if pattern.is_ascii() { "" } else { "u" };
    let off = if dot.is_empty() { "-s" } else { "" };
    let flags = format!("{}{}{dot}{unicode}{off}", has("i"), has("m"));
    // Checked alone first: an unbalanced `)` must not close the group around it.
    glob::full_match(&format!("(?{flags}){pattern}"), false)
        .map_err(|why| format!("not a valid regular expression: {why}"))?;
    Ok(check(field(name), Op::Regex, quoted(&format!(".*(?{flags}:{pattern}).*"))))
}
