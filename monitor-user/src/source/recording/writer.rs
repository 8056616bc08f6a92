//! Writes a recording: entries are gathered, and leave as blocks.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    CGROUP, CONTEXT, ENTRY_BYTES, FACTS, HASH, HOLDER, LOST, PACKAGE, RECORD, RecordingError,
    SYSCALLS, TIME, VERSION,
    block::{ENOUGH, Packer},
    facts::{RawFacts, RawHash, RawHolder, RawPackage},
    preamble::Preamble,
};
use crate::{decode::rewrite, env::EnvKeys, line::Input};

/// A recording being written.
pub struct Writer {
    path: PathBuf,
    file: File,
    env_keys: EnvKeys,
    packer: Packer,
    /// Entries that are in no block yet, and where each of them ends.
    waiting: Vec<u8>,
    ends: Vec<usize>,
    /// Entries that are in the file.
    written: u64,
    bytes: u64,
    unpacked_bytes: u64,
    limit_bytes: u64,
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
        let preamble = Preamble { version: VERSION, ..preamble.clone() };
        let mut writer = Self {
            path: path.to_owned(),
            file: file.map_err(open)?,
            env_keys: EnvKeys::new(&preamble.env_keys),
            packer: Packer::new(),
            waiting: Vec::new(),
            ends: Vec::new(),
            written: 0,
            bytes: 0,
            unpacked_bytes: 0,
            limit_bytes,
            skipped: 0,
            full: false,
        };
        let head = rmp_serde::to_vec_named(&preamble).map_err(|e| open(io::Error::other(e)))?;
        (writer.bytes, writer.unpacked_bytes) = (head.len() as u64, head.len() as u64);
        let written = writer.file.write_all(&head);
        written.map_err(|source| io(path, source))?;
        Ok(writer)
    }

    /// Appends what the line takes in. Inputs over the size limit are counted instead.
    pub fn append(&mut self, input: &Input<'_>) -> Result<(), RecordingError> {
        match input {
            Input::Record(record) => self.record(RECORD, record),
            Input::Context(record) => self.record(CONTEXT, record),
            Input::Cgroup(key, path) => {
                let packed = rmp_serde::to_vec(&(key.hierarchy, key.id, path));
                self.packed(CGROUP, packed)
            }
            Input::Syscalls(key, names) => {
                let packed = rmp_serde::to_vec(&(key.hierarchy, key.id, names));
                self.packed(SYSCALLS, packed)
            }
            Input::Facts(facts) => {
                self.packed(FACTS, rmp_serde::to_vec_named(&RawFacts::from(facts)))
            }
            Input::Hash(answer) => {
                self.packed(HASH, rmp_serde::to_vec_named(&RawHash::from(answer)))
            }
            Input::Package(answer) => {
                self.packed(PACKAGE, rmp_serde::to_vec_named(&RawPackage::from(answer)))
            }
            Input::Holder(holder) => {
                self.packed(HOLDER, rmp_serde::to_vec_named(&RawHolder::from(holder)))
            }
            Input::Time(now_ns) => self.entry(TIME, &now_ns.to_be_bytes()),
        }
    }

    fn record(&mut self, tag: u8, record: &[u8]) -> Result<(), RecordingError> {
        match rewrite::with_selected_env(record, &self.env_keys) {
            Some(scrubbed) => self.entry(tag, &scrubbed),
            // What cannot be scrubbed is not written down.
            None if rewrite::may_hold_env(record) => {
                self.skipped += 1;
                Ok(())
            }
            None => self.entry(tag, record),
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
        let packed = packed.map_err(|error| io(&self.path, io::Error::other(error)))?;
        self.entry(tag, &packed)
    }

    fn entry(&mut self, tag: u8, binary: &[u8]) -> Result<(), RecordingError> {
        let length = u32::try_from(binary.len()).unwrap_or(u32::MAX);
        // Once full it stays full: a recording with holes would tell a wrong story.
        if self.full || length > ENTRY_BYTES {
            self.skipped += 1;
            return Ok(());
        }
        let [a, b, c, d] = length.to_be_bytes();
        // An array of two: a small number, a binary of 32 bits' length.
        self.waiting.extend_from_slice(&[0x92, tag, 0xc6, a, b, c, d]);
        self.waiting.extend_from_slice(binary);
        self.ends.push(self.waiting.len());
        if self.waiting.len() >= ENOUGH { self.flush() } else { Ok(()) }
    }

    /// Writes what is still in memory, as a block.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        let mut count = self.ends.len();
        while let Some(end) = count.checked_sub(1).and_then(|last| self.ends.get(last)) {
            let entries = self.waiting.get(..*end).unwrap_or_default();
            let block = self.packer.pack(self.written, entries);
            let block = block.map_err(|source| io(&self.path, source))?;
            if self.bytes + block.len() as u64 <= self.limit_bytes {
                self.file.write_all(block).map_err(|source| io(&self.path, source))?;
                self.bytes += block.len() as u64;
                self.unpacked_bytes += *end as u64;
                self.written += count as u64;
                break;
            }
            // Of what does not fit whole, half may.
            self.full = true;
            count /= 2;
        }
        self.skipped += (self.ends.len() - count) as u64;
        self.waiting.clear();
        self.ends.clear();
        Ok(())
    }

    /// Entries so far: those in the file, and those that go there next.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.written + self.ends.len() as u64
    }

    /// Bytes of the file so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that the same entries take where they are not compressed.
    #[must_use]
    pub fn unpacked_bytes(&self) -> u64 {
        self.unpacked_bytes
    }

    /// Inputs that were left out: for lack of room, or because they could not be scrubbed.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

fn io(path: &Path, source: io::Error) -> RecordingError {
    RecordingError::Io { path: path.to_owned(), act: "written", source }
}
