//! `data` and `vulns`: vulnerability data, and what they say of packages.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use monitor_vulns::severity::Level;

/// The subcommands of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Make a pack of vulnerability data
    ///
    /// Nothing is fetched: the files are those that databases publish, as OSV's all.zip of an
    /// ecosystem, the JSON of Debian's security tracker, Alpine's secdb of each branch, CISA's
    /// catalogue of what is exploited (KEV), EPSS, and documents of OpenVEX. What is compressed by
    /// gzip is read as it is. A record that cannot be read is told and left out; the pack is made
    /// of the others. The same files, of the same time, and --made-on
    /// give the same bytes.
    ///
    /// The files come from outside: run it as a user that can read them and no more. Needs no root.
    Build(DataBuildArgs),
    /// Say of what a pack is: dates, sources, counts, checksum; needs no root
    Show(DataPackArgs),
    /// Check all of a pack: its checksum, and every record in it; needs no root
    Verify(DataPackArgs),
}

/// `data build`.
#[derive(Debug, Args)]
pub struct DataBuildArgs {
    /// OSV's records: JSON files, archives (all.zip), or directories of them
    #[arg(long, value_name = "FILE-OR-DIR", num_args = 1..)]
    pub osv: Vec<PathBuf>,
    /// The JSON of Debian's security tracker
    #[arg(long, value_name = "FILE")]
    pub debian_tracker: Option<PathBuf>,
    /// Alpine's security database of a branch and repository
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub secdb: Vec<PathBuf>,
    /// CISA's catalogue of what is exploited, in JSON
    #[arg(long, value_name = "FILE")]
    pub kev: Option<PathBuf>,
    /// How likely vulnerabilities are to be exploited, in FIRST's CSV
    #[arg(long, value_name = "FILE")]
    pub epss: Option<PathBuf>,
    /// What does no harm, in OpenVEX
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub vex: Vec<PathBuf>,
    /// When it is said to be made, as 2026-11-29; without it now, or SOURCE_DATE_EPOCH
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub made_on: Option<i64>,
    /// The pack; one that is there is replaced once the new one is whole
    #[arg(short, long, value_name = "PACK")]
    pub output: PathBuf,
}

/// `data show` and `data verify`.
#[derive(Debug, Args)]
pub struct DataPackArgs {
    /// The pack
    pub pack: PathBuf,
    /// Write it as JSON
    #[arg(long)]
    pub json: bool,
}

/// What `vulns` says of itself, at length.
pub(super) const ABOUT: &str = "\
Say which known vulnerabilities are installed, and in use

The packages are those of the host and of running containers, by the layers of their images, or of
one of them, or with --sbom of a list of components; the data are a pack of `runmon data build`, and
nothing is fetched. What is in use comes first: a program of the package was executed, code of it
mapped, or a module of it opened, as the daemon saw it (`in_use: true`) and as it is at this moment.
Not observed is only said where a use would have been seen; else it is unknown, with the reason.
It is a statement about the time since the daemon began, or since the last container of the image
ended that was not watched as a whole (`since`): the daemon saw every container that runs from its
start, lost nothing and watched one for an hour. What ran on the host, or before a restart of the
daemon, it did not see. Packages with modules of interpreters, and those without a program or a
shared library, are unknown unless they were seen in use: not every module is seen, and reading of
data is not. Files are known by their paths, so that a copy of a program, or a hard link to it,
under a name that is not the package's counts as no use of the package.

Then comes what is known to be exploited, then what is worst. A package that the data know nothing
of, or whose version cannot be compared, is told as such. With --sbom both files come from
outside: run it as a user that can read them and no more. Without it it needs root, and what
parses gives its privileges up first.";

/// `vulns`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct VulnsArgs {
    /// A container, by its name or the beginning of its id, or `host`; without it all
    #[arg(value_name = "CONTAINER|host", conflicts_with = "sbom")]
    pub of: Option<String>,
    /// The data, as `runmon data build` makes them; without it `vulnerability_pack` of the
    /// configuration
    #[arg(long, value_name = "PACK")]
    pub pack: Option<PathBuf>,
    /// A list of components instead: CycloneDX in JSON
    #[arg(long, value_name = "FILE")]
    pub sbom: Option<PathBuf>,
    /// Only what is in use
    #[arg(long, conflicts_with = "sbom")]
    pub in_use: bool,
    /// Configuration file, for the data, for what is used and the places of container runtimes
    #[arg(short, long, value_name = "FILE", conflicts_with = "sbom")]
    pub config: Option<PathBuf>,
    /// In which form
    #[arg(long, value_enum, default_value_t = VulnsFormat::Text)]
    pub format: VulnsFormat,
    /// Only what a later version mends
    #[arg(long)]
    pub only_fixed: bool,
    /// Only what is at least so bad; what nobody rated and what is exploited is told in any case
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub severity: Option<VulnsLevel>,
    /// Also what is without effect on security, or set aside, with the reason
    #[arg(long)]
    pub all: bool,
    /// Warn if the data are older than so many days
    #[arg(long, value_name = "DAYS", default_value_t = crate::limits::DATA_OLD_DAYS)]
    pub max_age: i64,
}

/// Forms of `vulns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VulnsFormat {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
}

/// Levels of `vulns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VulnsLevel {
    /// All that is rated
    Low,
    /// From a score of 4
    Medium,
    /// From a score of 7
    High,
    /// From a score of 9
    Critical,
}

impl VulnsLevel {
    /// The same, of the data.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Low => Level::Low,
            Self::Medium => Level::Medium,
            Self::High => Level::High,
            Self::Critical => Level::Critical,
        }
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 nothing is told; 1 something is; 2 the pack or the list cannot be used. What could not
be judged is told, and changes none of them. What is without effect on security, or set aside, does
not count.";

fn time(text: &str) -> Result<i64, String> {
    let day = text.parse::<Date>().ok().filter(|_| !text.contains(['T', 't', ' ']));
    let time = match day {
        Some(day) => day.to_zoned(TimeZone::UTC).map(|it| it.timestamp()),
        None => text.parse::<Timestamp>(),
    };
    time.map(Timestamp::as_second)
        .map_err(|_error| "a day such as 2026-11-29, or a time as 2026-11-29T12:00:00Z".to_owned())
}
