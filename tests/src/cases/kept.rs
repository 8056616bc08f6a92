//! Copies of programs behind alerts: of those that neither a package nor an image brought, whole,
//! bounded, and only where that is asked for.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Case;
use super::store::Disk;
use crate::daemon::{Daemon, Options, is_heartbeat};
use crate::lab::{Stage, trigger_path};
use crate::place::Place;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::each("kept::what_nobody_brought_is_kept_of_the_host", |stage| {
        kept(stage, &Place::Host(stage.lab));
    }),
    Case::each("kept::what_nobody_brought_is_kept_of_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("kept"), &[]);
        kept(stage, &Place::In(&container));
    }),
    Case::new("kept::any_alert_asks_for_it_whatever_the_hashes", any_alert),
    Case::new("kept::a_program_that_removes_itself_is_kept", removed),
    Case::new("kept::the_oldest_goes_first", bounded),
    Case::new("kept::what_is_too_large_is_said_to_be", too_large),
    Case::new("kept::a_full_disk_costs_the_copy_alone", full_disk),
    Case::new("kept::root_keeps_it_by_itself", by_root),
    Case::new("kept::nothing_is_unless_it_is_asked_for", off),
];

/// Matches the starts that the cases make, and few others of the machine.
const STARTS: &str = "\
- rule: Start
  id: start
  desc: A program is started to nap.
  condition: evt.type = execve and proc.args startswith nap
  output: a start of %proc.name
  priority: INFO
";

/// The user that parses and sends, unless the configuration has another one.
const RUN_AS: u32 = 64988;

