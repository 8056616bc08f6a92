//! Containers of other engines than `ctr`, and of pods: who they are, also for the first program of
//! each of many that start together.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::Case;
use super::containers::{Cgroup, Moved};
use crate::cri::{self, Pod, RunningPod};
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, delay_ms};
use crate::engines::{Docker, Engine, Podman, Runc};
use crate::features::expected_here;
use crate::image;
use crate::lab::{Stage, trigger_path};
use crate::place::assert_image;

pub(super) const CASES: &[Case] = &[
    Case::with(&["dockerd"], "engines::many_of_docker", of_docker),
    Case::with(&["dockerd"], "engines::steps_of_a_build", steps_of_build),
    Case::with(&["podman"], "engines::many_of_podman", of_podman),
    Case::new("engines::many_of_runc", of_runc),
    Case::new("engines::those_of_runc_that_end_at_once", that_end_at_once),
    Case::with(&["dockerd"], "engines::nobody_takes_anothers_name", anothers_name),
    Case::new("engines::the_end_of_a_path_names_nobody", same_end),
    Case::new("engines::one_whose_cgroup_is_called_otherwise", cgroup_of_another_name),
    Case::new("engines::many_pods", many_pods),
    Case::new("engines::a_privileged_pod", privileged_pod),
];

/// A daemon that looks at what the containers start: the machine does much else meanwhile.
pub(super) fn watch(stage: &Stage<'_>) -> Daemon {
    let condition = "evt.type = execve and proc.name = trigger";
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, condition);
    stage.daemon(Options { rules: Some(rules), ..Options::default() })
}

/// Does this with each, many at the same time; what came of it, in any order.
pub(super) fn at_once<T: Sync, A: Send>(things: &[T], act: impl Fn(&T) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(act(thing));
        }
        done
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|it| it.join().expect("a container starts")).collect()
    })
}

/// How many containers are in the making at the same time: more make none the faster.
const AT_ONCE: usize = 8;

/// How much longer an alert with all facts may take than one that waits for none.
const ADDED_MS: f64 = 200.0;

/// Asserts that of a hundred alerts with all facts ninety-nine were there soon. How long a daemon
/// waits for a processor depends on what else runs: the first alert about the same act, which
/// waits for no fact, tells that.
pub(super) fn assert_prompt<'a>(
    stage: &Stage<'_>,
    daemon: &Daemon,
    alerts: impl Iterator<Item = &'a Value>,
) {
    let documents = daemon.documents();
    let is_of = |alert: &Value, it: &Value| it["event"]["id"] == alert["event"]["id"];
    let (mut whole, mut added) = (Vec::new(), Vec::new());
    for alert in alerts {
        let first = documents.iter().find(|it| is_of(alert, it)).expect("there was an alert");
        whole.push(delay_ms(alert));
        added.push(delay_ms(alert) - delay_ms(first));
    }
    let [(half, most, last), of_facts] = [whole, added].map(quantiles);
    eprintln!(
        "{} alerts: after p50 {half:.1}, p99 {most:.1}, max {last:.1} ms; facts added {:.1} ms",
        stage.many(),
        of_facts.1
    );
    // Of twenty, one that waited for a processor would decide; and no emulated machine is asked.
    let counts = stage.is_full && expected_here().is_none();
    assert!(!counts || of_facts.1 <= ADDED_MS, "{of_facts:?}");
}

/// The middle of some values, what 99 of 100 do not exceed, and the largest.
fn quantiles(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
    (at(50), at(99), at(100))
}

