//! Limits of what is known to be used of images.

/// Containers of which it is known; further ones are counted.
pub const USAGE_PLACES: usize = 2_048;

/// Images whose containers are gone; the one that was used longest ago makes room.
pub const USAGE_IMAGES: usize = 256;

/// Files of one container or image; further ones are counted.
pub const USAGE_FILES: usize = 4_096;

/// Files of all of them.
pub const USAGE_TOTAL: usize = 131_072;

/// Bytes of a path; a longer one is counted.
pub const USAGE_PATH_BYTES: usize = 1_024;

/// Bytes of the file that it is written to, when it is read.
pub const USAGE_BYTES: u64 = 256 << 20;

/// Files that a look at the processes of one container takes of what is mapped; if there are more,
/// that is said.
pub const MAPPED_FILES: usize = 4_096;

/// Paths of one root whose packages are known; if there are more, none of its files counts as
/// unused.
pub const JOINED_PATHS: usize = 1 << 20;

/// For how long the file may not have been written, nanoseconds, until what it says is what was: a
/// daemon writes it with each heartbeat.
pub const USAGE_SILENT_NS: i64 = 3_600_000_000_000;

/// How long nobody may have watched, nanoseconds, for what was seen before and after to be one: the
/// time of a restart.
pub const USAGE_GAP_NS: i64 = 120_000_000_000;