struct Scene<'a> {
    stage: &'a Stage<'a>,
    state: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Stage<'a>) -> Self {
        Self { stage, state: stage.dir("state") }
    }

    fn daemon(&self, rules: &str, keys: &str) -> Daemon {
        self.stage.daemon(Options {
            rules: Some(rules.to_owned()),
            keys: format!("heartbeat_seconds: 1\n{keys}"),
            state_dir: Some(self.state.clone()),
            ..Options::default()
        })
    }

    fn directory(&self) -> PathBuf {
        self.state.join("executables")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).expect("list the copies");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        entries.map(|entry| name(entry).into_string().expect("a plain name")).collect()
    }

    /// What people are told of an alert.
    fn shown(&self, daemon: &Daemon, alert: &Value) -> String {
        let command = alert["runmon"]["story"]["command"].as_str().expect("a command");
        let short = command.split(' ').nth(3).expect("a name");
        let config = daemon.config();
        let args = ["alerts", "show", short, "-c", config.to_str().expect("a plain path")];
        let shown = || -> Option<String> {
            let ran = self.stage.runmon(args);
            let line = ran.stdout.lines().find(|line| line.trim().starts_with("kept"))?.to_owned();
            (!line.contains("pending")).then_some(line)
        };
        wait::until("the story of an alert", shown)
    }

    /// Asserts that the program of an alert is kept, with this content.
    fn assert_kept(&self, alert: &Value, content: &[u8], owner: u32) {
        let sha256 = digest(content);
        let path = self.directory().join(&sha256);
        let told = json!({ "path": path, "sha256": sha256, "bytes": content.len() });
        assert_eq!(alert["runmon"]["kept_executable"], told, "{alert:#}");
        assert!(fs::read(&path).expect("read the copy") == content, "another content");
        let about = fs::symlink_metadata(&path).expect("look at the copy");
        assert_eq!((about.mode() & 0o177_777, about.uid()), (0o100_600, owner));
        let about = fs::metadata(self.directory()).expect("look at the directory");
        assert_eq!((about.mode() & 0o7777, about.uid()), (0o700, owner));
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The trigger with a word behind the end of what is loaded, so that each has a hash of its own.
fn content(word: &str) -> Vec<u8> {
    let mut content = fs::read(trigger_path()).expect("read the trigger");
    content.extend(word.bytes());
    content
}

/// Writes that content here, as a program.
fn program(place: &Place<'_>, dir: &Path, word: &str) -> PathBuf {
    let path = dir.join(word);
    let (from, to) = (place.program(), path.display().to_string());
    let script = format!("cp {} {to} && printf %s {word} >> {to}", from.display());
    match place {
        Place::Host(_) => {
            let ran = Command::new("/bin/sh").args(["-c", &script]).status();
            assert!(ran.expect("start a shell").success());
        }
        Place::In(container) => {
            container.exec(&["/bin/sh", "-c", &script]);
        }
    }
    path
}

/// Starts a program of that content in some way, and waits for the whole alert.
fn start(daemon: &Daemon, place: &Place<'_>, dir: &Path, how: &str, word: &str) -> Value {
    let program = program(place, dir, word);
    let (dir, program) = (dir.display().to_string(), program.display().to_string());
    let args = ["exec", how, "--dir", &dir, "--program", &program, "--", "nap", "1000"];
    let report = place.trigger(&args);
    place.expect(daemon, &report, "exec", |it| it["process"]["args"][1] == "nap")
}

/// Deleted, in memory, written just before: each is kept, and what was there before is not.
fn kept(stage: &Stage<'_>, place: &Place<'_>) {
    let scene = Scene::new(stage);
    let daemon = scene.daemon(STARTS, "kept_executables: alerts");
    let dir = place.dir(&stage.name("dropped"));
    for how in ["fresh", "deleted", "memfd"] {
        let alert = start(&daemon, place, &dir, how, how);
        scene.assert_kept(&alert, &content(how), RUN_AS);
        // It was read once for both.
        assert_eq!(alert["process"]["hash"]["sha256"], digest(&content(how)));
        let line = scene.shown(&daemon, &alert);
        assert!(line.contains(&digest(&content(how))) && line.ends_with("iB"), "{line}");
    }
    let report = place.trigger(&["exec", "plain", "--", "nap", "1000"]);
    let alert = place.expect(&daemon, &report, "exec", |it| it["process"]["args"][1] == "nap");
    assert_eq!(alert["runmon"]["kept_executable"], Value::Null, "{alert:#}");
    assert_eq!(scene.names().len(), 3);
    let ended = daemon.stop();
    let tables = &ended.heartbeat()["runmon"]["tables"];
    assert_eq!(
        (&tables["kept_executables"], &tables["kept_executables_copied"]),
        (&3.into(), &3.into())
    );
}

/// An alert about something else, from a program that ended at once and has a name.
fn any_alert(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let rules =
        STARTS.replace("evt.type = execve and proc.args startswith nap", "evt.type = sendto");
    let daemon = scene.daemon(&rules, "kept_executables: alerts\nhash: \"off\"");
    let place = Place::Host(stage.lab);
    let dir = stage.dir("dropped");
    let program = program(&place, &dir, "sends");
    // Of what was written just before and has ended it could not be told what it was.
    wait::until("the program to be older than a tick of the clock", || {
        let written = fs::metadata(&program).ok()?.modified().ok()?;
        (written.elapsed().ok()? > Duration::from_millis(50)).then_some(())
    });
    let program = program.display().to_string();
    let args = ["exec", "plain", "--program", &program, "--", "sendto", "127.0.0.1:9"];
    let report = place.trigger(&args);
    let alert = place.expect(&daemon, &report, "send", |_| true);
    scene.assert_kept(&alert, &content("sends"), RUN_AS);
    assert_eq!(alert["process"]["hash"], Value::Null);
    daemon.stop();
}

/// Its inode is another one by then, but not what it runs.
fn removed(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let daemon = scene.daemon(STARTS, "kept_executables: alerts");
    let program = program(&Place::Host(stage.lab), &stage.dir("dropped"), "removed");
    let mut command = Command::new(&program);
    let child = command.args(["nap", "1000"]).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = child.expect("start the program");
    fs::remove_file(&program).expect("remove the program");
    let is_its = |it: &Value| {
        it["event"]["action"] == "exec" && it["process"]["executable"] == json!(program)
    };
    let alert = daemon.expect("the start of the program", is_its);
    scene.assert_kept(&alert, &content("removed"), RUN_AS);
    child.wait().expect("wait for the program");
    daemon.stop();
}

fn bounded(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let bytes = content("1").len() * 2 + 10;
    let keys = format!("kept_executables: alerts\nkept_executables_bytes: {bytes}");
    let daemon = scene.daemon(STARTS, &keys);
    let (place, dir) = (Place::Host(stage.lab), stage.dir("dropped"));
    let alerts: Vec<Value> =
        ["1", "2", "3"].map(|word| start(&daemon, &place, &dir, "fresh", word)).into();
    let mut left = ["2", "3"].map(|word| digest(&content(word)));
    let mut names = scene.names();
    left.sort();
    names.sort();
    assert_eq!(names, left);
    let gone = scene.shown(&daemon, &alerts[0]);
    assert!(gone.ends_with("which is not there any more"), "{gone}");
    // What is there is known again after a restart, and has room for no more than before.
    daemon.stop();
    let daemon = scene.daemon(STARTS, &keys);
    let alert = start(&daemon, &place, &dir, "fresh", "4");
    scene.assert_kept(&alert, &content("4"), RUN_AS);
    let ended = daemon.stop();
    let tables = &ended.heartbeat()["runmon"]["tables"];
    assert_eq!(tables["kept_executables_evicted"], 1, "{tables:#}");
    assert_eq!(tables["kept_executables_bytes"], content("1").len() * 2, "{tables:#}");
    assert!(!scene.directory().join(digest(&content("2"))).exists());
}

fn too_large(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let keys = "kept_executables: alerts\nkept_executable_bytes_max: 1000";
    let daemon = scene.daemon(STARTS, keys);
    let alert = start(&daemon, &Place::Host(stage.lab), &stage.dir("dropped"), "memfd", "large");
    let told = json!({ "not_kept_because": "too_large" });
    assert_eq!(alert["runmon"]["kept_executable"], told);
    // The hash has a bound of its own.
    assert_eq!(alert["process"]["hash"]["sha256"], digest(&content("large")));
    let line = scene.shown(&daemon, &alert);
    assert!(line.ends_with("no copy of its program: too_large"), "{line}");
    assert_eq!(scene.names(), Vec::<String>::new());
    let ended = daemon.stop();
    assert_eq!(ended.heartbeat()["runmon"]["tables"]["kept_executables_too_large"], 1);
}

/// Where the disk has no room to spare nothing is taken from what alerts need.
fn full_disk(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let disk = Disk::mount(&scene.state, 48 << 20);
    let daemon = scene.daemon(STARTS, "kept_executables: alerts");
    let alert = start(&daemon, &Place::Host(stage.lab), &stage.dir("dropped"), "memfd", "full");
    let told = json!({ "not_kept_because": "not_written" });
    assert_eq!(alert["runmon"]["kept_executable"], told);
    assert_eq!(alert["process"]["hash"]["sha256"], digest(&content("full")));
    assert_eq!(scene.names(), Vec::<String>::new());
    let is_next =
        |it: &Value| is_heartbeat(it) && it["runmon"]["tables"]["kept_executables_unwritten"] == 1;
    let heartbeat = daemon.expect_document("a heartbeat after that", is_next);
    assert_eq!(heartbeat["runmon"]["store"]["failing"], false);
    daemon.stop();
    drop(disk);
}

fn by_root(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let daemon = scene.daemon(STARTS, "kept_executables: alerts\nrun_as: root");
    let (place, dir) = (Place::Host(stage.lab), stage.dir("dropped"));
    let alert = start(&daemon, &place, &dir, "memfd", "root");
    scene.assert_kept(&alert, &content("root"), 0);
    daemon.stop();
    // It becomes the other user's who writes from now on.
    let daemon = scene.daemon(STARTS, "kept_executables: alerts");
    let alert = start(&daemon, &place, &dir, "memfd", "root");
    scene.assert_kept(&alert, &content("root"), RUN_AS);
    daemon.stop();
}

fn off(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let daemon = scene.daemon(STARTS, "");
    let alert = start(&daemon, &Place::Host(stage.lab), &stage.dir("dropped"), "memfd", "off");
    assert_eq!(alert["runmon"]["kept_executable"], Value::Null, "{alert:#}");
    daemon.stop();
    assert!(!scene.directory().exists());
}
