//! Each part against declarations and processes that are made up.

use super::*;
use crate::{
    fact::{FactSource, Reason},
    posture::{
        declared::Mount, listeners::Listener, mounts::Mounted, observed::Lsm, resources::Limits,
        sensitive::Places,
    },
};

const CHOWN: u64 = 1;
const SYS_ADMIN: u64 = 1 << 21;

/// The host's namespaces are 1 to 7, the container's 11 to 17.
pub(in crate::posture) fn process(pid: u32, uid: u32) -> Process {
    Process {
        pid,
        program: b"/bin/app".to_vec(),
        started: pid.into(),
        uids: vec![uid; 4],
        gids: vec![5; 4],
        capabilities: 0,
        bounding: CHOWN,
        no_new_privs: Some(true),
        seccomp: Some(true),
        apparmor: Some("docker-default (enforce)".to_owned()),
        namespaces: [Some(11), Some(12), Some(13), Some(14), Some(15), Some(6), Some(17)],
        is_from_outside: false,
    }
}

pub(in crate::posture) fn mounted(at: &str, is_readonly: bool) -> Mounted {
    let (at, kind, source) = (at.to_owned(), "tmpfs".to_owned(), "x".to_owned());
    Mounted { at, is_readonly, kind, source, ..Mounted::default() }
}

fn mount(destination: &str, is_readonly: bool, is_recursive: bool) -> Mount {
    Mount { destination: destination.to_owned(), is_readonly, is_recursive, is_cgroup: false }
}

pub(in crate::posture) fn observed(processes: Vec<Process>) -> Observed {
    Observed {
        processes,
        is_cut: false,
        host: [1, 2, 3, 4, 5, 6, 7].map(Some),
        users: vec![(0, 0, u32::MAX)],
        groups: vec![(0, 0, u32::MAX)],
        mounts: Ok(["/", "/data"].map(|at| mounted(at, true)).into()),
        knows_host_mounts: true,
        places: Places::default(),
        aliases: Ok(Vec::new()),
        limits: Limits { memory: Ok(Some(100)), cpu: Ok(Some(500)), pids: Ok(Some(9)) },
        listeners: Ok(Vec::new()),
        joined: Vec::new(),
        secrets: Ok(Vec::new()),
        mapped: Vec::new(),
        is_mapped_cut: false,
        devices: Some(Vec::new()),
        of_host: u64::MAX,
        lsm: Lsm { apparmor: true, selinux: false },
        set_ids: None,
    }
}

/// Everything is restricted.
fn declared() -> Declared {
    Declared {
        uid: 1000,
        gids: vec![5],
        capabilities: CHOWN,
        no_new_privs: true,
        seccomp: true,
        apparmor: Some("docker-default".to_owned()),
        readonly_root: true,
        mounts: vec![mount("/data", true, false)],
        covered: Vec::new(),
        devices: Some(Vec::new()),
        namespaces: ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
            .map(|kind| (kind.to_owned(), None))
            .into(),
        memory: Some(100),
        cpu: Some(500),
        pids: Some(9),
    }
}

fn ports(ports: &str) -> Fact<Box<str>> {
    Fact::Known(ports.into(), FactSource::Docker)
}

/// What differs, each as `part: observed`.
#[track_caller]
fn check(declared: &Declared, observed: &Observed, expected: &[&str]) {
    let found = compare(declared, &ports("80/tcp"), observed);
    let lines: Vec<String> = found
        .differences
        .iter()
        .map(|it| format!("{}: {} ({})", it.part.name(), it.observed, it.declared))
        .collect();
    assert_eq!(lines, expected);
    for (part, outcome) in &found.parts {
        let differs = found.differences.iter().any(|it| it.part == *part);
        assert_eq!(*outcome == Outcome::Differs, differs, "{part:?}");
    }
}

/// A change of one process beside another that is as declared.
fn with(change: impl FnOnce(&mut Process)) -> Observed {
    let mut other = process(20, 1000);
    change(&mut other);
    observed(vec![process(10, 1000), other])
}

