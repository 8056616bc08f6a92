//! [`Container`]: where a process runs, as facts that each say where they come from, or why they
//! are not known. They are declared once; whoever needs all of them asks [`Container::facts`].

pub(crate) mod limits;

use std::fmt::Write as _;

use crate::fact::{Fact, FactSource, Reason};

/// Declares the facts about a container.
macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        /// Where a process runs: a container, or the host.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Container {
            /// Full id; `host` on the host.
            pub id: Box<str>,
            /// Path of the cgroup that named it.
            pub cgroup_path: Box<str>,
            $($(#[doc = $doc])+ pub $name: Fact<$type>,)+
        }

        impl Container {
            /// A container of which nothing is known, for this reason.
            #[must_use]
            pub fn unknown(cgroup_path: &str, reason: Reason) -> Self {
                Self {
                    id: Self::UNKNOWN.into(),
                    cgroup_path: cgroup_path.into(),
                    $($name: Fact::Unknown(reason),)+
                }
            }

            /// Every fact, by name.
            pub fn facts(&self) -> impl Iterator<Item = (&'static str, &dyn AnyFact)> {
                [$((stringify!($name), &self.$name as &dyn AnyFact),)+].into_iter()
            }

            /// The same, to be changed.
            pub fn facts_mut(
                &mut self,
            ) -> impl Iterator<Item = (&'static str, &mut dyn AnyFact)> {
                [$((stringify!($name), &mut self.$name as &mut dyn AnyFact),)+].into_iter()
            }
        }
    };
}

facts! {
    /// Runtime or engine that the path or the engine's files tell of.
    runtime: Box<str>,
    /// What runs it for the engine: an OCI runtime, or containerd's shim for one, as
    /// `io.containerd.runc.v2`.
    oci_runtime: Box<str>,
    /// How much of what it does this kernel sees: `full`, or `none` where it has a kernel of its
    /// own.
    visibility: Box<str>,
    /// Name.
    name: Box<str>,
    /// Image reference as it was asked for.
    image: Box<str>,
    /// Digest of the image.
    image_digest: Box<str>,
    /// Id of the image, where the engine has one besides.
    image_id: Box<str>,
    /// When the image was made, as its configuration says, nanoseconds since 1970.
    image_created_ns: i64,
    /// Pod name.
    pod_name: Box<str>,
    /// Pod namespace.
    pod_namespace: Box<str>,
    /// Pod uid.
    pod_uid: Box<str>,
    /// Id of the pod's sandbox.
    sandbox_id: Box<str>,
    /// When it was started, nanoseconds since 1970.
    started_ns: i64,
    /// Whether nothing keeps it from the host.
    privileged: bool,
    /// It shares the host's pid namespace.
    host_pid: bool,
    /// It shares the host's network namespace.
    host_network: bool,
    /// It shares the host's IPC namespace.
    host_ipc: bool,
    /// Effective capabilities that its first program starts with, a bit each.
    capabilities: u64,
    /// Memory that it may have, bytes.
    memory_limit: u64,
    /// Processor time that it may have, thousandths of a processor.
    cpu_limit: u64,
    /// Tasks that it may have.
    pids_limit: u64,
    /// What is mounted from outside of it.
    mounts: Box<[Mount]>,
    /// Its labels.
    labels: Box<[Label]>,
    /// The labels of its pod.
    pod_labels: Box<[Label]>,
    /// Name of the service account of its pod.
    service_account: Box<str>,
    /// The Deployment that its pod is of.
    deployment: Box<str>,
    /// The ReplicaSet that its pod is of.
    replica_set: Box<str>,
    /// The StatefulSet that its pod is of.
    stateful_set: Box<str>,
    /// The DaemonSet that its pod is of.
    daemon_set: Box<str>,
    /// The Job that its pod is of.
    job: Box<str>,
    /// The CronJob that made that Job.
    cron_job: Box<str>,
    /// Command of the engine's health check, each argument ends in a zero byte; empty if the image
    /// has one that is switched off.
    healthcheck: Box<str>,
    /// Command of its liveness probe, likewise.
    liveness_probe: Box<str>,
    /// Command of its readiness probe, likewise.
    readiness_probe: Box<str>,
    /// Directory of its bundle, in which `config.json` says what was declared.
    bundle: Box<str>,
    /// User of its first program as it was declared, as the host numbers users.
    declared_uid: u64,
    /// All capabilities that its programs may come to have as it was declared, a bit each.
    declared_capabilities: u64,
    /// Whether its programs are to gain no privileges.
    no_new_privileges: bool,
    /// Whether its root is to be mounted read-only.
    readonly_root: bool,
    /// Ports that its image or engine declares, as `80/tcp`, with spaces.
    declared_ports: Box<str>,
}

/// Something from outside that is mounted in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Path on the host, or the name of a volume.
    pub source: Box<str>,
    /// Path in the container.
    pub destination: Box<str>,
    /// The engine's word for how it is mounted, such as `z`; mostly empty.
    pub mode: Box<str>,
    /// Whether the container can write there.
    pub is_writable: bool,
    /// How mounts below it spread, such as `rprivate`.
    pub propagation: Box<str>,
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub key: Box<str>,
    /// Its value.
    pub value: Box<str>,
}

impl std::fmt::Display for Mount {
    /// As Falco writes them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, destination, mode, is_writable, propagation } = self;
        write!(f, "{source}:{destination}:{mode}:{is_writable}:{propagation}")
    }
}

impl Container {
    /// The id of what is in no container.
    pub const HOST: &'static str = "host";

    /// The visibility of one that has a kernel of its own.
    pub const BLIND: &'static str = "none";

