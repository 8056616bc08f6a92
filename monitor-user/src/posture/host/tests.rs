//! Whole roots, read and judged: what is hardened passes, what is sloppy fails each check, and of
//! what is empty nothing is called good.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use super::{Directory, HostFacts, assess, checks, manual, read};
use crate::state::{Assessment, Status};

/// When all of it is looked at, seconds since 1970, and how long ago something old was.
const NOW: u64 = 1_793_000_000;
const LONG: u64 = 200 * 86_400;

/// A root directory that is gone at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir()
            .join(format!("runmon-host-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let place = Self(path);
        place.mode("", 0o755);
        place
    }

    fn file(&self, path: &str, mode: u32, text: &str) -> &Self {
        let whole = self.0.join(path);
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        fs::write(&whole, text).unwrap();
        self.mode(path, mode).age(path, 0)
    }

    fn mode(&self, path: &str, mode: u32) -> &Self {
        fs::set_permissions(self.0.join(path), Permissions::from_mode(mode)).unwrap();
        self
    }

    fn age(&self, path: &str, seconds: u64) -> &Self {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - seconds);
        File::open(self.0.join(path)).unwrap().set_modified(time).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Self {
        let whole = self.0.join(path);
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        symlink(target, whole).unwrap();
        self
    }

    fn process(&self, pid: u32, program: &str, words: &[&str]) -> &Self {
        let line = std::iter::once(program).chain(words.iter().copied());
        let line: String = line.flat_map(|word| [word, "\0"]).collect();
        self.link(&format!("proc/{pid}/exe"), program)
            .file(&format!("proc/{pid}/cmdline"), 0o444, &line)
            .file(&format!("proc/{pid}/cgroup"), 0o444, "0::/system.slice/x.service\n")
            .file(&format!("proc/{pid}/maps"), 0o444, "")
    }

    /// A kube-proxy that tells of its numbers at an address.
    fn proxy(&self, address: &str) -> &Self {
        let socket =
            format!("0: {address}:2809 00000000:0000 0A 0:0 00:0 0 0 0 4242 1 0 100 0 0 10 0\n");
        self.process(13, "/usr/bin/kube-proxy", &[]).link("proc/13/fd/3", "socket:[4242]").file(
            "proc/13/net/tcp",
            0o444,
            &format!("sl local_address\n{socket}"),
        )
    }

    fn facts(&self) -> HostFacts {
        let sockets = ["/srv/own.sock".to_owned()];
        let mut root = Directory::at(&self.0).unwrap().naming(&sockets);
        let own = fs::metadata(&self.0).unwrap();
        root.owner = Some((own.uid(), own.gid()));
        read(&root, &sockets, Ok(None), i64::try_from(NOW).unwrap())
    }

    fn looked_at(&self) -> Vec<Assessment> {
        assess(&self.facts())
    }

    /// What came of each check, without those that no node can decide, and the one about listeners,
    /// which nobody has who does not run.
    fn answers(&self) -> BTreeMap<&'static str, (Status, String)> {
        let all = self.looked_at();
        let is_here = |it: &Assessment| it.check.id != checks::PLAINTEXT_LISTENER.id;
        let decided = all.into_iter().filter(|it| it.status != Status::NotDecidable && is_here(it));
        decided.map(|it| (it.check.id, (it.status, it.text))).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn hardened() -> Place {
    let place = Place::new("hardened");
    place
        .file("run/docker.sock", 0o660, "")
        .file("etc/group", 0o644, "root:x:0:\ndocker:x:4242424:\n")
        .file("etc/passwd", 0o644, "root:x:0:0::/root:/bin/sh\n")
        .process(1, "/usr/lib/systemd/systemd", &[])
        .process(10, "/usr/bin/dockerd", &["-H", "fd://"])
        .process(11, "/usr/bin/containerd", &[])
        .process(12, "/usr/bin/kubelet", &["--config=/var/lib/kubelet/config.yaml"])
        .proxy("0100007F")
        .file("var/lib/docker/x", 0o600, "")
        .file(
            "proc/1/mountinfo",
            0o444,
            "1 0 8:1 / / rw - x x rw\n2 1 8:2 / /var/lib/docker rw - x x rw\n",
        )
        .file("etc/kubernetes/kube-proxy.conf", 0o600, "")
        .file("etc/containerd/config.toml", 0o644, "version = 2\n[grpc]\n  tcp_address = \"\"\n")
        .file("etc/docker/daemon.json", 0o644, DAEMON)
        .mode("etc/docker", 0o755)
        .file("etc/docker/ca.pem", 0o444, "")
        .file("etc/docker/key.pem", 0o400, "")
        .file("etc/docker/certs.d/example/ca.crt", 0o444, "")
        .file("etc/default/docker", 0o644, "")
        .file("etc/sysconfig/docker", 0o644, "")
        .file("usr/lib/systemd/system/docker.service", 0o644, "")
        .file("usr/lib/systemd/system/docker.socket", 0o644, "")
        .file("usr/lib/systemd/system/kubelet.service", 0o600, "")
        .file("etc/kubernetes/kubelet.conf", 0o600, "")
        .file("etc/kubernetes/pki/ca.crt", 0o644, "")
        .file("var/lib/kubelet/config.yaml", 0o600, KUBELET);
    place
        .file("usr/sbin/sshd", 0o755, "")
        .file("etc/ssh/sshd_config", 0o600, "Include /etc/ssh/sshd_config.d/*.conf\n")
        .file("etc/ssh/sshd_config.d/a.conf", 0o600, "PasswordAuthentication=no\n")
        .file("etc/sudoers", 0o440, "root ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n")
        .file("etc/sudoers.d/a.bak", 0o440, "a ALL=(ALL) NOPASSWD: ALL\n")
        .file("proc/sys/kernel/osrelease", 0o444, "6.1.0-21-amd64\n")
        .file("proc/uptime", 0o444, "86400.11 5.00\n")
        .file("boot/vmlinuz-6.1.0-21-amd64", 0o644, "")
        .file("boot/vmlinuz-6.1.0-9-amd64", 0o644, "")
        .file("etc/kernel/postinst.d/unattended-upgrades", 0o755, "")
        .file("var/lib/dpkg/status", 0o644, "")
        .file("usr/bin/apt-get", 0o755, "")
        .file("usr/bin/unattended-upgrade", 0o755, "")
        .file("etc/apt/apt.conf.d/20auto-upgrades", 0o644, PERIODIC);
    for name in ["apt-daily.timer", "apt-daily-upgrade.timer"] {
        place
            .file(&format!("usr/lib/systemd/system/{name}"), 0o644, "")
            .link(&format!("etc/systemd/system/timers.target.wants/{name}"), "/lib/x");
    }
    place.file("usr/bin/dockerd", 0o755, "").file(
        "etc/audit/rules.d/docker.rules",
        0o640,
        "-w /usr/bin/dockerd -k d\n\
         -w /etc/docker/ -k d\n\
         -w /var/lib/docker -k d\n\
         -a always,exit -F path=/etc/default/docker\n\
         -w /etc/containerd/config.toml\n\
         -w /usr/lib/systemd/system/docker.service\n\
         -w /usr/lib/systemd/system/docker.socket\n",
    );
    place
}

const DAEMON: &str = r#"{
    "icc": false, "default-ulimits": {"nofile": {}}, "userns-remap": "default",
    "authorization-plugins": ["opa"], "log-driver": "journald", "no-new-privileges": true,
    "live-restore": true, "userland-proxy": false, "hosts": ["tcp://0.0.0.0:2376"],
    "tlsverify": true, "tlscacert": "/etc/docker/ca.pem", "tlskey": "/etc/docker/key.pem"
}"#;

