//! `runmon top`: what every container does now, on a terminal. Where a daemon runs it is asked,
//! else hooks are attached.

mod feed;
mod screen;

use std::{
    io::IsTerminal as _,
    process::ExitCode,
    sync::{Arc, mpsc::sync_channel},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::{
    Hangup, bell_of_signals, check_cluster, check_host, load_config_for, load_rules,
    own::{Own, Watch},
};
use crate::{
    cli::TopArgs,
    config::Config,
    instance::{DEFAULT_NAME, socket_path},
    limits::TOP_LINES,
    live::Bell,
    subscriber::{Form, Wish},
    top::seen::{FIELDS, FILTER},
};
use feed::Line;
use screen::Screen;

/// How often the state is told where hooks are its own: the canary acts each time.
const INTERVAL: Duration = Duration::from_secs(5);

/// Shows it until whoever sits there has seen enough.
pub fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    if !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        bail!("this needs a terminal\nhint: `runmon tail` writes lines to anything");
    }
    check_host()?;
    let config = load_config_for(args.config.as_deref(), &args.live)?;
    let bell = bell_of_signals(Hangup::Stops)?;
    let name = args.live.instance.as_deref().unwrap_or(DEFAULT_NAME);
    let socket = socket_path(&config.run_dir, name);
    let (lines, shown) = sync_channel(TOP_LINES);
    let may_attach = !args.own && args.rules.is_empty() && args.live.suits_a_daemon();
    if may_attach && feed::attach(&socket, &wishes(), &lines)? {
        // Whoever reads sees the end once all who write are gone.
        drop(lines);
        let screen = Screen::new(shown, format!("daemon {name}"), bell, args.live.duration);
        screen.run().context("the terminal cannot be used")?;
        return Ok(ExitCode::SUCCESS);
    }
    own(args, &config, bell, (lines, shown))
}

/// Events, and alerts with the state.
fn wishes() -> [Wish; 2] {
    let fields = FIELDS.iter().map(|field| (*field).to_owned()).collect();
    let form = Form::Fields { fields, json: true };
    [
        Wish { filter: FILTER.to_owned(), form, ..Wish::default() },
        Wish { alerts: true, heartbeats: true, form: Form::Ecs {}, ..Wish::default() },
    ]
}

type Lines = (std::sync::mpsc::SyncSender<Line>, std::sync::mpsc::Receiver<Line>);

/// With hooks of its own.
fn own(args: &TopArgs, config: &Config, bell: Bell, lines: Lines) -> anyhow::Result<ExitCode> {
    let rules = load_rules(&args.rules)?;
    super::rules::name_users_of_this_host();
    check_cluster(config)?;
    let wishes = wishes();
    let watch = Watch { args: &args.live, config, wishes: &wishes, rules, interval: INTERVAL };
    let instance = watch.register("top")?;
    super::say("attaching hooks");
    let Own { mut live, mut daemon, feeds, sender } = watch.begin(instance, &bell)?;
    let (lines, shown) = lines;
    let sender = Arc::new(sender);
    for (feed, wish) in feeds.into_iter().zip(&wishes) {
        feed::show(feed, wish, Arc::clone(&sender), lines.clone())?;
    }
    drop(lines);
    let screen = Screen::new(shown, "own hooks".to_owned(), bell.clone(), None);
    let ui: JoinHandle<std::io::Result<()>> = std::thread::Builder::new()
        .name("screen".into())
        .spawn(move || screen.run())
        .context("cannot start a thread")?;
    let watched = live.seed(&mut daemon).and_then(|()| live.run(&mut daemon));
    // Whatever ended it: the terminal is to be as it was.
    bell.stop();
    let shown = ui.join().map_err(|_panic| anyhow::anyhow!("showing failed"))?;
    watched?;
    shown.context("the terminal cannot be used")?;
    Ok(ExitCode::SUCCESS)
}
