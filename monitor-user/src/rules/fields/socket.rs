//! `fd.*` of sockets. A connection goes from the client, the source, to the server.

use std::{
    net::{IpAddr, SocketAddr},
    ops::ControlFlow,
};

use monitor_rules::{ArgRule, Field, Type, Value, Visit};
use nix::libc;

use super::{any, event::raw_result, one, unknown};
use crate::{
    event::{Action, Address, Event, Fact, SocketAct},
    rules::kinds::{NAMED, SOCKET},
};

const TEXTS: (Type, ArgRule) = (Type::Str, ArgRule::None);
const SERVER_NAME: &str = "Name of the server's address: each that an answer of a name server told \
                           this container for it lately.";
const REMOTE_NAME: &str = "Name of the address of the remote end, as `fd.sip.name`.";

/// The fields that say how an address is called.
pub(in crate::rules) const NAMES: [&str; 2] = ["fd.sip.name", "fd.rip.name"];

const IPS: (Type, ArgRule) = (Type::Ip, ArgRule::None);

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("fd.sockfamily", Type::Str, SOCKET, "`ip` or `unix`.", |event, _| {
        on_socket(event, |act| match act.destination {
            Address::Ip(..) => Value::str("ip"),
            Address::Unix(_) => Value::str("unix"),
        })
    }),
    one("fd.l4proto", Type::Str, SOCKET, "`tcp`, `udp`, `icmp`, `sctp` or `raw`.", |event, _| {
        on_socket(event, |act| Value::or_absent(transport(act).map(Value::str)))
    }),
    one("fd.connected", Type::Bool, SOCKET, "The socket is connected.", |event, _| {
        match event.action {
            Action::Connect(_) => Value::Bool(raw_result(event) >= 0),
            Action::Accept(_) => Value::Bool(true),
            Action::Send(_) | Action::Listen(_) | Action::Bind(_) => Value::Bool(false),
            _ => Value::Absent,
        }
    }),
    one(
        "fd.name_changed",
        Type::Bool,
        SOCKET,
        "The act gave the socket another destination.",
        |event, _| {
            let is_new = event.action.dns().is_none();
            on_socket(event, |_| Value::Bool(is_new))
        },
    ),
    one("fd.is_server", Type::Bool, SOCKET, "The process is the server.", |event, _| {
        if event.action.socket().is_some() { Value::Bool(is_server(event)) } else { Value::Absent }
    }),
    any("fd.ip", IPS, SOCKET, "Either address.", |event, _, visit| ips(event, visit)),
    one("fd.sip", Type::Ip, SOCKET, "Address of the server.", server_ip),
    one("fd.cip", Type::Ip, SOCKET, "Address of the client.", client_ip),
    one("fd.rip", Type::Ip, SOCKET, "Address of the remote end.", remote_ip),
    one("fd.lip", Type::Ip, SOCKET, "Address of the local end.", local_ip),
    any("fd.port", (Type::Int, ArgRule::None), SOCKET, "Either port.", |event, _, visit| {
        ports(event, visit)
    }),
    one("fd.sport", Type::Int, SOCKET, "Port of the server.", server_port),
    one("fd.cport", Type::Int, SOCKET, "Port of the client.", client_port),
    one("fd.rport", Type::Int, SOCKET, "Port of the remote end.", remote_port),
    one("fd.lport", Type::Int, SOCKET, "Port of the local end.", local_port),
    any("fd.net", IPS, SOCKET, "Either address, to compare with networks.", |event, _, visit| {
        ips(event, visit)
    }),
    one("fd.snet", Type::Ip, SOCKET, "Address of the server, to compare.", server_ip),
    one("fd.cnet", Type::Ip, SOCKET, "Address of the client, to compare.", client_ip),
    one("fd.rnet", Type::Ip, SOCKET, "Address of the remote end, to compare.", remote_ip),
    any("fd.sip.name", TEXTS, NAMED, SERVER_NAME, names),
    any("fd.rip.name", TEXTS, NAMED, REMOTE_NAME, names),
    one("fd.lnet", Type::Ip, SOCKET, "Address of the local end, to compare.", local_ip),
];

