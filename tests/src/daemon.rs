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

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::containerd::end_with_parent;
use crate::lab::program;
use crate::laws::assert_laws;
use crate::{leftovers, wait};

/// How a daemon is to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The rules, as the text of one rule file; the shipped ones when there is none.
    pub rules: Option<String>,
    /// More lines for the configuration file.
    pub config: String,
    /// More arguments for `runmon run`.
    pub args: Vec<String>,
}

/// A running daemon, killed when it is dropped before `stop`.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    dir: PathBuf,
    documents: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
    programs: BTreeSet<u32>,
}

impl Daemon {
    /// Starts `runmon run` and waits until it says that it watches.
    pub fn start(dir: &Path, options: &Options) -> Self {
        let ready = UnixDatagram::bind(dir.join("ready")).expect("bind the readiness socket");
        ready.set_nonblocking(true).expect("a socket that does not wait");
        let stderr = File::create(dir.join("stderr")).expect("create the daemon's log");
        let mut command = Command::new(program("RUNMON", Path::new("../../release/runmon")));
        command.arg("run").arg("-c").arg(configuration(dir, options)).args(&options.args);
        command.env("NOTIFY_SOCKET", dir.join("ready")).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = end_with_parent(&mut command).spawn().expect("start runmon");
        let documents = Arc::default();
        let stdout = child.stdout.take().expect("the daemon's stdout is a pipe");
        let reader = Some(read_documents(stdout, Arc::clone(&documents)));
        let programs = BTreeSet::new();
        let mut daemon = Self { child, dir: dir.to_path_buf(), documents, reader, programs };
        daemon.wait_until_ready(&ready);
        daemon.programs = leftovers::programs_of(daemon.pid());
        daemon
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Every document so far, oldest first.
    pub fn documents(&self) -> Vec<Value> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first document of which this holds.
    pub fn expect(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
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
    /// nothing of it is left in the kernel. Returns every document.
    pub fn stop(mut self) -> Vec<Value> {
        let status = self.signal(Signal::SIGTERM);
        assert!(status.success(), "the daemon ended with {status}\n{}", self.story());
        self.join();
        leftovers::expect_gone(&self.programs);
        let documents = self.documents();
        let heartbeat = documents.iter().rev().find(|document| is_heartbeat(document));
        let heartbeat = heartbeat.unwrap_or_else(|| panic!("no heartbeat\n{}", self.story()));
        assert_laws(heartbeat);
        documents
    }

    /// Kills it without warning; asserts only that nothing of it is left in the kernel.
    pub fn kill(mut self) -> Vec<Value> {
        self.signal(Signal::SIGKILL);
        self.join();
        leftovers::expect_gone(&self.programs);
        self.documents()
    }

    fn signal(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("signal the daemon");
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
        let ready = wait::until_or(|| {
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
        let log = fs::read_to_string(self.dir.join("stderr")).unwrap_or_default();
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

/// A heartbeat says so itself.
fn is_heartbeat(document: &Value) -> bool {
    document["event"]["action"] == "heartbeat"
}

fn read_documents(stdout: ChildStdout, documents: Arc<Mutex<Vec<Value>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("read the daemon's stdout");
            let document = serde_json::from_str(&line);
            let document =
                document.unwrap_or_else(|err| panic!("no JSON on stdout, {err}: {line}"));
            documents.lock().unwrap_or_else(PoisonError::into_inner).push(document);
        }
    })
}

/// Writes the configuration: directories of its own, so that no other daemon is disturbed.
fn configuration(dir: &Path, options: &Options) -> PathBuf {
    let mut text = format!("state_dir = \"{0}/state\"\nrun_dir = \"{0}/run\"\n", dir.display());
    if let Some(rules) = &options.rules {
        let path = dir.join("rules.yaml");
        fs::write(&path, rules).expect("write the rules");
        text.push_str(&format!("rules = [\"{}\"]\n", path.display()));
    }
    text.push_str(&options.config);
    let path = dir.join("config.toml");
    fs::write(&path, text).expect("write the configuration");
    path
}
