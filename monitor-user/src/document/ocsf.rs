//! Open Cybersecurity Schema Framework (1.8.0), one JSON document a line.
//!
//! An event is of the class and activity that fit its act best; an alert is a detection finding
//! with the event as its evidence. Facts that the schema has no place for are in `unmapped`.

mod activity;
mod class;
mod container;
mod file;
mod finding;
mod network;
mod process;
mod state;
#[cfg(test)]
mod tests;
mod vulnerability;

use serde_json::{Value, json};

use self::class::{Activity, BASE};
use super::{
    Document, Heartbeat, Sender, beyond, event_id,
    members::set,
    text::{self, errno_name, rfc3339},
};
use crate::event::{Action, Event, Outcome};

/// The version of the schema that documents follow.
const OCSF_VERSION: &str = "1.8.0";

/// Parts of the schema that documents about events use besides its core.
const EVENT_PROFILES: &[&str] = &["container", "datetime", "host", "linux/linux_users"];
/// Those that documents about the monitor use.
const OWN_PROFILES: &[&str] = &["datetime", "host"];

/// Writes a document.
#[must_use]
pub fn write(document: &Document, sender: &Sender) -> Vec<u8> {
    let mut value = match document {
        Document::Event(event) => of_event(event, sender, "event"),
        Document::Alert(alert) => finding::of_alert(alert, sender, "alert"),
        Document::Update(alert) => finding::of_update(alert, sender),
        Document::RollUp(rollup) => finding::of_rollup(rollup, sender),
        Document::Heartbeat(heartbeat) => of_heartbeat(heartbeat, sender),
        Document::Finding(finding) => finding::of(finding, sender),
        Document::State(finding) => state::of(finding, sender),
    };
    if let Some(cluster) = &sender.node.cluster {
        set(&mut value, &["unmapped", "cluster"], json!(cluster));
    }
    value.to_string().into_bytes()
}

/// What every document starts with.
struct Start<'a> {
    activity: Activity,
    severity: Severity,
    timestamp_ns: i64,
    id: &'a str,
    /// What it is about, in our word.
    code: &'a str,
    profiles: &'a [&'a str],
}

/// How grave something is: number and name.
type Severity = (u32, &'static str);

const INFORMATIONAL: Severity = (1, "Informational");

impl Start<'_> {
    fn document(&self, sender: &Sender) -> Value {
        let Activity { class, id, name } = self.activity;
        let mut document = json!({
            "activity_id": id,
            "activity_name": name,
            "category_uid": class.uid / 1000,
            "category_name": class.category,
            "class_uid": class.uid,
            "class_name": class.name,
            "type_uid": class.uid * 100 + id,
            "type_name": format!("{}: {name}", class.name),
            "severity_id": self.severity.0,
            "severity": self.severity.1,
            "time": milliseconds(self.timestamp_ns),
            "time_dt": rfc3339(self.timestamp_ns),
            "metadata": {
                "version": OCSF_VERSION,
                "product": {
                    "name": "runmon",
                    "vendor_name": "runmon",
                    "version": env!("CARGO_PKG_VERSION"),
                },
                "profiles": self.profiles,
                "uid": self.id,
                "event_code": self.code,
            },
            "device": device(sender),
        });
        if self.profiles.iter().any(|profile| profile.starts_with("linux/")) {
            let linux = json!([{ "name": "linux", "uid": "1", "version": OCSF_VERSION }]);
            set(&mut document, &["metadata", "extensions"], linux);
        }
        if !sender.node.labels.is_empty() {
            set(&mut document, &["metadata", "tags"], container::tags(&sender.node.labels));
        }
        document
    }
}

/// The machine. What sort of one it is, nobody says.
fn device(sender: &Sender) -> Value {
    json!({
        "hostname": sender.node.hostname,
        "name": sender.node.name(),
        "boot_uid": sender.boot_id,
        "type_id": 0,
        "type": "Unknown",
        "os": { "name": "Linux", "type_id": 200, "type": "Linux" },
    })
}

fn of_event(event: &Event, sender: &Sender, form: &str) -> Value {
    let about = activity::of(event, sender);
    let code = Action::KINDS.get(usize::from(event.action.kind())).unwrap_or(&"act");
    let start = Start {
        activity: about.activity,
        severity: INFORMATIONAL,
        timestamp_ns: event.timestamp_ns,
        id: &event_id(sender, event.id),
        code,
        profiles: EVENT_PROFILES,
    };
    let mut document = start.document(sender);
    for (name, value) in about.members {
        set(&mut document, &[name], value);
    }
    set(&mut document, &["message"], json!(format!("{code} {}", text::act(event))));
    outcome(&mut document, event);
    let mut unmapped = beyond::of_event(event, form);
    set(&mut unmapped, &["sequence"], json!(event.id.sequence));
    process::unmapped(&mut unmapped, event, form);
    file::unmapped(&mut unmapped, event);
    network::unmapped(&mut unmapped, event);
    container::unmapped(&mut unmapped, &event.container, form);
    set(&mut document, &["unmapped"], unmapped);
    document
}

/// The result of an act.
fn outcome(document: &mut Value, event: &Event) {
    let (id, name) = match event.outcome {
        Outcome::Success => (1, "Success"),
        Outcome::Failure(nix::libc::EINPROGRESS) | Outcome::Unknown => (0, "Unknown"),
        Outcome::Failure(_) => (2, "Failure"),
    };
    set(document, &["status_id"], json!(id));
    set(document, &["status"], json!(name));
    if let Outcome::Failure(errno) = event.outcome {
        set(document, &["status_code"], json!(errno_name(errno)));
    }
}

/// A heartbeat is no act on the machine and no change of its state, and no finding: what the schema
/// has for events that it does not define otherwise is the base event.
fn of_heartbeat(heartbeat: &Heartbeat, sender: &Sender) -> Value {
    let id = format!("{}-heartbeat-{}", super::run(sender), heartbeat.sequence);
    let start = Start {
        activity: BASE.other("Heartbeat"),
        severity: INFORMATIONAL,
        timestamp_ns: heartbeat.timestamp_ns,
        id: &id,
        code: "heartbeat",
        profiles: OWN_PROFILES,
    };
    let mut document = start.document(sender);
    set(&mut document, &["message"], json!(heartbeat.summary()));
    let mut unmapped = beyond::heartbeat(heartbeat);
    set(&mut unmapped, &["sequence"], json!(heartbeat.sequence));
    set(&mut document, &["unmapped"], unmapped);
    document
}

/// A time as the schema writes it: milliseconds since 1970.
fn milliseconds(timestamp_ns: i64) -> i64 {
    timestamp_ns.div_euclid(1_000_000)
}
