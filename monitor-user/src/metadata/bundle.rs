//! OCI bundles: what containerd leaves on disk before a container's first program starts.
//!
//! `<state>/io.containerd.runtime.v2.task/<namespace>/<id>/config.json`

use std::{collections::BTreeMap, fs, io::Read as _, path::Path, thread::sleep, time::Duration};

use serde::Deserialize;

use crate::{
    enrich::container::Lookup,
    event::{Container, Fact, FactSource, Reason},
};

const TASKS: &str = "io.containerd.runtime.v2.task";

/// Largest `config.json` that is read.
const CONFIG_BYTES: u64 = 4 << 20;

/// The directory can be there a moment before its file is.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// What a bundle says.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// The runtime's namespace that the container is in.
    pub namespace: String,
    config: Config,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Config {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    linux: Linux,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Linux {
    #[serde(default, rename = "cgroupsPath")]
    cgroups_path: String,
}

/// Finds the bundle of a container.
#[must_use]
pub fn find(state: &Path, lookup: &Lookup) -> Option<Bundle> {
    // Ids are file names; nothing else may be read through them.
    if lookup.id.is_empty() || lookup.id.contains('/') || lookup.id.starts_with('.') {
        return None;
    }
    let tasks = fs::read_dir(state.join(TASKS)).ok()?;
    for namespace in tasks.flatten() {
        let directory = namespace.path().join(&*lookup.id);
        if !directory.is_dir() {
            continue;
        }
        let Some(config) = read(&directory.join("config.json")) else { continue };
        if config.names(lookup) {
            let namespace = namespace.file_name().to_string_lossy().into_owned();
            return Some(Bundle { namespace, config });
        }
    }
    None
}

fn read(path: &Path) -> Option<Config> {
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(BETWEEN_TRIES);
        }
        let mut text = Vec::new();
        let Ok(file) = fs::File::open(path) else { continue };
        if file.take(CONFIG_BYTES).read_to_end(&mut text).is_err() {
            continue;
        }
        if let Ok(config) = serde_json::from_slice(&text) {
            return Some(config);
        }
    }
    None
}

impl Config {
    /// Whether this is the bundle of the container whose cgroup was asked about.
    fn names(&self, lookup: &Lookup) -> bool {
        let path = &self.linux.cgroups_path;
        // The systemd driver writes `slice:prefix:id`, and names the cgroup after the latter two;
        // the other one writes the path itself.
        if let [_slice, prefix, id] = path.split(':').collect::<Vec<_>>()[..] {
            return lookup.cgroup_path.ends_with(&format!("/{prefix}-{id}.scope"));
        }
        *path == *lookup.cgroup_path
    }
}

impl Bundle {
    /// The container as the bundle tells it; what it does not tell is pending.
    #[must_use]
    pub fn container(&self, lookup: &Lookup) -> Container {
        let note = |key: &str| self.config.annotations.get(key).filter(|text| !text.is_empty());
        let fact = |key: &str| match note(key) {
            Some(text) => Fact::Known(text.as_str().into(), FactSource::Bundle),
            None => Fact::Unknown(Reason::Pending),
        };
        // CRI writes annotations; a container without them is in no pod, and its name is its id.
        let cri = note("io.kubernetes.cri.container-type");
        let pod = |key: &str| match cri {
            Some(_) => fact(key),
            None => Fact::Unknown(Reason::NotApplicable),
        };
        let name = match cri.map(String::as_str) {
            Some("sandbox") => Fact::Known("POD".into(), FactSource::Bundle),
            Some(_) => fact("io.kubernetes.cri.container-name"),
            None => Fact::Known(lookup.id.clone(), FactSource::Bundle),
        };
        Container {
            id: lookup.id.clone(),
            cgroup_path: lookup.cgroup_path.clone(),
            runtime: Fact::Known("containerd".into(), FactSource::Bundle),
            name,
            image: fact("io.kubernetes.cri.image-name"),
            image_digest: Fact::Unknown(Reason::Pending),
            pod_name: pod("io.kubernetes.cri.sandbox-name"),
            pod_namespace: pod("io.kubernetes.cri.sandbox-namespace"),
            pod_uid: pod("io.kubernetes.cri.sandbox-uid"),
        }
    }
}

#[cfg(test)]
mod tests;
