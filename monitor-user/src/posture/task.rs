//! Looks at containers, off the line: questions come in, answers go out, both queues are bounded.
//!
//! What fails is looked at once more a moment later, and only what stays counts: a runtime that
//! enters a container has more rights than it for a moment.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use super::{
    Declared,
    accepted::{self, Exception},
    assess, compare, declared, host, in_use,
    maps::Mapping,
    observed::{Asked, Look, Scope},
    sensitive::configured_sockets,
    traffic::Traffic,
};
use crate::{
    container::Container,
    fact::Fact,
    limits::{POSTURE_QUESTIONS, TAP_EVERY, TAPS},
    metadata::RuntimeRoot,
    reach::Reach,
    state::{Assessment, Status},
    usage::How,
};

/// How long what fails must stay so: a runtime that enters a container takes less.
pub const AGAIN: Duration = Duration::from_millis(200);

/// How long to wait for a question where nothing is due.
const REST: Duration = Duration::from_secs(3600);

/// A question: how is this container, or the host, set up?
#[derive(Clone, Debug)]
pub struct Question {
    /// The container.
    pub container: Arc<Container>,
    /// The cgroups of the containers inside of it.
    pub inner: Vec<String>,
}

/// The answer.
#[derive(Debug)]
pub struct Assessed {
    /// The container, as it was known when it was asked about.
    pub container: Arc<Container>,
    /// What was seen of it.
    pub seen: Seen,
    /// Files that it has mapped, and how it uses them.
    pub mapped: Vec<(Vec<u8>, How)>,
    /// Where it listens for others, as `443/tcp`.
    pub ports: Vec<String>,
}

/// What one look shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// What came of each check.
    Assessed(Vec<Assessment>),
    /// Its first program has not started yet.
    TooEarly,
    /// It has ended, or cannot be looked at, or is the monitor's own.
    Nothing,
}

/// What looks, and reads what was declared.
pub struct Eyes {
    look: Box<dyn Look>,
    reach: Box<dyn Reach>,
    /// Who knows how listeners are spoken to, if anybody listens.
    traffic: Option<Traffic>,
    /// Whether all of a root is looked through.
    is_thorough: bool,
    /// What is accepted.
    exceptions: Vec<Exception>,
    /// Sockets of runtimes at places of their own.
    sockets: Vec<String>,
    /// What the last look found mapped.
    mapped: Vec<(Vec<u8>, How)>,
    /// And where somebody listens.
    ports: Vec<String>,
}

impl Eyes {
    /// By who looks, and who reads bundles.
    #[must_use]
    pub fn new(look: Box<dyn Look>, reach: Box<dyn Reach>) -> Self {
        Self {
            look,
            reach,
            traffic: None,
            is_thorough: false,
            exceptions: Vec::new(),
            sockets: Vec::new(),
            mapped: Vec::new(),
            ports: Vec::new(),
        }
    }

    /// The same, with who knows how listeners are spoken to.
    #[must_use]
    pub fn listening(self, traffic: Traffic) -> Self {
        Self { traffic: Some(traffic), ..self }
    }

    /// The same, knowing what is accepted.
    #[must_use]
    pub fn accepting(self, exceptions: &[Exception]) -> Self {
        Self { exceptions: exceptions.to_vec(), ..self }
    }

    /// The same, knowing where runtimes are.
    #[must_use]
    pub fn knowing(self, roots: &[RuntimeRoot]) -> Self {
        Self { sockets: configured_sockets(roots), ..self }
    }

    /// The same, looking for programs that run as another user: that takes all of a root.
    #[must_use]
    pub fn thorough(self) -> Self {
        Self { is_thorough: true, ..self }
    }

    /// Has listened to what these looks found, and waits for it, so long at most for each.
    pub fn listen(&mut self, questions: &[Question], each: Duration) {
        for question in questions {
            self.see(question);
        }
        if let Some(traffic) = &mut self.traffic {
            let rounds = u32::try_from(traffic.asked().div_ceil(TAPS)).unwrap_or(u32::MAX);
            traffic.wait(each.saturating_mul(rounds).saturating_add(TAP_EVERY * 10));
        }
    }

    fn see(&mut self, question: &Question) -> Seen {
        let mut seen = self.all_of(question);
        if let Seen::Assessed(all) = &mut seen {
            accepted::mark(all, &self.exceptions, &question.container, host::now());
        }
        seen
    }

