//! Recordings: everything that the line takes in, for later.
//!
//! A recording is a MessagePack stream: first a map, the [`Preamble`]; then entries, each an array
//! of a tag, a binary and a CRC-32 of both (version 1 had none). It is only ever appended to, and
//! can be read up to wherever it was cut.
//!
//! | tag | binary |
//! |---|---|
//! | 0 | a record, as the kernel wrote it (environment variables that are not kept left out) |
//! | 1 | a cgroup that was there at start or found later: MessagePack of `[hierarchy, id, path]` |
//! | 2 | facts about a container: MessagePack of a map |
//! | 3 | a look at the clock: nanoseconds since boot, 64 bits, big-endian |
//! | 4 | records that the kernel lost so far: 64 bits, big-endian |
//! | 5 | what came of reading an executed file for its hash: MessagePack of a map |
//! | 6 | whose addresses the cluster's API says are: MessagePack of a map |

mod facts;
mod preamble;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use facts::{RawFacts, RawHash, RawHolder};
pub use preamble::Preamble;
use preamble::{FORMAT, endianness};

use crate::{decode::rewrite, env::EnvKeys, line::Input, raw_event::CgroupKey};

/// Version of the container format. Readers read this one and the one before.
pub const VERSION: u32 = 2;

/// The version before, which had no checksums.
const UNCHECKED: u32 = 1;

/// Longest binary of an entry: a record and room to spare.
const ENTRY_BYTES: u32 = 1 << 16;

/// Longest preamble.
const PREAMBLE_BYTES: u64 = 1 << 20;

const RECORD: u8 = 0;
const CGROUP: u8 = 1;
const FACTS: u8 = 2;
const TIME: u8 = 3;
const LOST: u8 = 4;
const HASH: u8 = 5;
const HOLDER: u8 = 6;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened or made.
    #[error("cannot open the recording {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A write or read failed.
    #[error("the recording {path} cannot be {act}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        act: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It does not start as a recording does.
    #[error("{path} is no runmon recording")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is of a version that this program does not read.
    #[error("the recording {path} has {what} {found}, and this runmon reads {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Which version.
        what: &'static str,
        /// What it has.
        found: u32,
        /// What is read.
        known: u32,
    },
    /// It was made on a machine of the other byte order.
    #[error("the recording {path} was made on a {found}-endian machine")]
    Endianness {
        /// The file.
        path: PathBuf,
        /// Its byte order.
        found: String,
    },
    /// An entry is none.
    #[error("the recording {path} is damaged at entry {entry}, byte {at}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Number of the entry, from 1.
        entry: u64,
        /// Where it starts.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

/// A recording being written.
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    env_keys: EnvKeys,
    bytes: u64,
    limit_bytes: u64,
    entries: u64,
    skipped: u64,
    full: bool,
}

