//! Entry: parse, set logging up, dispatch, and turn errors into exit codes.

use std::process::ExitCode;

use clap::Parser as _;
use runmon::{
    cli::{Cli, Command, RulesCommand},
    commands::{self, Usage},
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = init_log(&cli.log) {
        return fail(&error);
    }
    dispatch(&cli.command).unwrap_or_else(|error| fail(&error))
}

fn dispatch(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => commands::run::run(args),
        Command::Tail(args) => commands::tail::run(args),
        Command::Record(args) => commands::record::run(args),
        Command::Replay(args) => commands::replay::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Rules(RulesCommand::Check { paths }) => commands::rules::check(paths),
        Command::Rules(RulesCommand::Test { paths }) => commands::rules::test(paths),
        Command::Rules(RulesCommand::List { paths, json }) => commands::rules::list(paths, *json),
        Command::Rules(RulesCommand::Fields { json }) => commands::rules::fields(*json),
        Command::CanaryChild => Ok(ExitCode::SUCCESS),
    }
}

fn init_log(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Usage(format!("--log {level}: {error}\nhint: error, warn, info, debug or trace"))
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

/// Says what failed, once, and whose fault it is.
fn fail(error: &anyhow::Error) -> ExitCode {
    use std::io::Write as _;
    // Nobody may be there to read it.
    drop(writeln!(std::io::stderr().lock(), "runmon: {error:#}"));
    if error.downcast_ref::<Usage>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
