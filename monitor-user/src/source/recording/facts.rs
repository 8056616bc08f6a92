//! Facts about a container, an executed file, and whose addresses are, as a recording holds them.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    container::AnyFact,
    enrich::{
        container::ContainerFacts,
        hashes::{FileKey, HashAnswer},
        holders::{Holder, HolderKind},
    },
    event::{Container, Fact, FactSource, Reason},
    packages::{Belonging, PackageAnswer},
};

/// Facts as they are written down: a value with its source, or the reason why there is none.
#[derive(Serialize, Deserialize)]
pub(crate) struct RawFacts {
    cgroup_path: String,
    id: Option<String>,
    facts: Vec<(String, Option<String>, String)>,
}

/// Longest value that is written down. All facts together fit an entry: of lists no more is kept
/// than `limits::CONTAINER_LIST_BYTES`, and names and images are far shorter than this; but a
/// bundle could say anything.
const VALUE_BYTES: usize = 1500;

fn bounded(value: &str) -> String {
    value.get(..value.floor_char_boundary(VALUE_BYTES)).unwrap_or_default().to_owned()
}

impl From<&ContainerFacts> for RawFacts {
    fn from(facts: &ContainerFacts) -> Self {
        let raw = |(name, fact): (&'static str, &dyn AnyFact)| {
            let is_list = LISTS.contains(&name);
            let value = fact.text().map(|text| if is_list { text } else { bounded(&text) });
            let why = fact.source().map(FactSource::name).or(fact.reason().map(Reason::name));
            (name.to_owned(), value, why.unwrap_or_default().to_owned())
        };
        let container = facts.container.as_ref();
        Self {
            cgroup_path: bounded(&facts.cgroup_path),
            id: container.map(|container| bounded(&container.id)),
            facts: container.map(|it| it.facts().map(raw).collect()).unwrap_or_default(),
        }
    }
}

/// Facts whose values are lists: a part of one could not be read.
const LISTS: [&str; 3] = ["mounts", "labels", "pod_labels"];

impl From<RawFacts> for ContainerFacts {
    fn from(raw: RawFacts) -> Self {
        let container = raw.id.as_ref().map(|id| {
            // What the recording does not tell of was not asked for when it was made.
            let unknown = Container::unknown(&raw.cgroup_path, Reason::NotInBundle);
            let service_account = Fact::Unknown(Reason::NotAsked);
            let mut container = Container { id: id.as_str().into(), service_account, ..unknown };
            for (name, fact) in container.facts_mut() {
                match raw.facts.iter().find(|(known, _, _)| known == name) {
                    Some((_, Some(value), source)) => {
                        let source = FactSource::from_name(source).unwrap_or(FactSource::Bundle);
                        fact.set_text(value, source);
                    }
                    Some((_, None, reason)) => {
                        fact.set_unknown(Reason::from_name(reason).unwrap_or(Reason::NotInBundle));
                    }
                    None => {}
                }
            }
            Arc::new(container)
        });
        Self { cgroup_path: raw.cgroup_path.as_str().into(), container }
    }
}

/// The hash of a file as it is written down.
#[derive(Serialize, Deserialize)]
pub(super) struct RawHash {
    major: u32,
    minor: u32,
    inode: u64,
    ctime_ns: i64,
    size: u64,
    sha256: Option<String>,
    /// Why there is none.
    unknown_because: Option<String>,
}

impl From<&HashAnswer> for RawHash {
    fn from(answer: &HashAnswer) -> Self {
        let FileKey { major, minor, inode, ctime_ns, size } = answer.key;
        let (sha256, unknown_because) = match &answer.hash {
            Fact::Known(hash, _) => (Some(bounded(hash)), None),
            Fact::Unknown(reason) => (None, Some(reason.name().to_owned())),
        };
        Self { major, minor, inode, ctime_ns, size, sha256, unknown_because }
    }
}

impl From<RawHash> for HashAnswer {
    fn from(raw: RawHash) -> Self {
        let RawHash { major, minor, inode, ctime_ns, size, .. } = raw;
        let reason = raw.unknown_because.as_deref().and_then(Reason::from_name);
        let hash = match raw.sha256 {
            Some(hash) => Fact::Known(hash.into(), FactSource::File),
            None => Fact::Unknown(reason.unwrap_or(Reason::Gone)),
        };
        Self { key: FileKey { major, minor, inode, ctime_ns, size }, hash, copy: None }
    }
}

/// To which package a file belongs, as it is written down.
#[derive(Serialize, Deserialize)]
pub(super) struct RawPackage {
    major: u32,
    minor: u32,
    inode: u64,
    ctime_ns: i64,
    size: u64,
    package: Option<String>,
    is_database_changed: bool,
    /// Why it is not known.
    unknown_because: Option<String>,
}

