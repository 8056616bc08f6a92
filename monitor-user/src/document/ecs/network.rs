//! Connections and talk with name servers, in the Elastic Common Schema.

use serde_json::{Value, json};

use super::lossless;
use crate::{
    dns::{
        DnsAct, DnsData, DnsMessage, DnsRecord, class_name, opcode_name, response_name, type_name,
    },
    document::members::set,
    event::{Address, SocketAct},
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
            let latest = act.names.known().and_then(|names| names.first());
            if let Some(name) = latest {
                set(document, &["destination", "domain"], json!(name));
            }
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