impl Writer {
    /// Starts a recording in a new file, readable by its owner only. It never grows over
    /// `limit_bytes`.
    pub fn create(
        path: &Path,
        preamble: &Preamble,
        limit_bytes: u64,
    ) -> Result<Self, RecordingError> {
        let open = |source| RecordingError::Open { path: path.to_owned(), source };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut writer = Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 18, file.map_err(open)?),
            env_keys: EnvKeys::new(&preamble.env_keys),
            bytes: 0,
            limit_bytes,
            entries: 0,
            skipped: 0,
            full: false,
        };
        let head = rmp_serde::to_vec_named(preamble).map_err(|e| open(io::Error::other(e)))?;
        writer.put(&head)?;
        Ok(writer)
    }

    /// Appends what the line takes in. Inputs over the size limit are counted instead.
    pub fn append(&mut self, input: &Input<'_>) -> Result<(), RecordingError> {
        match input {
            Input::Record(record) => {
                match rewrite::with_selected_env(record, &self.env_keys) {
                    Some(scrubbed) => self.entry(RECORD, &scrubbed),
                    // What cannot be scrubbed is not written down.
                    None if rewrite::may_hold_env(record) => {
                        self.skipped += 1;
                        Ok(())
                    }
                    None => self.entry(RECORD, record),
                }
            }
            Input::Cgroup(key, path) => {
                let packed = rmp_serde::to_vec(&(key.hierarchy, key.id, path));
                self.packed(CGROUP, packed)
            }
            Input::Facts(facts) => {
                self.packed(FACTS, rmp_serde::to_vec_named(&RawFacts::from(facts)))
            }
            Input::Hash(answer) => {
                self.packed(HASH, rmp_serde::to_vec_named(&RawHash::from(answer)))
            }
            Input::Holder(holder) => {
                self.packed(HOLDER, rmp_serde::to_vec_named(&RawHolder::from(holder)))
            }
            Input::Time(now_ns) => self.entry(TIME, &now_ns.to_be_bytes()),
        }
    }

    /// Notes how many records the kernel lost so far.
    pub fn note_lost(&mut self, lost: u64) -> Result<(), RecordingError> {
        self.entry(LOST, &lost.to_be_bytes())
    }

    fn packed(
        &mut self,
        tag: u8,
        packed: Result<Vec<u8>, rmp_serde::encode::Error>,
    ) -> Result<(), RecordingError> {
        let packed = packed.map_err(|error| self.io("written", io::Error::other(error)))?;
        self.entry(tag, &packed)
    }

    fn entry(&mut self, tag: u8, binary: &[u8]) -> Result<(), RecordingError> {
        let Ok(length) = u32::try_from(binary.len()) else { return Ok(()) };
        // Once full it stays full: a recording with holes would tell a wrong story.
        self.full |= self.bytes + u64::from(length) + 12 > self.limit_bytes;
        if self.full {
            self.skipped += 1;
            return Ok(());
        }
        let [a, b, c, d] = length.to_be_bytes();
        self.entries += 1;
        // An array of three: a small number, a binary of 32 bits' length, a number of 32 bits.
        self.put(&[0x93, tag, 0xc6, a, b, c, d])?;
        self.put(binary)?;
        let [a, b, c, d] = checksum(tag, binary).to_be_bytes();
        self.put(&[0xce, a, b, c, d])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), RecordingError> {
        self.bytes += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        written.map_err(|source| self.io("written", source))
    }

    /// Writes what is still in memory.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        let flushed = self.file.flush();
        flushed.map_err(|source| self.io("written", source))
    }

    /// Entries so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Inputs that were left out: for lack of room, or because they could not be scrubbed.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn io(&self, act: &'static str, source: io::Error) -> RecordingError {
        RecordingError::Io { path: self.path.clone(), act, source }
    }
}

fn checksum(tag: u8, binary: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[tag]);
    hasher.update(binary);
    hasher.finalize()
}

/// A recording being read.
pub struct Reader<R> {
    path: PathBuf,
    input: R,
    /// What the recording says of itself.
    pub preamble: Preamble,
    entry: u64,
    at: u64,
    cut: bool,
    lost: u64,
    buffer: Vec<u8>,
}

