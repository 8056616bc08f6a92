//! All that is expected of a container. What is in it depends on what was done, and not on the
//! order or by which replica.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    net::{Hosts, Ports, Protocol},
    paths::{Paths, Put},
    thing::{Destination, Part, Program, Thing},
};
use crate::limits::{PROFILE_ACTS, PROFILE_PORTS, PROFILE_PROGRAMS, PROFILE_SYSCALLS};

/// What a container does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    programs: BTreeSet<Program>,
    preloads: Paths,
    files: Paths,
    secrets: Paths,
    sockets: Paths,
    connections: BTreeMap<(Protocol, u16), Hosts>,
    listeners: BTreeMap<Protocol, Ports>,
    names: Paths,
    capabilities: BTreeSet<&'static str>,
    acts: BTreeSet<(&'static str, Box<str>)>,
    syscalls: BTreeSet<Box<str>>,
}

/// Puts something into a set that has so much room.
fn put<T: Ord>(set: &mut BTreeSet<T>, thing: T, room: usize) -> Put {
    if set.contains(&thing) {
        return Put::Known;
    }
    if set.len() >= room {
        return Put::Full;
    }
    set.insert(thing);
    Put::New
}

impl Behaviour {
    /// Expects something from now on.
    pub fn put(&mut self, thing: &Thing) -> Put {
        match thing {
            Thing::Program(it) => put(&mut self.programs, it.clone(), PROFILE_PROGRAMS),
            Thing::Preload(path) => self.preloads.put(path),
            Thing::File(path) => self.files.put(path),
            Thing::Secret(path) => self.secrets.put(path),
            Thing::Connection(Destination::Socket(path)) => self.sockets.put(path),
            Thing::Connection(Destination::Port { protocol, port, hosts }) => {
                // By its best name alone: what else it is called hangs on what was asked before.
                let Some(host) = hosts.first() else { return Put::Known };
                let key = (*protocol, *port);
                if self.connections.len() >= PROFILE_PORTS && !self.connections.contains_key(&key) {
                    return Put::Full;
                }
                self.connections.entry(key).or_default().put(host)
            }
            Thing::Listener(protocol, port) => {
                self.listeners.entry(*protocol).or_default().put(*port)
            }
            Thing::Name(name) => self.names.put(name),
            Thing::Capability(name) => put(&mut self.capabilities, *name, usize::MAX),
            Thing::Act(act, by) => put(&mut self.acts, (*act, by.clone()), PROFILE_ACTS),
            Thing::Syscall(name) => put(&mut self.syscalls, name.clone(), PROFILE_SYSCALLS),
        }
    }

    /// Whether something is expected.
    #[must_use]
    pub fn expects(&self, thing: &Thing) -> bool {
        match thing {
            Thing::Program(program) => self.programs.contains(program),
            Thing::Preload(path) => self.preloads.expects(path),
            Thing::File(path) => self.files.expects(path),
            Thing::Secret(path) => self.secrets.expects(path),
            Thing::Connection(Destination::Socket(path)) => self.sockets.expects(path),
            Thing::Connection(Destination::Port { protocol, port, hosts }) => {
                let known = self.connections.get(&(*protocol, *port));
                known.is_some_and(|known| hosts.iter().any(|host| known.expects(host)))
            }
            Thing::Listener(protocol, port) => {
                self.listeners.get(protocol).is_some_and(|ports| ports.expects(*port))
            }
            Thing::Name(name) => self.names.expects(name),
            Thing::Capability(name) => self.capabilities.contains(name),
            Thing::Act(act, by) => self.acts.contains(&(*act, by.clone())),
            Thing::Syscall(name) => self.syscalls.contains(name),
        }
    }

    /// Expects all that another one does; false if some of it found no room.
    pub fn merge(&mut self, other: &Self) -> bool {
        // Each is put in: one that finds no room keeps no other one out.
        let refused = other.things().iter().filter(|thing| self.put(thing) == Put::Full).count();
        refused == 0
    }

    /// What is expected, sorted by part.
    #[must_use]
    pub fn things(&self) -> Vec<Thing> {
        let mut things: Vec<Thing> = self.programs.iter().cloned().map(Thing::Program).collect();
        things.extend(self.preloads.routes().into_iter().map(Thing::Preload));
        things.extend(self.files.routes().into_iter().map(Thing::File));
        things.extend(self.secrets.routes().into_iter().map(Thing::Secret));
        let sockets = self.sockets.routes().into_iter().map(Destination::Socket);
        things.extend(sockets.map(Thing::Connection));
        for ((protocol, port), known) in &self.connections {
            let one =
                |host| Destination::Port { protocol: *protocol, port: *port, hosts: vec![host] };
            things.extend(known.hosts().into_iter().map(one).map(Thing::Connection));
        }
        for (protocol, known) in &self.listeners {
            things.extend(known.ports().into_iter().map(|port| Thing::Listener(*protocol, port)));
        }
        things.extend(self.names.routes().into_iter().map(Thing::Name));
        things.extend(self.capabilities.iter().copied().map(Thing::Capability));
        things.extend(self.acts.iter().cloned().map(|(act, by)| Thing::Act(act, by)));
        things.extend(self.syscalls.iter().cloned().map(Thing::Syscall));
        things
    }

    /// What is expected that is most like something; None if nothing of its part is.
    #[must_use]
    pub fn nearest(&self, thing: &Thing) -> Option<Thing> {
        match thing {
            Thing::Preload(path) => self.preloads.nearest(path).map(Thing::Preload),
            Thing::File(path) => self.files.nearest(path).map(Thing::File),
            Thing::Secret(path) => self.secrets.nearest(path).map(Thing::Secret),
            Thing::Name(name) => self.names.nearest(name).map(Thing::Name),
            other => {
                let text = other.to_string();
                let part = other.part();
                let known = self.things().into_iter().filter(|it| it.part() == part);
                known.max_by_key(|it| likeness(&it.to_string(), &text, part))
            }
        }
    }

    /// Whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much two texts have in common: bytes at the beginning, or at the end, whichever says more
/// of such a thing.
fn likeness(one: &str, other: &str, part: Part) -> usize {
    let alike = |pairs: &mut dyn Iterator<Item = (u8, u8)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let begun = alike(&mut one.bytes().zip(other.bytes()));
    match part {
        // The port says more than the first digits of an address, the parent less than the path.
        Part::Connections => begun + 2 * alike(&mut one.bytes().rev().zip(other.bytes().rev())),
        _ => begun,
    }
}
