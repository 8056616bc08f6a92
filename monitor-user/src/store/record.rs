//! What the store holds.

use std::sync::Arc;

use monitor_rules::Priority;
use serde::{Deserialize, Serialize};

/// A document, in every form that some sink wants it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in the store, from 1; without gaps but for what was lost or gave way.
    pub sequence: u64,
    /// When it came, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// How much it matters: 0 is the gravest, as [`Priority`] sorts.
    pub priority: u8,
    /// Which sort of document it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Whom it is for.
    pub to: Vec<Addressee>,
    /// It, written.
    pub forms: Vec<Form>,
}

/// The sorts of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// An event that no rule need match.
    Event,
    /// What rules found.
    Alert,
    /// An alert again, with facts that it lacked.
    Update,
    /// Repeats of an alert.
    RollUp,
    /// The state of the monitor.
    Heartbeat,
    /// What is wrong with the monitor.
    Finding,
    /// A finding about how something is.
    State,
}

/// A sink that a record is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressee {
    /// Its name.
    pub sink: Arc<str>,
    /// Number of the record among those for this sink, from 1. A gap is a loss.
    pub number: u64,
}

/// A record in one of the schemas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Name of the schema.
    pub schema: Arc<str>,
    /// Its lines, without their ends.
    pub lines: Vec<Line>,
}

/// A line, as bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl Record {
    /// Its number for a sink, if it is for that one.
    #[must_use]
    pub fn number_for(&self, sink: &str) -> Option<u64> {
        self.to.iter().find(|to| &*to.sink == sink).map(|to| to.number)
    }

    /// Its lines in a schema, if it was written in that.
    #[must_use]
    pub fn lines(&self, schema: &str) -> Option<&[Line]> {
        self.forms.iter().find(|form| &*form.schema == schema).map(|form| &*form.lines)
    }

    /// How soon it gives way to others: the greatest goes first. What is for no sink goes before
    /// all that is for one, whatever it is about: history costs no sink anything.
    pub(super) fn class(&self) -> usize {
        let priority = usize::from(self.priority.min(LEAST));
        if self.to.is_empty() { CLASSES / 2 + priority } else { priority }
    }

    /// How much it matters.
    #[must_use]
    pub fn priority(&self) -> Priority {
        Priority::ALL.get(usize::from(self.priority)).copied().unwrap_or(Priority::Debug)
    }

    /// Bytes that it takes, approximately.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_form = |form: &Form| form.lines.iter().map(|line| line.0.len()).sum::<usize>();
        128 + self.id.len() + self.forms.iter().map(of_form).sum::<usize>()
    }
}

/// The number by which a priority is stored.
#[must_use]
pub fn priority_number(priority: Priority) -> u8 {
    let place = Priority::ALL.iter().position(|known| *known == priority);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(LEAST)
}

/// Number of the least priority.
pub(super) const LEAST: u8 = 7;

/// How many sorts of records there are, by how soon they give way.
pub(super) const CLASSES: usize = 2 * (LEAST as usize + 1);

/// How far everybody is: the first entry of each segment, and again whenever somebody got on. What
/// comes last counts, so that nobody is ever further than what is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    /// Which store this is: a name that no other one has.
    pub(super) store: String,
    /// How often the machine lost what was not on the disk yet.
    pub(super) epoch: u32,
    /// The boot in which this was written.
    pub(super) boot_id: String,
    /// The next record's number.
    pub(super) next: u64,
    /// The sinks.
    pub(super) sinks: Vec<SinkMark>,
    /// Nothing was open when this was written.
    pub(super) is_clean: bool,
}

/// How far a sink is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SinkMark {
    pub(super) sink: Arc<str>,
    /// The last record that it has done with.
    pub(super) done: u64,
    /// How many records were for it by then.
    pub(super) number: u64,
    /// How many there were in all.
    pub(super) last: u64,
    /// How many of those behind are lost.
    pub(super) lost: u64,
}
