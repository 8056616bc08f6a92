//! Who is who among containers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::Case;
use super::engines::{assert_prompt, at_once};
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Options};
use crate::image;
use crate::lab::{Stage, trigger_path};
use crate::place::{Place, assert_image};

pub(super) const CASES: &[Case] = &[
    Case::new("containers::many_at_once", many_at_once),
    Case::new("containers::one_that_lives_50_ms", short_lived),
    Case::new("containers::older_ones_are_known", older_ones),
    Case::new("containers::exec_sessions_belong_to_them", exec_sessions),
    Case::new("containers::one_with_limits", with_limits),
    Case::new("containers::one_with_a_kernel_of_its_own", own_kernel),
    Case::new("containers::one_whose_cgroup_was_not_told_of", lost_cgroup_record),
];

/// Each act has its own container's id, name and image, also when many start together.
fn many_at_once(stage: &Stage<'_>) {
    let condition = "(evt.type = execve or evt.is_open_write = true) and proc.name = trigger";
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, condition);
    let daemon = stage.daemon(Options { rules: Some(rules), ..Options::default() });
    let runtime = stage.containerd();
    let names: Vec<String> = (0..stage.many()).map(|_| stage.name("many")).collect();
    at_once(&names, |name| {
        // Its exec tells its name, so that a mistake is seen.
        let container = runtime.run(name, &[image::TRIGGER, "nap", "600000", name]);
        let report = container.trigger(&["open", "/etc/hosts"]);
        assert_eq!(report.errno, 0);
    });
    let mut firsts = Vec::new();
    for name in &names {
        let first = daemon.expect(&format!("the first exec of {name}"), |it| {
            it["event"]["action"] == "exec" && it["process"]["args"][3] == name.as_str()
        });
        assert_eq!(first["container"]["id"], name.as_str(), "{first:#}");
        assert_eq!(first["container"]["name"], name.as_str(), "{first:#}");
        assert_image(&first["container"], &runtime.image_digest);
        let write = daemon.expect(&format!("the write in {name}"), |it| {
            it["event"]["action"] == "file_open_write"
                && it["container"]["id"] == name.as_str()
                && it["file"]["path"] == "/etc/hosts"
        });
        assert_eq!(write["process"]["name"], "trigger");
        firsts.push(first);
    }
    assert_prompt(stage, &daemon, firsts.iter());
    let ids: BTreeSet<String> = daemon
        .documents()
        .iter()
        .filter(|it| it["process"]["args"][1] == "nap" && it["event"]["action"] == "exec")
        .filter_map(|it| it["container"]["id"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(ids, names.into_iter().collect::<BTreeSet<_>>());
    daemon.stop();
}

/// It is gone before anyone could ask about it.
fn short_lived(stage: &Stage<'_>) {
    let daemon = stage.watch();
    for _ in 0..5 {
        let name = stage.name("short");
        let container = stage.containerd().run(&name, &[image::TRIGGER, "nap", "50"]);
        let exec = daemon.expect("its only exec", |it| {
            it["event"]["action"] == "exec"
                && it["container"]["id"] == name.as_str()
                && it["process"]["args"][1] == "nap"
        });
        Place::In(&container).assert_named_in(&exec);
        daemon.expect("its end", |it| {
            it["event"]["action"] == "exit" && it["container"]["id"] == name.as_str()
        });
    }
    daemon.stop();
}

/// One that was there before the monitor.
fn older_ones(stage: &Stage<'_>) {
    let container = stage.containerd().run(&stage.name("old"), &[]);
    let daemon = stage.watch();
    let place = Place::In(&container);
    let report = place.trigger(&["open", "/etc/hosts"]);
    place.expect(&daemon, &report, "file_open_write", |_| true);
    daemon.stop();
}

/// Programs that fill a small ring while nobody reads it.
const FLOOD: usize = 150;

/// The record about its cgroup was lost in a flood: what runs there is its own all the same.
fn lost_cgroup_record(stage: &Stage<'_>) {
    let keys = "ring_bytes: 65536\n".to_owned();
    let daemon = stage.daemon(Options { keys, may_lose: true, ..Options::default() });
    daemon.notify(Signal::SIGSTOP);
    for _ in 0..FLOOD {
        stage.trigger(&["nap", "0"]);
    }
    let id = "ab".repeat(32);
    let cgroup = Cgroup::make(&format!("docker/{id}"));
    daemon.notify(Signal::SIGCONT);
    cgroup.run(&trigger_path(), &["nap", "0", "inside"]);
    let alert = daemon.expect("what ran inside", |it| {
        it["event"]["action"] == "exec" && it["process"]["args"][3] == "inside"
    });
    assert_eq!(alert["container"]["id"], id, "{alert:#}");
    drop(cgroup);
    let last = daemon.stop();
    assert_eq!(last.heartbeat()["runmon"]["tables"]["cgroups_unseen"], 1);
}

/// A cgroup of our own in the v2 hierarchy; removed with its parents when dropped.
pub(super) struct Cgroup {
    root: PathBuf,
    pub(super) path: PathBuf,
}

impl Cgroup {
    pub(super) fn make(path: &str) -> Self {
        Self::make_in(&Self::root(), path)
    }

    /// Where the v2 hierarchy is mounted.
    pub(super) fn root() -> PathBuf {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("read the mounts");
        let root = mounts.lines().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words.get(2) == Some(&"cgroup2")).then(|| PathBuf::from(words[1]))
        });
        root.expect("a cgroup v2 hierarchy")
    }

    /// One below that root.
    pub(super) fn make_in(root: &Path, path: &str) -> Self {
        let path = root.join(path);
        fs::create_dir_all(&path).expect("make a cgroup");
        Self { root: root.to_owned(), path }
    }

    pub(super) fn run(&self, program: &Path, args: &[&str]) {
        assert!(self.start(program, args).wait().expect("wait for a shell").success());
    }

    /// Starts a program in it.
    pub(super) fn start(&self, program: &Path, args: &[&str]) -> Child {
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$0\" \"$@\"", self.path.display());
        let mut shell = Command::new("sh");
        let shell = shell.arg("-c").arg(script).arg(program).args(args).stdout(Stdio::null());
        shell.stdin(Stdio::null()).spawn().expect("start a shell")
    }
}

