//! What the page is told: values of JSON, made of what is on the desk. Every text that a process
//! chose is as a terminal would get it.

use serde_json::{Value, json};

use super::desk::{Desk, Life};
use crate::{
    document::{printable::terminal, text::rfc3339},
    limits::WEB_ROWS,
    top::{
        board::{Place, Touched},
        seen::{Act, Raised},
    },
};

/// A value without anything that turns the direction of text or moves a cursor.
pub(super) fn inert(value: Value) -> Value {
    match value {
        Value::String(text) => terminal(text.as_bytes()).into_owned().into(),
        Value::Array(items) => items.into_iter().map(inert).collect(),
        Value::Object(members) => {
            let shown = |name: String| terminal(name.as_bytes()).into_owned();
            let members = members.into_iter().map(|(name, value)| (shown(name), inert(value)));
            Value::Object(members.collect())
        }
        plain => plain,
    }
}

/// All containers.
pub(super) fn overview(desk: &Desk, now_s: i64) -> Value {
    let board = &desk.board;
    let one = |place: &Place| {
        json!({
            "id": place.about.id, "name": place.name(), "image": place.about.image,
            "execs": place.execs.a_second(now_s), "connects": place.connects.a_second(now_s),
            "writes": place.writes.a_second(now_s), "alerts": place.alert_count,
            "lost": place.lost, "processes": place.processes.len(),
        })
    };
    json!({
        "since": since(desk), "trouble": desk.trouble(), "events": board.events,
        "alerts": board.alerts, "lost": board.lost, "late": desk.late(),
        "containers": board.places.values().map(one).collect::<Vec<_>>(),
        "latest": alerts(desk).into_iter().take(10).collect::<Vec<_>>(),
    })
}

/// Since when events are watched.
pub(super) fn since(desk: &Desk) -> Option<String> {
    desk.since_s.map(|second| rfc3339(second.saturating_mul(1_000_000_000)))
}

/// All alerts, the latest first.
pub(super) fn alerts(desk: &Desk) -> Vec<Value> {
    desk.alerts.iter().map(|kept| raised(&kept.raised)).collect()
}

fn raised(raised: &Raised) -> Value {
    json!({
        "id": raised.id, "time": rfc3339(raised.timestamp_ns), "container": raised.place.id,
        "container_name": raised.place.name, "priority": raised.priority, "rule": raised.rule,
        "description": raised.description, "output": raised.output,
        "techniques": raised.techniques, "repeats": raised.repeats,
    })
}

/// One container; None where nothing is known of it.
pub(super) fn container(desk: &Desk, id: &str) -> Option<Value> {
    let place = desk.board.places.get(id)?;
    let processes = place.tree().into_iter().take(WEB_ROWS).map(|(depth, process)| {
        json!({
            "depth": depth, "pid": process.who.pid, "name": process.who.name,
            "command": process.command, "acts": process.acts,
            "ended": process.ended_s.is_some(),
        })
    });
    let lives = desk.lives.iter().filter(|life| life.place == id);
    let skipped = lives.clone().count().saturating_sub(WEB_ROWS);
    Some(json!({
        "id": id, "name": place.name(), "image": place.about.image, "pod": place.about.pod,
        "since": since(desk), "forgotten": place.forgotten,
        "processes": processes.collect::<Vec<_>>(),
        "contacts": touched(place.contacts.iter()), "files": touched(place.files.iter()),
        "alerts": place.alerts.iter().map(raised).collect::<Vec<_>>(),
        "lives": lives.skip(skipped).map(life).collect::<Vec<_>>(),
    }))
}

/// The latest first.
fn touched<'a>(list: impl Iterator<Item = (&'a String, &'a Touched)>) -> Vec<Value> {
    let mut list: Vec<_> = list.collect();
    list.sort_by_key(|(_, touched)| std::cmp::Reverse(touched.last_s));
    let one = |(name, touched): (&String, &Touched)| {
        json!({
            "name": name, "count": touched.count, "failed": touched.failed,
            "by": touched.who.name, "pid": touched.who.pid,
        })
    };
    list.into_iter().take(WEB_ROWS).map(one).collect()
}

fn life(life: &Life) -> Value {
    let ms = |ns: i64| ns.div_euclid(1_000_000);
    json!({
        "pid": life.who.pid, "parent": life.parent, "name": life.who.name,
        "command": life.command, "begun": life.is_begun, "first_ms": ms(life.first_ns),
        "last_ms": ms(life.last_ns), "ended_ms": life.ended_ns.map(ms), "acts": life.acts,
    })
}

/// What an act is called.
pub(super) fn act_name(act: Act) -> &'static str {
    match act {
        Act::Exec => "exec",
        Act::Exit => "exit",
        Act::Connect => "connect",
        Act::Serve => "serve",
        Act::Write => "write",
    }
}
