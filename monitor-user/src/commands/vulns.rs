//! `runmon vulns`: which known vulnerabilities are in packages.

pub(super) mod installed;
mod report;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use monitor_vulns::{matcher::State, model::show_day, severity::Level};
use serde_json::{Value, json};

use super::{
    Usage,
    apart::Apart,
    data::{explain, hex, moment, open, shown},
    inventory::subjects,
    load_config,
    rules::table,
    running::{all, check_host, usage},
    say, show,
};
use crate::{
    cli::{VulnsArgs, VulnsFormat},
    config::Config,
    container::Container,
    limits::SBOM_BYTES,
    logging::count,
    vulns::{Finding, InUse, Report, Unplaced, sbom},
};
use installed::Before;
pub(super) use report::names;

/// Asks the pack about the packages of a list, or of what is installed here.
///
/// # Errors
///
/// The pack or the list cannot be used, or there is no such container.
pub fn run(args: &VulnsArgs) -> anyhow::Result<ExitCode> {
    match &args.sbom {
        Some(list) => of_list(args, list),
        None => of_host(args),
    }
}

fn of_host(args: &VulnsArgs) -> anyhow::Result<ExitCode> {
    check_host("looking for what is installed")?;
    let config = load_config(args.config.as_deref())?;
    let path = pack_path(args, Some(&config))?;
    let before = Before::open(&config, &path)?;
    let mut apart = Apart::begin(&config, installed::allowed(&config))?;
    let of = args.of.as_deref();
    let all = match of {
        Some(Container::HOST) => Vec::new(),
        _ => all(apart.sources, &config),
    };
    let scene = before.look_at(subjects(of, &all)?, &mut *apart.roots, &mut *apart.look)?;
    warn_of_age(scene.report.age_days, args.max_age);
    let is_told = |finding: &Finding, in_use: &InUse| {
        is_wanted(args, finding) && (!args.in_use || matches!(in_use, InUse::Seen(_)))
    };
    show(&match args.format {
        VulnsFormat::Text => report::text(&scene, &is_told),
        VulnsFormat::Json => report::json(&scene, &is_told, args.max_age),
    })?;
    let all = scene.roots.iter().flat_map(|root| &root.findings);
    let is_any = all.into_iter().any(|(it, in_use)| is_told(it, in_use) && it.counts());
    Ok(if is_any { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The pack that is named, or configured.
pub(super) fn pack_path(args: &VulnsArgs, config: Option<&Config>) -> anyhow::Result<PathBuf> {
    let configured = || config.and_then(|config| config.vulnerability_pack.clone());
    args.pack.clone().or_else(configured).ok_or_else(|| {
        let cure = "`runmon data build` makes one: name it with --pack, or as \
                    `vulnerability_pack` in the configuration";
        usage("no data about vulnerabilities are named", cure)
    })
}

pub(super) fn warn_of_age(days: i64, max_age: i64) {
    if days > max_age {
        say(&format!(
            "the data are {} old: what was found since is not in them; build the pack again",
            count(usize::try_from(days).unwrap_or_default(), "day")
        ));
    }
}

/// Whether a finding is asked for.
fn is_wanted(args: &VulnsArgs, finding: &Finding) -> bool {
    let level = args.severity.map_or(Level::Unknown, |wanted| wanted.level());
    (args.all || finding.counts() || finding.accepted.is_some())
        && (!args.only_fixed || finding.found.fixed.is_some())
        && finding.is_at_least(level)
}

fn of_list(args: &VulnsArgs, list: &Path) -> anyhow::Result<ExitCode> {
    let path = pack_path(args, None)?;
    let pack = open(&path)?;
    let list = read(list)?;
    let now = jiff::Timestamp::now().as_second();
    let report = Report::of(&pack, &list.packages, &list.products, now)
        .map_err(|error| explain(&path, &error))?;
    warn_of_age(report.pack.age_days, args.max_age);
    let told: Vec<&Finding> = report.findings.iter().filter(|it| is_wanted(args, it)).collect();
    let unplaced = by_reason(&list.unplaced);
    show(&match args.format {
        VulnsFormat::Text => as_text(&report, &told, &unplaced),
        VulnsFormat::Json => format!("{:#}\n", as_json(&report, &told, &unplaced, args.max_age)),
    })?;
    let is_any = told.iter().any(|finding| finding.counts());
    Ok(if is_any { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(path: &Path) -> anyhow::Result<sbom::Sbom> {
    let text = crate::input::read_text(path, SBOM_BYTES).map_err(|error| {
        let cure = crate::input::cure(&error);
        Usage(format!("cannot read {}: {error}\nhint: {cure}", path.display()))
    })?;
    let read = sbom::read(&text);
    read.map_err(|why| Usage(format!("{}: {}", path.display(), shown(&why))).into())
}

/// Names of components, by why nothing can be asked about them.
type ByReason<'n> = BTreeMap<Unplaced, Vec<&'n str>>;

fn by_reason(unplaced: &[(String, Unplaced)]) -> ByReason<'_> {
    let mut all = ByReason::new();
    for (name, why) in unplaced {
        all.entry(*why).or_default().push(name);
    }
    all
}

fn as_text(report: &Report, told: &[&Finding], unplaced: &ByReason<'_>) -> String {
    let mut text = String::new();
    if !told.is_empty() {
        let head = ["VULNERABILITY", "SEVERITY", "EXPLOITED", "PACKAGE", "VERSION", "FIXED IN", ""];
        let rows = told.iter().map(|finding| row(finding));
        text = table(std::iter::once(head.map(str::to_owned)).chain(rows).collect());
    }
    let exploited = told.iter().filter(|it| it.found.exploited.is_some()).count();
    let kept_back = report.findings.len() - told.len();
    text.push_str(&format!(
        "{} in {}, {exploited} known to be exploited; {kept_back} more not shown\n",
        vulnerabilities(told.len()),
        count(report.packages, "package"),
    ));
    for (coordinate, why) in report.unknown.iter().take(SHOWN) {
        text.push_str(&format!("not known: {}: {}\n", shown(&coordinate.name), shown(why)));
    }
    if let Some(more) = report.unknown.len().checked_sub(SHOWN + 1) {
        text.push_str(&format!("not known: {} more\n", more + 1));
    }
    for (why, names) in unplaced {
        let names_shown: Vec<String> = names.iter().take(5).map(|name| shown(name)).collect();
        let more = if names.len() > 5 { ", …" } else { "" };
        let (packages, why) = (count(names.len(), "component"), why.name());
        text.push_str(&format!(
            "not judged: {packages}, {why}: {}{more}\n",
            names_shown.join(", ")
        ));
    }
    let days = count(usize::try_from(report.pack.age_days).unwrap_or_default(), "day");
    text.push_str(&format!("data made on {}, {days} ago\n", moment(report.pack.made_on)));
    text
}

/// What was asked for and is not known, as far as it is shown to people; JSON has all.
const SHOWN: usize = 20;

fn vulnerabilities(number: usize) -> String {
    format!("{number} {}", if number == 1 { "vulnerability" } else { "vulnerabilities" })
}

pub(super) fn row(finding: &Finding) -> [String; 7] {
    let found = &finding.found;
    let score = found.severity.tenths.map_or(String::new(), |tenths| format!(" {}", score(tenths)));
    let exploited = match (&found.exploited, &found.likelihood) {
        (Some(exploited), _) => format!("since {}", show_day(exploited.added)),
        (None, Some(likely)) => format!("{}%", likely.score / 10_000),
        (None, None) => "-".to_owned(),
    };
    [
        shown(&found.id),
        format!("{}{score}", found.severity.level.name()),
        exploited,
        shown(&finding.coordinate.name),
        shown(&finding.coordinate.version),
        found.fixed.as_deref().map_or_else(|| "no fix".to_owned(), shown),
        note(finding),
    ]
}

fn score(tenths: u8) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What is to be said besides.
fn note(finding: &Finding) -> String {
    let found = &finding.found;
    let mut notes: Vec<String> = Vec::new();
    notes.extend(finding.accepted.as_deref().map(|why| format!("accepted: {}", shown(why))));
    if let State::Unknown(why) = &found.state {
        notes.push(format!("unknown: {}", shown(why)));
    }
    notes.extend(found.status.iter().map(|status| status.name().to_owned()));
    if let Some(aside) = &found.set_aside {
        notes.push(format!("set aside by {}: {}", aside.by.name(), shown(&aside.reason)));
    } else if !found.reason.is_empty() {
        notes.push(shown(&found.reason));
    }
    notes.join("; ")
}

fn as_json(report: &Report, told: &[&Finding], unplaced: &ByReason<'_>, max_age: i64) -> Value {
    let unknown = report.unknown.iter().map(|(it, why)| {
        json!({ "ecosystem": it.ecosystem, "name": it.name, "version": it.version, "why": why })
    });
    let unplaced = unplaced.iter().flat_map(|(why, names)| {
        names.iter().map(|name| json!({ "name": name, "why": why.name() }))
    });
    json!({
        "pack": {
            "made_on": moment(report.pack.made_on),
            "age_days": report.pack.age_days,
            "is_old": report.pack.age_days > max_age,
            "sha256": hex(&report.pack.sum),
        },
        "packages": report.packages,
        "not_shown": report.findings.len() - told.len(),
        "findings": told.iter().map(|finding| finding_json(finding)).collect::<Vec<_>>(),
        "unknown": unknown.collect::<Vec<_>>(),
        "not_judged": unplaced.collect::<Vec<_>>(),
    })
}

pub(super) fn finding_json(finding: &Finding) -> Value {
    let found = &finding.found;
    let installed =
        finding.installed.iter().map(|(name, version)| json!({ "name": name, "version": version }));
    let (state, why) = match &found.state {
        State::Affected => ("affected", None),
        State::Unknown(why) => ("unknown", Some(why)),
    };
    let exploited = found.exploited.map(|it| {
        let due = (it.due > 0).then(|| show_day(it.due));
        json!({ "added": show_day(it.added), "due": due, "ransomware": it.ransomware })
    });
    let millionths = |number: u32| f64::from(number) / 1e6;
    let likelihood = found.likelihood.map(
        |it| json!({ "score": millionths(it.score), "percentile": millionths(it.percentile) }),
    );
    let aside =
        found.set_aside.as_ref().map(|it| json!({ "by": it.by.name(), "reason": it.reason }));
    let tenths = found.severity.tenths.map(|tenths| f64::from(tenths) / 10.0);
    json!({
        "id": found.id,
        "ids": found.ids,
        "state": state,
        "why_unknown": why,
        "package": {
            "ecosystem": finding.coordinate.ecosystem,
            "name": finding.coordinate.name,
            "version": finding.coordinate.version,
        },
        "installed": installed.collect::<Vec<_>>(),
        "fixed": found.fixed,
        "fix": if found.fixed.is_some() { "fixed" } else { "no_fix" },
        "severity": {
            "level": found.severity.level.name(), "score": tenths,
            "vector": found.severity.vector, "from": found.severity_from,
        },
        "exploited": exploited,
        "epss": likelihood,
        "status": found.status.iter().map(|status| status.name()).collect::<Vec<_>>(),
        "reason": found.reason,
        "set_aside": aside,
        "accepted": finding.accepted,
        "sources": found.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "data_made_on": moment(finding.made_on),
    })
}
