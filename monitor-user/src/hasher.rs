//! The task that reads executed files for their SHA-256, off the line. Questions come in, answers
//! go out; both queues are bounded, and what found no room is answered `too_many`.
//!
//! It reads slowly where there is much to read: that many programs start must not take the host's
//! disks and cores away from them.

mod file;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use crate::{
    enrich::hashes::{HashAnswer, HashQuestion},
    event::{Fact, Reason},
    limits::{HASH_BURST_BYTES, HASH_BYTES_PER_SECOND, HASH_QUESTIONS},
};

/// The task, as the line sees it. It ends when this is dropped.
pub struct Hasher {
    questions: SyncSender<HashQuestion>,
    answers: Receiver<HashAnswer>,
    refused: u64,
}

impl Hasher {
    /// Starts the task. `hash` reads a file; `wake` is called after each answer.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(
        mut hash: impl FnMut(&HashQuestion) -> Fact<Arc<str>> + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<HashQuestion>(HASH_QUESTIONS);
        let (answer, answers) = sync_channel(HASH_QUESTIONS);
        std::thread::Builder::new().name("hasher".into()).spawn(move || {
            while let Ok(question) = asked.recv() {
                let hash = hash(&question);
                if answer.send(HashAnswer { key: question.key, hash }).is_err() {
                    return; // the line is gone
                }
                wake();
            }
        })?;
        Ok(Self { questions, answers, refused: 0 })
    }

    /// Asks; answers at once where there is no room.
    pub fn ask(&mut self, question: HashQuestion) -> Option<HashAnswer> {
        match self.questions.try_send(question) {
            Ok(()) => None,
            Err(TrySendError::Full(question) | TrySendError::Disconnected(question)) => {
                self.refused += 1;
                let hash = Fact::Unknown(Reason::TooMany);
                Some(HashAnswer { key: question.key, hash })
            }
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<HashAnswer> {
        self.answers.try_recv().ok()
    }

    /// Questions that found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// Reads files in this process, at a bounded pace; those over `bytes_max` are not read.
pub fn reader(bytes_max: u64) -> impl FnMut(&HashQuestion) -> Fact<Arc<str>> {
    let mut pace = Pace::new();
    move |question| file::hash(question, bytes_max, &mut |bytes| pace.spend(bytes))
}

/// A bound on bytes a second.
struct Pace {
    /// Bytes that may be read now.
    bytes: u64,
    since: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { bytes: HASH_BURST_BYTES, since: Instant::now() }
    }

    /// Waits until so many bytes may be read.
    fn spend(&mut self, bytes: u64) {
        let wait = self.owed(bytes, Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }

    /// How long to wait before so many bytes are read.
    fn owed(&mut self, bytes: u64, now: Instant) -> Duration {
        let rest = now.saturating_duration_since(self.since).as_micros();
        let earned = rest.saturating_mul(u128::from(HASH_BYTES_PER_SECOND)) / 1_000_000;
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        self.since = self.since.max(now);
        self.bytes = self.bytes.saturating_add(earned).min(HASH_BURST_BYTES);
        let lacking = bytes.saturating_sub(self.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        let wait = Duration::from_secs(lacking) / u32::try_from(HASH_BYTES_PER_SECOND).unwrap_or(1);
        // What is waited for is spent already.
        self.since += wait;
        wait
    }
}
