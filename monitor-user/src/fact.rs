//! Facts that may not be known: a value with its source, or the reason why there is none.

/// A fact that may not be known, and then says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// Known, from a source.
    Known(T, FactSource),
    /// Not known.
    Unknown(Reason),
}

impl<T> Fact<T> {
    /// The fact, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value, _) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// Where a fact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactSource {
    /// The path of its cgroup.
    CgroupPath,
    /// The OCI bundle on disk.
    Bundle,
    /// containerd's API.
    Containerd,
    /// Docker's files about the container.
    Docker,
    /// The files in which podman and CRI-O keep containers and images.
    Storage,
    /// The state that runc or crun keeps of the container.
    Runc,
    /// The name of the pod, by the rule after which controllers name their pods.
    NameRule,
    /// The answer of a name server.
    Dns,
    /// The content of the file.
    File,
    /// The addresses that sockets of containers had.
    Traffic,
    /// The cluster's API.
    Kubernetes,
}

impl FactSource {
    /// How documents name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CgroupPath => "cgroup_path",
            Self::Bundle => "bundle",
            Self::Containerd => "containerd",
            Self::Docker => "docker",
            Self::Storage => "storage",
            Self::Runc => "runc",
            Self::NameRule => "name_rule",
            Self::Dns => "dns",
            Self::File => "file",
            Self::Traffic => "traffic",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// The source of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::CgroupPath,
            Self::Bundle,
            Self::Containerd,
            Self::Docker,
            Self::Storage,
            Self::Runc,
            Self::NameRule,
            Self::Dns,
            Self::File,
            Self::Traffic,
            Self::Kubernetes,
        ]
        .into_iter()
        .find(|source| source.name() == name)
    }
}

/// Why a fact is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for and may still arrive.
    Pending,
    /// There is no such thing here (the image of the host, the pod of a plain container).
    NotApplicable,
    /// Neither the bundle nor what the runtime keeps besides holds it.
    NotInBundle,
    /// No bundle was found for the container.
    NoBundle,
    /// The monitor may not read it.
    NotPermitted,
    /// What it is about is not there any more: the runtime's container, or the executed file.
    Gone,
    /// The API of the runtime or of the cluster, or the process with the privileges, did not answer
    /// in time, or is not there.
    NoAnswer,
    /// Too many lookups were waiting.
    TooMany,
    /// Nothing was seen that tells it: no answer of a name server to this container, or no socket
    /// of a container's with that address; nor did the cluster's API tell it, if it is asked.
    NotLearned,
    /// It takes more room than it may: the file is larger than `hash_bytes_max`, or to be copied
    /// than `kept_executable_bytes_max`, or the list of a container's mounts or labels is longer
    /// than is kept.
    TooLarge,
    /// The file is not as it was executed, or may not be; or the name of the image means another
    /// one by now.
    Changed,
    /// The file is on a network or in a file system that a program serves: reading may never end.
    Remote,
    /// Nobody asked for it: the configuration's `hash` says when it is.
    NotWanted,
    /// No act was seen that would tell it.
    NotSeen,
    /// Several can be meant.
    Ambiguous,
    /// Only the cluster's API tells it, and that is not asked: the configuration's `kubernetes`
    /// says whether it is.
    NotAsked,
    /// The copy of a program could not be written: the disk has no room to spare, or refused.
    NotWritten,
    /// The package manager of that root file system keeps its database in a form that is not read.
    NotRead,
    /// There is no database of a package manager in that root file system.
    NoDatabase,
}

impl Reason {
    /// How documents and rules name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NotApplicable => "not_applicable",
            Self::NotInBundle => "not_in_bundle",
            Self::NoBundle => "no_bundle",
            Self::NotPermitted => "not_permitted",
            Self::Gone => "gone",
            Self::NoAnswer => "no_answer",
            Self::TooMany => "too_many",
            Self::NotLearned => "not_learned",
            Self::TooLarge => "too_large",
            Self::Changed => "changed",
            Self::Remote => "remote",
            Self::NotWanted => "not_wanted",
            Self::NotSeen => "not_seen",
            Self::Ambiguous => "ambiguous",
            Self::NotAsked => "not_asked",
            Self::NotWritten => "not_written",
            Self::NotRead => "not_read",
            Self::NoDatabase => "no_database",
        }
    }

    /// The reason of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::NotApplicable,
            Self::NotInBundle,
            Self::NoBundle,
            Self::NotPermitted,
            Self::Gone,
            Self::NoAnswer,
            Self::TooMany,
            Self::NotLearned,
            Self::TooLarge,
            Self::Changed,
            Self::Remote,
            Self::NotWanted,
            Self::NotSeen,
            Self::Ambiguous,
            Self::NotAsked,
            Self::NotWritten,
            Self::NotRead,
            Self::NoDatabase,
        ]
        .into_iter()
        .find(|reason| reason.name() == name)
    }
}
