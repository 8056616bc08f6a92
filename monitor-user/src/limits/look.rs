//! Limits of who asks and who looks on.

/// Clients that may ask the running daemon at once; one more is sent away.
pub const CONTROL_CLIENTS: usize = 8;

use std::time::Duration;

/// Subscribers that may look on at once; one more is sent away.
pub const SUBSCRIBERS: usize = 12;

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

/// Connections to the web page that are open at once; over it the next is told to come back.
pub const WEB_CLIENTS: usize = 32;

/// Streams of the web page that are shown at once; over it the next is told to come back.
pub const WEB_STREAMS: usize = 4;

/// Bytes of the head of a request for the web page; a filter is in it.
pub const WEB_HEADER_BYTES: usize = 16_384;

/// How long a request for the web page may take, its answer included; streams are open longer.
pub const WEB_PATIENCE: Duration = Duration::from_secs(15);

/// How long who looks at a stream of the web page may take nothing of it.
pub const WEB_STREAM_PATIENCE: Duration = Duration::from_secs(30);

/// Seconds for which the web page goes on to watch events after it was asked for last.
pub const WEB_LINGER_SECONDS: i64 = 30;

/// Events that the web page keeps to show what happened around an alert.
pub const WEB_RECENT: usize = 10_000;

/// Alerts that the web page keeps.
pub const WEB_ALERTS: usize = 1_000;

/// Processes whose begin and end the web page keeps.
pub const WEB_LIVES: usize = 4_000;

/// Seconds before and after an alert of which the web page shows events.
pub const WEB_AROUND_SECONDS: i64 = 30;

/// Events around an alert that the web page shows.
pub const WEB_AROUND: usize = 300;

/// Rows of each list of a container that the web page is told.
pub const WEB_ROWS: usize = 500;

/// Streams of numbers that one check of what was sent looks at: sinks of a large fleet.
pub const STREAMS: usize = 65_536;

/// Gaps of one stream that it looks at.
pub const STREAM_GAPS: usize = 65_536;

/// Bytes of a line that it reads.
pub const STREAM_LINE_BYTES: u64 = 8 << 20;
