//! History: what was raised on this host, and what was done around it, kept for people whether or
//! not a sink wants it. It is for no sink, has no number in any stream, and gives way to everything
//! that is for one.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use monitor_rules::Priority;

use super::{
    draft::about,
    log::Draft,
    record::{Form, Kind, Line, priority_number},
    state::StoreState,
};
use crate::{
    document::{self, Document, Sender, history},
    limits::{HISTORY_BURST, HISTORY_RATE},
    recorder::Recalled,
};

/// The name of the form that history is kept in.
pub const HISTORY: &str = "history";

/// Whether a document is kept.
#[must_use]
pub(crate) fn is_kept(document: &Document) -> bool {
    match document {
        Document::Alert(_)
        | Document::Update(_)
        | Document::RollUp(_)
        | Document::Finding(_)
        | Document::State(_) => true,
        Document::Event(_) | Document::Heartbeat(_) => false,
    }
}

/// What keeps history, at a bounded pace: who writes it hands sinks theirs, too.
#[derive(Debug)]
pub(super) struct History {
    is_on: bool,
    tokens: f64,
    filled: Instant,
}

impl History {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, tokens: HISTORY_BURST, filled: Instant::now() }
    }

    /// What is kept of a document, if it is.
    pub(super) fn of(
        &mut self,
        document: &Document,
        sender: &Sender,
        state: &StoreState,
    ) -> Option<Draft> {
        if !self.is_on || !is_kept(document) || !self.take(state) {
            return None;
        }
        let (kind, priority, timestamp_ns) = about(document);
        let id = document::id(document, sender);
        let line = history::write(document, sender);
        Some(draft((kind, priority, timestamp_ns), id, line))
    }

    /// What is kept of the events around an alert.
    pub(super) fn story(
        &mut self,
        recalled: &Recalled,
        sender: &Sender,
        state: &StoreState,
    ) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for event in &recalled.events {
            if self.is_on && self.take(state) {
                let id = document::event_id(sender, event.id);
                let line = history::write_event(event, recalled.alert, sender);
                let about = (Kind::Event, Priority::Debug, event.timestamp_ns);
                drafts.push(draft(about, id, line));
            }
        }
        drafts
    }

    /// Takes one of what may be kept in this time.
    fn take(&mut self, state: &StoreState) -> bool {
        let now = Instant::now();
        let came = now.duration_since(self.filled).as_secs_f64() * HISTORY_RATE;
        self.filled = now;
        self.tokens = (self.tokens + came).min(HISTORY_BURST);
        let has_any = self.tokens >= 1.0;
        if has_any {
            self.tokens -= 1.0;
            state.history.fetch_add(1, Relaxed);
        } else {
            state.history_refused.fetch_add(1, Relaxed);
        }
        has_any
    }
}

fn draft(
    (kind, priority, timestamp_ns): (Kind, Priority, i64),
    id: String,
    line: Vec<u8>,
) -> Draft {
    let forms = vec![Form { schema: HISTORY.into(), lines: vec![Line(line)] }];
    let priority = priority_number(priority);
    Draft { timestamp_ns, priority, kind, id, to: Vec::new(), forms }
}
