//! The daemon under test: started with directories of its own, read line by line, stopped by pid,
//! and asked to account for every record at the end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::containerd::end_with_parent;
use crate::lab::program;
use crate::laws::assert_laws;
use crate::{etc, leftovers, wait};

/// How a daemon is to run. By default it raises an alert on every act, and tells all of it on its
/// standard output.
#[derive(Clone, Debug)]
pub struct Options {
    /// The rules, as the text of one rule file; the embedded ones when there is none.
    pub rules: Option<String>,
    /// More keys for the configuration file.
    pub keys: String,
    /// More sinks, items of the list.
    pub sinks: String,
    /// More arguments for `runmon run`.
    pub args: Vec<String>,
    /// Environment variables of the daemon's.
    pub env: Vec<(&'static str, &'static str)>,
    /// Where daemons of this host register; a directory of its own when there is none.
    pub run_dir: Option<PathBuf>,
    /// Where it keeps what outlives it; a directory of its own when there is none.
    pub state_dir: Option<PathBuf>,
    /// A directory of files that it sees instead of those of the same names in `/etc`.
    pub etc: Option<PathBuf>,
    /// The case makes it lose records.
    pub may_lose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rules: Some(EVERY_ACT.to_owned()),
            keys: String::new(),
            sinks: String::new(),
            args: Vec::new(),
            env: Vec::new(),
            run_dir: None,
            state_dir: None,
            etc: None,
            may_lose: false,
        }
    }
}

/// A rule that every act of the kinds that most cases are about matches: the machine does much
/// else meanwhile.
pub const EVERY_ACT: &str = "\
- rule: Every act
  id: every_act
  desc: Whatever is seen.
  condition: evt.type in (execve, clone, procexit, connect, sendto) or evt.is_open_write = true
  output: an act of %proc.name
  priority: INFO
";

/// Its condition, to put another one in its place.
pub const EVERY_ACT_CONDITION: &str =
    "evt.type in (execve, clone, procexit, connect, sendto) or evt.is_open_write = true";

/// A rule that every act of a trigger matches: of every kind. The machine does much else meanwhile.
pub const ACTS: &str = "\
- rule: Every act of a trigger
  id: every_act
  desc: Whatever the program of the acts does.
  condition: proc.name startswith trigger
  output: an act of %proc.name
  priority: INFO
";

/// Documents that may wait for the harness: other programs of the host act as well.
const QUEUE: usize = 1 << 16;

/// A running daemon, killed when it is dropped before `stop`.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    dir: PathBuf,
    documents: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
    programs: BTreeSet<u32>,
    may_lose: bool,
}

/// What a daemon that has ended leaves.
#[derive(Debug)]
pub struct Ended {
    /// Every document, oldest first.
    pub documents: Vec<Value>,
    /// What it said on standard error.
    pub log: String,
}

impl Ended {
    /// Its last words.
    pub fn heartbeat(&self) -> &Value {
        self.documents.iter().rev().find(|it| is_heartbeat(it)).expect("a heartbeat")
    }
}

