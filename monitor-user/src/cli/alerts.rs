//! `alerts`: what was raised on this host.

use std::path::PathBuf;

use clap::{
    Args, Subcommand, ValueEnum,
    builder::{NonEmptyStringValueParser, RangedU64ValueParser, TypedValueParser},
};
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
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
    /// Only from then on: 2026-01-31 (a day of UTC), 2026-01-31T12:00:00Z, or 90s, 5m, 1h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<i64>,
    /// Only until then, the same; until the end of a day
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub until: Option<i64>,
    /// Only of this priority or a graver one
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    pub priority: Option<Priority>,
    /// Only of this rule: its id, or a part of its name
    #[arg(long, value_name = "RULE", value_parser = NonEmptyStringValueParser::new())]
    pub rule: Option<String>,
    /// Only in this container: its name, the beginning of its id, or `host`
    #[arg(long, value_name = "CONTAINER", value_parser = NonEmptyStringValueParser::new())]
    pub container: Option<String>,
    /// Only in this pod: NAME or NAMESPACE/NAME
    #[arg(long, value_name = "POD", value_parser = NonEmptyStringValueParser::new())]
    pub pod: Option<String>,
    /// Count them instead, by what they have in common
    #[arg(long, value_enum, value_name = "WHAT")]
    pub group_by: Option<GroupBy>,
    /// Show the newest so-many
    #[arg(long, value_name = "COUNT", default_value_t = limits::PAST_SHOWN, value_parser = count())]
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

/// How many, and at least one.
fn count() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(1..)
}

fn since(text: &str) -> Result<i64, String> {
    time(text, Edge::First)
}

fn until(text: &str) -> Result<i64, String> {
    time(text, Edge::Last)
}

/// Which moment of a day is meant.
#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

/// A time, a day, or how long ago it is; nanoseconds since 1970.
fn time(text: &str, edge: Edge) -> Result<i64, String> {
    let far = |_| "too far away".to_owned();
    if let Ok(time) = text.parse::<Timestamp>() {
        return i64::try_from(time.as_nanosecond()).map_err(far);
    }
    // A day with a time behind it, and no zone, would be read as the whole day.
    if let Some(day) = text.parse::<Date>().ok().filter(|_| !text.contains(['T', 't', ' '])) {
        let begin = |day: Date| day.to_zoned(TimeZone::UTC).map(|it| it.timestamp());
        let time = match edge {
            Edge::First => begin(day),
            Edge::Last => {
                day.tomorrow().and_then(begin).and_then(|it| it.checked_sub(1.nanosecond()))
            }
        };
        let time = time.map_err(|_| "too far away".to_owned())?;
        return i64::try_from(time.as_nanosecond()).map_err(far);
    }
    let ago = match text.strip_suffix('d') {
        Some(days) => days.parse().ok().and_then(|days: u64| days.checked_mul(86_400)),
        None => duration(text).ok().map(|ago| ago.as_secs()),
    };
    let ago = ago.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000_000));
    let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    ago.map(|ago| now.saturating_sub(ago)).ok_or_else(|| {
        "write a day such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or 90s, 5m, 1h, 7d"
            .to_owned()
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_from_its_first_to_its_last_nanosecond() {
        let at = |text: &str| i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond());
        assert_eq!(since("2026-11-29").ok(), at("2026-11-29T00:00:00Z").ok());
        assert_eq!(until("2026-11-29").ok(), at("2026-11-29T23:59:59.999999999Z").ok());
        assert_eq!(until("2026-11-29T12:00:00Z").ok(), at("2026-11-29T12:00:00Z").ok());
        assert!(until("1h").unwrap() > since("2h").unwrap());
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-29T12:00", "-1h", "9999-12-31"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
