//! The checks of how the host is set up, as those of containers.

use crate::posture::checks::{DOCKER, KUBERNETES, NIST};

checks! {
    RUNTIME_SOCKETS = "host.runtime_sockets", Error,
        "Who is not root can command a container runtime",
        [(DOCKER, "3.15"), (DOCKER, "3.16"), (DOCKER, "3.23"), (DOCKER, "3.24"), (NIST, "4.5.4")],
        "give the socket to root, with mode 660: who writes to it has the host";
    RUNTIME_GROUP = "host.runtime_group", Notice, "Users can command a container runtime",
        [(DOCKER, "1.1.2"), (NIST, "4.5.4")],
        "take them out of the group: who is in it has the host, as root has";
    DOCKER_TCP = "host.docker.tcp", Error, "Docker can be commanded over the network",
        [(DOCKER, "2.7"), (NIST, "4.5.1")],
        "leave tcp:// out of its hosts, or ask for certificates: tlsverify";
    CONTAINERD_TCP = "host.containerd.tcp", Error, "containerd can be commanded over the network",
        [(NIST, "4.5.1")],
        "leave tcp_address out of its config.toml";
    CONTAINER_STORAGE = "host.container_storage", Informational,
        "What containers write can fill a file system of the host",
        [(DOCKER, "1.1.1"), (NIST, "4.5.1")],
        "give the storage of containers a file system of its own";
    DOCKER_ROOT = "host.docker.root", Informational, "Docker's daemon runs as root",
        [(DOCKER, "2.1"), (NIST, "4.5.1")],
        "run Docker without root, where what it cannot do then is not needed";
    DOCKER_CGROUP = "host.docker.cgroup_parent", Informational,
        "Containers of Docker are in another cgroup than usual",
        [(DOCKER, "2.10"), (NIST, "4.4.3")],
        "leave cgroup-parent out, unless that cgroup is there to limit them";
    DOCKER_BASE_SIZE = "host.docker.base_size", Informational,
        "Containers of Docker may grow more than usual",
        [(DOCKER, "2.11")],
        "leave dm.basesize out of storage-opts";
    DOCKER_ICC = "host.docker.icc", Informational, "Containers of Docker reach each other",
        [(DOCKER, "2.2"), (NIST, "4.4.2")],
        "icc: false in daemon.json, with a network for those that belong together";
    DOCKER_LOG_LEVEL = "host.docker.log_level", Informational,
        "Docker logs less or more than usual",
        [(DOCKER, "2.3")],
        "log-level: info";
    DOCKER_IPTABLES = "host.docker.iptables", Informational, "Docker sets no rules of the network",
        [(DOCKER, "2.4"), (NIST, "4.4.2")],
        "iptables: true, unless others set them";
    DOCKER_INSECURE = "host.docker.insecure_registries", Warning,
        "Docker takes images from registries that it cannot be sure of",
        [(DOCKER, "2.5"), (NIST, "4.2.1")],
        "give the registry a certificate, and leave it out of insecure-registries";
    DOCKER_STORAGE = "host.docker.storage_driver", Notice, "Docker uses a storage driver of old",
        [(DOCKER, "2.6")],
        "storage-driver: overlay2";
    DOCKER_ULIMITS = "host.docker.default_ulimits", Informational,
        "Containers of Docker have no limits of resources by default",
        [(DOCKER, "2.8")],
        "set default-ulimits, of nofile and nproc above all";
    DOCKER_USERNS = "host.docker.userns_remap", Informational,
        "Root in containers of Docker is root of the host",
        [(DOCKER, "2.9"), (NIST, "4.5.2")],
        "userns-remap: default, or Docker without root";
    DOCKER_AUTHORIZATION = "host.docker.authorization", Informational,
        "Who can ask Docker anything can ask it everything",
        [(DOCKER, "2.12"), (NIST, "4.5.4")],
        "use an authorization plugin where several users share the daemon";
    DOCKER_LOGS = "host.docker.log_driver", Informational, "Logs of containers stay on this host",
        [(DOCKER, "2.13")],
        "send them elsewhere, by log-driver or by what collects them here";
    DOCKER_PRIVILEGES = "host.docker.no_new_privileges", Informational,
        "Programs in containers of Docker can gain privileges by default",
        [(DOCKER, "2.14"), (NIST, "4.4.3")],
        "no-new-privileges: true";
    DOCKER_LIVE_RESTORE = "host.docker.live_restore", Informational,
        "Containers stop when Docker does, which keeps it from being updated",
        [(DOCKER, "2.15")],
        "live-restore: true, unless this host is of a swarm";
    DOCKER_PROXY = "host.docker.userland_proxy", Informational,
        "Published ports go through a program",
        [(DOCKER, "2.16"), (NIST, "4.5.1")],
        "userland-proxy: false";
    DOCKER_SECCOMP = "host.docker.seccomp_profile", Warning,
        "System calls of containers of Docker are not filtered by default",
        [(DOCKER, "2.17"), (NIST, "4.4.3")],
        "leave seccomp-profile out, which means Docker's own";
    DOCKER_EXPERIMENTAL = "host.docker.experimental", Informational,
        "Docker has features that are not finished",
        [(DOCKER, "2.18")],
        "experimental: false";
    KUBELET_ANONYMOUS = "host.kubelet.anonymous", Error,
        "The kubelet answers who does not say who they are",
        [(KUBERNETES, "4.2.1"), (NIST, "4.3.1")],
        "authentication.anonymous.enabled: false";
    KUBELET_AUTHORIZATION = "host.kubelet.authorization", Error,
        "The kubelet lets everybody do all",
        [(KUBERNETES, "4.2.2"), (NIST, "4.3.2")],
        "authorization.mode: Webhook";
    KUBELET_CLIENT_CA = "host.kubelet.client_ca", Warning,
        "The kubelet knows nobody by a certificate",
        [(KUBERNETES, "4.2.3"), (NIST, "4.3.2")],
        "set authentication.x509.clientCAFile";
    KUBELET_READ_ONLY = "host.kubelet.read_only_port", Warning,
        "The kubelet tells everybody of its pods",
        [(KUBERNETES, "4.2.4"), (NIST, "4.3.2")],
        "readOnlyPort: 0";
    KUBELET_IDLE = "host.kubelet.idle_streams", Informational,
        "The kubelet keeps idle connections for ever",
        [(KUBERNETES, "4.2.5")],
        "set streamingConnectionIdleTimeout";
    KUBELET_IPTABLES = "host.kubelet.iptables", Informational,
        "The kubelet leaves rules of the network to others",
        [(KUBERNETES, "4.2.6")],
        "makeIPTablesUtilChains: true";
    KUBELET_HOSTNAME = "host.kubelet.hostname_override", Informational,
        "The kubelet calls its node otherwise than the host is called",
        [(KUBERNETES, "4.2.7")],
        "leave --hostname-override out, unless a cloud's names take it";
    KUBELET_EVENTS = "host.kubelet.event_rate", Informational,
        "The kubelet leaves out events of its pods",
        [(KUBERNETES, "4.2.8")],
        "leave eventRecordQPS out, or set it to 5 or more";
    PROXY_METRICS = "host.kube_proxy.metrics", Informational,
        "kube-proxy tells everybody of the services",
        [(KUBERNETES, "4.3.1"), (NIST, "4.4.2")],
        "metricsBindAddress: 127.0.0.1:10249";
    KUBELET_TLS = "host.kubelet.certificate", Informational,
        "Nobody can tell the kubelet by its certificate",
        [(KUBERNETES, "4.2.9"), (NIST, "4.3.3")],
        "set tlsCertFile and tlsPrivateKeyFile, or serverTLSBootstrap";
    KUBELET_ROTATE = "host.kubelet.rotate_certificates", Notice,
        "The kubelet does not renew its certificate",
        [(KUBERNETES, "4.2.10"), (NIST, "4.3.5")],
        "rotateCertificates: true";
    KUBELET_ROTATE_SERVER = "host.kubelet.rotate_server_certificate", Notice,
        "The kubelet does not renew its server's certificate",
        [(KUBERNETES, "4.2.11"), (NIST, "4.3.5")],
        "leave RotateKubeletServerCertificate out of featureGates";
    KUBELET_CIPHERS = "host.kubelet.ciphers", Informational, "The kubelet allows weak ciphers",
        [(KUBERNETES, "4.2.12"), (NIST, "4.3.3")],
        "name strong ones only in tlsCipherSuites";
    KUBELET_PIDS = "host.kubelet.pids_limit", Informational,
        "Pods may start any number of processes",
        [(KUBERNETES, "4.2.13"), (NIST, "4.4.3")],
        "set podPidsLimit";
    KUBELET_SECCOMP = "host.kubelet.seccomp_default", Informational,
        "System calls of pods are not filtered by default",
        [(KUBERNETES, "4.2.14"), (NIST, "4.4.3")],
        "seccompDefault: true";
    KUBELET_KERNEL = "host.kubelet.kernel_defaults", Informational,
        "The kubelet changes settings of the kernel",
        [(NIST, "4.3.5")],
        "set them as it wants them, and protectKernelDefaults: true";
    FILE_DOCKER_SERVICE = "host.files.docker_service", Warning,
        "Others than root can change how Docker is started",
        [(DOCKER, "3.1"), (DOCKER, "3.2"), (NIST, "4.5.5")],
        "chown root:root, chmod 644";
    FILE_DOCKER_SOCKET_UNIT = "host.files.docker_socket_unit", Warning,
        "Others than root can change how Docker's socket is made",
        [(DOCKER, "3.3"), (DOCKER, "3.4"), (NIST, "4.5.5")],
        "chown root:root, chmod 644";
    FILE_ETC_DOCKER = "host.files.etc_docker", Warning,
        "Others than root can change the settings of Docker",
        [(DOCKER, "3.5"), (DOCKER, "3.6"), (NIST, "4.5.5")],
        "chown root:root, chmod 755";
    FILE_REGISTRY_CERTS = "host.files.registry_certificates", Warning,
        "Others than root can say which registries Docker trusts",
        [(DOCKER, "3.7"), (DOCKER, "3.8"), (NIST, "4.5.5")],
        "chown root:root, chmod 444";
    FILE_DOCKER_CERTS = "host.files.docker_certificates", Warning,
        "Others than root can say whom Docker trusts",
        [(DOCKER, "3.9"), (DOCKER, "3.10"), (DOCKER, "3.11"), (DOCKER, "3.12"), (NIST, "4.5.5")],
        "chown root:root, chmod 444";
    FILE_DOCKER_KEY = "host.files.docker_key", Warning, "Others than root have Docker's key",
        [(DOCKER, "3.13"), (DOCKER, "3.14"), (NIST, "4.5.5")],
        "chown root:root, chmod 400, and make a new one";
    FILE_DAEMON_JSON = "host.files.daemon_json", Warning,
        "Others than root can change what Docker does",
        [(DOCKER, "3.17"), (DOCKER, "3.18"), (NIST, "4.5.5")],
        "chown root:root, chmod 644";
    FILE_DEFAULT_DOCKER = "host.files.default_docker", Warning,
        "Others than root can change what Docker is started with",
        [(DOCKER, "3.19"), (DOCKER, "3.20"), (NIST, "4.5.5")],
        "chown root:root, chmod 644";
    FILE_SYSCONFIG_DOCKER = "host.files.sysconfig_docker", Warning,
        "Others than root can change what Docker is started with",
        [(DOCKER, "3.21"), (DOCKER, "3.22"), (NIST, "4.5.5")],
        "chown root:root, chmod 644";
    FILE_KUBELET_SERVICE = "host.files.kubelet_service", Informational,
        "Others than root can see or change how the kubelet is started",
        [(KUBERNETES, "4.1.1"), (KUBERNETES, "4.1.2"), (NIST, "4.5.5")],
        "chown root:root, chmod 600";
    FILE_KUBECONFIG = "host.files.kubeconfig", Warning,
        "Others than root can be the kubelet to the cluster",
        [(KUBERNETES, "4.1.5"), (KUBERNETES, "4.1.6"), (NIST, "4.3.5")],
        "chown root:root, chmod 600";
    FILE_PROXY_KUBECONFIG = "host.files.proxy_kubeconfig", Warning,
        "Others than root can be kube-proxy to the cluster",
        [(KUBERNETES, "4.1.3"), (KUBERNETES, "4.1.4"), (NIST, "4.3.5")],
        "chown root:root, chmod 600";
    FILE_CLIENT_CA = "host.files.kubelet_client_ca", Warning,
        "Others than root can say whom the kubelet trusts",
        [(KUBERNETES, "4.1.7"), (KUBERNETES, "4.1.8"), (NIST, "4.3.5")],
        "chown root:root, chmod 644";
    FILE_KUBELET_CONFIG = "host.files.kubelet_config", Notice,
        "Others than root can see or change what the kubelet does",
        [(KUBERNETES, "4.1.9"), (KUBERNETES, "4.1.10"), (NIST, "4.3.5")],
        "chown root:root, chmod 600";
    SSHD_ROOT = "host.sshd.root_login", Warning, "Root can log in with a password, over SSH",
        [(NIST, "4.5.4")],
        "PermitRootLogin no, or prohibit-password";
    SSHD_PASSWORDS = "host.sshd.passwords", Notice, "Users can log in with a password, over SSH",
        [(NIST, "4.5.4")],
        "PasswordAuthentication no and KbdInteractiveAuthentication no, with a key for each user";
    SSHD_EMPTY_PASSWORDS = "host.sshd.empty_passwords", Error,
        "Users without a password can log in over SSH",
        [(NIST, "4.5.4")],
        "PermitEmptyPasswords no";
    SSHD_X11 = "host.sshd.x11_forwarding", Informational,
        "Programs here can reach the screens of who logs in over SSH",
        [(NIST, "4.5.1")],
        "X11Forwarding no";
    SUDO_WITHOUT_PASSWORD = "host.sudo_without_password", Notice,
        "Users become root without a password",
        [(NIST, "4.5.4")],
        "take NOPASSWD out, or name the commands that need it";
    KERNEL = "host.kernel", Warning, "An older kernel runs than is installed",
        [(DOCKER, "1.2.1"), (NIST, "4.5.3")],
        "start the host anew";
    RESTART = "host.restart_required", Notice, "The host is to be started anew",
        [(DOCKER, "1.2.1"), (NIST, "4.5.3")],
        "start the host anew";
    UPTIME = "host.uptime", Notice, "The host has run for long without a restart",
        [(NIST, "4.5.3")],
        "replace the node, or start it anew: what was patched in its kernel does not run";
    QUIET = "host.packages_unchanged", Notice, "No package of the host has changed for long",
        [(DOCKER, "1.2.1"), (NIST, "4.5.3")],
        "update it, or replace the node by one of a newer image";
    UPDATES = "host.automatic_updates", Notice, "The host does not install updates by itself",
        [(NIST, "4.5.3")],
        "set up unattended-upgrades or dnf-automatic, or replace nodes often";
    TIMERS = "host.update_timers", Warning, "What starts updates was switched off",
        [(NIST, "4.5.3")],
        "systemctl unmask and enable --now the timer, and find out who stopped it";
    AUDIT = "host.audit_rules", Informational, "The audit does not watch files of runtimes",
        [(DOCKER, "1.1.3"), (DOCKER, "1.1.5"), (DOCKER, "1.1.6"), (DOCKER, "1.1.18"),
            (NIST, "4.5.5")],
        "watch them: `-w PATH -k docker` in /etc/audit/rules.d";
    PLAINTEXT_LISTENER = "host.plaintext_listener", Informational,
        "Programs of the host are talked to without TLS", [(NIST, "4.3.3")],
        "let them speak TLS, or listen at loopback only";
    OLD_CODE = "host.old_code", Notice, "Programs of the host run code whose file was replaced",
        [(NIST, "4.5.3")],
        "start them anew: what was patched on the disk is not what runs";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::posture::host::manual;

    #[test]
    fn each_has_a_name_of_its_own_and_says_what_to_do() {
        let all = || ALL.iter().chain(manual::ALL);
        let ids: BTreeSet<&str> = all().map(|check| check.id).collect();
        assert_eq!(ids.len(), all().count());
        for check in all() {
            assert!(check.id.starts_with("host."), "{check:?}");
            assert!(!check.title.is_empty() && !check.cure.is_empty(), "{check:?}");
            assert!(!check.standards.is_empty(), "{check:?}");
        }
    }
}
