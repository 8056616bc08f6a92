//! Debian packages: installed on the host, or only unpacked into the cache.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::arch::Arch;
use crate::process::{Log, read};
use crate::workspace::{Workspace, as_root, find_program, is_root};

/// Debian asks this program whether a package may start its service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// apt counts an update that reached nothing as done, unless told otherwise.
const STRICT: &str = "APT::Update::Error-Mode=any";

/// The usual cause of a failure.
const HINT: &str = "is Debian's package archive reachable from here? (`apt-get update`)";

/// The releases from which packages are unpacked, whatever the host's own sources are: bullseye
/// has Linux 5.10, bookworm the newer kernels and a Rust with a compiled `core` for BPF.
const PRIVATE_SOURCES: &str = "\
Types: deb
URIs: http://deb.debian.org/debian
Suites: bullseye bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

/// Those of `packages` that are not installed.
pub(crate) fn missing(packages: &[&'static str]) -> Vec<&'static str> {
    let installed = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output();
    // dpkg-query fails when it does not know one of the names, and still lists the others.
    let list = installed.map(|output| output.stdout).unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let is_installed =
        |package: &&str| list.lines().any(|line| line == format!("{package} installed"));
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

/// Installs packages on the host, without starting any service.
pub(crate) fn install(packages: &[&str], log: &Log) -> Result<()> {
    ensure!(
        find_program("apt-get").is_some(),
        "this set-up knows Debian and its relatives only; install the equivalents of: {}",
        packages.join(" ")
    );
    let _guard = ServiceGuard::new()?;
    log.run(as_root("apt-get")?.args(["update", "--quiet", "-o", STRICT]), HINT)?;
    let mut install = as_root("env")?;
    install.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--quiet", "--yes"]);
    log.run(install.arg("--no-install-recommends").args(packages), HINT)
}

/// Keeps package scripts from starting services for as long as it lives.
struct ServiceGuard {
    written: bool,
}

impl ServiceGuard {
    fn new() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { written: false });
        }
        if !is_root() {
            bail!("packages must be installed; run `cargo xtask setup` once as root");
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("write {POLICY}"))?;
        fs::set_permissions(POLICY, Permissions::from_mode(0o755))?;
        Ok(Self { written: true })
    }
}

impl Drop for ServiceGuard {
    fn drop(&mut self) {
        if self.written && fs::remove_file(POLICY).is_err() {
            eprintln!("warning: {POLICY} could not be removed; it keeps packages' services off");
        }
    }
}

/// An apt of its own, below the cache: fetches and unpacks packages, installs nothing.
pub(crate) struct PrivateApt {
    dir: PathBuf,
    arch: Arch,
    updated: Cell<bool>,
}

impl PrivateApt {
    /// Of packages for an architecture, which need not be the host's.
    pub(crate) fn new(workspace: &Workspace, arch: Arch) -> Self {
        let dir = workspace.cache().join("apt").join(arch.debian());
        Self { dir, arch, updated: Cell::new(false) }
    }

    /// Finds the newest package whose name starts and ends like this, with only digits, dots and
    /// the version's own punctuation between (no `-dbg`, no `-unsigned`).
    pub(crate) fn newest(&self, prefix: &str, suffix: &str, log: &Log) -> Result<String> {
        self.update(log)?;
        let names = read(self.command("apt-cache").args(["pkgnames", prefix]))?;
        let is_version =
            |text: &str| text.chars().all(|c| c.is_ascii_digit() || ".-+deb".contains(c));
        let middle = |name: &str| {
            let middle = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            (!middle.is_empty() && is_version(middle)).then(|| numbers(middle))
        };
        let newest = names.lines().filter_map(|name| Some((middle(name)?, name))).max();
        let (_, name) =
            newest.with_context(|| format!("Debian has no package `{prefix}*{suffix}`"))?;
        Ok(name.to_owned())
    }

    /// Fetches packages and unpacks them into `into`.
    pub(crate) fn unpack(&self, packages: &[&str], into: &Path, log: &Log) -> Result<()> {
        let debs = self.download(packages, log)?;
        fs::create_dir_all(into).with_context(|| format!("create {}", into.display()))?;
        for entry in fs::read_dir(&debs)? {
            let deb = entry?.path();
            log.run(
                Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(into),
                "is the disk full?",
            )?;
        }
        clear(&debs)
    }

    /// The same into a directory which is there only once all of them are.
    pub(crate) fn unpack_whole(&self, packages: &[&str], into: &Path, log: &Log) -> Result<()> {
        let unpacked = into.with_extension("unpacked");
        clear(&unpacked)?;
        self.unpack(packages, &unpacked, log)?;
        fs::rename(&unpacked, into).with_context(|| format!("make {}", into.display()))
    }

    /// Fetches packages and unpacks each into a directory of its name, with what dpkg is told of
    /// it in `DEBIAN`.
    pub(crate) fn unpack_each(&self, packages: &[&str], into: &Path, log: &Log) -> Result<()> {
        let debs = self.download(packages, log)?;
        for entry in fs::read_dir(&debs)? {
            let deb = entry?.path();
            let name = deb.file_name().and_then(|name| name.to_str()?.split('_').next());
            let place = into.join(name.context("a package without a name")?);
            let mut unpack = Command::new("dpkg-deb");
            log.run(unpack.arg("--raw-extract").arg(&deb).arg(place), "is the disk full?")?;
        }
        clear(&debs)
    }

    /// Fetches packages into `into`, which is there only once all of them are.
    pub(crate) fn fetch(&self, packages: &[&str], into: &Path, log: &Log) -> Result<()> {
        let debs = self.download(packages, log)?;
        fs::rename(&debs, into).with_context(|| format!("make {}", into.display()))
    }

    /// Fetches packages into a folder that holds nothing else.
    fn download(&self, packages: &[&str], log: &Log) -> Result<PathBuf> {
        self.update(log)?;
        let debs = self.dir.join("debs");
        clear(&debs)?;
        log.run(self.command("apt-get").current_dir(&debs).arg("download").args(packages), HINT)?;
        Ok(debs)
    }

    fn update(&self, log: &Log) -> Result<()> {
        if self.updated.get() {
            return Ok(());
        }
        for dir in ["sources", "lists/partial", "cache/archives/partial"] {
            let dir = self.dir.join(dir);
            fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        }
        fs::write(self.dir.join("sources/debian.sources"), PRIVATE_SOURCES)?;
        log.run(self.command("apt-get").args(["update", "-o", STRICT]), HINT)?;
        self.updated.set(true);
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let option = |name: &str, dir: &str| format!("{name}={}", self.dir.join(dir).display());
        for option in [
            "Dir::Etc::sourcelist=/dev/null".to_owned(),
            option("Dir::Etc::sourceparts", "sources"),
            option("Dir::State::lists", "lists"),
            option("Dir::Cache", "cache"),
            format!("APT::Architecture={}", self.arch.debian()),
            format!("APT::Architectures={}", self.arch.debian()),
            // Root fetches into a directory that apt's own user cannot write.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }
}

/// The numbers in a version, to compare versions by.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Makes an empty directory.
fn clear(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))
}

#[cfg(test)]
mod tests;
