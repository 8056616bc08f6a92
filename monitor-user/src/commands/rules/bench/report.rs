//! What was measured, for people and for programs.

use serde_json::json;

use super::{Bench, Cost};
use crate::{
    commands::rules::report::{count, lines, table},
    document::printable::terminal,
};

pub(super) fn as_text(bench: &Bench<'_>) -> String {
    let sum_ns = bench.sum_ns();
    let share = |ns: f64| format!("{:.1} %", share(ns, sum_ns));
    let head = ["SHARE", "NS/EVENT", "NS/TRY", "TRIED", "MATCHED", "RULE"].map(str::to_owned);
    let finding = [
        share(bench.finding_ns),
        format!("{:.1}", bench.finding_ns),
        String::new(),
        bench.events.to_string(),
        String::new(),
        "(finding)".to_owned(),
    ];
    let row = |cost: &Cost<'_>| {
        let event_ns = bench.event_ns(cost);
        [
            share(event_ns),
            format!("{event_ns:.1}"),
            format!("{:.0}", cost.try_ns),
            cost.tried.to_string(),
            cost.matched.to_string(),
            terminal(cost.rule.about.id.as_bytes()).into_owned(),
        ]
    };
    let tried = bench.rules.iter().filter(|cost| cost.tried > 0);
    let rows: Vec<_> = [head, finding].into_iter().chain(tried.map(row)).collect();
    let idle = bench.rules.iter().filter(|cost| cost.tried == 0).count();
    let idle = match idle {
        0 => String::new(),
        idle => format!("\n{} never tried on these events\n", count(idle, "rule")),
    };
    format!(
        "{} events, {}: {:.0} ns an event, {:.2} million events/s\n\n{}{idle}",
        bench.events,
        count(bench.rules.len(), "rule"),
        bench.together_ns,
        1e3 / bench.together_ns,
        table(rows)
    )
}

pub(super) fn as_json(bench: &Bench<'_>) -> String {
    let sum_ns = bench.sum_ns();
    let one = |cost: &Cost<'_>| {
        let event_ns = bench.event_ns(cost);
        json!({
            "id": cost.rule.about.id,
            "name": cost.rule.about.name,
            "tried": cost.tried,
            "matched": cost.matched,
            "try_ns": cost.try_ns,
            "event_ns": event_ns,
            "share_percent": share(event_ns, sum_ns),
        })
    };
    let finding = json!({
        "event_ns": bench.finding_ns,
        "share_percent": share(bench.finding_ns, sum_ns),
    });
    lines(&json!({
        "events": bench.events,
        "event_ns": bench.together_ns,
        "events_per_second": 1e9 / bench.together_ns,
        "finding": finding,
        "rules": bench.rules.iter().map(one).collect::<Vec<_>>(),
    }))
}

fn share(ns: f64, of_ns: f64) -> f64 {
    if of_ns > 0.0 { ns / of_ns * 100.0 } else { 0.0 }
}
