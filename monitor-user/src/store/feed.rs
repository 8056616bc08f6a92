//! The store, as a sink sees it.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Acquire},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use super::{
    Handed,
    task::{Ask, Call},
};

/// What comes next, for who does not wait for ever.
#[derive(Debug)]
pub enum Next<T> {
    /// This.
    Here(T),
    /// Nothing so far.
    NotYet,
    /// Nothing any more.
    Over,
}

/// The store, as a sink sees it.
#[derive(Debug)]
pub struct Feed {
    pub(super) sink: usize,
    /// Which sinks it is one of: those of another generation are not heard any more.
    pub(super) generation: u32,
    pub(super) calls: SyncSender<Call>,
    pub(super) asks: SyncSender<Ask>,
    pub(super) given: Receiver<Vec<Handed>>,
    pub(super) batch: VecDeque<Handed>,
    /// It waits for an answer.
    pub(super) asked: bool,
    /// Its generation ends.
    pub(super) is_ending: Arc<AtomicBool>,
    /// Name of the run of numbers.
    pub stream: Arc<str>,
    /// The sink's name.
    pub name: Arc<str>,
}

impl Feed {
    /// Which of the store's sinks it is for.
    #[must_use]
    pub fn sink(&self) -> usize {
        self.sink
    }

    /// The next record; waits for one. None when there will be no more.
    pub fn take(&mut self) -> Option<Handed> {
        if self.batch.is_empty() {
            self.ask()?;
            self.batch = self.given.recv().ok()?.into();
            self.asked = false;
        }
        self.batch.pop_front()
    }

    /// The same, unless it takes too long.
    pub fn take_within(&mut self, time: Duration) -> Next<Handed> {
        if self.batch.is_empty() {
            if self.ask().is_none() {
                return Next::Over;
            }
            match self.given.recv_timeout(time) {
                Ok(batch) => self.batch = batch.into(),
                Err(RecvTimeoutError::Timeout) => return Next::NotYet,
                Err(RecvTimeoutError::Disconnected) => return Next::Over,
            }
            self.asked = false;
        }
        self.batch.pop_front().map_or(Next::Over, Next::Here)
    }

    /// Asks for more; it is answered once.
    fn ask(&mut self) -> Option<()> {
        if !self.asked {
            self.say(Ask::Next(self.sink, self.generation))?;
            self.asked = true;
        }
        Some(())
    }

    /// The next record, if it was given already.
    pub fn take_there(&mut self) -> Option<Handed> {
        self.batch.pop_front()
    }

    /// Tells the store. Where there is no room to wake it, it is awake. None: it is gone.
    fn say(&self, ask: Ask) -> Option<()> {
        self.asks.send(ask).ok()?;
        drop(self.calls.try_send(Call::Asked));
        Some(())
    }

    /// Says that a record, and none before it, need be given again.
    pub fn finish(&self, handed: &Handed) {
        // Who is gone gives it again to the next run.
        let Self { sink, generation, .. } = *self;
        let done =
            Ask::Done { sink, generation, sequence: handed.record.sequence, number: handed.number };
        self.say(done).unwrap_or_default();
    }

    /// Whether the monitor ends, or its sinks become others.
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Acquire)
    }

    /// Records that were given, and wait.
    pub fn waiting(&self) -> usize {
        self.batch.len()
    }
}
