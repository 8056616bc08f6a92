//! Documents are tried until a receiver has them, or refuses them, or for as long as that is
//! wanted. Those behind them wait.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::{Intake, outage::Outage};
use crate::limits;

/// First pause after a failed try; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// The receiver will never take this.
    Refused(String),
    /// Later, perhaps.
    Later(String),
}

/// What became of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Delivered,
    /// They were refused, or given up.
    Lost,
    /// They are there for the next run of the monitor.
    Kept,
}

/// A receiver, and how often it is tried.
pub(super) struct Tries {
    outage: Outage,
    give_up: Option<Duration>,
    /// The monitor ends, and the last try failed: what follows would fail alike.
    is_over: bool,
}

impl Tries {
    /// Of a receiver that people know by this name. After `give_up` documents are lost; without it
    /// those that wait in memory are, after a while.
    pub(super) fn new(receiver: String, give_up: Option<Duration>) -> Self {
        Self { outage: Outage::new(receiver), give_up, is_over: false }
    }

    /// Tries one after the other, up to the first that is not delivered.
    #[cfg(feature = "http")]
    pub(super) fn deliver_each<T>(
        &mut self,
        each: impl Iterator<Item = T>,
        intake: &Intake,
        mut attempt: impl FnMut(&T) -> Answer,
    ) -> End {
        for one in each {
            match self.deliver(intake, || attempt(&one)) {
                End::Delivered => {}
                end => return end,
            }
        }
        End::Delivered
    }

    /// Tries until the receiver has it, refuses it, or the time is over. When the monitor stops
    /// what waits is still sent, up to the first failure: time is short then.
    pub(super) fn deliver(&mut self, intake: &Intake, mut attempt: impl FnMut() -> Answer) -> End {
        if self.is_over {
            return End::Lost;
        }
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let of_memory = || Duration::from_secs(limits::GIVE_UP_SECONDS);
        let give_up = self.give_up.or_else(|| (!intake.is_kept()).then(of_memory));
        loop {
            let last = intake.is_ending();
            match attempt() {
                Answer::Taken => {
                    self.outage.end(intake.waiting());
                    return End::Delivered;
                }
                Answer::Refused(why) => {
                    self.outage.refused(&why);
                    return End::Lost;
                }
                Answer::Later(why) => self.outage.failed(&why),
            }
            if last && intake.is_kept() {
                return End::Kept;
            }
            if last || give_up.is_some_and(|give_up| begun.elapsed() + pause > give_up) {
                self.outage.gave_up();
                self.is_over |= last;
                return End::Lost;
            }
            intake.stats.retries.fetch_add(1, Relaxed);
            // What the monitor's end cuts short is followed by one more try.
            intake.rest(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}
