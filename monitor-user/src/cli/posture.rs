//! `posture`: how containers are set up.

use std::path::PathBuf;

use clap::Args;

/// `posture`.
#[derive(Debug, Args)]
pub struct PostureArgs {
    /// Names of containers, or ids or beginnings of them; without one all that run
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// What passes, too, and what cannot be seen here
    #[arg(long)]
    pub all: bool,
    /// Only what matters at least so much: debug, informational, notice, warning, error …
    #[arg(long, value_name = "PRIORITY", default_value = "debug")]
    pub priority: String,
    /// Every check, what standards call it and what to do about it; looks at nothing
    #[arg(long, conflicts_with_all = ["containers", "all"])]
    pub list: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Configuration file, for the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
