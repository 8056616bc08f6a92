//! `config.json`, which every runtime gets: what a container may do, and whose it is.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    files::{self, Look, Words, fill, fill_mounts, fill_text, lacks},
    probes,
};
use crate::{
    container::{Container, Mount, limits::Limits},
    enrich::{cgroup_path, container::Lookup},
    event::{FactSource, Reason},
    reach::Reach,
    words::CAPABILITIES,
};

const SOURCE: FactSource = FactSource::Bundle;

/// Who is in the host's namespaces: the first process, at which not everybody may look, and the
/// kernel's thread that starts others.
const HOST: [&str; 2] = ["1", "2"];

/// Annotation in which a kubelet notes the ports of a container, if it has any.
const KUBELETS_PORTS: &str = "io.kubernetes.container.ports";

/// How mounts spread.
const PROPAGATIONS: [&str; 8] =
    ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];

/// The file, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    annotations: Words,
    linux: Linux,
    process: Option<Process>,
    root: Root,
    mounts: Vec<MountEntry>,
    /// The directory that it is in.
    #[serde(skip)]
    bundle: String,
    /// When it was written, nanoseconds since 1970: engines do so at each start.
    #[serde(skip)]
    written_ns: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Linux {
    cgroups_path: String,
    namespaces: Vec<Namespace>,
    uid_mappings: Vec<IdMapping>,
    resources: Resources,
    masked_paths: Vec<String>,
    readonly_paths: Vec<String>,
}

/// Which ids of the host stand for those of a user namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IdMapping {
    #[serde(rename = "containerID")]
    inside: u64,
    #[serde(rename = "hostID")]
    outside: u64,
    size: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Root {
    readonly: bool,
}

#[derive(Debug, Deserialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    devices: Vec<Device>,
    #[serde(flatten)]
    limits: Limits,
}

