//! What the monitor needs, as tables, and the lines that give it.

use super::{Addition, Manager};

/// The part of a pod that its volumes are in.
pub(super) const VOLUMES: &str = "volumes of the pod";
/// The part of a container that its mounts are in.
const VOLUME_MOUNTS: &str = "volumeMounts of the container";
const POD: &str = "spec of the pod";
const SECURITY: &str = "securityContext of the container";
const CAPABILITIES: &str = "securityContext.capabilities.add of the container";
const DOCKER: &str = "docker run";
const SYSTEMD: &str = "[Service] of the unit";

/// A capability.
pub(super) struct Capability {
    /// Its name.
    pub(super) name: &'static str,
    /// Its number in a mask.
    pub(super) number: u32,
    /// Another one that allows the same.
    pub(super) or: Option<u32>,
    /// Whether the keeper goes on using it once the programs are loaded.
    pub(super) stays: bool,
    /// What the monitor cannot do without it.
    pub(super) costs: &'static str,
}

pub(super) const SYS_ADMIN: u32 = 21;
pub(super) const NET_ADMIN: u32 = 12;
const NET_RAW: u32 = 13;
pub(super) const SYSLOG: u32 = 34;
pub(super) const SYS_RESOURCE: u32 = 24;
const DAC_OVERRIDE: u32 = 1;

/// Those that it uses, the most needed first.
pub(super) const USED: [Capability; 10] = [
    Capability {
        name: "CAP_BPF",
        number: 39,
        or: Some(SYS_ADMIN),
        stays: true,
        costs: "nothing is seen: neither maps nor programs can be loaded",
    },
    Capability {
        name: "CAP_PERFMON",
        number: 38,
        or: Some(SYS_ADMIN),
        stays: true,
        costs: "nothing is seen: programs may not read kernel memory",
    },
    Capability {
        name: "CAP_NET_ADMIN",
        number: NET_ADMIN,
        or: None,
        stays: true,
        costs: "what name servers are asked is not seen, nor are connections, datagrams and bound \
                sockets where nothing better than the fallback loads",
    },
    Capability {
        name: "CAP_SYS_PTRACE",
        number: 19,
        or: None,
        stays: true,
        costs: "the programs of others are not found through /proc, so that their files are not \
                hashed",
    },
    Capability {
        name: "CAP_DAC_READ_SEARCH",
        number: 2,
        or: Some(DAC_OVERRIDE),
        stays: true,
        costs: "files that only others may read are not hashed",
    },
    Capability {
        name: "CAP_SETUID",
        number: 7,
        or: None,
        stays: false,
        costs: "the daemon does not start: it cannot become the user of `run_as`",
    },
    Capability {
        name: "CAP_SETGID",
        number: 6,
        or: None,
        stays: false,
        costs: "the daemon does not start: it cannot leave its groups",
    },
    Capability {
        name: "CAP_CHOWN",
        number: 0,
        or: None,
        stays: false,
        costs: "what sinks have not got yet is not kept on the disk: its directory cannot be given \
                to the user of `run_as`",
    },
    Capability {
        name: "CAP_SYSLOG",
        number: SYSLOG,
        or: None,
        stays: true,
        costs: "opens of files cost more: the kernel hides the addresses of its counters",
    },
    Capability {
        name: "CAP_SYS_RESOURCE",
        number: SYS_RESOURCE,
        or: None,
        stays: true,
        costs: "maps may find no room: before Linux 5.11 they are locked memory",
    },
];

/// What takes more than the table says.
#[derive(Clone, Copy, Debug, Default)]
pub struct More {
    /// Files of alerts are another user's, or where another user's files are.
    pub writes_for_others: bool,
    /// Kprobes may take `CAP_SYS_ADMIN`: [`super::restricts_probes`].
    pub probes: bool,
    /// Layers of images are read: what says that nothing below a directory of one is seen only that
    /// capability can read.
    pub layers: bool,
    /// Packets from and to listeners are seen, in networks of containers: `CAP_NET_RAW` and, to go
    /// there, `CAP_SYS_ADMIN`.
    pub traffic: bool,
}

