//! Facts about a container as a recording holds them.

use serde::{Deserialize, Serialize};

use crate::{
    enrich::container::ContainerFacts,
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
