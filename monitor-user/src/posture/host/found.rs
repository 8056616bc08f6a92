//! What a check finds on the host.

use crate::state::{Assessment, Check, Status};

/// What shows it: names and values.
pub(super) type Evidence = Vec<(&'static str, String)>;

/// What a check finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is as it should be.
    Good,
    /// What is wrong, and what shows it.
    Bad(String, Evidence),
    /// Why it cannot be seen.
    Unknown(String),
    /// Why nothing here can be wrong in that way.
    NotApplicable(String),
}

impl Found {
    /// What is wrong, if anything is.
    pub(super) fn bad(wrong: Option<(String, Evidence)>) -> Self {
        wrong.map_or(Self::Good, |(text, evidence)| Self::Bad(text, evidence))
    }

    /// Several things of which none may be wrong; an empty list is good.
    pub(super) fn list(wrong: &[String], evidence: Evidence) -> Self {
        if wrong.is_empty() { Self::Good } else { Self::Bad(some(wrong), evidence) }
    }

    pub(super) fn not_applicable(why: &str) -> Self {
        Self::NotApplicable(why.to_owned())
    }

    /// As the answer to a check.
    pub(super) fn of(self, check: &'static Check) -> Assessment {
        let (status, text, evidence) = match self {
            Self::Good => (Status::Pass, String::new(), Vec::new()),
            Self::Bad(text, evidence) => (Status::Fail, text, evidence),
            Self::Unknown(why) => (Status::Unknown, why, Vec::new()),
            Self::NotApplicable(why) => (Status::NotApplicable, why, Vec::new()),
        };
        Assessment { check, status, text, evidence }
    }
}

/// Things that are shown of a list at most.
const SHOWN: usize = 8;

/// The first of a list, and how many there are beyond.
pub(super) fn some(all: &[String]) -> String {
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
