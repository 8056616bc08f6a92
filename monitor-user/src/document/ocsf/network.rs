//! Connections, datagrams and talk with name servers.

use serde_json::{Value, json};

use super::{
    activity::About,
    class::{Activity, DNS, NETWORK},
};
use crate::{
    dns::{DnsAct, DnsData, DnsMessage, DnsRecord, class_name, response_name, type_name},
    document::{Sender, members::set, printable::lossless},
    event::{Action, Address, Container, Event, Outcome, SocketAct},
};

/// A direction: number and name.
type Direction = (u32, &'static str);

const UNKNOWN: Direction = (0, "Unknown");
const INBOUND: Direction = (1, "Inbound");
const OUTBOUND: Direction = (2, "Outbound");

/// An act on a socket.
pub(super) fn of_socket(event: &Event, act: &SocketAct, sender: &Sender) -> About {
    let (activity, direction) = match &event.action {
        Action::Accept(_) => (NETWORK.activity(1, "Open"), INBOUND),
        Action::Connect(_) => (attempt(event.outcome), OUTBOUND),
        Action::Send(_) => (NETWORK.activity(6, "Traffic"), OUTBOUND),
        Action::Listen(_) => (NETWORK.activity(7, "Listen"), UNKNOWN),
        Action::Bind(_) => (NETWORK.other("Bind"), UNKNOWN),
        _ => (NETWORK.other("Socket to standard stream"), UNKNOWN),
    };
    let mut about = About::of(activity, []);
    ends(&mut about, act, direction, sender);
    // Who binds an address may become either end.
    let is_known = direction != UNKNOWN || matches!(event.action, Action::Listen(_));
    about.members.push(("is_src_dst_assignment_known", json!(is_known)));
    if act.repeats > 0 {
        about.members.push(("count", json!(u64::from(act.repeats) + 1)));
    }
    about
}

fn attempt(outcome: Outcome) -> Activity {
    match outcome {
        Outcome::Failure(nix::libc::ECONNREFUSED) => NETWORK.activity(5, "Refuse"),
        Outcome::Success | Outcome::Unknown | Outcome::Failure(nix::libc::EINPROGRESS) => {
            NETWORK.activity(1, "Open")
        }
        Outcome::Failure(_) => NETWORK.activity(4, "Fail"),
    }
}

/// A socket of an uncommon sort was made: it has no ends yet but this machine.
pub(super) fn of_new_socket(sender: &Sender) -> About {
    let members = [("src_endpoint", this_machine(sender))];
    About::of(NETWORK.other("Create socket"), members)
}

fn this_machine(sender: &Sender) -> Value {
    json!({ "hostname": sender.node.hostname })
}

fn ends(about: &mut About, act: &SocketAct, direction: Direction, sender: &Sender) {
    let mut info = json!({ "direction_id": direction.0, "direction": direction.1 });
    let (number, name) = match act.protocol {
        6 => (6, "tcp"),
        17 => (17, "udp"),
        1 => (1, "icmp"),
        58 => (58, "ipv6-icmp"),
        132 => (132, "sctp"),
        // On the wire that is TCP.
        262 => (6, "tcp"),
        other => (other, ""),
    };
    if number != 0 {
        set(&mut info, &["protocol_num"], json!(number));
    }
    if !name.is_empty() {
        set(&mut info, &["protocol_name"], json!(name));
    }
    let destination = destination(act);
    match &act.destination {
        Address::Ip(ip, _) => {
            let version = if ip.is_ipv4() { 4 } else { 6 };
            let text = format!("Internet Protocol version {version} (IPv{version})");
            set(&mut info, &["protocol_ver_id"], json!(version));
            set(&mut info, &["protocol_ver"], json!(text));
        }
        Address::Unix(_) => set(&mut info, &["protocol_name"], json!("unix")),
    }
    about.members.push(("connection_info", info));
    match (act.source, &destination) {
        (Some(source), _) => {
            let ip = source.ip().to_canonical().to_string();
            about.members.push(("src_endpoint", json!({ "ip": ip, "port": source.port() })));
        }
        (None, None) => about.members.push(("src_endpoint", this_machine(sender))),
        (None, Some(_)) => {}
    }
    if let Some(destination) = destination {
        about.members.push(("dst_endpoint", destination));
    }
}

/// The destination; None for a socket without a name.
fn destination(act: &SocketAct) -> Option<Value> {
    let (ip, port) = match &act.destination {
        Address::Ip(ip, port) => (ip, port),
        Address::Unix(path) if path.is_empty() => return None,
        Address::Unix(path) => return Some(json!({ "name": lossless(path) })),
    };
    let mut value = json!({ "ip": ip.to_string(), "port": port });
    let latest = act.names.known().and_then(|names| names.first());
    if let Some(name) = latest {
        set(&mut value, &["hostname"], json!(name));
    }
    if let Some(service) = act.service.known() {
        set(&mut value, &["svc_name"], json!(service.name));
    }
    if let Some(peer) = act.peer.known()
        && !peer.is_shared
        && &*peer.container.id != Container::UNKNOWN
        && let Some(container) = super::container::of(&peer.container)
    {
        set(&mut value, &["container"], container);
    }
    Some(value)
}

/// A question to a name server, or its answer.
pub(super) fn of_dns(event: &Event, act: &DnsAct, sender: &Sender) -> About {
    let is_answer = matches!(event.action, Action::DnsAnswer(_));
    let activity = if is_answer { DNS.activity(2, "Response") } else { DNS.activity(1, "Query") };
    let mut about = About::of(activity, []);
    ends(&mut about, &act.socket, OUTBOUND, sender);
    let at = json!(super::milliseconds(event.timestamp_ns));
    about.members.push((if is_answer { "response_time" } else { "query_time" }, at));
    let Some(message) = &act.message else { return about };
    if let Some(question) = &message.question {
        let (opcode_id, opcode) = opcode(message.opcode);
        let query = json!({
            "hostname": if question.name.is_empty() { "." } else { &*question.name },
            "type": type_name(question.record_type),
            "class": class_name(question.class),
            "opcode_id": opcode_id,
            "opcode": opcode,
            "packet_uid": message.id,
        });
        about.members.push(("query", query));
    }
    if is_answer {
        let (code_id, code) = response(message.response_code);
        about.members.extend([("rcode_id", json!(code_id)), ("rcode", json!(code))]);
        let answers = message.answers.iter().filter_map(|answer| record(answer, message));
        about.members.push(("answers", answers.collect()));
    }
    about
}

/// An answer, if what it says was looked into: there is none without that.
fn record(record: &DnsRecord, message: &DnsMessage) -> Option<Value> {
    let data = data(&record.data)?;
    let (ids, names): (Vec<u32>, Vec<&str>) =
        message.flags.iter().map(|flag| self::flag(flag)).unzip();
    Some(json!({
        "type": type_name(record.record_type),
        "class": class_name(record.class),
        "ttl": record.ttl,
        "rdata": data,
        "packet_uid": message.id,
        "flag_ids": ids,
        "flags": names,
    }))
}

fn data(data: &DnsData) -> Option<Value> {
    match data {
        DnsData::Address(ip) => Some(json!(ip.to_string())),
        DnsData::Alias(name) | DnsData::Name(name) => Some(json!(**name)),
        DnsData::Text(text) => Some(json!(lossless(text))),
        DnsData::Other => None,
    }
}

fn flag(flag: &str) -> (u32, &'static str) {
    match flag {
        "AA" => (1, "Authoritative Answer"),
        "TC" => (2, "Truncated Response"),
        "RD" => (3, "Recursion Desired"),
        "RA" => (4, "Recursion Available"),
        "AD" => (5, "Authentic Data"),
        "CD" => (6, "Checking Disabled"),
        _ => (0, "Unknown"),
    }
}

fn opcode(number: u8) -> (u32, String) {
    let name = match number {
        0 => "Query",
        1 => "Inverse Query",
        2 => "Status",
        3 => "Reserved",
        4 => "Notify",
        5 => "Update",
        6 => "DSO Message",
        other => return (99, other.to_string()),
    };
    (number.into(), name.to_owned())
}

fn response(number: u8) -> (u32, String) {
    let name = match number {
        0 => "NoError",
        1 => "FormError",
        2 => "ServError",
        3 => "NXDomain",
        4 => "NotImp",
        5 => "Refused",
        6 => "YXDomain",
        7 => "YXRRSet",
        8 => "NXRRSet",
        9 => "NotAuth",
        10 => "NotZone",
        11 => "DSOTYPENI",
        12..=15 => return (24, "Unassigned".to_owned()),
        other => return (99, response_name(other)),
    };
    (number.into(), name.to_owned())
}

/// What the schema has no place for.
pub(super) fn unmapped(about: &mut Value, event: &Event) {
    let Some(act) = event.action.socket() else { return };
    if let Some(given) = act.given {
        set(about, &["destination", "address"], json!(given.to_string()));
    }
    let Some(message) = event.action.dns().and_then(|act| act.message.as_ref()) else { return };
    if !message.flags.is_empty() {
        set(about, &["dns", "header_flags"], json!(message.flags));
    }
    // Whose record it is stands nowhere else: the name that was asked for may go by another.
    let records = message
        .answers
        .iter()
        .map(|answer| json!({ "name": *answer.name, "type": type_name(answer.record_type) }));
    if matches!(event.action, Action::DnsAnswer(_)) && !message.answers.is_empty() {
        set(about, &["dns", "answers"], records.collect());
    }
}
