//! What a sink gets, and the schemas that it can be written in.
//!
//! Events and alerts have no form of their own on disk or wire: `ecs`, `ocsf` and `falco` are the
//! only places that know JSON, `text` the only one that knows people. `syslog` is what they are
//! sent in.

mod act;
mod beyond;
pub mod cef;
mod delivery;
mod dns;
pub mod ecs;
pub mod explained;
pub mod exposition;
#[cfg(feature = "http")]
pub mod facts;
pub mod falco;
pub mod finding;
pub mod heartbeat;
pub mod history;
pub(crate) mod members;
pub mod metrics;
pub mod ocsf;
mod origin;
pub mod printable;
mod rules;
mod state;
mod status;
pub mod syslog;
#[cfg(test)]
pub(crate) mod tests;
pub mod text;

use std::sync::Arc;

pub use delivery::Delivery;
pub use finding::Finding;
pub use heartbeat::Heartbeat;
pub use rules::rules;
pub use status::status;

use crate::{
    alert::{Alert, RollUp},
    event::Event,
    node::Node,
    state::StateFinding,
};

/// What a sink gets.
#[derive(Clone, Debug)]
pub enum Document {
    /// An event, for sinks that want all of them.
    Event(Arc<Event>),
    /// A finding.
    Alert(Alert),
    /// An earlier finding, with facts that it lacked.
    Update(Alert),
    /// Repeats of an earlier finding.
    RollUp(Arc<RollUp>),
    /// State of the monitor: what it sees, and what it lost.
    Heartbeat(Arc<Heartbeat>),
    /// What is wrong with the monitor itself.
    Finding(Arc<Finding>),
    /// A finding about how something is, as opposed to what was done.
    State(Arc<StateFinding>),
}

/// What every document says about its sender.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The machine.
    pub node: Arc<Node>,
    /// Id of this boot: with it, process ids are unique for ever.
    pub boot_id: String,
    /// Id of this run: with it, and the boot's, event ids are unique for ever. The kernel side
    /// numbers its records anew whenever it is loaded.
    pub run_id: String,
    /// Name of the instance; empty for the only one.
    pub instance: String,
    /// Whether alerts are kept on this host, so that documents say how their story is opened.
    pub history: bool,
}

/// A form that documents are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Elastic Common Schema, JSON.
    Ecs,
    /// Open Cybersecurity Schema Framework, JSON.
    Ocsf,
    /// Falco's JSON, as falcosidekick takes it.
    Falco,
    /// Lines for people.
    Text {
        /// With colours.
        colour: bool,
    },
    /// Common Event Format.
    Cef,
    /// Syslog messages, with the document in another schema.
    Syslog(syslog::Body),
}

impl Schema {
    /// Whether this schema has a form for a document at all.
    #[must_use]
    pub fn has_form(self, document: &Document) -> bool {
        if let Self::Syslog(body) = self {
            return body.has_form(document);
        }
        match document {
            Document::Event(_) => self != Self::Falco,
            Document::Update(alert) => match self {
                Self::Ecs | Self::Ocsf | Self::Cef => true,
                Self::Falco => alert.changed,
                Self::Text { .. } | Self::Syslog(_) => false,
            },
            Document::Alert(_)
            | Document::RollUp(_)
            | Document::Heartbeat(_)
            | Document::Finding(_)
            | Document::State(_) => true,
        }
    }

    /// Whether its lines are objects of JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Ecs | Self::Ocsf | Self::Falco)
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Ocsf => "ocsf",
            Self::Falco => "falco",
            Self::Text { .. } => "text",
            Self::Cef => "cef",
            Self::Syslog(body) => body.name(),
        }
    }

    /// Writes a document as one or more lines, each without its line end. None for a document
    /// that this schema has no form for.
    #[must_use]
    pub fn write(self, document: &Document, sender: &Sender) -> Vec<Vec<u8>> {
        match self {
            Self::Ecs => vec![ecs::write(document, sender)],
            Self::Ocsf => vec![ocsf::write(document, sender)],
            Self::Falco => falco::write(document, sender),
            Self::Text { colour } => text::write(document, colour).into_iter().collect(),
            Self::Cef => cef::write(document, sender),
            Self::Syslog(body) => syslog::write(document, body, sender),
        }
    }
}

/// The id of a document. Whoever keeps one document of each id loses no update, and no repeats.
#[must_use]
pub fn id(document: &Document, sender: &Sender) -> String {
    match document {
        Document::Event(event) => event_id(sender, event.id),
        Document::Alert(alert) => event_id(sender, alert.id()),
        Document::Update(alert) => update_id(alert, sender),
        Document::RollUp(rollup) => rollup_id(rollup, sender),
        Document::Heartbeat(heartbeat) => {
            format!("{}-heartbeat-{}", run(sender), heartbeat.sequence)
        }
        Document::Finding(finding) => format!("{}-finding-{}", run(sender), finding.sequence),
        Document::State(finding) => format!("{}-state-{}", run(sender), finding.sequence),
    }
}

/// How many repeats there were, for people.
fn repeated(rollup: &RollUp) -> String {
    let seconds = rollup.last_ns.saturating_sub(rollup.first_ns) as f64 / 1e9;
    match rollup.count {
        1 => "[repeated once]".to_owned(),
        count => format!("[repeated {count} times in {seconds:.1} s]"),
    }
}

/// The id of the update of an alert, of which there is one at most.
fn update_id(alert: &Alert, sender: &Sender) -> String {
    format!("{}-update", event_id(sender, alert.id()))
}

/// The id of repeats: that of the alert, and a number.
#[must_use]
pub fn rollup_id(rollup: &RollUp, sender: &Sender) -> String {
    format!("{}-rollup-{}", event_id(sender, rollup.first), rollup.number)
}

/// An event id as text: boot, run, stream and number.
#[must_use]
pub fn event_id(sender: &Sender, id: crate::event::EventId) -> String {
    format!("{}-{}-{}", run(sender), id.stream, id.sequence)
}

/// What ids of this run start with.
#[must_use]
pub fn run(sender: &Sender) -> String {
    match sender.run_id.as_str() {
        "" => sender.boot_id.clone(),
        run => format!("{}-{run}", sender.boot_id),
    }
}

/// A process id across pid reuse as text, unique for ever.
#[must_use]
pub fn entity_id(sender: &Sender, key: crate::event::ProcessKey) -> String {
    format!("{}-{}-{}", sender.boot_id, key.pid, key.start_ns)
}
