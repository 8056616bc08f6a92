//! A finding that is open, as a ledger has it and as it outlives the daemon.

use std::sync::Arc;

use monitor_rules::Priority;

use super::{Activity, Check, Observation, StateFinding, Vulnerable};
use crate::{container::Container, limits::STATE_DOUBT_NS};

/// Where a finding is: the place, the check, and which part it is about.
pub(super) type Key = (Box<str>, &'static str, Box<str>);

/// What is known of an open finding.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) check: &'static Check,
    pub(super) uid: String,
    pub(super) priority: Priority,
    pub(super) text: String,
    pub(super) first_ns: i64,
    pub(super) vulnerable: Option<Arc<Vulnerable>>,
    pub(super) container: Arc<Container>,
    /// What was told of it last, and when.
    pub(super) last: Activity,
    pub(super) told_ns: i64,
    /// The daemon ended just then: that may have come nowhere.
    pub(super) is_doubtful: bool,
}

impl Open {
    /// Whether this is what was told of it.
    pub(super) fn is_told(&self, observation: &Observation) -> bool {
        let is_same = match (&self.vulnerable, &observation.vulnerable) {
            (Some(known), Some(seen)) => known.is_same(seen),
            (known, seen) => known.is_none() && seen.is_none(),
        };
        is_same && self.text == observation.text && self.priority == observation.priority
    }

    pub(super) fn told(
        &self,
        activity: Activity,
        text: String,
        evidence: Vec<(&'static str, String)>,
        now_ns: i64,
    ) -> StateFinding {
        StateFinding {
            sequence: 0,
            timestamp_ns: now_ns,
            first_ns: self.first_ns,
            activity,
            uid: self.uid.clone(),
            check: self.check,
            priority: self.priority,
            text,
            evidence,
            vulnerable: self.vulnerable.clone(),
            container: Arc::clone(&self.container),
        }
    }
}

/// A finding that is to outlive the daemon.
#[derive(Clone, Debug)]
pub struct Kept {
    pub(super) key: Arc<Key>,
    pub(super) open: Arc<Open>,
    /// Why it is closed; None: it is open.
    pub(super) closed: Option<Arc<str>>,
}

impl Kept {
    /// The check that found it.
    #[must_use]
    pub fn check(&self) -> &'static Check {
        self.open.check
    }

    /// The same, to be closed for this reason, if it is not.
    #[must_use]
    pub fn over(self, why: &str) -> Self {
        Self { closed: self.closed.or_else(|| Some(why.into())), ..self }
    }

    /// Whether it is to be closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether it was closed, and that was told.
    pub(super) fn is_closed(&self) -> bool {
        self.is_over() && self.open.last == Activity::Close && !self.open.is_doubtful
    }

    /// Closes it; what is told of that.
    pub fn close(&mut self, now_ns: i64) -> StateFinding {
        let open = Arc::make_mut(&mut self.open);
        (open.last, open.told_ns, open.is_doubtful) = (Activity::Close, now_ns, false);
        let why = self.closed.as_deref().unwrap_or_default().to_owned();
        open.told(Activity::Close, why, Vec::new(), now_ns)
    }

    /// Whether what was told of it last may not have come anywhere yet.
    #[must_use]
    pub fn is_recent(&self, now_ns: i64) -> bool {
        (0..STATE_DOUBT_NS).contains(&now_ns.saturating_sub(self.open.told_ns))
    }
}
