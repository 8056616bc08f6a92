//! Whether what a sink sent is all there: the numbers that it gave, as they stand in documents.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    document::syslog,
    limits::{STREAM_GAPS, STREAMS},
};

/// What was found of a stream of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Numbers that are there: the first of each run of them, and the last.
    runs: BTreeMap<u64, u64>,
    /// The greatest number so far.
    last: u64,
    /// Lines whose number was there before, and that are not of the same document's other rules.
    pub duplicates: u64,
    /// Lines that came after one with a greater number.
    pub late: u64,
    /// The line before: of which document, and by which rule.
    previous: Option<(u64, String)>,
}

impl Stream {
    fn take(&mut self, number: u64, rule: &str) {
        let is_next = self.previous.as_ref().is_some_and(|(of, _)| *of == number);
        let is_other_rule = is_next && self.previous.as_ref().is_some_and(|(_, by)| by != rule);
        self.previous = Some((number, rule.to_owned()));
        if is_other_rule {
            return;
        }
        if self.runs.range(..=number).next_back().is_some_and(|(_, last)| number <= *last) {
            self.duplicates += 1;
            return;
        }
        self.late += u64::from(number < self.last);
        self.last = self.last.max(number);
        // It may lengthen the run before it, that after it, or join both.
        let before = self.runs.range(..number).next_back();
        let first = before
            .filter(|(_, last)| last.checked_add(1) == Some(number))
            .map_or(number, |it| *it.0);
        let last = number.checked_add(1).and_then(|next| self.runs.remove(&next)).unwrap_or(number);
        self.runs.insert(first, last);
    }

    /// The first and the last number; None where there is none.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        Some((*self.runs.first_key_value()?.0, *self.runs.last_key_value()?.1))
    }

    /// How many documents are there.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.runs.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Numbers that are missing: the first and the last of each gap. From the first number of all
    /// on or, `from_start`, from 1.
    pub fn gaps(&self, from_start: bool) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let begin = if from_start { Some(1) } else { self.range().map(|(first, _)| first) };
        let mut expected = begin.unwrap_or_default();
        for (first, last) in &self.runs {
            if *first > expected {
                gaps.push((expected, first - 1));
            }
            expected = last.saturating_add(1);
        }
        gaps
    }
}

/// Which stream: host, sink, and name of the run of numbers.
pub type Name = (String, String, String);

/// Reads lines.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    /// What was found of each stream.
    pub streams: BTreeMap<Name, Stream>,
    /// Lines with a document that says nothing of its place, as of a sink for people.
    pub unnumbered: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Records that the kernel lost, as the last heartbeat of each run of a monitor tells.
    lost: BTreeMap<String, u64>,
}

/// Why a line cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON object.
    #[error("this is no document: {0}")]
    NoDocument(#[source] serde_json::Error),
    /// There are more streams than anybody has.
    #[error("there are more than {STREAMS} streams: split the file")]
    Streams,
    /// There are more gaps than are of use.
    #[error("there are more than {STREAM_GAPS} gaps: this is not what a sink sent")]
    Gaps,
}

/// What of a document is looked at.
#[derive(Deserialize)]
struct Place {
    sink: String,
    stream: String,
    number: u64,
}

