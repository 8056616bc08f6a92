//! Receivers of JSON documents: any webhook, one document or an array a request, and falcosidekick.

use serde_json::Value;

use super::{Answer, Fault, Protocol, Shelf};

/// A document a request.
pub const WEBHOOK: Protocol = Protocol {
    preset: "",
    format: "ecs",
    path: "/alerts",
    content_type: "application/json",
    busy: (503, ""),
    take: one,
};

/// An array of them.
pub const ARRAYS: Protocol = Protocol { take: array, ..WEBHOOK };

/// falcosidekick.
pub const FALCOSIDEKICK: Protocol =
    Protocol { preset: "falcosidekick", format: "falco", path: "/", take: payload, ..WEBHOOK };

fn taken_whole(documents: &[Value], shelf: &mut Shelf) -> Answer {
    let faults: Vec<_> =
        documents.iter().filter_map(|document| shelf.fault(&document.to_string())).collect();
    if faults.contains(&Fault::Breaks) {
        return Answer(500, b"it broke".to_vec());
    }
    match faults.first() {
        Some(Fault::Bad) => Answer(400, b"something is bad".to_vec()),
        Some(_) => Answer(429, Vec::new()),
        None => {
            shelf.taken.extend(documents.iter().cloned());
            Answer(200, Vec::new())
        }
    }
}

fn one(body: &[u8], shelf: &mut Shelf) -> Answer {
    let document: Value = serde_json::from_slice(body).expect("a document a request");
    assert!(document.is_object(), "{document}");
    taken_whole(&[document], shelf)
}

fn array(body: &[u8], shelf: &mut Shelf) -> Answer {
    let documents: Vec<Value> = serde_json::from_slice(body).expect("an array a request");
    assert!(documents.iter().all(Value::is_object), "{documents:?}");
    taken_whole(&documents, shelf)
}

/// Priorities of Falco, as falcosidekick reads them.
const PRIORITIES: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

/// What it decodes, and refuses an event without.
fn payload(body: &[u8], shelf: &mut Shelf) -> Answer {
    let document: Value = serde_json::from_slice(body).expect("a document a request");
    for name in ["uuid", "output", "priority", "rule", "time", "source", "hostname"] {
        let text = document[name].as_str();
        assert!(text.is_some_and(|text| !text.is_empty()), "{name} of {document:#}");
    }
    let priority = document["priority"].as_str().unwrap_or_default();
    assert!(PRIORITIES.contains(&priority), "{document:#}");
    let time = document["time"].as_str().unwrap_or_default();
    let shape = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    let shape = String::from_utf8(time.bytes().map(shape).collect()).expect("text");
    assert_eq!(shape, "0000-00-00T00:00:00.000000000Z", "{document:#}");
    let fields = document["output_fields"].as_object().expect("fields are an object");
    // It knows texts, numbers and switches there.
    assert!(fields.values().all(|value| !value.is_object()), "{document:#}");
    let tags = document["tags"].as_array().expect("tags are an array");
    assert!(tags.iter().all(Value::is_string), "{document:#}");
    taken_whole(&[document], shelf)
}
