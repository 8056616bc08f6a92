//! Limits of what is read to know of executed files to which packages they belong.

/// Root file systems whose packages are remembered at a time; of another one they are read again.
pub const PACKAGE_INDEXES: usize = 16;

/// Bytes of the databases of one root file system; of larger ones nothing is known.
pub const PACKAGE_BYTES: u64 = 64 << 20;

/// Files of these databases, as for [`PACKAGE_BYTES`].
pub const PACKAGE_FILES: usize = 16_384;

/// Paths in them, as for [`PACKAGE_BYTES`].
pub const PACKAGE_PATHS: usize = 1 << 20;

/// Layers of a root file system; one that has more is read as a whole.
pub const PACKAGE_LAYERS: usize = 512;

/// Bytes of the list of mounts of a process that are looked at.
pub const MOUNTS_BYTES: u64 = 4 << 20;

/// Executed files of which it is remembered to which packages they belong; over it the oldest are
/// forgotten, counted.
pub const PACKAGED_FILES: usize = 16_384;

/// Questions about packages that may wait; over it the answer is `too_many`.
pub const PACKAGE_QUESTIONS: usize = 256;

/// How long an answer counts, nanoseconds: the database may be changed meanwhile.
pub const PACKAGE_AGAIN_NS: u64 = 60_000_000_000;
