//! What each field says of each kind of event.

use super::*;
use crate::rules::{kinds, needed_kinds_of};

#[test]
fn fields_of_a_program_start() {
    let event = event(&[
        ("evt.type", text("execve")),
        ("proc.exepath", text("/usr/bin/dash")),
        ("proc.exe", text("-sh")),
        ("proc.args", TestValue::List(vec![text("-c"), text("echo a")])),
        ("proc.pid", TestValue::Int(1000)),
        ("proc.vpid", TestValue::Int(7)),
        ("proc.tty", TestValue::Int(34_816)),
        ("proc.stdin_type", text("socket")),
        ("proc.cwd", text("/srv")),
        ("proc.aname", TestValue::List(vec![text("apache2"), text("systemd")])),
        ("proc.pcmdline", text("apache2 -k start")),
        ("thread.cap_effective", text("CAP_CHOWN CAP_BPF")),
        ("user.loginuid", TestValue::Int(1001)),
        ("evt.num", TestValue::Int(9)),
    ]);
    check(
        &event,
        &[
            ("evt.num", "9"),
            ("evt.category", "process"),
            ("evt.args", "filename=/usr/bin/dash"),
            ("proc.name", "dash"),
            ("proc.exe", "-sh"),
            ("proc.args", "-c echo a"),
            ("proc.cmdline", "dash -c echo a"),
            ("proc.exeline", "-sh -c echo a"),
            ("proc.nargs", "2"),
            ("proc.cmdlenargs", "10"),
            ("proc.tty", "34816"),
            ("proc.stdin_type", "socket"),
            ("proc.stdin.type", "<not_observed>"),
            ("proc.cwd", "/srv"),
            ("proc.vpid", "7"),
            ("proc.pname", "apache2"),
            ("proc.pcmdline", "apache2 -k start"),
            ("proc.pexepath", "/usr/bin/apache2"),
            ("proc.ppid", "999"),
            ("proc.aname", "apache2,systemd,-"),
            ("proc.aname[0]", "dash"),
            ("proc.aname[2]", "systemd"),
            ("proc.aname[3]", "-"),
            ("proc.apid[1]", "999"),
            ("proc.sname", "dash"),
            ("proc.sid.exe", "-sh"),
            ("proc.sid.exepath", "/usr/bin/dash"),
            ("proc.is_sid_leader", "true"),
            ("thread.ismain", "true"),
            ("proc.exe_ino", "1234"),
            ("proc.is_exe_from_memfd", "false"),
            ("proc.is_exe_deleted", "false"),
            ("proc.script", "-"),
            ("thread.cap_effective", "CAP_CHOWN CAP_BPF"),
            ("thread.cap_permitted", ""),
            ("user.uid", "0"),
            ("user.name", "root"),
            ("user.loginuid", "1001"),
            ("user.loginname", "<not_loaded>"),
            ("group.name", "root"),
            ("container.id", "host"),
            ("container.name", "host"),
            ("container.image", "-"),
            ("k8s.pod.name", "-"),
            ("fd.name", "-"),
        ],
    );
}

/// In a user namespace of its own a program may have all capabilities, over little.
#[test]
fn what_was_declared_and_what_is_beyond() {
    let mut event = event(&[
        ("evt.type", text("execve")),
        ("user.uid", TestValue::Int(1000)),
        ("user.euid", TestValue::Int(0)),
        ("thread.cap_effective", text("CAP_CHOWN CAP_BPF")),
        ("container.declared.uid", TestValue::Int(1000)),
        ("container.declared.capabilities", text("CAP_CHOWN CAP_KILL")),
        ("container.declared.no_new_privs", TestValue::Bool(true)),
        ("container.declared.readonly_root", TestValue::Bool(false)),
        ("container.declared.ports", text("80/tcp")),
    ]);
    check(
        &event,
        &[
            ("user.uid", "1000"),
            ("user.euid", "0"),
            ("thread.cap_undeclared", "CAP_BPF"),
            ("container.declared.uid", "1000"),
            ("container.declared.capabilities", "CAP_CHOWN CAP_KILL"),
            ("container.declared.no_new_privs", "true"),
            ("container.declared.readonly_root", "false"),
            ("container.declared.ports", "80/tcp"),
        ],
    );
    event.namespaces.user = 7;
    check(&event, &[("thread.cap_undeclared", "<in_user_namespace>")]);
    change(&mut event, |process| process.cap_effective = 1);
    check(&event, &[("thread.cap_undeclared", "-")]);
}

