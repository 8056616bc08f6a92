//! What can be asked of a running daemon over its socket.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Case;
use super::command_line::as_nobody;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, is_alert, is_heartbeat};
use crate::lab::{Ran, Stage};

pub(super) const CASES: &[Case] = &[
    Case::new("control::rules_are_switched_off_for_a_time", switched_off),
    Case::new("control::who_may_not_ask_is_refused", refused),
    Case::new("control::status_says_how_it_is", status),
];

/// Only starts of busybox.
fn rules() -> String {
    EVERY_ACT.replace(EVERY_ACT_CONDITION, "evt.type = execve and proc.name = busybox")
}

fn act() {
    let status = Command::new("/bin/busybox").arg("true").status();
    assert!(status.expect("start busybox").success());
}

/// A daemon, and the arguments that name it to others.
fn start(stage: &Stage<'_>) -> (Daemon, Vec<String>) {
    let run_dir = Some(stage.dir("shared"));
    let keys = "heartbeat_seconds: 1".to_owned();
    let options = Options { rules: Some(rules()), keys, run_dir, ..Options::default() };
    let config = stage.configuration(&options);
    let config = config.to_str().expect("a plain path").to_owned();
    (stage.daemon(options), vec!["-c".to_owned(), config])
}

fn ask(stage: &Stage<'_>, at: &[String], args: &[&str]) -> Ran {
    let args = ["rules"].iter().chain(args).map(|arg| (*arg).to_owned());
    stage.runmon(args.chain(at.iter().cloned()))
}

fn alerts(daemon: &Daemon) -> usize {
    daemon.documents().iter().filter(|it| is_alert(it)).count()
}

/// Waits for a heartbeat that says this of the rule.
fn expect_state(daemon: &Daemon, what: &str, holds: impl Fn(&Value) -> bool) {
    daemon.expect_document(what, |it| {
        let states = it["runmon"]["rule_states"].as_array();
        is_heartbeat(it) && states.is_some_and(|states| states.iter().any(&holds))
    });
}

fn expect_more_alerts(daemon: &Daemon, what: &str) {
    let before = alerts(daemon);
    crate::wait::until(what, || {
        act();
        (alerts(daemon) > before).then_some(())
    });
}

/// Numbers come in time: what is asked for is asked for again.
fn expect_status(stage: &Stage<'_>, at: &[String], what: &str, holds: impl Fn(&Value) -> bool) {
    let args: Vec<String> = ["status", "--json"]
        .iter()
        .map(|arg| (*arg).to_owned())
        .chain(at.iter().cloned())
        .collect();
    crate::wait::until(what, || {
        let ran = stage.runmon(args.iter().cloned());
        let status: Value = serde_json::from_str(&ran.stdout).expect("a status is JSON");
        (ran.code == Some(0) && holds(&status)).then_some(())
    });
}

fn status(stage: &Stage<'_>) {
    let nobody = stage.dir("nobody").join("config.yaml");
    fs::write(&nobody, format!("run_dir: {}\n", stage.dir("empty").display())).expect("write");
    let ran = stage.runmon(["status", "-c", nobody.to_str().expect("a plain path")]);
    ran.assert(1, &["no runmon named `default` is running here", "hint: `runmon run` starts one"]);

    let (daemon, at) = start(stage);
    expect_more_alerts(&daemon, "the rule to match");
    expect_status(stage, &at, "an alert that is delivered", |it| {
        let rule = &it["rule_states"][0];
        let sink = &it["sinks"][0];
        it["document"] == "status"
            && it["ready"] == true
            && it["pid"] == daemon.pid()
            && it["rules"] == 1
            && rule["id"] == "every_act"
            && rule["alerts"].as_u64() >= Some(1)
            && sink["delivered"].as_u64() >= Some(1)
            && sink["number"].as_u64() >= Some(1)
    });
    let measured = ["status", "--cost"].map(str::to_owned).into_iter().chain(at.clone());
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| stage.runmon(measured));
        // What costs something, until it is measured.
        while !running.is_finished() {
            act();
        }
        running.join().expect("run runmon")
    });
    ran.assert(0, &[]);
    for expected in [": ready\n", "every_act", "Sinks     1;", "sched_process_exec", "ns/run"] {
        assert!(ran.stdout.contains(expected), "{expected}: {ran:#?}");
    }
    assert!(!ran.stdout.contains("--cost measures"), "{ran:#?}");
    daemon.stop();
}

