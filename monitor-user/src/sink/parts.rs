//! Documents of which some at a time are sent, as a request, and which of them are sent next, until
//! something came of each.
//!
//! Of a request that is refused as a whole, halves are sent, down to the document that is refused.
//! So are those of a request that the receiver fails at again and again. A document at which it
//! fails alone, [`Patience::tries`] times and for [`Patience::time`], is set aside as refused, if
//! meanwhile the receiver takes another one that came after it: what is an outage fails at those,
//! too, and nothing is lost by it.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    About, Intake, Received,
    tries::{End, Failure, Round, Tries},
    trouble::{Trouble, Why},
};
use crate::limits::{ALONE_TIME, ALONE_TRIES, PROBES, SPLITS_AFTER};

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Taken,
    /// It will never be taken.
    Refused(String),
    /// Nothing is wrong with it: it is sent again at once.
    Again,
    /// Later, perhaps: the receiver wants time, or is set up wrongly.
    Later(String),
    /// The receiver failed, perhaps because of it.
    Failed(String),
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same of all documents of the request: of one that is refused it is not said which one.
    All(Fate),
    /// Of each.
    Each(Vec<Fate>),
}

/// What came of a request.
pub(super) struct Asked {
    pub(super) verdict: Verdict,
    /// How long the receiver wants to be left alone, where it said that.
    pub(super) wait: Option<Duration>,
    /// What is wrong, where something is to be tried again.
    pub(super) trouble: Trouble,
}

impl Asked {
    /// All of it is there.
    #[cfg(any(feature = "forward", feature = "syslog"))]
    pub(super) fn taken() -> Self {
        let verdict = Verdict::All(Fate::Taken);
        Self { verdict, wait: None, trouble: Trouble::Other }
    }

    /// It will never be taken as it is.
    #[cfg(feature = "forward")]
    pub(super) fn refused(why: String) -> Self {
        let verdict = Verdict::All(Fate::Refused(why));
        Self { verdict, wait: None, trouble: Trouble::Other }
    }

    /// It cannot be sent now, whatever it is.
    #[cfg(any(feature = "forward", feature = "syslog"))]
    pub(super) fn later(Why { trouble, text }: Why) -> Self {
        Self { verdict: Verdict::All(Fate::Later(text)), wait: None, trouble }
    }

    /// The receiver failed once it was sent, perhaps because of it.
    #[cfg(any(feature = "forward", feature = "syslog"))]
    pub(super) fn failed(Why { trouble, text }: Why) -> Self {
        Self { verdict: Verdict::All(Fate::Failed(text)), wait: None, trouble }
    }
}

/// How long it is waited for a document to compare another one with.
const COMPARES_WITHIN: Duration = Duration::from_millis(100);

/// Sends documents until something came of each; each time some of them.
pub(super) fn deliver(
    mut parts: Parts,
    intake: &mut Intake,
    tries: &mut Tries,
    mut ask: impl FnMut(&Intake, &[&Entry]) -> Asked,
) -> End {
    let mut round = Round::new();
    let mut end = tries.is_over().then_some(End::Lost);
    while end.is_none() {
        if parts.wants_another()
            && let Some(more) = intake.receive_whole_within(1, COMPARES_WITHIN)
        {
            parts.push(more.into_iter().flat_map(Entry::of));
        }
        let is_last = intake.is_ending();
        let Asked { verdict, wait, trouble } = ask(intake, &parts.part());
        match parts.take(verdict) {
            Step::On(was_taken) => {
                round.got_on();
                if was_taken {
                    tries.taken(intake);
                }
            }
            Step::Later(why) => {
                settle(&mut parts, intake, tries);
                let why = Why { trouble, text: why };
                let failure = Failure { why, wait, is_last };
                end = tries.failed(&mut round, intake, &failure);
                continue;
            }
        }
        settle(&mut parts, intake, tries);
        end = parts.is_empty().then_some(End::Delivered);
    }
    let end = end.unwrap_or(End::Lost);
    if end == End::Lost {
        parts.give_up();
        while let Some(done) = parts.pop() {
            done.document.into_iter().for_each(|delivered| intake.done(delivered));
        }
    }
    end
}

