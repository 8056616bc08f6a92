//! `runmon tail`: live events or alerts, one line each; of the running daemon, where there is one,
//! and else with hooks of its own for just the kinds that the filter can match.

pub(super) mod attached;
pub mod command;
mod output;
mod own;
mod scope;
mod target;

use std::{io::IsTerminal as _, process::ExitCode};

use super::{Usage, check_host, load_config_for, no_filter};
use crate::{
    cli::TailArgs,
    instance::{DEFAULT_NAME, socket_path},
    live::boottime_ns,
    subscriber::{Form, Root, Wish},
};
use output::Output;

/// Shows events until it is stopped.
pub fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let wish = wish(args, args.output.is_none() && std::io::stdout().is_terminal())?;
    // What is wrong with it is said before anything else is tried.
    wish.view().map_err(|what| no_filter(&what))?;
    wish.form.writer(None).map_err(|what| no_filter(&what))?;
    check_host()?;
    let output = Output::open(args.output.as_deref())?;
    let config = load_config_for(args.config.as_deref(), &args.live)?;
    let name = args.live.instance.as_deref().unwrap_or(DEFAULT_NAME);
    let socket = socket_path(&config.run_dir, name);
    if may_attach(args)
        && let Some(shown) = attached::attach(&socket, &wish)?
    {
        return attached::run(shown, &socket, output, args);
    }
    own::run(args, &config, &wish, output)
}

/// Whether a daemon can show what is asked for: it has hooks and rules of its own, and a command's
/// summary is to be complete.
fn may_attach(args: &TailArgs) -> bool {
    let is_own = args.own || !args.exec.is_empty() || args.summary.is_some();
    !is_own && args.rules.is_empty() && args.live.suits_a_daemon()
}

fn wish(args: &TailArgs, is_terminal: bool) -> Result<Wish, Usage> {
    let form = if !args.fields.is_empty() {
        Form::Fields { fields: args.fields.clone(), json: args.json }
    } else if args.json {
        Form::Ecs {}
    } else if args.tree {
        Form::Tree { colour: is_terminal }
    } else {
        Form::Text { colour: is_terminal }
    };
    let root = args.pid.map(|pid| Root { pid, children: args.follow_children, since_ns: 0 });
    if let Some(pid) =
        args.pid.filter(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    {
        return Err(Usage(format!("there is no process {pid}")));
    }
    Ok(Wish {
        filter: args.filter.join(" "),
        scope: scope::scope(args)?,
        alerts: args.alerts,
        heartbeats: false,
        root,
        form,
    })
}

/// The last line, about all of it.
fn ended(shown: u64, lost_here: u64, lost_in_kernel: u64) -> String {
    let lost = lost_here.saturating_add(lost_in_kernel);
    let mut text = format!("{shown} shown, {lost} lost");
    if lost_in_kernel > 0 {
        text += &format!("; {lost_in_kernel} found no room in the kernel");
    }
    if lost_here > 0 {
        text += &format!("; {lost_here} came faster than they were read");
    }
    text
}

/// The process with which the watching ends: its children may go on.
fn target(args: &TailArgs) -> Option<u32> {
    args.pid.filter(|_| !args.follow_children)
}

/// Whom a command's process is the first of.
fn root_of_command(pid: u32) -> Root {
    Root { pid, children: true, since_ns: boottime_ns() }
}
