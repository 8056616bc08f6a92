//! OTLP over HTTP, as its specification has it: the messages are read field by field, without the
//! definitions that the sender has.

use serde_json::{Map, Value, json};

use super::{Answer, Fault, Protocol, Shelf};

/// A collector of logs.
pub const OTLP: Protocol = Protocol {
    preset: "otlp",
    format: "ecs",
    path: "/v1/logs",
    content_type: "application/x-protobuf",
    busy: (503, ""),
    take,
};

/// The same, which keeps all of a record and not its body alone.
pub const RECORDS: Protocol = Protocol { take: take_records, ..OTLP };

/// A field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, each with its number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_first_chunk::<8>().expect("eight bytes");
                bytes = rest;
                Field::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("a length");
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value)
            }
            5 => {
                let (number, rest) = bytes.split_first_chunk::<4>().expect("four bytes");
                bytes = rest;
                Field::Number(u32::from_le_bytes(*number).into())
            }
            other => panic!("there is no wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a number ends");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number has ten bytes at most")
}

/// The messages that are in a field of a message.
fn messages(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let of = |(field, value)| match value {
        Field::Bytes(value) if field == number => Some(value),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(of).collect()
}

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).expect("UTF-8").to_owned()
}

/// An AnyValue that is a text.
fn any(bytes: &[u8]) -> Value {
    text(messages(bytes, 1).first().expect("a text")).into()
}

fn attributes(message: &[u8], number: u64) -> Map<String, Value> {
    let attribute = |bytes: &[u8]| {
        let key = text(messages(bytes, 1).first().expect("a key"));
        (key, any(messages(bytes, 2).first().expect("a value")))
    };
    messages(message, number).into_iter().map(attribute).collect()
}

/// Each record with what it says, and its body.
fn records(body: &[u8]) -> Vec<(Value, String)> {
    let mut all = Vec::new();
    for of_resource in messages(body, 1) {
        let resource = messages(of_resource, 1)[0];
        let resource = attributes(resource, 1);
        for name in ["service.name", "host.name"] {
            assert!(resource.contains_key(name), "{resource:?}");
        }
        for of_scope in messages(of_resource, 2) {
            for record in messages(of_scope, 2) {
                let number = |number| {
                    fields(record).into_iter().find_map(|(field, value)| match value {
                        Field::Number(value) if field == number => Some(value),
                        _ => None,
                    })
                };
                let line = any(messages(record, 5)[0]).as_str().expect("a text").to_owned();
                let (time, observed) = (number(1).expect("a time"), number(11).expect("when"));
                assert!(time > 1_700_000_000_000_000_000 && observed >= time);
                let severity = number(2).expect("a severity");
                assert!((1..=24).contains(&severity), "{severity}");
                let about = json!({
                    "severity": severity,
                    "severity_text": messages(record, 3).first().map(|bytes| text(bytes)),
                    "attributes": attributes(record, 6),
                    "resource": resource,
                });
                all.push((about, line));
            }
        }
    }
    assert!(!all.is_empty());
    all
}

/// Those that are bad are left out, and it is told how many they are.
fn taken(body: &[u8], shelf: &mut Shelf, put: fn(&mut Shelf, Value, &str)) -> Answer {
    let records = records(body);
    let faults: Vec<_> = records.iter().map(|(_, line)| shelf.fault(line)).collect();
    if faults.contains(&Some(Fault::Breaks)) {
        return Answer(500, Vec::new());
    }
    if faults.iter().any(|fault| matches!(fault, Some(Fault::Busy(_)))) {
        return Answer(429, Vec::new());
    }
    let mut rejected: u8 = 0;
    for ((about, line), fault) in records.into_iter().zip(faults) {
        match fault {
            Some(_) => rejected += 1,
            None => put(shelf, about, &line),
        }
    }
    if rejected == 0 {
        return Answer(200, Vec::new());
    }
    // partial_success: rejected_log_records, error_message.
    let why = b"something is bad";
    let mut partial = vec![0x08, rejected, 0x12, u8::try_from(why.len()).expect("short")];
    partial.extend_from_slice(why);
    let mut said = vec![0x0a, u8::try_from(partial.len()).expect("short")];
    said.extend_from_slice(&partial);
    Answer(200, said)
}

fn take(body: &[u8], shelf: &mut Shelf) -> Answer {
    taken(body, shelf, |shelf, _, line| shelf.put(line))
}

fn take_records(body: &[u8], shelf: &mut Shelf) -> Answer {
    taken(body, shelf, |shelf, mut about, line| {
        about["body"] = serde_json::from_str(line).expect("a document");
        shelf.taken.push(about);
    })
}
