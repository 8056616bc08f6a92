//! `runmon rules disable` and `enable`: switch a rule of the running daemon off for a time, and on.

use std::{io, path::Path, process::ExitCode, time::Duration};

use anyhow::anyhow;

use super::show;
use crate::{
    cli::{RulesDisableArgs, RulesSwitchArgs},
    commands::{Usage, load_config},
    control::{Done, Request, client},
    instance::{self, DEFAULT_NAME},
    limits::RULE_OFF_SECONDS,
};

/// Switches a rule off.
pub(super) fn disable(args: &RulesDisableArgs) -> anyhow::Result<ExitCode> {
    let seconds = seconds(args.duration)?;
    let request = Request::DisableRule { rule: args.at.name.clone(), seconds };
    let Done { rule, until, .. } = ask(&args.at, &request)?;
    show(&format!("`{rule}` is off until {}\n", until.unwrap_or_default()))?;
    Ok(ExitCode::SUCCESS)
}

/// Switches it on again.
pub(super) fn enable(args: &RulesSwitchArgs) -> anyhow::Result<ExitCode> {
    let done = ask(args, &Request::EnableRule { rule: args.name.clone() })?;
    let said = if done.changed { "is on again" } else { "was not switched off" };
    show(&format!("`{}` {said}\n", done.rule))?;
    Ok(ExitCode::SUCCESS)
}

fn seconds(duration: Duration) -> Result<u64, Usage> {
    let seconds = duration.as_secs();
    if RULE_OFF_SECONDS.contains(&seconds) {
        return Ok(seconds);
    }
    let most = RULE_OFF_SECONDS.end() / 3600;
    let cure = "`enabled: false` in a rule file switches it off for good";
    Err(Usage(format!("a rule can be off for 1s to {most}h\nhint: {cure}")))
}

fn ask(args: &RulesSwitchArgs, request: &Request) -> anyhow::Result<Done> {
    let config = load_config(args.config.as_deref())?;
    let name = args.instance.as_deref().unwrap_or(DEFAULT_NAME);
    let socket = instance::socket_path(&config.run_dir, name);
    let answer = client::ask(&socket, request).map_err(|error| explain(&error, name, &socket))?;
    answer.map_err(|refusal| match refusal.usage {
        true => Usage(refusal.error).into(),
        false => anyhow!(refusal.error),
    })
}

/// Says what an error on the way to the daemon means.
fn explain(error: &io::Error, name: &str, socket: &Path) -> anyhow::Error {
    let (what, cure) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => (
            format!("no runmon named `{name}` is running here"),
            "`runmon run` starts one; --instance names another, and --config says where it is",
        ),
        io::ErrorKind::PermissionDenied => (
            format!("the runmon named `{name}` may not be asked"),
            "only root and the daemon's own user may: run it with sudo",
        ),
        _ => (format!("the runmon named `{name}` gives no answer: {error}"), "see its log"),
    };
    anyhow!("{what} ({})\nhint: {cure}", socket.display())
}
