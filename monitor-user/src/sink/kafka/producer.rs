//! What is on its way to partitions, and the numbers by which a broker knows what it has already:
//! what may be there is sent again as it was, under the same numbers.

use std::collections::BTreeMap;

use super::records::{Author, sequence_after};

/// Documents on their way to a partition, which are taken or not as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Their places in the batch of the sink, in order.
    pub(super) places: Vec<usize>,
    /// How many records they are.
    pub(super) records: usize,
    /// Number of the first of them.
    pub(super) sequence: i32,
}

/// A producer.
#[derive(Debug, Default)]
pub(super) struct Producer {
    /// What the cluster calls it: an id and its epoch.
    who: Option<(i64, i16)>,
    /// Number of the next record of each partition.
    next: BTreeMap<usize, i32>,
    /// What is on its way, at most one for each partition.
    sent: BTreeMap<usize, Chunk>,
}

impl Producer {
    /// Whether it is to ask for an id.
    pub(super) fn is_new(&self) -> bool {
        self.who.is_none()
    }

    /// Gets an id. Numbers begin anew, also those of what is on its way, which the broker may have
    /// by the numbers from before.
    pub(super) fn begin(&mut self, who: (i64, i16)) {
        self.who = Some(who);
        self.next.clear();
        self.sent.values_mut().for_each(|chunk| chunk.sequence = 0);
    }

    /// Is to get another id.
    pub(super) fn forget(&mut self) {
        self.who = None;
    }

    /// What is on its way is of no interest any more. Nobody knows then which numbers are used.
    pub(super) fn give_up(&mut self) {
        if !self.sent.is_empty() {
            self.sent.clear();
            self.forget();
        }
    }

    /// Whether something is on its way to a partition.
    pub(super) fn is_busy(&self, partition: usize) -> bool {
        self.sent.contains_key(&partition)
    }

    /// Puts documents on their way to a partition, to which none is.
    pub(super) fn send(&mut self, partition: usize, places: Vec<usize>, records: usize) {
        let sequence = self.next.get(&partition).copied().unwrap_or_default();
        self.sent.insert(partition, Chunk { places, records, sequence });
    }

    /// What is on its way, by partition.
    pub(super) fn sent(&self) -> impl Iterator<Item = (usize, &Chunk)> {
        self.sent.iter().map(|(partition, chunk)| (*partition, chunk))
    }

    /// Whose records a chunk has.
    pub(super) fn author(&self, chunk: &Chunk) -> Option<Author> {
        let (id, epoch) = self.who?;
        Some(Author { id, epoch, sequence: chunk.sequence })
    }

    /// What was on its way to a partition is there.
    pub(super) fn taken(&mut self, partition: usize) -> Vec<usize> {
        let Some(chunk) = self.sent.remove(&partition) else { return Vec::new() };
        self.next.insert(partition, sequence_after(chunk.sequence, chunk.records));
        chunk.places
    }

    /// It was not taken, and never will be as it is: its numbers are free again.
    pub(super) fn refused(&mut self, partition: usize) -> Vec<usize> {
        let Some(chunk) = self.sent.remove(&partition) else { return Vec::new() };
        self.next.insert(partition, chunk.sequence);
        chunk.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(producer: &Producer) -> Vec<(usize, i32)> {
        producer.sent().map(|(partition, chunk)| (partition, chunk.sequence)).collect()
    }

    #[test]
    fn each_partition_counts_what_it_took() {
        let mut producer = Producer::default();
        assert!(producer.is_new());
        producer.begin((7, 1));
        producer.send(0, vec![0, 2], 3);
        producer.send(1, vec![1], 1);
        assert!(producer.is_busy(0) && !producer.is_busy(2));
        assert_eq!(producer.taken(0), [0, 2]);
        producer.send(0, vec![3], 1);
        // That of the other partition is still on its way, by the same number.
        assert_eq!(sequences(&producer), [(0, 3), (1, 0)]);
        let chunk = producer.sent().next().unwrap().1.clone();
        assert_eq!(producer.author(&chunk), Some(Author { id: 7, epoch: 1, sequence: 3 }));
        assert_eq!(producer.taken(5), [0; 0]);
    }

    #[test]
    fn what_is_refused_uses_no_number() {
        let mut producer = Producer::default();
        producer.begin((7, 0));
        producer.send(0, vec![0], 4);
        producer.taken(0);
        producer.send(0, vec![1, 2], 2);
        assert_eq!(producer.refused(0), [1, 2]);
        producer.send(0, vec![1], 1);
        assert_eq!(sequences(&producer), [(0, 4)]);
    }

    #[test]
    fn another_producer_begins_anew_with_what_is_on_its_way() {
        let mut producer = Producer::default();
        producer.begin((7, 0));
        producer.send(0, vec![0], 4);
        producer.taken(0);
        producer.send(0, vec![1], 1);
        producer.forget();
        assert!(producer.is_new());
        producer.begin((8, 0));
        assert_eq!(sequences(&producer), [(0, 0)]);
        producer.taken(0);
        producer.send(0, vec![2], 1);
        assert_eq!(sequences(&producer), [(0, 1)]);
        // What is given up may be there, or not.
        producer.give_up();
        assert!(producer.is_new() && !producer.is_busy(0));
        producer.begin((9, 0));
        producer.give_up();
        assert!(!producer.is_new());
    }
}
