//! Reads recordings of this version and those before.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    CGROUP, CONTEXT, ENTRY_BYTES, FACTS, HASH, HOLDER, LOST, PACKAGE, RECORD, RecordingError,
    SYSCALLS, TIME, UNCHECKED, UNPACKED, VERSION,
    block::{Blocks, Next, NoBlock},
    facts::{RawFacts, RawHash, RawHolder, RawPackage},
    preamble::{FORMAT, Preamble, endianness},
};
use crate::{line::Input, raw_event::CgroupKey};

/// Longest preamble.
const PREAMBLE_BYTES: u64 = 1 << 20;

/// A recording being read.
pub struct Reader<R> {
    path: PathBuf,
    /// What the recording says of itself.
    pub preamble: Preamble,
    entries: Entries<R>,
    /// Number of the entry that was read last.
    entry: u64,
    cut: bool,
    lost: u64,
    missing: u64,
    /// There is no more, or nothing that can be read.
    is_over: bool,
    /// The binary of the entry that was read last.
    binary: Vec<u8>,
}

/// An input that was read; it borrows from its reader.
pub type Entry<'r> = Input<'r>;

/// Where entries come from.
enum Entries<R> {
    /// They follow one another.
    Plain(Plain<R>),
    /// They are in blocks.
    Packed {
        blocks: Blocks<R>,
        /// The entries of the last block.
        block: Vec<u8>,
        /// Where in them the next one starts.
        from: usize,
        /// Where in the file the block starts.
        at: u64,
    },
}

/// What is next.
enum Step {
    /// An entry of this tag, and where it or its block starts.
    Entry(u8, u64),
    /// A block starts, before which so many entries are.
    Block(u64),
    End,
    Cut,
}

/// Why there is no entry.
enum NoEntry {
    Io(io::Error),
    Damaged(u64, &'static str),
}

impl Reader<BufReader<File>> {
    /// Opens a recording.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let open = |source| RecordingError::Open { path: path.to_owned(), source };
        let file = crate::input::open(path).map_err(open)?;
        Self::new(path, BufReader::with_capacity(1 << 18, file))
    }
}

impl<R: Read> Reader<R> {
    /// Reads the preamble of a recording.
    pub fn new(path: &Path, mut input: R) -> Result<Self, RecordingError> {
        let foreign = || RecordingError::Foreign { path: path.to_owned() };
        let mut counted = Counted { input: (&mut input).take(PREAMBLE_BYTES), bytes: 0 };
        let preamble: Preamble = {
            let mut deserializer = rmp_serde::Deserializer::new(&mut counted);
            deserializer.set_max_depth(8);
            Deserialize::deserialize(&mut deserializer).map_err(|_error| foreign())?
        };
        let at = counted.bytes;
        refuse_others(path, &preamble)?;
        let entries = match preamble.version {
            VERSION => {
                let (blocks, block) = (Blocks::new(input, at), Vec::new());
                Entries::Packed { blocks, block, from: 0, at }
            }
            version => Entries::Plain(Plain { input, at, has_checksums: version == UNPACKED }),
        };
        Ok(Self {
            path: path.to_owned(),
            preamble,
            entries,
            entry: 0,
            cut: false,
            lost: 0,
            missing: 0,
            is_over: false,
            binary: Vec::new(),
        })
    }

