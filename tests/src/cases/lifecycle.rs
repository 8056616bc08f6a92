//! The daemon's life: start, several at once, rules that change, the end.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;

use super::Case;
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Options, is_alert, item};
use crate::lab::Stage;
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case::new("lifecycle::smoke_nothing_is_left_after_the_end", |stage| {
        stage.watch().stop();
    }),
    Case::new("lifecycle::nothing_is_left_after_a_kill", |stage| {
        stage.watch().kill();
    }),
    Case::new("lifecycle::embedded_rules_are_the_default", |stage| {
        let daemon = stage.daemon(Options { rules: None, ..Options::default() });
        let ended = daemon.stop();
        let rules = ended.heartbeat()["runmon"]["rules"].as_u64().unwrap_or_default();
        assert!(rules >= 12, "{rules} embedded rules are on");
    }),
    Case::new("lifecycle::heartbeats_come_each_interval", heartbeats),
    Case::new("lifecycle::second_instance_is_refused", second_instance),
    Case::new("lifecycle::named_instances_leave_each_other_out", named_instances),
    Case::new("lifecycle::own_acts_are_left_out", own_acts),
    Case::new("lifecycle::rules_are_read_again", rules_are_read_again),
    Case::new("lifecycle::changed_rule_files_are_read", changed_files_are_read),
    Case::new("lifecycle::hooks_come_with_the_rules", hooks_come_with_the_rules),
    Case::new("lifecycle::it_ends_after_its_time", ends_after_its_time),
];

fn heartbeats(stage: &Stage<'_>) {
    let keys = "heartbeat_seconds: 1".to_owned();
    let daemon = stage.daemon(Options { keys, ..Options::default() });
    daemon.expect_document("a second heartbeat", |it| {
        crate::daemon::is_heartbeat(it) && it["event"]["sequence"] == 2
    });
    // The numbers are looked at when it ends.
    daemon.stop();
}

fn second_instance(stage: &Stage<'_>) {
    let run_dir = Some(stage.dir("shared"));
    let options = Options { run_dir, ..Options::default() };
    let first = stage.daemon(options.clone());
    let config = stage.configuration(&options);
    let config = config.to_str().expect("a plain path");
    let second = stage.runmon(["run", "-c", config, "--for", "1s"]);
    second.assert(1, &["already running", &first.pid().to_string(), "hint", "--instance"]);
    assert!(second.stdout.is_empty());
    first.stop();
    // The place is free again.
    stage.runmon(["run", "-c", config, "--for", "1s"]).assert(0, &["watching"]);
}

/// Each leaves out what the other one does, and counts it.
fn named_instances(stage: &Stage<'_>) {
    let run_dir = Some(stage.dir("shared"));
    let options = Options { run_dir, ..Options::default() };
    let first = stage.daemon(options.clone());
    let args = ["--instance", "other"].map(str::to_owned).to_vec();
    let log = stage.dir("log").join("alerts");
    // It writes a file, which the first one would see.
    let sinks = item(&format!("kind: \"file\"\npath: {log:?}\nrotate_bytes: 1"));
    let second = stage.daemon(Options { args, sinks, ..options });
    // The first looks for others now and then.
    let place = Place::Host(stage.lab);
    crate::wait::until("the first instance to know the second", || {
        let report = stage.trigger(&["exec", "plain"]);
        place.expect(&first, &report, "exec", |_| true);
        place.expect(&second, &report, "exec", |_| true);
        let since = first.documents().len();
        let report = stage.trigger(&["exec", "plain"]);
        place.expect(&second, &report, "exit", |_| true);
        place.expect(&first, &report, "exit", |_| true);
        let acts = first.documents();
        let of_second = |it: &&serde_json::Value| it["process"]["pid"] == second.pid();
        let told = acts.iter().skip(since).filter(|it| is_alert(it)).filter(of_second).count();
        (told == 0).then_some(())
    });
    let pid = first.pid();
    let ended = second.stop();
    let of_first = ended.documents.iter().filter(|it| it["process"]["pid"] == pid);
    assert_eq!(of_first.count(), 0, "acts of the first instance");
    let ended = first.stop();
    let counters = &ended.heartbeat()["runmon"]["kernel"]["counters"];
    assert!(crate::laws::number(counters, "own_acts") > 0, "{counters:#}");
}

/// A file sink writes; that is not told.
fn own_acts(stage: &Stage<'_>) {
    let log = stage.dir("log").join("alerts");
    let sinks =
        item(&format!("kind: \"file\"\npath: {log:?}\nrotate_bytes: 2000\nformat: \"ecs\""));
    let daemon = stage.daemon(Options { sinks, ..Options::default() });
    let pid = daemon.pid();
    let place = Place::Host(stage.lab);
    for _ in 0..3 {
        let report = stage.trigger(&["exec", "plain"]);
        place.expect(&daemon, &report, "exit", |_| true);
    }
    let ended = daemon.stop();
    let own = ended.documents.iter().filter(|it| it["process"]["pid"] == pid).count();
    assert_eq!(own, 0, "acts of the monitor's own");
    let counters = &ended.heartbeat()["runmon"]["kernel"]["counters"];
    assert!(crate::laws::number(counters, "own_acts") > 0, "{counters:#}");
}

