use std::path::PathBuf;

use super::super::{
    Manager,
    facts::{OwnDir, Runtime, Socket},
};
use super::*;

const SOCKET: &str = "/run/containerd/containerd.sock";

/// A pod that has everything.
fn complete() -> Facts {
    Facts {
        place: Place::Container { because: "a test", of: Some(Manager::Kubernetes) },
        kernel: "6.1.0-18-amd64".into(),
        is_root: true,
        capabilities: needs::USED.iter().map(|it| 1 << it.number).sum(),
        pids_of_host: true,
        users_of_host: true,
        types_hidden: None,
        addresses_shown: true,
        locks_unbounded: false,
        seccomp_filter: false,
        bpf_refused: None,
        label: "unconfined".into(),
        lockdown: "[none] integrity confidentiality".into(),
        security_modules: "capability,apparmor".into(),
        cgroup2: Some("/sys/fs/cgroup".into()),
        cgroup1: None,
        cgroups_cut: Vec::new(),
        kprobes: true,
        runtimes: vec![Runtime {
            state: "/run/containerd".into(),
            is_here: true,
            on_host: Some(true),
            socket: Some(Socket { path: SOCKET.into(), unreached: None }),
        }],
        run_dir: OwnDir { path: "/run/runmon".into(), is_writable: true, is_hosts: true },
        state_dir: Some(state_dir(true, true)),
    }
}

fn state_dir(is_writable: bool, is_hosts: bool) -> OwnDir {
    OwnDir { path: "/var/lib/runmon".into(), is_writable, is_hosts }
}

/// What is wrong after a change, and the lines that mend it where it runs.
fn flaws(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Vec<String>)> {
    let mut facts = complete();
    change(&mut facts);
    let flaws = of(&facts).into_iter().filter(|finding| !finding.good);
    let told = |finding: Finding| {
        assert!(!finding.costs.is_empty(), "{finding:?}");
        let add = finding.add.into_iter().filter(|it| facts.place.fits(it.manager));
        let lines: Vec<String> = add.map(|it| it.line).collect();
        assert!(!lines.is_empty() || !finding.cure.is_empty(), "no cure for {}", finding.what);
        (finding.what, lines)
    };
    flaws.map(told).collect()
}

/// The same for one flaw.
fn lines(what: &str, change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let mut found = flaws(change);
    assert_eq!(found.len(), 1, "{found:?}");
    let (name, lines) = found.remove(0);
    assert_eq!(name, what);
    lines
}

fn without(facts: &mut Facts, number: u32) {
    facts.capabilities &= !(1 << number);
}

fn docker() -> Place {
    Place::Container { because: "a test", of: Some(Manager::Docker) }
}

#[test]
fn nothing_is_wrong_with_who_has_everything() {
    assert_eq!(flaws(|_| ()), []);
    assert_eq!(flaws(|it| it.place = Place::Host), []);
}

#[test]
fn each_missing_capability_has_its_line() {
    let name = |number| needs::USED.iter().find(|it| it.number == number).unwrap().name;
    for (number, line) in [(39, "- BPF"), (38, "- PERFMON"), (12, "- NET_ADMIN")] {
        assert_eq!(lines(name(number), |it| without(it, number)), [line]);
    }
    for (number, line) in [(19, "--cap-add=SYS_PTRACE"), (2, "--cap-add=DAC_READ_SEARCH")] {
        let change = |it: &mut Facts| {
            without(it, number);
            it.place = docker();
        };
        assert_eq!(lines(name(number), change), [line]);
    }
    let on_host = |it: &mut Facts| {
        without(it, 12);
        it.place = Place::Host;
    };
    assert_eq!(lines("CAP_NET_ADMIN", on_host), ["CapabilityBoundingSet=CAP_NET_ADMIN"]);
    assert_eq!(flaws(|it| it.capabilities = 0).len(), 8);
}

