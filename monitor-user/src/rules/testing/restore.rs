//! An event made again of what its fields said: the third maker of [`Event`]s. It has what could be
//! set; whoever asks it something looks first whether it says the same of that as was kept.

use monitor_rules::TestField;

use super::{act, draft::Draft, set};
use crate::event::Event;

/// The event of these fields, as far as they can be set. None where not even its kind is known.
#[must_use]
pub fn restore(fields: &[TestField], timestamp_ns: i64) -> Option<Event> {
    let made = make(fields, |_| true);
    // A process may be called otherwise than its file.
    let mut event = made.or_else(|| make(fields, |name| !NAMES.contains(&name)))?;
    event.timestamp_ns = timestamp_ns;
    Some(event)
}

/// Names of programs, which follow from their paths.
const NAMES: [&str; 3] = ["proc.name", "proc.pname", "proc.aname"];

fn make(fields: &[TestField], is_set: impl Fn(&str) -> bool) -> Option<Event> {
    let kind = fields.iter().find(|field| field.name == "evt.type")?;
    let mut draft = Draft::new(act::kind(&kind.value).ok()?);
    for field in fields.iter().filter(|field| field.name != "evt.type" && is_set(&field.name)) {
        // What follows from other fields is none of those that can be set.
        let _not_settable = set(&mut draft, field);
    }
    draft.finish().ok()
}
