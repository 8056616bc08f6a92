//! An alert with its story, as the page is told it: from the store where history has it, and else
//! from what the page keeps.

use std::io;

use monitor_rules::Priority;
use serde_json::{Value, json};

use super::{
    desk::{Desk, Kept},
    views::{act_name, inert},
};
use crate::{
    document::text::rfc3339,
    limits::{WEB_AROUND, WEB_AROUND_SECONDS},
    past::{
        Past,
        found::{Found, Search},
        look::{image, items, pod, shorten, text, texts},
        story::{Teller, Told},
    },
    store::past::Looked,
    top::seen::{Outcome, Seen},
};

/// Characters of what an act was.
const SAID: usize = 400;

/// Characters of an id, at least: what is shorter means many alerts.
const ID: usize = 12;

/// An alert that the store has. It is read as it is, by a thread that nobody waits for but who
/// asked.
///
/// # Errors
///
/// It may not be read.
pub(super) fn stored(store: &Looked, id: &str) -> io::Result<Option<Value>> {
    if id.len() < ID {
        return Ok(None);
    }
    let mut search = Search::new(id);
    store.read(&mut |record| search.take(record))?;
    let Ok(found) = search.end() else { return Ok(None) };
    let mut teller = Teller::of(&found);
    store.read(&mut |record| teller.take(record))?;
    let story = teller.end();
    let timeline: Vec<Value> = story.shown().map(|told| told_act(told, &found)).collect();
    let mut value = told(&found, timeline);
    add(&mut value, [("is_cut", json!(story.is_cut)), ("is_kept", json!(true))]);
    Ok(Some(value))
}

/// An alert that the page keeps; None where it does not.
pub(super) fn seen(desk: &Desk, id: &str) -> Option<Value> {
    let kept = desk.alerts.iter().find(|kept| kept.raised.id == id)?;
    let raised = &kept.raised;
    let priority = Priority::from_name(&raised.priority).unwrap_or(Priority::Debug);
    let (at_ns, document) = (raised.timestamp_ns, kept.document.clone());
    let mut past = Past::told(raised.id.clone(), at_ns, priority, &document);
    past.repeats = raised.repeats;
    let found = Found { past, document, rollups: Vec::new() };
    Some(told(&found, around(desk, kept)))
}

/// The id of the alert that an alert of the page repeats or is an update of; its own, else.
pub(super) fn id_of(desk: &Desk, id: &str) -> String {
    let kept = desk.alerts.iter().find(|kept| kept.raised.id == id);
    let of = |at: &str| kept.and_then(|kept| kept.document.pointer(at)).and_then(Value::as_str);
    let of = of("/runmon/rollup/of").or_else(|| of("/runmon/update/of"));
    of.unwrap_or(id).to_owned()
}

/// Adds members to a value.
pub(super) fn add<const N: usize>(value: &mut Value, members: [(&str, Value); N]) {
    if let Some(known) = value.as_object_mut() {
        known.extend(members.map(|(name, value)| (name.to_owned(), value)));
    }
}

fn told(found: &Found, timeline: Vec<Value>) -> Value {
    let Found { past, document, .. } = found;
    let process = |it: &&Value| {
        json!({
            "name": text(it, "/name"), "pid": text(it, "/pid"),
            "executable": text(it, "/executable"), "command": text(it, "/command_line"),
        })
    };
    let checks = items(document, "/runmon/history/rules").map(|rule| {
        json!({
            "rule": text(rule, "/id"), "alerts_on": text(rule, "/alerts_on"),
            "condition": rule.get("condition").cloned().map(inert),
        })
    });
    let attack = found.attack().into_iter();
    let attack = attack.map(|it| json!({ "id": it.id, "name": it.name, "url": it.url }));
    let references = texts(document, "/rule/reference").into_iter().map(|it| {
        // A rule may name anything; a browser is led to pages only.
        let url = it.starts_with("https://").then(|| it.clone());
        json!({ "id": it, "url": url })
    });
    let failed = text(document, "/event/outcome") == "failure";
    let last = (past.last_ns > past.timestamp_ns).then(|| rfc3339(past.last_ns));
    json!({
        "id": past.id, "short_id": past.short, "time": rfc3339(past.timestamp_ns),
        "priority": past.priority.name(), "rule": past.rule, "rule_id": past.rule_id,
        "description": text(document, "/rule/description"), "output": past.said,
        "did": text(document, "/runmon/history/said"),
        "failed": failed.then(|| text(document, "/event/code")),
        "user": text(document, "/user/id"), "container": shorten_id(&past.container_id),
        "container_name": text(document, "/container/name"), "image": image(document),
        "pod": pod(document), "node": text(document, "/host/name"),
        "repeats": past.repeats, "last": last,
        "processes": found.processes().iter().map(process).collect::<Vec<_>>(),
        "checks": checks.collect::<Vec<_>>(), "attack": attack.collect::<Vec<_>>(),
        "triage": found.of_rules("triage"),
        "false_positives": found.of_rules("false_positives"),
        "references": references.collect::<Vec<_>>(),
        "timeline": timeline, "document": inert(document.clone()),
    })
}

