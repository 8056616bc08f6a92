//! A package with known vulnerabilities, as findings tell of it.

/// A package with known vulnerabilities, where it is installed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vulnerable {
    /// What the data call it: the source package, of what distributions build.
    pub package: String,
    /// The version that is installed.
    pub version: String,
    /// Whose package it is, as `Debian:12` or `PyPI`.
    pub ecosystem: String,
    /// The packages that are installed of it, by name and version.
    pub installed: Vec<(String, String)>,
    /// Where those are that no database of the system lists, as programs and modules of languages.
    pub paths: Vec<String>,
    /// The version that mends what can be mended; None: none does yet.
    pub fixed: Option<String>,
    /// The most that is made of it, as `mapped`, `not observed` or `unknown`.
    pub in_use: &'static str,
    /// Where whoever uses it listens for others, as `443/tcp`.
    pub exposed: Vec<String>,
    /// The vulnerabilities, the gravest first.
    pub vulnerabilities: Vec<Vulnerability>,
    /// Further ones that are not told.
    pub more: usize,
    /// When the data were made, in seconds since 1970.
    pub data_made_on: i64,
}

/// One vulnerability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vulnerability {
    /// Its id, as `CVE-2024-5535`.
    pub id: String,
    /// How grave it is: `critical`, `high`, `medium`, `low`, `none` or `unknown`.
    pub severity: &'static str,
    /// Its CVSS base score in tenths.
    pub tenths: Option<u8>,
    /// Its CVSS vector; empty where there is none.
    pub vector: String,
    /// The version that mends it.
    pub fixed: Option<String>,
    /// Since which day it is known to be exploited, as `2024-05-30`.
    pub exploited: Option<String>,
    /// How likely it is exploited in the next 30 days, in millionths (EPSS).
    pub likelihood: Option<u32>,
}

impl Vulnerable {
    /// Whether it says nothing else than another one: of which day the data are is no news.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let whole = |it: &Self| Self { data_made_on: 0, ..it.clone() };
        whole(self) == whole(other)
    }
}
