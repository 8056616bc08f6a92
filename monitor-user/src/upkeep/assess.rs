//! What is to be told of what is installed in a root.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use monitor_inventory::{
    Inventory,
    lifecycle::{State as Support, Verdict},
};
use monitor_vulns::{
    matcher::{Coordinate, State},
    model::show_day,
    severity::Level,
};

use super::{
    checks,
    grade::{Weight, grade},
};
use crate::{
    limits::{TOLD_PATHS, TOLD_VULNERABILITIES},
    logging::count,
    state::{Observation, Vulnerability, Vulnerable},
    support::{runtimes::Runtime, words},
    usage::Used,
    vulns::{Finding, InUse, Judged, is_later},
};

/// Packages that the finding about updates of the host names.
const NAMED: usize = 5;

/// What bears on all packages of a root.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// Where the container listens for others. Of the host it is known of each package.
    pub(super) exposed: Vec<String>,
    /// The system gets no more updates.
    pub(super) is_out_of_support: bool,
    /// What is told besides: who has them.
    pub(super) evidence: Vec<(&'static str, String)>,
    /// Where packages of languages are, by name and version.
    pub(super) paths: HashMap<(String, String), Vec<String>>,
}

impl Around {
    /// Takes in where packages of languages are.
    pub(super) fn with_paths(mut self, inventory: &Inventory) -> Self {
        for it in inventory.packages.iter().filter(|it| !it.kind.is_of_os()) {
            let key = (it.name.to_string(), it.version.to_string());
            let paths = self.paths.entry(key).or_default();
            if paths.len() < TOLD_PATHS {
                paths.push(it.path.to_string());
            }
        }
        self
    }
}

/// Where these are, some of it.
fn paths(installed: &[(String, String)], around: &Around) -> Vec<String> {
    let all = installed.iter().filter_map(|it| around.paths.get(it)).flatten();
    let all: BTreeSet<&String> = all.collect();
    all.into_iter().take(TOLD_PATHS).cloned().collect()
}

/// The packages with known vulnerabilities, those that matter most first.
pub(super) fn packages(judged: &Judged, around: &Around) -> Vec<Observation> {
    let mut of: BTreeMap<&Coordinate, Vec<&(Finding, InUse)>> = BTreeMap::new();
    let counts = |it: &&(Finding, InUse)| it.0.counts() && it.0.found.state == State::Affected;
    for it in judged.findings.iter().filter(counts) {
        of.entry(&it.0.coordinate).or_default().push(it);
    }
    let exposed = |coordinate: &Coordinate| -> Vec<String> {
        let own = judged.exposed.get(coordinate).into_iter().flatten();
        around.exposed.iter().chain(own).cloned().collect()
    };
    let one = |(coordinate, found): (&Coordinate, Vec<&(Finding, InUse)>)| {
        package(coordinate, &found, exposed(coordinate), around)
    };
    let mut all: Vec<Observation> = of.into_iter().map(one).collect();
    all.sort_by_key(|it| it.priority);
    all
}

/// The packages that are told of no more, since all that is known of them is accepted.
pub(super) fn accepted(judged: &Judged) -> Vec<(&'static str, String)> {
    let is_affected = |it: &&(Finding, InUse)| it.0.found.state == State::Affected;
    let all = || judged.findings.iter().filter(is_affected);
    let told: BTreeSet<&Coordinate> =
        all().filter(|it| it.0.counts()).map(|it| &it.0.coordinate).collect();
    let accepted = all().filter(|it| it.0.accepted.is_some()).map(|it| &it.0.coordinate);
    let accepted: BTreeSet<&Coordinate> = accepted.filter(|it| !told.contains(it)).collect();
    accepted.into_iter().map(|it| (checks::PACKAGE.id, part(it))).collect()
}

/// What tells a package from others in one root.
fn part(coordinate: &Coordinate) -> String {
    format!("{}/{}@{}", coordinate.ecosystem, coordinate.name, coordinate.version)
}

