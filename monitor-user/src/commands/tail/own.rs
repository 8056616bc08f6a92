//! `runmon tail` with hooks of its own: no daemon is needed.

use std::{
    fs::File,
    io::Write as _,
    process::{ExitCode, ExitStatus},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context as _;
use monitor_rules::RuleSet;

use super::{
    command::{Held, Released, exit_code},
    ended,
    output::{self, Output},
    root_of_command, target,
};
use crate::{
    cli::TailArgs,
    commands::{
        Hangup, bell_of_signals, check_cluster, load_rules,
        own::{Own, Watch},
        say, say_unseen, stop_when_unread,
    },
    config::Config,
    document::Sender,
    live::Bell,
    rules::SCHEMA,
    subscriber::{self, Feed, Summary, Told, Wish, Writer},
};

/// How often the state is told: nobody asks for it.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Watches until it is stopped, or the command has ended.
pub(super) fn run(
    args: &TailArgs,
    config: &Config,
    wish: &Wish,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let rules = match args.alerts {
        true => load_rules(&args.rules)?,
        false => Arc::new(RuleSet::load(&SCHEMA, &[]).rules),
    };
    crate::commands::rules::name_users_of_this_host();
    check_cluster(config)?;
    let bell = bell_of_signals(Hangup::Stops)?;
    if let Some(reader) = output.reader() {
        stop_when_unread(reader, &bell)?;
    }
    let summary = SummaryFile::open(args)?;
    let command = (!args.exec.is_empty()).then(|| Held::start(&args.exec)).transpose()?;
    let wish = match &command {
        Some(held) => Wish { root: Some(root_of_command(held.id())), ..wish.clone() },
        None => wish.clone(),
    };
    let wishes = std::slice::from_ref(&wish);
    let watch = Watch { args: &args.live, config, wishes, rules, interval: NEVER };
    let instance = watch.register("tail")?;
    let Own { mut live, mut daemon, mut feeds, sender } = watch.begin(instance, &bell)?;
    live.seed(&mut daemon)?;
    say_unseen(&live);
    let writer = wish.form.writer(wish.root).map_err(anyhow::Error::msg)?;
    let feed = feeds.pop().context("nobody looks on")?;
    let task = show(feed, writer, sender, output, (summary.is_wanted, bell.clone()))?;
    let command = match command {
        Some(held) => Some(held.release(bell)?),
        None => {
            say("watching; Ctrl-C ends it");
            if let Some(pid) = super::target(args) {
                target::stop_with(pid, &bell)?;
            }
            None
        }
    };
    live.run(&mut daemon)?;
    daemon.line().finish();
    let state = daemon.state(&mut live, true);
    let left = daemon.line().outlet().alive();
    drop((daemon, live));
    let (told, seen) = output::joined(task)?;
    if command.is_some() && left > 0 {
        say(&format!("{} of its children go on, and are not watched any more", left));
    }
    finish(command, &summary, &seen, &told, state.lost())
}

/// Says what came of it.
fn finish(
    command: Option<Released>,
    summary: &SummaryFile,
    seen: &Summary,
    told: &Told,
    lost: u64,
) -> anyhow::Result<ExitCode> {
    let Some(command) = command else {
        summary.write(seen, told, lost, None)?;
        say(&ended(told.shown, told.lost, lost));
        output::written(told.failed)?;
        return Ok(ExitCode::SUCCESS);
    };
    let status = command.ended()?;
    summary.write(seen, told, lost, status)?;
    eprint(&seen.text());
    let how = status.map_or("stopped before its end".to_owned(), |status| status.to_string());
    say(&format!("{how}; {}", ended(told.shown, told.lost, lost)));
    output::written(told.failed)?;
    Ok(status.map_or(ExitCode::FAILURE, exit_code))
}

fn eprint(text: &str) {
    // Nobody may be there to read it.
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

type Task = JoinHandle<(Told, Summary)>;

/// Starts the task that writes the lines.
fn show(
    feed: Feed,
    writer: Writer,
    sender: Sender,
    mut output: Output,
    (sums_up, bell): (bool, Bell),
) -> anyhow::Result<Task> {
    let work = move || {
        let mut summary = Summary::default();
        let into = sums_up.then_some(&mut summary);
        let told = subscriber::write(&feed, &writer, &sender, &mut output, into);
        // Nothing is watched for nobody.
        bell.stop();
        (told, summary)
    };
    std::thread::Builder::new().name("shown".into()).spawn(work).context("cannot start a thread")
}

/// Where a summary goes as JSON, if it is to.
struct SummaryFile {
    file: Option<File>,
    /// It is made, also where only people are shown it.
    is_wanted: bool,
}

impl SummaryFile {
    /// Makes the file before anything is watched.
    fn open(args: &TailArgs) -> anyhow::Result<Self> {
        let file = args.summary.as_deref().map(output::create).transpose()?;
        Ok(Self { is_wanted: file.is_some() || !args.exec.is_empty(), file })
    }

    fn write(
        &self,
        seen: &Summary,
        told: &Told,
        lost: u64,
        status: Option<ExitStatus>,
    ) -> anyhow::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let mut value = seen.value();
        if let Some(members) = value.as_object_mut() {
            members.insert("lost".to_owned(), (told.lost + lost).into());
            let code = status.and_then(|status| status.code());
            members.insert("exit_code".to_owned(), code.into());
        }
        writeln!(file, "{value:#}").context("cannot write the summary")
    }
}
