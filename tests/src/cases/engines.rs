//! Containers of other engines than containerd: who they are, also for the first program of each of
//! twenty that start together.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options};
use crate::engines::{Docker, Engine, Podman, Runc};
use crate::image;
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::with(&["dockerd"], "engines::twenty_of_docker", of_docker),
    Case::with(&["podman"], "engines::twenty_of_podman", of_podman),
    Case::new("engines::twenty_of_runc", of_runc),
    Case::new("engines::one_whose_cgroup_is_called_otherwise", cgroup_of_another_name),
];

const TWENTY: usize = 20;

/// A daemon that looks at what the containers start: the machine does much else meanwhile.
fn watch(stage: &Stage<'_>) -> Daemon {
    let condition = "evt.type = execve and proc.name = trigger";
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, condition);
    stage.daemon(Options { rules: Some(rules), ..Options::default() })
}

/// Starts twenty containers as fast as it goes; the first alert of each, by name.
fn first_execs(stage: &Stage<'_>, daemon: &Daemon, engine: &impl Engine) -> Vec<(String, Value)> {
    let host = stage.dir("host");
    let names: Vec<String> = (0..TWENTY).map(|_| stage.name("many")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            // Its exec tells its name, so that a mistake is seen.
            let host = &host;
            scope.spawn(move || engine.run(name, host, &[image::TRIGGER, "nap", "600000", name]));
        }
    });
    let first = |name: String| {
        let exec = daemon.expect(&format!("the first exec of {name}"), |it| {
            it["event"]["action"] == "exec"
                && it["process"]["args"][1] == "nap"
                && it["process"]["args"][3] == name.as_str()
        });
        (name, exec)
    };
    let all: Vec<(String, Value)> = names.into_iter().map(first).collect();
    let ids: BTreeSet<&str> =
        all.iter().filter_map(|(_, exec)| exec["container"]["id"].as_str()).collect();
    assert_eq!(ids.len(), TWENTY, "{ids:#?}");
    let mount = host.to_str().expect("a plain path");
    for (name, exec) in &all {
        let container = &exec["container"];
        assert_eq!(container["name"], name.as_str(), "{container:#}");
        assert_eq!(container["security_context"]["privileged"], false, "{container:#}");
        assert!(container["started"].is_string(), "{container:#}");
        let mounts = container["mounts"].as_array().into_iter().flatten();
        let of_host: Vec<&Value> = mounts.filter(|it| it["source"] == mount).collect();
        assert!(matches!(of_host[..], [it] if it["destination"] == "/host"), "{container:#}");
        assert!(of_host.iter().all(|it| it["writable"] == false), "{container:#}");
        assert!(exec["orchestrator"].is_null(), "{exec:#}");
    }
    all
}

fn of_docker(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let daemon = watch(stage);
    for (_, exec) in first_execs(stage, &daemon, &docker) {
        let container = &exec["container"];
        assert_eq!(container["runtime"], "docker", "{container:#}");
        assert_eq!(container["image"]["name"], image::NAME, "{container:#}");
        assert_eq!(container["labels"]["tier"], "web", "{container:#}");
        assert_eq!(container["known_from"]["name"], "docker", "{container:#}");
        // The bundle tells what Docker's own files do not.
        assert_eq!(container["known_from"]["capabilities"], "bundle", "{container:#}");
        assert!(container["unknown_because"].is_null(), "{container:#}");
    }
    daemon.stop();
}

fn of_podman(stage: &Stage<'_>) {
    let podman = Podman::start(&stage.engine_dir("p"));
    let daemon = watch(stage);
    let digest = podman.image_digest();
    for (_, exec) in first_execs(stage, &daemon, &podman) {
        let container = &exec["container"];
        assert_eq!(container["runtime"], "podman", "{container:#}");
        assert_eq!(container["image"]["name"], image::NAME, "{container:#}");
        assert_eq!(container["image"]["hash"]["all"], digest.as_str(), "{container:#}");
        assert_eq!(container["known_from"]["name"], "storage", "{container:#}");
        // It keeps labels in a database.
        assert_eq!(container["unknown_because"]["labels"], "not_in_bundle", "{container:#}");
    }
    daemon.stop();
}

fn of_runc(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let daemon = watch(stage);
    for (name, exec) in first_execs(stage, &daemon, &runc) {
        assert_of_runc(&name, &exec["container"]);
    }
    daemon.stop();
}

/// Only what runc keeps says whose the cgroup is.
fn cgroup_of_another_name(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let daemon = watch(stage);
    let (name, host) = (stage.name("named"), stage.dir("host"));
    let command = [image::TRIGGER, "nap", "600000", &name];
    runc.run_in(&name, &format!("/of-{name}"), &host, &command);
    let exec = daemon.expect("its first exec", |it| {
        it["event"]["action"] == "exec" && it["process"]["args"][3] == name.as_str()
    });
    assert_of_runc(&name, &exec["container"]);
    daemon.stop();
}

fn assert_of_runc(name: &str, container: &Value) {
    assert_eq!(container["id"], name, "{container:#}");
    assert_eq!(container["runtime"], "runc", "{container:#}");
    // There is no image: that is no fact which is missing.
    assert!(container["image"].is_null(), "{container:#}");
    assert!(container["unknown_because"].is_null(), "{container:#}");
}
