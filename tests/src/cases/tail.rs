//! `runmon tail`: with hooks of its own, with those of a running daemon, and around a command.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::Case;
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Options, runmon};
use crate::lab::{Ran, Stage};

pub(super) const CASES: &[Case] = &[
    Case::new("tail::without_a_daemon", without_a_daemon),
    Case::new("tail::with_a_daemon", with_a_daemon),
    Case::new("tail::of_a_container_from_its_first_act", of_a_container),
    Case::with(&["strace", "dpkg-deb"], "tail::a_command_is_summed_up", command),
    Case::new("tail::a_command_ends_as_it_ends", exit_codes),
    Case::new("tail::ends_with_the_one_process", ends_with_the_process),
    Case::new("tail::what_cannot_be_written_is_said", full_disk),
    Case::new("tail::shows_hashes_that_no_rule_asks_for", hashes),
];

/// Without a daemon's help and without rules.
pub(super) fn without_a_daemon(_: &Stage<'_>) {
    let mut tail = Command::new(runmon());
    tail.args(["tail", "--own", "--json", "--for", "5s"]);
    tail.arg("evt.type = execve and proc.name = busybox");
    tail.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = tail.spawn().expect("start runmon tail");
    let (done, stop) = std::sync::mpsc::channel::<()>();
    let acts = std::thread::spawn(move || {
        while stop.recv_timeout(std::time::Duration::from_millis(200)).is_err() {
            busybox();
        }
    });
    let ran = Ran::from(child.wait_with_output().expect("wait for runmon tail"));
    done.send(()).expect("the acts go on until now");
    acts.join().expect("busybox runs");
    ran.assert(0, &["watching", "0 lost"]);
    let events: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert!(!events.is_empty(), "{ran:#?}");
    for event in &events {
        assert_eq!(event["event"]["kind"], "event", "{event:#}");
        assert_eq!(event["event"]["action"], "exec", "{event:#}");
        assert_eq!(event["process"]["name"], "busybox", "{event:#}");
    }
}

fn busybox() {
    let status = Command::new("/bin/busybox").arg("true").status();
    assert!(status.expect("start busybox").success());
}

/// A running `runmon tail` whose lines are read.
struct Tail {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Tail {
    /// Starts it; it has begun to watch when this returns.
    fn start(args: &[&str]) -> Self {
        let mut tail = Command::new(runmon());
        tail.arg("tail").args(args);
        tail.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tail.spawn().expect("start runmon tail");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        while !line.contains("watching") {
            line.clear();
            assert_ne!(said.read_line(&mut line).expect("read"), 0, "it ended before it began");
        }
        child.stderr = Some(said.into_inner());
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// The next line; it is waited for.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read a line");
        assert!(line.ends_with('\n'), "it ended: {line:?}");
        line
    }

    /// Ends it as Ctrl-C does; what it said.
    fn stop(mut self) -> String {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, Signal::SIGINT).expect("stop runmon tail");
        let mut said = String::new();
        self.child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("read");
        assert!(self.child.wait().expect("wait for runmon tail").success(), "{said}");
        said
    }
}

/// Only starts of busybox.
fn rules() -> String {
    EVERY_ACT.replace(EVERY_ACT_CONDITION, "evt.type = execve and proc.name = busybox")
}

/// Kinds that a running daemon has hooks for, as its status tells.
fn hooked(stage: &Stage<'_>, config: &str) -> BTreeSet<String> {
    let ran = stage.runmon(["status", "--json", "-c", config]);
    let status: Value = serde_json::from_str(&ran.stdout).expect("a status is JSON");
    let hooks = status["hooks"].as_array().expect("it lists hooks").iter();
    let attached = hooks.filter(|hook| !hook["backend"].is_null());
    attached.map(|hook| hook["kind"].as_str().expect("a kind").to_owned()).collect()
}

