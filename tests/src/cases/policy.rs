//! What may run: a container whose image is outside of the policy is told of once, at its start,
//! however it was started.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_alert};
use crate::engines::{Docker, Engine, Podman, Runc};
use crate::image;
use crate::lab::Stage;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("policy::containers_of_ctr_are_judged_at_their_start", of_containerd),
    Case::with(&["dockerd"], "policy::containers_of_docker_are_judged", of_docker),
    Case::with(&["podman"], "policy::containers_of_podman_are_judged", of_podman),
    Case::new("policy::one_without_an_image_is_not_allowed_silently", of_runc),
    Case::new("policy::another_policy_is_read_and_a_bad_one_refused", read_again),
];

/// Its rules come with the policy, to those that are brought along.
fn watch(stage: &Stage<'_>, policy: &Path) -> Daemon {
    let keys = format!("rollup_seconds: 0\nheartbeat_seconds: 1\nimage_policy: {policy:?}\n");
    stage.daemon(Options { rules: None, keys, ..Options::default() })
}

fn policy(stage: &Stage<'_>, text: &str) -> PathBuf {
    let path = stage.dir("policy").join("policy.yaml");
    fs::write(&path, text).expect("write a policy");
    path
}

/// What was said of the container with this program's argument.
fn said(daemon: &Daemon, name: &str) -> Vec<String> {
    let all = daemon.documents();
    let of_it = all.iter().filter(|it| is_of(it, name) && is_alert(it));
    of_it.filter_map(|it| it["event"]["reason"].as_str().map(str::to_owned)).collect()
}

/// Whether it is what a rule of the policy says of the program with this argument.
fn is_of(it: &Value, name: &str) -> bool {
    let args = it["process"]["args"].as_array();
    is_of_policy(it) && args.is_some_and(|args| args.iter().any(|it| it == name))
}

/// Asserts that one thing was said of it, with this reason.
#[track_caller]
fn assert_said(daemon: &Daemon, name: &str, why: &str) {
    daemon.expect(&format!("{name}: {why}"), |it| {
        is_of(it, name) && it["event"]["reason"].as_str().is_some_and(|it| it.contains(why))
    });
    let all = said(daemon, name);
    assert_eq!(all.len(), 1, "{name}: {all:#?}");
}

/// A shell that starts two more programs, each with the name among its arguments.
fn program(name: &str) -> [String; 5] {
    let script = format!("/bin/trigger nap 1 {name}; /bin/trigger nap 2 {name}; exec sleep 9999");
    ["/bin/sh".to_owned(), "-c".to_owned(), script, name.to_owned(), name.to_owned()]
}

fn of_containerd(stage: &Stage<'_>) {
    let containerd = stage.containerd();
    let now = "2026-01-01T00:00:00Z";
    containerd.import_made("localhost/policy-in:1", now);
    containerd.import_made("quay.io/policy/app:1", now);
    let digest = containerd.import_made("quay.io/policy/known:1", "2026-01-02T00:00:00Z");
    containerd.import_made("localhost/policy-in:old", "2019-01-01T00:00:00Z");
    containerd.import_made("localhost/policy-in:undated", "1970-01-01T00:00:00Z");
    let text =
        format!("repositories: [localhost/policy-in]\ndigests: ['{digest}']\nmax_age_days: 2000\n");
    let policy = policy(stage, &text);
    let before = stage.name("before");
    let args = program(&before);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let earlier = containerd.run_image("quay.io/policy/app:1", &before, &[], &args);
    let daemon = watch(stage, &policy);
    let mut containers = Vec::new();
    let mut started = |image: &str| {
        let name = stage.name("judged");
        let args = program(&name);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        containers.push(containerd.run_image(image, &name, &[], &args));
        name
    };
    let [inside, outside, known, old, undated] = [
        "localhost/policy-in:1",
        "quay.io/policy/app:1",
        "quay.io/policy/known:1",
        "localhost/policy-in:old",
        "localhost/policy-in:undated",
    ]
    .map(&mut started);
    assert_said(&daemon, &outside, "(why=registry quay.io is not in the policy (it has localhost)");
    assert_said(&daemon, &old, "days old, and the policy allows 2000");
    assert_said(&daemon, &undated, "its image does not say when it was made");
    // What ran before is judged by what it starts next.
    assert!(said(&daemon, &before).is_empty());
    earlier.exec(&["/bin/trigger", "nap", "1", &before]);
    earlier.exec(&["/bin/trigger", "nap", "2", &before]);
    assert_said(&daemon, &before, "registry quay.io is not in the policy");
    for quiet in [&inside, &known] {
        assert_eq!(said(&daemon, quiet), Vec::<String>::new(), "{quiet}");
    }
    let running = running(stage, &daemon);
    for (name, verdict) in
        [(&inside, "allowed"), (&known, "allowed"), (&old, "refused"), (&undated, "unknown")]
    {
        let line = running.lines().find(|line| line.contains(&**name)).expect("it runs");
        assert!(line.starts_with(verdict), "{line}");
    }
    daemon.stop();
}