fn package(
    coordinate: &Coordinate,
    found: &[&(Finding, InUse)],
    exposed: Vec<String>,
    around: &Around,
) -> Observation {
    let mut sorted: Vec<&(Finding, InUse)> = found.to_vec();
    sorted.sort_by_key(|(finding, _)| {
        let it = &finding.found;
        let grave = (it.exploited.is_some(), it.severity.level, it.severity.tenths);
        (Reverse(grave), it.id.clone())
    });
    let use_of = found.iter().map(|(_, in_use)| in_use).min_by_key(|it| it.rank());
    let in_use = match use_of {
        Some(InUse::Seen(_)) => Some(true),
        Some(InUse::NotObserved) => Some(false),
        Some(InUse::Unknown(_)) | None => None,
    };
    let level = found.iter().map(|(it, _)| it.found.severity.level).max();
    let fixed = last_fix(coordinate, found);
    let exposed = if in_use == Some(true) { exposed } else { Vec::new() };
    let priority = grade(Weight {
        level: level.unwrap_or(Level::Unknown),
        is_exploited: found.iter().any(|(it, _)| it.found.exploited.is_some()),
        in_use,
        is_exposed: !exposed.is_empty(),
        has_fix: fixed.is_some(),
        is_out_of_support: around.is_out_of_support,
    });
    let mut installed: Vec<(String, String)> =
        found.iter().flat_map(|(it, _)| it.installed.clone()).collect();
    installed.sort();
    installed.dedup();
    let vulnerable = Vulnerable {
        package: coordinate.name.clone(),
        version: coordinate.version.clone(),
        ecosystem: coordinate.ecosystem.clone(),
        paths: paths(&installed, around),
        installed,
        fixed,
        in_use: use_of.map_or("unknown", InUse::name),
        exposed,
        vulnerabilities: sorted.iter().take(TOLD_VULNERABILITIES).map(|(it, _)| one(it)).collect(),
        more: sorted.len().saturating_sub(TOLD_VULNERABILITIES),
        data_made_on: found.first().map_or(0, |(it, _)| it.made_on),
    };
    let mut evidence = around.evidence.clone();
    evidence.extend(use_of.into_iter().flat_map(use_evidence));
    Observation {
        check: &checks::PACKAGE,
        part: part(coordinate),
        priority,
        text: text(&vulnerable),
        evidence,
        vulnerable: Some(Arc::new(vulnerable)),
    }
}

/// The version that mends all that can be mended.
fn last_fix(coordinate: &Coordinate, found: &[&(Finding, InUse)]) -> Option<String> {
    let fixes = found.iter().filter_map(|(it, _)| it.found.fixed.as_ref());
    let later = |known: &String, it: &String| is_later(&coordinate.ecosystem, it, known);
    fixes.cloned().reduce(|known, it| if later(&known, &it) { it } else { known })
}

fn one(finding: &Finding) -> Vulnerability {
    let it = &finding.found;
    Vulnerability {
        id: it.id.clone(),
        severity: it.severity.level.name(),
        tenths: it.severity.tenths,
        vector: it.severity.vector.clone(),
        fixed: it.fixed.clone(),
        exploited: it.exploited.map(|it| show_day(it.added)),
        likelihood: it.likelihood.map(|it| it.score),
    }
}

/// What shows how a package is used.
fn use_evidence(in_use: &InUse) -> Vec<(&'static str, String)> {
    let time = |ns: i64| {
        let time = jiff::Timestamp::from_second(ns.div_euclid(1_000_000_000));
        time.map(|it| it.to_string()).unwrap_or_default()
    };
    match in_use {
        InUse::Seen(Used { first_ns, last_ns, by_root, .. }) => vec![
            ("used_first", time(*first_ns)),
            ("used_last", time(*last_ns)),
            ("used_by_root", by_root.to_string()),
        ],
        InUse::Unknown(why) => vec![("use_unknown", why.clone())],
        InUse::NotObserved => Vec::new(),
    }
}

fn text(it: &Vulnerable) -> String {
    let mut text = format!("{} {}", it.package, it.version);
    if let Some(worst) = it.vulnerabilities.first() {
        text.push_str(&format!(": {} ({})", worst.id, worst.severity));
    }
    let more = (it.vulnerabilities.len() + it.more).saturating_sub(1);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    if let Some(since) = it.vulnerabilities.iter().find_map(|it| it.exploited.as_deref()) {
        text.push_str(&format!(", known to be exploited since {since}"));
    }
    text.push_str(&match it.in_use {
        "unknown" => "; whether it is in use is not known".to_owned(),
        "not observed" => "; not seen in use".to_owned(),
        how => format!("; in use ({how})"),
    });
    if !it.exposed.is_empty() {
        text.push_str(&format!(", by who listens at {}", it.exposed.join(", ")));
    }
    match &it.fixed {
        Some(fixed) => text.push_str(&format!("; fixed in {fixed}")),
        None => text.push_str("; there is no fix yet"),
    }
    text
}