/// Only the program `busybox`, with this id.
fn narrow(id: &str) -> String {
    EVERY_ACT
        .replace("every_act", id)
        .replace("Every act", id)
        .replace(EVERY_ACT_CONDITION, "evt.type = execve and proc.name = busybox")
}

fn rules_are_read_again(stage: &Stage<'_>) {
    let file = stage.dir("rules").join("rules.yaml");
    fs::write(&file, narrow("before")).expect("write the rules");
    let daemon = stage.daemon(Options {
        rules: None,
        keys: format!("rules: [{file:?}]\nwatch_rules: false"),
        ..Options::default()
    });
    act();
    daemon.expect("a match of the first rule", |it| it["rule"]["id"] == "before");
    // A bad file keeps the old set, and says so.
    fs::write(&file, "- rule: broken\n  condition: proc.nam = x\n").expect("write the rules");
    daemon.notify(Signal::SIGHUP);
    crate::wait::until("the daemon to refuse bad rules", || {
        daemon.log().contains("the old rules stay").then_some(())
    });
    daemon.expect_document("a finding", |it| {
        it["runmon"]["document"] == "finding" && it["rule"]["name"] == "Rules cannot be reloaded"
    });
    let before = daemon.documents().iter().filter(|it| is_alert(it)).count();
    act();
    crate::wait::until("the first rule to match again", || {
        let now = daemon.documents().iter().filter(|it| is_alert(it)).count();
        (now > before).then_some(())
    });
    fs::write(&file, narrow("after")).expect("write the rules");
    daemon.notify(Signal::SIGHUP);
    crate::wait::until("the daemon to read the rules", || {
        daemon.log().contains("read the rules again").then_some(())
    });
    act();
    daemon.expect("a match of the second rule", |it| it["rule"]["id"] == "after");
    daemon.stop();
}

fn act() {
    let status = std::process::Command::new("/bin/busybox").arg("true").status();
    assert!(status.expect("start busybox").success());
}

/// As the kubelet brings new files of a ConfigMap: a directory is swapped, and nobody sends a
/// signal. What is refused is told of once.
fn changed_files_are_read(stage: &Stage<'_>) {
    let folder = stage.dir("rules");
    let swap = |version: &str, text: &str| {
        let (directory, link) = (folder.join(version), folder.join("..new"));
        fs::create_dir_all(&directory).expect("make a directory");
        fs::write(directory.join("rules.yaml"), text).expect("write the rules");
        symlink(version, &link).expect("make a link");
        fs::rename(link, folder.join("..data")).expect("swap the directory");
    };
    swap("..1", &narrow("before"));
    symlink("..data/rules.yaml", folder.join("rules.yaml")).expect("make a link");
    let keys = format!("rules: [{folder:?}]");
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    act();
    daemon.expect("a match of the first rule", |it| it["rule"]["id"] == "before");
    swap("..2", "- rule: broken\n  condition: proc.nam = x\n");
    let is_refusal = |it: &serde_json::Value| it["rule"]["name"] == "Rules cannot be reloaded";
    daemon.expect_document("a finding", is_refusal);
    swap("..3", &narrow("after"));
    crate::wait::until("the daemon to read the rules", || {
        daemon.log().contains("read the rules again").then_some(())
    });
    act();
    daemon.expect("a match of the second rule", |it| it["rule"]["id"] == "after");
    let ended = daemon.stop();
    assert_eq!(ended.documents.iter().filter(|it| is_refusal(it)).count(), 1);
}

/// What no rule needs is not attached; what new rules need is attached when they come.
fn hooks_come_with_the_rules(stage: &Stage<'_>) {
    let file = stage.dir("rules").join("rules.yaml");
    fs::write(&file, narrow("exec_only")).expect("write the rules");
    let daemon = stage.daemon(Options {
        rules: None,
        keys: format!("rules: [{file:?}]\nheartbeat_seconds: 1"),
        ..Options::default()
    });
    let has = |it: &serde_json::Value, kind: &str| {
        let hooks = it["runmon"]["hooks"].as_array();
        hooks.is_some_and(|hooks| hooks.iter().any(|hook| hook["kind"] == kind))
    };
    let first = daemon.expect_document("a heartbeat", crate::daemon::is_heartbeat);
    assert!(has(&first, "exec") && !has(&first, "file_open") && !has(&first, "connect"));
    fs::write(&file, EVERY_ACT).expect("write the rules");
    daemon.notify(Signal::SIGHUP);
    daemon.expect_document("a heartbeat with more hooks", |it| {
        crate::daemon::is_heartbeat(it) && has(it, "file_open") && has(it, "connect")
    });
    let report = stage.trigger(&["connect", "udp", "127.0.0.1:9"]);
    Place::Host(stage.lab).expect(&daemon, &report, "connect", |_| true);
    daemon.stop();
}

fn ends_after_its_time(stage: &Stage<'_>) {
    let config = stage.configuration(&Options::default());
    let ran = stage.runmon(["run", "-c", config.to_str().expect("plain"), "--for", "1s"]);
    ran.assert(0, &["watching with 1 rule,"]);
    let last = ran.stdout.lines().last().expect("a last line");
    let last: serde_json::Value = serde_json::from_str(last).expect("a document");
    crate::laws::assert_laws(&[&last], false);
}
