//! The command line, and nothing else.

mod alerts;
mod config;
mod diff;
mod help;
mod images;
mod inventory;
mod look;
mod policy;
mod posture;
mod profile;
mod report;
mod rules;
mod vulns;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands::replay::Moment,
    config::Format,
    instance::{NAMES, is_name},
    limits,
};
pub use alerts::{
    AlertsArgs, AlertsCommand, AlertsExceptArgs, AlertsListArgs, AlertsShowArgs, GroupBy, PastArgs,
};
pub use config::{ConfigCommand, ConfigFileArgs, ConfigShowArgs};
pub use diff::DiffArgs;
pub use help::{command, visible};
pub use images::ImagesArgs;
pub use inventory::{Form, InventoryArgs, Support};
pub use look::{TailArgs, TopArgs};
pub use policy::{PolicyCheckArgs, PolicyCommand};
pub use posture::PostureArgs;
pub use profile::{
    ProfileApproveArgs, ProfileCommand, ProfileDiffArgs, ProfileExportArgs, ProfileLearnArgs,
    ProfileListArgs, ProfileMergeArgs, ProfileShowArgs,
};
pub use report::{ReportArgs, ReportForm};
pub use rules::{
    RulesBenchArgs, RulesDisableArgs, RulesExplainArgs, RulesFilterArgs, RulesListArgs,
    RulesSwitchArgs, RulesTestArgs,
};
pub use vulns::{DataBuildArgs, DataCommand, DataPackArgs, VulnsArgs, VulnsFormat, VulnsLevel};

/// Watches what the containers and programs of this host really do, and raises alerts.
#[derive(Debug, Parser)]
#[command(name = "runmon", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to log on standard error: error, warn, info, debug or trace
    #[arg(long, global = true, default_value = "warn", value_name = "LEVEL")]
    pub log: String,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 clean, 1 run-time failure, 2 usage, configuration or rules.";

/// What `verify-stream` reads.
#[derive(Debug, Args)]
pub struct VerifyStreamArgs {
    /// The file; `-`: standard input
    pub file: PathBuf,
    /// The first number of each stream is to be there, too: nothing was rotated away
    #[arg(long)]
    pub from_start: bool,
    /// Write what is found as JSON
    #[arg(long)]
    pub json: bool,
}