#[test]
fn ports_that_are_declared() {
    for (kind, port, protocol, declared, shown) in [
        ("listen", 80, "tcp", "80/tcp", "true"),
        ("listen", 81, "tcp", "80/tcp", "false"),
        ("bind", 80, "udp", "80/tcp", "false"),
        ("listen", 80, "tcp", "<not_in_bundle>", "<not_in_bundle>"),
        ("connect", 80, "tcp", "80/tcp", "-"),
    ] {
        let event = event(&[
            ("evt.type", text(kind)),
            ("fd.sport", TestValue::Int(port)),
            ("fd.l4proto", text(protocol)),
            ("container.declared.ports", text(declared)),
        ]);
        check(&event, &[("evt.is_declared_port", shown)]);
    }
}

#[test]
fn fields_of_time() {
    let mut event = of_type("execve");
    event.timestamp_ns = 1_700_000_000_123_456_789;
    check(
        &event,
        &[
            ("evt.time", "22:13:20.123456789"),
            ("evt.time.iso8601", "2023-11-14T22:13:20.123456789Z"),
            ("evt.time.s", "22:13:20"),
            ("evt.datetime", "2023-11-14 22:13:20.123456789"),
            ("evt.datetime.s", "2023-11-14 22:13:20"),
            ("evt.rawtime", "1700000000123456789"),
            ("evt.rawtime.s", "1700000000"),
            ("evt.rawtime.ns", "123456789"),
            ("proc.duration", "10000000000"),
            ("proc.pid.ts", "1699999990123456789"),
        ],
    );
}

#[test]
fn standard_streams_in_the_words_of_falco() {
    for (stream, shown) in [
        ("file", "file"),
        ("tty", "file"),
        ("character", "file"),
        ("pipe", "pipe"),
        ("socket", "<not_observed>"),
        ("none", "-"),
    ] {
        let event = event(&[("evt.type", text("execve")), ("proc.stdin_type", text(stream))]);
        check(&event, &[("proc.stdin.type", shown), ("proc.stdin.name", "-")]);
    }
}

#[test]
fn what_is_not_known_of_a_process_says_why() {
    let mut event = of_type("clone");
    change(&mut event, |process| {
        process.knowledge = Knowledge::Gone;
        process.executable = None;
        process.args = Box::default();
    });
    for field in [
        "proc.name",
        "proc.exepath",
        "proc.exe",
        "proc.args",
        "proc.cmdline",
        "proc.nargs",
        "proc.cwd",
        "proc.tty",
        "proc.env",
        "proc.script",
        "proc.stdin_type",
        "proc.is_exe_from_memfd",
        "proc.is_exe_upper_layer",
        "proc.exe_ino",
        "thread.cap_effective",
    ] {
        assert_eq!(show(&event, field), "<gone>", "{field}");
    }
    assert_eq!(show(&event, "proc.pid"), "1000");
    // A kernel thread is known, and has no program.
    change(&mut event, |process| {
        process.knowledge = Knowledge::Procfs;
        process.comm = *b"kworker/0:1\0\0\0\0\0";
        process.file = Default::default();
    });
    check(
        &event,
        &[
            ("proc.name", "kworker/0:1"),
            ("proc.exepath", "-"),
            ("proc.cmdline", "kworker/0:1"),
            ("proc.is_exe_upper_layer", "-"),
        ],
    );
}

#[test]
fn a_chain_of_ancestors_says_why_it_ends() {
    let mut event = of_type("execve");
    assert_eq!(show(&event, "proc.aname"), "systemd,-");
    event.ancestors = Arc::new([]);
    check(&event, &[("proc.pname", "<gone>"), ("proc.aname", "<gone>"), ("proc.sname", "test")]);
    event.session_id = 4;
    assert_eq!(show(&event, "proc.sname"), "<gone>");
    let parent = Arc::clone(&event.process);
    event.ancestors = std::iter::repeat_n(parent, crate::limits::ANCESTORS).collect();
    assert_eq!(show(&event, "proc.aname[17]"), "<too_deep>");
}

