//! What the cases share: a place for files, and one container runtime for all of them.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::containerd::Containerd;
use crate::daemon::{Daemon, Options, Runtime, configuration, runmon};
use crate::engines;
use crate::triggers::Report;

/// The place where cases run. What it made is gone when it is dropped.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    containerd: OnceLock<Containerd>,
    names: AtomicU32,
    /// Whether there is time for more of the same.
    pub is_full: bool,
}

/// The family of hooks that a case runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// The best that works.
    Auto,
    /// fentry and fexit.
    Fentry,
    /// kprobes.
    Kprobe,
    /// Neither trampolines nor kprobes.
    Fallback,
}

impl Hooks {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Fallback => "fallback",
        }
    }
}

/// Whether this is a virtual machine of our own, which nobody else uses.
pub fn is_guest() -> bool {
    env::var_os("GUEST").is_some()
}

/// What a case gets: the lab, and the hooks that its daemons are to use.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The hooks.
    pub hooks: Hooks,
}

impl std::ops::Deref for Stage<'_> {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        self.lab
    }
}

impl Stage<'_> {
    /// Starts a daemon and waits until it watches.
    pub fn daemon(&self, options: Options) -> Daemon {
        let args = ["--hooks", self.hooks.name()].map(str::to_owned);
        let args = args.into_iter().chain(options.args).collect();
        self.lab.start(&Options { args, ..options })
    }

    /// One that raises an alert on every act.
    pub fn watch(&self) -> Daemon {
        self.daemon(Options::default())
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Lab {
    /// An empty one; in full, cases have time for more of the same.
    pub fn new(is_full: bool) -> Self {
        // Short: the names of Unix sockets below it have at most 107 bytes.
        let dir = PathBuf::from(format!("/tmp/runmon-e2e-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("create the lab's directory");
        Self { dir, containerd: OnceLock::new(), names: AtomicU32::new(0), is_full }
    }

    /// How many containers are started at once.
    pub fn many(&self) -> usize {
        if self.is_full { 100 } else { 20 }
    }

    /// A new empty directory.
    pub fn dir(&self, what: &str) -> PathBuf {
        let dir = self.dir.join(self.name(what));
        fs::create_dir(&dir).expect("create a directory");
        dir
    }

    /// A name that no other case has.
    pub fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A directory of that name below which another engine keeps everything.
    pub fn engine_dir(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The container runtime, started when first asked for.
    pub fn containerd(&self) -> &Containerd {
        self.containerd.get_or_init(|| Containerd::start(&self.runtime_dir()))
    }

    fn runtime_dir(&self) -> PathBuf {
        self.dir.join("c")
    }

    fn start(&self, options: &Options) -> Daemon {
        Daemon::start(&self.dir("daemon"), options, &self.runtime())
    }

    /// Writes a configuration, for a daemon that the case starts itself.
    pub fn configuration(&self, options: &Options) -> PathBuf {
        configuration(&self.dir("daemon"), options, &self.runtime())
    }

    fn runtime(&self) -> Runtime {
        let dir = self.runtime_dir();
        let others = engines::roots_in(&self.dir);
        Runtime { state: Containerd::state_in(&dir), socket: Containerd::socket_in(&dir), others }
    }

    /// Runs the program under test to its end.
    pub fn runmon<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let output = Command::new(runmon()).args(args).stdin(Stdio::null()).output();
        Ran::from(output.expect("start runmon"))
    }

    /// Performs an act on the host.
    pub fn trigger(&self, args: &[&str]) -> Report {
        let output = Command::new(trigger_path()).args(args).stdin(Stdio::null()).output();
        let output = output.expect("start the trigger");
        report(&output.stdout, &output.stderr)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.containerd.take());
        if let Err(err) = fs::remove_dir_all(&self.dir) {
            eprintln!("warning: {} is left behind: {err}", self.dir.display());
        }
    }
}

/// What a program that has ended left.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; none after a signal.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }
}

impl Ran {
    /// Asserts the exit code, and that every word was said; no failure may be a panic.
    pub fn assert(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "nothing was said of `{word}`: {self:#?}");
        }
        self
    }
}

/// The program of the triggers: beside this one, unless TRIGGER says otherwise.
pub fn trigger_path() -> PathBuf {
    program("TRIGGER", Path::new("trigger"))
}

/// A program that the caller built: named by a variable, or beside this program.
pub(crate) fn program(variable: &str, beside: &Path) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return PathBuf::from(path);
    }
    let this = env::current_exe().expect("the path of this program");
    this.with_file_name(beside)
}

/// The first report in a trigger's output; programs that it became may have written more.
pub(crate) fn report(stdout: &[u8], stderr: &[u8]) -> Report {
    let text = String::from_utf8_lossy(stdout);
    let mut reports = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let errors = || String::from_utf8_lossy(stderr);
    reports.next().unwrap_or_else(|| panic!("no report from the trigger: {text}{}", errors()))
}