/// `web`.
#[derive(Debug, Args)]
pub struct WebArgs {
    /// Configuration file, which says where the daemon keeps its files
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of the daemon, where several run
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Configuration file, which says where the daemon's socket is
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of the daemon, where several run
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// Measure for a second what hooks cost: the kernel then counts for all programs of this host
    #[arg(long)]
    pub cost: bool,
    /// Write it as JSON: what heartbeats say, and more
    #[arg(long)]
    pub json: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch, match against the rules and send alerts until stopped
    ///
    /// Without a configuration: the embedded rules, alerts on standard output, logs on standard
    /// error, no network listener. The rules are read again when their files change, and on SIGHUP.
    Run(RunArgs),
    /// Show events live, one line each; needs no daemon
    ///
    /// Where a daemon runs it is asked to show them, and what it already watches costs nothing
    /// more; else hooks are attached for just the kinds that the filter can match. FILTER is a rule
    /// condition.
    Tail(TailArgs),
    /// Show what every container does now, on a terminal
    ///
    /// How often each starts programs, contacts others and opens files for writing, its alerts, and
    /// what was lost of it; Enter shows its processes, connections, files and alerts, and `?` the
    /// keys. Where a daemon runs it is asked, else hooks are attached.
    #[cfg(feature = "top")]
    Top(TopArgs),
    /// List alerts of the past, tell the story of one, or except it
    ///
    /// Alerts are read from where the daemon keeps them (`history`), whether it runs or not. FILTER
    /// is a rule condition.
    Alerts(Box<AlertsArgs>),
    /// Record everything to a file, for later
    ///
    /// The file is compressed, and can be read up to the last second if this is killed. It holds
    /// command lines and paths: it is readable by its owner only.
    Record(RecordArgs),
    /// Put a recording through the same line; needs no root
    ///
    /// It shows the alerts that the rules raise on it, and with --events everything that was done.
    /// With --where, --from and --to it is about a part of it. With --output and no form that part
    /// becomes a recording, in which the chosen events look as they did: their processes, names and
    /// containers are known from records of others that are kept, and are not told of themselves.
    /// Rules that gather several events gather those that were chosen.
    Replay(ReplayArgs),
    /// Say what may run, and try it on images and on what runs here
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Say what is expected of images, learned from what they do
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Say what a container is beyond what was declared
    #[command(long_about = diff::ABOUT)]
    Diff(DiffArgs),
    /// Say how the host and containers are set up, and what is amiss
    #[command(long_about = posture::ABOUT)]
    Posture(PostureArgs),
    /// Make and check packs of vulnerability data; needs no root
    #[command(subcommand)]
    Data(DataCommand),
    /// Write one page about this host: what to update first, and why
    #[command(long_about = report::ABOUT)]
    Report(ReportArgs),
    /// Say which known vulnerabilities are installed, and in use
    #[command(long_about = vulns::ABOUT)]
    Vulns(VulnsArgs),
    /// List what is installed, and until when it is supported
    #[command(long_about = inventory::ABOUT)]
    Inventory(InventoryArgs),
    /// List images, what uses them, and which could go
    #[command(long_about = images::ABOUT)]
    Images(ImagesArgs),
    /// Check, test and list rules; needs no root
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Check that what a sink wrote or a receiver stored is all there
    ///
    /// FILE holds documents as runmon sent them (ECS, OCSF or Falco's JSON, CEF, or messages of
    /// syslog), one a line, in any order and of any number of nodes. What stands before one, as a
    /// time and a host, is passed over, and those within the body of a request, as of Splunk, Loki
    /// or OTLP, are found. Each sink numbers what it sends: the exit code is 1 if a number is
    /// missing, or if there is no document in a line. Half a line at the end, as of a file that is
    /// being written, is only mentioned. Files that were rotated are given together, as in
    /// `cat alerts.json.2 alerts.json.1 alerts.json | runmon verify-stream -`.
    VerifyStream(VerifyStreamArgs),
    /// Say how the running daemon is: hooks, rules, loss, sinks, store
    ///
    /// The exit code is 1 where none runs here, or where it is not ready: a hook that its rules
    /// need is not there or does not fire.
    Status(StatusArgs),
    /// Tell the address of the daemon's web page, with its token
    ///
    /// There is one where the configuration says `web:` with `listen: 127.0.0.1:9754` or a socket,
    /// as `unix:/run/runmon/web.sock`. Only who started the daemon may read the token, which is
    /// another one after each start. From another host, `ssh -NL 9754:127.0.0.1:9754 HOST` leads a
    /// browser there. Browsers open no sockets: a port is led to one, by
    /// `ssh -NL 9754:/run/runmon/web.sock root@HOST` from elsewhere or, on the host itself, by
    /// `socat TCP-LISTEN:9754,bind=127.0.0.1,fork UNIX-CONNECT:/run/runmon/web.sock`.
    #[cfg(feature = "web")]
    Web(WebArgs),
    /// Check, show and describe the configuration; needs no root
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say what can be seen on this host, and how to mend the rest
    ///
    /// Of what a container or service lacks it names the line to add. The exit code is 1 if
    /// `runmon run` would not start here, or would not see some kind of act at all.
    Doctor(DoctorArgs),
    /// Write what a shell completes commands and options by
    Completions(CompletionsArgs),
    /// Write manual pages, one for each command
    Man(ManArgs),
    /// Keeps the privileges of a daemon, which starts it
    #[command(hide = true)]
    Keep,
    /// Waits to be told to go on, and becomes a command
    #[command(name = crate::commands::tail::command::HELD, hide = true)]
    HeldCommand {
        /// The command
        #[arg(last = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Ends at once: the monitor's own canary
    #[command(name = crate::bpf::canary::CHILD, hide = true)]
    CanaryChild,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where they go; pages that are there are replaced
    pub directory: PathBuf,
}

/// What all commands that watch have in common.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// Take only hooks of one family
    #[arg(long, value_enum, default_value_t = Hooks::Auto)]
    pub hooks: Hooks,
    /// Name of this monitor, where several run on one host
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// Join the kernel programs' own debug messages to the log
    #[arg(long)]
    pub kernel_log: bool,
    /// Attach programs that do nothing, to measure what their attach points cost
    #[arg(long, hide = true)]
    pub bare_floor: bool,
    /// Ask the cluster's API for the pods of this node (as `kubernetes.api: true`)
    #[arg(long)]
    pub kubernetes_api: bool,
    /// Ask it for services, too (as `kubernetes.services: true`)
    #[arg(long, requires = "kubernetes_api")]
    pub kubernetes_services: bool,
    /// Stop after this time, such as 60s, 5m or 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Option<std::time::Duration>,
}

