//! Who is contacted and where a container listens, with what varies in it replaced.
//!
//! As with paths, what comes out depends on what was put in and not on the order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    str::FromStr,
};

use ipnet::IpNet;

use super::paths::{ANY, Order, Paths, Put, Route};

/// From so many addresses of a network on all of it is expected.
const ADDRESSES: usize = 8;
/// Networks over which any address is expected.
const NETWORKS: usize = 32;
/// Bits of a network of IPv4, and of IPv6.
const BITS: (u8, u8) = (24, 64);

/// Ports from here on are chosen by the kernel where nobody asks for one (`ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;
/// From so many of them on any is expected.
const PORTS: usize = 3;

/// What carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, and what behaves like it.
    Tcp,
    /// UDP.
    Udp,
    /// Another one, by its number.
    Other(u16),
}

impl Protocol {
    /// The protocol of a number.
    #[must_use]
    pub const fn of(number: u16) -> Self {
        match number {
            6 | 262 => Self::Tcp,
            17 => Self::Udp,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Other(number) => write!(f, "ip{number}"),
        }
    }
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            other => {
                let number = other.strip_prefix("ip").ok_or(())?.parse().map_err(drop)?;
                Ok(Self::Other(number))
            }
        }
    }
}

/// Whom something is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Any address.
    Any,
    /// An address, or all of a network.
    Net(IpNet),
    /// A name that a name server was asked for.
    Name(Route),
}

impl Host {
    /// As a profile writes it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Any => ANY.to_owned(),
            Self::Net(net) if net.prefix_len() == net.max_prefix_len() => match net.addr() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            },
            Self::Net(net @ IpNet::V4(_)) => net.to_string(),
            Self::Net(net) => format!("[{net}]"),
            Self::Name(name) => name.text(Order::Domain),
        }
    }

    /// As a profile has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == ANY {
            return Some(Self::Any);
        }
        let plain = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = plain.parse::<IpAddr>() {
            return Some(Self::Net(address.into()));
        }
        match plain.parse::<IpNet>() {
            Ok(net) => Some(Self::Net(net.trunc())),
            Err(_) => Route::parse(text, Order::Domain).map(Self::Name),
        }
    }
}

/// Whom a port is used of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    names: Paths,
    /// By network: the addresses; none stand for all of it.
    nets: BTreeMap<IpNet, BTreeSet<IpAddr>>,
    is_any: bool,
}

impl Hosts {
    /// Puts one in.
    pub fn put(&mut self, host: &Host) -> Put {
        if self.expects(host) {
            return Put::Known;
        }
        match host {
            Host::Name(name) => return self.names.put(name),
            Host::Any => self.is_any = true,
            Host::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                let addresses = self.nets.entry(around(net.addr())).or_default();
                addresses.insert(net.addr());
                if addresses.len() >= ADDRESSES {
                    addresses.clear();
                }
            }
            Host::Net(net) => {
                // What a person wrote wider, or narrower, stays as it is written.
                self.nets.retain(|known, _| !net.contains(known));
                self.nets.insert(*net, BTreeSet::new());
            }
        }
        if self.is_any || self.nets.len() > NETWORKS {
            self.is_any = true;
            self.nets.clear();
        }
        Put::New
    }

    /// Whether one is expected.
    #[must_use]
    pub fn expects(&self, host: &Host) -> bool {
        match host {
            Host::Name(name) => self.names.expects(name),
            Host::Any => self.is_any,
            Host::Net(_) if self.is_any => true,
            Host::Net(net) => self.nets.iter().any(|(known, addresses)| {
                known.contains(net)
                    && (addresses.is_empty()
                        || net.prefix_len() == net.max_prefix_len()
                            && addresses.contains(&net.addr()))
            }),
        }
    }

    /// All, sorted: names first.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host> {
        let names = self.names.routes().into_iter().map(Host::Name);
        let nets = self.nets.iter().flat_map(|(net, addresses)| {
            let whole = addresses.is_empty().then_some(Host::Net(*net));
            whole.into_iter().chain(addresses.iter().map(|address| Host::Net((*address).into())))
        });
        names.chain(nets).chain(self.is_any.then_some(Host::Any)).collect()
    }
}

