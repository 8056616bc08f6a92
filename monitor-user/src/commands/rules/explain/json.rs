//! A rule's story for programs.

use monitor_rules::{Mode, Outline, RuleException, Tactic};
use serde_json::{Value, json};

use super::{Kind, Story};
use crate::{commands::rules::report::lines, event::Event, rules::filter::Pushed};

/// The story as one object.
pub(super) fn of(story: &Story<'_>) -> String {
    let (rule, about) = (story.rule, &story.rule.about);
    let tactics: Vec<&str> = about.tactics.iter().map(|Tactic { id, .. }| *id).collect();
    let fields = story.fields.iter().map(|(name, costly)| json!({"name": name, "costly": costly}));
    let exceptions = rule.exceptions.iter().map(|it| exception(it, story.now_ns));
    let (fires, quiet) = story.tests;
    lines(&json!({
        "id": about.id,
        "name": about.name,
        "version": about.version,
        "description": about.desc,
        "file": about.file,
        "line": about.line,
        "priority": about.priority.name().to_ascii_lowercase(),
        "enabled": rule.enabled,
        "mode": match rule.mode { Mode::Alert => "alert", Mode::Shadow => "shadow" },
        "tactics": tactics,
        "techniques": about.techniques,
        "condition": tree(&story.condition),
        "macros": story.condition.macros(),
        "kinds": story.kinds.iter().map(kind).collect::<Vec<_>>(),
        "fields": fields.collect::<Vec<_>>(),
        "exceptions": exceptions.collect::<Vec<_>>(),
        "aggregate": rule.aggregate.as_ref().map(|aggregate| json!({
            "goal": aggregate.describe(),
            "steps": aggregate.steps().iter().map(|it| tree(&it.outline())).collect::<Vec<_>>(),
        })),
        "tests": { "fires": fires, "quiet": quiet },
        "doubts": story.doubts,
    }))
}

fn tree(outline: &Outline) -> Value {
    let all = |parts: &[Outline]| parts.iter().map(tree).collect::<Vec<_>>();
    match outline {
        Outline::All(parts) => json!({ "all": all(parts) }),
        Outline::One(parts) => json!({ "one": all(parts) }),
        Outline::Not(inner) => json!({ "not": tree(inner) }),
        Outline::Macro(name, inner) => json!({ "macro": name, "is": tree(inner) }),
        Outline::Check { text, values, fields, cost } => {
            json!({ "check": text, "values": values, "fields": fields, "cost": cost })
        }
    }
}

fn kind(kind: &Kind) -> Value {
    let hooks =
        kind.hooks.iter().map(|(family, points)| json!({ "backend": family, "attach": points }));
    let found = kind.finding.as_ref().map(|finding| {
        let lookups = finding.lookups.iter();
        let lookups = lookups.map(|(field, values)| json!({ "field": field, "values": values }));
        json!({
            "lookups": lookups.collect::<Vec<_>>(),
            "shared": finding.shared,
            "rules": finding.rules,
        })
    });
    let (only, unseen) = match &kind.pushed {
        Pushed::NoFilter => (None, None),
        Pushed::Everything(fields) => (None, Some(fields)),
        Pushed::Only(needs) => (Some(needs), None),
    };
    json!({
        "kind": kind.name, "hooks": hooks.collect::<Vec<_>>(), "kernel_tells_only": only,
        "kernel_cannot_look_in": unseen,
        "found": found,
    })
}

fn exception(exception: &RuleException<Event>, now_ns: i64) -> Value {
    json!({
        "name": exception.name,
        "owner": exception.owner,
        "reason": exception.reason,
        "expires": exception.expires_on(),
        "active": exception.is_active(now_ns),
        "condition": tree(&exception.condition.outline()),
    })
}
