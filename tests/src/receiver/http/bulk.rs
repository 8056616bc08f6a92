//! The bulk API of Elasticsearch, as its manual has it, with a data stream: it takes nothing but
//! `create`, and what is there already is a conflict.

use serde_json::{Value, json};

use super::{Answer, Fault, Protocol, Shelf};

/// A data stream.
pub const BULK: Protocol = Protocol {
    preset: "elasticsearch-bulk",
    format: "ecs",
    path: "/_bulk",
    content_type: "application/x-ndjson",
    busy: (429, r#"{"error":{"type":"es_rejected_execution_exception"},"status":429}"#),
    take,
};

fn take(body: &[u8], shelf: &mut Shelf) -> Answer {
    let text = std::str::from_utf8(body).expect("UTF-8");
    let text = text.strip_suffix('\n').expect("the last line ends, too");
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(lines.len() % 2, 0, "an action and a source each");
    let (mut items, mut errors) = (Vec::new(), false);
    for pair in lines.chunks(2) {
        let action: Value = serde_json::from_str(pair[0]).expect("an action");
        let members = action.as_object().expect("an object");
        assert_eq!(members.keys().collect::<Vec<_>>(), ["create"], "{action}");
        let index = action["create"]["_index"].as_str().expect("an index");
        assert!(!index.is_empty() && index == index.to_lowercase(), "{action}");
        let id = action["create"]["_id"].as_str().expect("an id");
        assert!((1..=512).contains(&id.len()), "{action}");
        let source: Value = serde_json::from_str(pair[1]).expect("a source");
        assert!(source["@timestamp"].is_string(), "a data stream asks for a time: {source:#}");
        let (status, error) = one(id, pair[1], shelf);
        errors |= error.is_some();
        let mut item = json!({ "create": { "status": status } });
        if let Some(error) = error {
            item["create"]["error"] = json!({ "type": error, "reason": format!("of {id}") });
        }
        items.push(item);
    }
    let said = json!({ "errors": errors, "items": items });
    Answer(200, said.to_string().into_bytes())
}

/// Status and sort of error of one item.
fn one(id: &str, source: &str, shelf: &mut Shelf) -> (u16, Option<&'static str>) {
    if shelf.known.contains(id) {
        return (409, Some("version_conflict_engine_exception"));
    }
    match shelf.fault(source) {
        Some(Fault::Bad) => (400, Some("document_parsing_exception")),
        Some(Fault::Busy(_)) => (429, Some("es_rejected_execution_exception")),
        Some(Fault::Breaks) => (500, Some("illegal_state_exception")),
        None => {
            shelf.known.insert(id.to_owned());
            shelf.put(source);
            (201, None)
        }
    }
}
