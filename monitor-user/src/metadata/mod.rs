//! The metadata task: finds out about containers, off the line. Questions come in, facts go out;
//! both queues are bounded, and what found no room is answered `too_many`.

mod buildkit;
mod bundle;
pub mod cgroups;
#[cfg(feature = "containerd")]
mod containerd;
mod docker;
mod files;
mod finder;
mod oci;
mod owner;
mod probes;
mod roots;
mod runc;
mod sandbox;
mod storage;

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    time::{Duration, Instant},
};

use crate::{
    enrich::container::{ContainerFacts, Lookup},
    event::Reason,
    limits::LOOKUPS,
    raw_event::CgroupKey,
    reach::Reach,
};
use finder::{Finder, unknown};
pub use roots::{RuntimeKind, RuntimeRoot};

/// How long after the first look the second is; between later ones it is twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// How often that doubles.
const DOUBLINGS: u32 = 3;

/// How long the task sleeps where nothing waits for a second look.
const IDLE: Duration = Duration::from_secs(3600);

/// What the task found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// About a container.
    Facts(ContainerFacts),
    /// The path of a cgroup that was never told of.
    Cgroup(CgroupKey, String),
}

/// The task, as the line sees it. It ends when this is dropped.
pub struct Metadata {
    questions: SyncSender<Lookup>,
    answers: Receiver<Answer>,
    refused: u64,
}

impl Metadata {
    /// Starts the task. `wake` is called after each answer.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(
        reach: Box<dyn Reach>,
        roots: Vec<RuntimeRoot>,
        controller: Option<&'static str>,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<Lookup>(LOOKUPS);
        let (answer, answers) = sync_channel(LOOKUPS);
        let finder = Finder::new(reach, roots, controller);
        let mut task = Task { finder, waiting: VecDeque::new(), answer, wake };
        std::thread::Builder::new().name("metadata".into()).spawn(move || task.run(&asked))?;
        Ok(Self { questions, answers, refused: 0 })
    }

    /// Asks; answers at once where there is no room.
    pub fn ask(&mut self, lookup: Lookup) -> Option<ContainerFacts> {
        match self.questions.try_send(lookup) {
            Ok(()) => None,
            Err(TrySendError::Full(lookup) | TrySendError::Disconnected(lookup)) => {
                self.refused += 1;
                Some(unknown(&lookup, Reason::TooMany))
            }
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Questions that found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// A question that it was too early to answer.
struct Waiting {
    at: Instant,
    tries: u32,
    lookup: Lookup,
}

struct Task<W> {
    finder: Finder,
    /// Questions that are looked at again; none holds up another.
    waiting: VecDeque<Waiting>,
    answer: SyncSender<Answer>,
    wake: W,
}

/// Nobody wants answers any more.
struct Over;

impl<W: Fn()> Task<W> {
    fn run(&mut self, asked: &Receiver<Lookup>) {
        loop {
            let now = Instant::now();
            let next = self.waiting.iter().map(|waiting| waiting.at).min();
            let patience = next.map_or(IDLE, |at| at.saturating_duration_since(now));
            let done = match asked.recv_timeout(patience) {
                Ok(lookup) => self.look(lookup, 0),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => Err(Over),
            };
            if done.and_then(|()| self.look_again()).is_err() {
                return;
            }
        }
    }

    fn look(&mut self, lookup: Lookup, tries: u32) -> Result<(), Over> {
        // As many wait as can be asked: over it one look is all there is.
        let tries = if self.waiting.len() < LOOKUPS { tries } else { finder::TRIES };
        let Some(answer) = self.finder.find(&lookup, tries) else {
            let at = Instant::now() + FIRST_WAIT * 2_u32.saturating_pow(tries.min(DOUBLINGS));
            self.waiting.push_back(Waiting { at, tries: tries + 1, lookup });
            return Ok(());
        };
        self.answer.send(answer).map_err(|_gone| Over)?;
        (self.wake)();
        Ok(())
    }

    /// Looks again at what it is time for.
    fn look_again(&mut self) -> Result<(), Over> {
        for _ in 0..self.waiting.len() {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if waiting.at > Instant::now() {
                self.waiting.push_back(waiting);
            } else {
                self.look(waiting.lookup, waiting.tries)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