/// A process that is in a cgroup of ours until this is dropped.
pub(super) struct Moved {
    pid: u32,
    from: PathBuf,
}

impl Moved {
    pub(super) fn into(cgroup: &Cgroup, pid: u32) -> Self {
        let told = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("read its cgroup");
        let from = told.lines().find_map(|line| line.strip_prefix("0::/")).expect("a cgroup of v2");
        let moved = Self { pid, from: Cgroup::root().join(from) };
        moved.to(&cgroup.path);
        moved
    }

    fn to(&self, cgroup: &Path) {
        fs::write(cgroup.join("cgroup.procs"), self.pid.to_string()).expect("move a process");
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        self.to(&self.from);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for path in self.path.ancestors().take_while(|path| *path != self.root) {
            // A parent may have been there before, and have other children.
            if fs::remove_dir(path).is_err() {
                return;
            }
        }
    }
}

/// What it may use is what the runtime was told.
fn with_limits(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let limits = ["--memory-limit", "67108864", "--cpus", "0.5"];
    let container = stage.containerd().run_with(&stage.name("limits"), &limits, &[]);
    let place = Place::In(&container);
    let report = place.trigger(&["open", "/etc/hosts"]);
    let alert = place.expect(&daemon, &report, "file_open_write", |_| true);
    let limits = serde_json::json!({ "memory": 67_108_864, "cpu": 500 });
    assert_eq!(alert["container"]["limits"], limits, "{alert:#}");
    daemon.stop();
}

/// The shim's name alone tells that the kernel is another one's: what stands behind it here is
/// runc, so that there is something to see.
fn own_kernel(stage: &Stage<'_>) {
    let shim = stage.lab.dir("shim").join("containerd-shim-runsc-v1");
    let runc = "/usr/bin/containerd-shim-runc-v2";
    std::os::unix::fs::symlink(runc, &shim).expect("link the shim");
    let daemon = stage.watch();
    let usual = stage.containerd().run(&stage.name("usual"), &[]);
    let shim = shim.to_str().expect("a plain path");
    let sandbox = stage.containerd().run_with(&stage.name("own"), &["--runtime", shim], &[]);
    for (container, visibility, runtime) in
        [(&usual, "full", "io.containerd.runc.v2"), (&sandbox, "none", "io.containerd.runsc.v1")]
    {
        let place = Place::In(container);
        let report = place.trigger(&["open", "/etc/hosts"]);
        let alert = place.expect(&daemon, &report, "file_open_write", |_| true);
        assert_eq!(alert["container"]["visibility"], visibility, "{alert:#}");
        assert_eq!(alert["container"]["oci_runtime"], runtime, "{alert:#}");
    }
    let ended = daemon.stop();
    let last = ended.heartbeat();
    assert_eq!(last["runmon"]["tables"]["containers_blind"], 1, "{last:#}");
}

/// What is started in a running container from outside is its own.
fn exec_sessions(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("session"), &[]);
    let place = Place::In(&container);
    for _ in 0..3 {
        let report = place.trigger(&["exec", "plain"]);
        let alert = place.expect(&daemon, &report, "exec", |it| it["process"]["args"][1] == "nap");
        assert_eq!(alert["process"]["executable"], image::TRIGGER);
    }
    // The host beside it stays the host.
    let report = stage.trigger(&["exec", "plain"]);
    Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    daemon.stop();
}
