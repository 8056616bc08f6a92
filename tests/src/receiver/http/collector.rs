//! Splunk's HTTP Event Collector, as its manual has it: events in one or more objects of JSON, one
//! after the other, and codes of errors.

use serde_json::{Deserializer, Value, json};

use super::{Answer, Fault, Protocol, Shelf};

/// A collector without acknowledgements.
pub const COLLECTOR: Protocol = Protocol {
    preset: "splunk-hec",
    format: "ecs",
    path: "/services/collector/event",
    content_type: "application/json",
    busy: (503, r#"{"text":"Server is busy","code":9}"#),
    take,
};

/// What an event's object may have.
const MEMBERS: [&str; 7] = ["time", "host", "source", "sourcetype", "index", "event", "fields"];

fn take(body: &[u8], shelf: &mut Shelf) -> Answer {
    let said = |status, text: &str, code: u64, event: Option<usize>| {
        let mut said = json!({ "text": text, "code": code });
        if let Some(event) = event {
            said["invalid-event-number"] = event.into();
        }
        Answer(status, said.to_string().into_bytes())
    };
    let events = Deserializer::from_slice(body).into_iter::<Value>();
    let events: Vec<Value> = events.collect::<Result<_, _>>().expect("objects of JSON");
    if events.is_empty() {
        return said(400, "No data", 5, None);
    }
    for (number, event) in events.iter().enumerate() {
        let members = event.as_object().expect("an event is an object");
        assert!(members.keys().all(|name| MEMBERS.contains(&&**name)), "{event:#}");
        for name in ["host", "source", "sourcetype"] {
            assert!(event[name].as_str().is_some_and(|text| !text.is_empty()), "{event:#}");
        }
        let time = event["time"].as_f64().expect("a time in seconds");
        assert!((1_700_000_000.0..5_000_000_000.0).contains(&time), "{event:#}");
        assert!(!event["event"].is_null() && event["event"] != "", "{event:#}");
        match shelf.fault(&event.to_string()) {
            None => {}
            Some(Fault::Bad) => return said(400, "Invalid data format", 6, Some(number)),
            Some(Fault::Busy(_)) => return said(503, "Server is busy", 9, None),
            Some(Fault::Breaks) => return said(500, "Internal server error", 8, None),
        }
    }
    shelf.taken.extend(events.into_iter().map(|mut event| event["event"].take()));
    said(200, "Success", 0, None)
}
