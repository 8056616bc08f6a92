//! [`Event`] → which rules match it: the rules, what is being gathered for those that need several
//! events, and what each rule did so far.
//!
//! Nothing here does input or output or asks the clock: time is that of the events, so that a
//! replay judges alike.

use std::{collections::HashMap, sync::Arc};

use monitor_rules::{Match, Mode, Outcome, Rule, Scratch, Windows};

use crate::{
    alert::{Matched, describe, leader_first},
    event::Event,
    limits::RULES_SWITCHED_OFF,
    rules::{self, Rules},
};

/// What the rules say of an event.
#[derive(Debug)]
pub enum Verdict {
    /// No rule alerts.
    Quiet,
    /// A rule hangs on a fact that may still arrive.
    Open,
    /// These rules match.
    Matched(Vec<Matched>),
}

/// What one rule did since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// Events that it matched, those below included.
    pub matches: u64,
    /// Alerts that it is in.
    pub alerts: u64,
    /// Matches in shadow mode: they were only counted.
    pub shadowed: u64,
    /// Matches that were gathered with others, or are still.
    pub gathered: u64,
    /// Matches while the rule was switched off on the running daemon.
    pub switched_off: u64,
    /// Events that an exception kept quiet, by its name. They are not among the matches.
    pub excepted: Vec<(String, u64)>,
}

/// The rules with their state.
pub struct Judge {
    rules: Arc<Rules>,
    scratch: Scratch,
    windows: Windows,
    /// By number of the rule.
    tallies: Vec<RuleTally>,
    /// Rules that are switched off for a time: id, and when that ends, nanoseconds since 1970.
    off: HashMap<String, i64>,
    /// The same by number of the rule, to be asked quickly; empty where none is.
    off_until: Vec<i64>,
    /// Events that were judged: the first and the last, nanoseconds since boot.
    first_ns: Option<u64>,
    last_ns: u64,
    /// The time of the one before, nanoseconds since 1970.
    wall_ns: i64,
}

impl Judge {
    /// Rules that have seen nothing yet.
    #[must_use]
    pub fn new(rules: Arc<Rules>) -> Self {
        let tallies = vec![RuleTally::default(); rules.rules().len()];
        Self {
            rules,
            scratch: Scratch::default(),
            windows: Windows::default(),
            tallies,
            off: HashMap::new(),
            off_until: Vec::new(),
            first_ns: None,
            last_ns: 0,
            wall_ns: 0,
        }
    }

    /// Asks the rules. The common answer, `Quiet`, allocates nothing.
    pub fn judge(&mut self, event: &Event) -> Verdict {
        self.first_ns.get_or_insert(event.boottime_ns);
        self.last_ns = self.last_ns.max(event.boottime_ns);
        self.wall_ns = event.timestamp_ns;
        let rules = Arc::clone(&self.rules);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut found: Vec<(&Rule<Event>, usize, Outcome)> = Vec::new();
        rules.each_match(event, &mut scratch, |Match { rule, number, outcome }| {
            found.push((rule, number, outcome));
        });
        self.scratch = scratch;
        if found.is_empty() {
            return Verdict::Quiet;
        }
        if found.iter().any(|(_, _, outcome)| *outcome == Outcome::Pending) {
            return Verdict::Open;
        }
        self.verdict(event, found)
    }

    /// Asks the rules when there is no more waiting: a comparison with what is not known is false.
    pub fn decide(&mut self, event: &Event) -> Verdict {
        let rules = Arc::clone(&self.rules);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut found: Vec<(&Rule<Event>, usize, Outcome)> = Vec::new();
        rules.each_match(event, &mut scratch, |Match { rule, number, .. }| {
            let decision = rule.decide(event);
            match decision.excepted {
                Some(exception) => found.push((rule, number, Outcome::Excepted(exception))),
                None if decision.fires => found.push((rule, number, Outcome::Matches)),
                None => {}
            }
        });
        self.scratch = scratch;
        self.verdict(event, found)
    }

    /// The same rules on the same event, of which more is known now. Counts nothing.
    #[must_use]
    pub fn again(&self, matched: &[Matched], event: &Event) -> Vec<Matched> {
        let by_id = |id: &str| self.rules.rules().iter().find(|rule| rule.about.id == id);
        let still = matched.iter().filter_map(|old| {
            let rule = by_id(&old.about.id)?;
            rule.decide(event).fires.then(|| describe(rule, event, old.gathered.clone()))
        });
        leader_first(still.collect())
    }

    fn verdict(&mut self, event: &Event, found: Vec<(&Rule<Event>, usize, Outcome)>) -> Verdict {
        let mut matched = Vec::new();
        for (rule, number, outcome) in found {
            matched.extend(self.settle(event, rule, number, outcome));
        }
        if matched.is_empty() { Verdict::Quiet } else { Verdict::Matched(leader_first(matched)) }
    }

