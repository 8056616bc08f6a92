//! Objects of the API: bytes → what is used of them. Of what a pod is made of nothing else is kept.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};

use super::told::{Controller, Pod};
use crate::{
    enrich::holders::{Holder, HolderKind},
    limits::{ADDRESSES_OF_HOLDER, CLUSTER_NAME_BYTES, CONTAINER_LIST_BYTES},
};

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct List<T> {
    pub(super) metadata: ListMetadata,
    #[serde(default = "Option::default")]
    pub(super) items: Option<Vec<T>>,
}

/// Where a list stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListMetadata {
    pub(super) resource_version: String,
    /// Where the next page begins; empty at the end.
    #[serde(rename = "continue")]
    pub(super) next: Option<String>,
}

/// A change: what it is, before what it is about is looked at.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[expect(dead_code, reason = "it is parsed so that it is known to be there")]
    object: IgnoredAny,
}

#[derive(Debug, Deserialize)]
struct Body<T> {
    object: T,
}

/// What a change says.
#[derive(Debug)]
pub(super) enum Change<T> {
    /// The object is so now.
    Is(T),
    /// The object is gone; it was so.
    Gone(T),
    /// Nothing changed up to this version.
    Bookmark(String),
    /// The watch is over, for the reason of this number.
    Error(u16),
}

/// What was told makes no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum OddError {
    /// It is not of the form that it should have.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Nobody knows such a change.
    #[error("there is no change of type {0:?}")]
    Type(String),
    /// It says not of which version it is.
    #[error("it has no version")]
    Version,
}

/// Any object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnyObject {
    metadata: Metadata,
}

/// Why something failed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

/// Reads a line of a watch.
pub(super) fn change<T: DeserializeOwned>(line: &[u8]) -> Result<Change<T>, OddError> {
    fn object<T: DeserializeOwned>(line: &[u8]) -> Result<T, OddError> {
        Ok(serde_json::from_slice::<Body<T>>(line)?.object)
    }
    let Head { kind, .. } = serde_json::from_slice(line)?;
    Ok(match kind.as_str() {
        "ADDED" | "MODIFIED" => Change::Is(object(line)?),
        "DELETED" => Change::Gone(object(line)?),
        "BOOKMARK" => Change::Bookmark(object::<AnyObject>(line)?.metadata.resource_version),
        "ERROR" => Change::Error(object::<Status>(line)?.code),
        _ => return Err(OddError::Type(kind.chars().take(20).collect())),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    uid: String,
    name: String,
    namespace: String,
    pub(super) resource_version: String,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<Annotations>,
    owner_references: Option<Vec<Owner>>,
}

/// The one annotation that is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    /// Of a pod that a file of the node asks for: the uid that the node gave it.
    #[serde(rename = "kubernetes.io/config.mirror")]
    mirror: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    controller: Option<bool>,
}

/// A pod, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodObject {
    pub(super) metadata: Metadata,
    spec: PodSpec,
    status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
    service_account_name: Option<String>,
    host_network: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: Option<String>,
    #[serde(rename = "podIPs")]
    addresses: Option<Vec<PodAddress>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodAddress {
    ip: Option<String>,
}

/// A service, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServiceObject {
    pub(super) metadata: Metadata,
    spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    #[serde(rename = "clusterIPs")]
    addresses: Option<Vec<String>>,
}

/// What is used of an object.
pub(super) trait Object: DeserializeOwned {
    /// What all objects have.
    fn metadata(&self) -> &Metadata;

    /// Its unique id as the node knows it.
    fn uid(&self) -> &str {
        &self.metadata().uid
    }

    /// Whether it is one that was asked for, and its names are no longer than names are.
    fn is_wanted(&self, node: &str) -> bool;

    /// Who has its addresses.
    fn holder(&self, told_ns: u64) -> Holder;

    /// The pod, if it is one.
    fn pod(self) -> Option<Pod>;
}

