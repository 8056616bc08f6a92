//! Which advisories are about a package.
//!
//! Each record that names the package is evaluated by itself, as OSV's schema specifies. Then what
//! is said of one vulnerability is one match: affected if any record says so, unknown if none does
//! and one could not be compared. The best-informed record that says so gives the fix; all ids are
//! kept. A distribution that says that its release does not have it, and a VEX statement, set the
//! match aside with the reason; they do not make it disappear.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    ecosystem,
    model::{Exploited, Kind, Likelihood, Record, Status},
    pack::{Pack, PackError, ReadAt, Vulnerability},
    purl::Purl,
    range::{Event, Range, Said},
    severity::Severity,
    version::{Scheme, Version},
};

/// A package that is somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coordinate {
    /// As OSV names it, with the release: `Debian:12`, `Alpine:v3.18`, `PyPI`.
    pub ecosystem: String,
    /// The name; of dpkg's packages that of the source.
    pub name: String,
    /// The version; of dpkg's packages that of the source.
    pub version: String,
}

/// Whether a vulnerability is in a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is, by the versions.
    Affected,
    /// That cannot be told, for this reason.
    Unknown(String),
}

/// Why a match is not to be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Who said so: a kind of source.
    pub by: Kind,
    /// Why.
    pub reason: String,
}

/// A vulnerability that is, or may be, in a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Its id: of a CVE, where it has one.
    pub id: String,
    /// All ids by which the records call it, and those of advisories about it.
    pub ids: Vec<String>,
    /// Whether it is in it.
    pub state: State,
    /// The first version without it. None: there is none, or none is known.
    pub fixed: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The record that says how bad; empty: nobody does.
    pub severity_from: String,
    /// Whether it is exploited.
    pub exploited: Option<Exploited>,
    /// How likely that is.
    pub likelihood: Option<Likelihood>,
    /// What the distribution says.
    pub status: Vec<Status>,
    /// Why the distribution says it; empty: it does not say.
    pub reason: String,
    /// Whether it is not to be acted on.
    pub set_aside: Option<SetAside>,
    /// Who said it.
    pub kinds: Vec<Kind>,
}

/// What a pack knows of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Why nothing is known: the pack has nothing of the ecosystem, or a version is none. None:
    /// what is not among the matches is not in the package, by the pack.
    pub unknown: Option<String>,
    /// The matches, by their ids.
    pub matches: Vec<Match>,
}

/// Asks the pack about a package. `packages` are package URLs by which VEX documents may call it,
/// `products` those of what it is in, as an image.
///
/// # Errors
///
/// If the pack cannot be read, or is damaged.
pub fn ask<R: ReadAt>(
    pack: &Pack<R>,
    package: &Coordinate,
    packages: &[Purl],
    products: &[Purl],
) -> Result<Answer, PackError> {
    let ecosystem = ecosystem::normal(&package.ecosystem);
    let name = ecosystem::normal_name(&ecosystem, &package.name);
    if !pack.ecosystems().contains_key(&ecosystem) {
        let unknown = Some(format!("the pack has nothing of {ecosystem}"));
        return Ok(Answer { unknown, matches: Vec::new() });
    }
    let text = ecosystem::normal_version(&ecosystem, &name, package.version.trim());
    let at = Installed::new(&ecosystem, text);
    let records = pack.records(&ecosystem, &name)?;
    // By vulnerability: which records are about it, and what they say.
    let said: Vec<Said> = records.iter().map(|(record, _)| at.said(record)).collect();
    let mut groups: BTreeMap<u32, Vec<(&Record, &Said)>> = BTreeMap::new();
    for ((record, about), said) in records.iter().zip(&said) {
        for number in about {
            groups.entry(*number).or_default().push((record, said));
        }
    }
    let mut matches = Vec::new();
    for (number, group) in groups {
        if group.iter().all(|(_, said)| matches!(said, Said::NotAffected)) {
            continue;
        }
        let known = pack.vulnerability(number)?;
        let mut found = gather(known, &group);
        found.set_aside = set_aside(pack, &found, &group, packages, products);
        matches.push(found);
    }
    matches.sort_by(|one, two| one.id.cmp(&two.id));
    Ok(Answer { unknown: at.unknown, matches })
}

/// The version that is installed.
struct Installed {
    text: String,
    own: Option<Scheme>,
    unknown: Option<String>,
}

impl Installed {
    fn new(ecosystem: &str, text: String) -> Self {
        let own = ecosystem::scheme(ecosystem);
        let is_version = own.is_none_or(|own| own.parse(&text).is_some());
        let unknown = (!is_version).then(|| format!("`{text}` is no version of {ecosystem}"));
        Self { text, own, unknown }
    }

    /// What a record says of it.
    fn said(&self, record: &Record) -> Said {
        if record.versions.iter().any(|version| self.is(version)) {
            return Said::Affected(self.fix(record));
        }
        if record.status.contains(&Status::Undetermined) {
            return Said::Unknown("the distribution has not looked at it".to_owned());
        }
        let mut all = Said::NotAffected;
        for range in &record.ranges {
            all = match (all, self.said_by(range)) {
                // Nearer than that of another line of development, by the range that it is in.
                (Said::Affected(fix), Said::Affected(other)) => Said::Affected(fix.or(other)),
                (Said::Affected(fix), _) | (_, Said::Affected(fix)) => Said::Affected(fix),
                (Said::Unknown(why), _) | (_, Said::Unknown(why)) => Said::Unknown(why),
                (Said::NotAffected, Said::NotAffected) => Said::NotAffected,
            };
        }
        // Of a version that is none it is not known that a record is not about it.
        let is_denied = record.status.contains(&Status::NotAffected);
        match &self.unknown {
            Some(why) if all == Said::NotAffected && !is_denied => Said::Unknown(why.clone()),
            _ => all,
        }
    }