#[test]
fn fields_of_the_environment() {
    let mut event = event(&[
        ("evt.type", text("execve")),
        ("proc.env[LD_PRELOAD]", text("/a.so")),
        ("proc.env", TestValue::List(vec![text("LD_AUDIT=/b.so"), text("PATH=/bin")])),
    ]);
    assert_eq!(show(&event, "proc.env"), "LD_PRELOAD=/a.so LD_AUDIT=/b.so PATH=/bin");
    assert!(holds(&event, "proc.env[LD_PRELOAD] = /a.so"));
    assert!(holds(&event, "proc.env[LD_*] = /b.so"));
    assert!(!holds(&event, "proc.env[LD_*] = /bin"));
    assert!(!holds(&event, "proc.env[LD_LIBRARY_PATH] exists"));
    let undecided = |event: &Event, condition: &str| -> Vec<Unknown> {
        let condition = Condition::compile(&SCHEMA, "test", condition).unwrap();
        condition.decide(event).undecided.iter().map(|u| u.why).collect()
    };
    // A variable that is kept and not there is not set; of others nobody knows.
    assert_eq!(undecided(&event, "proc.env[LD_DEBUG] exists"), []);
    change(&mut event, |process| process.env_keys = EnvKeys::new(["LD_*"]));
    assert_eq!(undecided(&event, "proc.env[LD_DEBUG] exists"), []);
    assert_eq!(undecided(&event, "proc.env[HOME] exists"), [Unknown::Never("not_kept")]);
    change(&mut event, |process| process.env_truncated = true);
    assert_eq!(undecided(&event, "proc.env[LD_DEBUG] exists"), [Unknown::Never("truncated")]);
}

#[test]
fn fields_of_a_file() {
    let mut event = event(&[
        ("evt.type", text("openat")),
        ("fd.name", text("/etc/cron.d/x")),
        ("evt.is_open_create", TestValue::Bool(true)),
        ("fd.is_upper_layer", TestValue::Bool(true)),
        ("evt.res", text("<unknown>")),
    ]);
    check(
        &event,
        &[
            ("evt.type", "open"),
            ("evt.res", "SUCCESS"),
            ("evt.rawres", "0"),
            ("evt.failed", "false"),
            ("evt.is_open_write", "true"),
            ("evt.is_open_read", "false"),
            ("evt.is_open_create", "true"),
            ("evt.is_open_exec", "false"),
            ("evt.arg.flags", "O_WRONLY|O_CREAT"),
            ("evt.args", "name=/etc/cron.d/x flags=O_WRONLY|O_CREAT"),
            ("fd.name", "/etc/cron.d/x"),
            ("fd.nameraw", "/etc/cron.d/x"),
            ("fd.directory", "/etc/cron.d"),
            ("fd.filename", "x"),
            ("fd.num", "0"),
            ("fd.type", "file"),
            ("fd.typechar", "f"),
            ("fd.ino", "1234"),
            ("fd.dev", "2049"),
            ("fd.dev.major", "8"),
            ("fd.is_upper_layer", "true"),
            ("fd.is_block_device", "false"),
            ("fs.path.name", "/etc/cron.d/x"),
            ("fd.sip", "-"),
        ],
    );
    // Truncating a file without writing to it changes it all the same.
    if let Action::FileOpen(act) = &mut event.action {
        act.created = false;
        act.open_flags = nix::libc::O_TRUNC.unsigned_abs();
    }
    check(&event, &[("evt.is_open_write", "true"), ("evt.is_open_read", "true")]);
}

#[test]
fn fields_of_a_program_that_is_made() {
    let event = event(&[
        ("evt.type", text("openat")),
        ("fd.name", text("/tmp/x")),
        ("evt.is_open_exec", TestValue::Bool(true)),
    ]);
    check(&event, &[("evt.is_open_create", "true"), ("evt.is_open_exec", "true")]);
}

#[test]
fn fields_of_a_refused_open() {
    let event = event(&[
        ("evt.type", text("openat")),
        ("fd.name", text("/secret")),
        ("fd.nameraw", text("../secret")),
        ("evt.res", text("EACCES")),
    ]);
    assert_eq!(event.outcome, Outcome::Failure(13));
    check(
        &event,
        &[
            ("evt.res", "EACCES"),
            ("evt.rawres", "-13"),
            ("evt.failed", "true"),
            ("evt.count.error", "1"),
            ("evt.count.error.file", "1"),
            ("evt.count.error.net", "0"),
            ("evt.count.error.other", "0"),
            ("fd.num", "-1"),
            ("fd.typechar", "f"),
            ("fd.directory", "/"),
            ("fd.nameraw", "../secret"),
            ("fd.ino", "-"),
            ("fd.is_block_device", "-"),
        ],
    );
}