impl From<&PackageAnswer> for RawPackage {
    fn from(answer: &PackageAnswer) -> Self {
        let FileKey { major, minor, inode, ctime_ns, size } = answer.key;
        let (known, unknown_because) = match &answer.package {
            Fact::Known(belonging, _) => (Some(belonging), None),
            Fact::Unknown(reason) => (None, Some(reason.name().to_owned())),
        };
        let package = known.and_then(|it| it.name.as_deref()).map(bounded);
        let is_database_changed = known.is_some_and(|it| it.is_database_changed);
        Self { major, minor, inode, ctime_ns, size, package, is_database_changed, unknown_because }
    }
}

impl From<RawPackage> for PackageAnswer {
    fn from(raw: RawPackage) -> Self {
        let RawPackage { major, minor, inode, ctime_ns, size, .. } = raw;
        let package = match raw.unknown_because {
            Some(reason) => Fact::Unknown(Reason::from_name(&reason).unwrap_or(Reason::Gone)),
            None => {
                let name = raw.package.map(Into::into);
                let is_database_changed = raw.is_database_changed;
                Fact::Known(Arc::new(Belonging { name, is_database_changed }), FactSource::File)
            }
        };
        Self { key: FileKey { major, minor, inode, ctime_ns, size }, package }
    }
}

/// Who has addresses, as it is written down.
#[derive(Serialize, Deserialize)]
pub(super) struct RawHolder {
    kind: String,
    uid: String,
    name: String,
    namespace: String,
    addresses: Vec<IpAddr>,
    told_ns: u64,
}

impl From<&Holder> for RawHolder {
    fn from(holder: &Holder) -> Self {
        let Holder { kind, uid, name, namespace, addresses, told_ns } = holder;
        let [uid, name, namespace] = [uid, name, namespace].map(|text| bounded(text));
        let kind = kind.name().to_owned();
        Self { kind, uid, name, namespace, addresses: addresses.to_vec(), told_ns: *told_ns }
    }
}

impl From<RawHolder> for Holder {
    fn from(raw: RawHolder) -> Self {
        let RawHolder { kind, uid, name, namespace, addresses, told_ns } = raw;
        let kind = HolderKind::from_name(&kind).unwrap_or(HolderKind::Pod);
        let [uid, name, namespace] = [uid, name, namespace].map(String::into_boxed_str);
        Self { kind, uid, name, namespace, addresses: addresses.into(), told_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Label, Mount};

    /// A recording of a version that knew fewer facts.
    #[test]
    fn facts_that_were_not_recorded_are_not_known() {
        let fact = |name: &str, value: Option<&str>, why: &str| {
            (name.to_owned(), value.map(str::to_owned), why.to_owned())
        };
        let raw = RawFacts {
            cgroup_path: "/default/n1".to_owned(),
            id: Some("n1".to_owned()),
            facts: vec![
                fact("name", Some("web"), "bundle"),
                fact("image_digest", None, "no_answer"),
                fact("privileged", Some("perhaps"), "bundle"),
                fact("of_the_future", Some("x"), "oracle"),
            ],
        };
        let container = ContainerFacts::from(raw).container.unwrap();
        assert_eq!(container.name, Fact::Known("web".into(), FactSource::Bundle));
        assert_eq!(container.image_digest, Fact::Unknown(Reason::NoAnswer));
        assert_eq!(container.privileged, Fact::Unknown(Reason::NotInBundle));
        assert_eq!(container.labels, Fact::Unknown(Reason::NotInBundle));
    }

    /// However much a runtime says, it fits an entry.
    #[test]
    fn the_longest_facts_fit_an_entry() {
        let list = crate::limits::CONTAINER_LIST_BYTES;
        let long = "x".repeat(1 << 20);
        let mut container = Container::unknown(&long, Reason::Pending);
        container.id = long.as_str().into();
        for (name, fact) in container.facts_mut() {
            if !LISTS.contains(&name) {
                let _is_text = fact.set_text(&long, FactSource::Containerd);
            }
        }
        let label = Label { key: "x".repeat(list - 2).into(), value: "".into() };
        let mount = Mount {
            source: "x".repeat(list - 10).into(),
            destination: "".into(),
            mode: "".into(),
            is_writable: true,
            propagation: "".into(),
        };
        container.labels = Fact::Known([label.clone()].into(), FactSource::Containerd);
        container.pod_labels = Fact::Known([label].into(), FactSource::Containerd);
        container.mounts = Fact::Known([mount].into(), FactSource::Containerd);
        let facts = ContainerFacts {
            cgroup_path: long.as_str().into(),
            container: Some(Arc::new(container)),
        };
        let bytes = rmp_serde::to_vec_named(&RawFacts::from(&facts)).unwrap().len();
        assert!(bytes <= super::super::ENTRY_BYTES as usize, "{bytes}");
    }
}
