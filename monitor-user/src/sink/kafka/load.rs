//! A batch of documents on its way to the partitions of a topic.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    KafkaOptions,
    partition::partition,
    producer::{Chunk, Producer},
    records::{Author, Record, batch as encode},
};
use crate::{
    document::{Delivery, Schema},
    limits::KAFKA_CHUNK_BYTES,
    sink::{Intake, batch::Batch},
};

/// What is known of the documents of a batch.
#[derive(Default)]
pub(super) struct Load {
    /// Number of the first, by which the batch is known.
    first: Option<u64>,
    /// The key of each: its container, or the host.
    keys: Vec<String>,
    /// Places of those that go alone, since brokers did not take them with others.
    alone: BTreeSet<usize>,
}

impl Load {
    pub(super) fn of(batch: &Batch, schema: Schema, host: &str) -> Self {
        let key = |line: Option<&Vec<u8>>| line.and_then(|line| schema.container(line));
        let keys = batch
            .documents
            .iter()
            .map(|pending| key(pending.document.lines.first()).unwrap_or_else(|| host.to_owned()));
        Self { first: first(batch), keys: keys.collect(), alone: BTreeSet::new() }
    }

    /// Whether it is of that batch.
    pub(super) fn is_of(&self, batch: &Batch) -> bool {
        self.first == first(batch)
    }

    pub(super) fn goes_alone(&mut self, places: &[usize]) {
        self.alone.extend(places);
    }

    /// Puts what is left of the batch on its way, as much as there may be to each partition.
    pub(super) fn send(&self, batch: &Batch, partitions: usize, producer: &mut Producer) {
        struct Next {
            places: Vec<usize>,
            records: usize,
            bytes: usize,
            is_full: bool,
        }
        let mut chunks: BTreeMap<usize, Next> = BTreeMap::new();
        for place in batch.left() {
            let (Some(key), Some(pending)) = (self.keys.get(place), batch.documents.get(place))
            else {
                continue;
            };
            let to = partition(key.as_bytes(), partitions);
            if producer.is_busy(to) {
                continue;
            }
            let next = chunks.entry(to).or_insert_with(|| Next {
                places: Vec::new(),
                records: 0,
                bytes: 0,
                is_full: false,
            });
            let lines = &pending.document.lines;
            let bytes: usize = lines.iter().map(Vec::len).sum();
            let is_first = next.places.is_empty();
            let is_alone = self.alone.contains(&place);
            let fits = !is_alone && next.bytes + bytes <= KAFKA_CHUNK_BYTES;
            if next.is_full || !(is_first || fits) {
                // Those behind it wait, too: they keep their order.
                next.is_full = true;
                continue;
            }
            next.places.push(place);
            next.records += lines.len();
            next.bytes += bytes;
            next.is_full |= is_alone;
        }
        for (to, Next { places, records, .. }) in chunks {
            producer.send(to, places, records);
        }
    }

    /// A chunk as brokers store it.
    pub(super) fn encode(
        &self,
        (chunk, author): (&Chunk, Author),
        (batch, intake): (&Batch, &Intake),
        options: &KafkaOptions,
    ) -> Vec<u8> {
        let mut records = Vec::with_capacity(chunk.records);
        for place in &chunk.places {
            let (Some(key), Some(pending)) = (self.keys.get(*place), batch.documents.get(*place))
            else {
                continue;
            };
            let delivery = Delivery { number: pending.document.about.number, ..intake.stream() };
            for line in &pending.document.lines {
                let headers = vec![
                    ("runmon.sink", delivery.sink.to_owned()),
                    ("runmon.stream", delivery.stream.to_owned()),
                    ("runmon.number", delivery.number.to_string()),
                ];
                records.push(Record { key, value: line, headers });
            }
        }
        encode(&records, author, jiff::Timestamp::now().as_millisecond(), options.gzip)
    }
}

fn first(batch: &Batch) -> Option<u64> {
    batch.documents.first().map(|pending| pending.document.about.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::intake::{About, Received};

    fn batch_of(documents: &[(&str, usize)]) -> Batch {
        let document = |(number, (container, bytes)): (u64, &(&str, usize))| {
            let line =
                format!(r#"{{"container":{{"id":"{container}"}},"x":"{}"}}"#, "x".repeat(*bytes));
            let about = About {
                id: String::new(),
                number,
                timestamp_ns: 0,
                priority: monitor_rules::Priority::Debug,
            };
            Received { lines: vec![line.into_bytes()], about }
        };
        Batch::new((1..).zip(documents).map(document).collect())
    }

    fn sent(load: &Load, batch: &Batch, producer: &mut Producer) -> Vec<Vec<usize>> {
        load.send(batch, 3, producer);
        producer.sent().map(|(_, chunk)| chunk.places.clone()).collect()
    }

    #[test]
    fn documents_of_a_container_stay_together_in_order() {
        // By their hashes `abc` is of another partition than the host.
        let batch = batch_of(&[("abc", 1), ("host", 1), ("abc", 1), ("host", 1)]);
        let load = Load::of(&batch, Schema::Ecs, "h");
        assert_eq!(load.keys, ["abc", "h", "abc", "h"]);
        let mut chunks = sent(&load, &batch, &mut Producer::default());
        chunks.sort();
        assert_eq!(chunks, [[0, 2], [1, 3]]);
        assert!(load.is_of(&batch) && !Load::default().is_of(&batch));
    }

    #[test]
    fn what_does_not_fit_waits_with_what_is_behind_it() {
        let batch = batch_of(&[("a", 9), ("a", KAFKA_CHUNK_BYTES), ("a", 9)]);
        let mut load = Load::of(&batch, Schema::Ecs, "h");
        let mut producer = Producer::default();
        assert_eq!(sent(&load, &batch, &mut producer), [[0]]);
        // Nothing overtakes what is on its way.
        assert_eq!(sent(&load, &batch, &mut producer), [[0]]);
        let small = batch_of(&[("a", 9), ("a", 9), ("a", 9)]);
        assert_eq!(sent(&load, &small, &mut Producer::default()), [[0, 1, 2]]);
        load.goes_alone(&[0]);
        assert_eq!(sent(&load, &small, &mut Producer::default()), [[0]]);
        load.goes_alone(&[1]);
        let mut second = batch_of(&[("a", 9), ("a", 9), ("a", 9)]);
        second.taken(0);
        assert_eq!(sent(&load, &second, &mut Producer::default()), [[1]]);
    }
}
