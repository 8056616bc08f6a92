//! `cargo xtask build` and `cargo xtask run`: the daemon, in release form.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::cli::SetupArgs;
use crate::process::run as start;
use crate::workspace::{Workspace, as_root};
use crate::{setup, workspace};

/// Builds target/release/runmon.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    start(workspace.cargo().args(["build", "--release", "--locked", "--package", "monitor-user"]))
        .context("if a tool is missing: `cargo xtask setup --build-only`")
}

/// Builds a static, stripped runmon, which runs on any host of the architecture; where it is.
pub(crate) fn static_daemon(workspace: &Workspace, arch: Arch) -> Result<PathBuf> {
    let mut cargo = arch.cargo(workspace);
    cargo.args(["build", "--release", "--locked", "--package", "monitor-user"]);
    cargo.args(["--target", arch.target()]);
    cargo.env(arch.variable("RUSTFLAGS"), "-Ctarget-feature=+crt-static -Cstrip=symbols");
    start(&mut cargo)?;
    Ok(workspace.target().join(arch.target()).join("release/runmon"))
}

/// Sets up, builds, and becomes `runmon run`.
pub(crate) fn exec(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    setup::run(workspace, &SetupArgs { build_only: true, ..SetupArgs::default() })?;
    run(workspace)?;
    let runmon = workspace.runmon();
    if !workspace::is_root() {
        println!("watching the kernel needs root: starting through sudo");
    }
    let mut daemon = as_root(&runmon)?;
    let err = daemon.arg("run").args(args).exec();
    Err(err).with_context(|| format!("cannot start {}", runmon.display()))
}