#[test]
fn fields_of_a_connection() {
    let mut event = event(&[
        ("evt.type", text("connect")),
        ("evt.res", text("EINPROGRESS")),
        ("fd.rip", text("2001:db8::7")),
        ("fd.rport", TestValue::Int(443)),
        ("fd.lip", text("2001:db8::1")),
        ("fd.lport", TestValue::Int(40_000)),
    ]);
    check(
        &event,
        &[
            ("evt.rawres", "-115"),
            ("evt.res", "EINPROGRESS"),
            ("fd.type", "ipv6"),
            ("fd.typechar", "6"),
            ("fd.sockfamily", "ip"),
            ("fd.l4proto", "tcp"),
            ("fd.connected", "false"),
            ("fd.name", "[2001:db8::1]:40000->[2001:db8::7]:443"),
            ("fd.ip", "2001:db8::7,2001:db8::1"),
            ("fd.sip", "2001:db8::7"),
            ("fd.cip", "2001:db8::1"),
            ("fd.rip", "2001:db8::7"),
            ("fd.lip", "2001:db8::1"),
            ("fd.port", "443,40000"),
            ("fd.sport", "443"),
            ("fd.cport", "40000"),
            ("fd.snet", "2001:db8::7"),
            ("fd.directory", "-"),
        ],
    );
    if let Action::Connect(act) = &mut event.action {
        act.source = None;
        act.destination = Address::Ip("192.0.2.1".parse().unwrap(), 80);
    }
    check(
        &event,
        &[
            ("fd.name", "->192.0.2.1:80"),
            ("fd.ip", "192.0.2.1"),
            ("fd.cip", "-"),
            ("fd.typechar", "4"),
        ],
    );
    if let Action::Connect(act) = &mut event.action {
        act.source = Some(SocketAddr::from(([10, 0, 0, 1], 5)));
        act.protocol = 262;
    }
    check(&event, &[("fd.name", "10.0.0.1:5->192.0.2.1:80"), ("fd.l4proto", "tcp")]);
}

#[test]
fn fields_of_other_acts() {
    let unix = event(&[("evt.type", text("connect")), ("fd.name", text("/run/docker.sock"))]);
    check(
        &unix,
        &[
            ("fd.name", "/run/docker.sock"),
            ("fd.type", "unix"),
            ("fd.typechar", "u"),
            ("fd.sockfamily", "unix"),
            ("fd.l4proto", "-"),
            ("fd.connected", "true"),
            ("fd.sip", "-"),
            ("fd.ip", ""),
        ],
    );
    let abstract_name = event(&[("evt.type", text("connect")), ("fd.name", text("@x"))]);
    check(&abstract_name, &[("fd.name", "@x"), ("evt.args", "addr=@x")]);
    let send = of_type("sendto");
    check(&send, &[("fd.l4proto", "udp"), ("fd.connected", "false"), ("fd.name_changed", "true")]);
    let exit = event(&[("evt.type", text("procexit")), ("evt.arg.status", TestValue::Int(256))]);
    check(&exit, &[("evt.arg.status", "256"), ("evt.arg.ret", "1"), ("evt.args", "status=256")]);
    assert_eq!(show(&of_type("clone"), "evt.args"), "child=1001");
}

