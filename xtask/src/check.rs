//! `cargo xtask check`: what a compiler or a reader can find without running anything.

use anyhow::Result;

use crate::arch::Arch;
use crate::cli::SetupArgs;
use crate::process::run as start;
use crate::workspace::Workspace;
use crate::{e2e, evasions, fuzz, rustup, setup, tidy};

/// Runs every gate in turn, the quick ones first, and stops at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace, &SetupArgs { build_only: true, ..SetupArgs::default() })?;
    println!("check: tidy");
    tidy::run(workspace)?;
    println!("check: fmt");
    start(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    println!("check: clippy, host crates");
    let host = ["clippy", "--workspace", "--exclude", "monitor-ebpf", "--all-targets", "--locked"];
    start(workspace.cargo().args(host).args(["--", "--deny", "warnings"]))?;
    println!("check: clippy, the daemon without its features");
    let bare = ["clippy", "--package", "monitor-user", "--no-default-features", "--locked"];
    start(workspace.cargo().args(bare).args(["--", "--deny", "warnings"]))?;
    println!("check: clippy, fuzz targets");
    fuzz::check(workspace)?;
    println!("check: clippy, BPF target");
    clippy_bpf(workspace)?;
    println!("check: rustdoc");
    let doc = ["doc", "--workspace", "--exclude", "monitor-ebpf", "--no-deps", "--locked"];
    start(workspace.cargo().env("RUSTDOCFLAGS", "--deny warnings").args(doc))?;
    println!("check: the table of evasions");
    e2e::build_tests(workspace, Arch::X86_64)?;
    evasions::check(workspace)
}

fn clippy_bpf(workspace: &Workspace) -> Result<()> {
    if rustup::is_debian_toolchain(workspace) {
        println!(
            "check: skipped, rustup could not fetch rust-src and Debian's rustc has no clippy"
        );
        return Ok(());
    }
    // As `monitor-user/build.rs` builds them.
    ["", "readable"].iter().try_for_each(|features| clippy_bpf_with(workspace, features))
}

fn clippy_bpf_with(workspace: &Workspace, features: &str) -> Result<()> {
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--package", "monitor-ebpf", "--release", "--locked"]);
    clippy.args(["--features", features]);
    clippy.args(["--target", "bpfel-unknown-none", "-Zbuild-std=core"]);
    // Not the host's directory, where other flags would rebuild everything: that of the real build,
    // whose macros and build scripts are the same.
    clippy.arg("--target-dir").arg(workspace.target().join("bpf/aya-build/target/monitor-ebpf"));
    // Lets the pinned stable compiler build `core`, as build.rs does for the real build.
    clippy.env("RUSTC_BOOTSTRAP", "1");
    clippy.env("CARGO_ENCODED_RUSTFLAGS", bpf_flags());
    start(clippy.args(["--", "--deny", "warnings"]))
}

/// The flags that aya-build gives to the real build.
fn bpf_flags() -> String {
    let arch = std::env::consts::ARCH;
    format!("--cfg=bpf_target_arch=\"{arch}\"\x1f-Cdebuginfo=2\x1f-Clink-arg=--btf")
}
