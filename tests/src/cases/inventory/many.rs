//! Many containers of few images: each image is read once, and little is kept.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{DEBIAN, NAP};
use crate::containerd::Container;
use crate::daemon::{Options, runmon};
use crate::lab::Stage;
use crate::wait;

/// What many containers may take of memory more than few.
const GROWS_KIB: u64 = 40 << 10;
/// Packages of an image, and files of each.
const PACKAGES: usize = 200;
const FILES: usize = 100;

/// As many as a node has: ten images, where there is time.
fn images(stage: &Stage<'_>) -> usize {
    stage.many() / 10
}

/// Images of which each has packages of its own.
fn import(stage: &Stage<'_>) -> Vec<String> {
    let one = |image: usize| {
        let status: String = (0..PACKAGES)
            .map(|at| {
                format!(
                    "Package: p{image}-{at}\nStatus: install ok installed\nArchitecture: amd64\n\
                     Version: 1.{at}-1\n\n"
                )
            })
            .collect();
        let mut files = vec![
            ("etc/os-release".to_owned(), DEBIAN.to_vec()),
            ("var/lib/dpkg/status".to_owned(), status.into_bytes()),
        ];
        for at in 0..PACKAGES {
            let list: String =
                (0..FILES).map(|file| format!("/usr/lib/p{image}-{at}/{file}\n")).collect();
            files.push((format!("var/lib/dpkg/info/p{image}-{at}.list"), list.into_bytes()));
        }
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, content)| (&**path, &content[..])).collect();
        let name = format!("localhost/many-{image}:1");
        stage.containerd().import_with(&name, &files);
        name
    };
    (0..images(stage)).map(one).collect()
}

/// The most memory that a process and its children had, KiB, and what it printed.
fn peak(stage: &Stage<'_>, args: &[&str]) -> (u64, String) {
    let out = stage.dir("out").join("out");
    let file = fs::File::create(&out).expect("create a file");
    let mut command = Command::new(runmon());
    command.args(args).stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
    let mut child = command.spawn().expect("start runmon");
    let mut peak = 0;
    wait::until("an inventory", || {
        peak = peak.max(memory(child.id(), "VmHWM:"));
        child.try_wait().expect("wait for runmon")
    });
    (peak, fs::read_to_string(out).expect("what it printed"))
}

/// Of a process and its children, KiB.
fn memory(pid: u32, what: &str) -> u64 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let all = children.split_whitespace().filter_map(|it| it.parse().ok());
    let own = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    all.chain([pid]).map(own).sum()
}

pub(super) fn of_few_images(stage: &Stage<'_>) {
    let images = import(stage);
    let options = Options { keys: KEYS.to_owned(), rules: None, ..Options::default() };
    let daemon = stage.daemon(options);
    let of_none = memory(daemon.pid(), "VmRSS:");
    let config = daemon.config();
    let config = config.to_str().expect("a plain path");
    let run = |number: usize| {
        let name = stage.name("many");
        let image = &images[number % images.len()];
        stage.containerd().run_image(image, &name, &[], &NAP)
    };
    // One of each is running, and was looked at, before the others come.
    let mut containers: Vec<Container<'_>> = (0..images.len()).map(run).collect();
    let looked_at = |least: usize| {
        daemon.expect_document("the containers in a heartbeat", |it| {
            let places = it["runmon"]["tables"]["usage_containers"].as_u64();
            places.is_some_and(|it| it >= least as u64)
        });
    };
    looked_at(containers.len());
    let before = memory(daemon.pid(), "VmRSS:");
    let args = ["inventory", "--config", config, "--output", "json"];
    let (of_few, _) = peak(stage, &args);
    containers.extend((images.len()..stage.many()).map(run));
    looked_at(containers.len());
    let after = memory(daemon.pid(), "VmRSS:");
    let (of_many, printed) = peak(stage, &args);
    let told: Value = serde_json::from_str(&printed).expect("JSON");
    let own = |it: &&Value| it["image"].as_str().is_some_and(|it| it.contains("/many-"));
    let roots: Vec<&Value> = told["roots"].as_array().expect("roots").iter().filter(own).collect();
    assert_eq!(roots.len(), containers.len());
    assert!(roots.iter().all(|it| it["counts"]["dpkg"] == PACKAGES), "{told:#}");
    let shared = roots.iter().filter(|it| it["is_shared"] == true).count();
    assert_eq!(shared, containers.len() - images.len());
    eprintln!(
        "{} containers of {} images: the inventory's peak {of_few} → {of_many} KiB, \
         the daemon {of_none} → {before} → {after} KiB",
        containers.len(),
        images.len()
    );
    assert!(of_many < of_few + GROWS_KIB, "an inventory: {of_few} → {of_many} KiB");
    assert!(after < of_none + GROWS_KIB, "the daemon: {of_none} → {after} KiB");
    once(stage, &args, &images);
    daemon.stop();
}

const KEYS: &str = "in_use: true\nposture: warning\nheartbeat_seconds: 1";

/// Nobody opens the database of an image a second time, as the kernel has it.
fn once(stage: &Stage<'_>, args: &[&str], images: &[String]) {
    let trace = stage.dir("trace").join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=openat2", "-o"]).arg(&trace).arg(runmon()).args(args);
    let ran = strace.stdin(Stdio::null()).output().expect("start strace");
    assert!(ran.status.success(), "{ran:?}");
    let trace = fs::read_to_string(trace).expect("what was opened");
    // Where something is is looked up first, and opened to be read then.
    let is_read = |line: &&str| {
        line.contains("\"var/lib/dpkg/status\"")
            && !line.contains("O_PATH")
            && !line.contains("= -1")
    };
    let reads = trace.lines().filter(is_read).count();
    // The host has one as well; of an image there may be more pieces than one to read.
    assert!(reads > 0 && reads <= 2 * (images.len() + 1), "{reads} reads: {trace}");
}
