//! The Rust side of the set-up: `core` for the BPF target, and the BPF linker.
//!
//! `core` for BPF is compiled from the rust-src component of the pinned toolchain. Where rustup
//! cannot fetch it, Debian's own newer rustc is unpacked into the cache: it ships a compiled
//! `core` for BPF, and builds the kernel programs only. Which of the two it is stands in
//! `.cache/bpf-toolchain.env`, for monitor-user/build.rs:
//!
//! ```text
//! toolchain=1.95.0         what `rustup run` takes: a name, or the path of an unpacked toolchain
//! rustc_bootstrap=1        value of RUSTC_BOOTSTRAP; aya-build adds -Zbuild-std=core for "1" only
//! ```

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::apt::PrivateApt;
use crate::arch::Arch;
use crate::cli::BpfToolchain;
use crate::process::{Log, read};
use crate::workspace::{Workspace, find_program};

/// The version that works with the pinned toolchain's LLVM.
pub(crate) const BPF_LINKER: &str = "0.10.4";

/// Crates that may use unstable features where `core` is not compiled along with them.
const UNSTABLE_CRATES: &str = "monitor_ebpf,aya_ebpf,aya_ebpf_bindings,aya_ebpf_cty,aya_log_ebpf";

/// Debian's packages of a rustc that targets BPF; `apt-get install` would refuse them beside
/// other Rust packages, so they are only unpacked.
const DEBIAN_RUST: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev",
    "libstd-rust-web-dev-bpf",
    "libllvm22",
    "libgit2-1.5",
    "libhttp-parser2.9",
    "libmbedtls14",
    "libmbedx509-1",
    "libmbedcrypto7",
];

/// Whether the toolchain that the contract file names is there.
pub(crate) fn has_bpf_toolchain(workspace: &Workspace, wanted: Option<BpfToolchain>) -> bool {
    let Ok(contract) = fs::read_to_string(contract_file(workspace)) else { return false };
    let Some(toolchain) = contract.lines().find_map(|line| line.strip_prefix("toolchain=")) else {
        return false;
    };
    let is_debian = Path::new(toolchain).is_absolute();
    if wanted.is_some_and(|wanted| (wanted == BpfToolchain::Debian) != is_debian) {
        return false;
    }
    if is_debian {
        return Path::new(toolchain).join("bin/rustc").exists();
    }
    pinned(workspace).is_ok_and(|pinned| pinned == toolchain)
        && rust_src(workspace).is_ok_and(|dir| dir.exists())
}

