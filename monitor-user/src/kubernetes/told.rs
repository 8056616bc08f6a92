//! What the cluster's API told, as it goes to the metadata task.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::enrich::holders::Holder;

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A pod of this node, in place of what was told of it before.
    Pod(Box<Pod>),
    /// The pod of this uid is gone.
    Gone(Box<str>),
    /// Who has addresses.
    Holder(Box<Holder>),
}

/// A pod, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its unique id as the node knows it: of a pod that a file of the node asks for it is another
    /// than the API's.
    pub uid: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its service account; None if it has none.
    pub service_account: Option<Box<str>>,
    /// Its labels; None if they are longer than is kept.
    pub labels: Option<BTreeMap<String, String>>,
    /// What made it, if it has a controller.
    pub controller: Option<Controller>,
}

/// What made a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// Group of its kind, such as `apps`.
    pub group: Box<str>,
    /// Its kind, such as `ReplicaSet`.
    pub kind: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// What happened so far, for the counters.
#[derive(Debug, Default)]
pub struct Stats {
    /// Pods of this node that were told of and are there.
    pub pods: AtomicU64,
    /// Services likewise.
    pub services: AtomicU64,
    /// Lists that were taken in.
    pub lists: AtomicU64,
    /// Changes that were told of.
    pub changes: AtomicU64,
    /// Requests that failed, or whose answer made no sense.
    pub failures: AtomicU64,
    /// Objects that found no room, or whose names are longer than there can be.
    pub refused: AtomicU64,
    /// Containers that are not told of anew when their pod changes, for lack of room.
    pub containers_evicted: AtomicU64,
}

impl Stats {
    /// The numbers, by the names that heartbeats give them.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 7] {
        let Self { pods, services, lists, changes, failures, refused, containers_evicted } = self;
        [
            ("kubernetes_pods", pods),
            ("kubernetes_services", services),
            ("kubernetes_lists", lists),
            ("kubernetes_changes", changes),
            ("kubernetes_failures", failures),
            ("kubernetes_refused", refused),
            ("kubernetes_containers_evicted", containers_evicted),
        ]
        .map(|(name, number)| (name, number.load(Ordering::Relaxed)))
    }
}

/// Counts one more.
pub(crate) fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}