/// Hooks that no rule needs come with who looks on, and go.
fn with_a_daemon(stage: &Stage<'_>) {
    let run_dir = Some(stage.dir("shared"));
    let options = Options { rules: Some(rules()), run_dir, ..Options::default() };
    let config = stage.configuration(&options);
    let config = config.to_str().expect("a plain path");
    let daemon = stage.daemon(options);
    assert!(!hooked(stage, config).contains("mkdir"));
    let dir = stage.dir("made");
    let filter = format!("evt.type = mkdir and fs.path.name startswith {}", dir.display());
    let fields = "evt.type,fs.path.name,proc.name";
    let mut tail = Tail::start(&["-c", config, "--fields", fields, &filter]);
    assert!(hooked(stage, config).contains("mkdir"));
    for name in ["a", "b\x1b[2J\n"] {
        fs::create_dir(dir.join(name)).expect("make a directory");
    }
    fs::create_dir(stage.dir("other").join("c")).expect("make a directory");
    let own = std::env::current_exe().expect("this program");
    let own = own.file_name().expect("it has a name").to_str().expect("a plain name");
    assert_eq!(tail.next(), format!("mkdir\t{}/a\t{own}\n", dir.display()));
    assert_eq!(tail.next(), format!("mkdir\t{}/b\\x1b[2J\\x0a\t{own}\n", dir.display()));
    // Two look on at the same time, one at alerts.
    let mut alerts = Tail::start(&["-c", config, "--alerts", "--json"]);
    busybox();
    let alert: Value = serde_json::from_str(&alerts.next()).expect("an alert is JSON");
    assert_eq!(alert["event"]["kind"], "alert", "{alert:#}");
    let said = tail.stop();
    assert!(said.contains("2 shown, 0 lost"), "{said}");
    assert!(alerts.stop().contains("1 shown, 0 lost"));
    crate::wait::until("the hooks that nobody needs are gone", || {
        (!hooked(stage, config).contains("mkdir")).then_some(())
    });
    busybox();
    daemon.stop();
}

/// Also the start of its first program, of which other facts are known only later.
fn of_a_container(stage: &Stage<'_>) {
    let name = stage.name("tailed");
    let fields = "container.id,proc.cmdline";
    let filter = "evt.type = execve";
    let mut tail = Tail::start(&["--own", "--container", &name, "--fields", fields, filter]);
    let containerd = stage.containerd();
    let other = containerd.run(&stage.name("untold"), &["/bin/busybox", "sleep", "60"]);
    let tailed = containerd.run(&name, &["/bin/busybox", "sleep", "61"]);
    assert_eq!(tail.next(), format!("{name}\tbusybox sleep 61\n"));
    drop((other, tailed));
    assert!(tail.stop().contains("0 lost"));
}

/// Builds a package, and talks to a server of ours.
const BUILD: &str = r#"
set -e
mkdir -p pkg/DEBIAN pkg/usr/share/doc/demo
printf 'Package: demo\nVersion: 1\nArchitecture: all\n' > pkg/DEBIAN/control
printf 'Maintainer: a <a@example.com>\nDescription: demo\n' >> pkg/DEBIAN/control
cp /etc/os-release pkg/usr/share/doc/demo/text
ln -s text pkg/usr/share/doc/demo/link
dpkg-deb --build pkg draft.deb > log
mv draft.deb demo.deb
rm log
bash -c "echo hello > /dev/tcp/127.0.0.1/$1"
"#;

