//! `report`: one page about this host.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `report` says of itself, at length.
pub(super) const ABOUT: &str = "\
Write one page about this host: what to update first, and why

What to update, by what is in use, known to be exploited and exposed; until when the systems of the
host and of running containers are supported; what is not set up as it should be; and what of all
that is not known. Data about vulnerabilities are a pack of `runmon data build`; nothing is fetched.
What is in use is known best where the daemon runs with `in_use: true`. Needs root, and no daemon.";

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Data about vulnerabilities; without it `vulnerability_pack` of the configuration
    #[arg(long, value_name = "PACK")]
    pub pack: Option<PathBuf>,
    /// In which form
    #[arg(short, long, value_enum, default_value_t = ReportForm::Text)]
    pub output: ReportForm,
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Forms of `report`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// For a terminal
    Text,
    /// One JSON document
    Json,
    /// A page for a browser, in one file
    Html,
}