    /// The id of a container of which only a cgroup is known.
    pub const UNKNOWN: &'static str = "unknown";

    /// The host.
    #[must_use]
    pub fn host() -> Self {
        Self { id: Self::HOST.into(), ..Self::unknown("", Reason::NotApplicable) }
    }

    /// The id of a container as somebody chose it. What stands for the host, or for a container
    /// that is not known, can be nobody's: rules and findings about containers would pass it over.
    #[must_use]
    pub fn chosen_id(id: &str) -> Box<str> {
        match id {
            Self::HOST | Self::UNKNOWN => format!("container:{id}").into(),
            id => id.into(),
        }
    }

    /// What tells its image from others: the digest, or the id; where neither is known, its own id
    /// stands for it. The host has its name.
    #[must_use]
    pub fn image_key(&self) -> &str {
        let known = [&self.image_digest, &self.image_id].into_iter();
        known.filter_map(|fact| fact.known()).next().unwrap_or(&self.id)
    }

    /// Whether only the number of its cgroup is known, and the path is being looked for.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.cgroup_path.starts_with('?')
    }

    /// Whether this is the host.
    #[must_use]
    pub fn is_host(&self) -> bool {
        &*self.id == Self::HOST
    }

    /// Whether this kernel sees nothing of what it does.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.visibility.known().is_some_and(|visibility| &**visibility == Self::BLIND)
    }

    /// Whether this is known to be a container. A cgroup's path alone may only suggest one; until
    /// its bundle is found or not, its runtime is pending.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.runtime != Fact::Unknown(Reason::Pending)
    }

    /// Whether a fact may still arrive.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.facts().any(|(_, fact)| fact.reason() == Some(Reason::Pending))
    }

    /// Gives up what may still arrive, for this reason.
    pub fn give_up(&mut self, reason: Reason) {
        for (_, fact) in self.facts_mut() {
            if fact.reason() == Some(Reason::Pending) {
                fact.set_unknown(reason);
            }
        }
    }

    /// The id as people write it: its first twelve characters, where it is a long hexadecimal one.
    #[must_use]
    pub fn short_id(&self) -> &str {
        short(&self.id)
    }
}

/// Repository and tag of an image reference. A bare digest has neither.
#[must_use]
pub fn split_image(image: &str) -> (Option<&str>, Option<&str>) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(n, d)| (n, Some(d)));
    if digest.is_none() && name.starts_with("sha256:") {
        return (None, None);
    }
    // A colon before the last slash belongs to the port of a registry.
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (Some(repository), Some(tag)),
        _ => (Some(name), None),
    }
}

/// An id as people write it.
#[must_use]
pub fn short(id: &str) -> &str {
    let long = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if long { id.get(..12).unwrap_or(id) } else { id }
}

/// A fact of any type.
pub trait AnyFact {
    /// Why it is not known, if it is not.
    fn reason(&self) -> Option<Reason>;
    /// Where it comes from, if it is known.
    fn source(&self) -> Option<FactSource>;
    /// Its value as a text, if it is known.
    fn text(&self) -> Option<String>;
    /// Takes a value as [`AnyFact::text`] gives it; false, and unchanged, if it is none.
    fn set_text(&mut self, text: &str, source: FactSource) -> bool;
    /// Makes it unknown.
    fn set_unknown(&mut self, reason: Reason);
}

impl<T: Text> AnyFact for Fact<T> {
    fn reason(&self) -> Option<Reason> {
        if let Self::Unknown(reason) = self { Some(*reason) } else { None }
    }

    fn source(&self) -> Option<FactSource> {
        if let Self::Known(_, source) = self { Some(*source) } else { None }
    }

    fn text(&self) -> Option<String> {
        self.known().map(Text::to_text)
    }

    fn set_text(&mut self, text: &str, source: FactSource) -> bool {
        let value = T::from_text(text);
        value.map(|value| *self = Self::Known(value, source)).is_some()
    }

    fn set_unknown(&mut self, reason: Reason) {
        *self = Self::Unknown(reason);
    }
}

/// A value that can be written as a text, and read again.
trait Text: Sized {
    fn to_text(&self) -> String;
    fn from_text(text: &str) -> Option<Self>;
}

impl Text for Box<str> {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

macro_rules! plain {
    ($($type:ty),+) => {$(
        impl Text for $type {
            fn to_text(&self) -> String {
                self.to_string()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+};
}

plain!(i64, u64, bool);

/// Ends each part of a list: no path and no label holds a zero byte.
const END: char = '\0';

impl Text for Box<[Label]> {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for Label { key, value } in self {
            // Writing to a string never fails.
            write!(text, "{key}{END}{value}{END}").unwrap_or_default();
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split_terminator(END).collect();
        let (labels, rest) = parts.as_chunks::<2>();
        let label = |[key, value]: &[&str; 2]| Label { key: (*key).into(), value: (*value).into() };
        rest.is_empty().then(|| labels.iter().map(label).collect())
    }
}

impl Text for Box<[Mount]> {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for Mount { source, destination, mode, is_writable, propagation } in self {
            let parts = [source, destination, mode, &*is_writable.to_text(), propagation];
            for part in parts {
                text.push_str(part);
                text.push(END);
            }
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split_terminator(END).collect();
        let (mounts, rest) = parts.as_chunks::<5>();
        let mount = |[source, destination, mode, is_writable, propagation]: &[&str; 5]| {
            Some(Mount {
                source: (*source).into(),
                destination: (*destination).into(),
                mode: (*mode).into(),
                is_writable: bool::from_text(is_writable)?,
                propagation: (*propagation).into(),
            })
        };
        if rest.is_empty() { mounts.iter().map(mount).collect() } else { None }
    }
}

#[cfg(test)]
mod tests;