impl LiveArgs {
    /// Whether a running daemon, which has hooks of its own, can do it as well.
    #[must_use]
    pub fn suits_a_daemon(&self) -> bool {
        let asks_more = self.kernel_log || self.bare_floor || self.kubernetes_api;
        self.hooks == Hooks::Auto && !asks_more
    }
}

/// Families of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Hooks {
    /// The best that works, for each kind of event
    Auto,
    /// fentry and fexit: see most
    Fentry,
    /// kprobes: what became of an act is not seen
    Kprobe,
    /// Neither trampolines nor kprobes: works everywhere
    Fallback,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file; without it /etc/runmon/config.yaml, if that is there
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Rule files or directories, instead of those that the configuration names
    #[arg(short, long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Write Elastic Common Schema, one JSON document a line (as --format ecs)
    #[arg(long)]
    pub json: bool,
    /// Form of the documents on standard output
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// Tell numbers and health over HTTP there, such as 127.0.0.1:9753, instead of where the
    /// configuration says; may be given more than once
    #[arg(long, value_name = "ADDRESS", value_parser = crate::config::address::parse)]
    pub metrics_listen: Vec<std::net::SocketAddr>,
    /// How to watch
    #[command(flatten)]
    pub live: LiveArgs,
}

/// `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The file to make; it must not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Stop growing at this size in bytes
    #[arg(long, value_name = "BYTES", default_value_t = crate::limits::RECORDING_BYTES)]
    pub limit: u64,
    /// Also note which system calls each container makes, for `profile export --as seccomp`; each
    /// system call of the host costs a little more meanwhile
    #[arg(long)]
    pub syscalls: bool,
    /// Configuration file, for the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to watch
    #[command(flatten)]
    pub live: LiveArgs,
}

/// `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording
    pub file: PathBuf,
    /// Rule files or directories, `builtin` for the embedded rules; without it those
    #[arg(short, long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Profiles, files or directories: what approved ones do not expect is alerted on
    #[arg(long, value_name = "PATH")]
    pub profiles: Vec<PathBuf>,
    /// A policy of what may run: containers outside of it are alerted on, as with `image_policy`
    #[arg(long, value_name = "FILE")]
    pub image_policy: Option<PathBuf>,
    /// Only what this rule condition holds for: events, and alerts about them
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Only what was done from then on: so long after the first event, such as 90s or 5m, or at a
    /// time, such as 2026-05-04T12:30:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,
    /// Only what was done before then
    #[arg(long, value_name = "TIME")]
    pub to: Option<Moment>,
    /// The file to make: a smaller recording, or with --format or --json the documents; it must
    /// not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show events too, not only alerts
    #[arg(long)]
    pub events: bool,
    /// Write Elastic Common Schema, one JSON document a line (as --format ecs)
    #[arg(long)]
    pub json: bool,
    /// Form of the documents
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// Seconds for which repeats of an alert are gathered, as `rollup_seconds`; 0: each is an alert
    #[arg(long, value_name = "SECONDS", default_value_t = limits::ROLLUP_SECONDS)]
    #[arg(value_parser = clap::value_parser!(u64).range(limits::ROLLUP_RANGE))]
    pub rollup_seconds: u64,
    /// Print how fast it went, on standard error
    #[arg(long)]
    pub stats: bool,
}