const KUBELET: &str = "
authentication:
  anonymous: {enabled: false}
  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
authorization: {mode: Webhook}
readOnlyPort: 0
rotateCertificates: true
podPidsLimit: 1000
protectKernelDefaults: true
seccompDefault: true
tlsCertFile: /a
tlsCipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
";

const PERIODIC: &str = "
APT::Periodic::Update-Package-Lists \"1\";
APT::Periodic::Unattended-Upgrade \"1\";
";

fn sloppy() -> Place {
    let place = Place::new("sloppy");
    place
        .file("run/docker.sock", 0o666, "")
        .file("etc/group", 0o644, "root:x:0:\ndocker:x:4242424:alice,root\n")
        .file("etc/passwd", 0o644, "bob:x:7:4242424::/:/bin/sh\n")
        .process(
            10,
            "/usr/bin/dockerd",
            &["-H=tcp://0.0.0.0:2375", "--insecure-registry", "r:5000", "--log-level=debug"],
        )
        .process(11, "/usr/bin/containerd", &[])
        .process(
            12,
            "/usr/bin/kubelet",
            &[
                "--config=/var/lib/kubelet/config.yaml",
                "--anonymous-auth=true",
                "--hostname-override=other",
                "--event-qps=1",
            ],
        )
        .proxy("00000000")
        .file("var/lib/docker/x", 0o600, "")
        .file("proc/1/mountinfo", 0o444, "1 0 8:1 / / rw - x x rw\n")
        .file("etc/kubernetes/kube-proxy.conf", 0o644, "")
        .file("etc/containerd/config.toml", 0o644, "[grpc]\n  tcp_address = \"0.0.0.0:7\"\n")
        .file(
            "etc/docker/daemon.json",
            0o666,
            r#"{"iptables": false, "storage-driver": "aufs", "seccomp-profile": "unconfined",
                "experimental": true, "cgroup-parent": "/other",
                "storage-opts": ["dm.fs=xfs", "dm.basesize=50G"], "tlscert": "/etc/docker/c", "tlskey": "/etc/docker/k"}"#,
        )
        .mode("etc/docker", 0o777)
        .file("etc/docker/c", 0o666, "")
        .file("etc/docker/k", 0o644, "")
        .file("etc/docker/certs.d/example/ca.crt", 0o666, "")
        .file("etc/default/docker", 0o666, "")
        .file("etc/sysconfig/docker", 0o666, "")
        .file("etc/systemd/system/docker.service", 0o666, "")
        .file("etc/systemd/system/docker.socket", 0o666, "")
        .file("etc/systemd/system/kubelet.service", 0o644, "")
        .file("etc/kubernetes/kubelet.conf", 0o644, "")
        .file("etc/kubernetes/pki/ca.crt", 0o666, "")
        .file("var/lib/kubelet/config.yaml", 0o644, SLOPPY_KUBELET);
    place
        .file("usr/sbin/sshd", 0o755, "")
        .file("etc/ssh/sshd_config", 0o600, SLOPPY_SSHD)
        .file("etc/sudoers", 0o440, "alice ALL=(ALL) \\\n  NOPASSWD: ALL\n#includedir sudoers.d\n")
        .file("etc/sudoers.d/b", 0o440, "# NOPASSWD\n%wheel ALL=NOPASSWD: /bin/ls\n")
        .file("proc/10/maps", 0o444, "0-1 r-xp 00000000 00:2a 99 /usr/lib/libx.so (deleted)\n")
        .file("proc/sys/kernel/osrelease", 0o444, "6.1.0-9-amd64\n")
        .file("proc/uptime", 0o444, "17280000.11 5.00\n")
        .file("usr/lib/modules/6.1.0-21-amd64/modules.dep", 0o644, "")
        .file("run/reboot-required", 0o644, "")
        .file("run/reboot-required.pkgs", 0o644, "linux-base\nlinux-base\n")
        .file("var/lib/dpkg/status", 0o644, "")
        .age("var/lib/dpkg/status", LONG)
        .file("usr/bin/apt-get", 0o755, "")
        .file("usr/lib/systemd/system/apt-daily.timer", 0o644, "")
        .file("usr/lib/systemd/system/apt-daily-upgrade.timer", 0o644, "")
        .link("etc/systemd/system/apt-daily.timer", "/dev/null")
        .file("etc/audit/audit.rules", 0o640, "# -w /etc/docker\n");
    place
}

