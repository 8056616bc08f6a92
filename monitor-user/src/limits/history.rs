//! Limits of history, of the flight recorder, and of what is shown of both.

use std::{ops::RangeInclusive, time::Duration};

/// Documents and events a second that are kept as history, and how many at once: more than anybody
/// reads, and few enough that sinks do not wait for them. What is over it is counted.
pub const HISTORY_RATE: f64 = 500.0;
/// See [`HISTORY_RATE`].
pub const HISTORY_BURST: f64 = 5_000.0;

/// Documents that are for no sink, and wait to be kept as history; over it they are not, counted.
/// They may take half of [`super::STORE_QUEUE_BYTES`].
pub const HISTORY_QUEUE: u64 = 8_192;

/// Bytes of a value of an alert's in history; a longer one is left out, which is said.
pub const HISTORY_VALUE_BYTES: usize = 4_200;

/// Bytes of all values of an alert's in history, as for [`HISTORY_VALUE_BYTES`].
pub const HISTORY_VALUES_BYTES: usize = 48 << 10;

/// Checks of a rule's condition that history tells of an alert, and bytes of each one's text and of
/// each of its values; the rest is left out, which is said.
pub const HISTORY_CHECKS: usize = 256;
/// See [`HISTORY_CHECKS`].
pub const HISTORY_CHECK_BYTES: usize = 400;

/// Seconds before and after an alert whose events are kept, unless the configuration says
/// otherwise.
pub const FLIGHT_SECONDS: u64 = 10;

/// What that may be.
pub const FLIGHT_SECONDS_RANGE: RangeInclusive<u64> = 1..=300;

/// Bytes of the events of the last seconds that are held in memory, approximately; over it the
/// oldest goes, counted.
pub const FLIGHT_BYTES: usize = 4 << 20;

/// What that may be.
pub const FLIGHT_BYTES_RANGE: RangeInclusive<usize> = 64 << 10..=1 << 30;

/// Events that are kept around one alert; over it the rest is left out, counted.
pub const STORY_EVENTS: usize = 256;

/// Alerts of which what comes after them is still to be kept; over it what follows the oldest is
/// no longer, counted.
pub const STORIES: usize = 32;

/// Alerts a second for which the last seconds are searched, and how many at once: a search looks at
/// all that is held. What is over it keeps no events, counted.
pub const STORY_RATE: u64 = 8;
/// See [`STORY_RATE`].
pub const STORY_BURST: u64 = 64;

/// Alerts that are listed or searched at once, the newest; that there are older ones is said.
pub const PAST_ALERTS: usize = 100_000;

/// Alerts that `runmon alerts` lists unless it is told otherwise.
pub const PAST_SHOWN: usize = 1_000;

/// Bytes of the copies of programs behind alerts, unless the configuration says otherwise; over it
/// the oldest goes, counted.
pub const KEPT_EXECUTABLES_BYTES: u64 = 256 << 20;

/// What that may be.
pub const KEPT_EXECUTABLES_BYTES_RANGE: RangeInclusive<u64> = 1 << 20..=1 << 40;

/// Bytes of the largest program that is copied, unless the configuration says otherwise.
pub const KEPT_EXECUTABLE_BYTES_MAX: u64 = 64 << 20;

/// Copies at most, however small they are.
pub const KEPT_EXECUTABLES: usize = 10_000;

/// Bytes that a copy leaves free on its disk, which alerts are written to as well; where it cannot
/// it is not made, counted.
pub const KEPT_FREE_BYTES: u64 = 64 << 20;

/// How long no copy is tried after the disk refused one.
pub const KEPT_REST: Duration = Duration::from_secs(60);

/// How long it is not asked for a copy of the same file again, nanoseconds: many alerts can be
/// about one program.
pub const KEPT_AGAIN_NS: u64 = 60_000_000_000;
