//! What containers are against what they were declared to be: `runmon diff`, and the shipped rules
//! of a daemon that looks on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::Case;
use crate::daemon::{Daemon, Options, is_alert};
use crate::engines::{Docker, Engine, Podman, Runc};
use crate::image::TRIGGER;
use crate::lab::{Ran, Stage, trigger_path};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("diff::a_helper_that_becomes_root_is_one_difference", helper),
    Case::new("diff::a_read_only_root_that_was_remounted", remounted),
    Case::new("diff::a_capability_that_was_added", entered_with_more),
    Case::new("diff::what_is_done_from_outside", from_outside),
    Case::new("diff::containers_as_they_were_declared", as_declared),
    Case::with(&["dockerd"], "diff::a_port_that_docker_does_not_declare", in_docker),
    Case::with(&["podman"], "diff::as_declared_in_podman", in_podman),
];

/// What a container does meanwhile.
const NAP: [&str; 3] = [TRIGGER, "nap", "600000"];

/// Looks at containers of the lab.
struct Diff<'s> {
    stage: &'s Stage<'s>,
    config: PathBuf,
}

impl<'s> Diff<'s> {
    fn new(stage: &'s Stage<'s>) -> Self {
        Self { stage, config: stage.configuration(&Options::default()) }
    }

    fn run(&self, more: &[&str]) -> Ran {
        let config = self.config.to_str().expect("a plain path");
        self.stage.runmon(["diff", "--config", config].iter().chain(more))
    }

    /// The differences of a container as JSON, and what could not be compared.
    fn of(&self, name: &str) -> (Vec<Value>, Vec<Value>) {
        let ran = self.run(&[name, "--json"]);
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        let differences = report["differences"].as_array().expect("a list").clone();
        let parts = report["compared"].as_array().expect("a list");
        let unknown = parts.iter().filter(|it| it["outcome"] == "unknown").cloned().collect();
        ran.assert(i32::from(!differences.is_empty()), &[]);
        (differences, unknown)
    }

    /// The only difference of a container.
    #[track_caller]
    fn only(&self, name: &str, part: &str) -> Value {
        let (differences, unknown) = self.of(name);
        assert_eq!(unknown, Vec::<Value>::new());
        let [one] = &differences[..] else { panic!("{differences:#?}") };
        assert_eq!(one["part"], part, "{one:#}");
        one.clone()
    }

    #[track_caller]
    fn none(&self, name: &str) {
        let (differences, _) = self.of(name);
        assert_eq!(differences, Vec::<Value>::new(), "{name}");
    }
}

/// By the shipped rules.
fn watch(stage: &Stage<'_>) -> Daemon {
    stage.daemon(Options { rules: None, ..Options::default() })
}

/// What rules about declarations alerted on in a container, by the rules' ids.
fn alerts(daemon: &Daemon, name: &str) -> Vec<String> {
    let all = daemon.documents();
    let of_it = all.iter().filter(|it| {
        let tags = it["tags"].as_array().into_iter().flatten();
        is_alert(it)
            && it["container"]["name"] == name
            && tags.into_iter().any(|it| it == "declared")
    });
    of_it.filter_map(|it| it["rule"]["id"].as_str().map(str::to_owned)).collect()
}

fn waits_for(daemon: &Daemon, name: &str, rule: &str) {
    wait::until(rule, || alerts(daemon, name).iter().any(|it| it == rule).then_some(()));
}

/// runc with a program in its root that runs as root whoever starts it.
fn runc(stage: &Stage<'_>) -> Runc {
    let dir = stage.engine_dir("r");
    let runc = Runc::start(&dir);
    let helper = dir.join("rootfs/bin/helper");
    fs::copy(trigger_path(), &helper).expect("copy a program");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o4755)).expect("set its bit");
    runc
}

fn helper(stage: &Stage<'_>) {
    let (runc, daemon, diff) = (runc(stage), watch(stage), Diff::new(stage));
    let (name, host) = (stage.name("helper"), stage.dir("host"));
    let go = host.join("go");
    let script = "until [ -e /host/go ]; do sleep 0.1; done; /bin/helper nap 600000";
    let command = ["/bin/busybox", "sh", "-c", script];
    runc.run_as(&name, &host, &command, |config| {
        config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
        config["process"]["noNewPrivileges"] = json!(false);
    });
    diff.none(&name);
    assert_eq!(alerts(&daemon, &name), Vec::<String>::new());
    fs::write(go, "").expect("let it go on");
    waits_for(&daemon, &name, "root_not_declared");
    let found = diff.only(&name, "user");
    assert_eq!(found["declared"], "1000", "{found:#}");
    assert_eq!(found["observed"], "0 (root of the host)", "{found:#}");
    assert_eq!(found["process"]["executable"], "/bin/helper", "{found:#}");
    let text = diff.run(&[&name]);
    text.assert(1, &[]);
    assert_eq!(text.stdout.lines().filter(|line| line.contains("/bin/helper")).count(), 1);
    assert!(text.stdout.contains("as declared: groups, capabilities, "), "{text:#?}");
    assert_eq!(alerts(&daemon, &name), ["root_not_declared"]);
    daemon.stop();

    let none = diff.run(&["no-such-container"]);
    none.assert(2, &["no container runs", "hint: these run:", &name]);
}

