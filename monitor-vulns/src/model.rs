//! What all sources are read into.

use crate::{range::Range, severity::Severity};

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// OSV's records.
    Osv,
    /// Debian's security tracker.
    DebianTracker,
    /// Alpine's security database.
    Secdb,
    /// CISA's catalogue of what is exploited.
    Kev,
    /// How likely it is to be exploited.
    Epss,
    /// Statements about what does not apply.
    Vex,
}

impl Kind {
    /// All of them; the place is the number in packs.
    pub const ALL: [Self; 6] =
        [Self::Osv, Self::DebianTracker, Self::Secdb, Self::Kev, Self::Epss, Self::Vex];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Osv => "osv",
            Self::DebianTracker => "debian-tracker",
            Self::Secdb => "secdb",
            Self::Kev => "kev",
            Self::Epss => "epss",
            Self::Vex => "vex",
        }
    }
}

/// What a distribution says of a vulnerability in a release of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is a bug without effect on security, there.
    Unimportant,
    /// No advisory is to be made for it.
    NoDsa,
    /// The package is not supported any more.
    EndOfLife,
    /// The release does not have it.
    NotAffected,
    /// Nobody has looked.
    Undetermined,
}

impl Status {
    /// All of them; the place is the bit in packs.
    pub const ALL: [Self; 5] =
        [Self::Unimportant, Self::NoDsa, Self::EndOfLife, Self::NotAffected, Self::Undetermined];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unimportant => "unimportant",
            Self::NoDsa => "no-dsa",
            Self::EndOfLife => "end-of-life",
            Self::NotAffected => "not-affected",
            Self::Undetermined => "undetermined",
        }
    }
}

/// What one record says of one package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Who said it.
    pub kind: Kind,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// What an advisory is about, which may be several vulnerabilities.
    pub upstream: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What the distribution says.
    pub status: Vec<Status>,
    /// Why it says so, if it does; empty otherwise.
    pub reason: String,
    /// The versions that are affected, from and to.
    pub ranges: Vec<Range>,
    /// Versions that are affected, one by one.
    pub versions: Vec<String>,
}

/// A record, and the package that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// As in packs.
    pub ecosystem: String,
    /// As in packs.
    pub name: String,
    /// What is said.
    pub record: Record,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It was withdrawn.
    Withdrawn,
    /// It names no package, or only commits.
    NoPackage,
    /// It is about a distribution, and not about a release of it.
    NoRelease,
    /// It is about a release that has no number yet, or none any more.
    UnknownRelease,
    /// It is about no vulnerability that some record is about.
    Unreferenced,
    /// It has nothing that could be compared.
    NoVersions,
    /// It could not be read.
    Bad,
}

impl LeftOut {
    /// All of them; the place is the number in packs.
    pub const ALL: [Self; 7] = [
        Self::Withdrawn,
        Self::NoPackage,
        Self::NoRelease,
        Self::UnknownRelease,
        Self::Unreferenced,
        Self::NoVersions,
        Self::Bad,
    ];

    /// What people are told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::NoPackage => "no package, or commits only",
            Self::NoRelease => "no release of the distribution",
            Self::UnknownRelease => "a release without a number",
            Self::Unreferenced => "about nothing in the pack",
            Self::NoVersions => "no versions to compare with",
            Self::Bad => "could not be read",
        }
    }
}

/// A vulnerability that is exploited, by CISA's catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exploited {
    /// When it was added, as 20211210.
    pub added: u32,
    /// By when it is to be mended, in the same form; 0: not said.
    pub due: u32,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// How likely it is to be exploited, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likelihood {
    /// Within thirty days.
    pub score: u32,
    /// The part of all vulnerabilities that are no likelier.
    pub percentile: u32,
}

/// Reads a day, as 2021-12-10, with or without a time behind it.
#[must_use]
pub fn day(text: &str) -> Option<u32> {
    let day = text.get(..10)?;
    let mut parts = day.split('-');
    let mut part = |length: usize| -> Option<u32> {
        let part = parts.next()?;
        let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse().ok() } else { None }
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day);
    is_day.then_some(year * 10_000 + month * 100 + day)
}

/// Writes a day as 2021-12-10.
#[must_use]
pub fn show_day(day: u32) -> String {
    format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
}

/// A reason, cut to what a pack takes.
pub(crate) fn short(text: &str) -> String {
    let end = text.floor_char_boundary(crate::limits::STRING_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}
