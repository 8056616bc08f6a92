//! Each check against containers that are made up.

use super::*;
use crate::posture::{
    compare::tests::{mounted as mount, observed, process},
    devices::listed,
    resources::Limits,
    set_ids::{SetIdFile, SetIdFiles},
};

fn failed(observed: &Observed) -> Vec<&'static str> {
    let all = assess(observed, Err("nothing was declared"));
    let failed = all.iter().filter(|it| it.status == Status::Fail);
    let failed = failed.map(|it| it.check.id.strip_prefix("posture.").unwrap());
    // So it is with nearly all containers.
    failed.filter(|id| *id != "host_users").collect()
}

fn unknown(observed: &Observed) -> Vec<&'static str> {
    let all = assess(observed, Err("nothing was declared"));
    let unknown = all.iter().filter(|it| it.status == Status::Unknown);
    let unknown = unknown.filter_map(|it| it.check.id.strip_prefix("posture."));
    unknown.filter(|id| *id != "undeclared_port").collect()
}

/// Nothing is wrong but that its users are those of the host.
fn good() -> Observed {
    let mut process = process(7, 1000);
    process.capabilities = 0;
    let mut good = observed(vec![process]);
    good.set_ids = Some(Ok(SetIdFiles::default()));
    for place in good.mounts.as_mut().unwrap() {
        place.is_readonly = true;
    }
    good
}

#[test]
fn what_is_set_up_well_passes() {
    let mut good = good();
    assert_eq!(failed(&good), Vec::<&str>::new());
    let shared = |it: &Observed| shares(it, "user").unwrap().is_some();
    assert!(shared(&good));
    good.processes[0].namespaces[5] = Some(16);
    assert!(!shared(&good));
    good.host = [None; NAMESPACES.len()];
    assert_eq!(
        unknown(&good),
        [
            "host_pid",
            "host_network",
            "host_ipc",
            "host_uts",
            "host_cgroup",
            "host_users",
            "public_listener"
        ]
    );
}

fn bind(it: &mut Observed, at: &str, from: &str) {
    let on_host = Some(from.to_owned());
    it.mounts.as_mut().unwrap().push(Mounted { on_host, ..mount(at, false) });
}

fn has(it: &mut Observed, from: &str, place: &str) {
    bind(it, "/x", from);
    let mount = it.mounts.as_mut().unwrap().last_mut().unwrap();
    mount.has = vec![place.to_owned()];
    let places = match place.ends_with(".sock") {
        true => &mut it.places.sockets,
        false => &mut it.places.directories,
    };
    places.push(place.to_owned());
}

#[test]
fn each_check_can_fail_by_what_it_is_about() {
    type Change = fn(&mut Observed);
    fn first(it: &mut Observed) -> &mut Process {
        &mut it.processes[0]
    }
    fn listen(it: &mut Observed, address: &str, port: u16) {
        it.listeners = Ok(vec![Listener::at("tcp", address, port)]);
    }
    let cases: &[(&str, Change)] = &[
        ("root_user", |it| first(it).uids = vec![1000, 0, 0, 0]),
        ("capabilities", |it| first(it).capabilities = 1 << 21),
        ("net_raw", |it| first(it).capabilities = 1 << 13),
        ("no_new_privs", |it| first(it).no_new_privs = Some(false)),
        ("seccomp", |it| first(it).seccomp = Some(false)),
        ("lsm", |it| first(it).apparmor = Some("unconfined".to_owned())),
        ("host_cgroup", |it| first(it).namespaces[0] = Some(1)),
        ("host_ipc", |it| first(it).namespaces[1] = Some(2)),
        ("host_network", |it| first(it).namespaces[3] = Some(4)),
        ("host_pid", |it| first(it).namespaces[4] = Some(5)),
        ("host_uts", |it| first(it).namespaces[6] = Some(7)),
        ("runtime_socket", |it| bind(it, "/x", "/run/docker.sock")),
        ("sensitive_mount", |it| bind(it, "/x", "/etc/ssh")),
        ("sensitive_mount", |it| bind(it, "/host", "/")),
        ("sensitive_mount", |it| bind(it, "/run", "/run")),
        ("sensitive_mount", |it| has(it, "/var/lib", "/var/lib/docker")),
        ("runtime_socket", |it| has(it, "/srv", "/srv/own.sock")),
        ("runtime_socket", |it| has(it, "/srv/own.sock", "/srv/own.sock")),
        ("service_account_token", |it| bind(it, TOKEN, "/var/lib/kubelet/pods/x/volumes/y")),
        ("host_devices", |it| it.devices = Some(listed("a *:* rwm"))),
        ("host_devices", |it| it.devices = Some(listed("b 254:0 rwm"))),
        ("writable_root", |it| it.mounts.as_mut().unwrap()[0].is_readonly = false),
        ("memory_limit", |it| it.limits.memory = Ok(None)),
        ("cpu_limit", |it| it.limits.cpu = Ok(None)),
        ("pids_limit", |it| it.limits.pids = Ok(None)),
        ("sshd", |it| first(it).program = b"/usr/sbin/sshd".to_vec()),
        ("privileged_port", |it| listen(it, "10.0.0.1", 80)),
        ("plaintext_listener", |it| {
            listen(it, "10.0.0.1", 8080);
            let listener = &mut it.listeners.as_mut().unwrap()[0];
            listener.heard.class = Some(traffic::Class::Plaintext);
        }),
        ("setuid_files", |it| {
            first(it).no_new_privs = None;
            let path = b"/bin/su".to_vec();
            let files = vec![SetIdFile { path, changes_id: true, ..SetIdFile::default() }];
            it.set_ids = Some(Ok(SetIdFiles { files, is_cut: false }));
        }),
        ("old_code", |it| {
            let path = b"/usr/lib/libssl.so.3".to_vec();
            it.mapped = vec![Mapping {
                path,
                pid: 7,
                is_code: true,
                is_deleted: true,
                exposed: Vec::new(),
            }];
        }),
        ("secrets_in_env", |it| it.secrets = Ok(vec!["DB_PASSWORD".to_owned()])),
    ];
    for (id, change) in cases {
        let mut changed = good();
        change(&mut changed);
        assert_eq!(failed(&changed), [*id]);
    }
}

