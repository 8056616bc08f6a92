//! Until when a release is supported: of an operating system, a kernel, a container runtime, a
//! language.
//!
//! The table is a file of our own (`data/lifecycle.csv`) with its date, and can be replaced by a
//! newer one. What it does not list is unknown, and unknown is never counted as supported.

mod annotation;
mod date;
mod table;
#[cfg(test)]
mod tests;

pub use annotation::{Annotated, DateMap, DateMapError, annotated};
pub use date::Date;
pub use table::{Table, TableError};

/// Whose support counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// That which everybody has from the makers themselves.
    Standard,
    /// The longer one, for fewer packages, which everybody has, too: LTS of Debian.
    #[default]
    Lts,
    /// The one that is paid for: ELTS, ESM, ELS, LTSS.
    Extended,
}

impl Tier {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Lts, Self::Extended];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Lts => "lts",
            Self::Extended => "extended",
        }
    }
}

/// Whether something is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is.
    Supported,
    /// Only by a longer support, which does not cover everything.
    LtsOnly,
    /// No more.
    Eol,
    /// Nobody knows.
    Unknown,
    /// It has no releases: how old it is counts.
    Rolling,
}

impl State {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::LtsOnly => "lts_only",
            Self::Eol => "eol",
            Self::Unknown => "unknown",
            Self::Rolling => "rolling",
        }
    }
}

/// Whether something is supported, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether.
    pub state: State,
    /// The last day of the support that holds, or of the one that was the last.
    pub until: Option<Date>,
    /// Which support that is.
    pub tier: Option<Tier>,
    /// What it is about: `debian 12`.
    pub about: Box<str>,
    /// Who says so; empty where nobody does.
    pub source: Box<str>,
}

impl Verdict {
    fn unknown(about: String) -> Self {
        let about = about.into();
        Self { state: State::Unknown, until: None, tier: None, about, source: "".into() }
    }
}
