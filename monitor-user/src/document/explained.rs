//! What a rule's condition came to, check by check.

use monitor_rules::{Explained, Part, Tri, Unknown, Value as Found};
use serde_json::{Value, json};

use super::printable::terminal;
use crate::limits::{HISTORY_CHECK_BYTES, HISTORY_CHECKS};

/// All of it, for who asked for it.
#[must_use]
pub fn whole(explained: &Explained) -> Value {
    write(explained, &mut Room { checks: usize::MAX, bytes: usize::MAX })
}

/// As much of it as history keeps.
pub(super) fn kept(explained: &Explained) -> Value {
    write(explained, &mut Room { checks: HISTORY_CHECKS, bytes: HISTORY_CHECK_BYTES })
}

/// A value, or in angle brackets why it is not known.
#[must_use]
pub fn value(value: &Found<'_>) -> String {
    match value {
        Found::Unknown(Unknown::Pending) => "<pending>".to_owned(),
        Found::Unknown(Unknown::Never(reason)) => format!("<{reason}>"),
        value => {
            let mut bytes = Vec::new();
            value.write_to(&mut bytes);
            terminal(&bytes).into_owned()
        }
    }
}

/// What there is room for.
struct Room {
    checks: usize,
    /// Bytes of one text.
    bytes: usize,
}

impl Room {
    fn cut(&self, text: &str) -> String {
        if text.len() <= self.bytes {
            return text.to_owned();
        }
        let end = (0..=self.bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        format!("{}…", text.get(..end).unwrap_or_default())
    }
}

fn write(explained: &Explained, room: &mut Room) -> Value {
    let truth = match explained.truth {
        Tri::True => "true",
        Tri::False => "false",
        Tri::Unknown => "unknown",
    };
    if room.checks == 0 {
        return json!({ "truth": truth, "left_out": true });
    }
    room.checks -= 1;
    let all = |parts: &[Explained], room: &mut Room| {
        parts.iter().map(|part| write(part, room)).collect::<Vec<_>>()
    };
    match &explained.part {
        Part::And(parts) => json!({ "truth": truth, "all": all(parts, room) }),
        Part::Or(parts) => json!({ "truth": truth, "one": all(parts, room) }),
        Part::Not(inner) => json!({ "truth": truth, "not": write(inner, room) }),
        Part::Macro(name, inner) => {
            json!({ "truth": truth, "macro": name, "is": write(inner, room) })
        }
        Part::Check { text, values } => {
            let values = values.iter().take(room.checks.max(1));
            let values = values.map(|found| room.cut(&value(found))).collect::<Vec<_>>();
            json!({ "truth": truth, "check": room.cut(text), "values": values })
        }
    }
}
