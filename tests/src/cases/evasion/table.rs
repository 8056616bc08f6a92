//! What a row of the evasion table is, and the table as JSON, for SECURITY.md.

use serde_json::{Value, json};

use crate::lab::Hooks;

/// What a family of hooks makes of an evasion.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// Seen, with the true object.
    Seen,
    /// Seen, but for this.
    Part(&'static str),
    /// Seen as something else: as what.
    Else(&'static str),
    /// Not seen: why.
    Unseen(&'static str),
}

use Verdict::{Else, Part, Seen, Unseen};

/// One way to evade a monitor.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// From 1, without gaps.
    pub number: usize,
    /// What is done.
    pub title: &'static str,
    /// By fentry, by kprobes, by the fallback.
    pub verdicts: [Verdict; 3],
    /// The cases that do it and assert just that.
    pub cases: &'static [&'static str],
    /// Why there is no case.
    pub untested: &'static str,
}

/// The families, in the order of the verdicts.
pub const FAMILIES: [Hooks; 3] = [Hooks::Fentry, Hooks::Kprobe, Hooks::Fallback];

/// Seen by each family.
pub(super) const SEEN: [Verdict; 3] = [Seen; 3];

/// A row with cases.
pub(super) const fn row(
    number: usize,
    title: &'static str,
    verdicts: [Verdict; 3],
    cases: &'static [&'static str],
) -> Row {
    Row { number, title, verdicts, cases, untested: "" }
}

/// A row without.
pub(super) const fn untested(number: usize, title: &'static str, why: &'static str) -> Row {
    Row { number, title, verdicts: [Unseen(why); 3], cases: &[], untested: why }
}

impl Verdict {
    /// In a cell, and what has to be said of it; nothing where it is seen.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Seen => ("seen", ""),
            Part(but) => ("in part", but),
            Else(what) => ("as other", what),
            Unseen(why) => ("not seen", why),
        }
    }
}

/// The table, for the program that writes it down.
pub fn json() -> Value {
    super::ROWS.iter().map(one).collect()
}

fn one(row: &Row) -> Value {
    let verdicts = row.verdicts.iter().zip(FAMILIES).map(|(verdict, family)| {
        let (cell, why) = verdict.words();
        json!({ "family": family.name(), "cell": cell, "why": why })
    });
    json!({
        "number": row.number,
        "title": row.title,
        "cases": row.cases,
        "untested": row.untested,
        "verdicts": verdicts.collect::<Value>(),
    })
}
