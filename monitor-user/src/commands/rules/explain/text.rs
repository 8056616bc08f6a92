//! A rule's story for people.

use monitor_rules::{Finding, Outline, RuleException, Tactic};

use super::{Kind, Story};
use crate::{
    commands::rules::report::count, document::printable::terminal, event::Event,
    rules::filter::Pushed,
};

/// Values of a list that are shown; the rest is counted.
const VALUES_SHOWN: usize = 12;

/// A check that costs as much is told to be costly: several values, or one that is changed first.
const COSTLY: u32 = 16;

/// The story, line by line.
pub(super) fn of(story: &Story<'_>) -> String {
    let mut text = Text::default();
    head(story, &mut text);
    text.title("Condition");
    tree(&story.condition, 1, &mut text);
    text.title("Seen by");
    if story.kinds.is_empty() {
        text.line(1, "nothing: no kind of event can match");
    }
    story.kinds.iter().for_each(|kind| hooks(kind, &mut text));
    text.title("Left out by the kernel");
    story.kinds.iter().for_each(|kind| pushed(kind, &mut text));
    text.title("Found by");
    story.kinds.iter().for_each(|kind| finding(kind, &mut text));
    text.title("Fields");
    for (name, costly) in &story.fields {
        text.line(1, &costly.map_or((*name).to_owned(), |why| format!("{name}: {why}")));
    }
    if !story.rule.exceptions.is_empty() {
        text.title("Exceptions");
        story.rule.exceptions.iter().for_each(|it| exception(it, story.now_ns, &mut text));
    }
    if let Some(aggregate) = &story.rule.aggregate {
        text.title("Alerts on several events");
        text.line(1, &aggregate.describe());
        for (step, number) in aggregate.steps().iter().zip(1..) {
            text.line(1, &format!("step {number}:"));
            tree(&step.outline(), 2, &mut text);
        }
    }
    text.title("Tests");
    let (fires, quiet) = story.tests;
    text.line(1, &format!("{fires} that must fire, {quiet} that must keep quiet"));
    text.title("Why it may never fire");
    if story.doubts.is_empty() {
        text.line(1, "nothing speaks against it");
    }
    story.doubts.iter().for_each(|doubt| text.line(1, doubt));
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, depth: usize, what: &str) {
        let what = terminal(what.as_bytes());
        self.0.push_str(format!("{}{what}", "  ".repeat(depth)).trim_end());
        self.0.push('\n');
    }

    fn title(&mut self, title: &str) {
        self.0.push('\n');
        self.line(0, title);
    }
}

fn head(story: &Story<'_>, text: &mut Text) {
    let (rule, about) = (story.rule, &story.rule.about);
    let version = about.version.as_ref().map_or(String::new(), |it| format!(", version {it}"));
    text.line(0, &format!("{} ({}{version})", about.name, about.id));
    about.desc.lines().for_each(|line| text.line(1, line));
    let state = if rule.enabled { "on" } else { "off" };
    let mode = match rule.mode {
        monitor_rules::Mode::Alert => "",
        monitor_rules::Mode::Shadow => ", shadow mode",
    };
    let priority = about.priority.name().to_ascii_lowercase();
    text.line(1, &format!("{}:{}: {priority}, {state}{mode}", about.file, about.line));
    let tactics = about.tactics.iter().map(|Tactic { id, name }| format!("{id} {name}"));
    let attack: Vec<String> = tactics.chain(about.techniques.iter().cloned()).collect();
    if !attack.is_empty() {
        text.line(1, &format!("ATT&CK: {}", attack.join(", ")));
    }
}

/// A condition as a tree.
fn tree(outline: &Outline, depth: usize, text: &mut Text) {
    match outline {
        Outline::All(parts) => {
            text.line(depth, "all of:");
            parts.iter().for_each(|part| tree(part, depth + 1, text));
        }
        Outline::One(parts) if parts.is_empty() => text.line(depth, "nothing"),
        Outline::One(parts) => {
            text.line(depth, "one of:");
            parts.iter().for_each(|part| tree(part, depth + 1, text));
        }
        Outline::Not(inner) => {
            text.line(depth, "not:");
            tree(inner, depth + 1, text);
        }
        Outline::Macro(name, inner) => {
            text.line(depth, &format!("macro {name}:"));
            tree(inner, depth + 1, text);
        }
        Outline::Check { text: check, values, cost, .. } => {
            let costly = if *cost >= COSTLY { "   (costly)" } else { "" };
            text.line(depth, &format!("{check}{costly}"));
            if !values.is_empty() {
                text.line(depth + 2, &some(values));
            }
        }
    }
}

/// The first few values, and how many more there are.
fn some(values: &[String]) -> String {
    let shown: Vec<&str> = values.iter().take(VALUES_SHOWN).map(String::as_str).collect();
    let more = match values.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

fn hooks(kind: &Kind, text: &mut Text) {
    let ways = kind.hooks.iter().map(|(family, points)| {
        let points = points.join(", ");
        format!("{points} ({family})")
    });
    text.line(1, &format!("{}: {}", kind.name, ways.collect::<Vec<_>>().join("; else ")));
}

/// How many of the values that the kernel looks for are shown.
const NEEDS_SHOWN: usize = 100;

fn pushed(kind: &Kind, text: &mut Text) {
    match &kind.pushed {
        Pushed::NoFilter => text.line(1, &format!("{}: nothing", kind.name)),
        Pushed::Everything(fields) if fields.is_empty() => {
            let why = "nothing, since there is no field of which the rule must find some values";
            text.line(1, &format!("{}: {why}", kind.name));
        }
        Pushed::Everything(fields) => {
            let why = "nothing, since the kernel cannot look for what the rule must find in";
            text.line(1, &format!("{}: {why} {}", kind.name, fields.join(" or ")));
        }
        Pushed::Only(needs) => {
            text.line(1, &format!("{}: all but", kind.name));
            needs.iter().take(NEEDS_SHOWN).for_each(|need| text.line(2, need));
            if let Some(more) = needs.len().checked_sub(NEEDS_SHOWN).filter(|more| *more > 0) {
                text.line(2, &format!("and {more} more"));
            }
        }
    }
}

fn finding(kind: &Kind, text: &mut Text) {
    let Some(Finding { lookups, shared, rules, .. }) = &kind.finding else {
        return text
            .line(1, &format!("{}: nothing, it is not among the rules that run", kind.name));
    };
    let among = format!("{}, among {}", kind.name, count(*rules, "rule"));
    let tried = match (lookups.is_empty(), shared.is_empty()) {
        (true, true) => "tried on every event",
        (true, false) => "tried on every event that passes what is",
        (false, _) => "tried only where",
    };
    text.line(1, &format!("{among}: {tried}"));
    for (at, (field, values)) in lookups.iter().enumerate() {
        let or = if at > 0 { "or " } else { "" };
        text.line(2, &format!("{or}{field} is one of {}", some(values)));
    }
    for check in shared {
        text.line(2, &format!("shared with other rules: {check}"));
    }
}

fn exception(exception: &RuleException<Event>, now_ns: i64, text: &mut Text) {
    let mut parts = Vec::new();
    parts.extend(exception.owner.as_ref().map(|owner| format!("owner {owner}")));
    parts.extend(exception.expires_on().map(|day| {
        let word = if exception.is_active(now_ns) { "until" } else { "ended on" };
        format!("{word} {day}")
    }));
    parts.extend(exception.reason.clone());
    let about = if parts.is_empty() { "no owner, no reason".to_owned() } else { parts.join(", ") };
    text.line(1, &format!("{}: {about}", exception.name));
    tree(&exception.condition.outline(), 2, text);
}