/// Counts what something came of, in order.
fn settle(parts: &mut Parts, intake: &mut Intake, tries: &mut Tries) {
    // The store is told once of those that follow one another.
    let mut delivered = 0;
    while let Some(done) = parts.pop() {
        if let Some(why) = done.refused {
            tries.refused(&why);
        }
        match done.document {
            Some(true) => delivered += 1,
            Some(false) => {
                intake.done_all(std::mem::take(&mut delivered), true);
                intake.done(false);
            }
            None => {}
        }
    }
    intake.done_all(delivered, true);
}

/// A line of a document that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) line: Vec<u8>,
    /// Which line of its document it is.
    pub(super) place: usize,
    pub(super) about: Arc<About>,
    is_last: bool,
    /// What came of it: why it was refused.
    settled: Option<Result<(), String>>,
}

impl Entry {
    /// The lines of a document.
    pub(super) fn of(received: Received) -> impl Iterator<Item = Self> {
        let Received { lines, about } = received;
        let (last, about) = (lines.len().saturating_sub(1), Arc::new(about));
        let entry = move |(place, line)| {
            let about = Arc::clone(&about);
            Self { line, place, about, is_last: place == last, settled: None }
        };
        lines.into_iter().enumerate().map(entry)
    }

    /// It, as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.line)
    }

    fn waits(&self) -> bool {
        self.settled.is_none()
    }
}

/// When a document is set aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Failures of a request until halves are sent.
    pub(super) splits_after: u32,
    /// Failures at a document alone.
    pub(super) tries: u32,
    /// And how long that takes at least.
    pub(super) time: Duration,
    /// Documents behind it that are tried for comparison.
    pub(super) probes: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { splits_after: SPLITS_AFTER, tries: ALONE_TRIES, time: ALONE_TIME, probes: PROBES }
    }
}

/// What is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The first that wait, so many at most.
    First(usize),
    /// One behind the first, to see whether that is taken.
    Probe(usize),
    /// The first once more, after another one was taken.
    Last,
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something came of some documents, or less is sent at once: on with it. Whether something was
    /// taken.
    On(bool),
    /// It is to be tried again, later.
    Later(String),
}

/// What became of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// It is whole: its last line is done with; and whether all of them were taken.
    pub(super) document: Option<bool>,
    /// Why this line was refused.
    pub(super) refused: Option<String>,
}

/// Documents in order.
pub(super) struct Parts {
    entries: VecDeque<Entry>,
    patience: Patience,
    turn: Turn,
    /// Failures in a row of what may be the documents' fault.
    failures: u32,
    /// Since when it failed at the first alone.
    alone: Option<Instant>,
    /// How far behind the first the next probe is.
    probe: usize,
    /// A line of the document that is not whole was refused.
    is_marred: bool,
}