    fn all_of(&mut self, question: &Question) -> Seen {
        let Question { container, inner } = question;
        self.mapped.clear();
        self.ports.clear();
        if container.is_host() {
            let Ok(mut facts) = self.look.look_at_host(&self.sockets) else { return Seen::Nothing };
            if let (Some(traffic), Some(listeners)) = (&mut self.traffic, facts.listeners()) {
                traffic.hear(listeners);
            }
            return Seen::Assessed(host::assess(&facts));
        }
        let declared = self.declared(container);
        let asked = Asked {
            cgroup: container.cgroup_path.to_string(),
            others: inner.clone(),
            declared: declared.clone().unwrap_or_default(),
            sockets: self.sockets.clone(),
            scope: Scope::Cgroup,
            is_thorough: self.is_thorough,
        };
        let mut observed = match self.look.look(&asked) {
            Ok(Some(observed)) => observed,
            Ok(None) | Err(_) => return Seen::Nothing,
        };
        let own = std::process::id();
        if observed.processes.iter().any(|process| process.pid == own) {
            return Seen::Nothing;
        }
        if let (Some(traffic), Ok(listeners)) = (&mut self.traffic, &mut observed.listeners) {
            traffic.hear(listeners);
        }
        let how = |it: &Mapping| if it.is_code { How::Mapped } else { How::Opened };
        self.mapped = observed.mapped.iter().map(|it| (it.path.clone(), how(it))).collect();
        self.ports = in_use::ports(&observed);
        if observed.processes.is_empty() {
            return Seen::TooEarly;
        }
        let compared = declared.map(|it| {
            let comparison = compare(&it, &container.declared_ports, &observed);
            (it, comparison)
        });
        let compared = compared.as_ref().map(|(declared, comparison)| (declared, comparison));
        Seen::Assessed(assess(&observed, compared.map_err(|why| &**why)))
    }

    /// The answer to a question, of what the last look found.
    fn answer(&mut self, question: Question, seen: Seen) -> Assessed {
        let (mapped, ports) = (std::mem::take(&mut self.mapped), std::mem::take(&mut self.ports));
        Assessed { container: question.container, seen, mapped, ports }
    }

    fn declared(&self, container: &Container) -> Result<Declared, String> {
        match &container.bundle {
            Fact::Known(bundle, _) => declared::read(&*self.reach, Path::new(&**bundle)),
            Fact::Unknown(reason) => {
                Err(format!("what it was declared to be is not known: {}", reason.name()))
            }
        }
    }
}

/// Whether nothing is found.
fn is_good(seen: &[Assessment]) -> bool {
    seen.iter().all(|it| it.status != Status::Fail)
}

/// What both looks say: a check fails only if it does each time, and what changed meanwhile is not
/// known.
fn both(first: Vec<Assessment>, second: Vec<Assessment>) -> Vec<Assessment> {
    let one = |(first, second): (Assessment, Assessment)| match (first.status, second.status) {
        (Status::Pass, Status::Fail) => Assessment {
            status: Status::Unknown,
            text: "it changed while it was looked at".to_owned(),
            evidence: Vec::new(),
            ..second
        },
        // It is as the second look saw it.
        _ => second,
    };
    first.into_iter().zip(second).map(one).collect()
}

/// What came of a second look.
fn second(first: Vec<Assessment>, again: Seen) -> Seen {
    match again {
        Seen::Assessed(second) => Seen::Assessed(both(first, second)),
        other => other,
    }
}

/// Looks at a container twice, if the first look finds anything.
#[must_use]
pub fn look_twice(eyes: &mut Eyes, question: &Question) -> Seen {
    match eyes.see(question) {
        Seen::Assessed(first) if !is_good(&first) => {
            std::thread::sleep(AGAIN);
            second(first, eyes.see(question))
        }
        seen => seen,
    }
}

/// The task, as the daemon sees it. It ends when this is dropped.
#[derive(Debug)]
pub struct Assessor {
    questions: SyncSender<Question>,
    answers: Receiver<Assessed>,
    refused: u64,
}

impl Assessor {
    /// Starts it. `wake` is called after each answer.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(eyes: Eyes, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(POSTURE_QUESTIONS);
        let (answer, answers) = sync_channel(POSTURE_QUESTIONS);
        let tell = move |assessed| {
            let is_taken = answer.send(assessed).is_ok();
            wake();
            is_taken
        };
        let run = move || work(eyes, &asked, tell);
        std::thread::Builder::new().name("posture".into()).spawn(run)?;
        Ok(Self { questions, answers, refused: 0 })
    }

    /// Asks; false where there is no room.
    pub fn ask(&mut self, question: Question) -> bool {
        match self.questions.try_send(question) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.refused += 1;
                false
            }
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Assessed> {
        self.answers.try_recv().ok()
    }

    /// Questions that found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// Answers until nobody asks any more, or nobody listens.
fn work(mut eyes: Eyes, asked: &Receiver<Question>, tell: impl Fn(Assessed) -> bool) {
    // Those that are looked at once more, in the order in which they are due.
    let mut again: VecDeque<(Instant, Question, Vec<Assessment>)> = VecDeque::new();
    loop {
        let now = Instant::now();
        let wait = again.front().map_or(REST, |(due, ..)| due.saturating_duration_since(now));
        let told = if wait.is_zero() {
            again.pop_front().map(|(_, question, first)| {
                let seen = second(first, eyes.see(&question));
                eyes.answer(question, seen)
            })
        } else {
            match asked.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(question) => match eyes.see(&question) {
                    // Nobody enters the host for a moment: one look at it is enough.
                    Seen::Assessed(first) if !is_good(&first) && !question.container.is_host() => {
                        again.push_back((Instant::now() + AGAIN, question, first));
                        None
                    }
                    seen => Some(eyes.answer(question, seen)),
                },
            }
        };
        if told.is_some_and(|told| !tell(told)) {
            return;
        }
    }
}
