//! OTLP over HTTP: logs in protobuf, each with the document as its body.
//!
//! The messages are those of opentelemetry/proto/{collector/logs,logs,common,resource}/v1, as far
//! as they are used.

use std::time::{SystemTime, UNIX_EPOCH};

use monitor_rules::Priority;
use prost::Message as _;

use super::{
    answer::{Fate, HttpAnswer, Verdict, whole},
    body::Sent,
    parts::Entry,
};
use crate::document::facts::facts;

#[derive(Clone, PartialEq, prost::Message)]
struct ExportLogsServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_logs: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScopeLogs {
    #[prost(message, optional, tag = "1")]
    scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    log_records: Vec<LogRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct InstrumentationScope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LogRecord {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    severity_number: i32,
    #[prost(string, tag = "3")]
    severity_text: String,
    #[prost(message, optional, tag = "5")]
    body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "11")]
    observed_time_unix_nano: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyValue {
    #[prost(oneof = "Value", tags = "1")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(string, tag = "1")]
    Text(String),
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExportLogsServiceResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_log_records: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

fn any(text: String) -> AnyValue {
    AnyValue { value: Some(Value::Text(text)) }
}

fn attribute(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value.into())) }
}

pub(super) fn body(entries: &[&Entry], sent: &Sent) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let observed = u64::try_from(now.as_nanos()).unwrap_or_default();
    let records = entries.iter().map(|entry| record(entry, sent, observed)).collect();
    let scope = InstrumentationScope {
        name: "runmon".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let logs = ScopeLogs { scope: Some(scope), log_records: records };
    let resource = Some(Resource { attributes: resource(sent) });
    let resource_logs = vec![ResourceLogs { resource, scope_logs: vec![logs] }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn resource(sent: &Sent) -> Vec<KeyValue> {
    let mut attributes = vec![
        attribute("service.name", &*sent.source),
        attribute("service.version", env!("CARGO_PKG_VERSION")),
        attribute("host.name", if sent.hostname.is_empty() { &*sent.host } else { &sent.hostname }),
    ];
    for (key, value) in [("k8s.node.name", &sent.node), ("k8s.cluster.name", &sent.cluster)] {
        attributes.extend(value.iter().map(|value| attribute(key, &**value)));
    }
    let labels = sent.labels.iter();
    attributes.extend(labels.map(|(key, value)| attribute(&format!("label.{key}"), &**value)));
    attributes
}

fn record(entry: &Entry, sent: &Sent, observed: u64) -> LogRecord {
    let about = &entry.about;
    let id = sent.delivery_id(about, entry.place);
    let mut attributes = vec![attribute("log.record.uid", id), attribute("event.id", &*about.id)];
    let facts = facts(sent.schema, &entry.line);
    attributes.extend(facts.into_iter().map(|(key, value)| attribute(key, value)));
    LogRecord {
        time_unix_nano: about.timestamp_ns.try_into().unwrap_or_default(),
        severity_number: severity(about.priority),
        severity_text: about.priority.name().to_owned(),
        body: Some(any(entry.text().into_owned())),
        attributes,
        observed_time_unix_nano: observed,
    }
}

/// The numbers that OpenTelemetry gives to the severities of syslog.
fn severity(priority: Priority) -> i32 {
    match priority {
        Priority::Emergency => 21,
        Priority::Alert => 19,
        Priority::Critical => 18,
        Priority::Error => 17,
        Priority::Warning => 13,
        Priority::Notice => 10,
        Priority::Informational => 9,
        Priority::Debug => 5,
    }
}

/// Of a part that is refused it is said how large it is, not which documents are in it, and that it
/// must not be sent again.
pub(super) fn read(answer: &HttpAnswer, count: usize) -> Verdict {
    if !(200..=299).contains(&answer.status) {
        return whole(answer);
    }
    // Some answer in JSON, or with nothing, whatever they were asked.
    let said = ExportLogsServiceResponse::decode(&*answer.body).unwrap_or_default();
    let partial = said.partial_success.unwrap_or_default();
    let rejected = usize::try_from(partial.rejected_log_records).unwrap_or_default().min(count);
    if rejected == 0 {
        return Verdict::All(Fate::Taken);
    }
    let why = format!("{rejected} of {count} were rejected: {}", partial.error_message);
    let fate =
        |place| if place < count - rejected { Fate::Taken } else { Fate::Refused(why.clone()) };
    Verdict::Each((0..count).map(fate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_rejected_is_counted() {
        let answer = |rejected, body: Option<Vec<u8>>| {
            let partial_success = Some(PartialSuccess {
                rejected_log_records: rejected,
                error_message: "too long".to_owned(),
            });
            let body = body
                .unwrap_or_else(|| ExportLogsServiceResponse { partial_success }.encode_to_vec());
            HttpAnswer { status: 200, body, ..HttpAnswer::default() }
        };
        let refused = |verdict| match verdict {
            Verdict::Each(fates) => {
                fates.iter().filter(|fate| matches!(fate, Fate::Refused(_))).count()
            }
            Verdict::All(fate) => {
                assert_eq!(fate, Fate::Taken);
                0
            }
        };
        for (rejected, count, expected) in [(0, 3, 0), (2, 3, 2), (9, 3, 3), (-1, 3, 0)] {
            assert_eq!(refused(read(&answer(rejected, None), count)), expected);
        }
        assert_eq!(refused(read(&answer(0, Some(b"{}".to_vec())), 2)), 0);
        assert_eq!(refused(read(&answer(0, Some(Vec::new())), 2)), 0);
    }
}
