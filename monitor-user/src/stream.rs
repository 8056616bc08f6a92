//! Whether what a sink sent is all there: the numbers that it gave, as they stand in documents.

mod found;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::limits::{STREAM_GAPS, STREAMS};
use found::{Found, Place};

/// What was found of a stream of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Numbers that are there: the first of each run of them, and the last.
    runs: BTreeMap<u64, u64>,
    /// The greatest number so far.
    last: u64,
    /// Lines whose number was there before, and that are not of the same document's other rules.
    pub duplicates: u64,
    /// Lines that came after one with a greater number.
    pub late: u64,
    /// The line before: of which document, and by which rule.
    previous: Option<(u64, String)>,
}

impl Stream {
    fn take(&mut self, number: u64, rule: &str) {
        let is_next = self.previous.as_ref().is_some_and(|(of, _)| *of == number);
        let is_other_rule = is_next && self.previous.as_ref().is_some_and(|(_, by)| by != rule);
        self.previous = Some((number, rule.to_owned()));
        if is_other_rule {
            return;
        }
        if self.runs.range(..=number).next_back().is_some_and(|(_, last)| number <= *last) {
            self.duplicates += 1;
            return;
        }
        self.late += u64::from(number < self.last);
        self.last = self.last.max(number);
        // It may lengthen the run before it, that after it, or join both.
        let before = self.runs.range(..number).next_back();
        let first = before
            .filter(|(_, last)| last.checked_add(1) == Some(number))
            .map_or(number, |it| *it.0);
        let last = number.checked_add(1).and_then(|next| self.runs.remove(&next)).unwrap_or(number);
        self.runs.insert(first, last);
    }

    /// The first and the last number; None where there is none.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        Some((*self.runs.first_key_value()?.0, *self.runs.last_key_value()?.1))
    }

    /// How many documents are there.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.runs.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Numbers that are missing: the first and the last of each gap. From the first number of all
    /// on or, `from_start`, from 1.
    pub fn gaps(&self, from_start: bool) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let begin = if from_start { Some(1) } else { self.range().map(|(first, _)| first) };
        let mut expected = begin.unwrap_or_default();
        for (first, last) in &self.runs {
            if *first > expected {
                gaps.push((expected, first - 1));
            }
            expected = last.saturating_add(1);
        }
        gaps
    }
}

/// Which stream: host, sink, and name of the run of numbers.
pub type Name = (String, String, String);

/// Reads lines.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    /// What was found of each stream.
    pub streams: BTreeMap<Name, Stream>,
    /// Lines with a document that says nothing of its place, as of a sink for people.
    pub unnumbered: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Records that the kernel lost, as the last heartbeat of each run of a monitor tells.
    lost: BTreeMap<String, u64>,
}

/// Why a line cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// There is no document in it.
    #[error("this is no document: {0}")]
    NoDocument(#[source] serde_json::Error),
    /// There are more streams than anybody has.
    #[error("there are more than {STREAMS} streams: split the file")]
    Streams,
    /// There are more gaps than are of use.
    #[error("there are more than {STREAM_GAPS} gaps: this is not what a sink sent")]
    Gaps,
}

impl Checker {
    /// Takes a line.
    ///
    /// # Errors
    ///
    /// It is no document, or there are too many streams or gaps to keep.
    pub fn take(&mut self, line: &[u8]) -> Result<(), LineError> {
        for found in found::all(line).map_err(LineError::NoDocument)? {
            self.put(found)?;
        }
        Ok(())
    }

    fn put(&mut self, found: Found) -> Result<(), LineError> {
        if let Some((id, lost)) = found.heartbeat {
            self.lost_by(&id, lost);
        }
        let Some(Place { sink, stream, number, host, rule }) = found.place else {
            self.unnumbered += 1;
            return Ok(());
        };
        let name = (host, sink, stream);
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&name) {
            return Err(LineError::Streams);
        }
        let stream = self.streams.entry(name).or_default();
        stream.take(number, &rule);
        if stream.runs.len() > STREAM_GAPS { Err(LineError::Gaps) } else { Ok(()) }
    }

    /// Takes what the kernel lost by a heartbeat with this id.
    fn lost_by(&mut self, id: &str, lost: Option<u64>) {
        self.heartbeats += 1;
        let run = id.split("-heartbeat-").next().unwrap_or_default();
        let known = self.lost.entry(run.to_owned()).or_default();
        *known = lost.unwrap_or_default().max(*known);
    }

    /// Records that the kernel lost, by what heartbeats tell.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}
