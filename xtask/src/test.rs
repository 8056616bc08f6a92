//! `cargo xtask test`: what the README promises and CI runs, from quick to slow.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::cli::{DistArgs, E2eLocalArgs, E2eVmArgs, SetupArgs, TestArgs};
use crate::evasions::Results;
use crate::kernels::Kernel;
use crate::process::run as start;
use crate::progress::human;
use crate::workspace::Workspace;
use crate::{build, check, dist, e2e, evasions, fuzz, manifests, setup};

/// Runs every part in turn and stops at the first that fails.
pub(crate) fn run(workspace: &Workspace, args: &TestArgs) -> Result<()> {
    let started = Instant::now();
    part("setup", || setup::run(workspace, &SetupArgs::default()))?;
    part("check", || check::run(workspace))?;
    part("cargo test", || start(workspace.cargo().args(["test", "--locked"])))?;
    part("build", || {
        build::run(workspace).and_then(|()| e2e::build_tests(workspace, Arch::X86_64))
    })?;
    if args.full {
        part("dist", || dist::run(workspace, &DistArgs { arch: vec![Arch::X86_64] }))?;
    }
    part("rules", || rules(workspace, args.full))?;
    part("fuzz", || fuzz::run(workspace))?;
    let mut results = Results::default();
    part("e2e local", || {
        let full = if args.full { vec!["--full".to_owned()] } else { Vec::new() };
        let args = E2eLocalArgs { filter: None, args: full };
        e2e::local(workspace, &args, &mut results)
    })?;
    // The whole matrix is for `--full`.
    let (kernels, filter) = match args.full {
        true => (Kernel::all().map(|kernel| kernel.version.to_owned()).collect(), None),
        false => (Vec::new(), Some(e2e::SMOKE.to_owned())),
    };
    part("e2e vm", || {
        let args = E2eVmArgs { kernels, filter, args: Vec::new() };
        e2e::vm(workspace, &args, &mut results)
    })?;
    if args.full {
        part("manifests", || manifests::run(workspace))?;
        part("evasions", || evasions::write(workspace, &results))?;
    }
    println!("test: all passed in {}", human(started.elapsed()));
    Ok(())
}

fn part(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("test: {name}");
    let started = Instant::now();
    work().with_context(|| format!("`cargo xtask test` stopped in its part `{name}`"))?;
    println!("test: {name} passed in {}", human(started.elapsed()));
    Ok(())
}

/// Each shipped rule against its own examples: those in the binary, and the files. In full, also
/// whether the examples notice when a term of a rule is negated.
fn rules(workspace: &Workspace, full: bool) -> Result<()> {
    let test = || {
        let mut test = Command::new(workspace.runmon());
        test.args(["rules", "test"]);
        test
    };
    start(&mut test())?;
    start(test().arg(workspace.root.join("rules")))?;
    if full { start(test().arg("--mutants")) } else { Ok(()) }
}
