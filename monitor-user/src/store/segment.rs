//! A segment: a file of entries, read from any place on.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use super::{
    frame::{self, Entry, Found},
    record::{CLASSES, Marks, Record},
};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// A segment, as its owner knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    /// Number of the first record that it may have, which is its name.
    pub(super) first: u64,
    /// Number of its last record; less than the first where it has none.
    pub(super) last: u64,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// Bytes of its records, by how soon they give way.
    pub(super) by_class: [u64; CLASSES],
    /// How often it was written anew: places in older ones are none in it.
    pub(super) generation: u32,
}

impl Segment {
    /// Notes a record of so many bytes.
    pub(super) fn note(&mut self, record: &Record, bytes: usize) {
        self.last = record.sequence;
        if let Some(sum) = self.by_class.get_mut(record.class()) {
            *sum += bytes as u64;
        }
    }

    /// Bytes of its records of a class.
    pub(super) fn bytes_of(&self, class: usize) -> u64 {
        self.by_class.get(class).copied().unwrap_or_default()
    }
}

/// Reads a segment's entries, in order.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: File,
    /// Where in the file the buffer ends.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were read.
    begin: usize,
    /// The last record that was read.
    passed: u64,
    /// Bytes that were no entry.
    pub(super) broken: u64,
}

impl SegmentReader {
    pub(super) fn new(file: File) -> Self {
        Self { file, offset: 0, buffer: Vec::new(), begin: 0, passed: 0, broken: 0 }
    }

    /// The next entry, with its bytes; None at the end, where more may be written later.
    pub(super) fn next(&mut self) -> io::Result<Option<(Entry, usize)>> {
        loop {
            let bytes = self.buffer.get(self.begin..).unwrap_or_default();
            let needed = match frame::read(bytes) {
                _ if bytes.is_empty() => frame::HEAD,
                Found::Entry(entry, length) => {
                    self.begin += length;
                    return Ok(Some((entry, length)));
                }
                Found::Broken(length) => {
                    self.begin += length;
                    self.broken += length as u64;
                    continue;
                }
                Found::Short(needed) => needed,
            };
            if !self.fill(needed)? {
                return Ok(None);
            }
        }
    }

    /// The next record, of a segment whose last one is known: what is torn before that is passed
    /// over.
    pub(super) fn next_record(&mut self, last: u64) -> io::Result<Option<Arc<Record>>> {
        loop {
            match self.next()? {
                Some((Entry::Record(record), _)) => {
                    self.passed = record.sequence;
                    return Ok(Some(record));
                }
                Some((Entry::Marks(_), _)) => {}
                None if self.passed < last && self.pass_torn() => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads on, until so many bytes are there; whether more came.
    fn fill(&mut self, needed: usize) -> io::Result<bool> {
        self.buffer.drain(..self.begin.min(self.buffer.len()));
        self.begin = 0;
        let before = self.buffer.len();
        self.buffer.resize(needed.max(before + CHUNK), 0);
        let mut filled = before;
        while filled < needed.max(before + 1) {
            let space = self.buffer.get_mut(filled..).unwrap_or_default();
            match self.file.read_at(space, self.offset) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(filled);
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(filled);
        Ok(filled > before)
    }

    /// At the end: passes over what seems to be the beginning of an entry and has no end, where
    /// something may follow it. Whether there was anything.
    pub(super) fn pass_torn(&mut self) -> bool {
        if self.begin >= self.buffer.len() {
            return false;
        }
        self.begin += 1;
        self.broken += 1;
        true
    }
}

/// What is in a segment that nobody writes to.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) segment: Segment,
    /// The last marks in it.
    pub(super) marks: Option<Marks>,
    /// The greatest number for each sink.
    pub(super) numbers: Vec<(Arc<str>, u64)>,
    /// Bytes that are no entry.
    pub(super) broken: u64,
}

/// Reads a whole segment.
pub(super) fn scan(first: u64, file: File) -> io::Result<Scanned> {
    let bytes = file.metadata()?.len();
    let segment = Segment { first, last: first.saturating_sub(1), bytes, ..Segment::default() };
    let mut scanned = Scanned { segment, ..Scanned::default() };
    let mut reader = SegmentReader::new(file);
    loop {
        match reader.next()? {
            Some((Entry::Record(record), length)) => {
                scanned.segment.note(&record, length);
                for to in &record.to {
                    match scanned.numbers.iter_mut().find(|(sink, _)| *sink == to.sink) {
                        Some((_, number)) => *number = to.number.max(*number),
                        None => scanned.numbers.push((Arc::clone(&to.sink), to.number)),
                    }
                }
            }
            Some((Entry::Marks(marks), _)) => scanned.marks = Some(marks),
            None if reader.pass_torn() => {}
            None => break,
        }
    }
    scanned.broken = reader.broken;
    Ok(scanned)
}
