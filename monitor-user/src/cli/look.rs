//! What the commands that show what happens now are told.

use std::path::PathBuf;

use clap::Args;

use super::LiveArgs;

/// `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Only events that this rule condition holds for
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Only of this container, by its name or the beginning of its id; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub container: Vec<String>,
    /// Only of this pod, as `name` or `namespace/name`; may be given more than once
    #[arg(long, value_name = "POD")]
    pub pod: Vec<String>,
    /// Only of containers of this service of Compose; may be given more than once
    #[arg(long, value_name = "SERVICE")]
    pub compose: Vec<String>,
    /// Only of this process, until it ends
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// Of its children, and of theirs, too; does not end by itself
    #[arg(long, requires = "pid")]
    pub follow_children: bool,
    /// Show alerts of the rules, not events
    #[arg(long)]
    pub alerts: bool,
    /// Rule files or directories for --alerts; without it those of the daemon, or the embedded ones
    #[arg(short, long, value_name = "PATH", requires = "alerts")]
    pub rules: Vec<PathBuf>,
    /// Write Elastic Common Schema, one JSON document a line
    #[arg(long)]
    pub json: bool,
    /// Write these fields of the rule language, with tabs between; with --json as JSON
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Show processes to the right of who created them
    #[arg(long, conflicts_with_all = ["json", "fields", "alerts"])]
    pub tree: bool,
    /// Write the lines to this file, which must not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write what was done, in short, to this file as JSON: programs, files, hosts
    #[arg(long, value_name = "FILE", conflicts_with = "alerts")]
    pub summary: Option<PathBuf>,
    /// Attach hooks of its own, also where a daemon runs
    #[arg(long)]
    pub own: bool,
    /// Configuration file, which says where the daemon's socket is
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to watch
    #[command(flatten)]
    pub live: LiveArgs,
    /// Run this command, show all that it and its children do, and sum it up when it has ended; the
    /// exit code is the command's. It is the last option: what follows is the command's
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_name = "COMMAND")]
    #[arg(conflicts_with_all = ["pid", "alerts"])]
    pub exec: Vec<std::ffi::OsString>,
}

/// `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Rule files or directories for alerts; without it those of the daemon, or the embedded ones
    #[arg(short, long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Attach hooks of its own, also where a daemon runs
    #[arg(long)]
    pub own: bool,
    /// Configuration file, which says where the daemon's socket is
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to watch
    #[command(flatten)]
    pub live: LiveArgs,
}
