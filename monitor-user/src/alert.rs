//! [`Alert`]: an event, and what the rules that match it say of it.
//!
//! All rules that match one event are in one alert; the highest priority leads.

use std::sync::Arc;

use monitor_rules::{About, Gathered, Rule};

use crate::{
    event::{Event, EventId, Fact, Reason},
    rules::Rules,
};

/// A finding: an event, and the rules that it matched.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The event.
    pub event: Arc<Event>,
    /// The rules, highest priority first. Never empty.
    pub matched: Vec<Matched>,
    /// Whether all facts that may come late had arrived when this was made.
    pub complete: bool,
    /// Of an update: whether the rules say something else now, or the container is another one. An
    /// alert of which only the hash was missing tells no more to who gets just what rules say.
    pub changed: bool,
    /// The rules as they were, for who tells of it in full.
    pub rules: RulesThen,
}

/// The rules that were in use at some time.
#[derive(Clone, Default)]
pub struct RulesThen(Option<Arc<Rules>>);

impl RulesThen {
    /// These.
    #[must_use]
    pub fn new(rules: Arc<Rules>) -> Self {
        Self(Some(rules))
    }

    /// The one of that id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule<Event>> {
        self.0.as_ref()?.rules().iter().find(|rule| rule.about.id == id)
    }
}

impl std::fmt::Debug for RulesThen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RulesThen")
    }
}

impl Alert {
    /// Number of the alert: that of its event.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.event.id
    }

    /// The rule that leads.
    #[must_use]
    pub fn leader(&self) -> Option<&Matched> {
        self.matched.first()
    }
}

/// Repeats of an alert, gathered.
#[derive(Clone, Debug)]
pub struct RollUp {
    /// The alert that they repeat.
    pub first: EventId,
    /// Number of this summary among those of that alert, from 1.
    pub number: u64,
    /// The last of the repeats, as it would have left.
    pub alert: Alert,
    /// How many there are.
    pub count: u64,
    /// When the first of them was, nanoseconds since 1970.
    pub first_ns: i64,
    /// When the last was.
    pub last_ns: i64,
}

/// A rule that matched.
#[derive(Clone, Debug)]
pub struct Matched {
    /// What the rule says about itself.
    pub about: Arc<About>,
    /// Its output text, with the event's values.
    pub output: Vec<u8>,
    /// The fields of its output text, with their values.
    pub fields: Vec<(Box<str>, Vec<u8>)>,
    /// Fields that its condition asked for and that were not known.
    pub undecided: Vec<&'static str>,
    /// What came together, where the rule asks for several events.
    pub gathered: Option<Gathered>,
}

/// Whether every fact that may arrive has arrived: about the container, and of the executed file.
#[must_use]
pub fn is_complete(event: &Event) -> bool {
    event.program_hash != Fact::Unknown(Reason::Pending)
        && event.program_package != Fact::Unknown(Reason::Pending)
        && event.program_copy != Fact::Unknown(Reason::Pending)
        && !event.container.is_pending()
}

/// Puts the rule of the highest priority first.
#[must_use]
pub fn leader_first(mut matched: Vec<Matched>) -> Vec<Matched> {
    matched.sort_by_key(|rule| rule.about.priority);
    matched
}

/// What a rule says of an event that it matches.
#[must_use]
pub fn describe(rule: &Rule<Event>, event: &Event, gathered: Option<Gathered>) -> Matched {
    let mut output = Vec::new();
    rule.output.render(event, &mut output);
    if let Some(gathered) = &gathered {
        let seconds = gathered.last_ns.saturating_sub(gathered.first_ns) as f64 / 1e9;
        output.extend(format!(" [{} events in {seconds:.1} s]", gathered.count).into_bytes());
    }
    let fields = rule.output.values(event).map(|(name, value)| (name.into(), value)).collect();
    let undecided = rule.decide(event).undecided.iter().map(|u| u.field).collect();
    Matched { about: Arc::clone(&rule.about), output, fields, undecided, gathered }
}
