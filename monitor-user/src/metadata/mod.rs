//! The metadata task: finds out about containers, off the line. Questions come in, facts go out;
//! both queues are bounded, and what found no room is answered `too_many`.

mod again;
mod buildkit;
mod bundle;
pub mod cgroups;
pub mod containerd;
mod created;
mod docker;
mod files;
mod finder;
pub mod images;
mod node;
mod oci;
mod owner;
mod pods;
mod probes;
mod roots;
mod runc;
pub mod running;
mod sandbox;
mod storage;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use crate::{
    enrich::{
        container::{ContainerFacts, Lookup},
        holders::Holder,
    },
    event::Reason,
    kubernetes::told::{Stats, Told},
    limits::{LOOKUPS, NEWS},
    raw_event::CgroupKey,
};
use again::{Again, NoRoom};
pub use bundle::TASKS;
pub use finder::Sources;
use finder::{Before, Finder, unknown};
use pods::Pods;
pub use roots::{RuntimeKind, RuntimeRoot};

/// How long after the first look the second is: some containers live no longer than a few of it.
const FIRST_WAIT: Duration = Duration::from_millis(2);

/// After so many looks the wait doubles.
const LOOKS_OF_A_WAIT: u32 = 4;

/// The longest wait, however many wait.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How much longer looks wait than they take, so that those which wait hold up none that is new.
const REST: u32 = 2;

/// How often it does.
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
    /// Whose addresses the cluster's API says are.
    Holder(Holder),
}

/// What wakes the task.
enum Call {
    /// A question.
    Lookup(Lookup),
    /// The cluster's API told something, which waits in a queue of its own.
    Told,
}

/// The way in for what the cluster's API tells.
#[derive(Clone)]
pub struct Intake {
    told: SyncSender<Told>,
    /// So that the task ends when nobody asks any more, whoever still has news.
    bell: Weak<SyncSender<Call>>,
    /// Numbers of what came in.
    pub stats: Arc<Stats>,
}

/// Nobody wants news any more.
#[derive(Clone, Copy, Debug)]
pub struct Over;

/// A way in that leads to who calls this.
#[cfg(test)]
pub(crate) fn news_for_tests() -> (Intake, Receiver<Told>) {
    let (told, news) = sync_channel(NEWS);
    let (bell, rung) = sync_channel(1);
    let bell = Arc::new(bell);
    let intake = Intake { told, bell: Arc::downgrade(&bell), stats: Arc::default() };
    // A test does not end what it looks at.
    std::mem::forget((bell, rung));
    (intake, news)
}

impl Intake {
    /// Brings something in; waits while there is no room.
    ///
    /// # Errors
    ///
    /// The task has ended.
    pub fn bring(&self, told: Told) -> Result<(), Over> {
        self.told.send(told).map_err(|_gone| Over)?;
        match self.bell.upgrade().ok_or(Over)?.try_send(Call::Told) {
            // Where others wait the task is awake, and looks at the news after each.
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Over),
        }
    }
}

/// The task, as the line sees it. It ends when this is dropped.
pub struct Metadata {
    questions: Arc<SyncSender<Call>>,
    answers: Receiver<Answer>,
    refused: u64,
    /// Containers that are not asked about again, for want of room.
    not_again: Arc<AtomicU64>,
    intake: Intake,
}

impl Metadata {
    /// Starts the task. `wake` is called after each answer. With `asks_cluster` facts that the
    /// cluster's API tells are waited for: who asks it brings them to the [`Metadata::intake`].
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(
        sources: Sources,
        roots: Vec<RuntimeRoot>,
        controller: Option<&'static str>,
        asks_cluster: bool,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<Call>(LOOKUPS);
        let (answer, answers) = sync_channel(LOOKUPS);
        let (tell, told) = sync_channel(NEWS);
        let (questions, stats) = (Arc::new(questions), Arc::new(Stats::default()));
        let intake =
            Intake { told: tell, bell: Arc::downgrade(&questions), stats: Arc::clone(&stats) };
        let finder = Finder::new(sources, roots, controller);
        let pods = asks_cluster.then(|| Pods::new(stats));
        let not_again = Arc::<AtomicU64>::default();
        let (waiting, again) = (VecDeque::new(), Again::default());
        let refused = Arc::clone(&not_again);
        let mut task = Task { finder, waiting, again, refused, told, pods, answer, wake };
        std::thread::Builder::new().name("metadata".into()).spawn(move || task.run(&asked))?;
        Ok(Self { questions, answers, refused: 0, not_again, intake })
    }

