//! Privileges: who has them, and what still works without.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::Case;
use super::tail::without_a_daemon;
use crate::daemon::{
    ACTS, Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, is_heartbeat, item, runmon,
};
use crate::engines::Runc;
use crate::features::expected_here;
use crate::lab::Stage;
use crate::place::Place;
use crate::sockets::peers_of;

pub(super) const CASES: &[Case] = &[
    Case::new("privileges::smoke_the_line_has_none", line_has_none),
    Case::each("privileges::the_keeper_has_those_that_it_uses", keeper_has_few),
    Case::new("privileges::containerd_answers_the_keeper_only", containerds_socket),
    Case::new("privileges::tail_and_new_hooks_work_without_them", tail_and_new_hooks),
    Case::new("privileges::rules_that_only_root_can_read_are_told", rules_of_root),
    Case::new("privileges::files_are_rotated_without_them", rotated),
    Case::new("privileges::a_keeper_that_dies_ends_the_daemon", keeper_dies),
    Case::new("privileges::a_keeper_that_hangs_ends_the_daemon", keeper_hangs),
    Case::new("privileges::a_stopped_keeper_outlives_nobody", keeper_is_left),
    Case::new("privileges::root_keeps_them_in_one_process", kept_in_one),
    Case::with(&["strace"], "privileges::commands_that_look_once_have_none", commands),
];

fn status(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).expect("read a status");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.expect("a line of that name").trim().to_owned()
}

/// It says that it is ready while it still may, and then gives the rest up.
fn await_confined(daemon: &Daemon) {
    let own = format!("/proc/{}/status", daemon.pid());
    let is_confined = || (status(&own, "Seccomp:") == "2").then_some(());
    crate::wait::until("the line to give its privileges up", is_confined);
}

/// All threads of the line are another user without capabilities, under seccomp; what was read of
/// containers, files and hashes comes all the same, and acts of the keeper's are the monitor's own.
fn line_has_none(stage: &Stage<'_>) {
    let daemon = stage.watch();
    await_confined(&daemon);
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("list threads");
    let mut threads = 0;
    for task in tasks {
        let path = task.expect("a thread").path().join("status");
        let path = path.to_str().expect("a plain path");
        let of = |name| status(path, name);
        assert!(!of("Uid:").split_whitespace().any(|uid| uid == "0"), "{path}: {}", of("Uid:"));
        assert_eq!(of("CapPrm:"), "0000000000000000", "{path}");
        assert_eq!((of("NoNewPrivs:"), of("Seccomp:")), ("1".to_owned(), "2".to_owned()), "{path}");
        threads += 1;
    }
    assert!(threads > 3, "{threads}");
    let keeper = daemon.keeper().expect("a keeper");
    let path = format!("/proc/{keeper}/status");
    assert_eq!(status(&path, "Uid:"), "0\t0\t0\t0");
    let report = stage.trigger(&["exec", "plain"]);
    Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    let ended = daemon.stop();
    let own = ended.documents.iter().filter(|it| it["process"]["pid"] == keeper).count();
    assert_eq!(own, 0, "acts of the keeper's");
}

/// Capabilities that the keeper goes on using, by their numbers: DAC_READ_SEARCH, NET_ADMIN,
/// SYS_PTRACE, SYS_RESOURCE, SYSLOG, PERFMON and BPF.
const USED: [u32; 7] = [2, 12, 19, 24, 34, 38, 39];
/// The one that kprobes may take where the host restricts them.
const SYS_ADMIN: u32 = 21;

