//! The documents in a line that a receiver wrote: by themselves, behind what it puts before them,
//! or in what it wraps them in.

use serde::Deserialize;
use serde_json::Value;

use crate::document::{cef, syslog};

/// What of a document is looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is in what its sink sent, if it says so.
    pub(super) place: Option<Place>,
    /// Of a heartbeat: its id, and how many records the kernel lost.
    pub(super) heartbeat: Option<(String, Option<u64>)>,
}

/// Where a document is in what its sink sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sink: String,
    pub(super) stream: String,
    pub(super) number: u64,
    pub(super) host: String,
    /// The rule that it is about, where a document is written for each.
    pub(super) rule: String,
}

/// Wraps around wraps, at most.
const DEPTH: usize = 12;

/// What begins a line of the Common Event Format, whatever a receiver put before it.
const CEF: &[u8] = b"CEF:0|runmon|";

/// All documents of a line.
///
/// # Errors
///
/// There is none in it.
pub(super) fn all(line: &[u8]) -> Result<Vec<Found>, serde_json::Error> {
    let line = line.trim_ascii();
    let mut found = Vec::new();
    let message = line.starts_with(b"<").then(|| of_message(line).unwrap_or_default());
    if let Some(message) = message {
        // A receiver may have written it without its structured data.
        if message.place.is_none() {
            in_text(line, DEPTH, &mut found);
        }
        if found.is_empty() {
            found.push(message);
        }
        return Ok(found);
    }
    match serde_json::from_slice(line) {
        Ok(value) => in_value(&value, DEPTH, &mut found),
        Err(error) => {
            in_text(line, DEPTH, &mut found);
            if found.is_empty() {
                return Err(error);
            }
        }
    }
    if found.is_empty() {
        found.push(Found::default());
    }
    Ok(found)
}

/// What stands in a text: a document, behind such as a key, or a time and a host.
fn in_text(text: &[u8], depth: usize, found: &mut Vec<Found>) {
    let json = text.iter().position(|byte| *byte == b'{');
    let cef = memchr::memmem::find(text, CEF);
    // Either may be in a value of the other: what comes first holds the other.
    match (json, cef) {
        (json, Some(cef)) if json.is_none_or(|json| cef < json) => {
            found.push(of_cef(text.get(cef..).unwrap_or_default()));
        }
        (Some(json), _) => {
            let rest = text.get(json..).unwrap_or_default();
            if let Some(Ok(value)) = serde_json::Deserializer::from_slice(rest).into_iter().next() {
                in_value(&value, depth, found);
            }
        }
        _ => {}
    }
}

/// What stands in a value: itself, or in what a receiver wraps around documents. Into a document
/// nobody looks: what its texts hold, others wrote.
fn in_value(value: &Value, depth: usize, found: &mut Vec<Found>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(_) if is_document(value) => found.push(of_json(value)),
        Value::Object(members) => members.values().for_each(|it| in_value(it, depth, found)),
        Value::Array(items) => items.iter().for_each(|it| in_value(it, depth, found)),
        Value::String(text) if text.trim_start().starts_with('<') => {
            found.extend(of_message(text.trim_start().as_bytes()));
        }
        Value::String(text) => in_text(text.as_bytes(), depth, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_document(value: &Value) -> bool {
    let has = |pointer: &str| value.pointer(pointer).is_some();
    has("/runmon/delivery")
        || has("/runmon/document")
        || has("/metadata/sequence")
        || has("/unmapped/document")
        || (has("/output_fields") && has("/rule"))
}

/// What the structured data of a syslog message say.
fn of_message(line: &[u8]) -> Option<Found> {
    let (host, facts) = syslog::read(line)?;
    let fact = |name: &str| {
        let found = facts.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let heartbeat =
        (fact("document") == "heartbeat").then(|| (fact("id"), fact("lost").parse().ok()));
    let place = fact("number").parse().ok().map(|number| Place {
        sink: fact("sink"),
        stream: fact("stream"),
        number,
        host,
        rule: fact("rule"),
    });
    Some(Found { place, heartbeat })
}

fn of_cef(line: &[u8]) -> Found {
    let fact = |key: &str| cef::extension(line, key);
    let number = |key: &str| fact(key)?.parse().ok();
    let place = number("cn1").map(|number| Place {
        sink: fact("flexString2").unwrap_or_default(),
        stream: fact("flexString1").unwrap_or_default(),
        number,
        host: fact("dvchost").unwrap_or_default(),
        rule: cef::class(line),
    });
    let is_heartbeat = fact("cat").is_some_and(|kind| kind == "heartbeat");
    let heartbeat = is_heartbeat.then(|| (fact("cs6").unwrap_or_default(), number("cn2")));
    Found { place, heartbeat }
}

fn of_json(document: &Value) -> Found {
    Found { place: place(document), heartbeat: heartbeat(document) }
}

fn heartbeat(document: &Value) -> Option<(String, Option<u64>)> {
    // Falco's JSON has what that of ECS has, too.
    let (run, lost) = if text(document, "/rule") == "runmon heartbeat" {
        ("/uuid", "/output_fields/runmon.lost")
    } else if text(document, "/runmon/document") == "heartbeat" {
        ("/event/id", "/runmon/lost")
    } else if text(document, "/unmapped/document") == "heartbeat" {
        ("/metadata/uid", "/unmapped/lost")
    } else {
        return None;
    };
    let lost = document.pointer(lost).and_then(Value::as_u64);
    Some((text(document, run).to_owned(), lost))
}

#[derive(Deserialize)]
struct Delivery {
    sink: String,
    stream: String,
    number: u64,
}

fn place(document: &Value) -> Option<Place> {
    let owned = |pointer: &str| text(document, pointer).to_owned();
    if let Some(delivery) = document.pointer("/runmon/delivery")
        && let Ok(Delivery { sink, stream, number }) = Delivery::deserialize(delivery)
    {
        return Some(Place { sink, stream, number, host: owned("/host/name"), rule: "".into() });
    }
    if let Some(number) = document.pointer("/metadata/sequence").and_then(Value::as_u64) {
        let [sink, stream] = ["/metadata/log_name", "/metadata/log_source"].map(owned);
        return Some(Place { sink, stream, number, host: owned("/device/name"), rule: "".into() });
    }
    let number = document.pointer("/output_fields/runmon.delivery.number")?.as_u64()?;
    let [sink, stream] =
        ["/output_fields/runmon.delivery.sink", "/output_fields/runmon.delivery.stream"].map(owned);
    Some(Place { sink, stream, number, host: owned("/hostname"), rule: owned("/rule") })
}

fn text<'d>(document: &'d Value, pointer: &str) -> &'d str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
