//! What a pack says of packages.

use std::collections::BTreeMap;

use monitor_vulns::{
    matcher::{Coordinate, Match, State, ask},
    model::Status,
    pack::{Pack, PackError, ReadAt},
    purl::Purl,
    severity::Level,
};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A package that is installed somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// What is asked about it; that of its source, or several where data differ in which they name.
    pub coordinates: Vec<Coordinate>,
    /// What it is called where it is installed.
    pub name: String,
    /// The version there.
    pub version: String,
    /// Its package URL, where it has one: VEX documents name it so.
    pub purl: Option<String>,
}

/// Of what the data are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackFacts {
    /// When the pack was made, in seconds since 1970.
    pub made_on: i64,
    /// How many days ago that was.
    pub age_days: i64,
    /// Its SHA-256.
    pub sum: [u8; 32],
}

/// A vulnerability in packages that have one source and version.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was asked for.
    pub coordinate: Coordinate,
    /// The packages that are installed of it, by name and version.
    pub installed: Vec<(String, String)>,
    /// What the pack says.
    pub found: Match,
    /// When the pack was made, in seconds since 1970.
    pub made_on: i64,
    /// Why somebody accepted it, if somebody did.
    pub accepted: Option<Box<str>>,
}

impl Finding {
    /// Whether it is to be acted on: neither accepted nor set aside, nor without effect on
    /// security.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.accepted.is_none()
            && self.found.set_aside.is_none()
            && !self.found.status.contains(&Status::Unimportant)
    }

    /// Whether it is worth telling where only those of a level are wanted: of one that nobody has
    /// rated that is not known, and one that is exploited is told whatever its level.
    #[must_use]
    pub fn is_at_least(&self, level: Level) -> bool {
        let own = self.found.severity.level;
        own >= level || own == Level::Unknown || self.found.exploited.is_some()
    }
}

/// What is known of all packages together.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The data that it is by.
    pub pack: PackFacts,
    /// The vulnerabilities: those that count first, then exploited ones, then by their severity.
    pub findings: Vec<Finding>,
    /// What was asked for and cannot be told, and why.
    pub unknown: Vec<(Coordinate, String)>,
    /// How many packages were asked about.
    pub packages: usize,
}

impl Report {
    /// Asks a pack about packages that are in a product, as an image.
    ///
    /// # Errors
    ///
    /// If the pack cannot be read, or is damaged.
    pub fn of<R: ReadAt>(
        pack: &Pack<R>,
        packages: &[Package],
        products: &[Purl],
        now: i64,
    ) -> Result<Self, PackError> {
        let made_on = pack.made_on();
        let age_days = now.saturating_sub(made_on) / DAY_SECONDS;
        let mut report = Self {
            pack: PackFacts { made_on, age_days, sum: pack.sum() },
            packages: packages.len(),
            ..Self::default()
        };
        // What has one source is asked about once.
        let mut asked: BTreeMap<&Coordinate, Vec<&Package>> = BTreeMap::new();
        for package in packages {
            for coordinate in &package.coordinates {
                asked.entry(coordinate).or_default().push(package);
            }
        }
        for (coordinate, installed) in asked {
            report.ask(pack, coordinate, &installed, products)?;
        }
        report.findings.sort_by_cached_key(|it| {
            let found = &it.found;
            let exploited = found.exploited.is_some();
            let affected = found.state == State::Affected;
            let likely = found.likelihood.map_or(0, |likelihood| likelihood.score);
            let severity = (found.severity.level, found.severity.tenths, likely);
            let order = std::cmp::Reverse((it.counts(), exploited, affected, severity));
            (order, it.coordinate.clone(), found.id.clone())
        });
        Ok(report)
    }

    /// Asks about one source.
    fn ask<R: ReadAt>(
        &mut self,
        pack: &Pack<R>,
        coordinate: &Coordinate,
        installed: &[&Package],
        products: &[Purl],
    ) -> Result<(), PackError> {
        // A statement about one of several binary packages is none about the others.
        let mut groups: BTreeMap<Option<&str>, Vec<&Package>> = BTreeMap::new();
        let has_statements = !pack.statements().is_empty();
        for package in installed {
            let purl = package.purl.as_deref().filter(|_| has_statements);
            groups.entry(purl).or_default().push(package);
        }
        for (number, (purl, packages)) in groups.into_iter().enumerate() {
            let own = purl.and_then(Purl::parse);
            // What is said of the source holds for what was built of it.
            let source = own.clone().filter(|own| own.full_name('/') != coordinate.name);
            let source = source.filter(|own| ["deb", "apk", "rpm"].contains(&own.kind.as_str()));
            let source = source.map(|own| Purl {
                name: coordinate.name.clone(),
                version: coordinate.version.clone(),
                ..own
            });
            let purls: Vec<Purl> = own.into_iter().chain(source).collect();
            let answer = ask(pack, coordinate, &purls, products)?;
            if let Some(why) = answer.unknown.filter(|_| number == 0) {
                self.unknown.push((coordinate.clone(), why));
            }
            let mut installed: Vec<(String, String)> =
                packages.iter().map(|it| (it.name.clone(), it.version.clone())).collect();
            installed.sort();
            installed.dedup();
            for found in answer.matches {
                self.put(coordinate, &installed, found);
            }
        }
        Ok(())
    }

    /// Adds a finding, or the packages to one that says the same.
    fn put(&mut self, coordinate: &Coordinate, installed: &[(String, String)], found: Match) {
        // Those of one source were added last.
        let mut of_source =
            self.findings.iter_mut().rev().take_while(|it| it.coordinate == *coordinate);
        if let Some(there) = of_source.find(|it| it.found == found) {
            there.installed.extend_from_slice(installed);
            there.installed.sort();
            there.installed.dedup();
            return;
        }
        let (coordinate, installed) = (coordinate.clone(), installed.to_vec());
        let made_on = self.pack.made_on;
        self.findings.push(Finding { coordinate, installed, found, made_on, accepted: None });
    }
}

#[cfg(test)]
mod tests;