/// An input that was read; it borrows from its reader.
pub type Entry<'r> = Input<'r>;

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
        if preamble.format != FORMAT {
            return Err(foreign());
        }
        let version = |what, found, known| RecordingError::Version {
            path: path.to_owned(),
            what,
            found,
            known,
        };
        if ![UNCHECKED, VERSION].contains(&preamble.version) {
            return Err(version("format version", preamble.version, VERSION));
        }
        if preamble.wire_version != monitor_common::WIRE_VERSION {
            let known = monitor_common::WIRE_VERSION;
            return Err(version("wire version", preamble.wire_version, known));
        }
        if preamble.endianness != endianness() {
            let found = preamble.endianness;
            return Err(RecordingError::Endianness { path: path.to_owned(), found });
        }
        let path = path.to_owned();
        Ok(Self { path, input, preamble, entry: 0, at, cut: false, lost: 0, buffer: Vec::new() })
    }

    /// The next input; None at the end, also where the recording was cut.
    #[expect(clippy::should_implement_trait, reason = "an iterator's item cannot borrow from it")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, RecordingError> {
        loop {
            let start = self.at;
            match self.read_entry(start)? {
                None => return Ok(None),
                Some(LOST) => {
                    self.lost = number(&self.buffer).ok_or_else(|| self.damaged(start, "short"))?;
                }
                Some(tag) => return self.input_of(tag, start).map(Some),
            }
        }
    }

    /// Reads the next entry's binary; its tag, or None at the end.
    fn read_entry(&mut self, start: u64) -> Result<Option<u8>, RecordingError> {
        self.entry += 1;
        let mut head = [0; 7];
        match self.fill_head(&mut head)? {
            0 => return Ok(None),
            7 => {}
            _ => return Ok(self.end_of_cut()),
        }
        let checked = self.preamble.version != UNCHECKED;
        let [array, tag, binary, a, b, c, d] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        if array != if checked { 0x93 } else { 0x92 } || binary != 0xc6 {
            return Err(self.damaged(start, "no entry starts here"));
        }
        if length > ENTRY_BYTES {
            return Err(self.damaged(start, "an entry is longer than any can be"));
        }
        self.buffer.resize(length as usize, 0);
        let mut end = [0xce, 0, 0, 0, 0];
        let read = self.input.read_exact(&mut self.buffer);
        let read =
            read.and_then(|()| if checked { self.input.read_exact(&mut end) } else { Ok(()) });
        if let Err(error) = read {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return Ok(self.end_of_cut());
            }
            return Err(RecordingError::Io { path: self.path.clone(), act: "read", source: error });
        }
        self.at += u64::from(length) + if checked { 5 } else { 0 };
        let [number, a, b, c, d] = end;
        let sum = u32::from_be_bytes([a, b, c, d]);
        if checked && (number != 0xce || sum != checksum(tag, &self.buffer)) {
            return Err(self.damaged(start, "its checksum is another"));
        }
        Ok(Some(tag))
    }

    fn input_of(&self, tag: u8, start: u64) -> Result<Entry<'_>, RecordingError> {
        match tag {
            RECORD => Ok(Input::Record(&self.buffer)),
            CGROUP => {
                let (hierarchy, id, path) = rmp_serde::from_slice::<(u32, u64, &str)>(&self.buffer)
                    .map_err(|error| self.damaged(start, &error.to_string()))?;
                Ok(Input::Cgroup(CgroupKey { hierarchy, id }, path))
            }
            FACTS => rmp_serde::from_slice::<RawFacts>(&self.buffer)
                .map_err(|error| self.damaged(start, &error.to_string()))
                .map(|facts| Input::Facts(facts.into())),
            HASH => rmp_serde::from_slice::<RawHash>(&self.buffer)
                .map_err(|error| self.damaged(start, &error.to_string()))
                .map(|answer| Input::Hash(answer.into())),
            HOLDER => rmp_serde::from_slice::<RawHolder>(&self.buffer)
                .map_err(|error| self.damaged(start, &error.to_string()))
                .map(|holder| Input::Holder(holder.into())),
            TIME => {
                let now_ns = number(&self.buffer).ok_or_else(|| self.damaged(start, "short"))?;
                Ok(Input::Time(now_ns))
            }
            other => Err(self.damaged(start, &format!("entries of kind {other} are not known"))),
        }
    }

    /// Reads as much of an entry's head as there is.
    fn fill_head(&mut self, head: &mut [u8; 7]) -> Result<usize, RecordingError> {
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(RecordingError::Io {
                        path: self.path.clone(),
                        act: "read",
                        source,
                    });
                }
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    fn end_of_cut(&mut self) -> Option<u8> {
        self.cut = true;
        None
    }

    /// Records that the kernel lost while this was recorded, as far as was read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the last entry was cut off.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.cut
    }

    fn damaged(&self, at: u64, what: &str) -> RecordingError {
        RecordingError::Damaged {
            path: self.path.clone(),
            entry: self.entry,
            at,
            what: what.to_owned(),
        }
    }
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

#[cfg(test)]
mod tests;
