//! The daemon as it is deployed: in a container, watching its siblings, and from its package. What
//! is handed out is tried where it was made (`cargo xtask dist`, and the variable `DIST`).

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Case;
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Options, runmon};
use crate::lab::Stage;
use crate::{image, leftovers};

mod lacking;

pub(super) const CASES: &[Case] = &[
    Case::new("deployment::privileged_container_watches_its_siblings", |stage| {
        watches_siblings(stage, &Monitor::of_host());
    }),
    Case::new("deployment::image_watches_its_siblings", |stage| {
        with_image(stage, &["--privileged"]);
    }),
    Case::new("deployment::image_with_the_least_privileges_watches_its_siblings", |stage| {
        let least: Vec<String> = KEPT
            .iter()
            .map(|name| format!("--cap-add=CAP_{name}"))
            .chain(USUAL.iter().map(|name| format!("--cap-drop=CAP_{name}")))
            .collect();
        with_image(stage, &least.iter().map(String::as_str).collect::<Vec<_>>());
    }),
    Case::new("deployment::doctor_names_what_a_container_lacks", lacking::doctor_names_it),
    Case::new("deployment::purged_package_leaves_nothing", purged_package),
];

/// Long enough for the daemon to start and for some siblings to live.
const WATCHED: &str = "8s";
/// Siblings at most; one a second is started until the monitor ends.
const SIBLINGS: usize = 60;

/// The image's name.
const IMAGE: &str = "localhost/runmon:latest";

/// The capabilities of the least privileged pod. CAP_SYS_RESOURCE is for kernels older than Linux
/// 5.11 only, and who tests may lack it.
const KEPT: &[&str] = &[
    "BPF",
    "PERFMON",
    "NET_ADMIN",
    "SYS_PTRACE",
    "DAC_READ_SEARCH",
    "SETUID",
    "SETGID",
    "CHOWN",
    "SYSLOG",
];

/// Those that containers have otherwise.
const USUAL: &[&str] = &[
    "AUDIT_WRITE",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETPCAP",
    "SYS_CHROOT",
];

const PACKAGE: &str = include_str!("deployment/package.sh");

/// A container that the daemon runs in.
struct Monitor {
    image: &'static str,
    binary: &'static str,
    options: Vec<String>,
}

impl Monitor {
    /// The binary and its libraries come from the host.
    fn of_host() -> Self {
        let mut monitor = Self::with_usual_privileges();
        monitor.options.push("--privileged".to_owned());
        monitor
    }

    /// The same with the privileges that every container has.
    fn with_usual_privileges() -> Self {
        let binary = runmon().canonicalize().expect("find runmon").display().to_string();
        let mut options = vec![bind(&binary, "/runmon", "rbind:ro")];
        options.extend(["/usr", "/lib", "/lib64"].map(|dir| bind(dir, dir, "rbind:ro")));
        Self { image: image::NAME, binary: "/runmon", options }
    }
}

fn bind(from: &str, to: &str, how: &str) -> String {
    format!("--mount=type=bind,src={from},dst={to},options={how}")
}

/// Where what is handed out is, if it was made.
fn dist() -> Option<PathBuf> {
    env::var_os("DIST").map(PathBuf::from)
}

/// With the image as it is handed out, its root read-only.
fn with_image(stage: &Stage<'_>, privileges: &[&str]) {
    let Some(dist) = dist() else { return };
    let tar = dist.join("runmon-image.tar");
    stage.containerd().import_tar(&tar);
    let options = privileges.iter().chain(&["--read-only"]).map(|it| (*it).to_owned()).collect();
    watches_siblings(stage, &Monitor { image: IMAGE, binary: "/usr/bin/runmon", options });
}

