//! Connections and talk with name servers, in the Elastic Common Schema.

use serde_json::{Value, json};

use super::{lossless, set};
use crate::{
    dns::{
        DnsAct, DnsData, DnsMessage, DnsRecord, class_name, opcode_name, response_name, type_name,
    },
    event::{Action, Address, Event, Fact, Reason, SocketAct},
};

/// The ends of a connection or datagram.
pub(super) fn socket(document: &mut Value, act: &SocketAct, direction: &str) {
    let transport = match act.protocol {
        6 => "tcp",
        17 => "udp",
        1 => "icmp",
        58 => "ipv6-icmp",
        132 => "sctp",
        262 => "mptcp",
        0 => "unix",
        _ => "other",
    };
    let mut network = json!({ "transport": transport, "direction": direction });
    match &act.destination {
        Address::Ip(ip, port) => {
            let kind = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
            set(&mut network, &["type"], json!(kind));
            set(
                document,
                &["destination"],
                json!({
                    "ip": ip.to_string(), "port": port,
                    "address": act.given.unwrap_or(*ip).to_string(),
                }),
            );
            names(document, act);
            peer(document, act);
            service(document, act);
        }
        Address::Unix(path) => {
            set(&mut network, &["transport"], json!("unix"));
            set(document, &["destination"], json!({ "address": lossless(path) }));
        }
    }
    if let Some(source) = act.source {
        set(
            document,
            &["source"],
            json!({
                "ip": source.ip().to_canonical().to_string(), "port": source.port(),
            }),
        );
    }
    set(document, &["network"], network);
}

/// How the destination is called, or why that is not known.
fn names(document: &mut Value, act: &SocketAct) {
    match &act.names {
        Fact::Known(names, _) => {
            set(document, &["destination", "domain"], json!(names.first().map(|name| &**name)));
            if names.len() > 1 {
                let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                set(document, &["runmon", "destination_names"], json!(names));
            }
        }
        Fact::Unknown(Reason::NotApplicable) => {}
        Fact::Unknown(reason) => {
            let why = json!({ "destination.domain": reason.name() });
            set(document, &["runmon", "unknown_because"], why);
        }
    }
}

/// The container of this node that has the destination's address.
fn peer(document: &mut Value, act: &SocketAct) {
    match &act.peer {
        Fact::Known(peer, source) => {
            let container = &peer.container;
            let mut known = json!({
                "pod": container.pod_name.known(),
                "namespace": container.pod_namespace.known(),
                "known_from": source.name(),
                "age_seconds": peer.age_ns / 1_000_000_000,
            });
            if !peer.is_shared {
                let of_it = json!({ "id": *container.id, "name": container.name.known() });
                set(&mut known, &["container"], of_it);
            }
            set(document, &["runmon", "destination"], known);
        }
        Fact::Unknown(Reason::Ambiguous) => {
            let why = json!({ "unknown_because": Reason::Ambiguous.name() });
            set(document, &["runmon", "destination"], why);
        }
        // Most of what containers go to is none of this node's.
        Fact::Unknown(_) => {}
    }
}

/// The service of the cluster that has the address.
fn service(document: &mut Value, act: &SocketAct) {
    let Fact::Known(service, source) = &act.service else { return };
    let known = json!({
        "name": service.name,
        "namespace": service.namespace,
        "known_from": source.name(),
        "age_seconds": service.age_ns / 1_000_000_000,
    });
    set(document, &["runmon", "destination", "service"], known);
}

/// A question to a name server, or its answer.
pub(super) fn dns(document: &mut Value, act: &DnsAct, form: &str, direction: &str) {
    socket(document, &act.socket, direction);
    set(document, &["network", "protocol"], json!("dns"));
    set(document, &["dns", "type"], json!(form));
    let Some(message) = &act.message else { return };
    set(document, &["dns", "id"], json!(message.id.to_string()));
    set(document, &["dns", "op_code"], json!(opcode_name(message.opcode)));
    set(document, &["dns", "header_flags"], json!(message.flags));
    if let Some(question) = &message.question {
        let question = json!({
            "name": *question.name,
            "type": type_name(question.record_type),
            "class": class_name(question.class),
        });
        set(document, &["dns", "question"], question);
    }
    if form == "answer" {
        answer(document, message);
    }
}

fn answer(document: &mut Value, message: &DnsMessage) {
    set(document, &["dns", "response_code"], json!(response_name(message.response_code)));
    let answers: Vec<Value> = message.answers.iter().map(record).collect();
    set(document, &["dns", "answers"], json!(answers));
    let resolved: Vec<String> = message.resolved().map(|(ip, _)| ip.to_string()).collect();
    set(document, &["dns", "resolved_ip"], json!(resolved));
}

fn record(record: &DnsRecord) -> Value {
    let mut value = json!({
        "name": *record.name,
        "type": type_name(record.record_type),
        "class": class_name(record.class),
        "ttl": record.ttl,
    });
    let data = match &record.data {
        DnsData::Address(ip) => json!(ip.to_string()),
        DnsData::Alias(name) | DnsData::Name(name) => json!(**name),
        DnsData::Text(text) => json!(lossless(text)),
        DnsData::Other => return value,
    };
    set(&mut value, &["data"], data);
    value
}

/// What a message says beyond the schema.
pub(super) fn about_dns(about: &mut Value, event: &Event, act: &DnsAct) {
    set(about, &["message_bytes"], json!(act.total));
    if matches!(event.action, Action::DnsAnswer(_)) {
        set(about, &["asked"], json!(act.asked));
    }
    match &act.message {
        None => set(about, &["unknown_because"], json!({ "dns": "no_dns_message" })),
        Some(message) if message.is_cut => set(about, &["answers_truncated"], json!(true)),
        Some(_) => {}
    }
}
