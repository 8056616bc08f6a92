//! Documents are tried until a receiver has them, or refuses them, or for as long as that is
//! wanted. Those behind them wait.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::{Intake, outage::Outage, trouble::Why};
use crate::limits;

/// First pause after a failed try; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// The receiver will never take this.
    #[cfg_attr(
        not(any(feature = "kafka", feature = "nats")),
        expect(dead_code, reason = "these sinks alone are told so of what they try here")
    )]
    Refused(String),
    /// Later, perhaps.
    Later(Why),
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

/// The tries of the same documents.
pub(super) struct Round {
    begun: Instant,
    pause: Duration,
}

impl Round {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), pause: FIRST_PAUSE }
    }

    /// The receiver took or refused some of them: it answers, and need not be spared.
    #[cfg(any(feature = "forward", feature = "http", feature = "syslog"))]
    pub(super) fn got_on(&mut self) {
        *self = Self::new();
    }
}

/// A try that failed.
pub(super) struct Failure {
    pub(super) why: Why,
    /// How long the receiver wants to be left alone, where it said that.
    pub(super) wait: Option<Duration>,
    /// The monitor was ending when it began.
    pub(super) is_last: bool,
}

impl Tries {
    /// Of a receiver that people know by this name. After `give_up` documents are lost; without it
    /// those that wait in memory are, after a while.
    pub(super) fn new(receiver: String, give_up: Option<Duration>) -> Self {
        Self { outage: Outage::new(receiver), give_up, is_over: false }
    }

    /// Tries until the receiver has it, refuses it, or the time is over. When the monitor stops
    /// what waits is still sent, up to the first failure: time is short then.
    pub(super) fn deliver(&mut self, intake: &Intake, mut attempt: impl FnMut() -> Answer) -> End {
        if self.is_over {
            return End::Lost;
        }
        let mut round = Round::new();
        loop {
            let is_last = intake.is_ending();
            let failure = match attempt() {
                Answer::Taken => {
                    self.taken(intake);
                    return End::Delivered;
                }
                Answer::Refused(why) => {
                    self.refused(&why);
                    return End::Lost;
                }
                Answer::Later(why) => Failure { why, wait: None, is_last },
            };
            if let Some(end) = self.failed(&mut round, intake, &failure) {
                return end;
            }
        }
    }

    /// Whether nothing is tried any more, since the monitor ends.
    #[cfg(any(feature = "forward", feature = "http", feature = "syslog"))]
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The receiver took something.
    pub(super) fn taken(&mut self, intake: &Intake) {
        intake.stats.trouble.store(0, Relaxed);
        self.outage.end(intake.waiting());
    }

    /// The receiver will never take a document.
    pub(super) fn refused(&mut self, why: &str) {
        self.outage.refused(why);
    }

    /// A try failed. Rests until the next, unless there is none: then what becomes of the
    /// documents.
    pub(super) fn failed(
        &mut self,
        round: &mut Round,
        intake: &Intake,
        failure: &Failure,
    ) -> Option<End> {
        let Failure { why, wait, is_last } = failure;
        intake.stats.trouble.store(why.trouble.number(), Relaxed);
        self.outage.failed(why);
        if *is_last && intake.is_kept() {
            return Some(End::Kept);
        }
        let pause = wait.map_or(round.pause, |wait| wait.max(round.pause));
        let of_memory = || Duration::from_secs(limits::GIVE_UP_SECONDS);
        let give_up = self.give_up.or_else(|| (!intake.is_kept()).then(of_memory));
        if *is_last || give_up.is_some_and(|give_up| round.begun.elapsed() + pause > give_up) {
            self.outage.gave_up();
            self.is_over |= is_last;
            return Some(End::Lost);
        }
        intake.stats.retries.fetch_add(1, Relaxed);
        // What the monitor's end cuts short is followed by one more try.
        intake.rest(pause);
        round.pause = (round.pause * 2).min(LAST_PAUSE);
        None
    }
}
