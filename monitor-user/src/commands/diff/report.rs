//! What came of the comparison, for people and as JSON.

use serde_json::{Value, json};

use crate::{
    commands::rules::table,
    container::{Container, short},
    document::printable::{lossless, terminal},
    posture::{Comparison, Difference, Outcome, Part, compare::Evidence},
};

/// For people: a line for each difference, and what was compared and what not.
pub(super) fn text(container: &Container, comparison: &Comparison) -> String {
    let head = ["PART", "DECLARED", "OBSERVED", "WHO"].map(str::to_owned);
    let rows = comparison.differences.iter().map(row);
    let mut text = match comparison.differences.is_empty() {
        true => String::new(),
        false => table(std::iter::once(head).chain(rows).collect()),
    };
    let name = container.name.known().map_or("-", |name| &**name);
    let [same, differs] = [Outcome::Same, Outcome::Differs].map(|outcome| {
        let of = comparison.parts.iter().filter(|(_, it)| *it == outcome);
        of.map(|(part, _)| part.name()).collect::<Vec<_>>()
    });
    let id = short(&container.id);
    let list = |names: &[&str]| match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    text.push_str(&shown(&format!("{name} ({id}): as declared: {}", list(&same))));
    text.push_str(&format!("; more than declared: {}", list(&differs)));
    let unknown: Vec<String> = unknown(comparison)
        .map(|(part, why)| format!("{} ({})", part.name(), shown(why)))
        .collect();
    if !unknown.is_empty() {
        text.push_str(&format!("; not compared: {}", unknown.join(", ")));
    }
    text.push('\n');
    text
}

fn unknown(comparison: &Comparison) -> impl Iterator<Item = (Part, &str)> {
    comparison.parts.iter().filter_map(|(part, outcome)| match outcome {
        Outcome::Unknown(why) => Some((*part, &**why)),
        Outcome::Same | Outcome::Differs => None,
    })
}

fn shown(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}

fn row(difference: &Difference) -> [String; 4] {
    let Difference { part, declared, observed, evidence } = difference;
    let who = evidence.as_ref().map_or_else(|| "its cgroup".to_owned(), who);
    [part.name().to_owned(), brief(declared), brief(observed), who]
}

/// Characters of a cell; of longer ones JSON tells the rest.
const CELL: usize = 72;

fn brief(text: &str) -> String {
    let shown = shown(text);
    match shown.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

fn who(evidence: &Evidence) -> String {
    let Evidence { pid, program, is_from_outside, more } = evidence;
    let mut who = format!("pid {pid} {}", terminal(program));
    if *is_from_outside {
        who.push_str(" from outside of its cgroup");
    }
    if *more > 0 {
        who.push_str(&format!(" and {more} more"));
    }
    who
}

/// As JSON.
pub(super) fn json(container: &Container, comparison: &Comparison) -> Value {
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Same => "same",
        Outcome::Differs => "differs",
        Outcome::Unknown(_) => "unknown",
    };
    let parts = comparison.parts.iter().map(|(part, it)| {
        let why = if let Outcome::Unknown(why) = it { Some(why) } else { None };
        json!({ "part": part.name(), "outcome": outcome(it), "because": why })
    });
    let differences = comparison.differences.iter().map(|it| {
        json!({
            "part": it.part.name(),
            "declared": it.declared,
            "observed": it.observed,
            "process": it.evidence.as_ref().map(|it| json!({
                "pid": it.pid,
                "executable": lossless(&it.program),
                "from_outside": it.is_from_outside,
                "more": it.more,
            })),
        })
    });
    json!({
        "container": {
            "id": container.id,
            "name": container.name.known(),
            "image": container.image.known(),
            "runtime": container.runtime.known(),
            "bundle": container.bundle.known(),
        },
        "differences": differences.collect::<Vec<_>>(),
        "compared": parts.collect::<Vec<_>>(),
    })
}
