//! A sink, as the store sees it: how far it is, and what comes next for it.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{
    log::Log,
    record::{Record, SinkMark},
    segment::SegmentReader,
};
use crate::sink::SinkStats;

/// A sink that gets its records from the store.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) name: Arc<str>,
    /// Number of the last record for it.
    number: u64,
    /// The last record that it has done with, and how many were for it by then.
    pub(super) done: u64,
    pub(super) done_number: u64,
    /// The last record that was looked at for it, and the last number that it was given.
    handed: u64,
    handed_number: u64,
    /// The last record that it was given.
    given: u64,
    /// Records for it that are counted as lost, and that lie before it.
    ahead: u64,
    stats: Arc<SinkStats>,
    place: Option<Place>,
}

/// Records that are looked at for one answer: others wait for theirs.
const LOOKED_AT: usize = 4_096;

/// Where a sink reads.
#[derive(Debug)]
struct Place {
    segment: u64,
    generation: u32,
    reader: SegmentReader,
}

/// A record that is given to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Its number for this sink.
    pub number: u64,
    /// It.
    pub record: Arc<Record>,
}

impl Sink {
    /// One that gets what comes from now on.
    pub(super) fn new(name: &str, stats: Arc<SinkStats>) -> Self {
        Self {
            name: name.into(),
            number: 0,
            done: 0,
            done_number: 0,
            handed: 0,
            handed_number: 0,
            given: 0,
            ahead: 0,
            stats,
            place: None,
        }
    }

    /// Goes on where it was when the store was open the last time. `number` is the greatest that is
    /// in the store, and `next` the next record: where it has no mark it is new.
    pub(super) fn resume(&mut self, mark: Option<&SinkMark>, number: u64, next: u64) {
        let (done, done_number) = mark.map_or((next - 1, number), |mark| (mark.done, mark.number));
        let last = mark.map_or(0, |mark| mark.last);
        self.set_number(number.max(done_number).max(last));
        self.ahead = mark.map_or(0, |mark| mark.lost);
        (self.done, self.done_number) = (done, done_number);
        (self.handed, self.handed_number) = (done, done_number);
        self.given = done;
        let waiting = (self.number - self.done_number).saturating_sub(self.ahead);
        self.stats.offered.fetch_add(waiting, Relaxed);
        self.stats.carried.fetch_add(waiting, Relaxed);
    }

    /// Gives a number to a record for it.
    pub(super) fn take_number(&mut self) -> u64 {
        self.set_number(self.number + 1);
        self.number
    }

    fn set_number(&mut self, number: u64) {
        self.number = number;
        self.stats.number.store(number, Relaxed);
    }

    /// How far it is.
    pub(super) fn mark(&self) -> SinkMark {
        SinkMark {
            sink: Arc::clone(&self.name),
            done: self.done,
            number: self.done_number,
            last: self.number,
            lost: self.ahead,
        }
    }

    /// Leaves out numbers of what was lost on its way to the store, and counted there.
    pub(super) fn skip(&mut self, count: u64) {
        self.set_number(self.number + count);
        self.ahead += count;
    }

    /// Counts a record for it as lost, unless it has it; whether it is.
    pub(super) fn lose(&mut self, sequence: u64) -> bool {
        let is_lost = sequence > self.handed;
        if is_lost {
            self.stats.dropped.fetch_add(1, Relaxed);
            self.ahead += 1;
        }
        is_lost
    }

    /// Closes a segment that is gone.
    pub(super) fn leave(&mut self, segment: u64) {
        if self.place.as_ref().is_some_and(|place| place.segment == segment) {
            self.place = None;
        }
    }

    /// It has done with a record.
    pub(super) fn finish(&mut self, sequence: u64, number: u64) {
        if sequence > self.done {
            (self.done, self.done_number) = (sequence, number);
        }
        self.catch_up();
    }

    /// What is not for it, it has done with.
    fn catch_up(&mut self) {
        if self.done >= self.given {
            (self.done, self.done_number) = (self.handed.max(self.done), self.handed_number);
        }
    }

    /// Looks at a record for it, the next one that there is.
    fn hand(&mut self, record: &Arc<Record>) -> Option<Handed> {
        self.handed = record.sequence;
        let number = record.number_for(&self.name)?;
        self.account(number.saturating_sub(1));
        self.handed_number = number;
        self.given = record.sequence;
        Some(Handed { number, record: Arc::clone(record) })
    }