/// `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Say what is wrong with rule files
    Check {
        /// Files or directories, `builtin` for the embedded rules; without them those
        paths: Vec<PathBuf>,
    },
    /// Run the tests that stand in rule files
    Test(RulesTestArgs),
    /// List rules
    List(RulesListArgs),
    /// Show what a rule looks for, how it is found, and why it may never fire
    ///
    /// With an event: what the rules make of it, check by check. For example:
    ///   runmon rules explain 'Terminal shell in container'
    ///   runmon rules explain --event event.yaml
    ///   runmon rules explain 'Terminal shell in container' --recording x.rec --number 7
    #[command(verbatim_doc_comment)]
    Explain(RulesExplainArgs),
    /// Measure what each rule costs on the events of a recording
    ///
    /// The recording is decoded and enriched once; its events are kept in memory, and only matching
    /// is measured, on one thread, nothing else. Every number is the median of several rounds.
    ///
    /// The rules together: all enabled rules on all events, as the daemon matches them.
    /// FINDING is the part of it that every event pays to find the rules worth trying: what is
    /// looked up, and checks that several rules share.
    /// A rule alone: NS/TRY is its condition with its exceptions on the events on which it was
    /// tried, nothing being known from other rules; NS/EVENT is that, spread over all events of the
    /// recording. The shares are of the sum of finding and all rules alone. That sum may be more
    /// than the rules together cost, since there what several of them ask is worked out once.
    #[command(verbatim_doc_comment)]
    Bench(RulesBenchArgs),
    /// Switch a rule off on the running daemon, for a time; needs root
    ///
    /// Its matches are counted and raise no alert. It stays off when the rules are read again, and
    /// comes on by itself; who switched it off is in the daemon's log.
    Disable(RulesDisableArgs),
    /// Switch a rule on again on the running daemon; needs root
    Enable(RulesSwitchArgs),
    /// List the fields that conditions and outputs can use
    Fields {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make rules of those of another system
    #[command(subcommand)]
    Import(ImportCommand),
}

/// `rules import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Make rules of Sigma's for Linux
    ///
    /// A rule is carried whole or not at all. What was left out is told on standard error, each
    /// with its reason, and a last line counts both.
    #[command(after_help = IMPORT_EXIT_CODES)]
    Sigma(ImportArgs),
}

const IMPORT_EXIT_CODES: &str = "\
Exit codes: 0 rules were written, though some may have been left out; 1 run-time failure; 2 usage,
no rule could be carried, or with --strict one could not. With 2 nothing is written.";

/// What is imported, and where to.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Files, or directories in which all .yml and .yaml files are read
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The file to make, instead of writing to standard output; it must not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Write nothing unless every rule can be carried
    #[arg(long)]
    pub strict: bool,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Configuration file; without it /etc/runmon/config.yaml, if that is there
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take only hooks of one family
    #[arg(long, value_enum, default_value_t = Hooks::Auto)]
    pub hooks: Hooks,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

fn instance(name: &str) -> Result<String, String> {
    if is_name(name) { Ok(name.to_owned()) } else { Err(NAMES.to_owned()) }
}

/// A number with a unit: `90s`, `5m`, `1h`; without one it is seconds.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let (number, seconds) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3600),
        _ => (Some(text), 1),
    };
    let number: u64 = number
        .and_then(|digits| digits.parse().ok())
        .ok_or("write a whole number with s, m or h, such as 60s")?;
    Ok(std::time::Duration::from_secs(number.saturating_mul(seconds)))
}
