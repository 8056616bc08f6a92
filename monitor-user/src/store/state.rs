//! The numbers of the store, which its thread writes and others read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::document::heartbeat::StoreCounters;

/// The state of the store, for who tells of it.
#[derive(Debug, Default)]
pub struct StoreState {
    /// Bytes on the disk.
    pub bytes: AtomicU64,
    /// Bytes that it may take there.
    pub bytes_max: AtomicU64,
    /// Records that gave way to others before all had them.
    pub evicted: AtomicU64,
    /// Records that could not be written for so long that others took their place.
    pub unwritten: AtomicU64,
    /// Bytes in which nothing could be read.
    pub broken_bytes: AtomicU64,
    /// Writes that failed.
    pub failures: AtomicU64,
    /// Documents and events that were kept as history.
    pub history: AtomicU64,
    /// Those that found no room on their way there, or came too fast.
    pub history_refused: AtomicU64,
    /// Those that the disk did not take.
    pub history_unwritten: AtomicU64,
    /// The last write failed: what came since is in memory only.
    pub is_failing: AtomicBool,
}

impl StoreState {
    /// Its numbers of this moment.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        StoreCounters {
            bytes: self.bytes.load(Relaxed),
            bytes_max: self.bytes_max.load(Relaxed),
            evicted: self.evicted.load(Relaxed),
            unwritten: self.unwritten.load(Relaxed),
            broken_bytes: self.broken_bytes.load(Relaxed),
            failures: self.failures.load(Relaxed),
            history: self.history.load(Relaxed),
            history_lost: self.history_refused.load(Relaxed) + self.history_unwritten.load(Relaxed),
            is_failing: self.is_failing.load(Relaxed),
        }
    }
}