impl Parts {
    pub(super) fn new(entries: VecDeque<Entry>, patience: Patience) -> Self {
        let turn = Turn::First(entries.len());
        Self { entries, patience, turn, failures: 0, alone: None, probe: 1, is_marred: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes another document, for comparison.
    pub(super) fn push(&mut self, entries: impl Iterator<Item = Entry>) {
        self.entries.extend(entries);
    }

    /// Whether it would take another document to see what is wrong with the only one.
    pub(super) fn wants_another(&self) -> bool {
        self.is_out_of_patience() && self.waiting(1).is_none()
    }

    /// What is sent next.
    pub(super) fn part(&self) -> Vec<&Entry> {
        self.places().iter().filter_map(|place| self.entries.get(*place)).collect()
    }

    fn places(&self) -> Vec<usize> {
        let waiting = self.entries.iter().enumerate().filter(|(_, entry)| entry.waits());
        let mut waiting = waiting.map(|(place, _)| place);
        match self.turn {
            Turn::First(most) => waiting.take(most.max(1)).collect(),
            Turn::Last => waiting.take(1).collect(),
            Turn::Probe(behind) => waiting.nth(behind).into_iter().collect(),
        }
    }

    /// The place of the so-many-th that waits.
    fn waiting(&self, behind: usize) -> Option<usize> {
        let mut waiting = self.entries.iter().enumerate().filter(|(_, entry)| entry.waits());
        waiting.nth(behind).map(|(place, _)| place)
    }

    fn is_out_of_patience(&self) -> bool {
        let Patience { tries, time, .. } = self.patience;
        self.failures >= tries && self.alone.is_some_and(|since| since.elapsed() >= time)
    }

    /// Takes what the receiver said of [`Self::part`].
    pub(super) fn take(&mut self, verdict: Verdict) -> Step {
        let places = self.places();
        let fates = match verdict {
            Verdict::All(Fate::Refused(_)) if places.len() > 1 => {
                self.turn = Turn::First(places.len() / 2);
                return Step::On(false);
            }
            Verdict::All(fate) => vec![fate; places.len()],
            Verdict::Each(fates) => fates,
        };
        let (mut was_taken, mut settled) = (false, 0);
        let mut left = None;
        let mut fates = fates.into_iter();
        for place in &places {
            let Some(entry) = self.entries.get_mut(*place) else { continue };
            match fates.next().unwrap_or(Fate::Again) {
                Fate::Taken => {
                    entry.settled = Some(Ok(()));
                    (was_taken, settled) = (true, settled + 1);
                }
                Fate::Refused(why) => {
                    entry.settled = Some(Err(why));
                    settled += 1;
                }
                fate => left = left.or(Some(fate)),
            }
        }
        match left {
            None | Some(Fate::Again | Fate::Taken | Fate::Refused(_)) => {
                self.got_on(places.len(), was_taken);
                Step::On(was_taken)
            }
            Some(Fate::Later(why)) => Step::Later(why),
            Some(Fate::Failed(why)) => self.failed(places.len() - settled, why),
        }
    }

    /// All that was sent is settled, or nothing is wrong with it.
    fn got_on(&mut self, sent: usize, was_taken: bool) {
        self.turn = match self.turn {
            Turn::Probe(_) if was_taken => Turn::Last,
            Turn::Probe(_) => Turn::First(1),
            Turn::First(_) | Turn::Last => {
                (self.failures, self.alone, self.probe) = (0, None, 1);
                Turn::First(sent.saturating_mul(2))
            }
        };
    }

    /// The receiver failed, perhaps because of what was sent.
    fn failed(&mut self, sent: usize, why: String) -> Step {
        match self.turn {
            Turn::Probe(behind) => {
                self.probe = if behind >= self.patience.probes { 1 } else { behind + 1 };
                self.turn = Turn::First(1);
            }
            Turn::Last => {
                let place = self.waiting(0);
                if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
                    let why = format!("set aside, since others are taken: {why}");
                    entry.settled = Some(Err(why));
                }
                self.turn = Turn::First(1);
                (self.failures, self.alone, self.probe) = (0, None, 1);
                return Step::On(false);
            }
            Turn::First(_) if sent > 1 => {
                self.failures += 1;
                let splits = self.failures >= self.patience.splits_after;
                self.turn = Turn::First(if splits { sent / 2 } else { sent });
            }
            Turn::First(_) => {
                if self.alone.is_none() {
                    (self.alone, self.failures) = (Some(Instant::now()), 0);
                }
                self.failures += 1;
                self.turn = Turn::First(1);
                if self.is_out_of_patience() {
                    let behind = if self.waiting(self.probe).is_some() { self.probe } else { 1 };
                    if self.waiting(behind).is_some() {
                        self.turn = Turn::Probe(behind);
                    }
                }
            }
        }
        Step::Later(why)
    }

    /// The first, once something came of it.
    pub(super) fn pop(&mut self) -> Option<Done> {
        let entry = self.entries.pop_front_if(|entry| !entry.waits())?;
        let refused = entry.settled.and_then(Result::err);
        self.is_marred |= refused.is_some();
        let document = entry.is_last.then(|| !std::mem::take(&mut self.is_marred));
        Some(Done { document, refused })
    }

    /// Nothing more is tried: what waits is lost.
    pub(super) fn give_up(&mut self) {
        let waiting = self.entries.iter_mut().filter(|entry| entry.waits());
        waiting.for_each(|entry| entry.settled = Some(Err("given up".to_owned())));
    }
}