fn names<'e>(event: &'e Event, _: &monitor_rules::Arg, visit: &mut Visit<'_, 'e>) {
    if !NAMED.contains(event.action.kind()) {
        return;
    }
    let Some(act) = event.action.socket() else { return };
    let visited = match &act.names {
        Fact::Known(names, _) => {
            names.iter().try_for_each(|name| visit(Value::str(name.as_bytes())))
        }
        Fact::Unknown(reason) => visit(unknown(*reason)),
    };
    match visited {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}

/// Both ends as text. A source that is not bound is left out; an abstract name starts with `@`.
pub(super) fn tuple(act: &SocketAct) -> Vec<u8> {
    match (&act.destination, act.source) {
        (Address::Ip(ip, port), None) => format!("->{}", SocketAddr::new(*ip, *port)).into_bytes(),
        (Address::Ip(ip, port), Some(source)) => {
            format!("{source}->{}", SocketAddr::new(*ip, *port)).into_bytes()
        }
        (Address::Unix(path), _) => match path.strip_prefix(b"\0") {
            Some(name) => [b"@", name].concat(),
            None => path.to_vec(),
        },
    }
}

fn on_socket<'e>(event: &'e Event, of: impl FnOnce(&'e SocketAct) -> Value<'e>) -> Value<'e> {
    event.action.socket().map_or(Value::Absent, of)
}

fn transport(act: &SocketAct) -> Option<&'static str> {
    let Address::Ip(..) = act.destination else { return None };
    match i32::from(act.protocol) {
        libc::IPPROTO_TCP | libc::IPPROTO_MPTCP => Some("tcp"),
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => Some("udp"),
        libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6 => Some("icmp"),
        libc::IPPROTO_SCTP => Some("sctp"),
        _ if i32::from(act.socket_type) == libc::SOCK_RAW => Some("raw"),
        _ => None,
    }
}

/// The end that waits for the other: a connection goes to it, a datagram is sent to it.
fn server(event: &Event) -> Option<(IpAddr, u16)> {
    match event.action.socket()?.destination {
        Address::Ip(ip, port) => Some((ip, port)),
        Address::Unix(_) => None,
    }
}

fn client(event: &Event) -> Option<(IpAddr, u16)> {
    event.action.socket()?.source.map(|source| (source.ip(), source.port()))
}

fn is_server(event: &Event) -> bool {
    matches!(event.action, Action::Accept(_) | Action::Listen(_) | Action::Bind(_))
}

fn remote(event: &Event) -> Option<(IpAddr, u16)> {
    if is_server(event) { client(event) } else { server(event) }
}

fn local(event: &Event) -> Option<(IpAddr, u16)> {
    if is_server(event) { server(event) } else { client(event) }
}

fn server_ip<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(server(event).map(|(ip, _)| Value::Ip(ip)))
}

fn client_ip<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(client(event).map(|(ip, _)| Value::Ip(ip)))
}

fn server_port<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(server(event).map(|(_, port)| Value::Int(port.into())))
}

fn client_port<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(client(event).map(|(_, port)| Value::Int(port.into())))
}

fn remote_ip<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(remote(event).map(|(ip, _)| Value::Ip(ip)))
}

fn local_ip<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(local(event).map(|(ip, _)| Value::Ip(ip)))
}

fn remote_port<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(remote(event).map(|(_, port)| Value::Int(port.into())))
}

fn local_port<'e>(event: &'e Event, _: &monitor_rules::Arg) -> Value<'e> {
    Value::or_absent(local(event).map(|(_, port)| Value::Int(port.into())))
}

fn ips<'e>(event: &'e Event, visit: &mut Visit<'_, 'e>) {
    ends(event, |(ip, _)| visit(Value::Ip(ip)));
}

fn ports<'e>(event: &'e Event, visit: &mut Visit<'_, 'e>) {
    ends(event, |(_, port)| visit(Value::Int(port.into())));
}

fn ends(event: &Event, visit: impl FnMut((IpAddr, u16)) -> ControlFlow<()>) {
    // Nothing comes after them either way.
    match [remote(event), local(event)].into_iter().flatten().try_for_each(visit) {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}
