//! Acts on sockets: which end is whose.

use std::net::SocketAddr;

use crate::{
    dns::DnsAct,
    event::{Address, Fact, Reason, SocketAct},
    raw_event::{RawAddress, RawDns, RawSocket},
};

const IPPROTO_TCP: u16 = 6;
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;

/// The two ends of a connection or datagram.
pub(super) fn act(raw: &RawSocket<'_>) -> SocketAct {
    SocketAct {
        destination: match raw.destination {
            RawAddress::Ip(address, port) => Address::Ip(address, port),
            RawAddress::Unix(path) => Address::Unix(unix_name(path).into()),
        },
        source: raw.source,
        protocol: raw.protocol,
        socket_type: raw.socket_type,
        repeats: raw.repeats,
        names: Fact::Unknown(Reason::NotApplicable),
    }
}

/// The two ends of a conversation with a name server, and what is said.
pub(super) fn dns(raw: &RawDns<'_>) -> DnsAct {
    let socket_type = if raw.protocol == IPPROTO_TCP { SOCK_STREAM } else { SOCK_DGRAM };
    DnsAct {
        socket: SocketAct {
            destination: Address::Ip(raw.server.ip(), raw.server.port()),
            source: Some(raw.client),
            protocol: raw.protocol,
            socket_type,
            repeats: 0,
            names: Fact::Unknown(Reason::NotApplicable),
        },
        total: raw.total,
        message: crate::dns::parse(raw.message),
        asked: false,
    }
}

/// A connection goes from the client to the server, whoever tells of it.
pub(super) fn accepted(raw: &RawSocket<'_>) -> SocketAct {
    let act = act(raw);
    match (&act.destination, act.source) {
        (Address::Ip(ip, port), Some(own)) => SocketAct {
            source: Some(SocketAddr::new(*ip, *port)),
            destination: Address::Ip(own.ip(), own.port()),
            ..act
        },
        _ => act,
    }
}

/// Of a socket that waits there is one end.
pub(super) fn listening(raw: &RawSocket<'_>) -> SocketAct {
    let act = act(raw);
    let destination = act.source.map(|own| Address::Ip(own.ip(), own.port()));
    let destination = destination.unwrap_or_else(|| act.destination.clone());
    SocketAct { source: None, destination, ..act }
}

/// A path ends at its first zero byte; a name in the abstract namespace starts with one.
fn unix_name(path: &[u8]) -> &[u8] {
    match path {
        [0, ..] => path,
        _ => path.split(|byte| *byte == 0).next().unwrap_or_default(),
    }
}
