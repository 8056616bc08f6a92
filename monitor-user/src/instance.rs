//! The monitors of one host: each holds a lock under its name, and leaves the acts of the others
//! out.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

/// Name of the only daemon.
pub const DEFAULT_NAME: &str = "default";

/// What a name may be.
pub const NAMES: &str = "use letters, digits, `-` and `_`, at most 64";

/// Longest name.
const NAME_MAX: usize = 64;

/// Why the place of an instance could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another one has the name.
    #[error("a runmon named `{name}` is already running{}", in_brackets(*pid))]
    Taken {
        /// The name.
        name: String,
        /// Its pid.
        pid: Option<u32>,
    },
    /// The directory or the lock cannot be made.
    #[error("cannot use {path}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name would be no file name.
    #[error("`{name}` is no name for an instance: {NAMES}")]
    Name {
        /// The name.
        name: String,
    },
}

/// A held place. It is free again when this is dropped, or the process dies.
pub struct Instance {
    name: String,
    run_dir: PathBuf,
    directory: PathBuf,
    path: PathBuf,
    _lock: Flock<File>,
}

impl Instance {
    /// Takes the place of an instance.
    pub fn register(run_dir: &Path, name: &str) -> Result<Self, InstanceError> {
        if !is_name(name) {
            return Err(InstanceError::Name { name: name.to_owned() });
        }
        let directory = run_dir.join("instances");
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| InstanceError::Unusable { path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(unusable(&directory))?;
        let path = directory.join(format!("{name}.pid"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable(&path))?;
        let mut lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(file, _)| {
                InstanceError::Taken { name: name.to_owned(), pid: read_pid(file) }
            })?;
        lock.set_len(0).map_err(unusable(&path))?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable(&path))?;
        let (name, run_dir) = (name.to_owned(), run_dir.to_owned());
        Ok(Self { name, run_dir, directory, path, _lock: lock })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the monitors of this host are registered.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Takes away what the instance of that name and process left behind.
    pub fn clean_up(run_dir: &Path, name: &str, pid: u32) {
        let path = run_dir.join("instances").join(format!("{name}.pid"));
        if File::open(&path).ok().and_then(read_pid) == Some(pid) {
            // What is gone already is as well.
            let of_page = web_path(run_dir, name);
            drop((fs::remove_file(&path), fs::remove_file(socket_path(run_dir, name))));
            drop(fs::remove_file(of_page));
        }
    }

    /// Pids of all instances on this host, this one first.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let mut pids = vec![std::process::id()];
        let Ok(entries) = fs::read_dir(&self.directory) else { return pids };
        for entry in entries.flatten() {
            let Ok(file) = File::open(entry.path()) else { continue };
            // A lock that can be had is held by nobody: its instance is gone.
            let held = match Flock::lock(file, FlockArg::LockSharedNonblock) {
                Ok(_free) => None,
                Err((file, _)) => read_pid(file),
            };
            pids.extend(held.filter(|pid| *pid != std::process::id()));
        }
        pids
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the lock file stays");
        }
    }
}

/// Where the instance of that name can be asked.
#[must_use]
pub fn socket_path(run_dir: &Path, name: &str) -> PathBuf {
    beside(run_dir, name, "sock")
}

/// Where it says how its web page is opened.
#[must_use]
pub fn web_path(run_dir: &Path, name: &str) -> PathBuf {
    beside(run_dir, name, "web")
}

fn beside(run_dir: &Path, name: &str, what: &str) -> PathBuf {
    run_dir.join("instances").join(format!("{name}.{what}"))
}

/// Whether an instance can be named so.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fine)
}

fn in_brackets(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
}

fn read_pid(mut file: File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests;
