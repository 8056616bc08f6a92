use std::{collections::BTreeSet, net::SocketAddr, ops::ControlFlow, path::Path, sync::Arc};

use monitor_rules::{Arg, Condition, Get, RuleFile, TestField, TestValue, Unknown, Value};

use super::{
    Rules, SCHEMA, embedded, load,
    names::Names,
    schema::{ALL, PUT_TOGETHER},
    testing::{self, TestOutcome},
};
use crate::env::EnvKeys;
use crate::event::{
    Action, Address, Container, Event, Fact, FactSource, Knowledge, Outcome, Process, Reason,
};
use crate::judge::{Judge, Verdict};

/// An event, by the fields that a rule's test would give.
fn event(fields: &[(&str, TestValue)]) -> Event {
    match try_event(fields) {
        Ok(event) => event,
        Err(mistakes) => panic!("{mistakes:?}"),
    }
}

fn try_event(fields: &[(&str, TestValue)]) -> Result<Event, Vec<testing::Mistake>> {
    let field = |(at, (name, value)): (usize, &(&str, TestValue))| TestField {
        name: (*name).to_owned(),
        value: value.clone(),
        line: at + 1,
        column: 3,
    };
    testing::build(&monitor_rules::TestEvent {
        fields: fields.iter().enumerate().map(field).collect(),
        after_ns: 0,
        line: 1,
    })
}

fn text(text: &str) -> TestValue {
    TestValue::Str(text.to_owned())
}

fn of_type(name: &str) -> Event {
    let path = ("fd.name", text("/f"));
    let mut fields = vec![("evt.type", text(name))];
    fields.extend((name == "open").then_some(path));
    event(&fields)
}

fn change(event: &mut Event, change: impl FnOnce(&mut Process)) {
    let mut process = Process::clone(&event.process);
    change(&mut process);
    event.process = Arc::new(process);
}

/// All values of a field, as outputs show them; why a value is unknown stands in angle brackets.
fn show(event: &Event, field: &str) -> String {
    let (name, arg) = match field.split_once('[') {
        Some((name, arg)) => (name, arg.trim_end_matches(']')),
        None => (field, ""),
    };
    let found = SCHEMA.fields.iter().find(|known| known.name == name).unwrap();
    // Keys cannot be made outside of the rule language: those go through conditions, below.
    let arg = arg.parse().map_or(Arg::None, Arg::Index);
    let mut shown = Vec::new();
    let mut visit = |value: Value<'_>| {
        shown.push(match value {
            Value::Absent => "-".to_owned(),
            Value::Unknown(Unknown::Pending) => "<pending>".to_owned(),
            Value::Unknown(Unknown::Never(why)) => format!("<{why}>"),
            value => {
                let mut text = Vec::new();
                value.write_to(&mut text);
                String::from_utf8(text).unwrap()
            }
        });
        ControlFlow::Continue(())
    };
    match found.get {
        Get::One(get) => assert!(visit(get(event, &arg)).is_continue()),
        Get::Any(get) | Get::Set(get) => get(event, &arg, &mut visit),
    }
    shown.join(",")
}

fn check(event: &Event, expected: &[(&str, &str)]) {
    for (field, value) in expected {
        assert_eq!(show(event, field), *value, "{field}");
    }
}

fn holds(event: &Event, condition: &str) -> bool {
    let condition = Condition::compile(&SCHEMA, "test", condition).unwrap_or_else(|found| {
        panic!("{condition}: {:?}", found.iter().map(|d| d.one_line()).collect::<Vec<_>>())
    });
    condition.decide(event).fires
}

#[test]
fn the_schema_has_no_mistakes() {
    assert_eq!(SCHEMA.mistakes(), Vec::<String>::new());
    let undocumented: Vec<&str> =
        SCHEMA.fields.iter().filter(|f| !f.doc.ends_with('.')).map(|f| f.name).collect();
    assert_eq!(undocumented, Vec::<&str>::new());
    let mut names = BTreeSet::new();
    assert!(SCHEMA.types.iter().all(|(name, _)| names.insert(*name)), "a type is there twice");
}

/// Rules are not tried on kinds that a field is not for: it must not have values there.
#[test]
fn fields_have_values_only_in_their_kinds() {
    let types = ["execve", "clone", "procexit", "connect", "sendto", "open"];
    for (kind, name) in (0u8..).zip(types) {
        let event = of_type(name);
        assert_eq!((event.action.kind(), show(&event, "evt.type")), (kind, name.to_owned()));
        for field in SCHEMA.fields.iter().filter(|field| !field.kinds.contains(kind)) {
            let value = show(&event, field.name);
            assert!(value == "-" || value.is_empty(), "{} on {name}: {value}", field.name);
        }
    }
}

