//! The checks of how a container is set up: what each is called, how much it matters, and where
//! standards have it. Numbers are of the CIS Docker Benchmark 1.6, the CIS Kubernetes Benchmark
//! 1.12 and NIST SP 800-190.

use super::compare::Part;
use crate::state::Check;

pub(super) const DOCKER: &str = "CIS Docker";
pub(super) const KUBERNETES: &str = "CIS Kubernetes";
pub(super) const NIST: &str = "NIST 800-190";

checks! {
    PRIVILEGED = "posture.privileged", Warning, "Nothing keeps it from the host",
        [(DOCKER, "5.5"), (KUBERNETES, "5.2.2"), (NIST, "4.4.3")],
        "run it without --privileged, with the capabilities and devices that it needs";
    RUNTIME_SOCKET = "posture.runtime_socket", Error, "It can command the container runtime",
        [(DOCKER, "5.32"), (KUBERNETES, "5.2.11"), (NIST, "4.5.5")],
        "do not mount the runtime's socket: who writes to it has the host";
    SENSITIVE_MOUNT = "posture.sensitive_mount", Warning, "It has directories of the host's own",
        [(DOCKER, "5.6"), (KUBERNETES, "5.2.11"), (NIST, "4.5.5")],
        "mount what it needs, read-only, and not what is above";
    CAPABILITIES = "posture.capabilities", Warning, "It has capabilities that lead to the host",
        [(DOCKER, "5.4"), (KUBERNETES, "5.2.9"), (NIST, "4.4.3")],
        "drop them: --cap-drop, or capabilities.drop of its security context";
    HOST_PID = "posture.host_pid", Warning, "It sees all processes of the host",
        [(DOCKER, "5.16"), (KUBERNETES, "5.2.3"), (NIST, "4.5.2")],
        "give it a pid namespace of its own";
    HOST_DEVICES = "posture.host_devices", Warning, "It has the devices of the host",
        [(DOCKER, "5.18"), (NIST, "4.5.5")],
        "name the devices that it needs, and mount no /dev of the host";
    HOST_NETWORK = "posture.host_network", Notice, "It is in the network of the host",
        [(DOCKER, "5.10"), (KUBERNETES, "5.2.5"), (NIST, "4.5.2")],
        "give it a network namespace of its own, and publish its ports";
    HOST_IPC = "posture.host_ipc", Notice, "It shares the memory segments of the host",
        [(DOCKER, "5.17"), (KUBERNETES, "5.2.4"), (NIST, "4.5.2")],
        "give it an IPC namespace of its own";
    HOST_UTS = "posture.host_uts", Notice, "It can change the name of the host",
        [(DOCKER, "5.21"), (NIST, "4.5.2")],
        "give it a UTS namespace of its own";
    HOST_CGROUP = "posture.host_cgroup", Informational, "It sees the cgroups of the host",
        [(NIST, "4.5.2")],
        "give it a cgroup namespace of its own";
    HOST_USERS = "posture.host_users", Informational, "Its root is the root of the host",
        [(DOCKER, "5.31"), (NIST, "4.5.2")],
        "map its users: userns-remap, hostUsers: false, or a runtime without root";
    ROOT_USER = "posture.root_user", Notice, "Programs of it run as root",
        [(DOCKER, "4.1"), (KUBERNETES, "5.2.7"), (NIST, "4.4.3")],
        "name another user in the image, or with --user or runAsUser";
    NET_RAW = "posture.net_raw", Informational, "It can make packets of any sort",
        [(DOCKER, "5.4"), (KUBERNETES, "5.2.8"), (NIST, "4.4.3")],
        "drop NET_RAW: ping works without it where net.ipv4.ping_group_range says so";
    NO_NEW_PRIVS = "posture.no_new_privs", Informational, "Its programs can gain privileges",
        [(DOCKER, "5.26"), (KUBERNETES, "5.2.6"), (NIST, "4.4.3")],
        "--security-opt no-new-privileges, or allowPrivilegeEscalation: false";
    PROPAGATION = "posture.mount_propagation", Notice, "What it mounts appears on the host",
        [(DOCKER, "5.20"), (NIST, "4.5.5")],
        "mount it as rprivate or rslave";
    WRITABLE_ROOT = "posture.writable_root", Informational, "Its root can be written to",
        [(DOCKER, "5.13"), (KUBERNETES, "5.6.3"), (NIST, "4.4.4")],
        "--read-only, or readOnlyRootFilesystem: true, with volumes where it writes";
    SECCOMP = "posture.seccomp", Notice, "Its system calls are not filtered",
        [(DOCKER, "5.22"), (KUBERNETES, "5.6.2"), (NIST, "4.4.3")],
        "use the runtime's profile, or one of `runmon profile export --as seccomp`";
    CONFINED = "posture.lsm", Informational, "No security module confines it",
        [(DOCKER, "5.2"), (NIST, "4.4.3")],
        "use the runtime's AppArmor profile or SELinux label, or one of `runmon profile export`";
    MEMORY = "posture.memory_limit", Informational, "It may use all memory",
        [(DOCKER, "5.11"), (NIST, "4.4.3")],
        "set a memory limit, on it or on its pod";
    CPU = "posture.cpu_limit", Informational, "It may use all processors",
        [(DOCKER, "5.12"), (NIST, "4.4.3")],
        "set a processor limit, on it or on its pod";
    PIDS = "posture.pids_limit", Informational, "It may start any number of processes",
        [(DOCKER, "5.29"), (KUBERNETES, "4.2.13"), (NIST, "4.4.3")],
        "--pids-limit, or podPidsLimit of the kubelet";
    SSHD = "posture.sshd", Notice, "It runs an SSH server",
        [(DOCKER, "5.7"), (NIST, "4.5.4")],
        "enter it by its runtime where need be, and leave the server out of the image";
    PRIVILEGED_PORT = "posture.privileged_port", Informational, "It listens at a low port",
        [(DOCKER, "5.8"), (KUBERNETES, "5.2.12"), (NIST, "4.4.2")],
        "let it listen at 1024 or above, and publish that as the low one";
    UNDECLARED_PORT = "posture.undeclared_port", Notice, "It listens at a port that none declared",
        [(DOCKER, "5.9"), (NIST, "4.4.2")],
        "declare the port, or find out what listens there";
    PUBLIC_LISTENER = "posture.public_listener", Informational,
        "It listens at all addresses of the host",
        [(DOCKER, "5.14"), (NIST, "4.4.2")],
        "let it listen at the address that it is for";
    PLAINTEXT_LISTENER = "posture.plaintext_listener", Informational,
        "It is talked to without TLS", [(NIST, "4.3.3")],
        "let it speak TLS with certificates of both sides, or have a mesh do that for it";
    SETUID_FILES = "posture.setuid_files", Informational,
        "It has programs that run as another user, or get capabilities by their file",
        [(DOCKER, "4.8"), (NIST, "4.1.2")],
        "take bits and capabilities away in its image, or have its programs gain no privileges";
    OLD_CODE = "posture.old_code", Notice, "It runs code whose file was replaced",
        [(NIST, "4.1.1")],
        "start it anew: what was patched on the disk is not what runs";
    ACCOUNT_TOKEN = "posture.service_account_token", Informational,
        "It has a token of the cluster's API",
        [(KUBERNETES, "5.1.6"), (NIST, "4.3.1")],
        "automountServiceAccountToken: false, if it asks the API nothing";
    SECRETS_IN_ENV = "posture.secrets_in_env", Notice, "Its environment holds secrets",
        [(DOCKER, "4.10"), (KUBERNETES, "5.4.1"), (NIST, "4.1.4")],
        "give them to it as files";
    DECLARED_USER = "declared.user", Warning, "It runs as another user than was declared", [],
        "see which program became that user, and why it may";
    DECLARED_GROUPS = "declared.groups", Notice, "It has groups that were not declared", [],
        "see which program took them, and why it may";
    DECLARED_CAPABILITIES = "declared.capabilities", Warning,
        "It has capabilities that were not declared", [],
        "see who gave them to it";
    DECLARED_NO_NEW_PRIVS = "declared.no_new_privs", Warning,
        "It can gain privileges though it was not to", [],
        "see how that process came into the container";
    DECLARED_SECCOMP = "declared.seccomp", Warning,
        "System calls are not filtered though they were to be", [],
        "see how that process came into the container";
    DECLARED_APPARMOR = "declared.apparmor", Warning,
        "It has another AppArmor profile than was declared", [],
        "see how that process came into the container";
    DECLARED_NAMESPACES = "declared.namespaces", Warning,
        "It is in namespaces of the host that it was not to be in", [],
        "see how that process left its own";
    DECLARED_ROOT = "declared.readonly_root", Warning,
        "Its root can be written to though it was not to be", [],
        "see who mounted it again";
    DECLARED_MOUNTS = "declared.mounts", Notice, "It has mounts that were not declared", [],
        "see who mounted them, and whether it is for that";
    DECLARED_MEMORY = "declared.memory_limit", Notice,
        "It may use more memory than was declared", [],
        "see who changed the limit of its cgroup";
    DECLARED_CPU = "declared.cpu_limit", Notice, "It may use more processor than was declared", [],
        "see who changed the limit of its cgroup";
    DECLARED_PIDS = "declared.pids_limit", Notice,
        "It may start more processes than was declared", [],
        "see who changed the limit of its cgroup";
}

