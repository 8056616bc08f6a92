//! Which alerts of the past an exception would have hidden, decided by the values that are kept.

use serde_json::Value;

use super::{
    super::{
        Place,
        look::{items, shorten, text, when},
        past::{Gathered, Past, document},
    },
    columns::Column,
};
use crate::{limits::PAST_ALERTS, rules::stored::Stored, store::record::Kind};

/// Alerts that are shown.
const SHOWN: usize = 20;

/// What an exception would have hidden.
pub(super) struct Hidden {
    whole: Vec<Past>,
    /// Alerts that would have been there all the same, for other rules.
    in_part: usize,
    undecided: usize,
}

/// The alerts of these rules that have the same values.
pub(super) fn by(place: &Place, columns: &[Column], ids: &[&str]) -> anyhow::Result<Hidden> {
    let mut gathered = Gathered::new(PAST_ALERTS);
    let (mut in_part, mut undecided) = (0, 0);
    let mut repeats: Vec<(String, u64)> = Vec::new();
    place.read(&mut |record| {
        let Some((_, document)) = document(record) else { return };
        if record.kind == Kind::RollUp {
            let of = text(&document, "/runmon/rollup/of");
            let count = document.pointer("/runmon/rollup/count").and_then(Value::as_u64);
            repeats.push((of, count.unwrap_or(1)));
        }
        if !matches!(record.kind, Kind::Alert | Kind::Update) {
            return;
        }
        let rules = || items(&document, "/runmon/rules").map(|rule| text(rule, "/id"));
        if !rules().any(|id| ids.contains(&&*id)) {
            return;
        }
        let stored = Stored::of(&document, record.timestamp_ns);
        let holds =
            |stored: &Stored<'_>| columns.iter().map(|column| column.holds(stored)).collect();
        let held: Vec<Option<bool>> = stored.as_ref().map(holds).unwrap_or_default();
        if held.contains(&Some(false)) {
            return;
        }
        if held.is_empty() || held.contains(&None) {
            undecided += 1;
        } else if rules().all(|id| ids.contains(&&*id)) {
            gathered.take(record, &document, Past::of(record, &document, Vec::new()));
        } else {
            in_part += 1;
        }
    })?;
    let mut whole: Vec<Past> = gathered.alerts.into_iter().collect();
    for past in &mut whole {
        let own = repeats.iter().filter(|(of, _)| *of == past.id);
        past.repeats = own.map(|(_, count)| count).sum();
    }
    Ok(Hidden { whole, in_part, undecided })
}

impl Hidden {
    pub(super) fn as_text(&self, columns: &[Column]) -> String {
        let mut text = String::from("it keeps quiet what has all of\n");
        for Column { field, value } in columns {
            let value = shorten(&super::text::shown(value), 200);
            text.push_str(&format!("  {field} = {value}\n"));
        }
        let repeats: u64 = self.whole.iter().map(|past| past.repeats).sum();
        text.push_str(&format!(
            "of the alerts that are kept it would have hidden {}, and {repeats} repeats\n",
            self.whole.len()
        ));
        for past in self.whole.iter().rev().take(SHOWN) {
            let Past { short, rule, timestamp_ns, place, .. } = past;
            text.push_str(&format!("  {short}  {}  {place}  {rule}\n", when(*timestamp_ns)));
        }
        if self.whole.len() > SHOWN {
            text.push_str(&format!("  … and {} older ones\n", self.whole.len() - SHOWN));
        }
        for (count, what) in [
            (self.in_part, "would have been raised all the same, by other rules"),
            (self.undecided, "cannot be decided: too little is kept of them"),
        ] {
            if count > 0 {
                text.push_str(&format!("{count} more {what}\n"));
            }
        }
        text
    }
}
