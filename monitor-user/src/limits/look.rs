//! Limits of who asks and who looks on.

/// Clients that may ask the running daemon at once; one more is sent away.
pub const CONTROL_CLIENTS: usize = 8;

/// Subscribers that may look on at once; one more is sent away.
pub const SUBSCRIBERS: usize = 8;

/// Documents that may wait for a subscriber; over it they are lost to it, and counted.
pub const SUBSCRIBER_QUEUE: usize = 16_384;

/// Bytes that these may take, approximately, as for [`SUBSCRIBER_QUEUE`].
pub const SUBSCRIBER_BYTES: u64 = 32 << 20;

/// Alerts of a subscriber whose filter hangs on a fact; over it the oldest are not shown.
pub const SUBSCRIBER_UNDECIDED: usize = 256;

/// Fields that a subscriber may ask for.
pub const SUBSCRIBER_FIELDS: usize = 64;

/// Processes of a tree that is followed; over it the oldest are known by their ancestors only.
pub const FOLLOWED: usize = 65_536;

/// Entries of each list of a summary; what is over it is only counted.
pub const SUMMARY_ENTRIES: usize = 100_000;

/// Containers that `top` keeps; over it the ones in which nothing happened for longest go.
pub const TOP_CONTAINERS: usize = 2_000;

/// Processes that `top` keeps of a container; over it the quietest go.
pub const TOP_PROCESSES: usize = 2_000;

/// Files, and hosts, that `top` keeps of a container; over it the oldest go.
pub const TOP_OBJECTS: usize = 1_000;

/// Alerts that `top` keeps of a container; over it the oldest go.
pub const TOP_ALERTS: usize = 200;

/// Lines that wait to be shown by `top`.
pub const TOP_LINES: usize = 4_096;
