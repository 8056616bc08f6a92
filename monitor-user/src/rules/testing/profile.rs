//! What a test says of how an act stands to the profile of its container's image.

use monitor_rules::TestValue;

use super::{Set, draft::Draft, value};
use crate::profile::{Mode, Part, drift::Verdict};

pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    let text = match name {
        "profile.verdict" | "profile.mode" | "profile.name" | "profile.part" => value::text(value),
        _ => return None,
    };
    Some(text.and_then(|text| say(draft, name, &text)))
}

/// What is not said is an unexpected program, by a profile that alerts.
fn say(draft: &mut Draft, field: &str, text: &str) -> Result<(), String> {
    let expectation = draft.event.expectation.as_ref().ok();
    let (mut name, mut mode, mut part) = match expectation {
        None => ("test".into(), Mode::Alert, Some(Part::Programs)),
        Some(verdict) => {
            let profile = verdict.profile();
            (profile.name.clone(), profile.mode, verdict.unexpected().map(|it| it.part()))
        }
    };
    match (field, text) {
        ("profile.verdict", "expected") => part = None,
        ("profile.verdict", "unexpected") => part = part.or(Some(Part::Programs)),
        ("profile.verdict", _) => return Err("it is `expected` or `unexpected`".to_owned()),
        ("profile.mode", text) => {
            mode = Mode::from_name(text).ok_or("it is `learn`, `shadow` or `alert`")?;
        }
        ("profile.part", text) => {
            let found = Part::ALL.into_iter().find(|part| part.name() == text);
            part = Some(found.ok_or("it is no part of a profile")?);
        }
        (_, text) => name = text.into(),
    }
    draft.container();
    draft.event.expectation = Ok(Verdict::told(name, mode, part));
    Ok(())
}
