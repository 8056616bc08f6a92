//! What is done to the monitor itself, and what it notices of it.

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, EVERY_ACT, Options, is_alert, is_heartbeat};
use crate::lab::{Hooks, Stage};
use crate::links;
use crate::maps;
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "self_watch::a_silent_hook_is_told_of",
        needs: &[],
        programs: &[],
        is_long: false,
        is_for_guests: false,
        // Only links to cgroups can be detached by others.
        hooks: &[Hooks::Fallback],
        run: silent_hook,
    },
    Case::new("self_watch::a_map_that_was_changed_is_put_right", changed_map),
    Case::new("self_watch::every_hook_with_a_canary_goes_on_firing", goes_on_firing),
    Case::new("self_watch::a_doctor_beside_it_is_no_attack", doctor_beside_it),
    Case::each("self_watch::attempts_on_the_monitor_are_alerts", attempts),
];

const DETACHED: &str = "\
- rule: detached
  desc: d
  condition: evt.type = bpf and evt.arg.cmd = BPF_LINK_DETACH
  output: o
  priority: critical
";

/// `BPF_CGROUP_INET4_CONNECT`.
const CONNECT4: u32 = 10;

/// An intruder detaches a program: that is told of, it is told that the hook went silent, and it is
/// attached again.
fn silent_hook(stage: &Stage<'_>) {
    let keys = "heartbeat_seconds: 1".to_owned();
    // The shipped rule leaves programs alone that are started by a build tool, as this one may be.
    let rules = Some([EVERY_ACT, DETACHED].concat());
    let daemon = stage.daemon(Options { keys, rules, ..Options::default() });
    let links = links::to_cgroups(daemon.holder());
    let link = links.iter().find(|(_, kind)| *kind == CONNECT4);
    let (id, _) = link.unwrap_or_else(|| panic!("no link for connect4 among {links:?}"));
    links::detach(*id).expect("detach a link");
    expect_by(&daemon, "detached", std::process::id());
    let found = daemon.expect_document("the silent hook", |document| {
        document["rule"]["name"] == "A hook went silent"
    });
    let text = found["message"].as_str().unwrap_or_default();
    assert!(text.contains("cgroup/connect4") && text.contains("attached again"), "{text}");
    // And so it is.
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["connect", "udp", "127.0.0.1:9"]);
    place.expect(&daemon, &report, "connect", |_| true);
    daemon.stop();
}

/// An intruder has the kernel leave out all opens: that is told, and they are seen again.
fn changed_map(stage: &Stage<'_>) {
    let keys = "heartbeat_seconds: 1".to_owned();
    let daemon = stage.daemon(Options { keys, ..Options::default() });
    let is_finding = |it: &Value| it["rule"]["name"] == "A map of the monitor was changed";
    let findings = || daemon.documents().iter().filter(|it| is_finding(it)).count();
    // The first place of an array; a name that the filter was not given.
    for (at, (map, key, value)) in [
        (".data.FILTER", vec![0; 4], vec![9, u64::MAX, 0]),
        (".data.WANTED", vec![0; 4], vec![0]),
        ("FILTER_NAMES", vec![1; 48], vec![0, 20]),
        ("CALL_SPECS", vec![0; 4], vec![7; 8]),
        ("ENV_WANTED", vec![0; 4], vec![0; 32]),
        ("OWN_OBJECTS", vec![9; 8], vec![1]),
    ]
    .into_iter()
    .enumerate()
    {
        let map_of = maps::of(daemon.holder(), map).expect("reach the map");
        maps::write(&map_of, &key, &value).expect("write to the map");
        crate::wait::until("a finding", || (findings() > at).then_some(()));
    }
    let text = |it: &Value| it["message"].as_str().unwrap_or_default().to_owned();
    let told: Vec<String> =
        daemon.documents().iter().filter(|it| is_finding(it)).map(text).collect();
    for (text, map) in told.iter().zip([
        "map FILTER",
        "map WANTED",
        "map FILTER",
        "map CALL_SPECS",
        "map ENV_WANTED",
        "map OWN_OBJECTS",
    ]) {
        assert!(text.contains(map), "{told:#?}");
    }
    let place = Place::Host(stage.lab);
    let path = stage.dir("changed").join("file");
    let report = place.trigger(&["open", path.to_str().expect("plain"), "--mode", "create"]);
    place.expect(&daemon, &report, "file_create", |_| true);
    // What is right again is not told of again.
    let beats = || daemon.documents().iter().filter(|it| is_heartbeat(it)).count();
    let before = beats();
    crate::wait::until("two heartbeats", || (beats() >= before + 2).then_some(()));
    assert_eq!(findings(), 6);
    daemon.stop();
}

/// Nothing is told of while nothing is wrong, and the canary's own acts are not told of.
fn goes_on_firing(stage: &Stage<'_>) {
    let keys = "heartbeat_seconds: 1".to_owned();
    let daemon = stage.daemon(Options { keys, rules: None, ..Options::default() });
    let third = |document: &Value| is_heartbeat(document) && document["event"]["sequence"] == 3;
    daemon.expect_document("a third heartbeat", third);
    let ended = daemon.stop();
    let findings: Vec<_> =
        ended.documents.iter().filter(|it| it["runmon"]["document"] == "finding").collect();
    assert!(findings.is_empty(), "{findings:#?}");
    let hooks = ended.heartbeat()["runmon"]["hooks"].as_array().expect("hooks").clone();
    let programs = hooks.iter().flat_map(|hook| hook["programs"].as_array().expect("programs"));
    let fires: Vec<&Value> = programs.map(|program| &program["fires"]).collect();
    assert!(fires.iter().filter(|fires| **fires == true).count() >= 8, "{hooks:#?}");
    assert!(fires.iter().all(|fires| **fires != false), "{hooks:#?}");
    let own = |it: &&Value| is_alert(it) && it["process"]["args"][1] == "canary-child";
    assert_eq!(ended.documents.iter().find(own), None);
}

/// By the shipped rules: a doctor tries the same hooks, and lets what is the daemon's alone.
fn doctor_beside_it(stage: &Stage<'_>) {
    let daemon = stage.daemon(Options { rules: None, ..Options::default() });
    stage.runmon(["doctor", "--hooks", stage.hooks.name()]).assert(0, &[]);
    let ended = daemon.stop();
    let of_doctor = |it: &&Value| is_alert(it) && it["process"]["args"][1] == "doctor";
    assert_eq!(ended.documents.iter().find(of_doctor), None);
}

/// By the shipped rules.
fn attempts(stage: &Stage<'_>) {
    let daemon = stage.daemon(Options { rules: None, ..Options::default() });
    let dir = stage.dir("attempts");
    let dir = dir.to_str().expect("a plain path");
    let pid = daemon.pid().to_string();
    for deed in ["seize", "take-map", "memory", "thread-memory"] {
        attempt(stage, &daemon, "Monitor traced", &["deed", deed, dir, "--pid", &pid]);
    }
    attempt(stage, &daemon, "Monitor signalled", &["deed", "stop", dir, "--pid", &pid]);
    daemon.stop();
}

fn attempt(stage: &Stage<'_>, daemon: &Daemon, rule: &str, args: &[&str]) {
    let report = stage.trigger(args);
    assert_eq!(report.errno, 0, "{report}");
    expect_by(daemon, rule, report.pid.unsigned_abs());
}

fn expect_by(daemon: &Daemon, rule: &str, pid: u32) {
    daemon.expect(rule, |alert| {
        let mut names = alert["runmon"]["rules"].as_array().into_iter().flatten();
        names.any(|it| it["name"] == rule) && alert["process"]["pid"] == pid
    });
}
