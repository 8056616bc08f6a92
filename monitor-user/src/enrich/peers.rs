//! Whose addresses are: those of this node's containers that were seen to have one of their own,
//! and those that the cluster's API tells of.
//!
//! Without the API an address is known once a socket of a container with a network of its own had
//! it. That can be a lie: whoever may configure a network of his own can give himself any address,
//! and anybody's socket can be bound to one that is not there (`IP_FREEBIND`). An address that two
//! networks have at the same time is nobody's; where the API says whose it is, that counts.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use super::{
    container::Registry,
    holders::{Holder, HolderStats, Holders},
};
use crate::{
    event::{Action, Address, Container, Event, Fact, FactSource, Peer, Reason, SocketAct},
    limits::PEERS,
};

/// What happened so far, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerStats {
    /// Addresses whose container is known.
    pub addresses: usize,
    /// Addresses that were forgotten for lack of room.
    pub evicted: u64,
}

/// Who has an address.
struct Owner {
    /// The network namespace that it is in.
    network: u32,
    container: Arc<Container>,
    /// Several containers share the namespace, as those of a pod do.
    is_shared: bool,
    /// Another network has it as well.
    is_contested: bool,
    seen_ns: u64,
}

/// Containers by their addresses.
#[derive(Default)]
pub(super) struct Peers {
    owners: HashMap<IpAddr, Owner, ahash::RandomState>,
    /// The addresses by when they were last seen.
    by_age: BTreeSet<(u64, IpAddr)>,
    evicted: u64,
    /// What the cluster's API told.
    holders: Holders,
}

impl Peers {
    /// Takes in whose addresses the cluster's API says are.
    pub(super) fn hold(&mut self, holder: Holder) {
        self.holders.learn(holder);
    }

    /// Learns the address that an act's own end has, and says whose the other end is.
    pub(super) fn follow(&mut self, event: &mut Event, containers: &Registry) {
        if let Some(address) = told_by(event) {
            self.learn(address, event, containers);
        }
        let now_ns = event.boottime_ns;
        if let Action::Connect(act) | Action::Send(act) | Action::Dup { socket: act, .. } =
            &mut event.action
            && let Address::Ip(address, _) = act.destination
        {
            act.peer = self.of(address, containers, now_ns);
            act.service = self.holders.service(act.given.unwrap_or(address), now_ns);
        }
    }

    /// What happened so far.
    pub(super) fn stats(&self) -> PeerStats {
        PeerStats { addresses: self.owners.len(), evicted: self.evicted }
    }

    /// The same of what the cluster's API told.
    pub(super) fn holder_stats(&self) -> HolderStats {
        self.holders.stats()
    }

    fn learn(&mut self, address: IpAddr, event: &Event, containers: &Registry) {
        let (network, now_ns) = (event.namespaces.network, event.boottime_ns);
        let mut owner = Owner {
            network,
            container: Arc::clone(&event.container),
            is_shared: false,
            is_contested: false,
            seen_ns: now_ns,
        };
        if let Some(before) = self.owners.remove(&address) {
            self.by_age.remove(&(before.seen_ns, address));
            let is_there = containers.is_live(&before.container.cgroup_path);
            let is_same = before.container.cgroup_path == owner.container.cgroup_path;
            let of_network = before.network == network;
            owner.is_shared = of_network && (before.is_shared || is_there && !is_same);
            owner.is_contested = is_there && (before.is_contested || !of_network && !is_same);
        }
        if self.owners.len() >= PEERS
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.owners.remove(&oldest);
            self.evicted += 1;
        }
        self.by_age.insert((now_ns, address));
        self.owners.insert(address, owner);
    }

    fn of(&self, address: IpAddr, containers: &Registry, now_ns: u64) -> Fact<Box<Peer>> {
        let Some(address) = own_address(address) else {
            return Fact::Unknown(Reason::NotApplicable);
        };
        let seen = self.seen(address, containers, now_ns);
        let Some((told, uid)) = self.holders.pod(address, now_ns) else { return seen };
        match seen {
            // Which container of the pod it is, only traffic tells.
            Fact::Known(mut peer, source)
                if peer.container.pod_uid.known().is_some_and(|it| **it == *uid) =>
            {
                peer.age_ns = peer.age_ns.min(told.age_ns);
                Fact::Known(peer, source)
            }
            _ => Fact::Known(Box::new(told), FactSource::Kubernetes),
        }
    }

    /// The container that was seen to have an address.
    fn seen(&self, address: IpAddr, containers: &Registry, now_ns: u64) -> Fact<Box<Peer>> {
        match self.owners.get(&address) {
            None => Fact::Unknown(Reason::NotLearned),
            Some(owner) if owner.is_contested => Fact::Unknown(Reason::Ambiguous),
            Some(owner) => {
                // More may be known of it by now; and one that is gone is known as it was.
                let now = containers.at_path(&owner.container.cgroup_path);
                let peer = Peer {
                    container: Arc::clone(now.unwrap_or(&owner.container)),
                    is_shared: owner.is_shared,
                    age_ns: now_ns.saturating_sub(owner.seen_ns),
                };
                Fact::Known(Box::new(peer), FactSource::Traffic)
            }
        }
    }
}

/// The address that an act tells its container to have.
#[must_use]
pub fn told_by(event: &Event) -> Option<IpAddr> {
    let own = match &event.action {
        Action::Connect(act) | Action::Send(act) => act.source.map(|own| own.ip()),
        Action::DnsQuery(act) => act.socket.source.map(|own| own.ip()),
        Action::Accept(act) | Action::Listen(act) | Action::Bind(act) => address_of(act),
        _ => None,
    };
    let has_network = event.container.host_network.known() == Some(&false);
    own.and_then(own_address).filter(|_| has_network)
}

fn address_of(act: &SocketAct) -> Option<IpAddr> {
    if let Address::Ip(address, _) = act.destination { Some(address) } else { None }
}

/// An address that one network interface of a node has and no other: not that of the own host, of
/// a link, or of many.
fn own_address(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let is_own = match address {
        IpAddr::V4(it) => !it.is_link_local() && !it.is_broadcast(),
        IpAddr::V6(it) => !it.is_unicast_link_local(),
    };
    let is_one = !address.is_unspecified() && !address.is_loopback() && !address.is_multicast();
    (is_own && is_one).then_some(address)
}
