//! How long the API is left alone between two requests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A pause that doubles until something succeeds.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Something succeeded.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The pause to make now: between half of it and all, so that the nodes of a cluster do not all
    /// come at once.
    pub(super) fn take(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        whole / 2 + whole.mul_f64(chance() / 2.0)
    }
}

/// A number between 0 and 1: what is left of a second on the clock differs from node to node.
fn chance() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos() / 100 % 1_000) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute_and_begin_anew() {
        let mut pause = Pause::new();
        let mut whole = FIRST;
        for _ in 0..10 {
            let taken = pause.take();
            assert!(taken >= whole / 2 && taken <= whole, "{taken:?}");
            whole = (whole * 2).min(LONGEST);
        }
        assert_eq!(whole, LONGEST);
        pause.reset();
        assert!(pause.take() <= FIRST);
    }
}