    /// The next input; None at the end, also where the recording was cut. After an error that says
    /// [`RecordingError::Damaged`] it goes on behind the damage, if that can be told.
    #[expect(clippy::should_implement_trait, reason = "an iterator's item cannot borrow from it")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, RecordingError> {
        loop {
            let step =
                if self.is_over { Ok(Step::End) } else { self.entries.next(&mut self.binary) };
            match step {
                Ok(Step::Entry(tag, start)) => {
                    self.entry = self.entry.saturating_add(1);
                    if tag != LOST {
                        return self.input_of(tag, start).map(Some);
                    }
                    self.lost = number(&self.binary).ok_or_else(|| self.damaged(start, "short"))?;
                }
                Ok(Step::Block(before)) => {
                    self.missing += before.saturating_sub(self.entry);
                    self.entry = before;
                }
                Ok(end) => {
                    self.cut |= matches!(end, Step::Cut);
                    self.is_over = true;
                    return Ok(None);
                }
                Err(NoEntry::Io(source)) => {
                    self.is_over = true;
                    let path = self.path.clone();
                    return Err(RecordingError::Io { path, act: "read", source });
                }
                Err(NoEntry::Damaged(at, what)) => {
                    // Without blocks nothing tells where the next entry starts.
                    self.is_over = matches!(self.entries, Entries::Plain(_));
                    return Err(RecordingError::Damaged {
                        path: self.path.clone(),
                        entry: self.entry.saturating_add(1),
                        at,
                        what: what.to_owned(),
                    });
                }
            }
        }
    }

    fn input_of(&self, tag: u8, start: u64) -> Result<Entry<'_>, RecordingError> {
        let damaged = |error: rmp_serde::decode::Error| self.damaged(start, &error.to_string());
        match tag {
            RECORD => Ok(Input::Record(&self.binary)),
            CONTEXT => Ok(Input::Context(&self.binary)),
            CGROUP => {
                let cgroup = rmp_serde::from_slice::<(u32, u64, &str)>(&self.binary);
                let (hierarchy, id, path) = cgroup.map_err(damaged)?;
                Ok(Input::Cgroup(CgroupKey { hierarchy, id }, path))
            }
            SYSCALLS => {
                let calls = rmp_serde::from_slice::<(u32, u64, &str)>(&self.binary);
                let (hierarchy, id, names) = calls.map_err(damaged)?;
                Ok(Input::Syscalls(CgroupKey { hierarchy, id }, names))
            }
            FACTS => rmp_serde::from_slice::<RawFacts>(&self.binary)
                .map_err(damaged)
                .map(|facts| Input::Facts(facts.into())),
            HASH => rmp_serde::from_slice::<RawHash>(&self.binary)
                .map_err(damaged)
                .map(|answer| Input::Hash(answer.into())),
            PACKAGE => rmp_serde::from_slice::<RawPackage>(&self.binary)
                .map_err(damaged)
                .map(|answer| Input::Package(answer.into())),
            HOLDER => rmp_serde::from_slice::<RawHolder>(&self.binary)
                .map_err(damaged)
                .map(|holder| Input::Holder(holder.into())),
            TIME => {
                let now_ns = number(&self.binary).ok_or_else(|| self.damaged(start, "short"))?;
                Ok(Input::Time(now_ns))
            }
            other => Err(self.damaged(start, &format!("entries of kind {other} are not known"))),
        }
    }

    /// Records that the kernel lost while this was recorded, as far as was read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the last block, or the last entry, was cut off.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.cut
    }

    /// Entries that were in damaged blocks, as far as a later block told of them.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    fn damaged(&self, at: u64, what: &str) -> RecordingError {
        let (path, what) = (self.path.clone(), what.to_owned());
        RecordingError::Damaged { path, entry: self.entry, at, what }
    }
}

fn refuse_others(path: &Path, preamble: &Preamble) -> Result<(), RecordingError> {
    let path = path.to_owned();
    if preamble.format != FORMAT {
        return Err(RecordingError::Foreign { path });
    }
    let (found, known) = (preamble.version, VERSION);
    if !(UNCHECKED..=VERSION).contains(&found) {
        return Err(RecordingError::Version { path, what: "format version", found, known });
    }
    let (found, known) = (preamble.wire_version, monitor_common::WIRE_VERSION);
    if found != known {
        return Err(RecordingError::Version { path, what: "wire version", found, known });
    }
    if preamble.endianness != endianness() {
        let found = preamble.endianness.clone();
        return Err(RecordingError::Endianness { path, found });
    }
    Ok(())
}

