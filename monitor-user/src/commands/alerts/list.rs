//! `runmon alerts`: one line each, the newest last, or counts.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    process::ExitCode,
};

use monitor_rules::Condition;
use serde_json::Value;

use super::{
    Place,
    look::{BOLD, CYAN, DIM, Paint, colour_of, shorten, when},
    past::{Gathered, Past, document, id_of, is_alert},
};
use crate::{
    cli::{AlertsListArgs, GroupBy},
    commands::{Usage, compile_filter, say, show},
    event::{Container, Event},
    limits::PAST_ALERTS,
    rules::stored::{Held, Stored},
    store::record::{Kind, Record},
};

/// Columns of what names something, at most.
const NAME: usize = 40;
/// Characters of what a rule says.
const SAID: usize = 200;

pub(super) fn run(args: &AlertsListArgs) -> anyhow::Result<ExitCode> {
    if args.since.zip(args.until).is_some_and(|(since, until)| since > until) {
        let cure = "of two times ago, the longer one is --since";
        return Err(Usage(format!("--since is behind --until\nhint: {cure}")).into());
    }
    let place = Place::of(&args.past)?;
    let condition = compile_filter(&args.filter)?;
    let most = if args.group_by.is_some() { PAST_ALERTS } else { args.limit.min(PAST_ALERTS) };
    let mut gathered = Gathered::new(most);
    let mut undecided = Undecided::default();
    place.read(&mut |record| {
        if !is_in_time(args, record) || !is_alert(record) {
            return;
        }
        let Some((line, document)) = document(record) else { return };
        let line = if args.json { line.to_vec() } else { Vec::new() };
        let past = Past::of(record, &document, line);
        if is_wanted(args, &past) && holds(condition.as_ref(), record, &document, &mut undecided) {
            gathered.take(record, &document, past);
        }
    })?;
    undecided.say();
    if gathered.alerts.is_empty() {
        place.say_none(if is_narrowed(args) { "such alerts" } else { "alerts" });
        return Ok(ExitCode::SUCCESS);
    }
    if gathered.older > 0 {
        say(&format!("{} older ones are not shown (--limit, --since)", gathered.older));
    }
    let alerts = gathered.alerts.make_contiguous();
    alerts.sort_by_key(|past| past.timestamp_ns);
    show(&match args.group_by {
        _ if args.json && args.group_by.is_none() => as_json(alerts),
        Some(by) => groups(alerts, by, args.json),
        None => lines(alerts, Paint::of_output()),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn is_narrowed(args: &AlertsListArgs) -> bool {
    !args.filter.is_empty()
        || args.since.is_some()
        || args.until.is_some()
        || args.priority.is_some()
        || args.rule.is_some()
        || args.container.is_some()
        || args.pod.is_some()
}

fn is_in_time(args: &AlertsListArgs, record: &Record) -> bool {
    args.since.is_none_or(|since| record.timestamp_ns >= since)
        && args.until.is_none_or(|until| record.timestamp_ns <= until)
}

fn is_wanted(args: &AlertsListArgs, past: &Past) -> bool {
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    // Priorities sort from the gravest.
    args.priority.is_none_or(|least| past.priority <= least)
        && args.rule.as_ref().is_none_or(|rule| past.rule_id == *rule || has(&past.rule, rule))
        && args
            .container
            .as_ref()
            .is_none_or(|name| past.place == *name || is_begun(&past.container_id, name))
        && args.pod.as_ref().is_none_or(|pod| {
            past.pod == *pod || past.pod.split_once('/').is_some_and(|(_, name)| name == pod)
        })
}

/// Whether an id begins so. `host` is none.
fn is_begun(id: &str, by: &str) -> bool {
    id != Container::HOST && id.starts_with(by)
}

/// Whether the filter holds. Of repeats nothing is kept that would tell.
fn holds(
    condition: Option<&Condition<Event>>,
    record: &Record,
    document: &Value,
    undecided: &mut Undecided,
) -> bool {
    let Some(condition) = condition else { return true };
    if !matches!(record.kind, Kind::Alert | Kind::Update) {
        return false;
    }
    let held = Stored::of(document, record.timestamp_ns).map(|stored| stored.decide(condition));
    match held {
        Some(Held::Yes) => true,
        Some(Held::No) => false,
        Some(Held::Undecided(fields)) => undecided.note(record, document, fields),
        None => undecided.note(record, document, Vec::new()),
    }
}

/// Alerts of which too little is kept for the filter.
#[derive(Default)]
struct Undecided {
    ids: HashSet<String>,
    fields: BTreeSet<&'static str>,
}

impl Undecided {
    fn note(&mut self, record: &Record, document: &Value, fields: Vec<&'static str>) -> bool {
        if self.ids.len() < PAST_ALERTS {
            self.ids.insert(id_of(record, document));
        }
        self.fields.extend(fields);
        false
    }

    fn say(&self) {
        if self.ids.is_empty() {
            return;
        }
        let fields: Vec<&str> = self.fields.iter().copied().collect();
        say(&format!(
            "{} alerts are left out: what is kept of them does not tell whether the filter holds \
             ({})",
            self.ids.len(),
            fields.join(", ")
        ));
    }
}

fn as_json(alerts: &[Past]) -> String {
    let line = |past: &Past| format!("{}\n", String::from_utf8_lossy(&past.line));
    alerts.iter().map(line).collect()
}

/// The names of what alerts can be counted by.
fn group(past: &Past, by: GroupBy) -> String {
    let name = match by {
        GroupBy::Rule => &past.rule,
        GroupBy::Container => &past.place,
        GroupBy::Image => &past.image,
        GroupBy::Pod => &past.pod,
        GroupBy::Program => &past.program,
        GroupBy::Priority => return past.priority.name().to_owned(),
    };
    if name.is_empty() { "-".to_owned() } else { name.clone() }
}

/// What was counted.
struct Group {
    name: String,
    alerts: u64,
    repeats: u64,
    last_ns: i64,
}

fn groups(alerts: &[Past], by: GroupBy, json: bool) -> String {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for past in alerts {
        let name = group(past, by);
        let at = *known.entry(name.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Group { name, alerts: 0, repeats: 0, last_ns: 0 });
        }
        let Some(group) = groups.get_mut(at) else { continue };
        group.alerts += 1;
        group.repeats = group.repeats.saturating_add(past.repeats);
        group.last_ns = group.last_ns.max(past.last_ns);
    }
    groups.sort_by_key(|group| std::cmp::Reverse((group.alerts, group.repeats)));
    if json {
        let one = |it: &Group| {
            let (name, last) = (&it.name, crate::document::text::rfc3339(it.last_ns));
            let (alerts, repeats) = (it.alerts, it.repeats);
            let value = serde_json::json!({
                "name": name, "alerts": alerts, "repeats": repeats, "last": last,
            });
            format!("{value}\n")
        };
        return groups.iter().map(one).collect();
    }
    let head = ["ALERTS", "REPEATS", "LAST", "NAME"].map(str::to_owned);
    let row = |it: &Group| {
        let last = when(it.last_ns).chars().take(19).collect();
        [it.alerts.to_string(), it.repeats.to_string(), last, it.name.clone()]
    };
    crate::commands::rules::table(std::iter::once(head).chain(groups.iter().map(row)).collect())
}

/// One line each, what stands in columns as wide as its widest.
fn lines(alerts: &[Past], paint: Paint) -> String {
    let where_ = |past: &Past| {
        let image =
            if past.image.is_empty() { String::new() } else { format!(" [{}]", past.image) };
        shorten(&format!("{}{image}", past.place), NAME)
    };
    let width = |of: &dyn Fn(&Past) -> String| {
        alerts.iter().map(|past| of(past).chars().count()).max().unwrap_or(0)
    };
    let wide = width(&where_);
    let mut text = String::new();
    for past in alerts {
        let more = if past.more > 0 { format!(" (+{} more)", past.more) } else { String::new() };
        let times = match past.repeats {
            0 => String::new(),
            repeats => format!("  ×{} until {}", repeats + 1, when(past.last_ns)),
        };
        let priority = past.priority.name().to_ascii_uppercase();
        let priority = shorten(if priority == "INFORMATIONAL" { "INFO" } else { &priority }, 9);
        text.push_str(&format!(
            "{}  {}  {}  {}  {}{}: {}{}\n",
            paint.with(DIM, &when(past.timestamp_ns)),
            past.short,
            paint.with(colour_of(past.priority), &format!("{priority:<9}")),
            paint.with(CYAN, &format!("{:<wide$}", where_(past))),
            paint.with(BOLD, &past.rule),
            paint.with(DIM, &more),
            shorten(&past.said, SAID),
            paint.with(DIM, &times),
        ));
    }
    text
}