/// Starts many containers as fast as it goes; the first alert of each, by name.
fn first_execs(stage: &Stage<'_>, daemon: &Daemon, engine: &impl Engine) -> Vec<(String, Value)> {
    let host = stage.dir("host");
    let names: Vec<String> = (0..stage.many()).map(|_| stage.name("many")).collect();
    at_once(&names, |name| {
        // Its exec tells its name, so that a mistake is seen.
        engine.run(name, &host, &[image::TRIGGER, "nap", "600000", name]);
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
    assert_eq!(ids.len(), stage.many(), "{ids:#?}");
    assert_prompt(stage, daemon, all.iter().map(|(_, exec)| exec));
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
        assert_eq!(container["oci_runtime"], "runc", "{container:#}");
        assert_eq!(container["image"]["name"], image::NAME, "{container:#}");
        assert_eq!(container["labels"]["tier"], "web", "{container:#}");
        assert_eq!(container["known_from"]["name"], "docker", "{container:#}");
        // The bundle tells what Docker's own files do not.
        assert_eq!(container["known_from"]["capabilities"], "bundle", "{container:#}");
        assert!(container["unknown_because"].is_null(), "{container:#}");
    }
    daemon.stop();
}

/// What BuildKit runs is in no container that Docker lists.
fn steps_of_build(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let daemon = watch(stage);
    let name = stage.name("step");
    docker.build(&[image::TRIGGER, "nap", "300", &name]);
    let exec = daemon.expect("the step's exec", |it| {
        it["event"]["action"] == "exec" && it["process"]["args"][3] == name.as_str()
    });
    let container = &exec["container"];
    assert_eq!(container["runtime"], "buildkit", "{container:#}");
    assert_eq!(container["name"], container["id"], "{container:#}");
    assert_eq!(container["security_context"]["privileged"], false, "{container:#}");
    assert_eq!(container["known_from"]["started"], "bundle", "{container:#}");
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
        assert_eq!(container["image"]["hash"]["all"], json!([digest]), "{container:#}");
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
/// Nothing is left of them when their end is told. They may be unknown then, and never the host.
fn that_end_at_once(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let daemon = watch(stage);
    let (host, mut named) = (stage.dir("host"), 0);
    for _ in 0..stage.many() {
        let name = stage.name("brief");
        runc.run_through(&name, &host, &[image::TRIGGER, "nap", "0", &name]);
        let exec = daemon.expect(&format!("the exec of {name}"), |it| {
            it["event"]["action"] == "exec" && it["process"]["args"][3] == name.as_str()
        });
        let container = &exec["container"];
        assert_eq!(container["id"], name.as_str(), "{container:#}");
        named += usize::from(container["name"] == name.as_str());
    }
    eprintln!("{named} of {} were named", stage.many());
    daemon.stop();
}

/// A cgroup that is called like a container's own is not that container: neither inside of another
/// one nor where a user, a guest or a service may make some.
fn anothers_name(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let daemon = watch(stage);
    let (victim, host) = (stage.name("victim"), stage.dir("host"));
    docker.run(&victim, &host, &[image::TRIGGER, "nap", "600000", &victim]);
    let exec = |name: &str| {
        daemon.expect(&format!("the exec of {name}"), |it| {
            it["event"]["action"] == "exec" && it["process"]["args"][3] == name
        })
    };
    let id = exec(&victim)["container"]["id"].as_str().expect("an id").to_owned();
    let other = stage.containerd().run(&stage.name("other"), &[]);
    for above in [
        format!("default/{}", other.id()),
        "user.slice/user-4711.slice/user@4711.service".to_owned(),
        "lxc.payload.e2e".to_owned(),
        "system.slice/e2e-ci.service".to_owned(),
    ] {
        let name = stage.name("thief");
        let cgroup = Cgroup::make(&format!("{above}/docker-{id}.scope"));
        cgroup.run(&trigger_path(), &["nap", "0", &name]);
        let container = &exec(&name)["container"];
        assert_ne!(container["name"], victim.as_str(), "{container:#}");
        assert!(container["image"].is_null(), "{container:#}");
    }
    daemon.stop();
}

/// A bundle names a cgroup from the root, or from where the runtime is: a node of a cluster can be
/// a container. Whoever makes cgroups in another one does not become a pod by that.
fn same_end(stage: &Stage<'_>) {
    let (id, node) = ("cd".repeat(32), format!("docker/{}", "ab".repeat(32)));
    let slice = "kubepods-pod8d4a8b5c_0000_1111_2222_333344445555.slice";
    let path = format!("kubepods.slice/{slice}/cri-containerd-{id}.scope");
    let runtime = stage.containerd();
    // runc makes none like it where it is not told to ask systemd.
    let _pod = runtime.run_with(&id, &["--cgroup", &format!("{slice}:cri-containerd:{id}")], &[]);
    let other = runtime.run(&stage.name("other"), &[]);
    let inside = format!("default/{}/x/{path}", other.id());
    let exec_in = |daemon: &Daemon, path: &str| {
        let (name, cgroup) = (stage.name("in"), Cgroup::make(path));
        cgroup.run(&trigger_path(), &["nap", "0", &name]);
        let exec = daemon.expect(&format!("the exec of {name}"), |it| {
            it["event"]["action"] == "exec" && it["process"]["args"][3] == name.as_str()
        });
        assert_eq!(exec["container"]["id"], id.as_str(), "{exec:#}");
        exec
    };
    let assert_named = |exec: Value| {
        assert_eq!(exec["container"]["name"], id.as_str(), "{exec:#}");
        assert_image(&exec["container"], &runtime.image_digest);
    };
    let assert_unknown = |exec: Value| {
        assert!(exec["container"]["name"].is_null(), "{exec:#}");
        assert!(exec["container"]["image"].is_null(), "{exec:#}");
        assert!(exec["orchestrator"].is_null(), "{exec:#}");
        assert_eq!(exec["container"]["unknown_because"]["name"], "no_bundle", "{exec:#}");
    };
    let daemon = watch(stage);
    assert_named(exec_in(&daemon, &path));
    assert_unknown(exec_in(&daemon, &inside));
    for above in [&node, "lxc.payload.e2e", "system.slice/e2e-ci.service"] {
        assert_unknown(exec_in(&daemon, &format!("{above}/{path}")));
    }
    daemon.stop();
    let cgroup = Cgroup::make(&format!("{node}/system.slice/containerd.service"));
    let moved = Moved::into(&cgroup, runtime.pid());
    let daemon = watch(stage);
    assert_named(exec_in(&daemon, &format!("{node}/{path}")));
    assert_unknown(exec_in(&daemon, &format!("{node}/kubepods.slice/{path}")));
    assert_unknown(exec_in(&daemon, &inside));
    daemon.stop();
    drop((moved, cgroup));
}

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
    assert_eq!(container["oci_runtime"], "runc", "{container:#}");
    // There is no image: that is no fact which is missing.
    assert!(container["image"].is_null(), "{container:#}");
    assert!(container["unknown_because"].is_null(), "{container:#}");
}

/// A template's hash, as names of pods have it.
const HASH: &str = "5d4f8c7b9b";

/// Each container's first program carries its image and its pod, with whose that is.
fn many_pods(stage: &Stage<'_>) {
    let socket = stage.containerd().for_pods();
    let daemon = watch(stage);
    let host = stage.dir("host");
    let start = |number: usize| {
        // Names of pods end with letters of which these are some.
        let name = format!("{}-{HASH}-{}", stage.name("web"), random(number));
        let labels = [("app", "web"), ("pod-template-hash", HASH)];
        let command = [image::TRIGGER, "nap", "600000", &name];
        let pod = Pod {
            name: &name,
            labels: &labels,
            annotations: &[],
            host: &host,
            privileged: false,
            command: &command,
        };
        let pod = RunningPod::start(&socket, &pod);
        (name, pod)
    };
    let numbers: Vec<usize> = (0..stage.many()).collect();
    let pods: Vec<(String, RunningPod)> = at_once(&numbers, |number| start(*number));
    let execs: Vec<Value> = pods.iter().map(|(name, _)| first_exec_in_pod(&daemon, name)).collect();
    assert_prompt(stage, &daemon, execs.iter());
    for ((name, pod), exec) in pods.iter().zip(&execs) {
        let container = &exec["container"];
        assert_eq!(container["id"], pod.container.as_str(), "{container:#}");
        assert_eq!(container["name"], cri::CONTAINER, "{container:#}");
        assert_eq!(container["security_context"]["privileged"], false, "{container:#}");
        assert_image(container, &stage.containerd().image_digest);
        let pod_of = &exec["orchestrator"];
        assert_eq!(pod_of["namespace"], cri::NAMESPACE, "{pod_of:#}");
        assert_eq!(pod_of["resource"]["name"], name.as_str(), "{pod_of:#}");
        assert_eq!(pod_of["resource"]["id"], format!("{}{name}", cri::UID), "{pod_of:#}");
        // On emulated machines the runtime may not have answered in time; the names tell alike.
        if container["unknown_because"]["pod.labels"] != "no_answer" || expected_here().is_none() {
            let labels = pod_of["resource"]["label"].as_array().expect("the pod has labels");
            assert!(labels.contains(&json!("app:web")), "{pod_of:#}");
            assert_eq!(exec["kubernetes"]["deployment"]["known_from"], "containerd", "{exec:#}");
        }
        let (set, _) = name.rsplit_once('-').expect("a name with parts");
        assert_eq!(pod_of["resource"]["parent"]["name"], set, "{pod_of:#}");
        let deployment = set.strip_suffix(HASH).and_then(|name| name.strip_suffix('-'));
        assert_eq!(exec["kubernetes"]["deployment"]["name"], json!(deployment), "{exec:#}");
    }
    drop(pods);
    daemon.stop();
}

/// Five letters of those that names of pods end with.
fn random(mut number: usize) -> String {
    let letters = ['b', 'c', 'd', 'f', 'g'];
    let mut letter = || {
        let letter = letters[number % letters.len()];
        number /= letters.len();
        letter
    };
    (0..5).map(|_| letter()).collect()
}

fn first_exec_in_pod(daemon: &Daemon, name: &str) -> Value {
    daemon.expect(&format!("the first exec in {name}"), |it| {
        it["event"]["action"] == "exec"
            && it["process"]["args"][1] == "nap"
            && it["process"]["args"][3] == name
    })
}

fn privileged_pod(stage: &Stage<'_>) {
    let socket = stage.containerd().for_pods();
    let daemon = watch(stage);
    let (name, host) = (stage.name("mighty"), stage.dir("host"));
    let command = [image::TRIGGER, "nap", "600000", &name];
    let pod = Pod {
        name: &name,
        labels: &[],
        annotations: &[],
        host: &host,
        privileged: true,
        command: &command,
    };
    let running = RunningPod::start(&socket, &pod);
    let exec = first_exec_in_pod(&daemon, &name);
    let container = &exec["container"];
    assert_eq!(container["security_context"]["privileged"], true, "{container:#}");
    let held = container["capabilities"].as_array().expect("it has capabilities");
    assert!(held.contains(&json!("CAP_SYS_ADMIN")), "{container:#}");
    // Nobody's controller made it.
    assert!(exec["kubernetes"].is_null(), "{exec:#}");
    drop(running);
    daemon.stop();
}
