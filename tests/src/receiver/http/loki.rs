//! Loki's push API, as its manual has it. What is good of a request is taken also where something
//! else is bad, and an entry with the time and the line of another one of its stream is that one.

use serde_json::{Map, Value};

use super::{Answer, Fault, Protocol, Shelf};

/// Loki.
pub const LOKI: Protocol = Protocol {
    preset: "loki",
    format: "ecs",
    path: "/loki/api/v1/push",
    content_type: "application/json",
    busy: (429, "Ingestion rate limit exceeded"),
    take,
};

/// Labels that a stream may have.
const LABELS: usize = 15;

fn take(body: &[u8], shelf: &mut Shelf) -> Answer {
    let push: Value = serde_json::from_slice(body).expect("JSON");
    let members = push.as_object().expect("an object");
    assert_eq!(members.keys().collect::<Vec<_>>(), ["streams"], "{push:#}");
    let streams = push["streams"].as_array().expect("streams");
    assert!(!streams.is_empty());
    let mut answer = Answer(204, Vec::new());
    for stream in streams {
        let labels = stream["stream"].as_object().expect("labels");
        check(labels);
        let values = stream["values"].as_array().expect("values");
        let mut last = 0;
        for value in values {
            let parts = value.as_array().expect("a value is an array");
            let [Value::String(time), Value::String(line)] = &parts[..] else {
                panic!("a time and a line, both texts: {value}")
            };
            let time_ns: u64 = time.parse().expect("nanoseconds");
            assert!(time_ns > 1_700_000_000_000_000_000, "{time}");
            assert!(time_ns >= last, "times ascend");
            last = time_ns;
            match shelf.fault(line) {
                Some(Fault::Bad) => answer = Answer(400, b"entry too far behind".to_vec()),
                Some(Fault::Busy(_)) => return Answer(429, b"rate limit exceeded".to_vec()),
                Some(Fault::Breaks) => return Answer(500, b"empty ring".to_vec()),
                None => {
                    if shelf.known.insert(format!("{labels:?} {time} {line}")) {
                        shelf.put(line);
                    }
                }
            }
        }
    }
    answer
}

fn check(labels: &Map<String, Value>) {
    assert!((1..=LABELS).contains(&labels.len()), "{labels:?}");
    for (name, value) in labels {
        let is_part = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        let is_name = name.bytes().all(is_part) && !name.starts_with(|c: char| c.is_ascii_digit());
        assert!(is_name && value.is_string(), "{labels:?}");
    }
}