#[test]
fn fields_of_a_container() {
    let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
    let id = "3f1c2b4d5e6f3f1c2b4d5e6f3f1c2b4d5e6f3f1c2b4d5e6f3f1c2b4d5e6f3f1c";
    let mut event = of_type("execve");
    let mut container = Container { id: id.into(), ..Container::host() };
    container.pod_name = known("web-0");
    container.image = Fact::Unknown(Reason::Pending);
    container.image_digest = Fact::Unknown(Reason::NoAnswer);
    event.container = Arc::new(container.clone());
    check(
        &event,
        &[
            ("container.id", "3f1c2b4d5e6f"),
            ("container.full_id", id),
            ("container.name", "-"),
            ("container.image", "<pending>"),
            ("container.image.repository", "<pending>"),
            ("container.image.tag", "<pending>"),
            ("container.image.digest", "<no_answer>"),
            ("k8s.pod.name", "web-0"),
            ("k8s.ns.name", "-"),
        ],
    );
    event.credentials.uid = 1000;
    assert_eq!(show(&event, "user.name"), "<in_container>");
    for (image, repository, tag) in [
        ("nginx", "nginx", "-"),
        ("docker.io/library/nginx:1.25", "docker.io/library/nginx", "1.25"),
        ("registry.example:5000/app", "registry.example:5000/app", "-"),
        ("registry.example:5000/app:v1@sha256:00", "registry.example:5000/app", "v1"),
        ("app@sha256:00", "app", "-"),
        ("sha256:00", "-", "-"),
    ] {
        container.image = known(image);
        event.container = Arc::new(container.clone());
        check(
            &event,
            &[
                ("container.image", image),
                ("container.image.repository", repository),
                ("container.image.tag", tag),
            ],
        );
    }
}

#[test]
fn fields_of_what_a_container_may_do() {
    let event = event(&[
        ("evt.type", text("execve")),
        ("container.id", text("n1")),
        ("container.privileged", TestValue::Bool(true)),
        ("container.host_pid", TestValue::Bool(false)),
        ("container.cap_effective", text("CAP_CHOWN CAP_SYS_ADMIN")),
        ("container.mounts", text("/:/host::false:rslave /srv/a:/data:z:true:")),
        ("container.label[app.example/tier]", text("web")),
        ("container.label[x]", text("")),
        ("k8s.pod.label[app]", text("shop")),
        ("k8s.deployment.name", text("web")),
    ]);
    check(
        &event,
        &[
            ("container.privileged", "true"),
            ("container.host_pid", "false"),
            ("container.host_network", "-"),
            ("container.cap_effective", "CAP_CHOWN CAP_SYS_ADMIN"),
            ("container.mounts", "/:/host::false:rslave /srv/a:/data:z:true:"),
            ("container.labels", "app.example/tier:web,x:"),
            ("k8s.pod.labels", "app:shop"),
            ("k8s.deployment.name", "web"),
            ("k8s.rs.name", "-"),
        ],
    );
    for condition in [
        "container.mount[0] = /:/host::false:rslave",
        "container.mount[/srv/*] = /srv/a:/data:z:true:",
        "container.mount.dest[/] = /host",
        "container.mount.dest[/srv*] != \"N/A\"",
        "container.mount.source[/data] = /srv/a",
        "container.mount.source[1] = /srv/a",
        "container.mount.mode[1] = z",
        "container.mount.rdwr[0] = false",
        "container.mount.propagation[0] = rslave",
        "container.label[app.example/tier] = web",
        "container.label[app.*] = web",
        "k8s.pod.label[app] = shop",
    ] {
        assert!(holds(&event, condition), "{condition}");
    }
    // What is not mounted is no mount, as with Falco.
    for condition in [
        "container.mount[2] exists",
        "container.mount[/none] exists",
        "container.mount.dest[/etc*] != \"N/A\"",
        "container.mount.source[/srv] exists",
        "container.label[none] exists",
    ] {
        assert!(!holds(&event, condition), "{condition}");
    }
    let host = of_type("execve");
    check(&host, &[("container.privileged", "-"), ("container.mounts", "-")]);
}

#[test]
fn fields_of_a_containers_time() {
    let mut event = of_type("execve");
    let now = event.timestamp_ns;
    let mut container = Container { id: "n1".into(), ..Container::host() };
    container.started_ns = Fact::Known(now - 5, FactSource::Runc);
    container.sandbox_id = Fact::Known("ab".repeat(32).into(), FactSource::Bundle);
    event.container = Arc::new(container.clone());
    check(
        &event,
        &[
            ("container.start_ts", &(now - 5).to_string()),
            ("container.duration", "5"),
            ("k8s.pod.sandbox_id", "abababababab"),
            ("k8s.pod.full_sandbox_id", &"ab".repeat(32)),
        ],
    );
    container.started_ns = Fact::Unknown(Reason::NoBundle);
    event.container = Arc::new(container);
    check(&event, &[("container.duration", "<no_bundle>")]);
}