/// Whoever started it, no thread of the keeper's has other capabilities, nor does what it runs.
/// Hooks of new rules are attached all the same: those that one with all capabilities attaches.
fn keeper_has_few(stage: &Stage<'_>) {
    let file = stage.dir("rules").join("rules.yaml");
    let starts = EVERY_ACT.replace(EVERY_ACT_CONDITION, "evt.type = execve");
    fs::write(&file, starts).expect("write the rules");
    let keys = format!("rules: [{file:?}]\nwatch_rules: false\nheartbeat_seconds: 1");
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    assert_few(daemon.keeper().expect("a keeper"));
    fs::write(&file, ACTS).expect("write the rules");
    daemon.notify(Signal::SIGHUP);
    crate::wait::until("the daemon to read the rules", || {
        daemon.log().contains("read the rules again").then_some(())
    });
    let report = stage.trigger(&["exec", "plain"]);
    Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    let beats = || daemon.documents().iter().filter(|it| is_heartbeat(it)).count();
    let before = beats();
    crate::wait::until("two heartbeats", || (beats() >= before + 2).then_some(()));
    let ended = daemon.stop();
    let findings = ended.documents.iter().filter(|it| it["runmon"]["document"] == "finding");
    assert_eq!(findings.collect::<Vec<_>>(), Vec::<&Value>::new());
    let keys = "run_as: \"root\"".to_owned();
    let rules = Some(ACTS.to_owned());
    let whole = stage.daemon(Options { keys, rules, ..Options::default() });
    assert_eq!(hooks(ended.heartbeat()), hooks(whole.stop().heartbeat()));
}

/// Asserts that no thread of the keeper's has, or can get, other capabilities.
fn assert_few(keeper: u32) {
    let used = USED.iter().fold(0_u64, |all, number| all | 1 << number);
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").expect("a level");
    let restricts_probes = level.trim().parse::<i32>().expect("a number") > 2;
    let tasks = fs::read_dir(format!("/proc/{keeper}/task")).expect("list threads");
    let mut threads = 0;
    for task in tasks {
        let path = task.expect("a thread").path().join("status");
        let path = path.to_str().expect("a plain path");
        // Only the main thread attaches.
        let attaches = path == format!("/proc/{keeper}/task/{keeper}/status");
        let used = if attaches && restricts_probes { used | 1 << SYS_ADMIN } else { used };
        for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
            let held = u64::from_str_radix(&status(path, set), 16).expect("a mask");
            assert_eq!(held & !used, 0, "{path}: {set} {held:x}");
            assert_ne!(held, 0, "{path}: {set}");
        }
        for set in ["CapInh:", "CapAmb:"] {
            assert_eq!(status(path, set), "0000000000000000", "{path}: {set}");
        }
        threads += 1;
    }
    assert!(threads > 3, "{threads}");
}

/// Which kind is seen in which way, and that no program of it is known not to fire.
fn hooks(heartbeat: &Value) -> BTreeMap<&str, &Value> {
    let hooks = heartbeat["runmon"]["hooks"].as_array().expect("hooks");
    let hooks = hooks.iter().map(|hook| {
        let programs = hook["programs"].as_array().expect("programs");
        assert!(programs.iter().all(|program| program["fires"] != false), "{hook:#}");
        (hook["kind"].as_str().expect("a kind"), &hook["backend"])
    });
    hooks.collect()
}

/// What containerd tells is known, and the line is not connected to it: whoever is can have
/// anything done by root.
fn containerds_socket(stage: &Stage<'_>) {
    let daemon = stage.watch();
    await_confined(&daemon);
    let runtime = stage.containerd();
    let container = runtime.run_with(&stage.name("asked"), &["--label", "tier=web"], &[]);
    let report = container.trigger(&["exec", "plain"]);
    let exec = Place::In(&container).expect(&daemon, &report, "exec", |_| true);
    let (socket, keeper) = (runtime.socket(), daemon.keeper().expect("a keeper"));
    assert!(!peers_of(daemon.pid()).contains(&socket));
    let told = &exec["container"];
    // On emulated machines it may not have answered in time.
    if told["unknown_because"]["image.name"] != "no_answer" || expected_here().is_none() {
        assert_eq!(told["known_from"]["image.name"], "containerd", "{told:#}");
        assert_eq!(told["labels"]["tier"], "web", "{told:#}");
        assert!(peers_of(keeper).contains(&socket));
    }
    daemon.stop();
}

