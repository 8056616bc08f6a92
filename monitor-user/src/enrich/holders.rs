//! Whose addresses are, as the cluster's API tells: of pods of this node, and of services.
//!
//! What was told stands until the API tells otherwise; how long ago it did is kept.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use crate::{
    event::{Container, Fact, FactSource, Peer, Reason, Service},
    limits::HOLDERS,
};

/// What has addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HolderKind {
    /// A pod of this node with a network of its own.
    Pod,
    /// A service of the cluster.
    Service,
}

impl HolderKind {
    /// How recordings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Service => "service",
        }
    }

    /// The kind of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pod, Self::Service].into_iter().find(|kind| kind.name() == name)
    }
}

/// Who has addresses now, in place of what was told of it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it is.
    pub kind: HolderKind,
    /// Its unique id; of a pod as the node knows it.
    pub uid: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its addresses; none if it is gone.
    pub addresses: Box<[IpAddr]>,
    /// When that was told, nanoseconds since boot.
    pub told_ns: u64,
}

/// What happened so far, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HolderStats {
    /// Addresses whose pod or service was told.
    pub addresses: usize,
    /// Pods and services that found no room.
    pub refused: u64,
}

/// A pod or a service with its addresses.
struct Entry {
    holder: Holder,
    /// Of a pod, all that is known of the container with the address.
    container: Arc<Container>,
}

/// Pods and services by their addresses.
#[derive(Default)]
pub(super) struct Holders {
    entries: HashMap<(HolderKind, Box<str>), Arc<Entry>, ahash::RandomState>,
    by_address: HashMap<(HolderKind, IpAddr), Arc<Entry>, ahash::RandomState>,
    refused: u64,
}

impl Holders {
    /// Takes in what was told. Of two that have an address, the later has it.
    pub(super) fn learn(&mut self, holder: Holder) {
        let kind = holder.kind;
        let key = (kind, holder.uid.clone());
        if let Some(before) = self.entries.remove(&key) {
            for address in &before.holder.addresses {
                let is_its = |now: &Arc<Entry>| now.holder.uid == before.holder.uid;
                if self.by_address.get(&(kind, *address)).is_some_and(is_its) {
                    self.by_address.remove(&(kind, *address));
                }
            }
        }
        if holder.addresses.is_empty() {
            return;
        }
        if self.entries.len() >= HOLDERS {
            self.refused += 1;
            return;
        }
        let entry = Arc::new(Entry { container: Arc::new(container(&holder)), holder });
        for address in &entry.holder.addresses {
            self.by_address.insert((kind, *address), Arc::clone(&entry));
        }
        self.entries.insert(key, entry);
    }

    /// The pod that has an address, and its uid.
    pub(super) fn pod(&self, address: IpAddr, now_ns: u64) -> Option<(Peer, &str)> {
        let Entry { holder, container } = &**self.by_address.get(&(HolderKind::Pod, address))?;
        let age_ns = now_ns.saturating_sub(holder.told_ns);
        Some((Peer { container: Arc::clone(container), is_shared: true, age_ns }, &holder.uid))
    }

    /// The service that has an address.
    pub(super) fn service(&self, address: IpAddr, now_ns: u64) -> Fact<Box<Service>> {
        let key = (HolderKind::Service, address.to_canonical());
        let Some(entry) = self.by_address.get(&key) else {
            return Fact::Unknown(Reason::NotLearned);
        };
        let Holder { name, namespace, told_ns, .. } = &entry.holder;
        let age_ns = now_ns.saturating_sub(*told_ns);
        let service = Service { name: name.clone(), namespace: namespace.clone(), age_ns };
        Fact::Known(Box::new(service), FactSource::Kubernetes)
    }

    /// What happened so far.
    pub(super) fn stats(&self) -> HolderStats {
        HolderStats { addresses: self.by_address.len(), refused: self.refused }
    }
}

/// What is known of a container of which only the pod was told.
fn container(holder: &Holder) -> Container {
    let known = |text: &str| Fact::Known(text.into(), FactSource::Kubernetes);
    Container {
        pod_name: known(&holder.name),
        pod_namespace: known(&holder.namespace),
        pod_uid: known(&holder.uid),
        ..Container::unknown("", Reason::NotLearned)
    }
}