#[test]
fn as_declared_and_less_is_no_difference() {
    check(&declared(), &observed(vec![process(10, 1000)]), &[]);
    let mut less = observed(vec![process(10, 1000), Process { bounding: 0, ..process(11, 1000) }]);
    less.limits = Limits { memory: Ok(Some(1)), cpu: Ok(Some(1)), pids: Ok(Some(1)) };
    check(&declared(), &less, &[]);
    let root = Declared { uid: 0, ..declared() };
    check(&root, &observed(vec![process(10, 0), process(11, 33)]), &[]);
    let open = Declared { capabilities: u64::MAX, ..Declared::default() };
    check(
        &open,
        &observed(vec![process(10, 0)]),
        &["mounts: /data (tmpfs x, read-only) (not mounted)"],
    );
}

#[test]
fn a_helper_that_runs_as_root_is_one_difference() {
    let helper = with(|it| {
        it.uids = vec![1000, 0, 0, 0];
        it.capabilities = CHOWN;
        it.gids = vec![0; 4];
    });
    check(&declared(), &helper, &["user: 0 (root of the host) (1000)"]);
    let found = compare(&declared(), &ports(""), &helper);
    let evidence = found.differences[0].evidence.as_ref().unwrap();
    assert_eq!((evidence.pid, evidence.more), (20, 0));
}

#[test]
fn root_of_a_user_namespace_is_not_the_hosts() {
    let mut mapped = observed(vec![process(10, 101_000), process(11, 100_000)]);
    mapped.users = vec![(0, 100_000, 65_536)];
    check(
        &declared(),
        &mapped,
        &["user: 100000 (root of a user namespace) (101000 (1000 in its user namespace))"],
    );
    // Who is declared to be root there may be anybody there, and nobody else.
    mapped.processes.push(process(12, 0));
    let root = Declared { uid: 0, ..declared() };
    check(&root, &mapped, &["user: 0 (root of the host) (100000 (root of a user namespace))"]);
    mapped.users = Vec::new();
    let found = compare(&declared(), &ports(""), &mapped);
    assert!(matches!(found.parts[0], (Part::User, Outcome::Unknown(_))));
}

#[test]
fn each_right_beyond_is_told() {
    check(&declared(), &with(|it| it.gids.push(27)), &["groups: 27 (5)"]);
    check(
        &declared(),
        &with(|it| it.capabilities = CHOWN | SYS_ADMIN),
        &["capabilities: beyond it CAP_SYS_ADMIN (CAP_CHOWN)"],
    );
    check(
        &declared(),
        &with(|it| it.bounding = u64::MAX),
        &[&format!(
            "capabilities: it can come to have {} (CAP_CHOWN)",
            crate::words::capabilities(!CHOWN)
        )],
    );
    check(&declared(), &with(|it| it.no_new_privs = Some(false)), &["no_new_privs: false (true)"]);
    check(&declared(), &with(|it| it.seccomp = Some(false)), &["seccomp: no filter (a filter)"]);
    check(
        &declared(),
        &with(|it| it.apparmor = Some("docker-default-not (enforce)".to_owned())),
        &["apparmor: docker-default-not (enforce) (docker-default)"],
    );
    check(
        &declared(),
        &with(|it| it.namespaces[4] = Some(5)),
        &["namespaces: the host's pid (a pid namespace of its own)"],
    );
}

#[test]
fn capabilities_in_a_namespace_of_its_own_count_there_only() {
    let own = with(|it| {
        it.capabilities = SYS_ADMIN;
        it.bounding = u64::MAX;
        it.namespaces[5] = Some(99);
    });
    check(&declared(), &own, &[]);
}

#[test]
fn a_namespace_that_is_joined_may_be_the_hosts() {
    let mut joins = with(|it| it.namespaces[3] = Some(4));
    joins.joined = vec![("net".to_owned(), 4)];
    check(&declared(), &joins, &[]);
}

#[test]
fn roots_and_mounts() {
    let mut found = observed(vec![process(10, 1000)]);
    found.mounts = Ok(vec![
        mounted("/", false),
        mounted("/data", false),
        mounted("/etc", false),
        mounted("/dev/console", false),
    ]);
    check(
        &declared(),
        &found,
        &[
            "readonly_root: writable (read-only)",
            "mounts: /data writable (/data read-only)",
            "mounts: /etc (tmpfs x, writable) (not mounted)",
        ],
    );
    // What a recursive mount brings is part of it, and what is covered is hidden or protected.
    let more = Declared {
        readonly_root: false,
        mounts: vec![mount("/data", false, true), mount("/var/run/x", false, false)],
        covered: vec!["/proc/kcore".to_owned()],
        ..declared()
    };
    let mounts = ["/", "/data", "/data/below", "/run/x", "/proc/kcore"];
    found.mounts = Ok(mounts.map(|at| mounted(at, false)).into());
    found.aliases = Ok(vec![("/var/run/x".to_owned(), "/run/x".to_owned())]);
    check(&more, &found, &[]);
    let mounts = ["/", "/data", "/run/x", "/run/x/below", "/data", "/database"];
    found.mounts = Ok(mounts.map(|at| mounted(at, false)).into());
    check(
        &more,
        &found,
        &[
            "mounts: /run/x/below (tmpfs x, writable) (not mounted)",
            "mounts: /database (tmpfs x, writable) (not mounted)",
            "mounts: /data (tmpfs x on top of it) (/data once)",
        ],
    );
}

