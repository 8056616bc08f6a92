//! `inventory`: what is installed on the host and in containers.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `inventory`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct InventoryArgs {
    /// Name of a container, how its id begins, or `host`; all of them where it is left out
    #[arg(value_name = "CONTAINER|host")]
    pub of: Option<String>,
    /// List the packages
    #[arg(long, requires = "of")]
    pub packages: bool,
    /// Form of what is shown
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    pub output: Form,
    /// Write a software bill of materials: CycloneDX 1.6, as JSON
    #[arg(long, value_name = "FILE")]
    pub sbom: Option<PathBuf>,
    /// Whose support counts; without it `support_tier` of the configuration
    #[arg(long, value_name = "TIER")]
    pub support: Option<Support>,
    /// Another table of last days of support, in place of that of the configuration, or built in
    #[arg(long, value_name = "FILE")]
    pub lifecycle: Option<PathBuf>,
    /// Last days of images by digest: lines as `sha256:… 2026-01-31`
    #[arg(long, value_name = "FILE")]
    pub end_of_life: Option<PathBuf>,
    /// Configuration file, for the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Whose support counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Support {
    /// The makers' own, which covers everything
    Standard,
    /// Also the longer one that everybody has, as Debian's LTS
    Lts,
    /// Also the one that is paid for, as ELTS, ESM, ELS and LTSS
    Extended,
}

/// What `--help` says of it.
pub(super) const ABOUT: &str = "\
List what is installed, and until when it is supported\n\n\
It reads the databases of dpkg, apk and rpm (SQLite), what Go programs and those of \
cargo-auditable say they were built of, and the descriptions of packages of Python, Node and Java; \
of the host also the programs that run containers. Needs root, no daemon and no network. What \
reads files has no privileges: a process of its own opens them.\n\n\
Of a container the layers of its image are read, which root in it cannot write to: a database \
that was changed since its start is told. Containers of one image are read once.\n\n\
SUPPORT is what is known of the system's release: `supported`, `lts_only`, `eol`, `rolling`, \
or `unknown`, which never counts as supported. --support says whose support counts. Days are \
those of a table that is built in, of a newer one of Debian's on this host (/usr/share/\
distro-info), or of --lifecycle. UPSTREAM is what the makers of a runtime say; a distribution can \
support it for longer.";

const EXIT_CODES: &str = "\
Exit codes: 0 it was looked at, whatever was found; 2 the container was not found, or a file cannot
be used. What was not read, or not all of it, is told, and changes none of them.";
