//! A packet socket in the network of a listener, by who has the privileges.

use std::{
    fs::{self, File},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::MetadataExt as _,
    },
};

use nix::{
    libc,
    sys::socket::{MsgFlags, recv},
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::filter;
use crate::{
    input,
    limits::{PROC_FILE_BYTES, TAP_BATCH, TAP_BYTES, TAP_PACKET_BYTES},
};

/// A network namespace, and a process in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its number.
    pub id: u64,
    /// The process.
    pub pid: u32,
}

/// Who opens taps: one at a time.
pub trait Tap: Send {
    /// Opens one for some ports; what the network's own addresses are. One that was open is closed.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn open(&mut self, network: Network, ports: &[u16]) -> Result<Vec<IpAddr>, String>;

    /// Takes the packets that came.
    ///
    /// # Errors
    ///
    /// It does not work any more, and why.
    fn take(&mut self) -> Result<Vec<Vec<u8>>, String>;

    /// Closes it.
    fn close(&mut self);
}

/// Opens them in this process.
#[derive(Debug, Default)]
pub struct Direct {
    socket: Option<Socket>,
}

impl Tap for Direct {
    fn open(&mut self, network: Network, ports: &[u16]) -> Result<Vec<IpAddr>, String> {
        let [four, six] = self.begin(network, ports)?;
        Ok(addresses(&four, &six))
    }

    fn take(&mut self) -> Result<Vec<Vec<u8>>, String> {
        self.packets().map_err(|error| format!("what passes cannot be read: {error}"))
    }

    fn close(&mut self) {
        self.socket = None;
    }
}

impl Direct {
    /// Opens one; the kernel's texts about the addresses of the network, which others parse.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn begin(&mut self, network: Network, ports: &[u16]) -> Result<[Vec<u8>; 2], String> {
        self.socket = None;
        let Network { id, pid } = network;
        let gone = |_: io::Error| "its process has just ended".to_owned();
        let namespace = File::open(format!("/proc/{pid}/ns/net")).map_err(gone)?;
        let of =
            |file: &str| input::read(format!("/proc/{pid}/net/{file}").as_ref(), PROC_FILE_BYTES);
        let addresses = [of("fib_trie").map_err(gone)?, of("if_inet6").unwrap_or_default()];
        if namespace.metadata().map_err(gone)?.ino() != id {
            return Err("its process has just ended".to_owned());
        }
        let own = fs::metadata("/proc/thread-self/ns/net").map(|it| it.ino());
        let ports = ports.to_vec();
        let opened = match own {
            Ok(own) if own == id => open(&ports),
            // Only that thread goes there, and ends there.
            _ => std::thread::Builder::new()
                .name("tap".into())
                .spawn(move || {
                    let to = Some(LinkNameSpaceType::Network);
                    move_into_link_name_space(namespace.as_fd(), to).map_err(|error| {
                        format!("it takes CAP_SYS_ADMIN to enter its network: {error}")
                    })?;
                    open(&ports)
                })
                .map_err(|error| format!("no thread: {error}"))?
                .join()
                .map_err(|_panic| "its network cannot be entered".to_owned())?,
        };
        self.socket = Some(opened?);
        Ok(addresses)
    }

    /// What came.
    ///
    /// # Errors
    ///
    /// As the kernel has it.
    pub fn packets(&self) -> io::Result<Vec<Vec<u8>>> {
        let Some(socket) = &self.socket else { return Ok(Vec::new()) };
        let mut room = vec![0; TAP_PACKET_BYTES];
        let mut packets = Vec::new();
        while packets.len() < TAP_BATCH {
            match recv(socket.as_raw_fd(), &mut room, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => packets.push(room.get(..length).unwrap_or_default().to_vec()),
                Err(nix::Error::EAGAIN) => break,
                // An interface went down: the others stay.
                Err(nix::Error::EINTR | nix::Error::ENETDOWN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(packets)
    }
}

/// Opens one where this thread is. From the head of the network's protocol on, whatever is below
/// it; what comes before there is a filter is parsed, too, and left aside.
fn open(ports: &[u16]) -> Result<Socket, String> {
    let every = i32::from(u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be());
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(every)));
    let socket = socket.map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM) => format!("it takes CAP_NET_RAW to see what passes: {error}"),
        _ => format!("what passes cannot be seen: {error}"),
    })?;
    let filter = filter::of_ports(ports).into_iter();
    let filter: Vec<SockFilter> =
        filter.map(|(code, yes, no, number)| SockFilter::new(code, yes, no, number)).collect();
    let set = socket.attach_filter(&filter).and_then(|()| socket.set_recv_buffer_size(TAP_BYTES));
    set.map_err(|error| format!("what passes cannot be filtered: {error}"))?;
    Ok(socket)
}

/// The network's own addresses, by the kernel's texts: `net/fib_trie` and `net/if_inet6`.
#[must_use]
pub fn addresses(four: &[u8], six: &[u8]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in String::from_utf8_lossy(four).lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last.map(IpAddr::from));
        }
    }
    let text = String::from_utf8_lossy(six);
    let words = text.lines().filter_map(|line| line.split_whitespace().next());
    let words = words.filter_map(|word| u128::from_str_radix(word, 16).ok());
    found.extend(words.map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))));
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_told_from_those_of_networks() {
        let four =
            b"Local:\n +-- 0.0.0.0/0 2 0 2\n |-- 10.88.0.0\n  /16 link UNICAST\n |-- 10.88.0.7\n  \
                     /32 host LOCAL\n |-- 10.88.255.255\n  /32 link BROADCAST\n |-- 127.0.0.1\n  \
                     /32 host LOCAL\n";
        let six = b"20010db8000000000000000000000001 02 40 00 80     eth0\nx\n";
        let expected: [IpAddr; 3] =
            ["10.88.0.7", "127.0.0.1", "2001:db8::1"].map(|it| it.parse().unwrap());
        assert_eq!(addresses(four, six), expected);
        assert_eq!(addresses(b"\xff|-- x\n/32 host LOCAL", b"zz"), [] as [IpAddr; 0]);
    }
}
