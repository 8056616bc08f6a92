//! The architectures that runmon is built for: this host's own, and one more, which is built across
//! and tested in an emulated machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt::PrivateApt;
use crate::process::{Log, read};
use crate::workspace::Workspace;

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    /// That of the hosts that build and test.
    #[value(name = "x86_64")]
    X86_64,
    /// Built across.
    Aarch64,
}

/// What is needed to build across.
pub(crate) const ACROSS_PACKAGES: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];

/// What is needed to start a machine of another architecture.
pub(crate) const EMULATOR_PACKAGES: &[&str] = &["qemu-system-arm"];

/// A user land for such a machine: what this host gives to one of its own architecture.
const USER_LAND: &[&str] = &["busybox-static", "containerd", "libc6", "libseccomp2", "runc"];

impl Arch {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Rust's name of the target. Flags for a named target do not touch build scripts.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Debian's name of it.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// cargo with the compiler and linker for C of this architecture.
    pub(crate) fn cargo(self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.cargo();
        if self == Self::Aarch64 {
            let (gcc, ar) = ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar");
            let target = self.target();
            cargo.env(self.variable("LINKER"), gcc);
            cargo.env(format!("CC_{target}"), gcc).env(format!("AR_{target}"), ar);
        }
        cargo
    }

    /// `CARGO_TARGET_…_NAME`: a setting of cargo for this target alone.
    pub(crate) fn variable(self, name: &str) -> String {
        format!("CARGO_TARGET_{}_{name}", self.target().to_uppercase().replace('-', "_"))
    }

    /// The emulator of a machine of it.
    pub(crate) fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// The root of its user land; none for this host's own architecture, whose programs it has.
    pub(crate) fn user_land(self, workspace: &Workspace) -> Option<PathBuf> {
        (self != Self::X86_64).then(|| workspace.cache().join("user-land").join(self.debian()))
    }

    /// Whether its user land is there.
    pub(crate) fn has_user_land(self, workspace: &Workspace) -> bool {
        self.user_land(workspace).is_none_or(|root| root.exists())
    }

    /// Fetches and unpacks its user land.
    pub(crate) fn make_user_land(self, workspace: &Workspace, log: &Log) -> Result<()> {
        let Some(root) = self.user_land(workspace) else { return Ok(()) };
        let unpacked = root.with_extension("unpacked");
        if unpacked.exists() {
            std::fs::remove_dir_all(&unpacked).context("remove what was half unpacked")?;
        }
        PrivateApt::new(workspace, self).unpack(USER_LAND, &unpacked, log)?;
        // Nothing there reads them.
        for unused in ["usr/share", "usr/lib/aarch64-linux-gnu/gconv"] {
            std::fs::remove_dir_all(unpacked.join(unused)).with_context(|| unused.to_owned())?;
        }
        std::fs::rename(&unpacked, &root).with_context(|| root.display().to_string())
    }

    /// Whether the pinned Rust can build for it.
    pub(crate) fn has_rust(self, workspace: &Workspace) -> bool {
        let mut rustc = Command::new("rustc");
        let sysroot = read(rustc.args(["--print", "sysroot"]).current_dir(&workspace.root));
        sysroot.is_ok_and(|root| {
            PathBuf::from(root.trim()).join("lib/rustlib").join(self.target()).join("lib").exists()
        })
    }

    /// Adds its standard library to the pinned Rust.
    pub(crate) fn make_rust(self, workspace: &Workspace, log: &Log) -> Result<()> {
        let mut add = Command::new("rustup");
        add.args(["target", "add", self.target()]).current_dir(&workspace.root);
        log.run(&mut add, "is rustup's server reachable from here?")
    }
}