#[test]
fn what_is_not_used_here_is_not_missed() {
    // Another capability does the same.
    let admin = |it: &mut Facts| {
        without(it, 39);
        without(it, 38);
        it.capabilities |= 1 << needs::SYS_ADMIN;
    };
    assert_eq!(flaws(admin), []);
    let without_network = |kernel: &'static str| {
        move |it: &mut Facts| {
            without(it, needs::NET_ADMIN);
            it.capabilities |= 1 << needs::SYS_ADMIN;
            it.kernel = kernel.to_owned();
        }
    };
    assert_eq!(flaws(without_network("6.9.0")), []);
    assert_eq!(lines("CAP_NET_ADMIN", without_network("6.1.0-18-amd64")), ["- NET_ADMIN"]);
    // Addresses are shown to everybody, or hidden from everybody.
    assert_eq!(flaws(|it| without(it, needs::SYSLOG)), []);
    let hidden = |it: &mut Facts| {
        without(it, needs::SYSLOG);
        it.addresses_shown = false;
    };
    assert_eq!(lines("CAP_SYSLOG", hidden), ["- SYSLOG"]);
    assert_eq!(flaws(|it| it.addresses_shown = false)[0].0, "/proc/kallsyms");
    // Maps are locked memory on old kernels.
    let old = |kernel: &'static str, unbounded| {
        move |it: &mut Facts| {
            without(it, needs::SYS_RESOURCE);
            it.kernel = kernel.to_owned();
            it.locks_unbounded = unbounded;
        }
    };
    assert_eq!(flaws(old("6.1.0-18-amd64", false)), []);
    assert_eq!(flaws(old("5.10.0-28-amd64", true)), []);
    assert_eq!(lines("CAP_SYS_RESOURCE", old("5.10.0-28-amd64", false)), ["- SYS_RESOURCE"]);
}

#[test]
fn each_namespace_of_its_own_has_its_line() {
    assert_eq!(lines("pid namespace", |it| it.pids_of_host = false), ["hostPID: true"]);
    assert_eq!(lines("user namespace", |it| it.users_of_host = false), ["hostUsers: true"]);
    let in_docker = |it: &mut Facts| {
        it.pids_of_host = false;
        it.place = docker();
    };
    assert_eq!(lines("pid namespace", in_docker), ["--pid=host"]);
    assert_eq!(lines("root", |it| it.is_root = false), ["runAsUser: 0"]);
}

#[test]
fn each_missing_mount_has_its_lines() {
    let sys = [
        "- {name: sys, mountPath: /sys, readOnly: true}",
        "- {name: sys, hostPath: {path: /sys, type: Directory}}",
    ];
    assert_eq!(lines("cgroup v2", |it| it.cgroup2 = None), sys);
    assert_eq!(lines("cgroups", |it| it.cgroups_cut = vec!["/sys/fs/cgroup".into()]), sys);
    let btf = "kernel type information (BTF)";
    assert_eq!(lines(btf, |it| it.types_hidden = Some("no".into())), sys);
    let cut = |it: &mut Facts| {
        it.cgroups_cut = vec![PathBuf::from("/sys/fs/cgroup")];
        it.place = docker();
    };
    assert_eq!(lines("cgroups", cut), ["--volume=/sys:/sys:ro"]);
    let own = |it: &mut Facts| it.run_dir.is_hosts = false;
    assert_eq!(
        lines("run directory", own),
        [
            "- {name: run, mountPath: /run/runmon}",
            "- {name: run, hostPath: {path: /run/runmon, type: DirectoryOrCreate}}"
        ]
    );
    let read_only = |it: &mut Facts| {
        it.run_dir.is_writable = false;
        it.place = docker();
    };
    assert_eq!(lines("run directory", read_only), ["--volume=/run/runmon:/run/runmon"]);
}

