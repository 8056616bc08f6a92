//! What the cases share: a place for files, and one container runtime for all of them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::containerd::Containerd;
use crate::daemon::{Daemon, Options};
use crate::triggers::Report;

/// The place where cases run. What it made is gone when it is dropped.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    containerd: OnceLock<Containerd>,
    names: AtomicU32,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An empty one.
    pub fn new() -> Self {
        // Short: the names of Unix sockets below it have at most 107 bytes.
        let dir = PathBuf::from(format!("/tmp/runmon-e2e-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("create the lab's directory");
        Self { dir, containerd: OnceLock::new(), names: AtomicU32::new(0) }
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

    /// The container runtime, started when first asked for.
    pub fn containerd(&self) -> &Containerd {
        self.containerd.get_or_init(|| Containerd::start(&self.dir.join("c")))
    }

    /// Starts a daemon and waits until it watches.
    pub fn daemon(&self, options: Options) -> Daemon {
        Daemon::start(&self.dir("daemon"), &options)
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
