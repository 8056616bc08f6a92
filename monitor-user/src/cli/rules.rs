//! The arguments of `runmon rules`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::RangedU64ValueParser};

use super::{duration, instance};

/// A number from 1.
fn from_one() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..)
}

/// `rules list`.
#[derive(Debug, Default, Args)]
pub struct RulesListArgs {
    /// Files or directories, `builtin` for the embedded rules; without them those
    pub paths: Vec<PathBuf>,
    /// Which rules
    #[command(flatten)]
    pub only: RulesFilterArgs,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// As a layer for the ATT&CK Navigator: each technique with the rules that find it
    #[arg(long, conflicts_with = "json")]
    pub navigator: bool,
}

/// Which rules `rules list` shows: those that pass all options that are given. An option that is
/// given several times, or with commas, lets any of its values through.
#[derive(Debug, Default, Args)]
pub struct RulesFilterArgs {
    /// Only rules with this tag
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tag: Vec<String>,
    /// Only rules for this ATT&CK tactic, by name or id
    #[arg(long, value_name = "TACTIC", value_delimiter = ',')]
    pub tactic: Vec<String>,
    /// Only rules for this ATT&CK technique, by id; T1059 stands for its sub-techniques too
    #[arg(long, value_name = "TECHNIQUE", value_delimiter = ',')]
    pub technique: Vec<String>,
    /// Only rules that see this kind of event, such as exec
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only rules of this priority or a more urgent one
    #[arg(long, value_name = "PRIORITY")]
    pub priority: Option<String>,
    /// Only rules that are on
    #[arg(long)]
    pub enabled: bool,
    /// Only rules that are off
    #[arg(long, conflicts_with = "enabled")]
    pub disabled: bool,
}

/// `rules explain`.
#[derive(Debug, Default, Args)]
pub struct RulesExplainArgs {
    /// Name or id of the rule
    #[arg(required_unless_present_any = ["event", "recording"])]
    pub name: Option<String>,
    /// Rule files or directories, `builtin` for the embedded rules; without it those
    #[arg(short, long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Say what the rule makes of the event in this file, which is described as in a rule's test;
    /// without a NAME, what all rules make of it
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// The same of an event in this recording
    #[arg(long, value_name = "FILE", conflicts_with = "event", requires = "number")]
    pub recording: Option<PathBuf>,
    /// Which event of the recording, from 1, in the order of `runmon replay --events`
    #[arg(long, value_name = "N", requires = "recording", value_parser = from_one())]
    pub number: Option<u64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `rules test`.
#[derive(Debug, Default, Args)]
pub struct RulesTestArgs {
    /// Files or directories, `builtin` for the embedded rules; without them those
    pub paths: Vec<PathBuf>,
    /// Only the tests of the rule with this name or id
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Run none: write tests for the rules that fire on this recording, of what they fired on and
    /// of what they nearly fired on
    #[arg(long, value_name = "RECORDING", conflicts_with_all = ["table", "mutants", "json"])]
    pub from: Option<PathBuf>,
    /// The file to make of them, instead of writing to standard output; it must not be there yet
    #[arg(short, long, value_name = "FILE", requires = "from")]
    pub output: Option<PathBuf>,
    /// Show how many tests each rule has
    #[arg(long)]
    pub table: bool,
    /// Negate each main term of each rule in turn, and say where no test notices
    #[arg(long, conflicts_with = "table")]
    pub mutants: bool,
    /// As JSON
    #[arg(long, conflicts_with = "table")]
    pub json: bool,
}

/// `rules bench`.
#[derive(Debug, Default, Args)]
pub struct RulesBenchArgs {
    /// The recording
    pub recording: PathBuf,
    /// Rule files or directories, `builtin` for the embedded rules; without it those
    #[arg(short, long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `rules disable`.
#[derive(Debug, Args)]
pub struct RulesDisableArgs {
    /// Which rule, and where
    #[command(flatten)]
    pub at: RulesSwitchArgs,
    /// For how long, such as 90s, 30m or 1h; 168h at most
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Duration,
}

/// `rules enable`.
#[derive(Debug, Args)]
pub struct RulesSwitchArgs {
    /// Name or id of the rule
    pub name: String,
    /// Name of the monitor, where several run on one host
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// The monitor's configuration file, which says where it can be asked
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
