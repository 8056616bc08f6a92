//! `container.declared.*`, and how an act stands to it: what the container was declared with. None
//! are fields of Falco's.

use monitor_rules::{Field, Type, Unknown, Value};
use nix::libc;

use super::{fact_of, number, one, process};
use crate::{
    event::{Action, Address, Event},
    host::FIRST_USER,
    rules::kinds::{ALL, BIND, LISTEN},
    words,
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "container.declared.uid",
        Type::Int,
        ALL,
        "User that the container's first program was declared to run as, as the host numbers \
         users.",
        |event, _| fact_of(&event.container.declared_uid, |uid| number(*uid)),
    ),
    one(
        "container.declared.capabilities",
        Type::Str,
        ALL,
        "All capabilities that programs of the container may come to have as it was declared, with \
         spaces.",
        |event, _| {
            fact_of(&event.container.declared_capabilities, |set| {
                Value::owned(words::capabilities(*set))
            })
        },
    ),
    one(
        "container.declared.no_new_privs",
        Type::Bool,
        ALL,
        "Whether programs of the container were declared to gain no privileges, as by set-uid \
         files.",
        |event, _| fact_of(&event.container.no_new_privileges, |yes| Value::Bool(*yes)),
    ),
    one(
        "container.declared.readonly_root",
        Type::Bool,
        ALL,
        "Whether the container's root was declared to be read-only.",
        |event, _| fact_of(&event.container.readonly_root, |yes| Value::Bool(*yes)),
    ),
    one(
        "container.declared.ports",
        Type::Str,
        ALL,
        "Ports that the container's image or engine declares, as `80/tcp`, with spaces. Docker's \
         files tell them, and of pods CRI-O's bundles.",
        |event, _| fact_of(&event.container.declared_ports, |ports| Value::str(ports.as_bytes())),
    ),
    one(
        "thread.cap_undeclared",
        Type::Str,
        ALL,
        "Those of the effective capabilities at the start that the container was declared without, \
         with spaces; absent if there are none. In another user namespace than the host's they \
         mean less, and it is not known.",
        |event, _| {
            process::of(&event.process, |process| match process.cap_effective {
                // Who has none waits for no fact.
                0 => Value::Absent,
                held => fact_of(&event.container.declared_capabilities, |declared| {
                    undeclared(event, held & !declared)
                }),
            })
        },
    ),
    one(
        "evt.is_declared_port",
        Type::Bool,
        LISTEN.union(BIND),
        "Whether the port that is listened at is one that the container's image or engine \
         declares.",
        |event, _| is_declared_port(event),
    ),
];

fn undeclared(event: &Event, beyond: u64) -> Value<'static> {
    match beyond {
        0 => Value::Absent,
        _ if u64::from(event.namespaces.user) != FIRST_USER => {
            Value::Unknown(Unknown::Never("in_user_namespace"))
        }
        beyond => Value::owned(words::capabilities(beyond)),
    }
}

fn is_declared_port(event: &Event) -> Value<'_> {
    let (Action::Listen(act) | Action::Bind(act)) = &event.action else { return Value::Absent };
    let Address::Ip(_, port) = act.destination else { return Value::Absent };
    let protocol = match i32::from(act.protocol) {
        libc::IPPROTO_TCP | libc::IPPROTO_MPTCP => "tcp",
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => "udp",
        libc::IPPROTO_SCTP => "sctp",
        _ => return Value::Absent,
    };
    fact_of(&event.container.declared_ports, |ports| {
        Value::Bool(crate::posture::ports::holds(ports, port, protocol))
    })
}