/// Of these capabilities those that the keeper goes on using. One that allows more stays only in
/// place of one that is not there, or for what takes more.
#[must_use]
pub fn kept_capabilities(held: u64, more: More) -> u64 {
    let bit = |number: u32| 1_u64 << number;
    let used = USED.iter().filter(|capability| capability.stays).map(|capability| {
        let other = capability.or.filter(|_| held & bit(capability.number) == 0);
        bit(other.unwrap_or(capability.number))
    });
    let More { writes_for_others, probes, layers, traffic } = more;
    let more = [
        (writes_for_others, DAC_OVERRIDE),
        (probes || layers || traffic, SYS_ADMIN),
        (traffic, NET_RAW),
    ];
    let more = more.iter().filter(|(takes, _)| *takes).map(|(_, number)| bit(*number));
    held & used.chain(more).fold(0, |all, capability| all | capability)
}

fn line(manager: Manager, to: &'static str, line: impl Into<String>) -> Addition {
    Addition { manager, to, line: line.into() }
}

pub(super) fn capability(name: &str) -> Vec<Addition> {
    let short = name.trim_start_matches("CAP_");
    vec![
        line(Manager::Kubernetes, CAPABILITIES, format!("- {short}")),
        line(Manager::Docker, DOCKER, format!("--cap-add={short}")),
        line(Manager::Systemd, SYSTEMD, format!("CapabilityBoundingSet={name}")),
    ]
}

/// A directory of the host, at the same path. Mounts of the host below it are seen.
pub(super) fn mount(name: &str, path: &str, access: Access) -> Vec<Addition> {
    let (read_only, propagation, kind, options) = match access {
        Access::Read => (", readOnly: true", "", "Directory", ":ro"),
        Access::Follow => (
            ", readOnly: true",
            ", mountPropagation: HostToContainer",
            "DirectoryOrCreate",
            ":ro,rslave",
        ),
        Access::Write => ("", "", "DirectoryOrCreate", ""),
    };
    let mounted = format!("- {{name: {name}, mountPath: {path}{read_only}{propagation}}}");
    let volume = format!("- {{name: {name}, hostPath: {{path: {path}, type: {kind}}}}}");
    vec![
        line(Manager::Kubernetes, VOLUME_MOUNTS, mounted),
        line(Manager::Kubernetes, VOLUMES, volume),
        line(Manager::Docker, DOCKER, format!("--volume={path}:{path}{options}")),
    ]
}

/// What is done with a directory of the host.
#[derive(Clone, Copy)]
pub(super) enum Access {
    Read,
    /// And what the host mounts and unmounts there later is as well.
    Follow,
    Write,
}

pub(super) fn root() -> Vec<Addition> {
    vec![
        line(Manager::Kubernetes, SECURITY, "runAsUser: 0"),
        line(Manager::Docker, DOCKER, "--user=0"),
        line(Manager::Systemd, SYSTEMD, "User=root"),
    ]
}

pub(super) fn pids_of_host() -> Vec<Addition> {
    vec![
        line(Manager::Kubernetes, POD, "hostPID: true"),
        line(Manager::Docker, DOCKER, "--pid=host"),
    ]
}

pub(super) fn users_of_host() -> Vec<Addition> {
    vec![
        line(Manager::Kubernetes, POD, "hostUsers: true"),
        line(Manager::Docker, DOCKER, "--userns=host"),
        line(Manager::Systemd, SYSTEMD, "PrivateUsers=no"),
    ]
}

/// A directory, for a unit that may not write elsewhere.
pub(super) fn writable(path: &str) -> Vec<Addition> {
    let added = match path {
        "/run/runmon" => "RuntimeDirectory=runmon".to_owned(),
        "/var/lib/runmon" => "StateDirectory=runmon".to_owned(),
        other => format!("ReadWritePaths={other}"),
    };
    vec![line(Manager::Systemd, SYSTEMD, added)]
}

pub(super) fn no_seccomp() -> Vec<Addition> {
    vec![
        line(Manager::Kubernetes, SECURITY, "seccompProfile: {type: Unconfined}"),
        line(Manager::Docker, DOCKER, "--security-opt=seccomp=unconfined"),
        line(Manager::Systemd, SYSTEMD, "SystemCallFilter=bpf perf_event_open"),
    ]
}

pub(super) fn no_apparmor() -> Vec<Addition> {
    let annotation = "container.apparmor.security.beta.kubernetes.io/runmon: unconfined";
    vec![
        line(Manager::Kubernetes, "metadata.annotations of the pod", annotation),
        line(Manager::Docker, DOCKER, "--security-opt=apparmor=unconfined"),
    ]
}

pub(super) fn no_selinux() -> Vec<Addition> {
    vec![
        line(Manager::Kubernetes, SECURITY, "seLinuxOptions: {type: spc_t}"),
        line(Manager::Docker, DOCKER, "--security-opt=label=type:spc_t"),
    ]
}