impl Checker {
    /// Takes a line.
    ///
    /// # Errors
    ///
    /// It is no document, or there are too many streams or gaps to keep.
    pub fn take(&mut self, line: &[u8]) -> Result<(), LineError> {
        let found = match line.first() {
            Some(b'<') => self.message(line),
            _ => {
                let document = serde_json::from_slice(line).map_err(LineError::NoDocument)?;
                self.hear(&document);
                place(&document)
            }
        };
        let Some((place, host, rule)) = found else {
            self.unnumbered += 1;
            return Ok(());
        };
        let name = (host, place.sink, place.stream);
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&name) {
            return Err(LineError::Streams);
        }
        let stream = self.streams.entry(name).or_default();
        stream.take(place.number, &rule);
        if stream.runs.len() > STREAM_GAPS { Err(LineError::Gaps) } else { Ok(()) }
    }

    /// Takes what the structured data of a syslog message say.
    fn message(&mut self, line: &[u8]) -> Option<(Place, String, String)> {
        let (host, facts) = syslog::read(line)?;
        let fact = |name: &str| {
            let found = facts.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        if fact("document") == "heartbeat" {
            self.lost_by(&fact("id"), fact("lost").parse().ok());
        }
        let number = fact("number").parse().ok()?;
        let place = Place { sink: fact("sink"), stream: fact("stream"), number };
        Some((place, host, fact("rule")))
    }

    /// Takes what a heartbeat says.
    fn hear(&mut self, document: &Value) {
        let (run, lost) = if text(document, "/runmon/document") == "heartbeat" {
            ("/event/id", "/runmon/lost")
        } else if text(document, "/unmapped/document") == "heartbeat" {
            ("/metadata/uid", "/unmapped/lost")
        } else if text(document, "/rule") == "runmon heartbeat" {
            ("/uuid", "/output_fields/runmon.lost")
        } else {
            return;
        };
        self.lost_by(text(document, run), document.pointer(lost).and_then(Value::as_u64));
    }

    /// Takes what the kernel lost by a heartbeat with this id.
    fn lost_by(&mut self, id: &str, lost: Option<u64>) {
        self.heartbeats += 1;
        let run = id.split("-heartbeat-").next().unwrap_or_default();
        let known = self.lost.entry(run.to_owned()).or_default();
        *known = lost.unwrap_or_default().max(*known);
    }

    /// Records that the kernel lost, by what heartbeats tell.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// Where a document is in what its sink sent, its host, and the rule that it is about.
fn place(document: &Value) -> Option<(Place, String, String)> {
    let owned = |pointer: &str| text(document, pointer).to_owned();
    if let Some(delivery) = document.pointer("/runmon/delivery")
        && let Ok(place) = Place::deserialize(delivery)
    {
        return Some((place, owned("/host/name"), String::new()));
    }
    if let Some(number) = document.pointer("/metadata/sequence").and_then(Value::as_u64) {
        let [sink, stream] = ["/metadata/log_name", "/metadata/log_source"].map(owned);
        return Some((Place { sink, stream, number }, owned("/device/name"), String::new()));
    }
    let number = document.pointer("/output_fields/runmon.delivery.number")?.as_u64()?;
    let [sink, stream] =
        ["/output_fields/runmon.delivery.sink", "/output_fields/runmon.delivery.stream"].map(owned);
    Some((Place { sink, stream, number }, owned("/hostname"), owned("/rule")))
}

fn text<'d>(document: &'d Value, pointer: &str) -> &'d str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Delivery, Document, Heartbeat, Schema, Sender, heartbeat::KindCounters};
    use serde_json::json;

    fn check(numbers: &[u64]) -> Stream {
        let mut checker = Checker::default();
        for number in numbers {
            let delivery = json!({ "sink": "s", "stream": "r", "number": number });
            let line = json!({ "host": { "name": "h" }, "runmon": { "delivery": delivery } });
            checker.take(line.to_string().as_bytes()).unwrap();
        }
        assert_eq!(checker.streams.len(), 1);
        checker.streams.into_values().next().unwrap()
    }

    #[test]
    fn gaps_are_found_in_any_order() {
        let stream = check(&[3, 4, 7, 6, 12, 9, 4]);
        assert_eq!(stream.gaps(false), [(5, 5), (8, 8), (10, 11)]);
        assert_eq!(stream.gaps(true), [(1, 2), (5, 5), (8, 8), (10, 11)]);
        assert_eq!((stream.documents(), stream.duplicates, stream.late), (6, 1, 2));
        assert_eq!(stream.range(), Some((3, 12)));
        let whole = check(&[1, 2, 3]);
        assert_eq!((whole.gaps(true), whole.late), (vec![], 0));
    }

    #[test]
    fn rules_of_one_event_share_a_number() {
        let mut checker = Checker::default();
        let mut take = |number: u64, rule: &str| {
            let fields = json!({
                "runmon.delivery.sink": "s",
                "runmon.delivery.stream": "r",
                "runmon.delivery.number": number,
            });
            let line = json!({ "hostname": "h", "rule": rule, "output_fields": fields });
            checker.take(line.to_string().as_bytes()).unwrap();
        };
        take(1, "a");
        take(1, "b");
        take(2, "a");
        take(2, "a");
        let stream = checker.streams.values().next().unwrap();
        assert_eq!((stream.documents(), stream.duplicates), (2, 1));
        let name = checker.streams.keys().next().unwrap();
        assert_eq!(*name, ("h".to_owned(), "s".to_owned(), "r".to_owned()));
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let mut checker = Checker::default();
        assert!(checker.take(b"x").is_err());
        checker.take(b"{}").unwrap();
        checker.take(b"[1]").unwrap();
        assert_eq!((checker.unnumbered, checker.streams.len()), (2, 0));
    }

    #[test]
    fn what_the_kernel_lost_is_told() {
        let mut checker = Checker::default();
        for (run, lost) in [("a", 1), ("a", 3), ("b", 2)] {
            let line = json!({
                "event": { "id": format!("{run}-heartbeat-7") },
                "runmon": { "document": "heartbeat", "lost": lost },
            });
            checker.take(line.to_string().as_bytes()).unwrap();
        }
        assert_eq!((checker.heartbeats, checker.lost()), (3, 5));
    }

    #[test]
    fn what_every_schema_writes_is_read() {
        let node = crate::node::Node::named("h").into();
        let sender =
            Sender { node, boot_id: "b".into(), run_id: String::new(), instance: String::new() };
        let heartbeat = Heartbeat {
            kinds: vec![KindCounters { dropped: vec![("ring_full", 4)], ..Default::default() }],
            ..Heartbeat::default()
        };
        let document = Document::Heartbeat(heartbeat.into());
        let message = Schema::Syslog(syslog::Body::Text);
        for schema in [Schema::Ecs, Schema::Ocsf, Schema::Falco, message] {
            let mut checker = Checker::default();
            for number in [1, 2, 4] {
                let [line] = &schema.write(&document, &sender)[..] else { panic!("{schema:?}") };
                let delivery = Delivery { sink: "s", stream: "r", number };
                checker.take(&schema.numbered(line, delivery)).unwrap();
            }
            let (name, stream) = checker.streams.first_key_value().unwrap();
            assert_eq!(*name, ("h".to_owned(), "s".to_owned(), "r".to_owned()));
            assert_eq!(stream.gaps(true), [(3, 3)], "{schema:?}");
            assert_eq!((checker.heartbeats, checker.lost()), (3, 4), "{schema:?}");
        }
    }
}