#[test]
fn fields_of_a_program_in_memory() {
    let event = event(&[
        ("evt.type", text("execve")),
        ("proc.is_exe_from_memfd", TestValue::Bool(true)),
        ("proc.name", text("memfd:x")),
    ]);
    check(
        &event,
        &[
            ("proc.name", "memfd:x"),
            ("proc.exepath", "/memfd:x"),
            ("proc.is_exe_from_memfd", "true"),
            ("proc.is_exe_deleted", "false"),
        ],
    );
}

#[test]
fn names_of_users() {
    let names = Names::parse(
        "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1:::\nother:x:1:1:::\nbroken\nx:y:z:\n",
        "root:x:0:\nadm:x:4:a,b\n",
    );
    assert_eq!(names.user(0), Some("root"));
    assert_eq!(names.user(1), Some("daemon"));
    assert_eq!(names.user(2), None);
    assert_eq!(names.group(4), Some("adm"));
}

#[test]
fn every_event_tells_of_the_end_of_an_act() {
    let file = "
- rule: Entries
  desc: d
  condition: evt.type = open and evt.dir = >
  output: o
  priority: NOTICE
";
    let loaded = super::load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
    let told: Vec<String> = loaded.diagnostics.iter().map(|it| it.one_line()).collect();
    assert_eq!(
        told,
        ["f:2:9: warning[never-matches]: rule `Entries` can never fire here: nothing that is \
          observed can make this true: `evt.dir = >`"]
    );
    for (name, value) in SCHEMA.always {
        assert_eq!(show(&of_type("open"), name), *value);
    }
}

#[test]
fn a_process_tree_ends_at_the_container_or_below_the_first_process() {
    let with = |pids: &[(u32, u32)]| {
        let mut event = event(&[("evt.type", text("execve"))]);
        let process = |(pid, namespace_pid): &(u32, u32)| {
            let mut process = Process::clone(&event.process);
            process.key.pid = *pid;
            process.namespace_pid = *namespace_pid;
            process.key.start_ns = u64::from(*pid) * 10;
            Arc::new(process)
        };
        let mut chain: Vec<Arc<Process>> = pids.iter().map(process).collect();
        let rest = chain.split_off(1);
        (event.process, event.ancestors) = (chain.remove(0), rest.into());
        show(&event, "proc.tree")
    };
    let on_host = with(&[(40, 40), (30, 30), (20, 20), (1, 1)]);
    assert_eq!(on_host, "20-200");
    let in_container = with(&[(40, 7), (30, 1), (20, 20), (1, 1)]);
    assert_eq!(in_container, "30-300");
    assert_eq!(with(&[(40, 1), (20, 20)]), "40-400");
    assert_eq!(with(&[(1, 1)]), "1-10");
}

#[test]
fn absolute_paths_of_acts_on_two_names_are_old_and_new() {
    let of = |ty: &str, field: &str| {
        let lines = [("fs.path.source", "/a"), ("fs.path.target", "/b"), ("evt.type", ty)];
        show(&event(&lines.map(|(name, value)| (name, text(value)))), field)
    };
    for ty in ["renameat2", "linkat"] {
        let [object, old, new] = ["evt.abspath", "evt.abspath.src", "evt.abspath.dst"];
        assert_eq!([of(ty, object), of(ty, old), of(ty, new)], ["/a", "/a", "/b"], "{ty}");
    }
    assert_eq!(of("symlinkat", "evt.abspath"), "/b", "the link, not what it says");
    assert_eq!(of("symlinkat", "evt.abspath.src"), "-");
}

#[test]
fn fields_of_the_way_in() {
    let probe = "proc.is_container_liveness_probe";
    let put_in = |way: &str| event(&[("evt.type", text("execve")), ("proc.origin", text(way))]);
    let typed = put_in("interactive_exec");
    check(&typed, &[("proc.origin", "interactive_exec"), ("container.name", "test")]);
    check(&typed, &[(probe, "false"), ("proc.is_container_healthcheck", "false")]);
    check(&put_in("liveness_probe"), &[(probe, "true"), ("proc.origin", "liveness_probe")]);
    let over_ssh = put_in("ssh");
    check(&over_ssh, &[("proc.origin", "ssh"), ("container.id", "host"), (probe, "false")]);
    // Whose probes are not known: it can be one.
    let mut unknown = put_in("exec");
    check(&unknown, &[(probe, "false")]);
    let mut container = Container::clone(&unknown.container);
    container.liveness_probe = Fact::Unknown(Reason::NotInBundle);
    unknown.container = container.into();
    check(&unknown, &[(probe, "<not_in_bundle>"), ("proc.origin", "exec")]);
    let nothing_said = event(&[("evt.type", text("execve"))]);
    check(&nothing_said, &[("proc.origin", "<not_seen>"), (probe, "false")]);
    let mut container = Container::clone(&unknown.container);
    container.liveness_probe = Fact::Known("cat\0/tmp/ok\0".into(), FactSource::Containerd);
    container.healthcheck = Fact::Known("".into(), FactSource::Docker);
    unknown.container = container.into();
    check(&unknown, &[("container.liveness_probe", "cat /tmp/ok")]);
    check(&unknown, &[("container.healthcheck", "NONE"), ("container.readiness_probe", "-")]);
}

