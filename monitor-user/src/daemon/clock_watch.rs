//! What is told of the wall clock: that somebody set it. All that has to last, pauses, heartbeats
//! and windows of rules, goes by the clock since boot, which nobody sets.

use monitor_rules::Priority;

use super::{CountedOutlet, Daemon};
use crate::{document::finding, limits::CLOCK_STEP_NS, live::clock_offset_ns, logging::say};

impl<O: CountedOutlet> Daemon<O> {
    /// Looks whether the wall clock is where it should be; where it is not, events are told by what
    /// it shows now. It is told of: who compares times of several hosts has to know.
    pub(super) fn watch_clock(&mut self) {
        let offset_ns = clock_offset_ns();
        let by_ns = offset_ns.saturating_sub(self.line.enricher().clock_offset_ns());
        if by_ns.unsigned_abs() < CLOCK_STEP_NS {
            return;
        }
        self.line.clock_was_set(offset_ns);
        let text = told(by_ns);
        say(&text);
        self.find_as(Priority::Warning, finding::CLOCK_SET, text, None);
    }
}

fn told(by_ns: i64) -> String {
    let milliseconds = by_ns.unsigned_abs() / 1_000_000;
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let way = if by_ns < 0 { "back" } else { "forward" };
    format!(
        "the clock of this host was set {way} by {seconds}.{rest:03} s: times of later events are \
         by it; their numbers and times since boot go on"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_way() {
        let start = |by_ns| told(by_ns).split(':').next().unwrap_or_default().to_owned();
        assert_eq!(start(-3_600_000_000_000), "the clock of this host was set back by 3600.000 s");
        assert_eq!(start(1_005_999_999), "the clock of this host was set forward by 1.005 s");
    }
}
