//! The fuzz targets, each for a short while: `cargo xtask test` shows that they build, run and find
//! nothing at hand. Long runs are for whoever has the time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::process::run as start;
use crate::workspace::Workspace;

/// How long each target runs.
const SECONDS: u32 = 10;

/// Naming the target keeps the flags below away from build scripts and macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What lets a target learn from the branches that its inputs take; the compiler needs no nightly
/// features for it.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds and runs every target of every crate that has some.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for fuzz in crates(workspace)? {
        for target in targets(&fuzz)? {
            println!("fuzz: {target} for {SECONDS} s");
            one(workspace, &fuzz, &target)
                .with_context(|| format!("fuzz target {target} in {}", fuzz.display()))?;
        }
    }
    Ok(())
}

/// Lints every target of every crate that has some, without the sanitizer's build.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for fuzz in crates(workspace)? {
        let mut clippy = workspace.cargo();
        clippy.args(["clippy", "--bins", "--locked"]);
        clippy.arg("--manifest-path").arg(fuzz.join("Cargo.toml"));
        // That of the workspace, whose dependencies are the same.
        clippy.arg("--target-dir").arg(workspace.target());
        start(clippy.args(["--", "--deny", "warnings"]))?;
    }
    Ok(())
}

/// The `fuzz` directories beside the crates' sources.
fn crates(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(&workspace.root).context("read the source tree")?;
    let dirs = entries.map(|entry| entry.map(|entry| entry.path().join("fuzz")));
    let mut dirs = dirs.collect::<std::io::Result<Vec<_>>>()?;
    dirs.retain(|dir| dir.join("Cargo.toml").exists());
    dirs.sort();
    Ok(dirs)
}

fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let dir = fuzz.join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("read {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn one(workspace: &Workspace, fuzz: &Path, target: &str) -> Result<()> {
    let build = workspace.target().join("fuzz");
    // What is found is kept there for the next run; inputs that fail are written beside it.
    let corpus = build.join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("create {}", corpus.display()))?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--release", "--target", TARGET, "--bin", target]);
    cargo.arg("--manifest-path").arg(fuzz.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(&build);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    // Building well takes longer than the short runs.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    cargo.arg("--").arg(&corpus);
    // Only read: inputs to begin with.
    cargo.args(Some(fuzz.join("seeds").join(target)).filter(|seeds| seeds.is_dir()));
    cargo.arg(format!("-max_total_time={SECONDS}"));
    cargo.arg(format!("-artifact_prefix={}/", build.display()));
    cargo.args(["-max_len=65536", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]);
    start(&mut cargo)
}