/// runc leaves the directory of the hierarchies of version 1 writable.
#[test]
fn of_cgroups_the_hierarchies_count() {
    let of_cgroups = Mount { is_cgroup: true, ..mount("/cg", true, true) };
    let declared = Declared { readonly_root: false, mounts: vec![of_cgroups], ..declared() };
    let cgroup =
        |is_readonly| Mounted { kind: "cgroup".to_owned(), ..mounted("/cg/cpu", is_readonly) };
    let mut found = observed(vec![process(10, 1000)]);
    found.mounts = Ok(vec![mounted("/", true), mounted("/cg", false), cgroup(true)]);
    check(&declared, &found, &[]);
    found.mounts = Ok(vec![mounted("/", true), mounted("/cg", false), cgroup(false)]);
    check(&declared, &found, &["mounts: /cg/cpu writable (/cg read-only)"]);
}

#[test]
fn limits_hold_or_are_more() {
    let mut found = observed(vec![process(10, 1000)]);
    found.limits = Limits { memory: Ok(None), cpu: Ok(Some(510)), pids: Ok(Some(10)) };
    check(
        &declared(),
        &found,
        &["memory_limit: no limit (100 bytes)", "pids_limit: 10 tasks (9 tasks)"],
    );
    found.limits.memory = Err("why".to_owned());
    let parts = compare(&declared(), &ports(""), &found).parts;
    assert!(parts.contains(&(Part::Memory, Outcome::Unknown("why".to_owned()))));
    // Nobody is held to what was not declared.
    let none = Declared { memory: None, pids: None, ..declared() };
    check(&none, &found, &[]);
}

#[test]
fn ports_are_declared_or_not_or_it_is_not_known() {
    let mut found = observed(vec![process(10, 1000)]);
    let listener =
        |protocol: &str, port| Listener { pid: 10, ..Listener::at(protocol, "0.0.0.0", port) };
    let unknown = Fact::Unknown(Reason::NotInBundle);
    let of = |found: &Observed| compare(&declared(), &unknown, found).parts.pop().unwrap().1;
    assert_eq!(of(&found), Outcome::Same, "there is nothing to declare");
    found.listeners = Ok(vec![listener("tcp", 80), listener("tcp", 81), listener("udp", 80)]);
    check(&declared(), &found, &["ports: 81/tcp (80/tcp)", "ports: 80/udp (80/tcp)"]);
    assert!(matches!(of(&found), Outcome::Unknown(why) if why.ends_with("80/tcp 81/tcp 80/udp")));
}

#[test]
fn what_was_not_looked_at_is_not_the_same() {
    let mut found = observed(vec![process(10, 1000)]);
    found.is_cut = true;
    let parts = compare(&declared(), &ports(""), &found).parts;
    let is_same = |part: &Part| parts.contains(&(*part, Outcome::Same));
    assert!(![Part::User, Part::Capabilities, Part::Ports].iter().any(is_same));
    assert!([Part::Root, Part::Mounts, Part::Memory].iter().all(is_same));
}

#[test]
fn only_what_stays_counts() {
    let once = compare(&declared(), &ports(""), &with(|it| it.uids = vec![0; 4]));
    let then = compare(&declared(), &ports(""), &observed(vec![process(10, 1000)]));
    assert_eq!(once.clone().confirmed(&then), then);
    assert_eq!(once.clone().confirmed(&once), once);
    let other = compare(&declared(), &ports(""), &with(|it| it.uids = vec![7; 4]));
    let changed = once.confirmed(&other);
    assert!(changed.differences.is_empty());
    assert!(matches!(changed.parts[0], (Part::User, Outcome::Unknown(_))));
}
