//! What a test says of the act: its kind, result, file and socket.

use monitor_rules::TestValue;
use nix::{errno::Errno, libc};

use super::{Set, assign, draft::Draft, value};
use crate::{
    event::{Action, Address, Container, Fact, FactSource, Outcome, Peer, Service, SocketAct},
    rules::SCHEMA,
};

/// The highest number of an error.
const ERRNO_MAX: i32 = 133;

/// The kind of event that a type stands for.
pub(super) fn kind(value: &TestValue) -> Result<u8, String> {
    let name = value::text(value)?;
    let Some((_, kinds)) = SCHEMA.types.iter().find(|(known, _)| *known == name) else {
        return Err(format!("`{name}` is no event type"));
    };
    kinds.iter().next().ok_or_else(|| format!("events of type `{name}` are not observed"))
}

pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    set_result(draft, name, value)
        .or_else(|| set_file(draft, name, value))
        .or_else(|| set_socket(draft, name, value))
        .or_else(|| set_rest(draft, name, value))
}

fn set_result(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    let outcome = match name {
        "evt.res" => value::text(value).and_then(|name| by_name(&name)),
        "evt.rawres" => value::number::<i32>(value).map(|number| match number {
            0.. => Outcome::Success,
            errno => Outcome::Failure(errno.saturating_neg()),
        }),
        _ => return None,
    };
    Some(outcome.map(|outcome| draft.event.outcome = outcome))
}

fn by_name(name: &str) -> Result<Outcome, String> {
    match name {
        "SUCCESS" => return Ok(Outcome::Success),
        "<unknown>" => return Ok(Outcome::Unknown),
        _ => {}
    }
    let mut numbers = 1..=ERRNO_MAX;
    let found = numbers.find(|number| format!("{:?}", Errno::from_raw(*number)) == name);
    found.map(Outcome::Failure).ok_or_else(|| format!("`{name}` is neither SUCCESS nor an error"))
}

fn set_file(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    if draft.event.action.open().is_none() {
        let only_files = name.starts_with("evt.is_open") || name.starts_with("fs.path");
        return only_files.then(|| Err("only a file that is opened has it".to_owned()));
    }
    let (act, facts) = (&mut draft.file, &mut draft.facts);
    Some(match name {
        "fd.name" | "fs.path.name" => assign(&mut act.path, value, value::bytes),
        "fd.nameraw" | "fs.path.nameraw" => assign(&mut act.name, value, value::maybe_bytes),
        "evt.is_open_write" => value::yes(value).map(|yes| draft.writes = Some(yes)),
        "evt.is_open_read" => value::yes(value).map(|yes| draft.reads = Some(yes)),
        "evt.is_open_create" => assign(&mut act.created, value, value::yes),
        "evt.is_open_exec" => value::yes(value).map(|yes| {
            act.created |= yes;
            facts.mode = libc::S_IFREG | if yes { 0o755 } else { 0o644 };
        }),
        "fd.ino" => assign(&mut facts.inode, value, value::number),
        "fd.is_upper_layer" => assign(&mut facts.upper_layer, value, value::yes),
        "evt.is_on_monitor" => assign(&mut facts.of_monitor, value, value::yes),
        "fd.is_block_device" => value::yes(value).map(|yes| {
            facts.mode = if yes { libc::S_IFBLK | 0o660 } else { libc::S_IFREG | 0o644 };
        }),
        "fd.typechar" => value::text(value).and_then(|letter| match &*letter {
            "f" => Ok(()),
            "d" => {
                facts.mode = libc::S_IFDIR | 0o755;
                Ok(())
            }
            _ => Err("an opened file is `f` or `d`".to_owned()),
        }),
        _ => return None,
    })
}

