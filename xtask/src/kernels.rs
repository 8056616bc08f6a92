//! The kernels of the test matrix: Debian's own, unpacked into the cache.
//!
//! `.cache/kernels/VERSION/` holds `vmlinuz`, the few modules that tests need, and `release` (what
//! `uname -r` prints there), which is written last and so marks a complete one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::apt::PrivateApt;
use crate::arch::Arch;
use crate::process::{Log, run};
use crate::workspace::Workspace;

/// A kernel of the matrix.
pub(crate) struct Kernel {
    /// What it is called on the command line.
    pub(crate) version: &'static str,
    /// What it runs on.
    pub(crate) arch: Arch,
    /// Its package is `prefix` + build number + `-cloud-` + architecture.
    prefix: &'static str,
}

/// Every kernel that the tests boot, oldest first.
pub(crate) const KERNELS: &[Kernel] = &[
    Kernel::new("5.10", Arch::X86_64, "linux-image-5.10.0-"),
    Kernel::new("6.1", Arch::X86_64, "linux-image-6.1.0-"),
    Kernel::new("6.12", Arch::X86_64, "linux-image-6.12."),
];

/// Kernels of other architectures, for which everything is built once more: booted where they are
/// named, and by the tests in full.
pub(crate) const ACROSS: &[Kernel] =
    &[Kernel::new("6.1-arm64", Arch::Aarch64, "linux-image-6.1.0-")];

/// Modules that tests need, by their place in the kernel tree.
const MODULES: &[&str] = &["fs/overlayfs/overlay.ko"];

impl Kernel {
    const fn new(version: &'static str, arch: Arch, prefix: &'static str) -> Self {
        Self { version, arch, prefix }
    }

    /// Every kernel that there is.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        KERNELS.iter().chain(ACROSS)
    }

    pub(crate) fn find(version: &str) -> Result<&'static Self> {
        let known = || Self::all().map(|kernel| kernel.version).collect::<Vec<_>>().join(", ");
        Self::all()
            .find(|kernel| kernel.version == version)
            .with_context(|| format!("no kernel {version} in the matrix; there are {}", known()))
    }

    pub(crate) fn dir(&self, workspace: &Workspace) -> PathBuf {
        workspace.cache().join("kernels").join(self.version)
    }

    pub(crate) fn is_there(&self, workspace: &Workspace) -> bool {
        self.dir(workspace).join("release").exists()
    }

    /// Fetches and unpacks this kernel; the rest of its package is thrown away.
    pub(crate) fn make(&self, workspace: &Workspace, log: &Log) -> Result<()> {
        let apt = PrivateApt::new(workspace, self.arch);
        let dir = self.dir(workspace);
        let unpacked = dir.join("unpacked");
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
        }
        let package = apt.newest(self.prefix, &format!("-cloud-{}", self.arch.debian()), log)?;
        apt.unpack(&[&package], &unpacked, log)?;
        let release = package.trim_start_matches("linux-image-");
        let image = unpacked.join("boot").join(format!("vmlinuz-{release}"));
        fs::copy(&image, dir.join("vmlinuz")).with_context(|| format!("{}", image.display()))?;
        let tree = unpacked.join("lib/modules").join(release).join("kernel");
        for module in MODULES {
            take_module(&tree.join(module), &dir)?;
        }
        fs::remove_dir_all(&unpacked)?;
        fs::write(dir.join("release"), format!("{release}\n")).context("write the kernel's release")
    }
}

/// Copies a module, uncompressed: busybox's insmod takes nothing else.
fn take_module(module: &Path, into: &Path) -> Result<()> {
    let name = module.file_name().context("a module has a name")?;
    let to = into.join(name);
    if module.exists() {
        fs::copy(module, &to).with_context(|| format!("copy {}", module.display()))?;
        return Ok(());
    }
    let packed = PathBuf::from(format!("{}.xz", module.display()));
    if !packed.exists() {
        bail!("the kernel package has no {}", module.display());
    }
    let out = fs::File::create(&to).with_context(|| format!("create {}", to.display()))?;
    let mut xzcat = Command::new("busybox");
    run(xzcat.arg("xzcat").arg(&packed).stdin(Stdio::null()).stdout(out))
}