#[test]
fn what_is_stored_needs_a_directory_that_stays() {
    const WHAT: &str = "state directory";
    let of_container = |it: &mut Facts| it.state_dir = Some(state_dir(true, false));
    assert_eq!(
        lines(WHAT, of_container),
        [
            "- {name: state, mountPath: /var/lib/runmon}",
            "- {name: state, hostPath: {path: /var/lib/runmon, type: DirectoryOrCreate}}"
        ]
    );
    let in_unit = |it: &mut Facts| {
        it.state_dir = Some(state_dir(false, true));
        it.place = Place::Host;
    };
    assert_eq!(lines(WHAT, in_unit), ["StateDirectory=runmon"]);
    assert!(flaws(|it| it.state_dir = None).is_empty());
}

#[test]
fn a_unit_is_told_of_its_run_directory() {
    let in_unit = |path: &'static str| {
        move |it: &mut Facts| {
            it.run_dir = OwnDir { path: path.into(), is_writable: false, is_hosts: true };
            it.place = Place::Host;
        }
    };
    assert_eq!(lines("run directory", in_unit("/run/runmon")), ["RuntimeDirectory=runmon"]);
    assert_eq!(lines("run directory", in_unit("/srv/run")), ["ReadWritePaths=/srv/run"]);
}

/// What is told is what the manifests and the unit have.
#[test]
fn the_lines_are_those_of_what_is_deployed() {
    let pod = include_str!("../../../../deploy/kubernetes/overlays/least-privilege/security.yaml");
    let unit = include_str!("../../../../deploy/systemd/runmon.service");
    let told = include_str!("../../../../deploy/README.md");
    let reasons = told.split("## What each privilege is for").nth(1).unwrap_or_default();
    let keepers = told.split("The keeper goes on with ").nth(1).unwrap_or_default();
    let keepers = keepers.split('.').next().unwrap_or_default();
    for Capability { name, stays, .. } in &needs::USED {
        assert!(pod.contains(&format!("- {} ", name.trim_start_matches("CAP_"))), "{name}");
        assert!(unit.contains(name), "{name}");
        assert!(
            reasons.contains(&format!("| `{name}`")) || reasons.contains(&format!(", `{name}`"))
        );
        assert_eq!(keepers.contains(&format!("`{name}`")), *stays, "{name}");
    }
    let listed = pod.split("add:").nth(1).unwrap_or_default().matches("- ").count();
    assert_eq!(listed, needs::USED.len());
    assert_eq!(keepers.matches("`CAP_").count(), needs::USED.iter().filter(|it| it.stays).count());
    let base = include_str!("../../../../deploy/kubernetes/base/daemonset.yaml");
    for (name, path) in
        [("sys", "/sys"), ("host-run-containerd", "/run/containerd"), ("run", "/run/runmon")]
    {
        let mount = format!("- name: {name}\n              mountPath: {path}\n");
        assert!(base.contains(&mount), "{mount}");
    }
    for line in ["hostPID: true", "mountPropagation: HostToContainer", "type: DirectoryOrCreate"] {
        assert!(base.contains(line), "{line}");
    }
}

#[test]
fn what_allows_more_stays_only_in_place_of_what_is_not_there() {
    let kept = |held: &[u32], more| {
        let held = held.iter().fold(0_u64, |all, number| all | 1 << number);
        let kept = needs::kept_capabilities(held, more);
        (0..u64::BITS).filter(|number| kept & (1 << number) != 0).collect::<Vec<_>>()
    };
    let all: Vec<u32> = (0..=40).collect();
    let (none, used) = (needs::More::default(), vec![2, 12, 19, 24, 34, 38, 39]);
    assert_eq!(kept(&all, none), used);
    let more = needs::More { writes_for_others: true, probes: true, ..needs::More::default() };
    assert_eq!(kept(&all, more), [1, 2, 12, 19, 21, 24, 34, 38, 39]);
    assert!(kept(&all, needs::More { layers: true, ..none }).contains(&21));
    let listens = kept(&all, needs::More { traffic: true, ..none });
    assert!([13, 21].iter().all(|it| listens.contains(it)));
    assert_eq!(kept(&[1, 7, 21], none), [1, 21]);
    assert_eq!(kept(&[2, 7, 38, 39], more), [2, 38, 39]);
}

