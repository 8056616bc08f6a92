//! `proc.origin` and what Falco asks of it: how the process came to run where it does.

use monitor_rules::{Field, Type, Value};

use super::{one, unknown};
use crate::{
    event::{Container, Event, Fact, Reason, Way},
    rules::kinds::ALL,
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "proc.origin",
        Type::Str,
        ALL,
        "How the process came to run where it does, which its children inherit. In a container: \
         `entrypoint`, or of what was put into it later `interactive_exec` (at a terminal), \
         `exec`, `healthcheck`, `liveness_probe` or `readiness_probe`. On the host: `systemd`, \
         `cron`, `ssh` or `login`. Not a field of Falco's.",
        |event, _| match event.way() {
            Ok(way) => Value::str(way.name()),
            Err(reason) => unknown(reason),
        },
    ),
    one("proc.is_container_healthcheck", Type::Bool, ALL, HEALTHCHECK, |event, _| {
        is_probe(event, Way::Healthcheck, |container| &container.healthcheck)
    }),
    one("proc.is_container_liveness_probe", Type::Bool, ALL, LIVENESS, |event, _| {
        is_probe(event, Way::LivenessProbe, |container| &container.liveness_probe)
    }),
    one("proc.is_container_readiness_probe", Type::Bool, ALL, READINESS, |event, _| {
        is_probe(event, Way::ReadinessProbe, |container| &container.readiness_probe)
    }),
];

const HEALTHCHECK: &str = "Whether the process came of the health check of the container's engine.";
const LIVENESS: &str = "Whether the process came of the liveness probe of the container.";
const READINESS: &str = "Whether the process came of the readiness probe of the container.";

/// Without the command of a probe nobody can tell whether what was put into a container is it.
fn is_probe(
    event: &Event,
    probe: Way,
    command: fn(&Container) -> &Fact<Box<str>>,
) -> Value<'static> {
    match (event.way(), command(&event.container)) {
        (Ok(way), _) if way == probe => Value::Bool(true),
        (Ok(Way::Exec), Fact::Unknown(reason)) if *reason != Reason::NotApplicable => {
            unknown(*reason)
        }
        (Ok(_), _) => Value::Bool(false),
        (Err(_), _) if event.container.is_host() => Value::Bool(false),
        (Err(reason), _) => unknown(reason),
    }
}