/// The files that it wrote and the hosts that it contacted are those that `strace` sees, which
/// watches at the same time.
fn command(stage: &Stage<'_>) {
    let dir = stage.dir("build");
    let server = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = server.local_addr().expect("an address").port();
    fs::write(dir.join("build.sh"), BUILD).expect("write the script");
    let path = |name: &str| dir.join(name).to_str().expect("a plain path").to_owned();
    let (summary, trace, lines) = (path("summary.json"), path("trace"), path("lines"));
    let mut tail = Command::new(runmon());
    tail.args(["tail", "--summary", &summary, "--output", &lines, "--exec", "strace", "-f", "-y"]);
    tail.args(["-qq", "-e", "trace=open,openat,openat2,creat,connect", "-o", &trace]);
    tail.args(["sh", "build.sh", &port.to_string()]).current_dir(&dir).stdin(Stdio::null());
    let ran = Ran::from(tail.output().expect("run runmon tail"));
    ran.assert(0, &["0 lost", "demo.deb", "exit status: 0"]);
    let summary = fs::read_to_string(summary).expect("read the summary");
    let summary: Value = serde_json::from_str(&summary).expect("the summary is JSON");
    let list = |name: &str| -> BTreeSet<String> {
        let list = summary[name].as_array().unwrap_or_else(|| panic!("{name}: {summary:#}"));
        list.iter().map(|it| it.as_str().expect("a text").to_owned()).collect()
    };
    let trace = fs::read_to_string(&trace).expect("read what strace saw");
    let seen = Traced::read(&trace);
    let mut written = list("files_written");
    assert!(written.remove(&path("trace")), "strace itself writes there: {summary:#}");
    assert_eq!(written, seen.written);
    assert!(written.contains(&path("draft.deb")), "{written:?}");
    let left = list("files_left");
    assert!(left.contains(&path("demo.deb")) && !left.contains(&path("draft.deb")), "{left:?}");
    assert!(!left.contains(&path("log")), "{left:?}");
    let hosts = summary["hosts"].as_array().expect("a list").iter();
    let hosts: BTreeSet<&str> = hosts.filter_map(|host| host["address"].as_str()).collect();
    assert_eq!(hosts, seen.hosts.iter().map(String::as_str).collect());
    assert_eq!(hosts, BTreeSet::from([&*format!("tcp 127.0.0.1:{port}")]));
    let lines = fs::read_to_string(lines).expect("read the lines");
    assert!(lines.lines().any(|line| line.contains("exec") && line.contains("dpkg-deb --build")));
}

/// What `strace` saw.
#[derive(Debug, Default)]
struct Traced {
    written: BTreeSet<String>,
    hosts: BTreeSet<String>,
}

impl Traced {
    fn read(text: &str) -> Self {
        let mut seen = Self::default();
        let mut unfinished = std::collections::HashMap::new();
        for line in text.lines() {
            let Some((pid, call)) = line.trim_start().split_once(' ') else { continue };
            let call = call.trim_start();
            if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
                unfinished.insert(pid, begun.to_owned());
                continue;
            }
            let whole = match call.split_once(" resumed>") {
                Some((_, rest)) => unfinished.remove(pid).unwrap_or_default() + rest,
                None => call.to_owned(),
            };
            seen.note(&whole);
        }
        seen
    }

    /// `openat(AT_FDCWD</dir>, "name", O_WRONLY|O_CREAT, 0666) = 3</dir/name>`
    fn note(&mut self, call: &str) {
        if call.starts_with("connect(")
            && let Some((_, rest)) = call.split_once("sin_port=htons(")
        {
            let port = rest.split(')').next().expect("it ends");
            let address = rest.split('"').nth(1).expect("an address");
            self.hosts.insert(format!("tcp {address}:{port}"));
        }
        let writes = ["O_WRONLY", "O_RDWR", "creat("].iter().any(|flag| call.contains(flag));
        let Some((_, result)) = call.rsplit_once(" = ") else { return };
        if let (true, Some((_, path))) = (writes, result.split_once('<')) {
            let path = path.trim_end_matches('>');
            if !path.starts_with("/dev/") && !path.starts_with("/proc/") {
                self.written.insert(path.to_owned());
            }
        }
    }
}

