//! `profile.*`: how an act stands to what is expected of its container's image. None are fields of
//! Falco's.

use monitor_rules::{Field, Type, Value};

use super::{one, unknown};
use crate::{event::Event, profile::drift::Verdict, rules::kinds::ALL};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "profile.verdict",
        Type::Str,
        ALL,
        "`expected` or `unexpected`, by the approved profile of the container's image; absent \
         where it has none, and of acts that profiles say nothing of.",
        |event, _| {
            of(event, |verdict| match verdict {
                Verdict::Expected(_) => Value::str("expected"),
                Verdict::Unexpected(..) => Value::str("unexpected"),
            })
        },
    ),
    one(
        "profile.mode",
        Type::Str,
        ALL,
        "What is done about what that profile does not expect: `learn`, `shadow` or `alert`.",
        |event, _| of(event, |verdict| Value::str(verdict.profile().mode.name())),
    ),
    one("profile.name", Type::Str, ALL, "Name of that profile.", |event, _| {
        of(event, |verdict| Value::str(verdict.profile().name.as_bytes()))
    }),
    one(
        "profile.part",
        Type::Str,
        ALL,
        "The part of that profile in which this act is not, as in `programs`.",
        |event, _| {
            of(event, |verdict| {
                let part = verdict.unexpected().map(|thing| Value::str(thing.part().name()));
                Value::or_absent(part)
            })
        },
    ),
    one(
        "profile.found",
        Type::Str,
        ALL,
        "What that profile does not expect, as it would have it.",
        |event, _| {
            of(event, |verdict| {
                Value::or_absent(verdict.unexpected().map(|it| Value::owned(it.to_string())))
            })
        },
    ),
    one(
        "profile.nearest",
        Type::Str,
        ALL,
        "What that profile expects that is most like it.",
        |event, _| {
            of(event, |verdict| {
                Value::or_absent(verdict.nearest().map(|it| Value::owned(it.to_string())))
            })
        },
    ),
];

fn of<'e>(event: &'e Event, get: impl FnOnce(&'e Verdict) -> Value<'e>) -> Value<'e> {
    match &event.expectation {
        Ok(verdict) => get(verdict),
        Err(reason) => unknown(*reason),
    }
}