/// Rules that are read again attach what they need, and who looks at events of his own beside it
/// sees them.
fn tail_and_new_hooks(stage: &Stage<'_>) {
    let file = stage.dir("rules").join("rules.yaml");
    let starts = EVERY_ACT.replace(EVERY_ACT_CONDITION, "evt.type = execve");
    fs::write(&file, starts).expect("write the rules");
    let keys = format!("rules: [{file:?}]\nwatch_rules: false");
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    await_confined(&daemon);
    fs::write(&file, EVERY_ACT).expect("write the rules");
    daemon.notify(Signal::SIGHUP);
    crate::wait::until("the daemon to read the rules", || {
        daemon.log().contains("read the rules again").then_some(())
    });
    let report = stage.trigger(&["connect", "udp", "127.0.0.1:9"]);
    let place = Place::Host(stage.lab);
    place.expect(&daemon, &report, "connect", |_| true);
    without_a_daemon(stage);
    let report = stage.trigger(&["connect", "udp", "127.0.0.1:9"]);
    place.expect(&daemon, &report, "connect", |_| true);
    daemon.stop();
}

/// They were read at the start. They stay in use, and nobody has to wait for the day on which they
/// are read again to hear that it fails.
fn rules_of_root(stage: &Stage<'_>) {
    let folder = stage.dir("rules");
    let file = folder.join("secret.yaml");
    fs::write(&file, EVERY_ACT).expect("write the rules");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("hide the rules");
    let daemon = stage.daemon(Options {
        rules: None,
        keys: format!("rules: [{folder:?}]"),
        ..Options::default()
    });
    let finding = daemon.expect_document("a finding", |it| {
        it["runmon"]["document"] == "finding" && it["rule"]["name"] == "Rules cannot be reloaded"
    });
    let message = finding["message"].as_str().unwrap_or_default();
    assert!(message.contains("secret.yaml") && message.contains("`run_as`"), "{finding:#}");
    let report = stage.trigger(&["exec", "plain"]);
    Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("show the rules");
    crate::wait::until("the daemon to read the rules", || {
        daemon.log().contains("read the rules again").then_some(())
    });
    daemon.stop();
}

/// Files of a directory that only root may write to.
fn rotated(stage: &Stage<'_>) {
    let log = stage.dir("log").join("alerts");
    let sinks =
        item(&format!("kind: \"file\"\npath: {log:?}\nrotate_bytes: 2000\nformat: \"ecs\""));
    let daemon = stage.daemon(Options { sinks, ..Options::default() });
    for _ in 0..3 {
        let report = stage.trigger(&["exec", "plain"]);
        Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    }
    crate::wait::until("a rotated file", || log.with_extension("1").exists().then_some(()));
    // A file that somebody moved is made anew.
    let moved = log.with_extension("moved");
    crate::wait::until("a file to move", || fs::rename(&log, &moved).ok());
    stage.trigger(&["exec", "plain"]);
    crate::wait::until("a new file", || log.exists().then_some(()));
    daemon.stop();
}

/// Without a keeper nothing is seen: that is not kept quiet.
fn keeper_dies(stage: &Stage<'_>) {
    let daemon = stage.watch();
    signal_keeper(&daemon, Signal::SIGKILL);
    daemon.fails("the keeper is gone");
}

/// Nor is one waited for that does not answer: the daemon says so, and its supervisor starts it
/// anew. The keeper goes with it.
fn keeper_hangs(stage: &Stage<'_>) {
    let daemon = stage.watch();
    await_confined(&daemon);
    let keeper = signal_keeper(&daemon, Signal::SIGSTOP);
    let stopped = Instant::now();
    daemon.fails("the keeper does not answer");
    assert!(stopped.elapsed() < ANSWER_MAX, "{:?}", stopped.elapsed());
    await_end(keeper);
}

/// Without a line it ends, whatever became of it before.
fn keeper_is_left(stage: &Stage<'_>) {
    let daemon = stage.watch();
    await_confined(&daemon);
    let keeper = signal_keeper(&daemon, Signal::SIGSTOP);
    daemon.kill();
    await_end(keeper);
}

