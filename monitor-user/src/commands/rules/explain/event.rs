//! What the rules make of one event: which fire, and of one of them every check with its values.

use std::{path::Path, sync::Arc};

use monitor_rules::{
    Decision, Explained, Mode, Part, Rule, RuleFile, Unknown, limits::FILE_BYTES_MAX,
};
use serde_json::json;

use crate::{
    cli::RulesExplainArgs,
    commands::{
        Usage,
        rules::{look_of, recorded, report},
    },
    document::{explained::whole, printable::terminal},
    event::{Action, Event},
    rules::{Rules, testing},
};

/// The event that the arguments name, if they name one.
pub(super) fn of(args: &RulesExplainArgs) -> anyhow::Result<Option<Arc<Event>>> {
    match (&args.event, &args.recording, args.number) {
        (Some(file), ..) => described(file).map(|event| Some(Arc::new(event))),
        (None, Some(recording), Some(number)) => nth(recording, number).map(Some),
        (None, ..) => Ok(None),
    }
}

/// The event that a file describes.
fn described(path: &Path) -> anyhow::Result<Event> {
    let bytes = crate::input::read(path, FILE_BYTES_MAX as u64 + 1).map_err(|error| {
        let cure = crate::input::cure(&error);
        Usage(format!("cannot read an event from {}: {error}\nhint: {cure}", path.display()))
    })?;
    let name = path.display().to_string();
    let test = monitor_rules::parse_event(RuleFile { name: &name, bytes: &bytes });
    let test = test.map_err(|found| {
        let found = report::diagnostics(&found, look_of(&std::io::stderr()));
        Usage(format!("{name} describes no event\n{}", found.trim_end()))
    })?;
    let event = testing::build(&test).map_err(|mistakes| {
        let mistakes = mistakes.iter().map(|mistake| format!("\n{name}:{mistake}"));
        Usage(format!("{name} describes no event{}", mistakes.collect::<String>()))
    })?;
    Ok(event)
}

/// The n-th event of a recording.
fn nth(recording: &Path, number: u64) -> anyhow::Result<Arc<Event>> {
    let (mut count, mut found) = (0, None);
    recorded::each_event(recording, |event| {
        count += 1;
        if count == number {
            found = Some(event);
        }
        found.is_none()
    })?;
    found.ok_or_else(|| {
        let events = report::count(usize::try_from(count).unwrap_or(usize::MAX), "event");
        Usage(format!("{} has {events}, and no number {number}", recording.display())).into()
    })
}

/// What is told of an event.
pub(super) struct Told<'t> {
    pub(super) event: &'t Event,
    pub(super) rules: &'t Rules,
    /// The rule that is told of in full.
    pub(super) named: Option<(usize, &'t Rule<Event>)>,
}

impl Told<'_> {
    pub(super) fn as_text(&self) -> String {
        match self.named {
            Some((_, rule)) => in_full(rule, self.event),
            None => self.table(),
        }
    }

    /// The rules of the event's kind.
    fn rules(&self) -> impl Iterator<Item = &Rule<Event>> {
        let kind = self.event.action.kind();
        self.rules.rules().iter().filter(move |rule| rule.kinds().contains(kind))
    }

    fn table(&self) -> String {
        let head = ["OUTCOME", "ID", "NAME"].map(str::to_owned);
        let row = |rule: &Rule<Event>| {
            let decision = rule.decide(self.event);
            let name = format!("{}{}", rule.about.name, state(rule));
            let name = terminal(name.as_bytes()).into_owned();
            [outcome(rule, &decision), rule.about.id.clone(), name]
        };
        let mut rows: Vec<_> = self.rules().map(row).collect();
        // What fires first; then in the order of the files.
        rows.sort_by_key(|[outcome, ..]| outcome == "quiet");
        let kind = Action::KINDS.get(usize::from(self.event.action.kind())).unwrap_or(&"?");
        let rules = report::count(rows.len(), "rule");
        let table = report::table(std::iter::once(head).chain(rows).collect());
        format!("An event of kind {kind}, on which {rules} can fire:\n\n{table}")
    }

    pub(super) fn as_json(&self) -> String {
        let one = |rule: &Rule<Event>| {
            let decision = rule.decide(self.event);
            let exception = decision.excepted.and_then(|number| rule.exceptions.get(number));
            let undecided = decision.undecided.iter();
            let undecided = undecided.map(|it| json!({ "field": it.field, "why": why(it.why) }));
            json!({
                "id": rule.about.id,
                "name": rule.about.name,
                "enabled": rule.enabled,
                "fires": decision.fires,
                "excepted_by": exception.map(|exception| &exception.name),
                "undecided": undecided.collect::<Vec<_>>(),
            })
        };
        let Some((_, rule)) = self.named else {
            return report::lines(&json!(self.rules().map(one).collect::<Vec<_>>()));
        };
        let mut told = one(rule);
        let exceptions = rule.exceptions.iter().map(|exception| {
            json!({
                "name": exception.name,
                "active": exception.is_active(self.event.timestamp_ns),
                "condition": whole(&exception.condition.explain(self.event)),
            })
        });
        if let Some(told) = told.as_object_mut() {
            let condition = whole(&rule.condition.explain(self.event));
            told.insert("condition".to_owned(), condition);
            told.insert("exceptions".to_owned(), exceptions.collect());
        }
        report::lines(&told)
    }
}

