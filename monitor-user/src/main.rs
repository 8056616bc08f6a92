//! Entry: parse, set logging up, dispatch, and turn errors into exit codes.

use std::process::ExitCode;

use clap::FromArgMatches as _;
use runmon::{
    cli::{self, Cli, Command},
    commands::{self, Usage},
    logging,
};

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Err(error) = logging::init(&cli.log) {
        return fail(&error.into());
    }
    dispatch(&cli.command).unwrap_or_else(|error| fail(&error))
}

fn dispatch(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => commands::run::run(args),
        Command::Tail(args) => commands::tail::run(args),
        #[cfg(feature = "top")]
        Command::Top(args) => commands::top::run(args),
        Command::Alerts(args) => commands::alerts::run(args),
        Command::Record(args) => commands::record::run(args),
        Command::Replay(args) => commands::replay::run(args),
        Command::VerifyStream(args) => commands::verify_stream::run(args),
        Command::Status(args) => commands::status::run(args),
        #[cfg(feature = "web")]
        Command::Web(args) => commands::web::run(args),
        Command::Diff(args) => commands::diff::run(args),
        Command::Report(args) => commands::report::run(args),
        Command::Posture(args) => commands::posture::run(args),
        Command::Inventory(args) => commands::inventory::run(args),
        Command::Images(args) => commands::images::run(args),
        Command::Config(command) => commands::config::run(command),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Policy(command) => commands::policy::run(command),
        Command::Profile(command) => commands::profile::run(command),
        Command::Data(command) => commands::data::run(command),
        Command::Vulns(args) => commands::vulns::run(args),
        Command::Rules(command) => commands::rules::run(command),
        Command::Completions(args) => commands::reference::completions(args),
        Command::Man(args) => commands::reference::man(args),
        Command::Keep => runmon::keeper::serve(),
        Command::HeldCommand { command } => Ok(commands::tail::command::held(command)),
        Command::CanaryChild => Ok(ExitCode::SUCCESS),
    }
}

/// Says what failed, once, and whose fault it is.
fn fail(error: &anyhow::Error) -> ExitCode {
    use std::io::Write as _;
    // Nobody may be there to read it.
    drop(writeln!(std::io::stderr().lock(), "runmon: {error:#}"));
    if error.downcast_ref::<Usage>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
