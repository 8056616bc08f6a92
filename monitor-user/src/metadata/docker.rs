//! What Docker keeps on disk of a container from its making on: `config.v2.json` and
//! `hostconfig.json` in `<data-root>/containers/<id>`, and the digests of images. They tell
//! everything that its API does, so that its socket, which can do everything, is not needed.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, de::IgnoredAny};

use super::{
    created,
    files::{
        self, Look, Words, fill, fill_labels, fill_mounts, fill_pod, fill_ports, fill_text,
        is_file_name, is_outermost, is_runtimes, lacks, plain_id,
    },
    oci, probes,
};
use crate::{
    container::{Container, Mount},
    enrich::{cgroup_path, container::Lookup},
    event::{FactSource, Reason},
    limits::RUNTIME_FILE_BYTES,
    reach::Reach,
};

const SOURCE: FactSource = FactSource::Docker;

/// Where daemons are that systemd runs.
const SERVICES: &str = "/system.slice";

/// `config.v2.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    name: String,
    /// Id of the image.
    image: String,
    /// The storage driver.
    driver: String,
    config: ImageConfig,
    image_manifest: Option<Descriptor>,
    mount_points: Option<BTreeMap<String, MountPoint>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ImageConfig {
    image: String,
    labels: Option<Words>,
    healthcheck: Option<Healthcheck>,
    exposed_ports: Option<BTreeMap<String, IgnoredAny>>,
    /// What health checks without a program of their own are run with.
    shell: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Healthcheck {
    test: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Descriptor {
    digest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct MountPoint {
    source: String,
    name: String,
    destination: String,
    #[serde(rename = "RW")]
    is_writable: bool,
    /// The mode, under its old name.
    relabel: String,
    propagation: String,
}

/// `hostconfig.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    privileged: bool,
    network_mode: String,
    pid_mode: String,
    ipc_mode: String,
    /// The configured name of what runs it.
    runtime: String,
    /// In which cgroup it was to be made; empty where that is where all are.
    cgroup_parent: String,
}

/// `image/<driver>/repositories.json`: by repository the ids of images, by reference.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Repositories {
    repositories: BTreeMap<String, Words>,
}

/// Looks for a container below a data root. Its id alone says that it is the one where nobody else
/// makes cgroups, and elsewhere if it was to be made there.
pub(super) fn look(
    reach: &dyn Reach,
    data: &Path,
    lookup: &Lookup,
    container: &mut Container,
) -> Look {
    if !is_file_name(&lookup.id) || !is_outermost(lookup) {
        return Look::Nothing;
    }
    let is_it = |host: Option<&HostConfig>| {
        is_runtimes(lookup) || host.is_some_and(|host| host.is_at(lookup))
    };
    fill_if(reach, data, container, &is_it)
}

/// Fills in what is known of a container of which the bundle says that it is the one.
pub(super) fn complete(reach: &dyn Reach, data: &Path, lookup: &Lookup, container: &mut Container) {
    if is_file_name(&lookup.id) {
        fill_if(reach, data, container, &|_| true);
    }
}

/// Fills in what is known of a container with this id, if it is the one.
fn fill_if(
    reach: &dyn Reach,
    data: &Path,
    container: &mut Container,
    is_it: &dyn Fn(Option<&HostConfig>) -> bool,
) -> Look {
    let directory = data.join("containers").join(&*container.id);
    let files = ["config.v2.json", "hostconfig.json"].map(|name| directory.join(name));
    let mut read = reach.read_all(&files, RUNTIME_FILE_BYTES + 1).into_iter();
    let config: Config = match read.next().map(files::parse) {
        Some(Ok(config)) => config,
        Some(Err(look)) => return look,
        None => return Look::Nothing,
    };
    let host = read.next().and_then(|text| files::parse::<HostConfig>(text).ok());
    if !is_it(host.as_ref()) {
        return Look::Unsure;
    }
    config.fill(container);
    if let Some(host) = host {
        host.fill(container);
    }
    config.fill_digest(reach, data, container);
    created::fill_of_docker(reach, data, (&config.driver, &config.image), container);
    Look::Found
}

impl Config {
    fn fill(&self, container: &mut Container) {
        let labels = self.config.labels.clone().unwrap_or_default();
        fill_text(&mut container.runtime, Some("docker"), SOURCE);
        // Where a kubelet uses Docker, its own words are the better ones.
        let name = match labels.get("io.kubernetes.docker.type").map(String::as_str) {
            Some("podsandbox") => Some("POD"),
            Some(_) => labels.get("io.kubernetes.container.name").map(String::as_str),
            None => None,
        };
        let name = name.or(Some(self.name.trim_start_matches('/')));
        fill_text(&mut container.name, name, SOURCE);
        fill_text(&mut container.image, Some(&self.config.image), SOURCE);
        fill_text(&mut container.image_id, Some(plain_id(&self.image)), SOURCE);
        fill_pod(container, &labels, SOURCE);
        fill_labels(&mut container.labels, &labels, SOURCE);
        let test = self.config.healthcheck.as_ref().and_then(|check| check.test.as_deref());
        let shell = self.config.shell.as_deref().unwrap_or_default();
        probes::fill_healthcheck(container, test.unwrap_or_default(), shell, SOURCE);
        let mounts = self.mount_points.iter().flatten().map(|(_, point)| point.mount()).collect();
        fill_mounts(&mut container.mounts, mounts, SOURCE);
        // What is published is exposed, too.
        let ports = self.config.exposed_ports.iter().flatten();
        let ports: Vec<String> = ports.map(|(port, _)| port.clone()).collect();
        fill_ports(&mut container.declared_ports, &ports, SOURCE);
    }

    /// An image that came from nowhere has no digest.
    fn fill_digest(&self, reach: &dyn Reach, data: &Path, container: &mut Container) {
        let named = self.image_manifest.as_ref().map(|manifest| &*manifest.digest);
        fill_text(&mut container.image_digest, named, SOURCE);
        if !is_file_name(&self.driver) {
            return;
        }
        let place = data.join("image").join(&self.driver).join("repositories.json");
        let Ok(known) = files::read::<Repositories>(reach, &place) else { return };
        let digests = known.repositories.iter().flat_map(|(name, references)| {
            let of_it = references.iter().filter(|(_, id)| **id == self.image);
            of_it.filter_map(move |(reference, _)| Some((name, files::digest(reference)?)))
        });
        // Of several repositories the one that was asked for counts.
        let asked = |name: &str| {
            self.config.image == name
                || self.config.image.strip_prefix(name).is_some_and(|it| it.starts_with([':', '@']))
        };
        let all: Vec<(&String, &str)> = digests.collect();
        let best = all.iter().find(|(name, _)| asked(name)).or(all.first());
        match best {
            Some((_, digest)) => fill_text(&mut container.image_digest, Some(digest), SOURCE),
            None => lacks(&mut container.image_digest, Reason::NotApplicable),
        }
    }
}

impl MountPoint {
    fn mount(&self) -> Mount {
        // Of a volume, its place is on the host like anything else.
        let source = if self.source.is_empty() { &self.name } else { &self.source };
        Mount {
            source: source.as_str().into(),
            destination: self.destination.as_str().into(),
            mode: self.relabel.as_str().into(),
            is_writable: self.is_writable,
            propagation: self.propagation.as_str().into(),
        }
    }
}

impl HostConfig {
    /// Whether it was to be made in that cgroup: in the parent's path or slice. One that is no
    /// whole path begins beside the daemon's own cgroup.
    fn is_at(&self, lookup: &Lookup) -> bool {
        let (parent, id) = (&*self.cgroup_parent, &*lookup.id);
        let path = Path::new("/").join(parent.trim_matches('/')).join(id);
        let slice = format!("{parent}:docker:{id}");
        let is_whole = parent.starts_with('/');
        let begins =
            |above: &str| cgroup_path::begins_slices(above) || !is_whole && above == SERVICES;
        let above = [&*path.to_string_lossy(), &slice].map(|told| oci::above(told, lookup));
        !parent.is_empty() && above.into_iter().flatten().any(begins)
    }

    fn fill(&self, container: &mut Container) {
        fill(&mut container.privileged, Some(self.privileged), SOURCE);
        fill_text(&mut container.oci_runtime, Some(&self.runtime), SOURCE);
        for (fact, mode) in [
            (&mut container.host_pid, &self.pid_mode),
            (&mut container.host_network, &self.network_mode),
            (&mut container.host_ipc, &self.ipc_mode),
        ] {
            // Of one that joins another container's, the bundle tells.
            let joins = mode.starts_with("container:");
            fill(fact, (!joins).then_some(mode == "host"), SOURCE);
        }
    }
}

#[cfg(test)]
mod tests;
