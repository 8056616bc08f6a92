//! Acts on sockets: which end is whose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
        given: None,
        source: raw.source,
        protocol: raw.protocol,
        socket_type: raw.socket_type,
        repeats: raw.repeats,
        names: Fact::Unknown(Reason::NotApplicable),
        peer: Fact::Unknown(Reason::NotApplicable),
        service: Fact::Unknown(Reason::NotApplicable),
    }
}

/// The two ends of a connection or datagram that a process starts.
pub(super) fn outgoing(raw: &RawSocket<'_>) -> SocketAct {
    let act = act(raw);
    match act.destination {
        Address::Ip(given, port) if meant(given) != given => {
            SocketAct { destination: Address::Ip(meant(given), port), given: Some(given), ..act }
        }
        _ => act,
    }
}

/// The address that one leads to: the unspecified to the own host (`ip_route_output_key` and
/// `ip6_datagram_connect` do it), the translated to IPv4 (RFC 6052 section 2.1).
pub(crate) fn meant(given: IpAddr) -> IpAddr {
    match given {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(address) => match address.octets() {
            [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
                Ipv4Addr::new(a, b, c, d).into()
            }
            _ => given,
        },
        IpAddr::V4(_) => given,
    }
}

/// The two ends of a conversation with a name server, and what is said.
pub(super) fn dns(raw: &RawDns<'_>) -> DnsAct {
    let socket_type = if raw.protocol == IPPROTO_TCP { SOCK_STREAM } else { SOCK_DGRAM };
    DnsAct {
        socket: SocketAct {
            destination: Address::Ip(raw.server.ip(), raw.server.port()),
            given: None,
            source: Some(raw.client),
            protocol: raw.protocol,
            socket_type,
            repeats: 0,
            names: Fact::Unknown(Reason::NotApplicable),
            peer: Fact::Unknown(Reason::NotApplicable),
            service: Fact::Unknown(Reason::NotApplicable),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever asks for the loopback or a public address by another of its names is seen by it.
    #[test]
    fn an_address_that_means_another_is_told_as_that() {
        for (given, other) in [
            ("0.0.0.0", Some("127.0.0.1")),
            ("::", Some("::1")),
            ("64:ff9b::a9fe:a9fe", Some("169.254.169.254")),
            ("64:ff9b:1::1", None),
            ("0.0.0.1", None),
            ("::2", None),
        ] {
            let given: IpAddr = given.parse().expect("an address");
            let raw = RawSocket {
                destination: RawAddress::Ip(given, 80),
                source: None,
                protocol: IPPROTO_TCP,
                socket_type: SOCK_STREAM,
                repeats: 0,
            };
            let act = outgoing(&raw);
            let led = other.map_or(given, |other| other.parse().expect("an address"));
            assert_eq!(act.destination, Address::Ip(led, 80), "{given}");
            assert_eq!(act.given, other.map(|_| given), "{given}");
        }
    }
}
