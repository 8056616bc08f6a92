//! [`FloodLimit`]: what one container can make the kernel tell of. [`FloodWatch`]: finds who made
//! it tell of more, by the losses of cgroups.

use std::collections::HashMap;

use crate::limits::{FLOOD_AGAIN_NS, FLOOD_LOOK_NS};

/// How many records of one kind, and of one entry of the filter, one container can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodLimit {
    /// In each second, in the long run; 0: as many as there are.
    pub rate: u32,
    /// At once.
    pub burst: u32,
}

impl FloodLimit {
    /// Nanoseconds for one record, and for a burst of them, as the programs count.
    #[must_use]
    pub fn nanoseconds(self) -> [u64; 2] {
        let Some(each) = 1_000_000_000_u64.checked_div(self.rate.into()) else { return [0; 2] };
        [each, each * u64::from(self.burst.saturating_sub(1))]
    }
}

/// What is known of the floods of each cgroup. As many as the kernel counts losses of.
#[derive(Debug, Default)]
pub struct FloodWatch {
    floods: HashMap<u64, Known>,
    next_ns: u64,
}

#[derive(Debug, Default)]
struct Known {
    told: u64,
    told_ns: Option<u64>,
}

/// A cgroup that lost records by its own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// The cgroup, as the kernel side's table of losses knows it.
    pub key: u64,
    /// Records that were left out since it was told of last.
    pub left_out: u64,
}

impl FloodWatch {
    /// Whether it is time to look again.
    #[must_use]
    pub fn is_due(&self, now_ns: u64) -> bool {
        now_ns >= self.next_ns
    }

    /// Floods to tell of, from the number of records that each cgroup lost for want of tokens: at
    /// once when one begins, then once a minute while it goes on.
    pub fn look(&mut self, losses: impl Iterator<Item = (u64, u64)>, now_ns: u64) -> Vec<Flood> {
        self.next_ns = now_ns + FLOOD_LOOK_NS;
        losses.filter_map(|(key, lost)| self.one(key, lost, now_ns)).collect()
    }

    fn one(&mut self, key: u64, lost: u64, now_ns: u64) -> Option<Flood> {
        if lost == 0 {
            return None;
        }
        let known = self.floods.entry(key).or_default();
        let left_out = lost.saturating_sub(known.told);
        let is_due = known.told_ns.is_none_or(|told_ns| now_ns >= told_ns + FLOOD_AGAIN_NS);
        if left_out == 0 || !is_due {
            return None;
        }
        *known = Known { told: lost, told_ns: Some(now_ns) };
        Some(Flood { key, left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_at_once_and_then_once_a_minute() {
        let mut watch = FloodWatch::default();
        let mut look = |lost: u64, seconds: u64| -> Vec<u64> {
            let floods = watch.look([(7, lost), (8, 0)].into_iter(), seconds * 1_000_000_000);
            assert!(floods.iter().all(|flood| flood.key == 7));
            floods.iter().map(|flood| flood.left_out).collect()
        };
        assert_eq!(look(0, 1), [0_u64; 0]);
        assert_eq!(look(10, 2), [10]);
        assert_eq!(look(25, 3), [0_u64; 0]);
        assert_eq!(look(25, 62), [15]);
        assert_eq!(look(25, 200), [0_u64; 0]);
        assert_eq!(look(26, 201), [1]);
    }

    #[test]
    fn looks_once_a_second() {
        let mut watch = FloodWatch::default();
        assert!(watch.is_due(5));
        watch.look(std::iter::empty(), 5);
        assert!(!watch.is_due(1_000_000_004));
        assert!(watch.is_due(1_000_000_005));
    }
}
