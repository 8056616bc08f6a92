//! The store itself: records are put at its end, handed to each sink in order, and stay until there
//! is no room for them. It belongs to one thread, and nothing in it waits.
//!
//! What is on the disk is written in order, and who got how far is written behind what that is
//! about: whatever a crash leaves, nobody is further than the records tell.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    io::Write as _,
    path::PathBuf,
    sync::Arc,
};

use super::{
    StoreError,
    directory::Directory,
    frame,
    reader::Sink,
    record::{Addressee, Form, Kind, Marks, Record, SinkMark},
    segment::{Segment, scan},
};
use crate::limits::{STORE_STRANGERS, STORE_TAIL_BYTES, STORE_UNWRITTEN_BYTES};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// Where the store is, and how much of it.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Its directory.
    pub path: PathBuf,
    /// User who keeps it, where that is another one than who opens it.
    pub owner: Option<u32>,
    /// Bytes that it may take.
    pub bytes_max: u64,
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Id of this boot.
    pub boot_id: String,
    /// Name for the store, if it is made now.
    pub new_id: String,
    /// Whether it keeps history.
    pub history: bool,
}

/// A document that is to be stored.
#[derive(Clone, Debug)]
pub struct Draft {
    /// When it came, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// How much it matters, from 0.
    pub priority: u8,
    /// Which sort it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The sinks that it is for.
    pub to: Vec<Arc<str>>,
    /// It, written.
    pub forms: Vec<Form>,
}

/// The open store.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) directory: Directory,
    pub(super) options: StoreOptions,
    id: String,
    epoch: u32,
    next: u64,
    pub(super) sinks: Vec<Sink>,
    /// How far sinks are that are not there now: they may come back.
    strangers: Vec<SinkMark>,
    /// Segments of which nothing can be read.
    unread: Vec<u64>,
    /// The oldest first; what is written now goes to the last.
    pub(super) segments: VecDeque<Segment>,
    file: Option<File>,
    pub(super) tail: VecDeque<Latest>,
    tail_bytes: usize,
    unwritten_bytes: usize,
    is_dirty: bool,
    pub(super) losses: Losses,
}

/// A record in memory.
#[derive(Clone, Debug)]
pub(super) struct Latest {
    pub(super) record: Arc<Record>,
    is_written: bool,
}

/// What the store could not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records that gave way to others before all had them.
    pub evicted: u64,
    /// Records that could not be written for so long that others took their place.
    pub unwritten: u64,
    /// Bytes in which nothing could be read.
    pub broken_bytes: u64,
    /// Records larger than any that there are.
    pub too_large: u64,
    /// Records of history that could not be written.
    pub history: u64,
}

impl Log {
    /// Opens the store, and makes it where there is none.
    pub(super) fn open(options: StoreOptions, sinks: Vec<Sink>) -> Result<Self, StoreError> {
        let fail = |source| StoreError::open(&options.path, source);
        let directory = Directory::open(&options.path, options.owner).map_err(fail)?;
        let mut log = Self {
            directory,
            id: options.new_id.clone(),
            epoch: 1,
            next: 1,
            sinks,
            strangers: Vec::new(),
            unread: Vec::new(),
            segments: VecDeque::new(),
            file: None,
            tail: VecDeque::new(),
            tail_bytes: 0,
            unwritten_bytes: 0,
            is_dirty: false,
            losses: Losses::default(),
            options: options.clone(),
        };
        log.recover().map_err(fail)?;
        Ok(log)
    }

