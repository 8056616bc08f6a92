//! `diff`: a container as it was declared, and as it is.

use std::path::PathBuf;

use clap::Args;

/// `diff`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct DiffArgs {
    /// Name of the container, or how its id begins
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// Configuration file, for the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

const EXIT_CODES: &str = "\
Exit codes: 0 nothing is more than was declared; 1 something is; 2 the container was not found, or
cannot be looked at. What could not be compared is told, and changes none of them.";
