//! How a process came to run in its container.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::Case;
use super::engines::watch;
use crate::cri::{self, Pod, RunningPod};
use crate::daemon::Daemon;
use crate::engines::{Docker, Engine, Podman, Runc};
use crate::image;
use crate::lab::{Stage, trigger_path};

pub(super) const CASES: &[Case] = &[
    Case::with(&["dockerd"], "origins::in_docker", in_docker),
    Case::with(&["dockerd"], "origins::a_health_check_of_docker", health_check),
    Case::with(&["podman"], "origins::in_podman", in_podman),
    Case::with(&["script"], "origins::in_runc", in_runc),
    Case::new("origins::probes_of_a_pod", probes),
    Case::new("origins::who_was_there_before", before),
    Case::new("origins::on_the_host", on_host),
];

/// The origin of the program that was started with this word.
fn origin(daemon: &Daemon, word: &str) -> Value {
    let exec = daemon.expect(&format!("the exec of {word}"), |it| {
        it["event"]["action"] == "exec"
            && it["process"]["args"][1] == "nap"
            && it["process"]["args"][3] == word
    });
    assert_eq!(exec["process"]["entry_meta"]["type"], "container", "{exec:#}");
    exec["runmon"]["origin"].clone()
}

/// What it starts itself, and what is put into it with a terminal and without.
fn check(stage: &Stage<'_>, engine: &impl Engine) {
    let daemon = watch(stage);
    let (name, host) = (stage.name("origin"), stage.dir("host"));
    engine.run(&name, &host, &[image::TRIGGER, "nap", "600000", "first"]);
    assert_eq!(origin(&daemon, "first"), "entrypoint");
    engine.exec(&name, false, &[image::TRIGGER, "nap", "0", "piped"]);
    assert_eq!(origin(&daemon, "piped"), "exec");
    engine.exec(&name, true, &[image::TRIGGER, "nap", "0", "typed"]);
    assert_eq!(origin(&daemon, "typed"), "interactive_exec");
    // What came of it is what it was.
    let nested = [image::TRIGGER, "exec", "plain", "--", "nap", "0", "nested"];
    engine.exec(&name, true, &nested);
    assert_eq!(origin(&daemon, "nested"), "interactive_exec");
    daemon.stop();
}

fn in_docker(stage: &Stage<'_>) {
    check(stage, &Docker::start(&stage.engine_dir("d")));
}

fn in_podman(stage: &Stage<'_>) {
    check(stage, &Podman::start(&stage.engine_dir("p")));
}

fn in_runc(stage: &Stage<'_>) {
    check(stage, &Runc::start(&stage.engine_dir("r")));
}

/// Docker's own check, and the same program with other words.
fn health_check(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let daemon = watch(stage);
    let name = stage.name("healthy");
    let check = format!("{} nap 0 check", image::TRIGGER);
    docker.run_with_check(&name, &check, &[image::TRIGGER, "nap", "600000", "first"]);
    assert_eq!(origin(&daemon, "first"), "entrypoint");
    assert_eq!(origin(&daemon, "check"), "healthcheck");
    docker.exec(&name, false, &[image::TRIGGER, "nap", "0", "check_not"]);
    assert_eq!(origin(&daemon, "check_not"), "exec");
    daemon.stop();
}

/// A kubelet runs a probe like any other command: only the pod's annotation tells which it is.
fn probes(stage: &Stage<'_>) {
    let socket = stage.containerd().for_pods();
    let daemon = watch(stage);
    let host = stage.dir("host");
    let [live, ready, other] =
        ["live", "ready", "other"].map(|word| [image::TRIGGER, "nap", "0", word]);
    let probe = |command: &[&str]| serde_json::json!({ "exec": { "command": command } });
    let applied = serde_json::json!({ "spec": { "containers": [{
        "name": cri::CONTAINER, "livenessProbe": probe(&live), "readinessProbe": probe(&ready),
    }] } });
    let annotations = [("kubectl.kubernetes.io/last-applied-configuration", &*applied.to_string())];
    let name = stage.name("probed");
    let pod = Pod {
        name: &name,
        labels: &[],
        annotations: &annotations,
        host: &host,
        privileged: false,
        command: &[image::TRIGGER, "nap", "600000", "first"],
    };
    let running = RunningPod::start(&socket, &pod);
    assert_eq!(origin(&daemon, "first"), "entrypoint");
    for (command, word, expected) in [
        (live, "live", "liveness_probe"),
        (ready, "ready", "readiness_probe"),
        (other, "other", "exec"),
    ] {
        running.exec(&command);
        assert_eq!(origin(&daemon, word), expected);
    }
    drop(running);
    daemon.stop();
}

/// Of processes that were there before the monitor, their parents tell.
fn before(stage: &Stage<'_>) {
    let container = stage.containerd().run(&stage.name("old"), &[]);
    let daemon = stage.watch();
    let report = container.trigger(&["exec", "plain", "--", "nap", "0", "put_in"]);
    assert_eq!(report.errno, 0);
    assert_eq!(origin(&daemon, "put_in"), "exec");
    daemon.stop();
}

/// A program that lets sessions in tells what comes of it, if it is one of the system's.
fn on_host(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let elsewhere = stage.dir("elsewhere");
    let elsewhere = elsewhere.to_str().expect("a plain path");
    for (directory, door, expected) in [
        ("/usr/libexec", "sshd-session", Some(("ssh", Some("sshd")))),
        ("/usr/libexec", "crond", Some(("cron", None))),
        ("/usr/libexec", "login", Some(("login", Some("console")))),
        (elsewhere, "sshd-session", None),
    ] {
        let word = stage.name("word");
        // In a mount namespace of its own: this host's programs stay what they are.
        let script = "mount -t tmpfs none \"$2\" && cp \"$0\" \"$2/$3\" \
                      && \"$2/$3\" exec vfork --program \"$0\" -- nap 0 \"$1\"";
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", script]).arg(trigger_path());
        shell.args([&word, directory, door]).stdin(Stdio::null());
        let output = shell.output().expect("start unshare");
        assert!(output.status.success(), "{output:?}");
        let exec = daemon.expect(&format!("the exec of {word}"), |it| {
            it["event"]["action"] == "exec"
                && it["process"]["args"][1] == "nap"
                && it["process"]["args"][3] == word.as_str()
        });
        let way = exec["runmon"]["origin"].as_str();
        assert_eq!(way, expected.map(|(way, _)| way), "{exec:#}");
        let entry = exec["process"]["entry_meta"]["type"].as_str();
        assert_eq!(entry, expected.and_then(|(_, entry)| entry), "{exec:#}");
    }
    daemon.stop();
}