    /// Finds out how far everybody was: from the newest segment on, of which the last marks count.
    fn recover(&mut self) -> std::io::Result<()> {
        let mut last: Option<Marks> = None;
        let mut numbers: Vec<(Arc<str>, u64)> = Vec::new();
        // The first record of the segment after the one that is looked at.
        let mut newer = u64::MAX;
        for first in self.directory.segments()?.into_iter().rev() {
            let Ok(file) = self.directory.read(first) else {
                self.unread.push(first);
                continue;
            };
            if last.as_ref().is_some_and(|marks| self.all_are_done(marks, newer)) {
                // Nobody will be given any of it.
                let bytes = file.metadata()?.len();
                let segment = Segment { first, last: newer - 1, bytes, ..Segment::default() };
                self.segments.push_front(segment);
                newer = first;
                continue;
            }
            let scanned = scan(first, file).unwrap_or_default();
            self.losses.broken_bytes += scanned.broken;
            if scanned.marks.is_none() && scanned.segment.last < first {
                self.unread.push(first);
                continue;
            }
            newer = first;
            self.next = self.next.max(scanned.segment.last + 1);
            for (sink, number) in scanned.numbers {
                match numbers.iter_mut().find(|(known, _)| *known == sink) {
                    Some((_, known)) => *known = number.max(*known),
                    None => numbers.push((sink, number)),
                }
            }
            last = last.or(scanned.marks);
            self.segments.push_front(scanned.segment);
        }
        let Some(marks) = last else { return Ok(()) };
        // Records may have been given that are not here: the machine lost them, or the disk had no
        // room.
        let is_cut = !marks.is_clean
            && (marks.boot_id != self.options.boot_id || !self.directory.has_reserve());
        self.epoch = marks.epoch.saturating_add(u32::from(is_cut));
        self.next = self.next.max(marks.next);
        self.seat(marks.sinks, &numbers);
        self.id = marks.store;
        Ok(())
    }

    /// Has each sink go on where the one of its name was; `numbers` are the greatest that the store
    /// holds for those whose marks may be older.
    fn seat(&mut self, marks: Vec<SinkMark>, numbers: &[(Arc<str>, u64)]) {
        for sink in &mut self.sinks {
            let mark = marks.iter().find(|mark| mark.sink == sink.name);
            let number = numbers.iter().find(|(known, _)| *known == sink.name);
            sink.resume(mark, number.map_or(0, |(_, number)| *number), self.next);
        }
        let is_stranger = |mark: &SinkMark| self.sinks.iter().all(|sink| sink.name != mark.sink);
        let strangers = marks.into_iter().filter(is_stranger);
        self.strangers = strangers.take(STORE_STRANGERS).collect();
        for SinkMark { sink, last, number, .. } in &self.strangers {
            if last > number {
                let waiting = last - number;
                tracing::warn!(%sink, waiting, "documents wait for a sink that is not there");
            }
        }
    }

    /// Has these sinks in the place of those that are there.
    pub(super) fn change_sinks(&mut self, sinks: Vec<Sink>) {
        let were = std::mem::replace(&mut self.sinks, sinks);
        let strangers = std::mem::take(&mut self.strangers);
        self.seat(were.iter().map(Sink::mark).chain(strangers).collect(), &[]);
    }

    /// Whether nobody has anything to get from what is older than a record.
    fn all_are_done(&self, marks: &Marks, older_than: u64) -> bool {
        self.sinks.iter().all(|sink| {
            let mark = marks.sinks.iter().find(|mark| mark.sink == sink.name);
            mark.is_none_or(|mark| mark.done.saturating_add(1) >= older_than)
        })
    }

    /// Puts a record at the end; it is not written yet.
    pub(super) fn append(&mut self, draft: Draft) {
        let Draft { timestamp_ns, priority, kind, id, to, forms } = draft;
        let mut addressees = Vec::with_capacity(to.len());
        for name in to {
            if let Some(sink) = self.sinks.iter_mut().find(|sink| sink.name == name) {
                let number = sink.take_number();
                addressees.push(Addressee { sink: name, number });
            }
        }
        let sequence = self.next;
        self.next += 1;
        let to = addressees;
        let record = Record { sequence, timestamp_ns, priority, kind, id, to, forms };
        let bytes = record.bytes();
        self.tail_bytes += bytes;
        self.unwritten_bytes += bytes;
        self.tail.push_back(Latest { record: Arc::new(record), is_written: false });
        while self.unwritten_bytes > STORE_UNWRITTEN_BYTES {
            self.give_up_unwritten();
        }
    }

    /// Skips a number for sinks that something was for which found no room on its way here.
    pub(super) fn skip(&mut self, sink: usize, count: u64) {
        if let Some(sink) = self.sinks.get_mut(sink) {
            sink.skip(count);
        }
    }