impl Daemon {
    /// Starts `runmon run` and waits until it says that it watches.
    pub(crate) fn start(dir: &Path, options: &Options, runtime: &Runtime) -> Self {
        let ready = UnixDatagram::bind(dir.join("ready")).expect("bind the readiness socket");
        ready.set_nonblocking(true).expect("a socket that does not wait");
        let stderr = File::create(dir.join("stderr")).expect("create the daemon's log");
        let mut command = Command::new(runmon());
        let config = configuration(dir, options, runtime);
        command.arg("run").arg("-c").arg(config).args(&options.args);
        command.env("NOTIFY_SOCKET", dir.join("ready")).env_remove("RUST_LOG");
        command.env_remove("NODE_NAME").envs(options.env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        if let Some(etc) = &options.etc {
            etc::put_over(&mut command, etc);
        }
        let mut child = end_with_parent(&mut command).spawn().expect("start runmon");
        let documents = Arc::default();
        let stdout = child.stdout.take().expect("the daemon's stdout is a pipe");
        let reader = Some(read_documents(stdout, Arc::clone(&documents)));
        let programs = BTreeSet::new();
        let (dir, may_lose) = (dir.to_path_buf(), options.may_lose);
        let mut daemon = Self { child, dir, documents, reader, programs, may_lose };
        daemon.wait_until_ready(&ready);
        daemon.programs = leftovers::programs_of(daemon.pid());
        daemon
    }

    /// The file that it is configured by.
    pub fn config(&self) -> PathBuf {
        self.dir.join("config.yaml")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process that keeps its privileges, if that is another one: its only child.
    pub fn keeper(&self) -> Option<u32> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = fs::read_to_string(path).expect("read the daemon's children");
        children.split_whitespace().next().map(|pid| pid.parse().expect("a process id"))
    }

    /// The process that holds its programs and maps.
    pub fn holder(&self) -> u32 {
        self.keeper().unwrap_or(self.pid())
    }

    /// Every document so far, oldest first.
    pub fn documents(&self) -> Vec<Value> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first alert of which this holds, and then for what is pending in it, which is
    /// told under the id of the alert.
    pub fn expect(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.whole(what, self.expect_document(what, |it| is_alert(it) && holds(it)))
    }

    /// An alert with what was pending in it, once that is told, under its own id.
    pub fn whole(&self, what: &str, alert: Value) -> Value {
        if alert["runmon"]["metadata"]["state"] != "pending" {
            return alert;
        }
        let id = &alert["event"]["id"];
        let mut complete = self.expect_document(&format!("{what}, complete"), |document| {
            document["runmon"]["update"]["of"] == *id
        });
        complete["event"]["id"] = id.clone();
        complete
    }

    /// Waits for the first document of which this holds.
    pub fn expect_document(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut seen = 0;
        let found = wait::until_or(|| {
            let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            let found = documents.iter().skip(seen).find(|document| holds(document)).cloned();
            seen = documents.len();
            found
        });
        found.unwrap_or_else(|| panic!("no document came of {what}\n{}", self.story()))
    }

    /// Asserts that this holds of no document up to now. Only meaningful after `expect` has found
    /// the trace of a later act: the daemon reports in order.
    pub fn expect_none(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        if let Some(document) = self.documents().into_iter().find(holds) {
            panic!("a document came of {what}, which ought not to be: {document:#}");
        }
    }

    /// Stops it as an operator would; asserts that it ends well, that its numbers add up, and that
    /// nothing of it is left in the kernel.
    pub fn stop(mut self) -> Ended {
        let status = self.signal(Signal::SIGTERM);
        assert!(status.success(), "the daemon ended with {status}\n{}", self.story());
        self.join();
        leftovers::expect_gone(&self.programs);
        let ended = Ended { documents: self.documents(), log: self.log() };
        let heartbeats: Vec<&Value> =
            ended.documents.iter().filter(|document| is_heartbeat(document)).collect();
        assert!(!heartbeats.is_empty(), "no heartbeat\n{}", self.story());
        assert_laws(&heartbeats, self.may_lose);
        ended
    }

    /// Kills it without warning; asserts only that nothing of it is left in the kernel.
    pub fn kill(mut self) -> Vec<Value> {
        self.signal(Signal::SIGKILL);
        self.join();
        assert!(!self.programs.is_empty(), "the daemon held no programs");
        leftovers::expect_gone(&self.programs);
        self.documents()
    }

    /// Waits until it fails by itself, and says why.
    pub fn fails(mut self, why: &str) {
        let status = wait::until_or(|| self.child.try_wait().expect("wait for the daemon"));
        let status = status.unwrap_or_else(|| panic!("it does not end\n{}", self.story()));
        assert_eq!(status.code(), Some(1), "{status}\n{}", self.story());
        self.join();
        assert!(self.log().contains(why), "{}", self.story());
        leftovers::expect_gone(&self.programs);
    }

    /// What it has said on standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("stderr")).unwrap_or_default()
    }

    /// Sends it a signal.
    pub fn notify(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("signal the daemon");
    }

