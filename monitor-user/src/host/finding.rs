//! What was looked at, and what to write where if it is not as it should be.

use super::Manager;

/// One thing that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// What the monitor cannot do so; empty if it is good.
    pub costs: &'static str,
    /// What to do, where that is more or other than to add lines.
    pub cure: &'static str,
    /// What to add, for each who may have started this process.
    pub add: Vec<Addition>,
}

/// A line to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Who reads it.
    pub manager: Manager,
    /// The part that it is added to.
    pub to: &'static str,
    /// The line itself.
    pub line: String,
}

impl Finding {
    /// A fact that is neither good nor bad.
    pub(super) fn fact(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, good: true, found: found.into(), ..Self::default() }
    }

    /// A flaw, and what it costs.
    pub(super) fn flaw(what: &'static str, found: impl Into<String>, costs: &'static str) -> Self {
        Self { what, good: false, found: found.into(), costs, ..Self::default() }
    }

    pub(super) fn cure(self, cure: &'static str) -> Self {
        Self { cure, ..self }
    }

    pub(super) fn add(self, add: Vec<Addition>) -> Self {
        Self { add, ..self }
    }
}