    /// Counts a match; returns it if it is to be alerted.
    fn settle(
        &mut self,
        event: &Event,
        rule: &Rule<Event>,
        number: usize,
        outcome: Outcome,
    ) -> Option<Matched> {
        let is_off = self.off_until.get(number).is_some_and(|end| event.timestamp_ns < *end);
        let tally = self.tallies.get_mut(number)?;
        if let Outcome::Excepted(exception) = outcome {
            let name = rule.exceptions.get(exception).map_or("", |exception| &exception.name);
            match tally.excepted.iter_mut().find(|(known, _)| known == name) {
                Some((_, count)) => *count += 1,
                None => tally.excepted.push((name.to_owned(), 1)),
            }
            return None;
        }
        tally.matches += 1;
        if is_off {
            tally.switched_off += 1;
            return None;
        }
        let mut gathered = None;
        if let Some(aggregate) = &rule.aggregate {
            tally.gathered += 1;
            // By the clock that nobody sets.
            let time_ns = i64::try_from(event.boottime_ns).unwrap_or(i64::MAX);
            gathered = Some(self.windows.take(number, aggregate, event, time_ns)?);
        }
        if rule.mode == Mode::Shadow {
            tally.shadowed += 1;
            return None;
        }
        tally.alerts += 1;
        Some(describe(rule, event, gathered))
    }

    /// Changes the rules between two events. What rules of the same id did so far stays counted,
    /// and what one gathered is kept if it still gathers the same way.
    pub fn set_rules(&mut self, rules: Arc<Rules>) {
        let numbers = same_numbers(&self.rules, &rules);
        self.windows.renumber(|number| numbers.get(&number).copied());
        let ids = self.rules.rules().iter().map(|rule| rule.about.id.clone());
        let mut known: HashMap<String, RuleTally> =
            ids.zip(std::mem::take(&mut self.tallies)).collect();
        let of = |rule: &Rule<Event>| known.remove(&rule.about.id).unwrap_or_default();
        self.tallies = rules.rules().iter().map(of).collect();
        self.rules = rules;
        self.number_those_off();
    }

    /// Switches a rule off until a time, nanoseconds since 1970; one that has passed switches it on
    /// again. Returns the rule's name.
    ///
    /// # Errors
    ///
    /// No rule has that name or id, or too many are off.
    pub fn switch_off(&mut self, rule: &str, until_ns: i64) -> Result<String, String> {
        let (_, found) = rules::named(&self.rules, rule)?;
        let (id, name) = (found.about.id.clone(), found.about.name.clone());
        self.off.retain(|_, end| self.wall_ns < *end);
        if self.off.len() >= RULES_SWITCHED_OFF && !self.off.contains_key(&id) {
            return Err(format!("{RULES_SWITCHED_OFF} rules are off already"));
        }
        self.off.insert(id, until_ns);
        self.number_those_off();
        Ok(name)
    }

    /// Switches a rule on that is off for a time. Returns its name, and whether it was off.
    ///
    /// # Errors
    ///
    /// No rule has that name or id.
    pub fn switch_on(&mut self, rule: &str, now_ns: i64) -> Result<(String, bool), String> {
        let (_, found) = rules::named(&self.rules, rule)?;
        let name = found.about.name.clone();
        let end = self.off.remove(&found.about.id);
        self.number_those_off();
        Ok((name, end.is_some_and(|end| now_ns < end)))
    }

    /// The clock of the host was set: rules stay off for as long as was said.
    pub fn clock_was_set(&mut self, by_ns: i64) {
        self.off.values_mut().for_each(|end| *end = end.saturating_add(by_ns));
        self.number_those_off();
    }

    fn number_those_off(&mut self) {
        let end = |rule: &Rule<Event>| self.off.get(&rule.about.id).copied().unwrap_or(i64::MIN);
        self.off_until = if self.off.is_empty() {
            Vec::new()
        } else {
            self.rules.rules().iter().map(end).collect()
        };
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The same, for who keeps them.
    #[must_use]
    pub fn shared_rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules)
    }

    /// What each rule did so far.
    pub fn tallies(&self) -> impl Iterator<Item = (&Rule<Event>, &RuleTally)> {
        self.rules.rules().iter().zip(&self.tallies)
    }

    /// Whether a rule is switched off at a time, nanoseconds since 1970, and until when.
    #[must_use]
    pub fn off_until(&self, id: &str, now_ns: i64) -> Option<i64> {
        self.off.get(id).copied().filter(|end| now_ns < *end)
    }

    /// Nanoseconds of event time that were judged.
    #[must_use]
    pub fn judged_ns(&self) -> u64 {
        let first = self.first_ns.unwrap_or(self.last_ns);
        self.last_ns.saturating_sub(first)
    }

    /// Windows of rules that gather: open ones, and those that went for lack of room.
    #[must_use]
    pub fn windows(&self) -> (u64, u64) {
        (self.windows.open() as u64, self.windows.evicted())
    }
}

/// The new numbers of rules, by their old ones, that gather as they did.
fn same_numbers(old: &Rules, new: &Rules) -> HashMap<usize, usize> {
    let gathers = |rule: &Rule<Event>| Some(rule.aggregate.as_ref()?.describe());
    let numbered = |rules: &Rules| -> HashMap<(String, String), usize> {
        let key = |(number, rule): (usize, &Rule<Event>)| {
            Some(((rule.about.id.clone(), gathers(rule)?), number))
        };
        rules.rules().iter().enumerate().filter_map(key).collect()
    };
    let new = numbered(new);
    numbered(old).into_iter().filter_map(|(key, number)| Some((number, *new.get(&key)?))).collect()
}