#[test]
fn fields_of_the_node() {
    let plain = event(&[("evt.type", text("execve"))]);
    check(&plain, &[("k8s.node.name", "host"), ("k8s.cluster.name", "-")]);
    let said = event(&[
        ("evt.type", text("execve")),
        ("k8s.node.name", text("n1")),
        ("k8s.cluster.name", text("shop")),
    ]);
    let expected = [("k8s.node.name", "n1"), ("evt.hostname", "n1"), ("k8s.cluster.name", "shop")];
    check(&said, &expected);
}

#[test]
fn fields_of_the_container_that_is_gone_to() {
    let plain = event(&[("evt.type", text("connect")), ("fd.sip", text("10.0.0.5"))]);
    check(&plain, &[("fd.sip.pod.name", "<not_learned>")]);
    let mut known = event(&[
        ("evt.type", text("connect")),
        ("fd.sip", text("10.0.0.5")),
        ("fd.sip.pod.name", text("web-0")),
        ("fd.sip.ns.name", text("shop")),
        ("fd.sip.container.name", text("web")),
    ]);
    check(&known, &[("fd.sip.pod.name", "web-0"), ("fd.sip.ns.name", "shop")]);
    check(&known, &[("fd.sip.container.name", "web"), ("fd.sip.container.age", "0")]);
    let Action::Connect(act) = &mut known.action else { panic!("another kind") };
    let Fact::Known(peer, _) = &mut act.peer else { panic!("no peer") };
    peer.is_shared = true;
    check(&known, &[("fd.sip.pod.name", "web-0"), ("fd.sip.container.name", "<ambiguous>")]);
    check(&known, &[("fd.sip.container.id", "<ambiguous>")]);
}

#[test]
fn fields_of_the_service_that_is_gone_to() {
    let plain = event(&[("evt.type", text("connect")), ("fd.sip", text("10.96.0.5"))]);
    let unknown =
        [("fd.sip.service.name", "<not_learned>"), ("fd.sip.service.age", "<not_learned>")];
    check(&plain, &unknown);
    let known = event(&[
        ("evt.type", text("connect")),
        ("fd.sip", text("10.96.0.5")),
        ("fd.sip.service.name", text("db")),
        ("fd.sip.service.ns", text("shop")),
    ]);
    check(&known, &[("fd.sip.service.name", "db"), ("fd.sip.service.ns", "shop")]);
    check(&known, &[("fd.sip.service.age", "0"), ("fd.sip.pod.name", "<not_learned>")]);
    let account =
        event(&[("evt.type", text("execve")), ("k8s.pod.service_account", text("clerk"))]);
    check(&account, &[("k8s.pod.service_account", "clerk")]);
}

/// Whose an address is, is told by other acts than the one that a rule is about.
#[test]
fn a_rule_about_whose_an_address_is_has_all_observed_that_tells_it() {
    let needed = |text: &str| {
        needed_kinds_of(&Condition::compile(&SCHEMA, "test", text).expect("it compiles"))
    };
    let plain = needed("evt.type = connect and fd.sport = 22");
    let asked = needed("evt.type = connect and fd.sip.pod.name = web-0");
    for kind in [kinds::ACCEPT, kinds::SEND, kinds::DNS] {
        assert_eq!(plain.intersection(kind), KindSet::EMPTY);
        assert_eq!(asked.intersection(kind), kind);
    }
    // No event has it where nothing is gone to.
    assert_eq!(needed("evt.type = execve and fd.sip.pod.name = web-0"), KindSet::EMPTY);
}
