//! How what is shown of the past looks, and what is read of documents.

use std::io::IsTerminal as _;

use monitor_rules::Priority;
use serde_json::Value;

use crate::document::printable::terminal;

pub(super) const DIM: &str = "\x1b[2m";
pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const YELLOW: &str = "\x1b[33m";
pub(super) const BLUE: &str = "\x1b[34m";
pub(super) const CYAN: &str = "\x1b[36m";
pub(super) const MAGENTA: &str = "\x1b[35m";
const RESET: &str = "\x1b[0m";

/// With colours, or without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// As standard output takes it.
    pub(super) fn of_output() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self(wanted && std::io::stdout().is_terminal())
    }

    pub(super) fn with(self, colour: &str, text: &str) -> String {
        if self.0 { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

pub(super) fn colour_of(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => MAGENTA,
        Priority::Error => RED,
        Priority::Warning => YELLOW,
        Priority::Notice | Priority::Informational | Priority::Debug => BLUE,
    }
}

/// A text of a document, as a terminal may show it; empty where there is none.
pub(super) fn text(document: &Value, pointer: &str) -> String {
    match document.pointer(pointer) {
        Some(Value::String(text)) => terminal(text.as_bytes()).into_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(yes)) => yes.to_string(),
        _ => String::new(),
    }
}

/// Texts of a list in a document.
pub(super) fn texts(document: &Value, pointer: &str) -> Vec<String> {
    let list = document.pointer(pointer).and_then(Value::as_array);
    let list = list.into_iter().flatten().filter_map(Value::as_str);
    list.map(|text| terminal(text.as_bytes()).into_owned()).collect()
}

/// Members of a list in a document.
pub(super) fn items<'v>(document: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    document.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Where something happened: the container by its name or id, `host`, or runmon itself.
pub(super) fn place(document: &Value) -> String {
    let name = text(document, "/container/name");
    let id = text(document, "/container/id");
    match (name.is_empty(), id.is_empty()) {
        (false, _) => name,
        (true, false) => id.chars().take(12).collect(),
        (true, true) => "runmon".to_owned(),
    }
}

/// Image of the container, where it is known.
pub(super) fn image(document: &Value) -> String {
    text(document, "/container/image/name")
}

/// The pod with its namespace, where there is one.
pub(super) fn pod(document: &Value) -> String {
    let name = text(document, "/orchestrator/resource/name");
    let namespace = text(document, "/orchestrator/namespace");
    if name.is_empty() { name } else { format!("{namespace}/{name}") }
}

/// No longer than so many characters.
pub(super) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A time of day and day, UTC, with milliseconds.
pub(super) fn when(timestamp_ns: i64) -> String {
    let full = crate::document::text::rfc3339(timestamp_ns);
    match (full.get(..10), full.get(11..23)) {
        (Some(day), Some(time)) => format!("{day} {time}"),
        _ => full,
    }
}