impl<R: Read> Entries<R> {
    /// Reads the next entry's binary.
    fn next(&mut self, binary: &mut Vec<u8>) -> Result<Step, NoEntry> {
        match self {
            Self::Plain(plain) => plain.next(binary),
            Self::Packed { blocks, block, from, at } => {
                if let Some(rest) = block.get(*from..).filter(|rest| !rest.is_empty()) {
                    let Some((tag, found)) = entry_of(rest) else {
                        *from = block.len();
                        return Err(NoEntry::Damaged(*at, "the block holds what is no entry"));
                    };
                    binary.clear();
                    binary.extend_from_slice(found);
                    *from += ENTRY_HEAD + found.len();
                    return Ok(Step::Entry(tag, *at));
                }
                *from = 0;
                *at = blocks.at();
                match blocks.next(block) {
                    Ok(Next::Block { at: start, before }) => {
                        *at = start;
                        Ok(Step::Block(before))
                    }
                    Ok(Next::End) => Ok(Step::End),
                    Ok(Next::Cut) => Ok(Step::Cut),
                    Err(NoBlock::Io(error)) => Err(NoEntry::Io(error)),
                    Err(NoBlock::Damaged { at, what }) => Err(NoEntry::Damaged(at, what)),
                }
            }
        }
    }
}

/// Bytes in front of an entry's binary.
const ENTRY_HEAD: usize = 7;

/// The tag and the binary of the entry that bytes start with.
fn entry_of(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let ([array, tag, binary, length @ ..], rest) = bytes.split_first_chunk::<ENTRY_HEAD>()?;
    let length = u32::from_be_bytes(*length);
    let is_entry = (*array, *binary) == (0x92, 0xc6) && length <= ENTRY_BYTES;
    rest.get(..length as usize).filter(|_| is_entry).map(|binary| (*tag, binary))
}

/// Entries that follow one another, as in the versions before.
struct Plain<R> {
    input: R,
    at: u64,
    has_checksums: bool,
}

impl<R: Read> Plain<R> {
    fn next(&mut self, entry: &mut Vec<u8>) -> Result<Step, NoEntry> {
        let start = self.at;
        let damaged = |what| Err(NoEntry::Damaged(start, what));
        let mut head = [0; ENTRY_HEAD];
        match self.fill_head(&mut head).map_err(NoEntry::Io)? {
            0 => return Ok(Step::End),
            ENTRY_HEAD => {}
            _ => return Ok(Step::Cut),
        }
        let [array, tag, binary, length @ ..] = head;
        let length = u32::from_be_bytes(length);
        if array != if self.has_checksums { 0x93 } else { 0x92 } || binary != 0xc6 {
            return damaged("no entry starts here");
        }
        if length > ENTRY_BYTES {
            return damaged("an entry is longer than any can be");
        }
        entry.resize(length as usize, 0);
        let mut end = [0xce, 0, 0, 0, 0];
        let end = if self.has_checksums { &mut end[..] } else { &mut [] };
        let read = self.input.read_exact(entry).and_then(|()| self.input.read_exact(end));
        if let Err(error) = read {
            let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
            return if is_cut { Ok(Step::Cut) } else { Err(NoEntry::Io(error)) };
        }
        self.at += u64::from(length) + end.len() as u64;
        let sum = end.split_first().map(|(number, sum)| (*number, sum));
        if sum.is_some_and(|it| it != (0xce, &checksum(tag, entry).to_be_bytes())) {
            return damaged("its checksum is another");
        }
        Ok(Step::Entry(tag, start))
    }

    /// Reads as much of an entry's head as there is.
    fn fill_head(&mut self, head: &mut [u8; ENTRY_HEAD]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }
}

/// The checksum of an entry in version 2.
pub(super) fn checksum(tag: u8, binary: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[tag]);
    hasher.update(binary);
    hasher.finalize()
}

fn number(binary: &[u8]) -> Option<u64> {
    binary.try_into().map(u64::from_be_bytes).ok()
}

struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