fn exit_codes(_: &Stage<'_>) {
    for (command, code, words) in [
        (&["sh", "-c", "exit 3"][..], 3, "exit status: 3"),
        (&["sh", "-c", "kill -9 $$"], 137, "signal: 9"),
        (&["/no/such/program"], 127, "/no/such/program"),
    ] {
        let mut tail = Command::new(runmon());
        tail.args(["tail", "--exec"]).args(command).stdin(Stdio::null());
        let ran = Ran::from(tail.output().expect("run runmon tail"));
        ran.assert(code, &[words, "0 lost"]);
    }
}

/// Watching ends with the one process that is watched, with a daemon's hooks and with its own.
fn ends_with_the_process(stage: &Stage<'_>) {
    let run_dir = Some(stage.dir("shared"));
    let options = Options { rules: Some(rules()), run_dir, ..Options::default() };
    let config = stage.configuration(&options);
    let config = config.to_str().expect("a plain path");
    let daemon = stage.daemon(options);
    for (how, words) in [("--own", "watching;"), ("--config", "with the running daemon")] {
        let mut sleeper = Command::new("sleep").arg("60").spawn().expect("start a process");
        let pid = sleeper.id().to_string();
        let mut args = vec!["tail", "--pid", &pid, how];
        args.extend((how == "--config").then_some(config));
        let mut tail = Command::new(runmon());
        tail.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut tail = tail.spawn().expect("start runmon tail");
        let mut said = BufReader::new(tail.stderr.take().expect("its messages")).lines();
        let mut next = || said.next().expect("a message").expect("text");
        let first = std::iter::repeat_with(&mut next).find(|line| line.contains("watching"));
        assert!(first.is_some_and(|line| line.contains(words)));
        assert!(tail.try_wait().expect("look").is_none(), "it is there as long as the process");
        sleeper.kill().expect("end the process");
        sleeper.wait().expect("wait for the process");
        assert!(next().contains(&format!("process {pid} has ended")));
        assert!(tail.wait().expect("wait for runmon tail").success());
    }
    daemon.stop();
}

/// A full disk is a failure, a reader that reads nothing keeps nobody from ending, and children
/// that go on are told of.
fn full_disk(stage: &Stage<'_>) {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("open /dev/full");
    let mut tail = Command::new(runmon());
    tail.args(["tail", "--own", "--exec", "/bin/busybox", "true"]).stdin(Stdio::null());
    let ran = Ran::from(tail.stdout(full).output().expect("run runmon tail"));
    ran.assert(1, &["could not all be written"]);
    let (reader, writer) = std::io::pipe().expect("make a pipe");
    let mut tail = Command::new(runmon());
    tail.args(["tail", "--own", "--for", "2s"]).stdin(Stdio::null()).stdout(writer);
    let mut child = tail.spawn().expect("start runmon tail");
    let acts = "i=0; while [ $i -lt 1500 ]; do /bin/busybox true; i=$((i+1)); done";
    assert!(Command::new("sh").args(["-c", acts]).status().expect("run sh").success());
    crate::wait::until("it ends although nobody reads", || {
        child.try_wait().expect("wait for runmon tail")
    });
    drop(reader);
    let late = stage.dir("late").join("file");
    let script = format!("(sleep 3; echo x > {}) & exit 0", late.display());
    let mut tail = Command::new(runmon());
    tail.args(["tail", "--exec", "sh", "-c", &script]).stdin(Stdio::null());
    let ran = Ran::from(tail.stdout(Stdio::null()).output().expect("run runmon tail"));
    ran.assert(0, &["of its children go on"]);
}

/// The hash comes with the start although only the line asks for it.
fn hashes(_: &Stage<'_>) {
    let filter = "evt.type = execve and proc.name = busybox";
    let mut tail = Tail::start(&["--own", "--fields", "proc.exe_sha256", filter]);
    busybox();
    let hash = tail.next();
    assert!(hash.trim().len() == 64 && hash.trim().bytes().all(|it| it.is_ascii_hexdigit()));
    assert!(tail.stop().contains("0 lost"));
}