/// How long it may take until a keeper that does not answer is given up: ten seconds, and some on
/// emulated machines.
const ANSWER_MAX: Duration = Duration::from_secs(30);

fn signal_keeper(daemon: &Daemon, signal: Signal) -> u32 {
    let keeper = daemon.keeper().expect("a keeper");
    let pid = Pid::from_raw(i32::try_from(keeper).expect("a process id"));
    kill(pid, signal).expect("signal the keeper");
    keeper
}

/// Who ended has no program any more, also where nobody asked yet how it ended.
fn await_end(pid: u32) {
    let program = format!("/proc/{pid}/exe");
    crate::wait::until("the keeper to end", || fs::read_link(&program).is_err().then_some(()));
}

fn kept_in_one(stage: &Stage<'_>) {
    let keys = "run_as: \"root\"".to_owned();
    let rules = Some(EVERY_ACT.to_owned());
    let daemon = stage.daemon(Options { keys, rules, ..Options::default() });
    assert_eq!(daemon.keeper(), None);
    assert_eq!(status(&format!("/proc/{}/status", daemon.pid()), "Uid:"), "0\t0\t0\t0");
    let report = stage.trigger(&["exec", "plain"]);
    Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    daemon.stop();
}

/// Commands that look at containers and the host are another user without capabilities, under
/// seccomp, and open none of the files that they judge: the keeper does.
fn commands(stage: &Stage<'_>) {
    let (runc, name) = (Runc::start(&stage.engine_dir("r")), stage.name("looked"));
    runc.run_as(&name, &stage.dir("host"), &[crate::image::TRIGGER, "nap", "600000"], |_| {});
    let bundle = format!("{name}/config.json");
    let root = stage.dir("root");
    let settings = root.join("etc/docker/daemon.json");
    fs::create_dir_all(settings.parent().expect("a directory")).expect("make it");
    fs::write(&settings, "{}").expect("write settings");
    let root = root.to_str().expect("a plain path");
    let host = "proc/sys/kernel/osrelease";
    for (args, file) in [
        (&["diff", &name][..], &*bundle),
        (&["report"], &bundle),
        (&["posture", &name], &bundle),
        (&["posture", "host"], host),
        (&["posture", "--root", root], "etc/docker/daemon.json"),
        (&["inventory", "host"], "etc/os-release"),
    ] {
        looked_at_without(stage, args, file);
    }
}

/// A command opens a file by the keeper only, and has no privileges.
fn looked_at_without(stage: &Stage<'_>, args: &[&str], file: &str) {
    let trace = stage.dir("trace").join("trace");
    let config = stage.configuration(&Options::default());
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=openat,openat2,exit_group"]);
    // So long it can be looked at before it is gone.
    strace.args(["-e", "inject=exit_group:delay_enter=500000", "-o"]).arg(&trace);
    strace.arg(runmon()).args(args).arg("--config").arg(config);
    let mut ran = strace.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("start strace");
    let children = format!("/proc/{0}/task/{0}/children", ran.id());
    let command: u32 = crate::wait::until("the command to give its privileges up", || {
        let children = fs::read_to_string(&children).ok()?;
        let child = children.split_whitespace().next()?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        status.contains("Seccomp:\t2").then_some(child)
    });
    let path = format!("/proc/{command}/status");
    assert_eq!(status(&path, "CapPrm:"), "0000000000000000", "{args:?}");
    assert!(!status(&path, "Uid:").split_whitespace().any(|uid| uid == "0"), "{args:?}");
    let code = ran.wait().expect("wait for strace").code();
    assert!(code == Some(0) || code == Some(1), "{args:?}: {code:?}");
    let trace = fs::read_to_string(trace).expect("what was opened");
    let opened = trace.lines().filter(|line| line.contains(file) && !line.contains("= -1"));
    let (own, keepers): (Vec<&str>, Vec<&str>) =
        opened.partition(|line| line.starts_with(&format!("{command} ")));
    assert_eq!(own, Vec::<&str>::new(), "{args:?}");
    assert!(!keepers.is_empty(), "{args:?}: {trace}");
}
