//! How far a command is that works through many things.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use super::report::count;

/// What takes longer shows how far it is.
const QUICK: Duration = Duration::from_millis(500);

/// How far the work is: shown on a terminal, once it takes long.
pub(in crate::commands) struct Progress {
    thing: &'static str,
    done: usize,
    all: usize,
    begun: Instant,
    shown: bool,
    is_terminal: bool,
}

impl Progress {
    /// Work on so many of a thing.
    pub(in crate::commands) fn new(all: usize, thing: &'static str) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { thing, done: 0, all, begun: Instant::now(), shown: false, is_terminal }
    }

    /// So many more are done.
    pub(in crate::commands) fn add(&mut self, number: usize) {
        self.done += number;
        if self.is_terminal && self.begun.elapsed() >= QUICK {
            self.shown = true;
            // Nobody may be there to read it.
            drop(write!(io::stderr().lock(), "\r{} of {}", self.done, count(self.all, self.thing)));
        }
    }

    /// Takes away what was shown.
    pub(in crate::commands) fn finish(self) {
        if self.shown {
            drop(write!(io::stderr().lock(), "\r\x1b[K"));
        }
    }
}