/// Values that are made anew are the ones that cost; the table of them is complete.
#[test]
fn fields_that_are_put_together_are_known() {
    let mut found = BTreeSet::new();
    let socket = [("evt.type", text("connect")), ("fd.name", text("/run/x.sock"))];
    let mut program = of_type("execve");
    change(&mut program, |process| {
        process.args = b"sh\0-c\0x\0".as_slice().into();
        process.args_total = 8;
        process.env = b"A=1\0B=2\0".as_slice().into();
        process.cap_effective = 3;
        process.cap_permitted = 3;
        process.tty = Some((4, 1));
    });
    let named = [("evt.type", text("execve")), ("container.id", text("0123456789abcdef"))];
    let events =
        [program, of_type("open"), of_type("sendto"), of_type("procexit"), of_type("fork")];
    for event in events.into_iter().chain([event(&socket), event(&named)]) {
        for field in SCHEMA.fields {
            if let Get::One(get) = field.get
                && let Value::Str(std::borrow::Cow::Owned(_)) = get(&event, &Arg::None)
            {
                found.insert(field.name);
            }
        }
    }
    assert_eq!(found, BTreeSet::from_iter(PUT_TOGETHER.iter().copied()));
}

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
fn fields_of_a_program_in_memory() {
    let event = event(&[
        ("evt.type", text("execve")),
        ("proc.is_exe_from_memfd", TestValue::Bool(true)),
        ("proc.name", text("x")),
    ]);
    check(
        &event,
        &[
            ("proc.exepath", "/memfd:x"),
            ("proc.is_exe_from_memfd", "true"),
            ("proc.is_exe_deleted", "false"),
        ],
    );
}

#[test]
fn falcos_usual_macros_compile_and_match() {
    let connect = event(&[("evt.type", text("connect")), ("fd.rip", text("203.0.113.7"))]);
    let outbound = "evt.type = connect and (fd.typechar = 4 or fd.typechar = 6) \
        and (fd.ip != \"0.0.0.0\" and fd.net != \"127.0.0.0/8\" \
        and not fd.snet in (\"10.0.0.0/8\", \"192.168.0.0/16\")) \
        and (evt.rawres >= 0 or evt.res = EINPROGRESS)";
    assert!(holds(&connect, outbound));
    let open = event(&[("evt.type", text("open")), ("fd.name", text("/etc/x"))]);
    let open_write = "evt.type in (open, openat, openat2) and evt.is_open_write = true \
        and fd.typechar = 'f' and fd.num >= 0";
    assert!(holds(&open, open_write));
    let refused = event(&[
        ("evt.type", text("open")),
        ("fd.name", text("/etc/x")),
        ("evt.res", text("EPERM")),
    ]);
    assert!(!holds(&refused, open_write));
    assert!(holds(&refused, "fd.typechar = 'f' and fd.num = -1 and evt.res startswith E"));
    assert!(holds(&open, "evt.num > 0 and not evt.num = 0"));
}

