//! Events of which a profile expects all, by a mark: most acts are done again and again, and are
//! not taken apart each time.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::observe;
use crate::{event::Event, limits::PROFILE_REMEMBERED};

/// So many marks, each in the place that it names; a later one takes the place of an earlier.
#[derive(Debug)]
pub(super) struct Remembered {
    marks: Box<[AtomicU64]>,
    /// Its keys are made up anew for each: nobody can choose what has the mark of something else.
    state: ahash::RandomState,
}

impl Default for Remembered {
    fn default() -> Self {
        let marks = (0..PROFILE_REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        Self { marks, state: ahash::RandomState::new() }
    }
}

impl Remembered {
    /// The mark of everything that [`observe::each`] takes of an event whose names have no digits.
    /// One that is remembered is of such an event.
    pub(super) fn plain_mark(&self, event: &Event) -> u64 {
        let mut hasher = self.state.build_hasher();
        observe::mark(event, &mut hasher);
        // Zero stands for none.
        hasher.finish() | 1
    }

    /// The mark of any event, by its plain one.
    pub(super) fn mark(&self, plain: u64, event: &Event) -> u64 {
        let Some(numbers) = observe::numbers_in_names(event) else { return plain };
        self.state.hash_one((plain, numbers)) | 1
    }

    pub(super) fn has(&self, mark: u64) -> bool {
        self.place(mark).is_some_and(|place| place.load(Relaxed) == mark)
    }

    pub(super) fn put(&self, mark: u64) {
        if let Some(place) = self.place(mark) {
            place.store(mark, Relaxed);
        }
    }

    fn place(&self, mark: u64) -> Option<&AtomicU64> {
        let number = usize::try_from(mark >> 1).unwrap_or_default();
        self.marks.get(number % PROFILE_REMEMBERED)
    }
}
