//! `runmon rules disable` and `enable`: switch a rule of the running daemon off for a time, and on.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;

use super::show;
use crate::{
    cli::{RulesDisableArgs, RulesSwitchArgs},
    commands::{Usage, ask_daemon},
    control::{Done, Reply, Request},
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
    match ask_daemon(args.config.as_deref(), args.instance.as_deref(), request)? {
        Reply::Rule(done) => Ok(done),
        Reply::Status(_) | Reply::Rules(_) | Reply::Watching(_) => {
            bail!("the daemon answered something else")
        }
    }
}
