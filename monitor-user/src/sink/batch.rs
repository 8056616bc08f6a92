//! Documents that are on their way together, of which each gets an answer of its own. Those that
//! were taken before a failure are not sent again.

use std::io;

use super::{
    Intake,
    intake::Received,
    tries::{Answer, End, Tries},
    trouble::Why,
};
use crate::limits::STORE_BATCH;

/// A document on its way.
pub(super) struct Pending {
    pub(super) document: Received,
    /// Whether the receiver has it, or has refused it; None: it is not known yet.
    pub(super) is_taken: Option<bool>,
}

/// Why a try failed.
pub(super) enum Failure {
    /// The receiver says it.
    Answer(String),
    /// The connection is of no use any more.
    Connection(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

/// Documents on their way, in order.
pub(super) struct Batch {
    pub(super) documents: Vec<Pending>,
    /// Why one was refused since that was last told.
    refused: Option<String>,
}

impl Batch {
    pub(super) fn new(documents: Vec<Received>) -> Self {
        let documents =
            documents.into_iter().map(|document| Pending { document, is_taken: None }).collect();
        Self { documents, refused: None }
    }

    /// Places of the documents of which nothing is known yet.
    pub(super) fn left(&self) -> Vec<usize> {
        let is_left =
            |(place, pending): (usize, &Pending)| pending.is_taken.is_none().then_some(place);
        self.documents.iter().enumerate().filter_map(is_left).collect()
    }

    /// The one in that place is there.
    pub(super) fn taken(&mut self, place: usize) {
        if let Some(pending) = self.documents.get_mut(place) {
            pending.is_taken.get_or_insert(true);
        }
    }

    /// The receiver will never take it.
    pub(super) fn refused(&mut self, place: usize, why: String) {
        if let Some(pending) = self.documents.get_mut(place) {
            pending.is_taken = Some(false);
        }
        self.refused.get_or_insert(why);
    }

    /// What a try came to that ended without a failure.
    fn answer(&mut self) -> Answer {
        self.refused.take().map_or(Answer::Taken, Answer::Refused)
    }

    /// Counts what is known, up to the first of which nothing is; `is_lost`: and all behind that.
    fn settle(&self, intake: &mut Intake, is_lost: bool) {
        for pending in &self.documents {
            match pending.is_taken {
                Some(is_taken) => intake.done(is_taken),
                None if is_lost => intake.done(false),
                None => return,
            }
        }
    }
}

/// Sends until there are no more documents, or until the monitor ends and they do not go. A try
/// puts down in the batch what came of each, or says why that is not known.
pub(super) fn run(
    mut intake: Intake,
    mut tries: Tries,
    mut attempt: impl FnMut(&Intake, &mut Batch) -> Result<(), Why>,
) {
    while let Some(documents) = intake.receive_whole(STORE_BATCH) {
        let mut batch = Batch::new(documents);
        let end = tries.deliver(&intake, || match attempt(&intake, &mut batch) {
            Ok(()) => batch.answer(),
            Err(why) => Answer::Later(why),
        });
        batch.settle(&mut intake, end != End::Kept);
        if end == End::Kept {
            return;
        }
    }
}