    /// What is missing of the numbers up to this one is lost.
    fn account(&mut self, number: u64) {
        let gap = number.saturating_sub(self.handed_number);
        let known = gap.min(self.ahead);
        self.ahead -= known;
        self.stats.dropped.fetch_add(gap - known, Relaxed);
        self.handed_number = self.handed_number.max(number);
    }
}

impl Log {
    /// What comes next for a sink: so many records and bytes of them at most, and none if there is
    /// none. None: there may be some behind what was looked at.
    pub(super) fn next_for(
        &mut self,
        sink: usize,
        records: usize,
        bytes: usize,
    ) -> Option<Vec<Handed>> {
        let mut given = Vec::new();
        let mut room = bytes;
        for _ in 0..records.max(LOOKED_AT) {
            if given.len() >= records {
                return Some(given);
            }
            let Some(record) = self.following(sink) else {
                if let Some(sink) = self.sinks.get_mut(sink) {
                    // Nothing is left in which the rest could be.
                    sink.account(sink.number);
                    sink.catch_up();
                }
                return Some(given);
            };
            let Some(sink) = self.sinks.get_mut(sink) else { break };
            let Some(handed) = sink.hand(&record) else {
                sink.catch_up();
                continue;
            };
            given.push(handed);
            room = room.saturating_sub(record.bytes());
            if room == 0 {
                break;
            }
        }
        (!given.is_empty()).then_some(given)
    }

    /// The record that follows those which a sink was given.
    fn following(&mut self, sink: usize) -> Option<Arc<Record>> {
        let after = self.sinks.get(sink)?.handed;
        let from = self.tail.partition_point(|latest| latest.record.sequence <= after);
        if from > 0 || self.tail.front().is_some_and(|it| it.record.sequence == after + 1) {
            return self.tail.get(from).map(|latest| Arc::clone(&latest.record));
        }
        match self.following_on_disk(sink, after) {
            Ok(Some(record)) => Some(record),
            Ok(None) => self.tail.get(from).map(|latest| Arc::clone(&latest.record)),
            Err(error) => {
                tracing::error!(%error, "a segment of the store cannot be read: it is passed over");
                self.pass_segment(sink, after);
                self.following(sink)
            }
        }
    }

    fn following_on_disk(
        &mut self,
        sink: usize,
        after: u64,
    ) -> std::io::Result<Option<Arc<Record>>> {
        let in_memory = self.tail.front().map_or(u64::MAX, |oldest| oldest.record.sequence);
        let at = self.segments.partition_point(|segment| segment.last <= after);
        for segment in self.segments.range(at..) {
            let Some(sink) = self.sinks.get_mut(sink) else { return Ok(None) };
            let is_there = |place: &Place| {
                (place.segment, place.generation) == (segment.first, segment.generation)
            };
            if !sink.place.as_ref().is_some_and(is_there) {
                let reader = SegmentReader::new(self.directory.read(segment.first)?);
                let (segment, generation) = (segment.first, segment.generation);
                sink.place = Some(Place { segment, generation, reader });
            }
            let Some(place) = &mut sink.place else { return Ok(None) };
            while let Some(record) = place.reader.next_record(segment.last)? {
                if record.sequence >= in_memory {
                    return Ok(None);
                }
                if record.sequence > after {
                    return Ok(Some(record));
                }
            }
        }
        Ok(None)
    }

    /// Goes on behind the segment that a sink reads.
    fn pass_segment(&mut self, sink: usize, after: u64) {
        let at = self.segments.partition_point(|segment| segment.last <= after);
        // Where there is none the rest is in memory.
        let in_memory = self.tail.front().map(|oldest| oldest.record.sequence.saturating_sub(1));
        let last = self.segments.get(at).map(|segment| segment.last).or(in_memory);
        if let Some(sink) = self.sinks.get_mut(sink) {
            sink.handed = last.unwrap_or_default().max(after + 1);
            sink.place = None;
        }
    }

    /// The last record that all have done with.
    pub(super) fn all_done(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.done).min().unwrap_or(u64::MAX)
    }
}