/// The network that an address is in.
fn around(address: IpAddr) -> IpNet {
    let bits = if address.is_ipv4() { BITS.0 } else { BITS.1 };
    IpNet::new(address, bits).map_or_else(|_| address.into(), |net| net.trunc())
}

/// Where a container listens: ports of a protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    ports: BTreeSet<u16>,
    /// Any that the kernel chose.
    any_ephemeral: bool,
}

impl Ports {
    /// Puts a port in; None is any that the kernel chose.
    pub fn put(&mut self, port: Option<u16>) -> Put {
        if self.expects(port) {
            return Put::Known;
        }
        self.any_ephemeral |= port.is_none();
        self.ports.extend(port);
        let ephemeral = self.ports.range(EPHEMERAL..).count();
        if self.any_ephemeral || ephemeral >= PORTS {
            self.any_ephemeral = true;
            self.ports.retain(|port| *port < EPHEMERAL);
        }
        Put::New
    }

    /// Whether one is expected.
    #[must_use]
    pub fn expects(&self, port: Option<u16>) -> bool {
        match port {
            None => self.any_ephemeral,
            Some(port) => self.ports.contains(&port) || self.any_ephemeral && port >= EPHEMERAL,
        }
    }

    /// All, sorted.
    #[must_use]
    pub fn ports(&self) -> Vec<Option<u16>> {
        let any = self.any_ephemeral.then_some(None);
        self.ports.iter().copied().map(Some).chain(any).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(texts: &[String]) -> Hosts {
        let mut hosts = Hosts::default();
        for text in texts {
            hosts.put(&Host::parse(text).unwrap());
        }
        hosts
    }

    fn texts(hosts: &Hosts) -> Vec<String> {
        hosts.hosts().iter().map(Host::text).collect()
    }

    #[test]
    fn many_addresses_of_a_network_are_the_network() {
        let all: Vec<String> = (1..=8).map(|n| format!("10.0.0.{n}")).collect();
        assert_eq!(texts(&hosts(&all[..7])).len(), 7);
        let hosts = hosts(&all);
        assert_eq!(texts(&hosts), ["10.0.0.0/24"]);
        assert!(hosts.expects(&Host::parse("10.0.0.200").unwrap()));
        assert!(!hosts.expects(&Host::parse("10.0.1.1").unwrap()));
    }

    #[test]
    fn hosts_are_read_as_they_were_written() {
        for text in ["*", "10.0.0.1", "10.0.0.0/8", "[2001:db8::1]", "[2001:db8::/64]", "a.example"]
        {
            assert_eq!(Host::parse(text).unwrap().text(), text);
        }
        let wide = ["10.1.2.3", "10.0.0.0/8", "10.9.9.9"].map(str::to_owned);
        assert_eq!(texts(&hosts(&wide)), ["10.0.0.0/8"]);
    }

    #[test]
    fn ports_that_the_kernel_chose_are_any_from_the_third_on() {
        let mut ports = Ports::default();
        for port in [80, 40_001, 40_002] {
            ports.put(Some(port));
        }
        assert!(!ports.expects(Some(40_003)));
        ports.put(Some(40_003));
        assert_eq!(ports.ports(), [Some(80), None]);
        assert!(ports.expects(Some(50_000)) && !ports.expects(Some(81)));
    }

    proptest! {
        #[test]
        fn the_order_changes_nothing(
            all in prop::collection::vec((0..40_u8, 0..12_u8), 0..300)
        ) {
            let all: Vec<String> = all.iter().map(|(net, at)| format!("10.0.{net}.{at}")).collect();
            let mut reversed = all.clone();
            reversed.reverse();
            let one = hosts(&all);
            prop_assert_eq!(&one, &hosts(&reversed));
            let written = hosts(&texts(&one));
            prop_assert_eq!(written, one);
        }
    }
}
