//! `fd.sip.…`: the container of this node, or the service, that has the server's address.

use monitor_rules::{Field, Type, Value};

use super::{fact, number, one, unknown};
use crate::{
    event::{Event, Fact, Peer, Reason, Service},
    rules::kinds::NAMED,
};

/// The fields that say whose an address is.
pub(in crate::rules) const PEERS: [&str; 5] = [
    "fd.sip.container.id",
    "fd.sip.container.name",
    "fd.sip.pod.name",
    "fd.sip.ns.name",
    "fd.sip.container.age",
];

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("fd.sip.container.id", Type::Str, NAMED, ID, |event, _| {
        alone(event, |peer| Value::str(peer.container.short_id()))
    }),
    one("fd.sip.container.name", Type::Str, NAMED, NAME, |event, _| {
        alone(event, |peer| fact(&peer.container.name))
    }),
    one("fd.sip.pod.name", Type::Str, NAMED, POD, |event, _| {
        on_peer(event, |peer| fact(&peer.container.pod_name))
    }),
    one("fd.sip.ns.name", Type::Str, NAMED, NAMESPACE, |event, _| {
        on_peer(event, |peer| fact(&peer.container.pod_namespace))
    }),
    one("fd.sip.container.age", Type::Int, NAMED, AGE, |event, _| {
        on_peer(event, |peer| number(peer.age_ns))
    }),
    one("fd.sip.service.name", Type::Str, NAMED, SERVICE, |event, _| {
        on_service(event, |service| Value::str(&*service.name))
    }),
    one("fd.sip.service.ns", Type::Str, NAMED, SERVICE_NAMESPACE, |event, _| {
        on_service(event, |service| Value::str(&*service.namespace))
    }),
    one("fd.sip.service.age", Type::Int, NAMED, SERVICE_AGE, |event, _| {
        on_service(event, |service| number(service.age_ns))
    }),
];

const ID: &str = "Id of the container that has the server's address, if it is one of this node \
                  that was seen to talk with it, and shares it with no other; cut like \
                  `container.id`. Not a field of Falco's.";
const NAME: &str =
    "Name of that container, known as `fd.sip.container.id` is. Not a field of Falco's.";
const POD: &str = "Pod that has the server's address, if one of its containers on this node was \
                   seen to talk with it, or the cluster's API is asked and tells of one on this \
                   node. Addresses of services are none of a pod's. Not a field of Falco's.";
const NAMESPACE: &str = "Namespace of that pod. Not a field of Falco's.";
const AGE: &str = "Nanoseconds since the server's address was last seen to be that container's or \
                   pod's, or told to be. Not a field of Falco's.";
const SERVICE: &str = "Service of the cluster that has the server's address, if the API is asked \
                       for services (`kubernetes.services`). Not a field of Falco's.";
const SERVICE_NAMESPACE: &str = "Namespace of that service. Not a field of Falco's.";
const SERVICE_AGE: &str = "Nanoseconds since the API last told of that service. Not a field of \
                           Falco's.";

fn on_peer<'e>(event: &'e Event, get: impl FnOnce(&'e Peer) -> Value<'e>) -> Value<'e> {
    let goes = NAMED.contains(event.action.kind());
    match event.action.socket().filter(|_| goes).map(|act| &act.peer) {
        Some(Fact::Known(peer, _)) => get(peer),
        Some(Fact::Unknown(reason)) => unknown(*reason),
        None => Value::Absent,
    }
}

fn on_service<'e>(event: &'e Event, get: impl FnOnce(&'e Service) -> Value<'e>) -> Value<'e> {
    let goes = NAMED.contains(event.action.kind());
    match event.action.socket().filter(|_| goes).map(|act| &act.service) {
        Some(Fact::Known(service, _)) => get(service),
        Some(Fact::Unknown(reason)) => unknown(*reason),
        None => Value::Absent,
    }
}

/// Of containers that share a network nobody knows which one it is.
fn alone<'e>(event: &'e Event, get: impl FnOnce(&'e Peer) -> Value<'e>) -> Value<'e> {
    on_peer(event, |peer| match peer.is_shared {
        true => unknown(Reason::Ambiguous),
        false => get(peer),
    })
}