/// Starts two containers by two policies: by one it may not run, by the other it may.
fn of_engine(stage: &Stage<'_>, engine: &impl Engine) {
    let host = stage.dir("host");
    let run = |name: &str| {
        let args = program(name);
        engine.run(name, &host, &args.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let refusing = policy(stage, "registries: [registry.example.com]\n");
    let daemon = watch(stage, &refusing);
    let name = stage.name("judged");
    run(&name);
    assert_said(&daemon, &name, "registry localhost is not in the policy (it has registry.");
    daemon.stop();
    // It was imported a moment ago.
    let allowing = policy(stage, "registries: [localhost]\nmax_age_days: 1\n");
    let daemon = watch(stage, &allowing);
    let name = stage.name("judged");
    run(&name);
    daemon.expect_none("no word of the policy", |it| is_of(it, &name));
    let running = running(stage, &daemon);
    let line = running.lines().find(|line| line.contains(&name)).expect("it runs");
    assert!(line.starts_with("allowed") && line.contains(image::NAME), "{line}");
    daemon.stop();
}

/// What the command says of all that runs.
fn running(stage: &Stage<'_>, daemon: &Daemon) -> String {
    let config = daemon.config();
    let config = config.to_str().expect("a plain path");
    let ran = stage.runmon(["policy", "check", "--running", "--config", config]);
    // Whether others may run here is not this case's.
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:#?}");
    ran.stdout
}

fn is_of_policy(it: &Value) -> bool {
    it["rule"]["name"].as_str().is_some_and(|rule| rule.contains("policy"))
}

fn of_docker(stage: &Stage<'_>) {
    of_engine(stage, &Docker::start(&stage.engine_dir("d")));
}

fn of_podman(stage: &Stage<'_>) {
    of_engine(stage, &Podman::start(&stage.engine_dir("p")));
}

/// It runs from a directory: nobody can say what it is.
fn of_runc(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let daemon = watch(stage, &policy(stage, "registries: [registry.example.com]\n"));
    let name = stage.name("judged");
    let args = program(&name);
    runc.run(&name, &stage.dir("host"), &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_said(&daemon, &name, "The policy cannot judge a container that started (why=it");
    daemon.stop();
}

fn read_again(stage: &Stage<'_>) {
    let containerd = stage.containerd();
    let path = policy(stage, "registries: [registry.example.com]\n");
    let daemon = watch(stage, &path);
    let name = stage.name("judged");
    let args = program(&name);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let container = containerd.run(&name, &args);
    assert_said(&daemon, &name, "registry localhost is not in the policy");
    fs::write(&path, "registrys: [localhost]\n").expect("write a bad policy");
    let log_has = |what: &str| {
        wait::until(what, || daemon.log().contains(what).then_some(()));
    };
    log_has("the old policy of images stays");
    log_has("there is no key `registrys`; did you mean `registries`?");
    daemon.expect_document("a finding", |it| {
        it.to_string().contains("The policy of images cannot be reloaded")
    });
    container.exec(&["/bin/trigger", "nap", "3", &name]);
    fs::write(&path, "registries: [other.example.com]\n").expect("write another policy");
    log_has("read the policy of images again");
    // By the other policy it is judged anew.
    container.exec(&["/bin/trigger", "nap", "4", &name]);
    wait::until("the second verdict", || {
        let all = said(&daemon, &name);
        let is_second = all.len() == 2 && all.iter().any(|it| it.contains("(it has other."));
        is_second.then_some(())
    });
    daemon.stop();
}
