//! An exception of a rule, ready to match: what keeps the rule quiet, on whose word, until when.

use crate::condition::Condition;
use crate::time;

/// An exception of a rule.
pub struct RuleException<E: 'static> {
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is right.
    pub reason: Option<String>,
    /// When it ends, nanoseconds since 1970; events from then on are not kept quiet by it.
    pub expires_ns: Option<i64>,
    /// When it keeps the rule quiet.
    pub condition: Condition<E>,
}

impl<E> RuleException<E> {
    /// Whether it still keeps events of that time quiet.
    #[must_use]
    pub fn is_active(&self, time_ns: i64) -> bool {
        self.expires_ns.is_none_or(|end| time_ns < end)
    }

    /// The day on which it ended or ends, in UTC.
    #[must_use]
    pub fn expires_on(&self) -> Option<String> {
        // It ends with the last instant before.
        self.expires_ns.map(|end| time::day(end.saturating_sub(1)))
    }
}