/// The check that compares a part with its declaration; ports have one that asks of any container.
pub(super) fn of_part(part: Part) -> Option<&'static Check> {
    Some(match part {
        Part::User => &DECLARED_USER,
        Part::Groups => &DECLARED_GROUPS,
        Part::Capabilities => &DECLARED_CAPABILITIES,
        Part::NoNewPrivileges => &DECLARED_NO_NEW_PRIVS,
        Part::Seccomp => &DECLARED_SECCOMP,
        Part::Apparmor => &DECLARED_APPARMOR,
        Part::Namespaces => &DECLARED_NAMESPACES,
        Part::Root => &DECLARED_ROOT,
        Part::Mounts => &DECLARED_MOUNTS,
        Part::Memory => &DECLARED_MEMORY,
        Part::Cpu => &DECLARED_CPU,
        Part::Pids => &DECLARED_PIDS,
        Part::Ports => return None,
    })
}

/// Whether a check is decided by what passes at listeners only.
pub(crate) fn is_of_traffic(check: &Check) -> bool {
    check.id == PLAINTEXT_LISTENER.id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_says_what_to_do() {
        let ids: BTreeSet<&str> = ALL.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for check in ALL {
            assert!(!check.title.is_empty() && !check.cure.is_empty(), "{check:?}");
            let is_posture = check.id.starts_with("posture.");
            assert!(is_posture != check.standards.is_empty(), "{check:?}");
        }
    }
}
