//! Findings about how something is: what is told of them, and what of that outlives the daemon.

use std::sync::Arc;

use super::{CountedOutlet, Daemon, now_ns};
use crate::{
    document::{Document, finding},
    limits::{STATE_DOUBT_NS, STATE_RETRY_NS, STATE_WRITE_NS},
    line::Outlet as _,
    state::{Kept, Page, Paper, StateFinding},
};

/// Where what is open is written, and what of it was.
#[derive(Debug)]
pub(super) struct States {
    paper: Paper,
    /// What was open before and is not any more: it is closed at once.
    over: Vec<Kept>,
    is_over_told: bool,
    /// How often what is open had changed when it was written last.
    changes: Option<u64>,
    /// When it may be written again, on the boot clock.
    next_ns: u64,
    /// When what was told before it was written has come somewhere.
    settled_ns: Option<u64>,
    failed: u64,
    written: u64,
    is_failing: bool,
}

impl States {
    fn new(paper: Paper, over: Vec<Kept>) -> Self {
        Self {
            paper,
            over,
            is_over_told: false,
            changes: None,
            next_ns: 0,
            settled_ns: None,
            failed: 0,
            written: 0,
            is_failing: false,
        }
    }

    /// Whether it is to be written now, where it changed so often.
    fn is_due(&mut self, changes: u64, boottime_ns: u64) -> bool {
        let failed = self.paper.failed();
        if std::mem::replace(&mut self.failed, failed) < failed {
            self.changes = None;
            self.next_ns = boottime_ns.saturating_add(STATE_RETRY_NS);
        }
        let is_settled = self.settled_ns.is_some_and(|at| boottime_ns >= at);
        let is_changed = self.changes != Some(changes) || is_settled;
        is_changed && boottime_ns >= self.next_ns
    }

    fn put(&mut self, findings: Vec<Kept>, changes: u64, boottime_ns: u64, now_ns: i64) {
        let is_settled = !findings.iter().any(|it| it.is_recent(now_ns));
        if self.paper.put(Page { findings, now_ns, is_last: false }) {
            let settled_ns = boottime_ns.saturating_add(STATE_DOUBT_NS.unsigned_abs());
            self.settled_ns = (!is_settled).then_some(settled_ns);
            self.changes = Some(changes);
            self.next_ns = boottime_ns.saturating_add(STATE_WRITE_NS);
        }
    }

    /// Whether it began just now that it cannot be written.
    fn begins_to_fail(&mut self) -> bool {
        let (failed, written) = (self.paper.failed(), self.paper.written());
        let was_failing = self.is_failing;
        if std::mem::replace(&mut self.written, written) < written {
            self.is_failing = false;
        } else if self.failed < failed {
            self.is_failing = true;
        }
        self.is_failing && !was_failing
    }
}

/// What is to be written when all that was told has come to where it stays.
#[derive(Debug)]
pub struct LastFindings {
    paper: Paper,
    findings: Vec<Kept>,
    now_ns: i64,
}

impl LastFindings {
    /// Has it written, and waits for that; whether all has.
    pub fn write(self, is_last: bool) {
        // What was told just before is in doubt, however long sinks were waited for.
        self.paper.finish(Page { findings: self.findings, now_ns: self.now_ns, is_last });
    }
}

impl<O: CountedOutlet> Daemon<O> {
    /// Has what is open written there; what is over is closed.
    pub fn keep_states_with(&mut self, paper: Paper, over: Vec<Kept>) {
        self.kept_states = Some(States::new(paper, over));
    }

    /// Tells of findings about how something is.
    pub(super) fn tell_states(&mut self, told: Vec<StateFinding>) {
        for finding in told {
            self.states += 1;
            let finding = StateFinding { sequence: self.states, ..finding };
            self.line.outlet().offer(Document::State(Arc::new(finding)));
        }
    }

    /// Tells, once, of what was over when the daemon came.
    pub(super) fn tell_over(&mut self) {
        let Some(states) = &mut self.kept_states else { return };
        if std::mem::replace(&mut states.is_over_told, true) {
            return;
        }
        let now_ns = now_ns();
        let told = states.over.iter_mut().map(|it| it.close(now_ns)).collect();
        self.tell_states(told);
    }

    /// Has what is open written, if it changed.
    pub(super) fn keep_states(&mut self, boottime_ns: u64) {
        let changes = self.ledgers().map(|it| it.changes()).sum();
        let Some(states) = &mut self.kept_states else { return };
        let begins_to_fail = states.begins_to_fail();
        if states.is_due(changes, boottime_ns) {
            let now_ns = now_ns();
            let findings = self.kept_findings(now_ns);
            if let Some(states) = &mut self.kept_states {
                states.put(findings, changes, boottime_ns, now_ns);
            }
        }
        if begins_to_fail {
            let text = "which findings are open cannot be written: those that are told and closed \
                        from now on are told once more after a restart, or stay open; the log \
                        says why. Make room on the disk of state_dir, or let it be written"
                .to_owned();
            self.find(finding::STATES_FAILING, text);
        }
    }

    /// What is to be written at the end, once sinks have ended.
    pub fn last_findings(&mut self) -> Option<LastFindings> {
        let now_ns = now_ns();
        let findings = self.kept_findings(now_ns);
        let States { paper, .. } = self.kept_states.take()?;
        Some(LastFindings { paper, findings, now_ns })
    }

    fn kept_findings(&mut self, now_ns: i64) -> Vec<Kept> {
        let mut findings: Vec<Kept> = self.ledgers().flat_map(|it| it.kept(now_ns)).collect();
        if let Some(states) = &mut self.kept_states {
            if states.is_over_told {
                states.over.retain(|it| it.is_recent(now_ns));
            }
            findings.extend(states.over.iter().cloned());
        }
        findings
    }

    fn ledgers(&mut self) -> impl Iterator<Item = &mut crate::state::Ledger> {
        let posture = self.posture.as_mut().and_then(|it| it.ledger.as_mut());
        posture.into_iter().chain(self.upkeep.as_mut().map(|it| &mut it.ledger))
    }

    /// Times that what is open could not be written.
    pub(super) fn states_unwritten(&self) -> u64 {
        self.kept_states.as_ref().map_or(0, |it| it.paper.failed())
    }
}
