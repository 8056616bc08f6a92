//! [`Event`] → [`Alert`]: which rules an event matches, and what they say of it.
//!
//! All rules that match one event are in one alert; the highest priority leads.

use std::sync::Arc;

use monitor_rules::{About, Match, Rule, RuleSet};

use crate::event::{Container, Event, EventId, Fact, Reason};

/// A finding: an event, and the rules that it matched.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The event.
    pub event: Arc<Event>,
    /// The rules, highest priority first. Never empty.
    pub matched: Vec<Matched>,
    /// Whether all facts about the container had arrived when this was made.
    pub complete: bool,
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
}

/// What the rules say of an event.
#[derive(Debug)]
pub enum Verdict {
    /// No rule matches.
    Quiet,
    /// A rule hangs on a fact that may still arrive.
    Open,
    /// These rules match.
    Matched(Vec<Matched>),
}

/// Asks the rules. The common answer, `Quiet`, allocates nothing.
#[must_use]
pub fn judge(rules: &RuleSet<Event>, event: &Event) -> Verdict {
    let mut matched = Vec::new();
    for Match { rule, pending } in rules.matches(event) {
        if pending {
            return Verdict::Open;
        }
        matched.push(describe(rule, event));
    }
    if matched.is_empty() { Verdict::Quiet } else { Verdict::Matched(leader_first(matched)) }
}

/// Asks the rules when there is no more waiting: a comparison with what is not known is false.
#[must_use]
pub fn decide(rules: &RuleSet<Event>, event: &Event) -> Vec<Matched> {
    let matched = rules
        .matches(event)
        .filter(|found| !found.pending || found.rule.condition.decide(event).fires)
        .map(|found| describe(found.rule, event));
    leader_first(matched.collect())
}

/// Whether every fact about the container that may arrive has arrived.
#[must_use]
pub fn is_complete(container: &Container) -> bool {
    let facts = [
        &container.runtime,
        &container.name,
        &container.image,
        &container.image_digest,
        &container.pod_name,
        &container.pod_namespace,
        &container.pod_uid,
    ];
    !facts.into_iter().any(|fact| matches!(fact, Fact::Unknown(Reason::Pending)))
}

fn leader_first(mut matched: Vec<Matched>) -> Vec<Matched> {
    matched.sort_by_key(|rule| rule.about.priority);
    matched
}

fn describe(rule: &Rule<Event>, event: &Event) -> Matched {
    let mut output = Vec::new();
    rule.output.render(event, &mut output);
    let fields = rule.output.values(event).map(|(name, value)| (name.into(), value)).collect();
    let undecided = rule.condition.decide(event).undecided.iter().map(|u| u.field).collect();
    Matched { about: Arc::new(rule.about.clone()), output, fields, undecided }
}
