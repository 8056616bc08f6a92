//! Tasks that read executed files for their SHA-256, or to copy them, off the line. Questions come
//! in, answers go out; both queues are bounded, and what found no room is answered `too_many`.
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

pub use file::Copy;

use crate::{
    enrich::hashes::{HashAnswer, HashQuestion},
    event::{Fact, FactSource, Reason},
    limits::{HASH_BURST_BYTES, HASH_BYTES_PER_SECOND, HASH_QUESTIONS},
};

/// The task, as the line sees it. It ends when this is dropped.
#[derive(Debug)]
pub struct Hasher {
    questions: SyncSender<HashQuestion>,
    answers: Receiver<HashAnswer>,
    refused: u64,
}

impl Hasher {
    /// Starts the task. `read` reads a file; `wake` is called after each answer.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(
        name: &str,
        mut read: impl FnMut(&HashQuestion) -> HashAnswer + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<HashQuestion>(HASH_QUESTIONS);
        let (answer, answers) = sync_channel(HASH_QUESTIONS);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(question) = asked.recv() {
                if answer.send(read(&question)).is_err() {
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
                let HashQuestion { key, keep, known, .. } = question;
                let too_many = Fact::Unknown(Reason::TooMany);
                let hash = known.map_or(too_many, |hash| Fact::Known(hash, FactSource::File));
                Some(HashAnswer { key, hash, copy: keep.then_some(Fact::Unknown(Reason::TooMany)) })
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

/// How large files are that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the largest that is read for its hash.
    pub hash: u64,
    /// Bytes of the largest that is copied; zero: none is.
    pub copy: u64,
}

/// Reads a file for its hash, and copies what is read, if there is where to.
pub type Read = Box<dyn FnMut(&HashQuestion, Option<Copy<'_>>) -> Fact<Arc<str>> + Send>;

/// Reads files in this process, at a bounded pace; those over their bound are not read.
#[must_use]
pub fn reader(bounds: Bounds) -> Read {
    let mut pace = Pace::new();
    Box::new(move |question, copy| {
        let bytes_max = if copy.is_some() { bounds.copy } else { bounds.hash };
        file::hash(question, bytes_max, copy, &mut |bytes| pace.spend(bytes))
    })
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