fn switched_off(stage: &Stage<'_>) {
    let (daemon, at) = start(stage);
    expect_more_alerts(&daemon, "the rule to match");
    let ran = ask(stage, &at, &["disable", "Every act", "--for", "1h"]);
    ran.assert(0, &[]);
    assert!(ran.stdout.starts_with("`Every act` is off until 2"), "{ran:#?}");
    let quiet_at = alerts(&daemon);
    let is_off = |state: &Value, matches: u64| {
        state["id"] == "every_act"
            && state["off"] == true
            && state["off_until"].is_string()
            && state["switched_off"].as_u64() >= Some(matches)
    };
    act();
    expect_state(&daemon, "a rule that is off", |state| is_off(state, 1));
    // It stays off when the rules are read again.
    daemon.notify(Signal::SIGHUP);
    crate::wait::until("the daemon to read the rules", || {
        daemon.log().contains("read the rules again").then_some(())
    });
    act();
    expect_state(&daemon, "a rule that is still off", |state| is_off(state, 2));
    assert_eq!(alerts(&daemon), quiet_at, "alerts of a rule that is off");
    let log = daemon.log();
    for word in ["WARN", "a rule is switched off", "Every act", "uid=0", "pid="] {
        assert!(log.contains(word), "nothing was said of `{word}`: {log}");
    }
    let ran = ask(stage, &at, &["enable", "every_act"]);
    assert_eq!(ran.assert(0, &[]).stdout, "`Every act` is on again\n");
    expect_more_alerts(&daemon, "the rule to match again");
    // It comes on by itself.
    ask(stage, &at, &["disable", "every_act", "--for", "1s"]).assert(0, &[]);
    expect_more_alerts(&daemon, "the rule to come on by itself");
    let ran = ask(stage, &at, &["enable", "every_act"]);
    assert_eq!(ran.assert(0, &[]).stdout, "`Every act` was not switched off\n");
    daemon.stop();
}

fn refused(stage: &Stage<'_>) {
    let (daemon, at) = start(stage);
    let disable = |args: &[&str]| ask(stage, &at, &[&["disable"], args].concat());
    disable(&["Evry act", "--for", "1h"]).assert(2, &["did you mean `Every act`?"]);
    disable(&["every_act", "--for", "169h"]).assert(2, &["1s to 168h", "hint"]);
    disable(&["every_act"]).assert(2, &["--for"]);
    let other = disable(&["every_act", "--for", "1h", "--instance", "other"]);
    other.assert(1, &["no runmon named `other` is running", "hint"]);
    let args = ["rules", "disable", "every_act", "--for", "1h"].map(str::to_owned);
    let args: Vec<&str> = args.iter().chain(&at).map(String::as_str).collect();
    as_nobody(stage, &args).assert(1, &["may not be asked", "sudo"]);
    let options: String = fs::read_to_string(at.last().expect("a path")).expect("read it");
    let run_dir = options.lines().find_map(|line| line.strip_prefix("run_dir: "));
    let socket = run_dir.expect("a run_dir").trim_matches('"').to_owned();
    let socket = format!("{socket}/instances/default.sock");
    let mode = fs::metadata(&socket).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.stop();
    assert!(fs::metadata(&socket).is_err(), "the socket is left");
    disable(&["every_act", "--for", "1h"]).assert(1, &["no runmon named `default` is running"]);
}
