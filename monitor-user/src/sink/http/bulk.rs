//! The bulk API of Elasticsearch and OpenSearch. Each document is created under an id that it has
//! again when it is sent again: where it is there already, that one is refused as a conflict, and
//! counts as taken. Data streams take nothing but that.

use serde_json::{Value, json};

use super::{
    answer::{Fate, HttpAnswer, Verdict, of_status, whole},
    body::Sent,
    parts::Entry,
};

/// Where documents go that nobody said a place for: a data stream whose template is there.
const INDEX: &str = "logs-runmon-default";

pub(super) fn body(entries: &[&Entry], sent: &Sent) -> Vec<u8> {
    let index = sent.index.as_deref().unwrap_or(INDEX);
    let mut body = Vec::new();
    for entry in entries {
        let id = sent.delivery_id(&entry.about, entry.place);
        let action = json!({ "create": { "_index": index, "_id": id } });
        body.extend(action.to_string().into_bytes());
        body.push(b'\n');
        body.extend_from_slice(&entry.line);
        body.push(b'\n');
    }
    body
}

/// Each document has an answer of its own.
pub(super) fn read(answer: &HttpAnswer, count: usize) -> Verdict {
    if !(200..=299).contains(&answer.status) {
        return whole(answer);
    }
    let later = |why: &str| Verdict::All(Fate::Later(format!("status {}: {why}", answer.status)));
    // Halves have shorter answers, and what is there already is not there twice.
    if let Some(cut) = &answer.cut {
        return Verdict::All(Fate::Failed(format!(
            "status {}, but the answer cannot be read: {cut}",
            answer.status
        )));
    }
    let Ok(said) = serde_json::from_slice::<Value>(&answer.body) else {
        return later("the answer is no JSON");
    };
    let items = said.get("items").and_then(Value::as_array);
    match items {
        Some(items) if items.len() == count => Verdict::Each(items.iter().map(item).collect()),
        _ => later("the answer tells of other documents than were sent"),
    }
}

fn item(item: &Value) -> Fate {
    // By the name of the action.
    let Some(about) = item.as_object().and_then(|item| item.values().next()) else {
        return Fate::Later("an item tells nothing".to_owned());
    };
    let status = about.get("status").and_then(Value::as_u64);
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
        return Fate::Later("an item has no status".to_owned());
    };
    let text = |name: &str| {
        about.pointer(&format!("/error/{name}")).and_then(Value::as_str).unwrap_or_default()
    };
    match status {
        409 => Fate::Taken,
        status => of_status(status, &format!("{} {}", text("type"), text("reason"))),
    }
}
