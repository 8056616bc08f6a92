//! Recordings: everything that the line takes in, for later.
//!
//! A recording starts with a MessagePack map, the [`Preamble`]; then come blocks, each compressed
//! by itself and with checksums (`block`). A block holds entries, each a MessagePack array of a tag
//! and a binary. It is only ever appended to, and can be read up to wherever it was cut; of what is
//! damaged a block is lost at most. In version 2 the entries followed the preamble, each with a
//! CRC-32 of tag and binary as a third member; in version 1 they had none.
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
//! | 7 | a record that only what comes later needs: where others were left out |
//! | 8 | system calls that a cgroup made: MessagePack of `[hierarchy, id, names]` |
//! | 9 | to which package an executed file belongs: MessagePack of a map |

mod block;
mod facts;
mod preamble;
mod reader;
mod writer;

use std::{io, path::PathBuf};

pub(crate) use facts::RawFacts;
pub use preamble::Preamble;
pub use reader::{Entry, Reader};
pub use writer::Writer;

/// Version of the container format. Readers read this one and those before.
pub const VERSION: u32 = 3;

/// The version that had no blocks; each entry had a checksum.
const UNPACKED: u32 = 2;

/// The version that had no checksums.
const UNCHECKED: u32 = 1;

/// Longest binary of an entry: a record and room to spare.
const ENTRY_BYTES: u32 = 1 << 16;

const RECORD: u8 = 0;
const CGROUP: u8 = 1;
const FACTS: u8 = 2;
const TIME: u8 = 3;
const LOST: u8 = 4;
const HASH: u8 = 5;
const HOLDER: u8 = 6;
const CONTEXT: u8 = 7;
const SYSCALLS: u8 = 8;
const PACKAGE: u8 = 9;

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

#[cfg(test)]
mod tests;