    fn signal(&mut self, signal: Signal) -> ExitStatus {
        self.notify(signal);
        let status = wait::until_or(|| self.child.try_wait().expect("wait for the daemon"));
        status.unwrap_or_else(|| panic!("the daemon does not end on {signal}\n{}", self.story()))
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("every line of stdout is a document");
        }
    }

    fn wait_until_ready(&mut self, socket: &UnixDatagram) {
        let mut message = [0; 4096];
        let ready = wait::for_or(wait::START, || {
            if let Some(status) = self.child.try_wait().expect("wait for the daemon") {
                panic!("the daemon ended at its start with {status}\n{}", self.story());
            }
            let length = socket.recv(&mut message).ok()?;
            let text = String::from_utf8_lossy(message.get(..length)?).into_owned();
            text.lines().any(|line| line == "READY=1").then_some(())
        });
        assert!(ready.is_some(), "the daemon does not get ready\n{}", self.story());
    }

    /// What it wrote: for the reader of a failure.
    fn story(&self) -> String {
        let log = self.log();
        let documents: Vec<String> = self.documents().iter().map(Value::to_string).collect();
        let first = documents.len().saturating_sub(STORY_DOCUMENTS);
        let last: Vec<&str> = documents.iter().skip(first).map(String::as_str).collect();
        format!("--- its log\n{log}--- its last documents\n{}", last.join("\n"))
    }
}

/// How many documents a failure shows.
const STORY_DOCUMENTS: usize = 20;

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails only when it has ended.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// The program under test.
pub fn runmon() -> PathBuf {
    program("RUNMON", Path::new("../../release/runmon"))
}

/// A heartbeat says so itself.
pub fn is_heartbeat(document: &Value) -> bool {
    document["runmon"]["document"] == "heartbeat"
}

/// So does an alert; its updates are no alerts of their own.
pub fn is_alert(document: &Value) -> bool {
    document["runmon"]["document"] == "alert"
}

/// The places of the container runtime that daemons ask.
#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    /// Its state directory.
    pub(crate) state: PathBuf,
    /// Its socket.
    pub(crate) socket: PathBuf,
    /// The places of other engines, by the kind of their layout.
    pub(crate) others: Vec<(&'static str, PathBuf)>,
}

/// When a document arrived, nanoseconds since boot: the harness adds it to each.
const ARRIVED: &str = "arrived";

/// Milliseconds from an act to the arrival of this document about it.
pub(crate) fn delay_ms(document: &Value) -> f64 {
    let happened = document["runmon"]["boottime_ns"].as_f64().expect("it is about an act");
    (document[ARRIVED].as_f64().expect("it arrived") - happened) / 1e6
}

fn read_documents(stdout: ChildStdout, documents: Arc<Mutex<Vec<Value>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("read the daemon's stdout");
            let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).expect("a clock"));
            let document = serde_json::from_str(&line);
            let mut document: Value =
                document.unwrap_or_else(|err| panic!("no JSON on stdout, {err}: {line}"));
            document[ARRIVED] = json!(now.as_nanos() as f64);
            documents.lock().unwrap_or_else(PoisonError::into_inner).push(document);
        }
    })
}

/// An item of a list in the configuration, of its keys, a line each.
pub fn item(keys: &str) -> String {
    format!("- {}\n", keys.trim_end().replace('\n', "\n  "))
}

/// Writes the configuration: directories of its own, so that no other daemon is disturbed.
pub(crate) fn configuration(dir: &Path, options: &Options, runtime: &Runtime) -> PathBuf {
    let run_dir = options.run_dir.clone().unwrap_or_else(|| dir.join("run"));
    let state_dir = options.state_dir.clone().unwrap_or_else(|| dir.join("state"));
    let mut keys = vec![
        format!("state_dir: {state_dir:?}"),
        format!("run_dir: {run_dir:?}"),
        options.keys.clone(),
    ];
    // Cases count alerts.
    if !options.keys.contains("rollup_seconds") {
        keys.push("rollup_seconds: 0".to_owned());
    }
    if let Some(rules) = &options.rules {
        let path = dir.join("rules.yaml");
        fs::write(&path, rules).expect("write the rules");
        keys.push(format!("rules: [{path:?}]"));
    }
    keys.push("runtime_roots:".to_owned());
    keys.push(item(&format!("state: {:?}\nsocket: {:?}", runtime.state, runtime.socket)));
    for (kind, state) in &runtime.others {
        keys.push(item(&format!("kind: {kind:?}\nstate: {state:?}")));
    }
    keys.push("sinks:".to_owned());
    keys.push(item(&format!("kind: stdout\nformat: ecs\nqueue: {QUEUE}")));
    keys.push(options.sinks.clone());
    let path = dir.join("config.yaml");
    fs::write(&path, keys.join("\n")).expect("write the configuration");
    path
}