/// What comes of an event, in a few words.
fn outcome(rule: &Rule<Event>, decision: &Decision) -> String {
    let excepted = decision.excepted.and_then(|number| rule.exceptions.get(number));
    match excepted {
        Some(exception) => format!("quiet by exception `{}`", exception.name),
        None if decision.fires => "fires".to_owned(),
        None => "quiet".to_owned(),
    }
}

/// Why a rule that fires raises no alert all the same.
fn state(rule: &Rule<Event>) -> &'static str {
    match (rule.enabled, rule.mode, &rule.aggregate) {
        (false, ..) => " (off)",
        (true, Mode::Shadow, _) => " (shadow mode)",
        (true, Mode::Alert, Some(_)) => " (gathers)",
        (true, Mode::Alert, None) => "",
    }
}

/// Every check of a rule with the values that it saw.
fn in_full(rule: &Rule<Event>, event: &Event) -> String {
    let decision = rule.decide(event);
    let said = format!("{}{}: {}", rule.about.name, state(rule), outcome(rule, &decision));
    let mut text = format!("{}\n\nCondition\n", terminal(said.as_bytes()));
    tree(&rule.condition.explain(event), 1, &mut text);
    for exception in &rule.exceptions {
        let ended = if exception.is_active(event.timestamp_ns) { "" } else { ", which has ended" };
        let name = terminal(exception.name.as_bytes());
        text.push_str(&format!("\nException {name}{ended}\n"));
        tree(&exception.condition.explain(event), 1, &mut text);
    }
    if let Some(aggregate) = &rule.aggregate {
        text.push_str(&format!("\nAlerts on {}\n", terminal(aggregate.describe().as_bytes())));
    }
    if !decision.undecided.is_empty() {
        text.push_str("\nAsked for and not known; a check of it is false\n");
        for undecided in &decision.undecided {
            text.push_str(&format!("  {}: {}\n", undecided.field, why(undecided.why)));
        }
    }
    text
}

fn why(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::Pending => "pending",
        Unknown::Never(reason) => reason,
    }
}

fn tree(explained: &Explained, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let mut line = |what: &str| {
        let (truth, what) = (report::truth(explained.truth), terminal(what.as_bytes()));
        text.push_str(&format!("{indent}{truth} {what}\n"));
    };
    let below: Vec<&Explained> = match &explained.part {
        Part::And(parts) => {
            line("all of:");
            parts.iter().collect()
        }
        Part::Or(parts) => {
            line("one of:");
            parts.iter().collect()
        }
        Part::Not(inner) => {
            line("not:");
            vec![inner]
        }
        Part::Macro(name, inner) => {
            line(&format!("macro {name}:"));
            vec![inner]
        }
        Part::Check { text: check, values } => {
            line(&format!("{check}   ({})", report::saw(values)));
            Vec::new()
        }
    };
    below.into_iter().for_each(|part| tree(part, depth + 1, text));
}