    /// A sink has done with a record, which was its so-many-th.
    pub(super) fn finish(&mut self, sink: usize, sequence: u64, number: u64) {
        if let Some(sink) = self.sinks.get_mut(sink) {
            sink.finish(sequence, number);
        }
    }

    /// Loses the oldest record that could not be written, history before what is for sinks.
    fn give_up_unwritten(&mut self) {
        let is_history = |latest: &Latest| !latest.is_written && latest.record.to.is_empty();
        let history = self.tail.iter().position(is_history);
        let oldest = || self.tail.iter().position(|latest| !latest.is_written);
        let Some(at) = history.or_else(oldest) else { return };
        let Some(Latest { record, .. }) = self.tail.remove(at) else { return };
        self.tail_bytes = self.tail_bytes.saturating_sub(record.bytes());
        self.unwritten_bytes = self.unwritten_bytes.saturating_sub(record.bytes());
        self.losses.unwritten += u64::from(self.tell_lost(&record));
        self.losses.history += u64::from(history.is_some());
    }

    /// Counts a record as lost for those who have not got it; whether there is any.
    pub(super) fn tell_lost(&mut self, record: &Record) -> bool {
        let mut is_lost = false;
        for to in &record.to {
            if let Some(sink) = self.sinks.iter_mut().find(|sink| sink.name == to.sink) {
                is_lost |= sink.lose(record.sequence);
            }
        }
        is_lost
    }

