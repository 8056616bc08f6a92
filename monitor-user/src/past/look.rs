//! What is read of documents, as a terminal may show it.

use serde_json::Value;

use crate::document::printable::terminal;

/// A text of a document, as a terminal may show it; empty where there is none.
#[must_use]
pub fn text(document: &Value, pointer: &str) -> String {
    match document.pointer(pointer) {
        Some(Value::String(text)) => terminal(text.as_bytes()).into_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(yes)) => yes.to_string(),
        _ => String::new(),
    }
}

/// Texts of a list in a document.
#[must_use]
pub fn texts(document: &Value, pointer: &str) -> Vec<String> {
    let list = document.pointer(pointer).and_then(Value::as_array);
    let list = list.into_iter().flatten().filter_map(Value::as_str);
    list.map(|text| terminal(text.as_bytes()).into_owned()).collect()
}

/// Members of a list in a document.
pub fn items<'v>(document: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    document.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Where something happened: the container by its name or id, `host`, or runmon itself.
#[must_use]
pub fn place(document: &Value) -> String {
    let name = text(document, "/container/name");
    let id = text(document, "/container/id");
    match (name.is_empty(), id.is_empty()) {
        (false, _) => name,
        (true, false) => id.chars().take(12).collect(),
        (true, true) => "runmon".to_owned(),
    }
}

/// Image of the container, where it is known.
#[must_use]
pub fn image(document: &Value) -> String {
    text(document, "/container/image/name")
}

/// The pod with its namespace, where there is one.
#[must_use]
pub fn pod(document: &Value) -> String {
    let name = text(document, "/orchestrator/resource/name");
    let namespace = text(document, "/orchestrator/namespace");
    if name.is_empty() { name } else { format!("{namespace}/{name}") }
}

/// No longer than so many characters.
#[must_use]
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}
