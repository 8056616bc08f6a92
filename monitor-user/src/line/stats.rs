//! What happens on the line, in numbers.

use crate::event::Action;

/// Numbers of events, in the order of [`Action::KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCounts(pub [u64; Action::KINDS.len()]);

impl Default for EventCounts {
    fn default() -> Self {
        Self([0; Action::KINDS.len()])
    }
}

impl EventCounts {
    /// Events of every kind.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What happened on the line, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStats {
    /// Records that came in, seeds included.
    pub records: u64,
    /// Records of processes that ran before the monitor.
    pub seeds: u64,
    /// Records that were no record.
    pub decode_errors: u64,
    /// Events that came of the rest, by kind.
    pub events: EventCounts,
    /// Records of an end that was told of before: two last threads can both be the last.
    pub repeated: u64,
    /// Events of the monitor's own canary, left out.
    pub own: u64,
    /// Alerts.
    pub alerts: u64,
    /// Alerts that left with facts pending.
    pub incomplete: u64,
    /// Updates of such alerts.
    pub updates: u64,
    /// Repeats of alerts, which were only counted.
    pub rolled_up: u64,
    /// Summaries of them.
    pub rollups: u64,
    /// Events that waited for a fact.
    pub parked: u64,
    /// Of these, the ones that were decided because time or room ran out.
    pub parked_expired: u64,
    /// Alerts whose facts did not come in time for an update: what they left with stands.
    pub updates_expired: u64,
}
