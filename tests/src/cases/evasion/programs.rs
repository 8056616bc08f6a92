//! Programs that are started under another name, or by another program.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::is_blind;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, is_alert};
use crate::lab::{Stage, trigger_path};
use crate::place::Place;

/// The exec of the trigger, which naps.
fn started(place: &Place<'_>, daemon: &Daemon, report: &crate::triggers::Report) -> Value {
    place.expect(daemon, report, "exec", |it| it["process"]["args"][1] == "nap")
}

fn inode_of(path: &Path) -> String {
    fs::metadata(path).expect("the file is there").ino().to_string()
}

/// The executable is what runs, not the descriptor that named it.
pub(super) fn by_descriptor(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["exec", "proc-fd"]);
    let alert = started(&place, &daemon, &report);
    assert_eq!(alert["process"]["executable"], json!(place.program()), "{alert:#}");
    assert_eq!(alert["process"]["code_file"]["inode"], inode_of(&place.program()));
    daemon.stop();
}

/// What an interpreter is given on its command line is told; what it reads from its input is not,
/// which is stated.
pub(super) fn interpreter(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let path = stage.dir("script").join("script");
    fs::write(&path, "exit 0\n").expect("write a script");
    let script = path.to_str().expect("plain");
    for args in [&["sh", script][..], &["sh", "-c", "exit 0"], &["sh", "-s"]] {
        let mut shell = Command::new("/bin/busybox");
        let script = fs::File::open(&path).expect("open the script");
        let mut shell = shell.args(args).stdin(script).spawn().expect("start busybox");
        let pid = shell.id();
        assert!(shell.wait().expect("wait for the shell").success());
        let alert = daemon.expect("the shell", |it| {
            it["event"]["action"] == "exec" && it["process"]["pid"] == pid
        });
        let process = &alert["process"];
        let expected: Vec<&str> = ["/bin/busybox"].iter().chain(args).copied().collect();
        assert_eq!(process["args"], json!(expected), "{alert:#}");
    }
    let ended = daemon.stop();
    assert!(is_blind(ended.heartbeat(), "exec", "standard input"));
}

/// The dynamic loader runs a program that nobody started: what it maps is told of. The variables
/// with which a loader is made to take other files are known at the start.
pub(super) fn loader(stage: &Stage<'_>) {
    let asked = format!(
        "({EVERY_ACT_CONDITION}) or (evt.type in (mmap, mmap2) and proc.name \
                         startswith ld) or proc.env[LD_PRELOAD] exists or \
                         proc.env[GLIBC_TUNABLES] exists or proc.env[LD_AUDIT] exists"
    );
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, &asked);
    let daemon = stage.daemon(Options { rules: Some(rules), ..Options::default() });
    let program = stage.dir("loader").join("program");
    fs::copy(find("runc"), &program).expect("copy a program that is linked dynamically");
    let mut loader = Command::new(LOADER);
    loader.env_clear().arg(&program).arg("--version").stdout(Stdio::null());
    loader.env("LD_PRELOAD", "/no/such.so").env("LD_AUDIT", "/no/such.so");
    loader.env("GLIBC_TUNABLES", "glibc.malloc.check=0").stderr(Stdio::null());
    let mut loader = loader.spawn().expect("start the loader");
    let pid = loader.id();
    assert!(loader.wait().expect("wait for it").success());
    let is_it = |it: &Value, action| it["event"]["action"] == action && it["process"]["pid"] == pid;
    let exec = daemon.expect("the loader", |it| is_it(it, "exec"));
    let real = fs::canonicalize(LOADER).expect("the loader is there");
    assert_eq!(exec["process"]["executable"], json!(real), "{exec:#}");
    assert_eq!(exec["process"]["args"][1], json!(program), "{exec:#}");
    let variables = exec["process"]["env_vars"].as_array().map(Vec::len);
    assert_eq!(variables, Some(3), "{exec:#}");
    let map = daemon.expect("the program's code", |it| {
        is_it(it, "map") && it["file"]["path"] == json!(program)
    });
    assert_eq!(map["file"]["inode"], inode_of(&program), "{map:#}");
    daemon.stop();
}

/// Where the loader is on this architecture.
const LOADER: &str = if cfg!(target_arch = "aarch64") {
    "/lib/ld-linux-aarch64.so.1"
} else {
    "/lib64/ld-linux-x86-64.so.2"
};

fn find(name: &str) -> std::path::PathBuf {
    let dirs = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/sbin", "/bin"];
    let mut paths = dirs.iter().map(|dir| Path::new(dir).join(name));
    paths.find(|path| path.is_file()).expect("the container runtime is there")
}