impl Metadata {
    fn is_named(&self) -> bool {
        let Self { uid, name, namespace, .. } = self;
        [uid, name, namespace].into_iter().all(|text| is_name(text))
    }

    fn holder(&self, kind: HolderKind, addresses: Box<[IpAddr]>, told_ns: u64) -> Holder {
        Holder {
            kind,
            uid: self.uid.as_str().into(),
            name: self.name.as_str().into(),
            namespace: self.namespace.as_str().into(),
            addresses,
            told_ns,
        }
    }
}

/// Whether this is a uid as kubelets make them. None of the API's looks so: whoever may write notes
/// on a pod cannot take another's place.
fn is_hash(uid: &str) -> bool {
    uid.len() == 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_name(text: &str) -> bool {
    (1..=CLUSTER_NAME_BYTES).contains(&text.len())
}

impl Object for PodObject {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn uid(&self) -> &str {
        let notes = self.metadata.annotations.as_ref();
        let mirror = notes.and_then(|notes| notes.mirror.as_deref());
        mirror.filter(|uid| is_hash(uid)).unwrap_or(&self.metadata.uid)
    }

    fn is_wanted(&self, node: &str) -> bool {
        let account = self.spec.service_account_name.as_deref().unwrap_or_default();
        self.metadata.is_named()
            && is_name(self.uid())
            && self.spec.node_name.as_deref() == Some(node)
            && account.len() <= CLUSTER_NAME_BYTES
    }

    fn holder(&self, told_ns: u64) -> Holder {
        // Of a pod that is over another may have the address by now.
        let is_over = matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        let is_hosts = self.spec.host_network == Some(true);
        let listed = self.status.addresses.iter().flatten().filter_map(|it| it.ip.as_deref());
        let addresses = if is_over || is_hosts { [].into() } else { addresses(listed) };
        let holder = self.metadata.holder(HolderKind::Pod, addresses, told_ns);
        Holder { uid: self.uid().into(), ..holder }
    }

    fn pod(self) -> Option<Pod> {
        let uid = self.uid().into();
        let Metadata { name, namespace, labels, owner_references, .. } = self.metadata;
        let labels = labels.unwrap_or_default();
        let bytes: usize = labels.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
        let owners = owner_references.unwrap_or_default();
        let controller = owners.into_iter().find(|owner| owner.controller == Some(true));
        Some(Pod {
            uid,
            name: name.into(),
            namespace: namespace.into(),
            service_account: self
                .spec
                .service_account_name
                .filter(|it| !it.is_empty())
                .map(Into::into),
            labels: (bytes <= CONTAINER_LIST_BYTES).then_some(labels),
            controller: controller.and_then(Owner::controller),
        })
    }
}

impl Owner {
    fn controller(self) -> Option<Controller> {
        let Self { api_version, kind, name, .. } = self;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let is_short = [group, &kind, &name].into_iter().all(|it| it.len() <= CLUSTER_NAME_BYTES);
        let controller =
            || Controller { group: group.into(), kind: kind.into(), name: name.into() };
        is_short.then(controller)
    }
}

impl Object for ServiceObject {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn is_wanted(&self, _node: &str) -> bool {
        self.metadata.is_named()
    }

    fn holder(&self, told_ns: u64) -> Holder {
        // One without an address of its own says `None`.
        let listed = self.spec.addresses.iter().flatten().map(String::as_str);
        self.metadata.holder(HolderKind::Service, addresses(listed), told_ns)
    }

    fn pod(self) -> Option<Pod> {
        None
    }
}

/// The addresses among these texts that are one machine's or service's own.
fn addresses<'t>(texts: impl Iterator<Item = &'t str>) -> Box<[IpAddr]> {
    let parsed = texts.take(ADDRESSES_OF_HOLDER).filter_map(|text| text.parse::<IpAddr>().ok());
    let canonical = parsed.map(|address| address.to_canonical());
    canonical.filter(|it| !it.is_unspecified() && !it.is_loopback()).collect()
}

#[cfg(test)]
mod tests;
