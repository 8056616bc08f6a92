//! An event made again of what its fields said: the third maker of [`Event`]s. It has what could be
//! set; whoever asks it something looks first whether it says the same of that as was kept.

use monitor_rules::{TestField, TestValue};

use super::{act, draft::Draft, set};
use crate::event::{Container, Event};

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
    let host = TestValue::Str(Container::HOST.to_owned());
    let on_host = fields.iter().any(|it| it.name == "container.id" && it.value == host);
    // The name of a socket with addresses follows from these; given alone it is a path.
    let has_addresses = fields.iter().any(|it| it.name == "fd.sip");
    // What tells of a container makes the process one of a container.
    let is_told = |field: &&TestField| {
        field.name != "evt.type"
            && !(on_host && field.name.starts_with("container."))
            && !(has_addresses && field.name == "fd.name")
            && is_set(&field.name)
    };
    for field in fields.iter().filter(is_told) {
        // What follows from other fields is none of those that can be set.
        let _not_settable = set(&mut draft, field);
    }
    draft.finish().ok()
}
