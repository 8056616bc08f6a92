//! The table of releases.

use std::collections::BTreeMap;

use super::{Date, State, Tier, Verdict};
use crate::os_release::OsRelease;

const EMBEDDED: &str = include_str!("../../data/lifecycle.csv");

/// The comment that says of which day a table is.
const AS_OF: &str = "# as of ";

/// In place of a number: it has none.
const ROLLING: &str = "rolling";

/// Rows of a table at most.
const ROWS: usize = 65_536;

/// Releases with the last days of their support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    as_of: Date,
    /// By product and release.
    rows: BTreeMap<Key, Row>,
}

/// A product and a release of it.
type Key = (Box<str>, Box<str>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    is_rolling: bool,
    /// By tier.
    ends: [Option<Date>; 3],
    source: Box<str>,
}

/// Why a table is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It does not say of which day it is.
    #[error("it does not say of which day it is: the first line is `# as of 2026-01-31`")]
    NoDay,
    /// A line is no row.
    #[error(
        "line {line} is no row: a product, a release, last days of standard, long and extended \
         support (`2026-01-31`, or empty; `rolling` for none), and a source, with commas between"
    )]
    Row {
        /// Its number, from one.
        line: usize,
    },
    /// It has more rows than are taken.
    #[error("it has more than {ROWS} rows")]
    TooLarge,
}

impl Table {
    /// The table that is built in.
    #[must_use]
    pub fn embedded() -> Self {
        // A test reads it.
        Self::parse(EMBEDDED)
            .unwrap_or(Self { as_of: Date::of(jiff::Timestamp::UNIX_EPOCH), rows: BTreeMap::new() })
    }

    /// A table of our format.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let as_of = text.lines().next().and_then(|line| line.strip_prefix(AS_OF));
        let as_of = as_of.and_then(|day| Date::parse(day.trim())).ok_or(TableError::NoDay)?;
        let mut rows = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if rows.len() >= ROWS {
                return Err(TableError::TooLarge);
            }
            let (key, row) = row(line).ok_or(TableError::Row { line: number + 1 })?;
            rows.insert(key, row);
        }
        Ok(Self { as_of, rows })
    }

    /// Of which day it is.
    #[must_use]
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// Takes over what Debian's `distro-info-data` says of Debian or Ubuntu, if that is newer than
    /// this table. Lines that are none are passed over.
    pub fn take_distro_info(&mut self, product: &str, csv: &str, as_of: Date) {
        if as_of <= self.as_of {
            return;
        }
        let mut lines = csv.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        for line in lines.take(ROWS) {
            let values: Vec<&str> = line.split(',').collect();
            let field = |name: &str| {
                let at = names.iter().position(|it| *it == name)?;
                values.get(at).copied().filter(|value| !value.is_empty())
            };
            let date = |name: &str| field(name).and_then(Date::parse);
            let (Some(version), Some(standard)) = (field("version"), date("eol")) else { continue };
            let release = version.split(' ').next().unwrap_or_default();
            let extended = date("eol-elts").or_else(|| date("eol-esm"));
            let ends = [Some(standard), date("eol-lts"), extended];
            let source = format!("distro-info-data of this host, {as_of}").into();
            let row = Row { is_rolling: false, ends, source };
            self.rows.insert((product.into(), release.into()), row);
        }
    }

    /// Whether an operating system is supported.
    #[must_use]
    pub fn os(&self, os: &OsRelease, today: Date, tier: Tier) -> Verdict {
        let (product, release) = product_of(os);
        let about = format!("{product} {}", release.as_deref().unwrap_or("?"));
        if os.is_rolling() {
            let state = State::Rolling;
            let source = "os-release".into();
            return Verdict { state, until: None, tier: None, about: about.into(), source };
        }
        let release = release.unwrap_or_default();
        if let Some(row) = self.rows.get(&(product.into(), release.into())) {
            return row.verdict(about, today, tier);
        }
        let Some(end) = os.support_end.as_deref().and_then(Date::parse) else {
            return Verdict::unknown(about);
        };
        let source = "SUPPORT_END of os-release".into();
        let row = Row { is_rolling: false, ends: [Some(end), None, None], source };
        row.verdict(about, today, tier)
    }

    /// Whether a version of a product is supported: `kubernetes`, `v1.30.2`. Of the releases that
    /// it can be of, the one with the most numbers counts.
    #[must_use]
    pub fn product(&self, product: &str, version: &str, today: Date, tier: Tier) -> Verdict {
        let plain = version.trim_start_matches(|it: char| it.is_ascii_alphabetic());
        let end = plain.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(plain.len());
        let mut release = plain.get(..end).unwrap_or_default().trim_end_matches('.');
        let unknown = || Verdict::unknown(format!("{product} {version}"));
        loop {
            if release.is_empty() {
                return unknown();
            }
            if let Some(row) = self.rows.get(&(product.into(), release.into())) {
                return row.verdict(format!("{product} {release}"), today, tier);
            }
            let Some((shorter, _)) = release.rsplit_once('.') else { return unknown() };
            release = shorter;
        }
    }
}

fn row(line: &str) -> Option<(Key, Row)> {
    let fields: Vec<&str> = line.splitn(6, ',').map(str::trim).collect();
    let [product, release, standard, lts, extended, source] = fields[..] else { return None };
    if product.is_empty() || release.is_empty() || source.is_empty() {
        return None;
    }
    let is_rolling = standard == ROLLING;
    let end = |text: &str| match text {
        "" => Some(None),
        text => Date::parse(text).map(Some),
    };
    let first = if is_rolling { None } else { end(standard)? };
    let ends = [first, end(lts)?, end(extended)?];
    if !is_rolling && first.is_none() {
        return None;
    }
    Some(((product.into(), release.into()), Row { is_rolling, ends, source: source.into() }))
}

impl Row {
    fn verdict(&self, about: String, today: Date, tier: Tier) -> Verdict {
        let (about, source) = (about.into(), self.source.clone());
        if self.is_rolling {
            return Verdict { state: State::Rolling, until: None, tier: None, about, source };
        }
        let counted = || Tier::ALL.into_iter().zip(self.ends).filter(|(it, _)| *it <= tier);
        let mut counted = counted().filter_map(|(tier, end)| Some((tier, end?)));
        // What lasts is the shortest support that still holds: it covers the most.
        let mut last: Option<(Tier, Date)> = None;
        let holds = counted.find(|(tier, end)| {
            if last.is_none_or(|(_, before)| before < *end) {
                last = Some((*tier, *end));
            }
            *end >= today
        });
        let state = match holds {
            Some((Tier::Standard, _)) => State::Supported,
            Some(_) => State::LtsOnly,
            None => State::Eol,
        };
        let (tier, until) = holds.or(last).unzip();
        Verdict { state, until, tier, about, source }
    }
}

/// Product and release of an operating system, as the table has them.
fn product_of(os: &OsRelease) -> (&str, Option<String>) {
    let whole = || os.version.as_deref().map(str::to_owned);
    match &*os.id {
        "centos" if os.name.as_deref().is_some_and(|it| it.contains("Stream")) => {
            ("centos-stream", os.numbers(1))
        }
        "debian" | "rhel" | "rocky" | "almalinux" | "ol" | "centos" | "fedora" | "amzn" => {
            (&os.id, os.numbers(1))
        }
        "alpine" | "opensuse-leap" | "sles" => (&os.id, os.numbers(2)),
        id => (id, whole()),
    }
}
