//! Project automation: everything that a person would otherwise type, as `cargo xtask COMMAND`.
//!
//! `main` is the outline; each command is the file of its name. Nothing here is needed at run time
//! by the daemon.

#![expect(clippy::print_stdout, reason = "these are commands for a person: they talk on stdout")]

mod apt;
mod arch;
mod bench;
mod build;
mod check;
mod cli;
mod dated;
mod dist;
mod e2e;
mod evasions;
mod fuzz;
mod kernels;
mod manifests;
mod pictures;
mod process;
mod progress;
mod prometheus;
mod queues;
mod rustup;
mod schema_table;
mod setup;
mod test;
mod tidy;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::workspace::Workspace;

fn main() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(code) => code,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match cli.command {
        Command::Setup(args) => setup::run(&workspace, &args)?,
        Command::Build => build::run(&workspace)?,
        Command::Run(args) => return build::exec(&workspace, &args.args),
        Command::Bench(args) => bench::run(&workspace, &args)?,
        Command::Load(args) => bench::load::worker(&args)?,
        Command::Dist(args) => dist::run(&workspace, &args)?,
        Command::Manifests => manifests::run(&workspace)?,
        Command::Pictures(args) => pictures::run(&workspace, &args)?,
        Command::SchemaTable(args) => schema_table::run(&workspace, &args.directory)?,
        Command::Check => check::run(&workspace)?,
        Command::Tidy => tidy::run(&workspace)?,
        Command::Test(args) => test::run(&workspace, &args)?,
        Command::E2e(args) => e2e::run(&workspace, &args)?,
        Command::Vm(args) => return vm::run(&workspace, &args),
    }
    Ok(ExitCode::SUCCESS)
}
