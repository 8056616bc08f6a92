//! Which rules a list shows: words of the command line, checked before anything is listed.

use monitor_rules::{KindSet, Priority, Rule, Tactic, nearest, technique_id};

use crate::{
    cli::RulesFilterArgs,
    commands::Usage,
    event::{Action, Event},
    rules::SCHEMA,
};

/// What a rule must be; an empty list asks for nothing.
pub(super) struct Filter {
    tags: Vec<String>,
    tactics: Vec<Tactic>,
    techniques: Vec<String>,
    kinds: KindSet,
    priority: Option<Priority>,
    enabled: Option<bool>,
}

impl Filter {
    /// Reads the words; one that names nothing is the caller's to mend.
    pub(super) fn of(args: &RulesFilterArgs) -> Result<Self, Usage> {
        let tactics: Result<_, _> = args.tactic.iter().map(|word| tactic(word)).collect();
        let techniques: Result<_, _> = args.technique.iter().map(|word| technique(word)).collect();
        let kinds: Result<Vec<u8>, _> = args.kind.iter().map(|word| kind(word)).collect();
        Ok(Self {
            tags: args.tag.clone(),
            tactics: tactics?,
            techniques: techniques?,
            kinds: KindSet::of(&kinds?),
            priority: args.priority.as_deref().map(priority).transpose()?,
            enabled: match (args.enabled, args.disabled) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
        })
    }

    /// Whether a rule is all that is asked for.
    pub(super) fn lets_through(&self, rule: &Rule<Event>) -> bool {
        let about = &rule.about;
        let any = |asked: bool, found: bool| !asked || found;
        any(!self.tags.is_empty(), self.tags.iter().any(|tag| about.tags.contains(tag)))
            && any(
                !self.tactics.is_empty(),
                self.tactics.iter().any(|tactic| about.tactics.contains(tactic)),
            )
            && any(!self.techniques.is_empty(), self.has_technique(&about.techniques))
            && any(!self.kinds.is_empty(), !rule.kinds().intersection(self.kinds).is_empty())
            && self.priority.is_none_or(|least| about.priority <= least)
            && self.enabled.is_none_or(|enabled| rule.enabled == enabled)
    }

    /// Whether one is asked for, or is a sub-technique of one that is.
    fn has_technique(&self, ids: &[String]) -> bool {
        let is_asked = |id: &str| self.techniques.iter().any(|asked| asked == id);
        ids.iter().any(|id| {
            is_asked(id) || id.split_once('.').is_some_and(|(technique, _)| is_asked(technique))
        })
    }

    /// What to say when no rule is let through.
    pub(super) fn why_none(&self, rules: &[Rule<Event>]) -> String {
        let known = || rules.iter().flat_map(|rule| &rule.about.tags);
        let unknown = self.tags.iter().find(|tag| !known().any(|known| known == *tag));
        let Some(tag) = unknown else { return "no rule is all of that".to_owned() };
        let hint = nearest(tag, known().map(String::as_str))
            .map_or(String::new(), |near| format!("\nhint: did you mean `{near}`?"));
        format!("no rule has the tag `{tag}`{hint}")
    }
}

fn tactic(word: &str) -> Result<Tactic, Usage> {
    let names = Tactic::ALL.map(|tactic| tactic.name);
    Tactic::named(word).ok_or_else(|| unknown("ATT&CK tactic", word, &names))
}

fn technique(word: &str) -> Result<String, Usage> {
    technique_id(word).ok_or_else(|| {
        Usage(format!(
            "`{word}` is no id of an ATT&CK technique\nhint: write it as T1059 or T1059.004"
        ))
    })
}

/// A kind of event by its name, or by a type of event that it stands for.
fn kind(word: &str) -> Result<u8, Usage> {
    if let Some(kind) = (0..).zip(Action::KINDS).find(|(_, name)| *name == word) {
        return Ok(kind.0);
    }
    let of_type = SCHEMA.types.iter().find(|(name, _)| *name == word);
    match of_type.map(|(_, kinds)| kinds.iter().next()) {
        Some(Some(kind)) => Ok(kind),
        Some(None) => Err(Usage(format!(
            "events of type `{word}` are not observed\nhint: {}",
            one_of(&Action::KINDS)
        ))),
        None => Err(unknown("kind of event", word, &Action::KINDS)),
    }
}

fn priority(word: &str) -> Result<Priority, Usage> {
    let names = Priority::ALL.map(|priority| priority.name().to_ascii_lowercase());
    let names = names.each_ref().map(String::as_str);
    Priority::from_name(word).ok_or_else(|| unknown("priority", word, &names))
}

fn unknown(what: &str, word: &str, known: &[&str]) -> Usage {
    let hint = nearest(word, known.iter().copied())
        .map_or_else(|| one_of(known), |near| format!("did you mean `{near}`?"));
    Usage(format!("`{word}` is no {what}\nhint: {hint}"))
}

fn one_of(known: &[&str]) -> String {
    format!("one of {}", known.join(", "))
}

#[cfg(test)]
mod tests;
