//! What a test says of how a container stands to the policy of what may run.

use monitor_rules::TestValue;

use super::{Set, draft::Draft, value};
use crate::policy::{Standing, Verdict};

pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    Some(match name {
        "policy.verdict" | "policy.reason" => {
            value::text(value).and_then(|text| say(draft, name, &text))
        }
        "policy.at_start" => value::yes(value).map(|yes| {
            let (verdict, _) = told(draft);
            draft.event.policy = Standing::Told { verdict, at_start: yes };
        }),
        _ => return None,
    })
}

/// What is said so far; what is not said is a container that is refused when it starts.
fn told(draft: &mut Draft) -> (Verdict, bool) {
    draft.container();
    match &draft.event.policy {
        Standing::Told { verdict, at_start } => (verdict.clone(), *at_start),
        Standing::None | Standing::By { .. } => (Verdict::Refused("test".into()), true),
    }
}

fn say(draft: &mut Draft, field: &str, text: &str) -> Result<(), String> {
    let (verdict, at_start) = told(draft);
    let why = verdict.reason().unwrap_or_default().to_owned().into_boxed_str();
    let verdict = match (field, text, verdict) {
        ("policy.verdict", "allowed", Verdict::Allowed(why)) => Verdict::Allowed(why),
        ("policy.verdict", "allowed", _) => Verdict::Allowed(None),
        ("policy.verdict", "refused", _) => Verdict::Refused(why),
        ("policy.verdict", "unknown", _) => Verdict::Unknown(why),
        ("policy.verdict", ..) => {
            return Err("it is `allowed`, `refused` or `unknown`".to_owned());
        }
        (_, text, Verdict::Allowed(_)) => Verdict::Allowed(Some(text.into())),
        (_, text, Verdict::Refused(_)) => Verdict::Refused(text.into()),
        (_, text, Verdict::Unknown(_)) => Verdict::Unknown(text.into()),
    };
    draft.event.policy = Standing::Told { verdict, at_start };
    Ok(())
}
