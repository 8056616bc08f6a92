//! Facts about a container, and about an executed file, as a recording holds them.

use serde::{Deserialize, Serialize};

use crate::{
    enrich::{
        container::ContainerFacts,
        hashes::{FileKey, HashAnswer},
    },
    event::{Container, Fact, FactSource, Reason},
};

/// Facts as they are written down: a value with its source, or the reason why there is none.
#[derive(Serialize, Deserialize)]
pub(super) struct RawFacts {
    cgroup_path: String,
    id: Option<String>,
    facts: Vec<(String, Option<String>, String)>,
}

const NAMES: [&str; 7] =
    ["runtime", "name", "image", "image_digest", "pod_name", "pod_namespace", "pod_uid"];

/// Longest value that is written down: nine of them fit an entry. Names and images are far shorter;
/// a bundle could say anything.
const VALUE_BYTES: usize = 4096;

fn bounded(value: &str) -> String {
    value.get(..value.floor_char_boundary(VALUE_BYTES)).unwrap_or_default().to_owned()
}

impl From<&ContainerFacts> for RawFacts {
    fn from(facts: &ContainerFacts) -> Self {
        let raw = |(name, fact): (&str, &Fact<Box<str>>)| match fact {
            Fact::Known(value, source) => {
                (name.to_owned(), Some(bounded(value)), source.name().to_owned())
            }
            Fact::Unknown(reason) => (name.to_owned(), None, reason.name().to_owned()),
        };
        let of = |c: &Container| {
            let facts = [
                &c.runtime,
                &c.name,
                &c.image,
                &c.image_digest,
                &c.pod_name,
                &c.pod_namespace,
                &c.pod_uid,
            ];
            NAMES.into_iter().zip(facts).map(raw).collect()
        };
        Self {
            cgroup_path: bounded(&facts.cgroup_path),
            id: facts.container.as_ref().map(|container| bounded(&container.id)),
            facts: facts.container.as_ref().map(of).unwrap_or_default(),
        }
    }
}

impl From<RawFacts> for ContainerFacts {
    fn from(raw: RawFacts) -> Self {
        let fact = |name: &str| {
            let found = raw.facts.iter().find(|(known, _, _)| known == name);
            match found {
                Some((_, Some(value), source)) => {
                    let source = FactSource::from_name(source).unwrap_or(FactSource::Bundle);
                    Fact::Known(value.as_str().into(), source)
                }
                Some((_, None, reason)) => {
                    Fact::Unknown(Reason::from_name(reason).unwrap_or(Reason::NotInBundle))
                }
                None => Fact::Unknown(Reason::NotInBundle),
            }
        };
        let container = raw.id.as_ref().map(|id| Container {
            id: id.as_str().into(),
            cgroup_path: raw.cgroup_path.as_str().into(),
            runtime: fact("runtime"),
            name: fact("name"),
            image: fact("image"),
            image_digest: fact("image_digest"),
            pod_name: fact("pod_name"),
            pod_namespace: fact("pod_namespace"),
            pod_uid: fact("pod_uid"),
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
        Self { key: FileKey { major, minor, inode, ctime_ns, size }, hash }
    }
}
