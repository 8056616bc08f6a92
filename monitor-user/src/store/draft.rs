//! What of a document is stored.

use std::sync::Arc;

use super::{
    log::Draft,
    record::{Form, Kind, Line, priority_number},
};
use monitor_rules::Priority;

use crate::{
    alert::Alert,
    document::{self, Document, Schema, Sender},
};

/// Writes a document in every schema that somebody wants it in.
pub(super) fn draft(
    document: &Document,
    to: Vec<Arc<str>>,
    schemas: impl Iterator<Item = Schema>,
    sender: &Sender,
) -> Draft {
    let (kind, priority, timestamp_ns) = about(document);
    let mut forms: Vec<Form> = Vec::new();
    for schema in schemas {
        if forms.iter().any(|form| &*form.schema == schema.name()) {
            continue;
        }
        let lines = schema.write(document, sender).into_iter().map(Line).collect();
        forms.push(Form { schema: schema.name().into(), lines });
    }
    let id = document::id(document, sender);
    Draft { timestamp_ns, priority: priority_number(priority), kind, id, to, forms }
}

/// The sort of a document, how much it matters, and its time.
pub(crate) fn about(document: &Document) -> (Kind, Priority, i64) {
    let of_alert = |kind, alert: &Alert| {
        let leader = alert.leader().map(|leader| leader.about.priority);
        (kind, leader.unwrap_or(Priority::Debug), alert.event.timestamp_ns)
    };
    match document {
        Document::Event(event) => (Kind::Event, Priority::Debug, event.timestamp_ns),
        Document::Alert(alert) => of_alert(Kind::Alert, alert),
        Document::Update(alert) => of_alert(Kind::Update, alert),
        Document::RollUp(rollup) => of_alert(Kind::RollUp, &rollup.alert),
        Document::Heartbeat(heartbeat) => {
            (Kind::Heartbeat, Priority::Informational, heartbeat.timestamp_ns)
        }
        Document::Finding(finding) => (Kind::Finding, finding.priority, finding.timestamp_ns),
        Document::State(finding) => (Kind::State, finding.priority, finding.timestamp_ns),
    }
}
