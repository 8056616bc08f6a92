//! A rule as YAML. Whatever a Sigma rule says of itself comes out as the same text, and as nothing
//! but that text: it can neither end a value nor name a field in the output.

use std::fmt::Write as _;

use crate::ast::Expr;
use crate::attack::{self, Attack};
use crate::limits::CONDITION_BYTES_MAX;
use crate::priority::Priority;

use super::document::{Detected, text, texts};
use super::truth::Truth;
use super::{Category, Refusal};

/// What stands above all rules.
pub(super) const HEAD: &str = "\
# Made by `runmon rules import sigma`. The rules are the work of their authors: the descriptions
# name them, and the licence, as far as the Sigma rules do.
";

/// The longest line.
const WIDTH: usize = 100;

/// The condition of a rule.
pub(super) fn condition(category: &Category, truth: Truth) -> Result<String, Refusal> {
    let category = category.condition;
    let text = match truth {
        Truth::Always => category.to_owned(),
        Truth::If(expr @ Expr::Or(_)) => format!("{category} and ({expr})"),
        Truth::If(expr) => format!("{category} and {expr}"),
        Truth::Never => {
            let why = "a field that it asks for always has another value";
            return Err(format!("it can never match: {why}"));
        }
    };
    if text.len() > CONDITION_BYTES_MAX {
        return Err(format!("its condition would be longer than {CONDITION_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// The whole rule.
pub(super) fn rule(
    category: &Category,
    rule: &Detected<'_>,
    (name, id): (&str, &str),
    condition: &str,
) -> String {
    let maturity = maturity(text(rule.pairs, "status"));
    let (mitre, own) = tags(rule);
    let tags = [maturity, "sigma"].into_iter().chain(category.tags.iter().copied());
    let tags: Vec<&str> = tags.chain(own.iter().map(String::as_str)).collect();
    let mut out = String::new();
    // Writing to a string cannot fail.
    writeln!(out, "- rule: {}\n  id: {}", scalar(name), scalar(id)).unwrap_or_default();
    block(&mut out, "desc", &desc(rule));
    block(&mut out, "condition", condition);
    block(&mut out, "output", &output(category, &one_line(rule.title)));
    let priority = priority(text(rule.pairs, "level")).name().to_ascii_lowercase();
    writeln!(out, "  priority: {priority}\n  source: syscall").unwrap_or_default();
    if maturity == "maturity_deprecated" {
        out.push_str("  enabled: false\n");
    }
    list(&mut out, "tags", &tags);
    list(&mut out, "mitre", &mitre.iter().map(String::as_str).collect::<Vec<_>>());
    list(&mut out, "references", &texts(rule.pairs, "references"));
    list(&mut out, "false_positives", &texts(rule.pairs, "falsepositives"));
    out
}

/// What a rule is worth, by the maturity tags of Falco's rules.
fn maturity(status: Option<&str>) -> &'static str {
    match status {
        Some("stable") => "maturity_stable",
        Some("test") => "maturity_incubating",
        Some("deprecated" | "unsupported") => "maturity_deprecated",
        _ => "maturity_sandbox",
    }
}

fn priority(level: Option<&str>) -> Priority {
    match level {
        Some("critical") => Priority::Critical,
        Some("high") => Priority::Error,
        Some("low") => Priority::Notice,
        Some("informational") => Priority::Informational,
        _ => Priority::Warning,
    }
}

/// Tactics and techniques of ATT&CK by their ids, and the other tags.
fn tags(rule: &Detected<'_>) -> (Vec<String>, Vec<String>) {
    let (mut mitre, mut others) = (Vec::new(), Vec::new());
    for tag in texts(rule.pairs, "tags") {
        let (found, into) = match tag.strip_prefix("attack.").and_then(attack::parse) {
            Some(Attack::Tactic(tactic)) => (tactic.id.to_owned(), &mut mitre),
            Some(Attack::Technique(id)) => (id, &mut mitre),
            None => (one_line(tag), &mut others),
        };
        if !into.contains(&found) {
            into.push(found);
        }
    }
    (mitre, others)
}

/// The description, or the title without one, with whom it is from.
fn desc(rule: &Detected<'_>) -> String {
    let what = one_line(text(rule.pairs, "description").unwrap_or(rule.title));
    let author = text(rule.pairs, "author").map(|author| format!("by {}", one_line(author)));
    let licence = text(rule.pairs, "license").map(|name| format!("licence {}", one_line(name)));
    let from: Vec<String> = author.into_iter().chain(licence).collect();
    if from.is_empty() { what } else { format!("{what} (Sigma rule {})", from.join(", ")) }
}

/// The title without fields of its own, and the category's fields. A leading `*` is taken away
/// when a template is read.
fn output(category: &Category, title: &str) -> String {
    let star = if title.starts_with('*') { "*" } else { "" };
    format!("{star}{} {}", title.replace('%', "%%"), category.output)
}

/// Text as one line of characters that can be shown.
pub(super) fn one_line(text: &str) -> String {
    let shown = |c: char| if is_printable(c) { c } else { ' ' };
    let text: String = text.chars().map(shown).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What can stand in YAML as it is, and breaks no line in any reading of it.
fn is_printable(c: char) -> bool {
    let other = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    !c.is_control() && !other
}

/// A text on one line, in quotes unless it cannot be taken for anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(plain)
        && !words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_plain { text.to_owned() } else { in_quotes(text) }
}

fn in_quotes(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => write!(out, "\\U{:08x}", u32::from(c)).unwrap_or_default(),
        }
    }
    out + "\""
}

/// A list: on one line if it fits there.
fn list(out: &mut String, key: &str, items: &[&str]) {
    let items: Vec<String> = items.iter().map(|item| scalar(&one_line(item))).collect();
    if items.is_empty() {
        return;
    }
    let line = format!("  {key}: [{}]\n", items.join(", "));
    if line.chars().count() <= WIDTH {
        return out.push_str(&line);
    }
    writeln!(out, "  {key}:").unwrap_or_default();
    items.iter().for_each(|item| writeln!(out, "    - {item}").unwrap_or_default());
}

/// A text as a folded block, which is read as the same text: lines are broken at single spaces
/// outside of quoted values, and nowhere else.
fn block(out: &mut String, key: &str, text: &str) {
    let words = words(text);
    let foldable = text.chars().all(is_printable) && words.iter().all(|word| !word.is_empty());
    if !foldable {
        return writeln!(out, "  {key}: {}", in_quotes(text)).unwrap_or_default();
    }
    write!(out, "  {key}: >-").unwrap_or_default();
    let mut width = WIDTH;
    // Checks stay whole where they fit on a line.
    for check in words.chunk_by(|_, next| !matches!(*next, "and" | "or")) {
        let take = if length(check) + 3 <= WIDTH { check.len() } else { 1 };
        for unit in check.chunks(take) {
            let length = length(unit);
            if width + length > WIDTH {
                out.push_str("\n    ");
                width = 3;
            } else {
                out.push(' ');
            }
            width += length;
            out.push_str(&unit.join(" "));
        }
    }
    out.push('\n');
}

/// Of words with a space before each.
fn length(words: &[&str]) -> usize {
    words.iter().map(|word| word.chars().count() + 1).sum()
}

/// The text at its spaces. What stands in double quotes is one word.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            ' ' if !quoted => {
                words.extend(text.get(start..at));
                start = at + 1;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    words.extend(text.get(start..));
    words
}