#[test]
fn what_a_mount_has_of_the_host_is_named() {
    let mut all = good();
    let names = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    all.places.directories = names(&["/run", "/var/lib/docker", "/var/lib/kubelet"]);
    all.places.sockets = names(&["/run/docker.sock"]);
    for (at, from, has) in [
        ("/hvl", "/var/lib", &["/var/lib/docker", "/var/lib/kubelet"][..]),
        ("/run", "/run", &["/run", "/run/docker.sock"]),
        ("/data", "/var/lib/docker", &["/var/lib/docker"]),
    ] {
        let on_host = Some(from.to_owned());
        let mounted = Mounted { on_host, has: names(has), ..mount(at, false) };
        all.mounts.as_mut().unwrap().push(mounted);
    }
    let found = assess(&all, Err("nothing was declared"));
    let of = |id: &str| &*found.iter().find(|it| it.check.id == id).unwrap().text;
    assert_eq!(
        of("posture.sensitive_mount"),
        "/var/lib at /hvl (writable, with /var/lib/docker /var/lib/kubelet), /run (writable), \
         /var/lib/docker at /data (writable)"
    );
    assert_eq!(of("posture.runtime_socket"), "/run (writable, with /run/docker.sock)");
}

#[test]
fn privileged_is_who_has_all() {
    let mut all = good();
    all.processes[0].capabilities = every_capability();
    all.processes[0].seccomp = Some(false);
    all.devices = None;
    assert!(failed(&all).contains(&"privileged"));
    all.devices = Some(Vec::new());
    assert!(!failed(&all).contains(&"privileged"));
    all.devices = None;
    all.processes[0].capabilities &= !(1 << 24);
    assert!(!failed(&all).contains(&"privileged"));
    all.of_host &= !(1 << 24);
    assert!(failed(&all).contains(&"privileged"));
    // Root of a user namespace has them there only.
    all.devices = None;
    all.host[5] = Some(1);
    all.processes[0].namespaces[5] = Some(16);
    assert!(!failed(&all).contains(&"privileged") && !failed(&all).contains(&"capabilities"));
}

#[test]
fn what_every_container_is_given_is_no_finding() {
    let mut usual = good();
    for (at, from) in [
        ("/etc/hosts", "/var/lib/docker/containers/x/hosts"),
        ("/etc/resolv.conf", "/etc/resolv.conf"),
        ("/data", "/var/lib/docker/volumes/x/_data"),
        ("/cache", "/var/lib/kubelet/pods/x/volumes/kubernetes.io~empty-dir/y"),
        ("/run/x", "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/y/shm"),
        ("/srv", "/srv/data"),
    ] {
        let on_host = Some(from.to_owned());
        usual.mounts.as_mut().unwrap().push(Mounted { on_host, ..mount(at, true) });
    }
    assert_eq!(failed(&usual), Vec::<&str>::new());
}

#[test]
fn what_cannot_be_seen_does_not_pass() {
    let mut blind = good();
    let why = || "not shown".to_owned();
    blind.mounts = Err(why());
    blind.listeners = Err(why());
    blind.secrets = Err(why());
    blind.devices = None;
    blind.set_ids = None;
    blind.processes[0].seccomp = None;
    blind.lsm = Default::default();
    blind.limits = Limits { memory: Err(why()), cpu: Err(why()), pids: Err(why()) };
    assert_eq!(failed(&blind), Vec::<&str>::new());
    assert_eq!(
        unknown(&blind),
        [
            "runtime_socket",
            "sensitive_mount",
            "mount_propagation",
            "writable_root",
            "seccomp",
            "lsm",
            "memory_limit",
            "cpu_limit",
            "pids_limit",
            "privileged_port",
            "service_account_token",
            "secrets_in_env",
            "host_devices",
            "plaintext_listener",
            "setuid_files"
        ]
    );
}

#[test]
fn where_mounts_of_the_host_are_not_shown_none_is_good() {
    let mut blind = good();
    blind.knows_host_mounts = false;
    assert_eq!(unknown(&blind), ["runtime_socket", "sensitive_mount", "mount_propagation"]);
    blind.mounts.as_mut().unwrap().push(mount("/run/docker.sock", false));
    assert_eq!(failed(&blind), ["runtime_socket"]);
}

#[test]
fn what_is_more_than_was_declared_names_all_of_it() {
    let difference = |observed: &str| crate::posture::Difference {
        part: Part::User,
        declared: "1000".to_owned(),
        observed: observed.to_owned(),
        evidence: None,
    };
    let comparison = Comparison {
        differences: vec![difference("0"), difference("7")],
        parts: vec![
            (Part::User, Outcome::Differs),
            (Part::Groups, Outcome::Same),
            (Part::Memory, Outcome::Unknown("why".to_owned())),
        ],
    };
    let all = assess(&good(), Ok((&Declared::default(), &comparison)));
    let of = |id: &str| all.iter().find(|it| it.check.id == id).unwrap();
    assert_eq!(of("declared.user").text, "0 (declared: 1000); 7 (declared: 1000)");
    assert_eq!(of("declared.groups").status, Status::Pass);
    assert_eq!(
        (of("declared.memory_limit").status, &*of("declared.memory_limit").text),
        (Status::Unknown, "why")
    );
}
