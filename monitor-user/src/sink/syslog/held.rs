//! What was written, or is to be, and may have to be written again.

use std::{collections::VecDeque, io, time::Instant};

use super::link::Link;
use crate::{
    limits::{SYSLOG_HELD, SYSLOG_HELD_BYTES},
    sink::{Intake, Received, parts::Entry},
};

/// Documents in order, the oldest first.
#[derive(Default)]
pub(super) struct Held {
    documents: VecDeque<HeldDocument>,
    bytes: usize,
}

struct HeldDocument {
    /// With the messages as they were written by whoever knows no facility.
    received: Received,
    /// When it was written to the connection that there is.
    written: Option<Instant>,
    /// The receiver's socket will never take it.
    is_refused: bool,
}

impl HeldDocument {
    fn bytes(&self) -> usize {
        self.received.lines.iter().map(Vec::len).sum()
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Whether it is as much as may be held.
    pub(super) fn is_full(&self) -> bool {
        self.documents.len() >= SYSLOG_HELD || self.bytes >= SYSLOG_HELD_BYTES
    }

    /// Takes documents that are to be written.
    pub(super) fn take(&mut self, documents: Vec<Received>) {
        for received in documents {
            let document = HeldDocument { received, written: None, is_refused: false };
            self.bytes += document.bytes();
            self.documents.push_back(document);
        }
    }

    /// Gives up holding it: another way is to be found for it.
    pub(super) fn take_all(&mut self) -> VecDeque<Entry> {
        self.bytes = 0;
        self.documents.drain(..).flat_map(|document| Entry::of(document.received)).collect()
    }

    /// All is to be written again.
    pub(super) fn again(&mut self) {
        self.documents.iter_mut().for_each(|document| document.written = None);
    }

    /// Writes what is not written yet to a connection that is still open.
    pub(super) fn write(&mut self, link: &mut Link, facility: u8) -> io::Result<()> {
        link.look()?;
        let is_left = |document: &&mut HeldDocument| document.written.is_none();
        for document in self.documents.iter_mut().filter(is_left) {
            for line in &document.received.lines {
                document.is_refused |= !link.write(&of_facility(line, facility))?;
            }
        }
        link.flush()?;
        let now = Some(Instant::now());
        self.documents.iter_mut().filter(is_left).for_each(|document| document.written = now);
        Ok(())
    }

    /// Has done with what was written by then; whether that is something.
    pub(super) fn settle(&mut self, intake: &mut Intake, by: Option<Instant>) -> bool {
        let before = self.documents.len();
        while let Some(document) = self.documents.front()
            && document.written.is_some_and(|written| by.is_some_and(|by| written <= by))
        {
            let is_refused = document.is_refused;
            self.pop(intake, !is_refused);
        }
        self.documents.len() < before
    }

    /// All of it is lost.
    pub(super) fn give_up(&mut self, intake: &mut Intake) {
        while !self.documents.is_empty() {
            self.pop(intake, false);
        }
    }

    fn pop(&mut self, intake: &mut Intake, is_delivered: bool) {
        if let Some(document) = self.documents.pop_front() {
            self.bytes -= document.bytes();
            intake.done(is_delivered);
        }
    }
}

/// A message with its facility. As it was written it begins with the severity alone, a digit.
pub(super) fn of_facility(line: &[u8], facility: u8) -> Vec<u8> {
    let Some(([b'<', severity @ b'0'..=b'7', b'>'], rest)) = line.split_first_chunk() else {
        return line.to_owned();
    };
    let number = u16::from(facility) * 8 + u16::from(severity - b'0');
    [format!("<{number}>").as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facility_and_severity_are_one_number() {
        assert_eq!(of_facility(b"<0>1 x", 0), b"<0>1 x");
        assert_eq!(of_facility(b"<4>1 x", 13), b"<108>1 x");
        assert_eq!(of_facility(b"<7>1 x", 23), b"<191>1 x");
    }
}
