//! Versions as each sort of package orders them. Every order is total, and nothing is guessed: a
//! text that is no version of its scheme is none.

mod apk;
mod dpkg;
mod maven;
mod number;
mod pep440;
mod rpm;
mod semver;

use std::cmp::Ordering;

use crate::limits::VERSION_BYTES;

/// How versions are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Debian's packages, and those of what descends from it.
    Dpkg,
    /// Alpine's packages, and Wolfi's.
    Apk,
    /// Packages of RPM.
    Rpm,
    /// Semantic versions: npm, crates.io, Go.
    Semver,
    /// Python's packages.
    Pep440,
    /// Artifacts of Maven.
    Maven,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Dpkg, Self::Apk, Self::Rpm, Self::Semver, Self::Pep440, Self::Maven];

    /// Reads a version. None if it is none of this scheme.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Version> {
        let text = text.trim();
        if text.is_empty() || text.len() > VERSION_BYTES || !text.is_ascii() {
            return None;
        }
        Some(Version(match self {
            Self::Dpkg => Inner::Dpkg(dpkg::Version::parse(text)?),
            Self::Apk => Inner::Apk(apk::Version::parse(text)?),
            Self::Rpm => Inner::Rpm(rpm::Version::parse(text)?),
            Self::Semver => Inner::Semver(semver::Version::parse(text)?),
            Self::Pep440 => Inner::Pep440(pep440::Version::parse(text)?),
            Self::Maven => Inner::Maven(maven::Version::parse(text)?),
        }))
    }
}

/// A version that was read by its scheme.
#[derive(Clone, Debug)]
pub struct Version(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Dpkg(dpkg::Version),
    Apk(apk::Version),
    Rpm(rpm::Version),
    Semver(semver::Version),
    Pep440(pep440::Version),
    Maven(maven::Version),
}

impl Version {
    /// Compares two versions of one scheme. None if they are of different ones.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(match (&self.0, &other.0) {
            (Inner::Dpkg(one), Inner::Dpkg(two)) => one.compare(two),
            (Inner::Apk(one), Inner::Apk(two)) => one.cmp(two),
            (Inner::Rpm(one), Inner::Rpm(two)) => one.compare(two),
            (Inner::Semver(one), Inner::Semver(two)) => one.cmp(two),
            (Inner::Pep440(one), Inner::Pep440(two)) => one.cmp(two),
            (Inner::Maven(one), Inner::Maven(two)) => one.cmp(two),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