const SLOPPY_KUBELET: &str = "
authentication: {anonymous: {enabled: false}}
authorization: {mode: AlwaysAllow}
readOnlyPort: 10255
streamingConnectionIdleTimeout: 0s
makeIPTablesUtilChains: false
rotateCertificates: false
featureGates: {RotateKubeletServerCertificate: false}
tlsCipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA]
";

const SLOPPY_SSHD: &str = "
# PermitRootLogin no
PermitRootLogin yes
PermitRootLogin no
X11Forwarding \"yes\"
Match User guest
    PermitEmptyPasswords yes
";

#[test]
fn what_is_hardened_passes() {
    let wrong: Vec<_> = hardened()
        .answers()
        .into_iter()
        .filter(|(_, (status, _))| *status != Status::Pass)
        .collect();
    // The one that only another daemon has, without root.
    assert_eq!(wrong.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["host.docker.root"]);
}

#[test]
fn what_is_sloppy_fails_each_check() {
    let answers = sloppy().answers();
    let wrong: Vec<_> = answers.iter().filter(|(_, (status, _))| *status != Status::Fail).collect();
    assert_eq!(wrong, []);
    let text: BTreeMap<&str, &str> = answers.iter().map(|(id, (_, text))| (*id, &**text)).collect();
    for (check, expected) in [
        ("host.docker.insecure_registries", "r:5000"),
        ("host.docker.tcp", "tcp://0.0.0.0:2375, without tlsverify"),
        ("host.container_storage", "/var/lib/docker is a part of /"),
        ("host.docker.base_size", "dm.basesize=50G"),
        ("host.docker.cgroup_parent", "cgroup-parent is /other"),
        ("host.docker.root", "dockerd runs as user 0"),
        ("host.kube_proxy.metrics", "0.0.0.0:10249"),
        ("host.kubelet.event_rate", "eventRecordQPS is 1"),
        ("host.kubelet.hostname_override", "hostname-override is other"),
        ("host.files.default_docker", "/etc/default/docker (mode 666, owner 0:0)"),
        ("host.kernel", "6.1.0-9-amd64 runs, 6.1.0-21-amd64 is installed"),
        ("host.kubelet.ciphers", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("host.old_code", "/usr/lib/libx.so in dockerd"),
        ("host.restart_required", "for linux-base"),
        ("host.runtime_group", "docker: alice; bob"),
        ("host.sshd.empty_passwords", "permitemptypasswords yes, for `Match User guest`"),
        ("host.sshd.passwords", "passwordauthentication is not set, which means yes"),
        ("host.sudo_without_password", "%wheel, alice, by 2 lines"),
        ("host.update_timers", "apt-daily.timer is masked; apt-daily-upgrade.timer is not enabled"),
    ] {
        assert_eq!(text[check], expected);
    }
}

#[test]
fn of_what_is_empty_nothing_is_called_good() {
    let answers = Place::new("empty").answers();
    assert_eq!(answers.len(), checks::ALL.len() - 1);
    for (check, (status, text)) in answers {
        assert!(matches!(status, Status::Unknown | Status::NotApplicable), "{check}: {status:?}");
        assert!(!text.is_empty(), "{check}");
    }
}

#[test]
fn what_no_node_can_decide_is_told_of_with_why() {
    let all = Place::new("manual").looked_at();
    let told: Vec<_> = all.iter().filter(|it| it.status == Status::NotDecidable).collect();
    assert_eq!(told.len(), manual::ALL.len());
    assert!(told.iter().all(|it| !it.text.is_empty()));
}

#[test]
fn what_cannot_be_known_is_not_called_good() {
    let place = Place::new("half");
    place
        .file("usr/sbin/sshd", 0o755, "")
        .file("etc/ssh/sshd_config", 0o600, "X11Forwarding no\nInclude [ab]*\n")
        .file("etc/docker/daemon.json", 0o644, r#"{"icc": false}"#)
        .file("var/lib/kubelet/config.yaml", 0o600, KUBELET)
        .file("etc/nsswitch.conf", 0o644, "group: files [NOTFOUND=return] sss\n")
        .file("etc/group", 0o644, "docker:x:4242424:\n");
    let answers = place.answers();
    for (check, status) in [
        ("host.sshd.x11_forwarding", Status::Pass),
        ("host.sshd.root_login", Status::Unknown),
        ("host.docker.icc", Status::Pass),
        ("host.docker.live_restore", Status::Unknown),
        ("host.docker.tcp", Status::Unknown),
        ("host.kubelet.anonymous", Status::Unknown),
        ("host.runtime_group", Status::Unknown),
    ] {
        assert_eq!(answers[check].0, status, "{check}: {}", answers[check].1);
    }
}

#[test]
fn files_that_are_broken_are_not_called_good() {
    let place = Place::new("broken");
    place
        .file("etc/docker/daemon.json", 0o644, "{")
        .process(12, "/usr/bin/kubelet", &["--config", "/etc/k"])
        .file("etc/k", 0o600, "a: [\n")
        .process(10, "/usr/bin/dockerd", &[]);
    let answers = place.answers();
    for check in ["host.docker.icc", "host.docker.tcp", "host.kubelet.anonymous"] {
        assert_eq!(answers[check].0, Status::Unknown, "{check}: {}", answers[check].1);
    }
}

#[test]
fn nothing_leads_out_of_a_root_and_who_is_in_a_container_is_not_of_the_host() {
    let place = Place::new("links");
    let outside = std::env::current_exe().unwrap();
    place.link("etc/sudoers", outside.to_str().unwrap()).process(10, "/usr/bin/dockerd", &[]).file(
        "proc/10/cgroup",
        0o444,
        &format!("0::/system.slice/docker-{}.scope\n", "ab".repeat(32)),
    );
    assert!(Path::new(&outside).exists());
    let answers = place.answers();
    assert_eq!(answers["host.sudo_without_password"].0, Status::NotApplicable);
    assert_eq!(answers["host.docker.icc"].0, Status::NotApplicable);
}

/// Where the host's pid namespace is not shown, a container's old code is not told as the host's.
#[test]
fn what_may_be_in_a_container_is_not_of_the_host() {
    let place = Place::new("possible");
    let maps = "7f00-7f01 r-xp 0 fe:00 9 /usr/lib/libx.so (deleted)\n";
    place.process(10, "/bin/x", &[]).file("proc/10/cgroup", 0o444, "0::/default/x\n").file(
        "proc/10/maps",
        0o444,
        maps,
    );
    let old_code = || place.answers().remove("host.old_code").unwrap();
    let (status, why) = old_code();
    assert_eq!(status, Status::Unknown);
    assert!(why.starts_with("process 10 may be of a container: "), "{why}");
    place.link("proc/1/ns/mnt", "mnt:[1]").link("proc/10/ns/mnt", "mnt:[1]");
    assert_eq!(old_code().0, Status::Fail);
}

#[test]
fn a_socket_that_nobody_can_come_to_is_closed() {
    let place = Place::new("closed");
    place.file("run/podman/podman.sock", 0o666, "").mode("run/podman", 0o700);
    assert_eq!(place.answers()["host.runtime_sockets"].0, Status::Pass);
    place.mode("run/podman", 0o755);
    assert_eq!(place.answers()["host.runtime_sockets"].0, Status::Fail);
}

#[test]
fn a_socket_that_is_configured_is_judged() {
    let place = Place::new("configured");
    let of_sockets = || place.answers().remove("host.runtime_sockets").unwrap();
    assert_eq!(of_sockets().0, Status::NotApplicable);
    place.file("srv/own.sock", 0o660, "");
    assert_eq!(of_sockets().0, Status::Pass);
    place.mode("srv/own.sock", 0o666);
    let (status, text) = of_sockets();
    assert_eq!(status, Status::Fail);
    assert!(text.starts_with("/srv/own.sock: anybody can write to it (mode 666, "), "{text}");
}

/// Who may not give files away cannot have another user's process.
#[test]
fn docker_without_root_is_good() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = Place::new("rootless");
    place.process(10, "/usr/bin/dockerd", &[]);
    assert_eq!(place.answers()["host.docker.root"].0, Status::Fail);
    std::os::unix::fs::chown(place.0.join("proc/10"), Some(1234), None).unwrap();
    assert_eq!(place.answers()["host.docker.root"].0, Status::Pass);
}