#[test]
fn the_directory_of_the_runtime_is_asked_for_where_the_host_has_it() {
    let absent = |on_host| {
        move |it: &mut Facts| {
            it.runtimes[0].is_here = false;
            it.runtimes[0].on_host = on_host;
        }
    };
    let mount = "- {name: host-run-containerd, mountPath: /run/containerd, readOnly: true, \
                 mountPropagation: HostToContainer}";
    assert_eq!(lines("container runtimes", absent(Some(true)))[0], mount);
    assert_eq!(lines("container runtimes", absent(None))[0], mount);
    assert!(lines("container runtimes", absent(Some(false))).is_empty());
}

#[test]
fn a_socket_of_containerds_is_missed_where_containerd_is() {
    const WHAT: &str = "containerd's socket";
    let absent = |place: Option<Place>| {
        move |it: &mut Facts| {
            let unreached = Some("No such file or directory (os error 2)".into());
            it.runtimes[0].socket = Some(Socket { path: SOCKET.into(), unreached });
            it.place = place.unwrap_or_else(|| it.place.clone());
        }
    };
    let pod = [
        "- {name: host-run-containerd, mountPath: /run/containerd, readOnly: true, \
         mountPropagation: HostToContainer}",
        "- {name: host-run-containerd, hostPath: {path: /run/containerd, type: DirectoryOrCreate}}",
    ];
    assert_eq!(lines(WHAT, absent(None)), pod);
    let volume = "--volume=/run/containerd:/run/containerd:ro,rslave";
    assert_eq!(lines(WHAT, absent(Some(docker()))), [volume]);
    assert!(lines(WHAT, absent(Some(Place::Host))).is_empty());
    // Without anything of any runtime, its directory is what is missed.
    let without = |it: &mut Facts| {
        absent(None)(it);
        it.runtimes[0].is_here = false;
    };
    assert_eq!(lines("container runtimes", without), pod);
    // Where no containerd is, there is nothing to say.
    assert_eq!(flaws(|it| it.runtimes[0].socket = None), []);
    let mut facts = complete();
    facts.runtimes[0].socket = None;
    assert!(of(&facts).iter().all(|finding| finding.what != WHAT));
}

#[test]
fn who_refuses_bpf_is_named() {
    let refused = |filter| {
        move |it: &mut Facts| {
            it.bpf_refused = Some("Operation not permitted".into());
            it.seccomp_filter = filter;
        }
    };
    assert_eq!(lines("bpf(2)", refused(true)), ["seccompProfile: {type: Unconfined}"]);
    assert!(lines("bpf(2)", refused(false)).is_empty());
    // Without the capability it would be refused in any case.
    let bare = |it: &mut Facts| {
        refused(true)(it);
        without(it, 39);
    };
    assert_eq!(lines("CAP_BPF", bare), ["- BPF"]);
    assert_eq!(lines("lockdown", |it| it.lockdown = "none [confidentiality]".into()).len(), 0);
}

#[test]
fn profiles_for_containers_are_told() {
    let labelled = |label: &'static str| move |it: &mut Facts| it.label = label.to_owned();
    let annotation = "container.apparmor.security.beta.kubernetes.io/runmon: unconfined";
    assert_eq!(lines("AppArmor", labelled("cri-containerd.apparmor.d (enforce)")), [annotation]);
    let selinux = "system_u:system_r:container_t:s0:c1,c2";
    assert_eq!(lines("SELinux", labelled(selinux)), ["seLinuxOptions: {type: spc_t}"]);
    assert_eq!(flaws(labelled("system_u:system_r:spc_t:s0")), []);
}
