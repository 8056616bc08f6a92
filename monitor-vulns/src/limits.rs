//! What is the most of each thing: data from outside is hostile, and memory has an end.

/// Bytes of a version; longer ones are none.
pub const VERSION_BYTES: usize = 512;

/// Bytes of a name, an id or a reason in a pack; longer ones are bad records.
pub const STRING_BYTES: usize = 1024;

/// Bytes of one OSV record, unpacked.
pub const RECORD_BYTES: u64 = 32 << 20;

/// Files in an archive.
pub const ARCHIVE_FILES: u64 = 4_000_000;

/// Bytes of Debian's tracker, of all security databases of one branch, and of CISA's catalogue.
pub const FEED_BYTES: u64 = 1 << 30;

/// Bytes of a VEX document.
pub const VEX_BYTES: u64 = 64 << 20;

/// Records (an advisory about one package of one release) in a pack.
pub const RECORDS: usize = 4_000_000;

/// Ids, events and versions that one record may have.
pub const RECORD_PARTS: usize = 100_000;

/// Bytes of a pack.
pub const PACK_BYTES: u64 = 2 << 30;

/// Bytes of what a pack has of one package.
pub const PACKAGE_BYTES: u64 = 64 << 20;

/// Bytes of strings that the records of one package may refer to, when they are read.
pub const PACKAGE_TEXT_BYTES: usize = 128 << 20;

/// Bytes of the list of sources in a pack.
pub const SOURCES_BYTES: u64 = 4 << 20;

/// Bytes of the statements about what does not apply, in a pack.
pub const STATEMENTS_BYTES: u64 = 64 << 20;
