//! The sockets at which processes of a container wait for others: those of its network namespace
//! that one of them holds.

use serde::{Deserialize, Serialize};

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    members,
    process::{self, Process},
    traffic::Heard,
};
use crate::{
    enrich::cgroup_path,
    limits::{DESCRIPTORS_OF_ONE, LISTENER_HOLDERS},
};

/// A socket that waits for others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub protocol: Box<str>,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// A process that holds it.
    pub pid: u32,
    /// All that do, the one above among them.
    pub holders: Vec<u32>,
    /// The network namespace that it is in.
    pub network: u64,
    /// When that process started, clock ticks since boot.
    pub started: u64,
    /// What is known of how it is spoken to: whoever looks does not know.
    #[serde(skip)]
    pub heard: Heard,
}

/// The files, and the state in which a socket there waits for others.
const FILES: [(&str, &str, &str); 4] = [
    ("net/tcp", "tcp", "0A"),
    ("net/tcp6", "tcp", "0A"),
    ("net/udp", "udp", "07"),
    ("net/udp6", "udp", "07"),
];

/// The ports that the kernel gives to who asks for any, as with datagrams every client does.
const ANY_PORT: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// Who may hold a socket: its id, its network, and when it started.
type Holder = (u32, u64, u64);

/// The sockets of these processes; an error says why not all of them are known.
pub(super) fn of(processes: &[Process]) -> Result<Vec<Listener>, String> {
    let holder = |it: &Process| Some((it.pid, it.namespace("net")?, it.started));
    held_by(&processes.iter().filter_map(holder).collect::<Vec<_>>())
}

/// Those of the processes that have the mounts of the host, and are in no container.
///
/// # Errors
///
/// Why not all of them are known.
pub fn of_host() -> Result<Vec<Listener>, String> {
    let of_host = members::of_host().ok_or("the namespaces of the host cannot be looked at")?;
    let members::Members { pids, is_cut } = of_host;
    if is_cut {
        return Err("there are more processes than are looked at".to_owned());
    }
    let is_inside = |pid: u32| {
        let cgroups = process::text(pid, "cgroup").unwrap_or_default();
        let mut paths = cgroups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        paths.any(cgroup_path::is_certain)
    };
    let holder = |pid: u32| Some((pid, process::namespace(pid, "net")?, process::since(pid)?));
    let pids = pids.into_iter().filter(|pid| !is_inside(*pid));
    held_by(&pids.filter_map(holder).collect::<Vec<_>>())
}

fn held_by(processes: &[Holder]) -> Result<Vec<Listener>, String> {
    let holders = holders(processes)?;
    let mut seen = Vec::new();
    let mut found: Vec<Listener> = Vec::new();
    for (pid, namespace, _) in processes.iter().copied() {
        // One table for each network namespace.
        if seen.contains(&namespace) {
            continue;
        }
        let mut is_read = true;
        for (file, protocol, state) in FILES {
            match process::text(pid, file) {
                Some(text) if text.ends_with('\n') => {
                    let sockets = text.lines().skip(1).filter_map(|line| socket(line, state));
                    let held = sockets.filter_map(|(address, port, inode)| {
                        let all = holders.get(&inode)?;
                        let (pid, started) = *all.first()?;
                        Some(Listener {
                            protocol: protocol.into(),
                            address,
                            port,
                            pid,
                            holders: all.iter().map(|(pid, _)| *pid).collect(),
                            network: namespace,
                            started,
                            heard: Heard::default(),
                        })
                    });
                    found.extend(held);
                }
                Some(_cut) => return Err("it has more sockets than are read".to_owned()),
                // Without IPv6 there are no such files; or the process has ended.
                None => is_read = is_read && file.ends_with('6'),
            }
        }
        if is_read {
            seen.push(namespace);
        }
    }
    found.retain(Listener::is_for_others);
    found.dedup_by(|one, other| {
        let key = |it: &Listener| (it.protocol.clone(), it.port, it.address, it.network);
        let is_same = key(one) == key(other);
        // Several processes can have a socket each at one place.
        if is_same {
            other.holders.append(&mut one.holders);
        }
        is_same
    });
    Ok(found)
}

impl Listener {
    /// Where it is, as `443/tcp`.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.port, self.protocol)
    }

    /// One of a test.
    #[cfg(test)]
    pub(super) fn at(protocol: &str, address: &str, port: u16) -> Self {
        Self {
            protocol: protocol.into(),
            address: address.parse().unwrap(),
            port,
            pid: std::process::id(),
            holders: Vec::new(),
            network: 1,
            started: 1,
            heard: Heard::default(),
        }
    }

    /// Whether anybody outside can reach it, and came to know of it.
    fn is_for_others(&self) -> bool {
        !self.address.is_loopback()
            && self.port != 0
            && (&*self.protocol == "tcp" || !ANY_PORT.contains(&self.port))
    }
}

/// Who holds which socket, and since when these processes run.
fn holders(processes: &[Holder]) -> Result<HashMap<u64, Vec<(u32, u64)>>, String> {
    let mut holders: HashMap<u64, Vec<(u32, u64)>> = HashMap::new();
    let mut looked_at = 0;
    for (pid, _, started) in processes.iter().copied() {
        let Ok(descriptors) = fs::read_dir(process::path(pid, "fd")) else { continue };
        for descriptor in descriptors.flatten() {
            looked_at += 1;
            if looked_at > DESCRIPTORS_OF_ONE {
                return Err(format!("it has more than {DESCRIPTORS_OF_ONE} open files"));
            }
            let Ok(target) = fs::read_link(descriptor.path()) else { continue };
            let inode = target.to_str().and_then(|it| it.strip_prefix("socket:["));
            let inode = inode.and_then(|it| it.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode {
                let of = holders.entry(inode).or_default();
                // One can hold it several times.
                if of.len() < LISTENER_HOLDERS && of.last().is_none_or(|it| it.0 != pid) {
                    of.push((pid, started));
                }
            }
        }
    }
    Ok(holders)
}

/// The address, port and number of the socket of a line, if it is in that state.
pub(super) fn socket(line: &str, state: &str) -> Option<(IpAddr, u16, u64)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, _remote, found) = (words.next()?, words.next()?, words.next()?);
    let inode = words.nth(5)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (found == state).then_some((ip(address)?, port, inode))
}

/// Each four bytes are written as one number of this machine.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let number = u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(number.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            Some(address.to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn lines_of_sockets_are_read() {
        let v4 = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 \
                  1000        0 424242 1 0000000000000000 100 0 0 10 0";
        assert_eq!(socket(v4, "0A"), Some(("127.0.0.1".parse().unwrap(), 8080, 424_242)));
        assert_eq!(socket(v4, "07"), None);
        assert_eq!(ip("00000000000000000000000001000000"), Some("::1".parse().unwrap()));
        assert_eq!(ip("0000000000000000FFFF00000100007F"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(ip("00"), None);
        assert_eq!(socket("sl local", "0A"), None);
    }

    #[test]
    fn who_holds_a_socket_is_found_and_loopback_is_for_nobody_else() {
        let open = TcpListener::bind("0.0.0.0:0").unwrap();
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let process = Process::look(std::process::id()).unwrap();
        let found = of(std::slice::from_ref(&process)).unwrap();
        let port = |socket: &TcpListener| socket.local_addr().unwrap().port();
        let is_found = |port| found.iter().any(|it| it.port == port && it.pid == process.pid);
        assert!(is_found(port(&open)) && !is_found(port(&own)), "{found:?}");
        let it = found.iter().find(|it| it.port == port(&open)).unwrap();
        assert_eq!(it.holders, [process.pid]);
    }
}