/// As fields tell it, and by which the page knows containers.
fn shorten_id(id: &str) -> String {
    id.chars().take(12).collect()
}

/// What is before an alert has less than 0.
fn offset_us(at_ns: i64, alert_ns: i64) -> i64 {
    at_ns.saturating_sub(alert_ns).div_euclid(1_000)
}

/// An act of the story.
fn told_act(told: &Told, found: &Found) -> Value {
    let document = &told.document;
    let is_own =
        text(document, "/process/entity_id") == text(&found.document, "/process/entity_id");
    let alert = told.alert.as_ref().map(|_| text(document, "/event/id"));
    let said = match &alert {
        Some(_) => text(document, "/rule/name"),
        None => text(document, "/runmon/history/said"),
    };
    let failed = text(document, "/event/outcome") == "failure";
    json!({
        "time": rfc3339(told.timestamp_ns),
        "offset_us": offset_us(told.timestamp_ns, found.past.timestamp_ns),
        "name": text(document, "/process/name"), "pid": text(document, "/process/pid"),
        "what": text(document, "/event/action"), "said": shorten(&said, SAID), "alert": alert,
        "failed": failed.then(|| text(document, "/event/code")),
        "is_own": is_own, "is_tree": told.is_tree,
    })
}

/// What was seen in its container then, the nearest if there is much, in order.
fn around(desk: &Desk, kept: &Kept) -> Vec<Value> {
    let pid = kept.document.pointer("/process/pid").and_then(Value::as_u64);
    let is_of = |who: u32| pid == Some(u64::from(who));
    let place = &kept.raised.place.id;
    let there = || desk.recent.iter().filter(|seen| seen.place.id == *place);
    // Documents tell milliseconds: which of the acts within one it was, the act itself tells.
    let ms = |ns: i64| ns.div_euclid(1_000_000);
    let at = kept.raised.timestamp_ns;
    let own = there().find(|seen| is_of(seen.who.pid) && ms(seen.timestamp_ns) == ms(at));
    let at = own.map_or(at, |own| own.timestamp_ns);
    let within = WEB_AROUND_SECONDS * 1_000_000_000;
    let mut seen: Vec<&Seen> =
        there().filter(|seen| (seen.timestamp_ns - at).abs() <= within).collect();
    seen.sort_by_key(|seen| (seen.timestamp_ns - at).abs());
    seen.truncate(WEB_AROUND);
    seen.sort_by_key(|seen| seen.timestamp_ns);
    let one = |seen: &Seen| {
        let is_own = is_of(seen.who.pid);
        let said = if seen.object.is_empty() { &seen.command } else { &seen.object };
        json!({
            "time": rfc3339(seen.timestamp_ns), "offset_us": offset_us(seen.timestamp_ns, at),
            "name": seen.who.name, "pid": seen.who.pid, "what": act_name(seen.act),
            "said": shorten(said, SAID), "alert": null,
            "failed": (seen.outcome == Outcome::Failed).then_some("failed"),
            "is_own": is_own,
            "is_tree": is_own || seen.ancestors.iter().any(|ancestor| is_of(ancestor.pid)),
        })
    };
    seen.into_iter().map(one).collect()
}
