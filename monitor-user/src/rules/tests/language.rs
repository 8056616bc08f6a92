//! What rule files of others ask for, and what judging keeps.

use super::*;

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
fn options_are_those_of_the_arguments_as_they_were_given() {
    let args = ["-nt", "a -e b", "--", "-e"].map(str::to_owned).map(TestValue::Str);
    let mut nc =
        event(&[("evt.type", text("execve")), ("proc.args", TestValue::List(args.into()))]);
    let got = "getopt(proc.args, \"nt:e\")";
    check(
        &nc,
        &[
            ("proc.args", "-nt a -e b -- -e"),
            ("proc.args[0]", "-nt"),
            ("proc.args[1]", "a -e b"),
            ("proc.args[4]", "-"),
            ("proc.cmdnargs", "4"),
        ],
    );
    assert!(holds(&nc, &format!("(n, t) in {got}")));
    assert!(holds(&nc, &format!("{got}[t] = 'a -e b'")), "it is one argument");
    assert!(!holds(&nc, &format!("{got} intersects (e)")));
    assert!(!holds(&of_type("execve"), &format!("{got} exists")));
    change(&mut nc, |process| {
        process.args = b"nc\0-n\0-t\0half of an argum".as_slice().into();
        process.args_total = 100;
    });
    check(&nc, &[("proc.args[1]", "-t"), ("proc.args[2]", "<truncated>")]);
    assert!(holds(&nc, &format!("(n) in {got}")));
    let cut = Condition::compile(&SCHEMA, "test", &format!("{got}[t] exists")).unwrap();
    let decision = cut.decide(&nc);
    let why = decision.undecided.first().map(|it| (it.field, it.why));
    assert_eq!((decision.fires, why), (false, Some(("proc.args", Unknown::Never("truncated")))));
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
    container.host_network container.host_ipc evt.rawarg.flags evt.arg.backlog thread.cgroup.cpuacct \
    evt.latency evt.latency.s evt.latency.ns evt.latency.human evt.deltatime evt.deltatime.s \
    evt.deltatime.ns evt.rawtime.s evt.rawtime.ns evt.count.error evt.count.error.file \
    evt.count.error.net evt.count.error.memory evt.count.error.other evt.count.exit \
    evt.count.procinfo evt.count.threadinfo evt.type.is[open] evt.type.is.open evt.around[1404996] \
    evt.buflen.net.in evt.wait_latency syscall.type proc.pvpid proc.args[1] proc.aargs \
    proc.aargs[2] proc.cmdnargs proc.pidns_init_start_ts thread.pfmajor thread.pfminor \
    thread.vmrss.b container.mount.propagation[/etc] fd.is_lower_layer fdlist.nums util.cnt \
    k8s.deployment.name k8s.ns.label[app] k8smeta.pod.label[app] k8smeta.svc.name";

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
fn an_argument_that_is_observed_has_its_value_in_either_form() {
    let open = event(&[("evt.type", text("open")), ("fd.name", text("/f"))]);
    assert!(holds(&open, "evt.arg.flags contains O_WRONLY"));
    assert!(holds(&open, "evt.arg[flags] contains O_WRONLY"));
    assert!(!holds(&open, "evt.rawarg.flags exists or evt.rawarg.flags > 3"));
}

#[test]
fn what_cannot_be_observed_is_named() {
    let file = "
- rule: Data
  desc: d
  condition: evt.type = sendfile and evt.buffer contains key
  output: o (mounts=%container.mounts)
  priority: NOTICE
- rule: Reads
  desc: d
  condition: evt.type in (open, lseek) and proc.stdin.type = ipv4 and fd.name = /etc/shadow
  output: o
  priority: NOTICE
";
    let loaded = super::load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
    assert_eq!(loaded.rules.rules().len(), 2, "they load all the same");
    let told: Vec<String> = loaded.diagnostics.iter().map(|it| it.one_line()).collect();
    assert_eq!(
        told,
        [
            "f:2:9: warning[never-matches]: rule `Data` can never fire here: nothing that is \
             observed can make this true: `evt.buffer contains key`, `evt.type = sendfile`",
            "f:4:25: warning[unobserved-event-type]: events of type `sendfile` are not observed",
            "f:4:38: warning[unobserved-field]: no event has `evt.buffer`: what is compared with \
             it never holds; The data that is read and written is not observed.",
            "f:9:33: warning[unobserved-event-type]: events of type `lseek` are not observed",
            "f:9:44: warning[partly-observed]: `proc.stdin.type` tells only a part: which family a \
             socket is of is not observed, so that it is never `ipv4`, `ipv6` or `unix`",
        ]
    );
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