    /// Writes what is in memory only.
    ///
    /// # Errors
    ///
    /// Something of it could not be written. It stays in memory, and what is next to do so takes it
    /// along.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        loop {
            let (mut bytes, mut written) = (Vec::new(), Vec::new());
            let room = self.room_in_segment();
            // What is written lies before what is not.
            let from = self.tail.partition_point(|latest| latest.is_written);
            for Latest { record, .. } in self.tail.range(from..) {
                if bytes.len() >= room {
                    break;
                }
                let begin = bytes.len();
                if frame::write_record(record, &mut bytes).is_err() {
                    self.losses.too_large += 1;
                }
                written.push((Arc::clone(record), bytes.len() - begin));
            }
            let Some((last, _)) = written.last() else { break };
            let last = last.sequence;
            self.write(&bytes)?;
            if let Some(segment) = self.segments.back_mut() {
                written.iter().for_each(|(record, length)| segment.note(record, *length));
            }
            // Making room may have taken some of them out of memory, too.
            let from = self.tail.partition_point(|latest| latest.is_written);
            for latest in self.tail.range_mut(from..) {
                if latest.record.sequence > last {
                    break;
                }
                latest.is_written = true;
                self.unwritten_bytes = self.unwritten_bytes.saturating_sub(latest.record.bytes());
            }
        }
        self.forget_written();
        Ok(())
    }

    /// Bytes that are to be written at once: no segment is much larger than it should be.
    fn room_in_segment(&self) -> usize {
        let newest = self.segments.back().filter(|_| self.file.is_some());
        let size = self.options.segment_bytes;
        let left = newest.map_or(size, |segment| size.saturating_sub(segment.bytes));
        let left = if left == 0 { size } else { left };
        usize::try_from(left).unwrap_or(WRITE_BYTES).min(WRITE_BYTES)
    }

    /// Does not write down what all have done with; whether there was any such.
    pub(super) fn pass_done(&mut self) -> bool {
        let done = self.all_done();
        let mut has_any = false;
        let unwritten = |latest: &&mut Latest| !latest.is_written && latest.record.sequence <= done;
        for latest in self.tail.iter_mut().filter(unwritten) {
            latest.is_written = true;
            self.unwritten_bytes = self.unwritten_bytes.saturating_sub(latest.record.bytes());
            self.losses.history += u64::from(latest.record.to.is_empty());
            has_any = true;
        }
        has_any
    }

    /// Takes records out of memory that are on the disk no more.
    pub(super) fn forget(&mut self, numbers: &HashSet<u64>) {
        let (mut bytes, mut unwritten) = (0, 0);
        self.tail.retain(|Latest { record, is_written }| {
            let stays = !numbers.contains(&record.sequence);
            bytes += if stays { record.bytes() } else { 0 };
            unwritten += if stays && !is_written { record.bytes() } else { 0 };
            stays
        });
        (self.tail_bytes, self.unwritten_bytes) = (bytes, unwritten);
    }

    /// Keeps in memory no more than who is up to date is given from there.
    fn forget_written(&mut self) {
        while self.tail_bytes > STORE_TAIL_BYTES
            && self.tail.front().is_some_and(|oldest| oldest.is_written)
        {
            let Some(oldest) = self.tail.pop_front() else { return };
            self.tail_bytes = self.tail_bytes.saturating_sub(oldest.record.bytes());
        }
    }

    /// Writes bytes at the end of the last segment, which is a new one where it has to be.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let is_full = |segment: &Segment| segment.bytes >= self.options.segment_bytes;
        if self.file.is_none() || self.segments.back().is_none_or(is_full) {
            self.begin_segment()?;
        }
        let (Some(file), Some(segment)) = (&mut self.file, self.segments.back_mut()) else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let written = file.write_all(bytes);
        if written.is_ok() {
            segment.bytes += bytes.len() as u64;
            self.is_dirty = true;
        } else {
            // A part of an entry may stay at its end: what follows begins another one then.
            if file.set_len(segment.bytes).is_err() {
                self.file = None;
            }
            // Whoever opens the store knows by this that records were given that are not in it.
            self.directory.release();
        }
        written
    }

    /// Begins to write: it is known that the store is open before anything is given out of it.
    pub(super) fn begin(&mut self) -> std::io::Result<()> {
        self.begin_segment()?;
        self.directory.reserve()?;
        self.is_dirty = true;
        self.sync()
    }

    pub(super) fn begin_segment(&mut self) -> std::io::Result<()> {
        self.sync()?;
        // What makes room may take what was written to.
        self.file = None;
        for first in std::mem::take(&mut self.unread) {
            self.directory.set_segment_aside(first).unwrap_or_default();
        }
        self.make_room();
        // Where nothing came since the last one was begun, it is begun once more.
        let newest = self.segments.back().map_or(0, |segment| segment.first);
        let oldest_unwritten = self.tail.iter().find(|latest| !latest.is_written);
        let first = oldest_unwritten.map_or(self.next, |latest| latest.record.sequence);
        let first = first.max(newest + 1);
        let mut bytes = Vec::new();
        if frame::write_marks(&self.marks(false), &mut bytes).is_err() {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let (first, mut file) = self.directory.create(first)?;
        if let Err(error) = file.write_all(&bytes) {
            self.directory.remove(first).unwrap_or_default();
            return Err(error);
        }
        let last = first.saturating_sub(1);
        let bytes = bytes.len() as u64;
        self.segments.push_back(Segment { first, last, bytes, ..Segment::default() });
        self.file = Some(file);
        Ok(())
    }

    pub(super) fn marks(&self, is_clean: bool) -> Marks {
        Marks {
            store: self.id.clone(),
            epoch: self.epoch,
            boot_id: self.options.boot_id.clone(),
            next: self.next,
            sinks: self.sinks.iter().map(Sink::mark).chain(self.strangers.clone()).collect(),
            is_clean,
        }
    }

    /// Writes down how far everybody is.
    pub(super) fn mark(&mut self, is_clean: bool) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        if frame::write_marks(&self.marks(is_clean), &mut bytes).is_err() {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        self.write(&bytes)
    }

    /// Has the disk hold what was written.
    pub(super) fn sync(&mut self) -> std::io::Result<()> {
        if let (Some(file), true) = (&self.file, self.is_dirty) {
            file.sync_data()?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// Name of this run of numbers: they begin anew in another one.
    pub(super) fn stream(&self) -> String {
        format!("{}-{}", self.id, self.epoch)
    }

    /// Bytes of the records in memory.
    #[cfg(test)]
    pub(super) fn tail_bytes(&self) -> usize {
        self.tail_bytes
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}
