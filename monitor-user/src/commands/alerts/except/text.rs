//! An exception with its tests, as a rule file has it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{columns::Column, trial::Trial};
use crate::document::printable::terminal;

/// What people say of an exception.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) owner: String,
    pub(super) reason: String,
    pub(super) expires: String,
}

/// What the name of a test has that shows how narrow an exception is.
pub(super) const ANOTHER: &str = " with another ";

/// The item of a rule file that adds an exception.
pub(super) fn item(
    rule: &str,
    name: &str,
    columns: &[Column],
    signed: &Signed,
    trial: Option<&Trial>,
) -> String {
    let fields: Vec<&str> = columns.iter().map(|column| &*column.field).collect();
    let comps: Vec<&str> = columns.iter().map(|_| "\"=\"").collect();
    let values: Vec<String> = columns.iter().map(|column| as_yaml(&column.value)).collect();
    let mut text = format!("- rule: {}\n  exceptions:\n    - name: {name}\n", string(rule));
    for (key, value) in [
        ("fields", format!("[{}]", fields.join(", "))),
        ("comps", format!("[{}]", comps.join(", "))),
        ("values", format!("[[{}]]", values.join(", "))),
        ("owner", string(&signed.owner)),
        ("reason", string(&signed.reason)),
        ("expires", signed.expires.clone()),
    ] {
        push(&mut text, format_args!("      {key}: {value}\n"));
    }
    let Some(trial) = trial else {
        text.push_str("  override: {exceptions: append}\n");
        return text;
    };
    push(&mut text, format_args!("  tests:\n"));
    test(&mut text, &format!("{name} is quiet"), false, &trial.hidden);
    if let Some((changed, near)) = &trial.near {
        test(&mut text, &format!("{name}{ANOTHER}{changed} fires"), true, near);
    }
    text.push_str("  override: {exceptions: append, tests: append}\n");
    text
}

fn test(text: &mut String, name: &str, fires: bool, event: &[(String, Value)]) {
    push(text, format_args!("    - name: {}\n      fires: {fires}\n      event:\n", string(name)));
    for (field, value) in event {
        push(text, format_args!("        {}: {}\n", key(field), as_yaml(value)));
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes whatever is written.
    text.write_fmt(what).unwrap_or_default();
}

/// A field's name; with an argument in brackets it is put in quotes.
fn key(field: &str) -> String {
    let is_plain = field.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    if is_plain { field.to_owned() } else { string(field) }
}

fn as_yaml(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(as_yaml).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text in double quotes. What a terminal would not show as it is, is escaped: whoever reads the
/// file sees what is compared.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let is_shown = terminal(c.encode_utf8(&mut [0; 4]).as_bytes()).chars().eq([c]);
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_shown => quoted.push(c),
            c if u32::from(c) <= 0xffff => {
                push(&mut quoted, format_args!("\\u{:04x}", u32::from(c)))
            }
            c => push(&mut quoted, format_args!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// A value for people.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => terminal(text.as_bytes()).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_chose_is_what_is_compared() {
        for text in
            ["/bin/sh", "a \"b\" \\ c", "\x1b[31m\n\u{202e}x", "# no: comment", "[a, b]", "é"]
        {
            let quoted = string(text);
            assert!(!quoted.contains(['\x1b', '\n', '\u{202e}']), "{quoted}");
            let read: String = serde_saphyr::from_str(&quoted).unwrap();
            assert_eq!(read, text);
        }
    }
}