    /// The way in for what the cluster's API tells, and its numbers.
    #[must_use]
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Asks; answers at once where there is no room.
    pub fn ask(&mut self, lookup: Lookup) -> Option<ContainerFacts> {
        match self.questions.try_send(Call::Lookup(lookup)) {
            Err(TrySendError::Full(Call::Lookup(lookup)))
            | Err(TrySendError::Disconnected(Call::Lookup(lookup))) => {
                self.refused += 1;
                Some(unknown(&lookup, Reason::TooMany))
            }
            Ok(()) | Err(_) => None,
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Questions that found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.saturating_add(self.not_again.load(Ordering::Relaxed))
    }
}

/// A question that it was too early to answer.
struct Waiting {
    at: Instant,
    since: Instant,
    tries: u32,
    lookup: Lookup,
}

struct Task<W> {
    finder: Finder,
    /// Questions that are looked at again; none holds up another, or a new one.
    waiting: VecDeque<Waiting>,
    /// Containers about which somebody did not answer.
    again: Again,
    /// Of these, those that found no room.
    refused: Arc<AtomicU64>,
    /// What the cluster's API told.
    told: Receiver<Told>,
    /// The pods that it told of, if it is asked.
    pods: Option<Pods>,
    answer: SyncSender<Answer>,
    wake: W,
}

impl<W: Fn()> Task<W> {
    fn run(&mut self, asked: &Receiver<Call>) {
        loop {
            let now = Instant::now();
            let looks = self.waiting.iter().map(|waiting| waiting.at);
            let dues = [self.pods.as_ref().and_then(Pods::due), self.again.due()];
            let next = looks.chain(dues.into_iter().flatten()).min();
            let patience = next.map_or(IDLE, |at| at.saturating_duration_since(now));
            let done = match asked.recv_timeout(patience) {
                Ok(Call::Lookup(lookup)) => self.look(lookup, 0, now),
                Ok(Call::Told) | Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => Err(Over),
            };
            let done = done.and_then(|()| self.take_told());
            let done = done.and_then(|()| self.look_again());
            if done.and_then(|()| self.ask_again()).is_err() {
                return;
            }
        }
    }

    fn look(&mut self, lookup: Lookup, tries: u32, since: Instant) -> Result<(), Over> {
        let begun = Instant::now();
        // As many wait as can be asked: over it one look is all there is.
        let before = match self.waiting.len() < LOOKUPS {
            true => Before { tries, waited: begun.saturating_duration_since(since) },
            false => Before::ALL,
        };
        let Some(answer) = self.finder.find(&lookup, before) else {
            let tries = tries.saturating_add(1);
            let at = begun + self.wait(tries, begun.elapsed());
            self.waiting.push_back(Waiting { at, since, tries, lookup });
            return Ok(());
        };
        if let Answer::Facts(facts) = &answer
            && self.again.note(&lookup, facts, begun) == Err(NoRoom)
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        self.tell(answer)
    }

    /// How long it waits for the next look, after one that took so long.
    fn wait(&self, tries: u32, look: Duration) -> Duration {
        let doublings = (tries / LOOKS_OF_A_WAIT).min(DOUBLINGS);
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).saturating_add(1);
        let of_all = look.saturating_mul(waiting).saturating_mul(REST);
        (FIRST_WAIT * 2_u32.saturating_pow(doublings)).max(of_all).min(LONGEST_WAIT)
    }

    fn tell(&mut self, answer: Answer) -> Result<(), Over> {
        let answer = match (answer, &mut self.pods) {
            (Answer::Facts(facts), Some(pods)) => {
                Answer::Facts(pods.complete(facts, Instant::now()))
            }
            (answer, _) => answer,
        };
        self.send(answer)
    }

    fn send(&self, answer: Answer) -> Result<(), Over> {
        self.answer.send(answer).map_err(|_gone| Over)?;
        (self.wake)();
        Ok(())
    }

    /// Takes in what the cluster's API told, and gives up what it should have told by now. Of news
    /// without end no more than wait at a time: questions come in between.
    fn take_told(&mut self) -> Result<(), Over> {
        for _ in 0..NEWS {
            let Ok(told) = self.told.try_recv() else { break };
            let changed = match (told, &mut self.pods) {
                (Told::Holder(holder), _) => {
                    self.send(Answer::Holder(*holder))?;
                    continue;
                }
                (Told::Pod(pod), Some(pods)) => pods.learn(*pod),
                (Told::Gone(uid), Some(pods)) => {
                    pods.forget(&uid);
                    continue;
                }
                (Told::Pod(_) | Told::Gone(_), None) => continue,
            };
            for facts in changed {
                self.send(Answer::Facts(facts))?;
            }
        }
        let late = self.pods.as_mut().map(|pods| pods.give_up(Instant::now()));
        for facts in late.into_iter().flatten() {
            self.send(Answer::Facts(facts))?;
        }
        Ok(())
    }

    /// Looks again at the one for which it is time since longest.
    fn look_again(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        let due = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.at <= now);
        let Some((first, _)) = due.min_by_key(|(_, waiting)| waiting.at) else { return Ok(()) };
        let Some(Waiting { since, tries, lookup, .. }) = self.waiting.remove(first) else {
            return Ok(());
        };
        self.look(lookup, tries, since)
    }

    /// Asks again about one container about which somebody did not answer.
    fn ask_again(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        let Some(open) = self.again.take(now) else { return Ok(()) };
        let Some(Answer::Facts(found)) = self.finder.find(&open.lookup, Before::ALL) else {
            return Ok(());
        };
        let news = self.again.compare(open, found, now);
        news.map_or(Ok(()), |facts| self.tell(Answer::Facts(facts)))
    }
}

#[cfg(test)]
mod tests;
