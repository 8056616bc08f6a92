//! Where things are: the source tree, the private cache, the target directory.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The source tree that this xtask was built from.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent")?;
        ensure!(
            root.join("Cargo.lock").exists(),
            "the source tree has moved from {}; run `cargo clean -p xtask`",
            root.display()
        );
        Ok(Self { root: root.to_path_buf() })
    }

    /// Everything that `setup` makes, except Debian packages and a rustup component.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join(".cache")
    }

    /// Output of long steps, for the reader of a failure.
    pub(crate) fn logs(&self) -> PathBuf {
        self.cache().join("log")
    }

    /// The private `cargo install` root.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache().join("tools")
    }

    pub(crate) fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => self.root.join(dir),
            None => self.root.join("target"),
        }
    }

    pub(crate) fn runmon(&self) -> PathBuf {
        self.target().join("release/runmon")
    }

    /// cargo in the source tree, with the project's own tools first on PATH.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root).env("PATH", self.path());
        command
    }

    fn path(&self) -> OsString {
        let mut path = self.tools().join("bin").into_os_string();
        if let Some(rest) = env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }
}

/// Whether the caller is root.
pub(crate) fn is_root() -> bool {
    // The owner of a process's /proc directory is its effective user.
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Finds a program as the shell would, and in the places of administrators' programs.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from));
    dirs.into_iter().map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A command that runs as root: as it is for root, else through sudo.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Result<Command> {
    let program = program.as_ref();
    if is_root() {
        return Ok(Command::new(program));
    }
    ensure!(
        find_program("sudo").is_some(),
        "`{}` needs root and there is no sudo here; run the command as root",
        program.display()
    );
    let mut command = Command::new("sudo");
    command.arg("--").arg(program);
    Ok(command)
}