/// Adds rust-src to the pinned toolchain, or unpacks Debian's.
pub(crate) fn make_bpf_toolchain(
    workspace: &Workspace,
    wanted: Option<BpfToolchain>,
    log: &Log,
) -> Result<()> {
    let (toolchain, bootstrap) = match wanted {
        Some(BpfToolchain::Rustup) => (add_rust_src(workspace, log)?, "1"),
        Some(BpfToolchain::Debian) => (unpack_debian(workspace, log)?, UNSTABLE_CRATES),
        None => match add_rust_src(workspace, log) {
            Ok(name) => (name, "1"),
            Err(err) => {
                println!("rustup could not add rust-src; taking Debian's rustc instead: {err:#}");
                (unpack_debian(workspace, log)?, UNSTABLE_CRATES)
            }
        },
    };
    let text = format!(
        "# Written by `cargo xtask setup`, read by monitor-user/build.rs: the toolchain for BPF.\n\
         toolchain={toolchain}\nrustc_bootstrap={bootstrap}\n"
    );
    let path = contract_file(workspace);
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

/// The toolchain that builds the kernel programs, as in the contract file.
pub(crate) fn is_debian_toolchain(workspace: &Workspace) -> bool {
    fs::read_to_string(contract_file(workspace)).is_ok_and(|text| text.contains("toolchain=/"))
}

/// Whether the pinned linker is in the private tools.
pub(crate) fn has_bpf_linker(workspace: &Workspace) -> bool {
    // cargo's own list of what it installed into this root.
    let list = fs::read_to_string(workspace.tools().join(".crates.toml")).unwrap_or_default();
    list.contains(&format!("\"bpf-linker {BPF_LINKER} ")) && bpf_linker(workspace).exists()
}

/// Compiles the pinned linker into the private tools.
pub(crate) fn make_bpf_linker(workspace: &Workspace, log: &Log) -> Result<()> {
    let build = workspace.cache().join("tools-build");
    let mut install = workspace.cargo();
    install.args(["install", "bpf-linker", "--version", BPF_LINKER, "--locked", "--force"]);
    install.arg("--root").arg(workspace.tools()).arg("--target-dir").arg(&build);
    log.run(&mut install, "is crates.io reachable from here?")?;
    fs::remove_dir_all(&build).with_context(|| format!("remove {}", build.display()))
}

fn bpf_linker(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/bpf-linker")
}

fn contract_file(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("bpf-toolchain.env")
}

/// The channel in rust-toolchain.toml.
fn pinned(workspace: &Workspace) -> Result<String> {
    let path = workspace.root.join("rust-toolchain.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let channel = text.lines().find_map(|line| line.strip_prefix("channel = "));
    let channel = channel.with_context(|| format!("{} names no channel", path.display()))?;
    Ok(channel.trim().trim_matches('"').to_owned())
}

/// Where the sources of `core` are when the component is there.
fn rust_src(workspace: &Workspace) -> Result<PathBuf> {
    let rustc =
        Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root).output()?;
    let sysroot = String::from_utf8(rustc.stdout).context("sysroot")?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/Cargo.toml"))
}

fn add_rust_src(workspace: &Workspace, log: &Log) -> Result<String> {
    let toolchain = pinned(workspace)?;
    if !rust_src(workspace)?.exists() {
        if find_program("rustup").is_none() {
            bail!("there is no rustup");
        }
        let mut add = Command::new("rustup");
        add.args(["component", "add", "rust-src", "--toolchain", &toolchain]);
        log.run(&mut add, "is rustup's server reachable from here?")?;
    }
    Ok(toolchain)
}

/// Unpacks Debian's rustc and lays it out as rustup expects a toolchain: `bin` and `lib`.
fn unpack_debian(workspace: &Workspace, log: &Log) -> Result<String> {
    let root = workspace.cache().join("rust-debian");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("remove {}", root.display()))?;
    }
    let apt = PrivateApt::new(workspace, Arch::X86_64);
    let std = apt.newest("libstd-rust-web-1.", "", log)?;
    let packages: Vec<&str> = DEBIAN_RUST.iter().copied().chain([std.as_str()]).collect();
    apt.unpack(&packages, &root, log)?;
    let toolchain = root.join("usr");
    // rustup points the loader at lib/, Debian keeps libraries one level deeper.
    let multiarch = toolchain.join("lib").join(multiarch(workspace)?);
    for entry in fs::read_dir(&multiarch).with_context(|| format!("{}", multiarch.display()))? {
        let library = entry?.path();
        let name = library.file_name().context("a library has a name")?;
        let link = toolchain.join("lib").join(name);
        if library.to_string_lossy().contains(".so") && !link.exists() {
            symlink(&library, &link).with_context(|| format!("link {}", link.display()))?;
        }
    }
    let mut probe = Command::new("rustup");
    probe.arg("run").arg(&toolchain).args(["rustc", "--version"]);
    read(&mut probe).context("Debian's rustc does not start")?;
    Ok(toolchain.display().to_string())
}

/// Debian's name for this architecture in library paths.
fn multiarch(workspace: &Workspace) -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64-linux-gnu"),
        "aarch64" => Ok("aarch64-linux-gnu"),
        other => bail!("{}: no fallback toolchain for {other}", workspace.root.display()),
    }
}
