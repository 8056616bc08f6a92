//! `policy.*`: how a container stands to the policy of what may run. None are fields of Falco's.

use monitor_rules::{Field, Type, Value};

use super::{one, unknown};
use crate::{event::Event, policy::Verdict, rules::kinds::ALL};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "policy.verdict",
        Type::Str,
        ALL,
        "`allowed`, `refused` or `unknown`, by the policy of what may run (`image_policy`); absent \
         where there is none, and on the host. What decides may not be known: then it is \
         `unknown`, and never `allowed`.",
        |event, _| of(event, |verdict| Value::str(verdict.name())),
    ),
    one(
        "policy.reason",
        Type::Str,
        ALL,
        "Why the container is refused, why that is not known, or by which exception it is allowed.",
        |event, _| {
            of(event, |verdict| {
                Value::or_absent(verdict.reason().map(|why| Value::owned(why.to_owned())))
            })
        },
    ),
    one(
        "policy.at_start",
        Type::Bool,
        ALL,
        "Whether the container is judged by this event: it is the first program of it that is \
         seen, of one that ran before runmon or before another policy was read the next one.",
        |event, _| Value::or_absent(event.policy.at_start().map(Value::Bool)),
    ),
];

fn of(event: &Event, get: impl FnOnce(&Verdict) -> Value<'static>) -> Value<'static> {
    match event.policy.verdict(&event.container, event.timestamp_ns) {
        Ok(verdict) => get(&verdict),
        Err(reason) => unknown(reason),
    }
}
