//! What runs on every kernel, in every run: the shortest way through everything.

use super::Case;
use crate::lab::{Hooks, Stage};
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case::new("smoke::container_runs_triggers", container_runs_triggers),
    Case::each("smoke::every_kind_is_seen_in_a_container", every_kind_is_seen_in_a_container),
];

/// The container runtime works here.
fn container_runs_triggers(stage: &Stage<'_>) {
    let container = stage.containerd().run(&stage.name("smoke"), &[]);
    let report = container.trigger(&["open", "/etc/passwd"]);
    assert_eq!(report.errno, 0, "{report}");
    let cgroup = std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid()));
    let cgroup = cgroup.expect("the container's first process runs");
    assert!(cgroup.contains(container.id()), "{cgroup}");
}

/// One act of each kind, with who, where, and the hooks that were asked for.
fn every_kind_is_seen_in_a_container(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("smoke"), &[]);
    let place = Place::In(&container);
    let any = |_: &serde_json::Value| true;

    let started = place.trigger(&["exec", "plain"]);
    place.expect(&daemon, &started, "exec", |it| it["process"]["args"][1] == "nap");
    place.expect(&daemon, &started, "exit", any);
    let connected = place.trigger(&["connect", "udp", "127.0.0.1:9"]);
    place.expect(&daemon, &connected, "connect", any);
    let sent = place.trigger(&["sendto", "127.0.0.1:9"]);
    place.expect(&daemon, &sent, "send", any);
    let opened = place.trigger(&["open", "/etc/passwd"]);
    let alert = place.expect(&daemon, &opened, "file_open_write", any);
    assert_eq!(alert["file"]["path"], "/etc/passwd");

    let ended = daemon.stop();
    let hooks = ended.heartbeat()["runmon"]["hooks"].as_array().cloned().unwrap_or_default();
    for kind in ["connect", "send", "file_open"] {
        let hook = hooks.iter().find(|hook| hook["kind"] == kind);
        let backend = hook.map(|hook| hook["backend"].clone()).unwrap_or_default();
        if stage.hooks != Hooks::Auto {
            assert_eq!(backend, stage.hooks.name(), "{kind}");
        }
    }
}