/// What the Kubernetes manifest asks for: privileges, the host's pids and network, `/sys` and the
/// runtime's state.
fn watches_siblings(stage: &Stage<'_>, monitor: &Monitor) {
    let runtime = stage.containerd();
    // Whatever else the machine does meanwhile is not told.
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, "evt.type = execve and proc.name = trigger");
    let config = stage.configuration(&Options { rules: Some(rules), ..Options::default() });
    let lab = stage.dir("monitor");
    let lab = lab.parent().expect("the lab's directory").display().to_string();
    let mounts = [bind("/sys", "/sys", "rbind:ro"), bind(&lab, &lab, "rbind:rw")];
    let name = stage.name("monitor");
    let config = config.display().to_string();
    let mut args = vec!["run", "--rm", "--net-host", "--with-ns", "pid:/proc/self/ns/pid"];
    args.extend(monitor.options.iter().chain(&mounts).map(String::as_str));
    args.extend([monitor.image, &name, monitor.binary, "run", "--config", &config]);
    args.extend(["--for", WATCHED]);
    let siblings: Vec<String> = (0..SIBLINGS).map(|_| stage.name("sibling")).collect();
    let output = std::thread::scope(|scope| {
        let running = scope.spawn(|| runtime.ctr(&args));
        for sibling in &siblings {
            // Spread over the time that it watches: how long it takes to start is not told.
            std::thread::sleep(Duration::from_secs(1));
            if running.is_finished() {
                break;
            }
            drop(runtime.run(sibling, &[image::TRIGGER, "nap", "300"]));
        }
        running.join().expect("run the monitor")
    });
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let documents: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document a line"))
        .collect();
    expect_siblings(&siblings, &documents, &log);
}

/// Which of them start while it watches depends on how fast the machine is.
fn expect_siblings(siblings: &[String], documents: &[Value], log: &str) {
    let is_exec = |it: &&Value, of: &str| {
        it["event"]["action"] == "exec"
            && it["process"]["args"][1] == "nap"
            && it["container"]["id"] == of
    };
    let execs: Vec<(&String, &Value)> = siblings
        .iter()
        .filter_map(|of| Some((of, documents.iter().find(|it| is_exec(it, of))?)))
        .collect();
    assert!(!execs.is_empty(), "no sibling among {} documents\n{log}", documents.len());
    // What the runtime says may come later, in an update.
    let complete = |alert: &'_ Value| {
        let update =
            documents.iter().find(|it| it["runmon"]["update"]["of"] == alert["event"]["id"]);
        update.unwrap_or(alert).clone()
    };
    for (sibling, exec) in execs {
        let exec = complete(exec);
        assert_eq!(exec["container"]["name"], sibling.as_str(), "{exec:#}");
        assert_eq!(exec["container"]["image"]["name"], image::NAME, "{exec:#}");
    }
    let heartbeat = documents.last().expect("a last heartbeat");
    assert_eq!(heartbeat["runmon"]["last"], true, "{heartbeat:#}");
    assert_eq!(heartbeat["runmon"]["lost"], 0, "{heartbeat:#}");
}

/// Installed, run, upgraded and purged with the host's dpkg, on a copy of the host's files.
fn purged_package(stage: &Stage<'_>) {
    let Some(package) = dist().and_then(|dist| package(&dist)) else { return };
    let dir = stage.dir("package");
    let script = dir.join("package.sh");
    fs::write(&script, PACKAGE).expect("write the script");
    let room = Folder(format!("/var/lib/runmon-e2e-{}-package", std::process::id()).into());
    fs::create_dir(&room.0).expect("make a folder for the room");
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh"]).arg(script).arg(&room.0).arg(package);
    let output = command.stdin(Stdio::null()).output().expect("start the script");
    let text = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{stderr}");
    let ids = text.lines().filter_map(|line| line.strip_prefix("program "));
    let programs: BTreeSet<u32> = ids.filter_map(|id| id.parse().ok()).collect();
    assert!(!programs.is_empty(), "the daemon held no programs\n{text}");
    leftovers::expect_gone(&programs);
}

/// The package for this machine, where it can be installed.
fn package(dist: &Path) -> Option<PathBuf> {
    if !Path::new("/usr/bin/dpkg").is_file() {
        return None;
    }
    let entries = fs::read_dir(dist).expect("read DIST").flatten();
    entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|it| it == "deb"))
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
