//! The pack: all of it in one file that is searched where it lies.
//!
//! ```text
//! magic, form, length, made on | the places of the sections | sections | SHA-256 of all before
//! ```
//! Numbers in tables have four bytes and those in records seven bits a byte, the low ones first.
//! A string is where it is in the table of strings, and how long. Packages are sorted by ecosystem
//! and name, and each tells where its records are. The same input gives the same bytes.

mod bytes;
mod paged;
mod read;
mod write;

pub use paged::ReadAt;
pub use read::{Found, Pack, PackError, Vulnerability};
pub use write::{Content, Packages, VulnerabilityFacts, seal, write};

use std::collections::BTreeMap;

use crate::model::{Kind, LeftOut};

const MAGIC: [u8; 8] = *b"runmonVD";

/// The form that is written, and the only one that is read.
pub const FORM: u32 = 1;

/// Magic, form, count of sections, length, made on.
const HEAD_BYTES: usize = 8 + 4 + 4 + 8 + 8;

/// Offset and length.
const SECTION_BYTES: usize = 16;

/// The sections, in their order.
const SECTIONS: usize = 6;
const SOURCES: usize = 0;
const STRINGS: usize = 1;
const VULNERABILITIES: usize = 2;
const PACKAGES: usize = 3;
const RECORDS: usize = 4;
const STATEMENTS: usize = 5;

const SUM_BYTES: u64 = 32;

/// Bytes of an entry of the table of packages: key, records, their count.
const PACKAGE_ENTRY: usize = 4 * 6;

/// Bytes of an entry of the table of vulnerabilities.
const VULNERABILITY_ENTRY: usize = 4 * 13;

/// Where data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: Kind,
    /// The name of the file or directory.
    pub name: String,
    /// The date of the data: what they say themselves, or when the file was changed.
    pub date: String,
    /// How many records went in.
    pub records: u64,
    /// How many did not, by reason.
    pub left_out: BTreeMap<LeftOut, u64>,
}

/// What ecosystems are in a pack, with how many records.
pub type Ecosystems = BTreeMap<String, u64>;

#[cfg(test)]
mod tests;
