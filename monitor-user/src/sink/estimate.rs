//! About how much memory a document holds while it waits.
//!
//! Processes are counted with each document although several may share one: too much rather than
//! too little. Ancestors and containers are not: the process table and the registry hold them, and
//! have bounds of their own.

use crate::{
    alert::{Alert, Matched},
    document::{Document, Heartbeat},
    event::{Action, Event, Process},
    limits::PROCESS_OVERHEAD_BYTES,
    state::StateFinding,
};

/// An event beside its process: itself, and its list of ancestors.
const EVENT: usize = 1024;
/// A rule that matched, beside its texts; also the least that a part of anything takes.
const PART: usize = 128;

/// Bytes of a document, approximately.
pub(crate) fn bytes(document: &Document) -> u64 {
    let bytes = match document {
        Document::Event(event) => of_event(event),
        Document::Alert(alert) | Document::Update(alert) => of_alert(alert),
        Document::RollUp(rollup) => of_alert(&rollup.alert),
        Document::Heartbeat(heartbeat) => of_heartbeat(heartbeat),
        Document::Finding(finding) => PART + finding.text.len(),
        Document::State(finding) => of_state(finding),
    };
    bytes as u64
}

/// Bytes of an event, approximately.
pub(super) fn of_event(event: &Event) -> usize {
    let action = match &event.action {
        Action::Exec { previous } => previous.as_deref().map_or(0, of_process),
        other => other.text_bytes(),
    };
    EVENT + of_process(&event.process) + action
}

fn of_process(process: &Process) -> usize {
    let optional = |text: &Option<Box<[u8]>>| text.as_ref().map_or(0, |text| text.len());
    PROCESS_OVERHEAD_BYTES
        + process.args.len()
        + process.env.len()
        + process.filename.len()
        + process.cwd.len()
        + optional(&process.executable)
        + optional(&process.script)
}

fn of_state(finding: &StateFinding) -> usize {
    let evidence: usize = finding.evidence.iter().map(|(_, value)| PART / 2 + value.len()).sum();
    PART + finding.text.len() + evidence
}

fn of_alert(alert: &Alert) -> usize {
    let of_matched = |matched: &Matched| {
        let fields: usize =
            matched.fields.iter().map(|(name, value)| PART / 2 + name.len() + value.len()).sum();
        let gathered = matched.gathered.as_ref().map_or(0, |gathered| {
            gathered.key.iter().map(|(field, value)| PART / 2 + field.len() + value.len()).sum()
        });
        PART + matched.output.len() + fields + gathered
    };
    of_event(&alert.event) + alert.matched.iter().map(of_matched).sum::<usize>()
}

fn of_heartbeat(heartbeat: &Heartbeat) -> usize {
    let parts = heartbeat.kinds.len()
        + heartbeat.kernel.len()
        + heartbeat.losses.len()
        + heartbeat.tables.len()
        + heartbeat.sinks.len()
        + heartbeat.hooks.len()
        + heartbeat.rule_states.len();
    EVENT + 2 * PART * parts
}