/// What of the host has an update that mends something, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Packages.
    pub packages: u64,
    /// Vulnerabilities that would be gone.
    pub vulnerabilities: u64,
    /// Those of them that are known to be exploited.
    pub exploited: u64,
    /// Packages that are in use.
    pub in_use: u64,
}

/// What upgrading the host would mend, and what is to be told of that.
pub(super) fn upgrade(judged: &Judged, told: &[Observation]) -> (Upgrade, Option<Observation>) {
    // What a package manager of the host does not know, it does not update.
    let is_mended = |(finding, _): &&(Finding, InUse)| {
        let is_affected = finding.counts() && finding.found.state == State::Affected;
        is_affected && finding.found.fixed.is_some() && is_of_system(&finding.coordinate.ecosystem)
    };
    let mended: Vec<&(Finding, InUse)> = judged.findings.iter().filter(is_mended).collect();
    let is_exploited = |it: &&&(Finding, InUse)| it.0.found.exploited.is_some();
    let is_used = |it: &&&(Finding, InUse)| matches!(it.1, InUse::Seen(_));
    let packages = |all: &mut dyn Iterator<Item = &&(Finding, InUse)>| {
        all.map(|it| &it.0.coordinate).collect::<BTreeSet<_>>().len() as u64
    };
    let sum = Upgrade {
        packages: packages(&mut mended.iter()),
        vulnerabilities: mended.len() as u64,
        exploited: mended.iter().filter(is_exploited).count() as u64,
        in_use: packages(&mut mended.iter().filter(is_used)),
    };
    // The gravest come first, in this order.
    let with_fix = told.iter().filter_map(|it| Some((it, it.vulnerable.as_ref()?)));
    let with_fix = with_fix.filter(|(_, of)| is_of_system(&of.ecosystem));
    let with_fix = with_fix.filter_map(|(it, of)| Some((it.priority, of, of.fixed.as_ref()?)));
    let names: Vec<String> =
        with_fix.clone().map(|(_, of, fixed)| format!("{} {fixed}", of.package)).collect();
    let Some(priority) = with_fix.map(|(priority, ..)| priority).min() else { return (sum, None) };
    let number = |it: u64, of: &str| count(usize::try_from(it).unwrap_or(usize::MAX), of);
    let gone = match sum.vulnerabilities {
        1 => "1 vulnerability".to_owned(),
        many => format!("{many} vulnerabilities"),
    };
    let mut text = format!(
        "{} can be updated; {gone} would be gone, {} of them known to be exploited: {}",
        number(sum.packages, "package"),
        sum.exploited,
        names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", "),
    );
    if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!(", and {more} more"));
    }
    let evidence = vec![("packages_in_use", sum.in_use.to_string())];
    let observation = Observation::of(&checks::HOST_UPDATES, text, evidence);
    (sum, Some(Observation { priority, ..observation }))
}

/// Whether packages of an ecosystem are those of an operating system: OSV names these with a
/// release.
fn is_of_system(ecosystem: &str) -> bool {
    ecosystem.contains(':')
}

/// What is to be told of the support of a system.
pub(super) fn system(verdict: &Verdict, around: &Around) -> Option<Observation> {
    let check = match verdict.state {
        Support::Eol => &checks::SYSTEM,
        Support::LtsOnly => &checks::SYSTEM_LTS,
        Support::Supported | Support::Unknown | Support::Rolling => return None,
    };
    let text = format!("{}: {}", verdict.about, words(verdict));
    let mut evidence = around.evidence.clone();
    evidence.push(("source", verdict.source.to_string()));
    Some(Observation::of(check, text, evidence))
}

/// What is to be told of programs that run containers.
pub(super) fn runtimes(runtimes: &[Runtime]) -> Vec<Observation> {
    let one = |it: &Runtime| {
        let verdict = &it.upstream;
        // A distribution supports its own packages for longer than their makers do.
        let is_over = verdict.state == Support::Eol && it.package.is_none();
        is_over.then(|| {
            let text = format!("{} {}: {}", it.name, it.version, words(verdict));
            let evidence = vec![("path", it.path.clone()), ("source", verdict.source.to_string())];
            let observation = Observation::of(&checks::RUNTIME, text, evidence);
            Observation { part: it.name.clone(), ..observation }
        })
    };
    runtimes.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests;