    fn said_by(&self, range: &Range) -> Said {
        let Some(scheme) = range.scheme(self.own) else {
            return Said::Unknown("the order of its versions is not known".to_owned());
        };
        match scheme.parse(&self.text) {
            Some(version) => match range.say(scheme, &version) {
                Said::Unknown(at) => Said::Unknown(format!("`{at}`, in a record, is no version")),
                said => said,
            },
            None => Said::Unknown(format!("`{}` is no version", self.text)),
        }
    }

    /// The least version after it that mends a record, whose ranges do not say so of it.
    fn fix(&self, record: &Record) -> Option<String> {
        let fixes = record.ranges.iter().flat_map(|range| {
            let scheme = range.scheme(self.own);
            range.events.iter().filter_map(move |event| match event {
                Event::Fixed(at) => Some((scheme?, at)),
                _ => None,
            })
        });
        let later = fixes.filter_map(|(scheme, at)| {
            let version = scheme.parse(at)?;
            version.compare(&scheme.parse(&self.text)?)?.is_gt().then_some((version, at))
        });
        let least = later.reduce(|one: (Version, &String), two| {
            if two.0.compare(&one.0).is_some_and(Ordering::is_lt) { two } else { one }
        });
        least.map(|(_, at)| at.clone())
    }

    /// Whether a version that is listed is this one, however it is written.
    fn is(&self, listed: &str) -> bool {
        let same = |scheme: Scheme| -> Option<bool> {
            Some(scheme.parse(listed)?.compare(&scheme.parse(&self.text)?)?.is_eq())
        };
        listed == self.text || self.own.and_then(same) == Some(true)
    }
}

/// What records say of one vulnerability, as one.
fn gather(known: Vulnerability, group: &[(&Record, &Said)]) -> Match {
    let affected = |(_, said): &&(&Record, &Said)| matches!(said, Said::Affected(_));
    let is_affected = group.iter().any(|it| affected(&it));
    let counts = group.iter().filter(|it| !is_affected || affected(it));
    // The best-informed: one with a fix, then one that knows how bad it is, then the first.
    let rank = |(record, said): &(&Record, &Said)| {
        (matches!(said, Said::Affected(Some(_))), record.severity.tenths.is_some())
    };
    let best = counts.reduce(|one, two| if rank(two) > rank(one) { two } else { one });
    let (state, fixed) = match best {
        Some((_, Said::Affected(fix))) => (State::Affected, fix.clone()),
        Some((_, Said::Unknown(why))) => (State::Unknown(why.clone()), None),
        _ => (State::Affected, None),
    };
    let mut ids: BTreeSet<&str> = [known.id.as_str()].into();
    let mut status = BTreeSet::new();
    let mut reason = String::new();
    let mut severity = (Severity::default(), String::new());
    for (record, _) in group {
        ids.insert(&record.id);
        // What an advisory is about besides is another vulnerability.
        let is_one = record.upstream.len() < 2;
        ids.extend(record.aliases.iter().filter(|_| is_one).map(String::as_str));
        status.extend(record.status.iter().copied());
        if reason.is_empty() {
            reason.clone_from(&record.reason);
        }
        let better = severity.0.clone().better(record.severity.clone());
        if better != severity.0 {
            severity = (better, record.id.clone());
        }
    }
    if known.severity.clone().better(severity.0.clone()) == known.severity
        && known.severity.is_known()
    {
        severity = (known.severity, known.severity_from);
    }
    Match {
        ids: ids.into_iter().map(str::to_owned).collect(),
        id: known.id,
        state,
        fixed,
        severity: severity.0,
        severity_from: severity.1,
        exploited: known.exploited,
        likelihood: known.likelihood,
        status: status.into_iter().collect(),
        reason,
        set_aside: None,
        kinds: group
            .iter()
            .map(|(record, _)| record.kind)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    }
}

fn set_aside<R: ReadAt>(
    pack: &Pack<R>,
    found: &Match,
    group: &[(&Record, &Said)],
    packages: &[Purl],
    products: &[Purl],
) -> Option<SetAside> {
    let is_meant = |id: &String| found.ids.contains(id);
    // They are in the order of their times: the last one counts.
    let mut statements = pack.statements().iter().filter(|statement| {
        statement.ids.iter().any(is_meant) && statement.is_about(packages, products)
    });
    if let Some(last) = statements.next_back() {
        return last.is_harmless.then(|| SetAside { by: Kind::Vex, reason: last.reason.clone() });
    }
    let says_no = |(record, _): &&(&Record, &Said)| record.status.contains(&Status::NotAffected);
    let (record, _) = group.iter().find(says_no)?;
    let reason = "the distribution says that this release does not have it".to_owned();
    Some(SetAside { by: record.kind, reason })
}

#[cfg(test)]
mod tests;
