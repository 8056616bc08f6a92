//! Findings about a state, as opposed to an act: how a container is set up, what it has more of
//! than was declared. A finding is open from when it is seen first until it is so no more, and has
//! one id all the while.
//!
//! [`Check`] is a question and why it matters, [`Assessment`] what one look answered, and
//! [`Observation`] something that is so. [`Ledger`] remembers which findings are open about a
//! [`Subject`] and says what changed, [`StateFinding`] is what people get. What is open outlives
//! the daemon: [`Paper`] writes each as [`Kept`] into a file.

mod form;
mod kept;
pub mod ledger;
mod paper;
mod vulnerable;

use std::sync::Arc;

use monitor_rules::Priority;
use sha2::{Digest as _, Sha256};

use crate::container::Container;
pub use form::Before;
pub use kept::Kept;
pub use ledger::{Ledger, LedgerStats, Subject};
pub use paper::{Page, Paper};
pub use vulnerable::{Vulnerability, Vulnerable};

/// A question about a state.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, as people switch it off by and documents tell it.
    pub id: &'static str,
    /// What is wrong where it fails, in a few words.
    pub title: &'static str,
    /// How much that matters.
    pub priority: Priority,
    /// What others call it: a standard, and its number there.
    pub standards: &'static [(&'static str, &'static str)],
    /// What to do about it.
    pub cure: &'static str,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// It is as it should be.
    Pass,
    /// It is not.
    Fail,
    /// It is not, and somebody accepted that.
    Accepted,
    /// It cannot be seen.
    Unknown,
    /// What it asks about is not here.
    NotApplicable,
    /// It cannot be decided where the monitor runs.
    NotDecidable,
}

impl Status {
    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
            Self::NotDecidable => "not_decidable",
        }
    }
}

/// What one look answered to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The check.
    pub check: &'static Check,
    /// What came of it.
    pub status: Status,
    /// What exactly is so, or why it cannot be seen, for people.
    pub text: String,
    /// What shows it: names and values.
    pub evidence: Vec<(&'static str, String)>,
}

/// Something that is so, and is to be told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was asked.
    pub check: &'static Check,
    /// Which of several things it is about, as a package; empty where there is only one.
    pub part: String,
    /// How much that matters here.
    pub priority: Priority,
    /// What exactly is so, for people.
    pub text: String,
    /// What shows it: names and values.
    pub evidence: Vec<(&'static str, String)>,
    /// The package, where it is about one with known vulnerabilities.
    pub vulnerable: Option<Arc<Vulnerable>>,
}

impl Observation {
    /// What a check is about that has no parts, at the priority that it always has.
    #[must_use]
    pub fn of(check: &'static Check, text: String, evidence: Vec<(&'static str, String)>) -> Self {
        let (part, priority) = (String::new(), check.priority);
        Self { check, part, priority, text, evidence, vulnerable: None }
    }
}

/// What happens to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It is seen for the first time.
    Create,
    /// It is still so, in another way.
    Update,
    /// It is so no more, or what it was about is gone.
    Close,
}

impl Activity {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Close => "close",
        }
    }
}

/// A finding about a state, as it is told of.
#[derive(Clone, Debug, PartialEq)]
pub struct StateFinding {
    /// Number of the document in this run, from 1; 0 while nobody has given it one.
    pub sequence: u64,
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// When it was seen first, likewise.
    pub first_ns: i64,
    /// What happens to it.
    pub activity: Activity,
    /// Its id, the same for as long as it is open, and in the next run, too.
    pub uid: String,
    /// What was asked.
    pub check: &'static Check,
    /// How much it matters.
    pub priority: Priority,
    /// What exactly is so; of one that is closed why.
    pub text: String,
    /// What shows it.
    pub evidence: Vec<(&'static str, String)>,
    /// The package, where it is about one with known vulnerabilities.
    pub vulnerable: Option<Arc<Vulnerable>>,
    /// The container that it is about; of an image, one of its containers.
    pub container: Arc<Container>,
}

impl StateFinding {
    /// The standing of what it is about, as compliance is told.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.activity {
            Activity::Close => Status::Pass,
            Activity::Create | Activity::Update => Status::Fail,
        }
    }
}

/// Bytes of a digest that are an id.
const UID_BYTES: usize = 16;

/// The id of what a check finds of a part of a subject.
fn uid(check: &str, subject: &str, part: &str) -> String {
    let end = if part.is_empty() { String::new() } else { format!("\0{part}") };
    let digest = Sha256::digest(format!("{check}\0{subject}{end}"));
    digest.iter().take(UID_BYTES).map(|byte| format!("{byte:02x}")).collect()
}