fn set_socket(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    if draft.event.action.socket().is_none() {
        let only_sockets = ["fd.ip", "fd.sip", "fd.rip", "fd.sport", "fd.rport", "fd.l4proto"];
        return only_sockets.contains(&name).then(|| Err("only a socket has it".to_owned()));
    }
    Some(match name {
        "fd.ip" | "fd.sip" | "fd.rip" | "fd.net" | "fd.snet" | "fd.rnet" => {
            value::ip(value).map(|ip| draft.server.0 = ip)
        }
        "fd.port" | "fd.sport" | "fd.rport" => assign(&mut draft.server.1, value, value::number),
        "fd.cip" | "fd.lip" | "fd.cnet" | "fd.lnet" => {
            value::ip(value).map(|ip| draft.client.set_ip(ip))
        }
        "fd.cport" | "fd.lport" => value::number(value).map(|port| draft.client.set_port(port)),
        "fd.name" => value::text(value).map(|path| {
            let path = path.strip_prefix('@').map_or(path.clone(), |name| format!("\0{name}"));
            draft.socket.destination = Address::Unix(path.into_bytes().into());
        }),
        "fd.sip.container.name" | "fd.sip.pod.name" | "fd.sip.ns.name" => {
            value::fact(value).map(|fact| set_peer(&mut draft.socket, name, fact))
        }
        "fd.sip.service.name" | "fd.sip.service.ns" => {
            value::text(value).map(|text| set_service(&mut draft.socket, name, &text))
        }
        "fd.sip.name" | "fd.rip.name" => assign(&mut draft.socket.names, value, value::names),
        "fd.l4proto" => value::text(value).and_then(|name| {
            let (protocol, sort) = match &*name {
                "tcp" => (libc::IPPROTO_TCP, libc::SOCK_STREAM),
                "udp" => (libc::IPPROTO_UDP, libc::SOCK_DGRAM),
                "icmp" => (libc::IPPROTO_ICMP, libc::SOCK_DGRAM),
                "raw" => (libc::IPPROTO_RAW, libc::SOCK_RAW),
                _ => return Err("a protocol is `tcp`, `udp`, `icmp` or `raw`".to_owned()),
            };
            draft.protocol = (small(protocol), small(sort));
            Ok(())
        }),
        _ => return None,
    })
}

/// A fact about the container that has the server's address.
fn set_peer(socket: &mut SocketAct, name: &str, fact: Fact<Box<str>>) {
    let mut container = match &socket.peer {
        Fact::Known(peer, _) => Container::clone(&peer.container),
        Fact::Unknown(_) => Container { id: "peer".into(), ..Container::host() },
    };
    let place = match name {
        "fd.sip.pod.name" => &mut container.pod_name,
        "fd.sip.ns.name" => &mut container.pod_namespace,
        _ => &mut container.name,
    };
    *place = fact;
    let peer = Peer { container: container.into(), is_shared: false, age_ns: 0 };
    socket.peer = Fact::Known(Box::new(peer), FactSource::Traffic);
}

/// A name of the service that has the server's address.
fn set_service(socket: &mut SocketAct, name: &str, text: &str) {
    let mut service = match &socket.service {
        Fact::Known(service, _) => Service::clone(service),
        Fact::Unknown(_) => Service { name: "".into(), namespace: "".into(), age_ns: 0 },
    };
    let place = match name {
        "fd.sip.service.name" => &mut service.name,
        _ => &mut service.namespace,
    };
    *place = text.into();
    socket.service = Fact::Known(Box::new(service), FactSource::Kubernetes);
}

/// Protocol numbers and socket types of ours are all small.
fn small(number: i32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

fn set_rest(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    match (name, &mut draft.event.action) {
        ("evt.num", _) => Some(assign(&mut draft.event.id.sequence, value, value::number)),
        ("fd.num", Action::Dup { descriptor, .. }) => {
            Some(assign(descriptor, value, value::number))
        }
        ("evt.arg.status", Action::Exit { status }) => Some(assign(status, value, value::number)),
        _ => None,
    }
}