/// Neither a first argument nor a thread's name hides the program.
pub(super) fn disguises(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let program = json!(place.program());
    let report = place.trigger(&["exec", "disguised"]);
    let alert = started(&place, &daemon, &report);
    assert_eq!(alert["process"]["args"][0], "[kworker/0:1]", "{alert:#}");
    assert_eq!(alert["process"]["executable"], program, "{alert:#}");
    assert_eq!(alert["process"]["name"], "trigger", "{alert:#}");

    let path = stage.dir("renamed").join("file");
    fs::write(&path, "").expect("write a file");
    let report = place.trigger(&["evade", "rename", path.to_str().expect("plain")]);
    let alert =
        place.expect(&daemon, &report, "file_open_write", |it| it["file"]["path"] == json!(path));
    assert_eq!(alert["process"]["executable"], program, "{alert:#}");
    assert_eq!(alert["process"]["name"], "trigger", "{alert:#}");
    daemon.stop();
}

/// Bytes that end a line, a string or a terminal's sequence come out as they went in.
pub(super) fn hostile_arguments(stage: &Stage<'_>) {
    const HOSTILE: &str = "\u{1b}[2J\u{7}\r\n{\"event\":\"exec\"}\\\u{202e}'";
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["exec", "plain", "--", "nap", "0", HOSTILE]);
    let alert = started(&place, &daemon, &report);
    assert_eq!(alert["process"]["args"][3], HOSTILE, "{alert:#}");
    daemon.stop();
}

/// One binary under the names of its applets.
pub(super) fn one_binary(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("box"), &[]);
    let link = stage.dir("box").join("nc");
    std::os::unix::fs::symlink("/bin/busybox", &link).expect("make a link");
    container.exec(&["/bin/true", "marked"]);
    let alert = daemon.expect("an applet by its link", |it| {
        it["event"]["action"] == "exec"
            && it["container"]["id"] == container.id()
            && it["process"]["args"] == json!(["/bin/true", "marked"])
    });
    assert_eq!(alert["process"]["executable"], "/bin/busybox", "{alert:#}");
    let inode = inode_of(Path::new(&format!("/proc/{}/root/bin/busybox", container.pid())));
    assert_eq!(alert["process"]["code_file"]["inode"], inode, "{alert:#}");
    container.exec(&["/bin/busybox", "true", "marked"]);
    let alert = daemon.expect("an applet by an argument", |it| {
        it["container"]["id"] == container.id()
            && it["process"]["args"] == json!(["/bin/busybox", "true", "marked"])
    });
    assert_eq!(alert["process"]["executable"], "/bin/busybox", "{alert:#}");
    daemon.stop();
}

/// Two processes that had one id are two.
pub(super) fn same_id(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["exec", "same-id"]);
    place.expect(&daemon, &report, "exec", |it| it["process"]["args"][3] == "second");
    place.expect(&daemon, &report, "exit", |it| it["process"]["args"][3] == "second");
    let documents = daemon.documents();
    let execs: Vec<&Value> = documents
        .iter()
        .filter(|it| is_alert(it) && it["event"]["action"] == "exec" && place.is_by(&report, it))
        .collect();
    let [first, second] = execs[..] else { panic!("not two: {execs:#?}") };
    assert_eq!(first["process"]["args"][3], "first");
    assert_ne!(first["process"]["entity_id"], second["process"]["entity_id"]);
    assert_eq!(first["process"]["parent"]["entity_id"], second["process"]["parent"]["entity_id"]);
    let program = json!(trigger_path());
    assert_eq!(second["process"]["executable"], program);
    daemon.stop();
}

/// A process that moves itself to a cgroup that looks like another container stays the first one's,
/// and so do its children.
pub(super) fn another_cgroup(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let other = crate::cases::containers::Cgroup::make(&format!("docker/{}", "cd".repeat(32)));
    let mount = format!("type=bind,src={},dst=/cgroup,options=rbind:rw", other.path.display());
    let name = stage.name("mover");
    let container = stage.containerd().run_with(&name, &["--mount", &mount], &[]);
    let script = "echo 0 > /cgroup/cgroup.procs && grep -q cdcdcd /proc/self/cgroup \
                  && /bin/trigger open /etc/hosts";
    let output = container.exec(&["/bin/sh", "-c", script]);
    let report = crate::lab::report(&output.stdout, &output.stderr);
    assert_eq!(report.errno, 0, "{report}");
    Place::In(&container)
        .expect(&daemon, &report, "file_open_write", |it| it["file"]["path"] == "/etc/hosts");
    drop(container);
    daemon.stop();
}