/// Fills in the limits; what has none is unlimited.
fn fill_limits(limits: &Limits, container: &mut Container) {
    for (fact, limit) in [
        (&mut container.memory_limit, limits.memory()),
        (&mut container.cpu_limit, limits.cpu()),
        (&mut container.pids_limit, limits.pids()),
    ] {
        fill(fact, limit, SOURCE);
        lacks(fact, Reason::NotApplicable);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Device {
    allow: bool,
    #[serde(rename = "type")]
    kind: String,
    major: Option<i64>,
    minor: Option<i64>,
    access: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Process {
    user: User,
    capabilities: Capabilities,
    no_new_privileges: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    uid: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
    effective: Vec<String>,
    permitted: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MountEntry {
    destination: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    options: Vec<String>,
}

/// Reads the file in a bundle.
pub(super) fn read(reach: &dyn Reach, bundle: &Path) -> Result<Spec, Look> {
    read_first(reach, [bundle])
}

/// The first that is there of several bundles.
pub(super) fn read_first<B: AsRef<Path>>(
    reach: &dyn Reach,
    bundles: impl IntoIterator<Item = B>,
) -> Result<Spec, Look> {
    let paths: Vec<PathBuf> =
        bundles.into_iter().map(|bundle| bundle.as_ref().join("config.json")).collect();
    let mut best = Look::Nothing;
    for (path, spec) in paths.iter().zip(files::read_all::<Spec>(reach, &paths)) {
        match spec {
            Ok(spec) => {
                let written_ns = reach.stat(path).ok().map(|it| it.modified_ns);
                let bundle = path.parent().unwrap_or(path).to_string_lossy().into_owned();
                return Ok(Spec { written_ns, bundle, ..spec });
            }
            Err(look) => best = best.max(look),
        }
    }
    Err(best)
}

impl Spec {
    /// Whether this is the container whose cgroup was asked about, and its runtime's cgroups begin
    /// where those of the host or of a user do.
    pub(super) fn is_of(&self, lookup: &Lookup) -> bool {
        self.above(lookup).is_some_and(cgroup_path::begins_slices)
    }

    /// What is above the cgroup that the bundle names, in the path of the one that was asked about;
    /// None if that is another's. Whoever may make cgroups can make one with the same end: what is
    /// above it must be where the runtime's begin.
    pub(super) fn above<'l>(&self, lookup: &'l Lookup) -> Option<&'l str> {
        above(&self.linux.cgroups_path, lookup)
    }

    /// A note of the engine's, unless it is empty.
    pub(super) fn note(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Fills in what every engine writes.
    pub(super) fn fill(&self, reach: &dyn Reach, container: &mut Container) {
        fill(&mut container.started_ns, self.written_ns, SOURCE);
        let stated = self.note("io.podman.annotations.privileged").map(|word| word == "TRUE");
        let capabilities = self.capabilities();
        let privileged = stated.or_else(|| capabilities.map(|set| self.is_unconfined(set)));
        fill(&mut container.privileged, privileged, SOURCE);
        fill(&mut container.capabilities, capabilities, SOURCE);
        fill_limits(&self.linux.resources.limits, container);
        for (fact, namespace) in [
            (&mut container.host_pid, "pid"),
            (&mut container.host_network, "network"),
            (&mut container.host_ipc, "ipc"),
        ] {
            fill(fact, self.shares_with_host(reach, namespace), SOURCE);
        }
        let mounts = self.mounts(container);
        fill_mounts(&mut container.mounts, mounts, SOURCE);
        self.fill_declared(container);
    }

    /// Fills in what its processes can be compared with.
    fn fill_declared(&self, container: &mut Container) {
        fill_text(&mut container.bundle, Some(&self.bundle), SOURCE);
        fill(&mut container.declared_uid, self.uid(), SOURCE);
        let process = self.process.as_ref();
        let sets = process.map(|it| &it.capabilities);
        let all =
            sets.map(|it| set_of(it.bounding.iter().chain(&it.effective).chain(&it.permitted)));
        fill(&mut container.declared_capabilities, all, SOURCE);
        fill(&mut container.no_new_privileges, process.map(|it| it.no_new_privileges), SOURCE);
        let readonly = process.map(|_| self.root.readonly);
        fill(&mut container.readonly_root, readonly, SOURCE);
        let notes = self.note("io.kubernetes.cri-o.Annotations");
        let notes = notes.and_then(|text| serde_json::from_str::<Words>(text).ok());
        let ports = notes.as_ref().and_then(|notes| notes.get(KUBELETS_PORTS).map(String::as_str));
        let ports = ports.or(self.note(KUBELETS_PORTS)).and_then(ports_of_pod);
        if let Some(ports) = ports {
            files::fill_ports(&mut container.declared_ports, &ports, SOURCE);
        }
    }

    /// The user, as the host numbers users; None in a user namespace that somebody else made.
    fn uid(&self) -> Option<u64> {
        let uid = self.process.as_ref()?.user.uid;
        match self.linux.namespaces.iter().find(|it| it.kind == "user") {
            None => Some(uid),
            Some(own) if own.path.is_empty() => self.linux.uid_mappings.iter().find_map(|range| {
                let behind = uid.checked_sub(range.inside).filter(|behind| *behind < range.size)?;
                range.outside.checked_add(behind)
            }),
            Some(_anothers) => None,
        }
    }

    /// Fills in what containerd's part for Kubernetes notes; false if it is in no pod.
    pub(super) fn fill_cri(&self, container: &mut Container) -> bool {
        let Some(kind) = self.note("io.kubernetes.cri.container-type") else { return false };
        let note = |key: &str| self.note(&format!("io.kubernetes.cri.{key}"));
        let is_sandbox = kind == "sandbox";
        let name = if is_sandbox { Some("POD") } else { note("container-name") };
        fill_text(&mut container.name, name, SOURCE);
        fill_text(&mut container.image, note("image-name"), SOURCE);
        fill_text(&mut container.sandbox_id, note("sandbox-id"), SOURCE);
        fill_text(&mut container.pod_name, note("sandbox-name"), SOURCE);
        fill_text(&mut container.pod_namespace, note("sandbox-namespace"), SOURCE);
        fill_text(&mut container.pod_uid, note("sandbox-uid"), SOURCE);
        true
    }

    /// Fills in what CRI-O notes; false if it is not its container.
    pub(super) fn fill_crio(&self, container: &mut Container) -> bool {
        if self.note("io.container.manager") != Some("cri-o") {
            return false;
        }
        let note = |key: &str| self.note(&format!("io.kubernetes.cri-o.{key}"));
        let is_sandbox = note("ContainerType") == Some("sandbox");
        let name = if is_sandbox { Some("POD") } else { self.note("io.kubernetes.container.name") };
        let labels = note("Labels").and_then(|text| serde_json::from_str::<Words>(text).ok());
        fill_text(&mut container.runtime, Some("cri-o"), SOURCE);
        // Empty, and left open, for the usual one.
        fill_text(&mut container.oci_runtime, note("RuntimeHandler"), SOURCE);
        fill_text(&mut container.name, name, SOURCE);
        let image = note("ImageName").or_else(|| note("Image"));
        fill_text(&mut container.image, image, SOURCE);
        fill_text(&mut container.image_digest, note("ImageRef").and_then(files::digest), SOURCE);
        fill_text(&mut container.sandbox_id, note("SandboxID"), SOURCE);
        let pod_name = self.note("io.kubernetes.pod.name").or_else(|| note("KubeName"));
        fill_text(&mut container.pod_name, pod_name, SOURCE);
        let namespace = self.note("io.kubernetes.pod.namespace").or_else(|| note("Namespace"));
        fill_text(&mut container.pod_namespace, namespace, SOURCE);
        fill_text(&mut container.pod_uid, self.note("io.kubernetes.pod.uid"), SOURCE);
        if let Some(labels) = &labels {
            files::fill_pod(container, labels, SOURCE);
            files::fill_labels(&mut container.labels, labels, SOURCE);
        }
        true
    }

    /// The labels and probes of a pod, from the bundle of its sandbox as CRI-O writes it.
    pub(super) fn fill_of_sandbox(&self, container: &mut Container) {
        let labels = self.note("io.kubernetes.cri-o.Labels");
        if let Some(labels) = labels.and_then(|text| serde_json::from_str::<Words>(text).ok()) {
            files::fill_labels(&mut container.pod_labels, &labels, SOURCE);
        }
        let notes = self.note("io.kubernetes.cri-o.Annotations");
        if let Some(notes) = notes.and_then(|text| serde_json::from_str::<Words>(text).ok()) {
            probes::fill_of_pod(container, &notes, SOURCE);
        }
    }

    fn capabilities(&self) -> Option<u64> {
        Some(set_of(&self.process.as_ref()?.capabilities.effective))
    }

    /// Whether nothing keeps it from the host: it may administer it, use every device, and sees
    /// `/proc` and `/sys` whole.
    fn is_unconfined(&self, capabilities: u64) -> bool {
        let admin = CAPABILITIES.iter().position(|name| *name == "CAP_SYS_ADMIN");
        let is_any = |device: &Device| {
            let all = ["", "a"].contains(&&*device.kind);
            let numbers = [device.major, device.minor].into_iter().flatten();
            let whole = "rwm".chars().all(|right| device.access.contains(right));
            device.allow && all && whole && numbers.into_iter().all(|number| number < 0)
        };
        admin.is_some_and(|bit| capabilities & 1 << bit != 0)
            && self.linux.masked_paths.is_empty()
            && self.linux.readonly_paths.is_empty()
            && self.linux.resources.devices.iter().any(is_any)
            && !self.linux.namespaces.iter().any(|namespace| namespace.kind == "user")
    }

    /// Whether it has no namespace of that kind of its own; None if it joins one that is gone.
    fn shares_with_host(&self, reach: &dyn Reach, kind: &str) -> Option<bool> {
        let Some(own) = self.linux.namespaces.iter().find(|it| it.kind == kind) else {
            return Some(true);
        };
        if own.path.is_empty() {
            return Some(false);
        }
        let file = if kind == "network" { "net" } else { kind };
        let of = |process: &str| reach.stat(Path::new(&format!("/proc/{process}/ns/{file}"))).ok();
        let host = HOST.into_iter().find_map(of)?;
        let joined = reach.stat(Path::new(&own.path)).ok()?;
        Some(host.identity == joined.identity)
    }

    /// What is mounted from outside, without what engines mount of their own for this container.
    fn mounts(&self, container: &Container) -> Vec<Mount> {
        let sandbox = container.sandbox_id.known().map(|id| &**id);
        let ids =
            [&*container.id, sandbox.unwrap_or_default()].map(|id| (id.len() >= 64).then_some(id));
        let is_engines = |source: &str| ids.iter().flatten().any(|id| source.contains(*id));
        let is_bind = |mount: &&MountEntry| {
            mount.kind == "bind"
                || mount.options.iter().any(|word| word == "bind" || word == "rbind")
        };
        let mounts = self.mounts.iter().filter(is_bind);
        mounts.filter(|mount| !is_engines(&mount.source)).map(MountEntry::mount).collect()
    }
}

/// The capabilities that have these names.
fn set_of<'n>(names: impl IntoIterator<Item = &'n String>) -> u64 {
    let bit = |name: &String| CAPABILITIES.iter().position(|known| known == name);
    names.into_iter().filter_map(bit).fold(0, |set, bit| set | 1 << bit)
}

/// The ports that a kubelet notes of a container, which is a list as JSON.
fn ports_of_pod(text: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Port {
        container_port: u16,
        #[serde(default)]
        protocol: String,
    }
    let ports: Vec<Port> = serde_json::from_str(text).ok()?;
    let shown = |port: &Port| {
        let protocol = if port.protocol.is_empty() { "tcp" } else { &port.protocol };
        format!("{}/{}", port.container_port, protocol.to_ascii_lowercase())
    };
    Some(ports.iter().map(shown).collect())
}

/// What is above a cgroup that a runtime was told to make, in the path of the one that was asked
/// about; None if that is another one.
pub(super) fn above<'l>(told: &str, lookup: &'l Lookup) -> Option<&'l str> {
    // The systemd driver is told `slice:prefix:id`, and the other one the path itself.
    let named = match told.split(':').collect::<Vec<_>>()[..] {
        [slice, prefix, id] => Cow::from(format!("{}/{prefix}-{id}.scope", path_of(slice))),
        _ => Cow::from(told),
    };
    let path = &*lookup.cgroup_path;
    if !cgroup_path::is_kata(path) {
        return named.starts_with('/').then(|| path.strip_suffix(&*named))?;
    }
    // A virtual machine has a cgroup beside those that its containers would have.
    let (parent, _) = named.rsplit_once('/')?;
    let is_it = told.rsplit(['/', ':']).next() == Some(&*lookup.id);
    let own = cgroup_path::of_kata(parent, &lookup.id);
    own.iter().find_map(|own| path.strip_suffix(&**own)).filter(|_| is_it)
}

/// The path of a slice. systemd puts each into those that its name begins with, up to a dash.
fn path_of(slice: &str) -> String {
    let name = match slice.strip_suffix(".slice").unwrap_or(slice) {
        // What runtimes take where none is said.
        "" => "system",
        // The slice that is the root.
        "-" => return String::new(),
        name => name,
    };
    let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
    ends.filter_map(|end| name.get(..end)).map(|name| format!("/{name}.slice")).collect()
}

impl MountEntry {
    fn mount(&self) -> Mount {
        let is = |word: &&str| self.options.iter().any(|option| option == word);
        let propagation = PROPAGATIONS.iter().find(|word| is(word)).copied();
        Mount {
            source: self.source.as_str().into(),
            destination: self.destination.as_str().into(),
            mode: "".into(),
            is_writable: !is(&"ro"),
            propagation: propagation.unwrap_or_default().into(),
        }
    }
}

#[cfg(test)]
mod tests;
