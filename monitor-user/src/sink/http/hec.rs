//! Splunk's HTTP Event Collector: events as objects one after the other. Status 200 counts as the
//! acknowledgement; indexers' own acknowledgement is not asked for.

use serde_json::{Value, json};

use super::{
    answer::{Fate, HttpAnswer, Verdict, of_status, whole},
    body::Sent,
    parts::Entry,
};

/// Codes of status 400 that tell of the token's or the sink's configuration, not of an event: the
/// index, the channel, acknowledgements.
const OF_CONFIGURATION: [u64; 5] = [7, 10, 11, 14, 16];

pub(super) fn body(entries: &[&Entry], sent: &Sent) -> Vec<u8> {
    let mut body = Vec::new();
    let sourcetype = sent.sourcetype.as_deref();
    let sourcetype = sourcetype.unwrap_or(if sent.is_json() { "_json" } else { "runmon" });
    let mut about = json!({ "host": sent.host, "source": sent.source, "sourcetype": sourcetype });
    if let (Some(index), Some(about)) = (&sent.index, about.as_object_mut()) {
        about.insert("index".to_owned(), json!(index));
    }
    let about = about.to_string();
    let about = about.strip_suffix('}').unwrap_or_default();
    for entry in entries {
        let ms = entry.about.timestamp_ns.max(0) / 1_000_000;
        let time = format!("\"time\":{}.{:03}", ms / 1000, ms % 1000);
        body.extend_from_slice(about.as_bytes());
        body.extend_from_slice(format!(",{time},\"event\":").as_bytes());
        match sent.is_json() {
            true => body.extend_from_slice(&entry.line),
            false => body.extend(json!(entry.text()).to_string().into_bytes()),
        }
        body.extend_from_slice(b"}\n");
    }
    body
}

/// Where it says which event is wrong, that one is refused, and all others are sent again: what it
/// did with those before it, it does not say.
pub(super) fn read(answer: &HttpAnswer, count: usize) -> Verdict {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = said.get("code").and_then(Value::as_u64);
    if answer.status != 400 {
        return whole(answer);
    }
    if code.is_some_and(|code| OF_CONFIGURATION.contains(&code)) {
        return Verdict::All(Fate::Later(format!("status 400: {}", answer.said())));
    }
    let wrong = said.get("invalid-event-number").and_then(Value::as_u64);
    let wrong = wrong.and_then(|wrong| usize::try_from(wrong).ok()).filter(|wrong| *wrong < count);
    let Some(wrong) = wrong else { return whole(answer) };
    let fate = |place| match place == wrong {
        true => of_status(answer.status, &answer.said()),
        false => Fate::Again,
    };
    Verdict::Each((0..count).map(fate).collect())
}
