//! `alerts`: what was raised on this host.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use monitor_rules::Priority;

use super::{duration, instance};
use crate::limits;

/// `alerts`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertsArgs {
    /// What to do instead of listing them
    #[command(subcommand)]
    pub command: Option<AlertsCommand>,
    /// Which are listed, and how
    #[command(flatten)]
    pub list: AlertsListArgs,
}

/// What can be done with one alert.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Tell the whole story of an alert
    ///
    /// Who did it and came from whom, what the rule saw, what the same process tree did before and
    /// after, and how to go on. ID is what the list shows, or the beginning of it.
    Show(AlertsShowArgs),
    /// Write the narrowest exception that keeps an alert like this one quiet
    ///
    /// It holds for the same program, parent, object and container or image, has an owner, a
    /// reason and an end, and stands with a test of its own at the end of the file of rules. Which
    /// alerts of the past it would have hidden is shown first.
    Except(AlertsExceptArgs),
}

/// Where the alerts are.
#[derive(Clone, Debug, Args)]
pub struct PastArgs {
    /// Configuration file, which says where alerts are kept
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of the daemon, where several run
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// Directory of the store itself, also of another host, instead of those two
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "instance"])]
    pub store: Option<PathBuf>,
}

/// Which alerts are listed, and how.
#[derive(Debug, Args)]
pub struct AlertsListArgs {
    /// Only alerts that this rule condition holds for, such as `proc.name = curl`
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Only from then on: a time as 2026-01-31T12:00:00Z, or 90s, 5m, 1h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<i64>,
    /// Only until then
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<i64>,
    /// Only of this priority or a graver one
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    pub priority: Option<Priority>,
    /// Only of this rule: its id, or a part of its name
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Only in this container: its name, the beginning of its id, or `host`
    #[arg(long, value_name = "CONTAINER")]
    pub container: Option<String>,
    /// Only in this pod: NAME or NAMESPACE/NAME
    #[arg(long, value_name = "POD")]
    pub pod: Option<String>,
    /// Count them instead, by what they have in common
    #[arg(long, value_enum, value_name = "WHAT")]
    pub group_by: Option<GroupBy>,
    /// Show the newest so-many
    #[arg(long, value_name = "COUNT", default_value_t = limits::PAST_SHOWN)]
    pub limit: usize,
    /// Write the documents as they are kept, one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Where they are
    #[command(flatten)]
    pub past: PastArgs,
}

/// What alerts are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupBy {
    /// The rule that leads
    Rule,
    /// The container
    Container,
    /// Its image
    Image,
    /// The pod
    Pod,
    /// The program that did it
    Program,
    /// The priority
    Priority,
}

/// `alerts show`.
#[derive(Debug, Args)]
pub struct AlertsShowArgs {
    /// The alert, as the list shows it, or the beginning of that
    pub id: String,
    /// Write all of it as JSON
    #[arg(long)]
    pub json: bool,
    /// Where it is
    #[command(flatten)]
    pub past: PastArgs,
}

/// `alerts except`.
#[derive(Debug, Args)]
pub struct AlertsExceptArgs {
    /// The alert, as the list shows it, or the beginning of that
    pub id: String,
    /// Who answers for the exception
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,
    /// Why it is right
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The last day on which it holds, as 2026-12-31, or in how many days, as 90d
    #[arg(long, value_name = "DATE")]
    pub expires: Option<String>,
    /// Only for this rule of those that matched: its id or name
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Compare these fields instead; may be given more than once
    #[arg(long = "field", value_name = "FIELD")]
    pub fields: Vec<String>,
    /// The rule file that it is added to, instead of one that the configuration names
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show what would be added, and change nothing
    #[arg(long, conflicts_with = "output")]
    pub dry_run: bool,
    /// Where it is
    #[command(flatten)]
    pub past: PastArgs,
}

/// A time, or how long ago it is; nanoseconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(time.as_nanosecond()).map_err(|_| "too far away".to_owned());
    }
    let ago = match text.strip_suffix('d') {
        Some(days) => days.parse().ok().and_then(|days: u64| days.checked_mul(86_400)),
        None => duration(text).ok().map(|ago| ago.as_secs()),
    };
    let ago = ago.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000_000));
    let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    ago.map(|ago| now.saturating_sub(ago))
        .ok_or_else(|| "write a time such as 2026-01-31T12:00:00Z, or 90s, 5m, 1h, 7d".to_owned())
}

fn priority(text: &str) -> Result<Priority, String> {
    let is_it = |known: &&Priority| known.name().eq_ignore_ascii_case(text);
    let short = |known: &&Priority| text.len() >= 3 && is_begun(known.name(), text);
    let found = Priority::ALL.iter().find(is_it).or_else(|| Priority::ALL.iter().find(short));
    found.copied().ok_or_else(|| {
        let names = Priority::ALL.map(|known| known.name().to_ascii_lowercase());
        format!("one of {} is expected", names.join(", "))
    })
}

fn is_begun(name: &str, by: &str) -> bool {
    name.get(..by.len()).is_some_and(|start| start.eq_ignore_ascii_case(by))
}