/// With the one capability that this takes.
fn remounted(stage: &Stage<'_>) {
    let (runc, daemon, diff) = (runc(stage), watch(stage), Diff::new(stage));
    let (name, host) = (stage.name("readonly"), stage.dir("host"));
    let all = json!(["CAP_SYS_ADMIN", "CAP_KILL"]);
    runc.run_as(&name, &host, &NAP, |config| {
        config["process"]["capabilities"] =
            json!({ "bounding": all, "effective": all, "permitted": all });
    });
    diff.none(&name);
    runc.exec(&name, false, &["/bin/busybox", "mount", "-o", "remount,bind,rw", "/"]);
    waits_for(&daemon, &name, "readonly_root_remounted");
    diff.only(&name, "readonly_root");
    runc.exec(&name, false, &["/bin/busybox", "mount", "-t", "tmpfs", "x", "/tmp"]);
    let (differences, _) = diff.of(&name);
    let mount = differences.iter().find(|it| it["part"] == "mounts").expect("the new mount");
    assert_eq!(mount["observed"], "/tmp (tmpfs x, writable)", "{mount:#}");
    assert_eq!(alerts(&daemon, &name), ["readonly_root_remounted"]);
    daemon.stop();
}

/// A process that ends with the case.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

/// Who enters from the host is in none of the container's cgroups.
fn from_outside(stage: &Stage<'_>) {
    let (runc, diff) = (runc(stage), Diff::new(stage));
    let (name, host) = (stage.name("entered"), stage.dir("host"));
    runc.run_as(&name, &host, &NAP, |config| {
        config["linux"]["resources"]["pids"] = json!({ "limit": 50 });
    });
    diff.none(&name);
    let pid = runc.pid(&name).to_string();
    let mut enter = Command::new("nsenter");
    enter.args(["--target", &pid, "--mount", "--root"]).args(NAP);
    let entered = enter.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("start nsenter");
    let entered = Stranger(entered);
    let (differences, _) = wait::until("a process from outside", || {
        Some(diff.of(&name)).filter(|(found, _)| !found.is_empty())
    });
    let capabilities = differences.iter().find(|it| it["part"] == "capabilities");
    let capabilities = capabilities.unwrap_or_else(|| panic!("{differences:#?}"));
    assert_eq!(capabilities["process"]["from_outside"], true, "{capabilities:#}");
    assert_eq!(capabilities["process"]["executable"], TRIGGER, "{capabilities:#}");
    drop(entered);

    // A limit that somebody raised.
    let raised = Path::new("/sys/fs/cgroup/pids").join(&name).join("pids.max");
    if raised.exists() {
        fs::write(raised, "60").expect("raise a limit");
        wait::until("the process from outside to be gone", || {
            (diff.of(&name).0.len() == 1).then_some(())
        });
        assert_eq!(diff.only(&name, "pids_limit")["observed"], "60 tasks");
    }
}

/// Containers of containerd and runc with usual and unusual declarations.
fn as_declared(stage: &Stage<'_>) {
    let (runc, diff) = (runc(stage), Diff::new(stage));
    let host = stage.dir("host");
    let bind = format!("type=bind,src={},dst=/var/host,options=rbind:ro", host.display());
    let options: [(&str, &[&str]); 4] = [
        ("plain", &[]),
        ("privileged", &["--privileged"]),
        ("limited", &["--memory-limit", "67108864", "--cpu-quota", "50000", "--read-only"]),
        ("bound", &["--mount", &bind, "--net-host", "--cap-drop", "CAP_CHOWN", "--seccomp"]),
    ];
    for (name, options) in options {
        let container = stage.containerd().run_with(&stage.name(name), options, &NAP);
        diff.none(container.id());
    }
    let name = stage.name("mapped");
    runc.run_as(&name, &host, &NAP, |config| {
        let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.push(json!({ "type": "user" }));
        config["root"]["readonly"] = json!(false);
    });
    diff.none(&name);
}

fn in_docker(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let on = "- rule: Port that the container does not declare\n  enabled: true\n";
    let rules = stage.dir("rules").join("on.yaml");
    fs::write(&rules, on).expect("write a rule");
    let keys = format!("rules: [builtin, {rules:?}]");
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    let diff = Diff::new(stage);
    let (name, host) = (stage.name("web"), stage.dir("host"));
    docker.run(&name, &host, &NAP);
    diff.none(&name);
    docker.start_in(&name, &["/bin/busybox", "nc", "-l", "-p", "4445"]);
    waits_for(&daemon, &name, "port_not_declared");
    let port = diff.only(&name, "ports");
    assert_eq!((&port["observed"], &port["declared"]), (&json!("4445/tcp"), &json!("none")));
    assert_eq!(port["process"]["executable"], "/bin/busybox", "{port:#}");
    assert_eq!(alerts(&daemon, &name), ["port_not_declared"]);
    daemon.stop();
}

/// Somebody enters with a capability that nobody in the container can come to have.
fn entered_with_more(stage: &Stage<'_>) {
    let (runc, daemon, diff) = (runc(stage), watch(stage), Diff::new(stage));
    let (name, host) = (stage.name("more"), stage.dir("host"));
    runc.run_as(&name, &host, &NAP, |_| {});
    diff.none(&name);
    runc.start_in(&name, &["--cap", "CAP_SYS_ADMIN"], &NAP);
    waits_for(&daemon, &name, "capability_not_declared");
    let found = diff.only(&name, "capabilities");
    assert_eq!(found["observed"], "beyond it CAP_SYS_ADMIN", "{found:#}");
    assert_eq!(found["process"]["executable"], TRIGGER, "{found:#}");
    assert_eq!(alerts(&daemon, &name), ["capability_not_declared"]);
    daemon.stop();
}

fn in_podman(stage: &Stage<'_>) {
    let podman = Podman::start(&stage.engine_dir("p"));
    let (name, host) = (stage.name("pod"), stage.dir("host"));
    podman.run(&name, &host, &NAP);
    Diff::new(stage).none(&name);
}