#[test]
fn every_type_that_rules_name_is_known() {
    let names = "execve execveat clone clone3 fork vfork procexit connect sendto sendmsg open \
        openat openat2 creat open_by_handle_at accept accept4 listen recvfrom recvmsg rename \
        renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir chmod \
        fchmod fchmodat dup dup2 dup3 setns unshare ptrace bpf init_module finit_module setuid \
        setresuid setgid socket userfaultfd mount umount umount2";
    for name in names.split_whitespace() {
        assert!(SCHEMA.types.iter().any(|(known, _)| *known == name), "{name}");
    }
    for (name, kinds) in SCHEMA.types {
        assert!(
            kinds.complement().intersection(ALL).complement().intersection(ALL) == *kinds,
            "{name}"
        );
    }
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
fn mistakes_in_the_event_of_a_test() {
    let said = |fields: &[(&str, TestValue)]| -> Vec<String> {
        try_event(fields).unwrap_err().iter().map(ToString::to_string).collect()
    };
    let open = ("evt.type", text("open"));
    let exec = ("evt.type", text("execve"));
    assert_eq!(said(&[]), ["1:1: the event has no `evt.type`: say what is done, such as `execve`"]);
    assert_eq!(said(&[("evt.type", text("opne"))]), ["1:3: `opne` is no event type"]);
    assert_eq!(
        said(&[("evt.type", text("rename"))]),
        ["1:3: events of type `rename` are not observed"]
    );
    assert_eq!(
        said(std::slice::from_ref(&open)),
        ["1:1: the event has no `fd.name`: say which file is opened"]
    );
    assert_eq!(
        said(&[
            exec.clone(),
            ("proc.nme", text("x")),
            ("fd.directory", text("x")),
            ("proc.pid", text("x")),
            ("proc.pid", TestValue::Int(-1)),
            ("fd.sip", text("1.2.3.4")),
            ("proc.stdin_type", text("x")),
            ("container.image", text("<soon>")),
            ("evt.res", text("EWHAT")),
            ("thread.cap_effective", text("CAP_ALL")),
            ("proc.aname[x]", text("sh")),
        ]),
        [
            "2:3: no event has a field `proc.nme`; `runmon rules fields` lists them",
            "3:3: `fd.directory` follows from other fields: set those instead",
            "4:3: `proc.pid`: expected a number, found `x`",
            "5:3: `proc.pid`: the number is out of range",
            "6:3: `fd.sip`: only a socket has it",
            "7:3: `proc.stdin_type`: one of none, file, pipe, tty, socket, character, other is \
             expected",
            "8:3: `container.image`: `soon` is no reason for a fact to be unknown",
            "9:3: `evt.res`: `EWHAT` is neither SUCCESS nor an error",
            "10:3: `thread.cap_effective`: `CAP_ALL` is no capability",
            "11:3: `proc.aname[x]`: an ancestor is a number up to 16",
        ]
    );
    assert_eq!(
        said(&[exec, ("proc.name", text("sh")), ("proc.exepath", text("/bin/bash"))]),
        ["1:1: `sh` is not the file name of `/bin/bash`"]
    );
}

const RULE: &str = "- rule: r\n  desc: d\n  condition: evt.type = execve and proc.name = x\n  \
                    output: o\n  priority: info\n  tests:\n";

fn reports(tests: &str) -> Vec<testing::TestReport> {
    let rule = format!("{RULE}{tests}");
    let loaded = load(&[RuleFile { name: "f", bytes: rule.as_bytes() }]);
    assert!(!loaded.has_errors());
    testing::run_tests(&loaded.rules)
}

#[test]
fn tests_of_rules_are_run() {
    let reports = reports(
        "  - name: a\n    fires: true\n    event: {evt.type: execve, proc.name: x}\n  \
         - name: b\n    fires: false\n    event: {evt.type: execve, proc.name: x}\n  \
         - name: c\n    fires: true\n    event: {evt.type: execve, proc.name: <gone>}\n  \
         - name: d\n    fires: false\n    event: {evt.type: execve, what: 1}\n",
    );
    let [a, b, c, d] = reports.as_slice() else { panic!("four tests") };
    assert!(a.passed() && !b.passed() && !c.passed() && !d.passed());
    assert_eq!((b.rule.as_str(), b.file.as_str(), b.line, b.test.as_str()), ("r", "f", 10, "b"));
    let TestOutcome::Failed { undecided, .. } = &c.outcome else { panic!("{:?}", c.outcome) };
    assert_eq!(
        undecided.iter().map(|u| (u.field, u.why)).collect::<Vec<_>>(),
        [("proc.name", Unknown::Never("gone"))]
    );
    assert!(matches!(&d.outcome, TestOutcome::Broken(mistakes) if mistakes.len() == 1));
}

#[test]
fn shipped_rules_compile_without_remarks_and_pass_their_tests() {
    let loaded = load(&embedded());
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    for file in embedded() {
        assert_eq!(monitor_rules::parse_file(file).len(), 0, "{}", file.name);
    }
    let failed: Vec<_> =
        testing::run_tests(&loaded.rules).into_iter().filter(|report| !report.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn shipped_rules_say_all_that_they_should() {
    let loaded = load(&embedded());
    assert!(loaded.rules.rules().len() >= 60);
    for rule in loaded.rules.rules() {
        let about = &rule.about;
        let count = |expect| rule.tests.iter().filter(|test| test.expect == expect).count();
        assert!(count(monitor_rules::Expect::Fires) >= 2, "{}: too few firing tests", about.id);
        assert!(count(monitor_rules::Expect::Quiet) >= 2, "{}: too few quiet tests", about.id);
        assert!(rule.tests.iter().all(|test| !test.name.is_empty()), "{}: nameless", about.id);
        let mut output = Vec::new();
        rule.output.render(&of_type("execve"), &mut output);
        assert!(!output.contains(&b'\n'), "{}: the output has several lines", about.id);
        assert!(!about.tactics.is_empty() && !about.techniques.is_empty(), "{}", about.id);
        assert!(!about.false_positives.is_empty() && !about.triage.is_empty(), "{}", about.id);
        let maturity = about.tags.iter().filter(|tag| tag.starts_with("maturity_")).count();
        assert_eq!(maturity, 1, "{}", about.id);
        let stable = about.tags.iter().any(|tag| tag == "maturity_stable");
        assert_eq!(rule.enabled, stable, "{}: only stable rules are on", about.id);
        // The file is named after the rule, and its folder after a tactic that it is about.
        let path = Path::new(&about.file);
        assert_eq!(path.file_stem().unwrap(), about.id.as_str());
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert!(about.tactics.iter().any(|tactic| tactic.name == folder), "{}", about.file);
    }
}

fn files_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.insert(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_rule_file_is_embedded() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut on_disk = BTreeSet::new();
    files_below(&top.join("rules"), &mut on_disk);
    let embedded: BTreeSet<String> =
        embedded().iter().map(|file| top.join(file.name).to_str().unwrap().to_owned()).collect();
    assert_eq!(embedded, on_disk);
}

/// The second example of the README changes the shipped rules as it says.
#[test]
fn the_shipped_rules_can_be_changed_by_a_later_file() {
    let readme = include_str!("../../../rules/README.md");
    let example = readme.split("```yaml").nth(5).unwrap().split("```").next().unwrap();
    let mut files = embedded();
    files.push(RuleFile { name: "later.yaml", bytes: example.as_bytes() });
    let loaded = load(&files);
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    let drift = |image: &str| {
        event(&[
            ("evt.type", text("execve")),
            ("proc.exepath", text("/srv/x")),
            ("proc.is_exe_upper_layer", TestValue::Bool(true)),
            ("container.image", text(image)),
        ])
    };
    let mut judge = Judge::new(loaded.rules.into());
    let mut fires = |event: &Event| matches!(judge.judge(event), Verdict::Matched(_));
    assert!(fires(&drift("registry.example/app:1")));
    assert!(!fires(&drift("registry.example/ci/builder:1")));
    let off = |rules: &Rules| rules.rules().iter().filter(|rule| !rule.enabled).count();
    assert_eq!(off(judge.rules()), off(&load(&embedded()).rules) + 1);
}

/// The third example tells a rule that is off what is usual, and switches it on.
#[test]
fn a_rule_that_is_off_can_be_switched_on() {
    let readme = include_str!("../../../rules/README.md");
    let example = readme.split("```yaml").nth(6).unwrap().split("```").next().unwrap();
    let mut files = embedded();
    files.push(RuleFile { name: "later.yaml", bytes: example.as_bytes() });
    let loaded = load(&files);
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    let asked = |image: &str| {
        event(&[
            ("evt.type", text("connect")),
            ("fd.rip", text("10.32.0.1")),
            ("proc.name", text("app")),
            ("container.image", text(image)),
        ])
    };
    let mut judge = Judge::new(loaded.rules.into());
    let mut fires = |event: &Event| matches!(judge.judge(event), Verdict::Matched(_));
    assert!(fires(&asked("registry.example/app:1")));
    assert!(!fires(&asked("registry.example/operators/cache:1")));
}

/// The other examples that are whole: a sequence, and an exception that ends.
#[test]
fn the_other_examples_load() {
    let readme = include_str!("../../../rules/README.md");
    for at in [2, 7] {
        let example = readme.split("```yaml").nth(at).unwrap().split("```").next().unwrap();
        let mut files = embedded();
        files.push(RuleFile { name: "later.yaml", bytes: example.as_bytes() });
        let found: Vec<String> = load(&files).diagnostics.iter().map(|d| d.one_line()).collect();
        assert_eq!(found, Vec::<String>::new(), "example {at}");
    }
}

/// The fields that public rule files ask for, counted over Falco's three.
const ASKED_FOR: &str = "container.id container.image.repository container.privileged \
    container.mount.dest[/etc*] evt.type evt.num evt.res evt.rawres evt.buffer evt.is_open_read \
    evt.is_open_write evt.is_open_exec evt.arg.cmd evt.arg.domain evt.arg.filename evt.arg.flags \
    evt.arg.mode evt.arg.name evt.arg.newpath evt.arg.oldpath evt.arg.path evt.arg.request \
    evt.arg.target evt.arg.uid fd.name fd.nameraw fd.name_changed fd.directory fd.filename fd.num \
    fd.type fd.typechar fd.connected fd.sockfamily fd.l4proto fd.ip fd.sip fd.cip fd.port \
    fd.sport fd.net fd.snet fd.cnet fd.rnet fd.sip.name fd.cip.name k8s.ns.name k8s.pod.name \
    proc.name proc.exe proc.exepath proc.args proc.cmdline proc.cwd proc.tty proc.env[HOME] \
    proc.pname proc.pcmdline proc.pexe proc.vpid proc.duration proc.is_exe_from_memfd \
    proc.is_exe_upper_layer proc.is_vpgid_leader proc.aname proc.aname[2] proc.aexe[2] \
    thread.cap_effective thread.cap_permitted user.name user.uid user.loginuid container.mounts \
    container.start_ts container.name container.image.tag evt.args evt.time evt.arg.fd \
    evt.arg.linkpath fd.lip.name fd.lport fd.rip fd.rip.name fd.rport group.gid group.name \
    proc.pid proc.ppid proc.sid proc.sname proc.pexepath proc.aexepath[2] proc.exe_ino.ctime \
    proc.exe_ino.mtime proc.exe_ino.ctime_duration_proc_start user.loginname evt.rawarg[fd] \
    evt.arg[0] evt.arg[flags] evt.time.s evt.datetime evt.datetime.s evt.hostname evt.source \
    evt.reltime evt.reltime.s evt.reltime.ns evt.is_async evt.asynctype evt.count proc.stdin.type \
    proc.stdin.name proc.stdout.type proc.stdout.name proc.stderr.type proc.stderr.name \
    proc.vpgid.name proc.vpgid.exe proc.vpgid.exepath proc.pgid.name proc.pgid.exe \
    proc.pgid.exepath proc.is_pgid_leader proc.sid.exe proc.sid.exepath proc.aenv proc.aenv[HOME] \
    proc.is_container_healthcheck proc.is_container_liveness_probe \
    proc.is_container_readiness_probe proc.pid.ts proc.ppid.ts proc.ppid.duration fd.types \
    fd.types[0] fd.proto fd.containername fd.containerdirectory thread.cgroups \
    thread.cgroup[cpuacct] thread.ismain thread.exectime container.host_pid \
    container.host_network container.host_ipc";

#[test]
fn what_public_rule_files_ask_for_is_known() {
    for field in ASKED_FOR.split_whitespace() {
        let check =
            if field == "evt.type" { "evt.type = open" } else { &format!("{field} exists") };
        if let Err(found) = Condition::compile(&SCHEMA, "test", check) {
            panic!("{check}: {found:?}");
        }
    }
}

#[test]
fn what_cannot_be_observed_is_named() {
    let file = "
- rule: Raw sockets
  desc: d
  condition: evt.type = socket and evt.arg.domain = AF_PACKET
  output: o (mounts=%container.mounts)
  priority: NOTICE
- rule: Reads
  desc: d
  condition: evt.type in (open, rename) and evt.is_open_read = true and fd.name = /etc/shadow
  output: o
  priority: NOTICE
";
    let loaded = super::load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
    assert_eq!(loaded.rules.rules().len(), 2, "they load all the same");
    let told: Vec<String> = loaded.diagnostics.iter().map(|it| it.one_line()).collect();
    assert_eq!(
        told,
        [
            "f:2:9: warning[never-matches]: rule `Raw sockets` can never fire here: nothing that \
             is observed can make this true: `evt.arg.domain = AF_PACKET`, `evt.type = socket`",
            "f:4:25: warning[unobserved-event-type]: events of type `socket` are not observed",
            "f:4:36: warning[unobserved-field]: no event has `evt.arg.domain`: what is compared \
             with it never holds; The making of sockets is not observed.",
            "f:9:33: warning[unobserved-event-type]: events of type `rename` are not observed",
            "f:9:45: warning[partly-observed]: `evt.is_open_read` tells only a part: opens for \
             reading alone are not observed",
        ]
    );
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
fn what_was_gathered_outlives_a_reload() {
    let rules = |within: &str, before: &str| {
        let file = format!(
            "{before}- rule: Two\n  desc: d\n  condition: evt.type = execve\n  output: o\n  \
             priority: info\n  aggregate: {{count: 2, within: {within}}}\n"
        );
        let loaded = load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
        assert!(!loaded.has_errors());
        Arc::new(loaded.rules)
    };
    let other =
        "- rule: Other\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: info\n";
    let event = event(&[("evt.type", text("execve"))]);
    let alerts = |next: Arc<Rules>| {
        let mut judge = Judge::new(rules("1h", ""));
        assert!(matches!(judge.judge(&event), Verdict::Quiet));
        judge.set_rules(next);
        matches!(judge.judge(&event), Verdict::Matched(_))
    };
    assert!(alerts(rules("1h", "")) && alerts(rules("1h", other)), "it gathers as before");
    assert!(!alerts(rules("2h", "")), "it gathers otherwise");
    assert!(!alerts(Arc::new(load(&[]).rules)));
}
