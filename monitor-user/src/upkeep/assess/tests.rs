use monitor_inventory::lifecycle::{Date, Table, Tier};
use monitor_rules::Priority;
use monitor_vulns::{matcher::Match, model::Exploited, severity::Severity};

use super::*;
use crate::usage::How;

fn coordinate(name: &str) -> Coordinate {
    Coordinate { ecosystem: "Debian:12".into(), name: name.into(), version: "1.0-1".into() }
}

fn found(id: &str, tenths: u8, fixed: Option<&str>) -> Match {
    Match {
        id: id.to_owned(),
        ids: vec![id.to_owned()],
        state: State::Affected,
        fixed: fixed.map(str::to_owned),
        severity: Severity {
            tenths: Some(tenths),
            vector: String::new(),
            level: if tenths >= 90 { Level::Critical } else { Level::High },
        },
        severity_from: String::new(),
        exploited: None,
        likelihood: None,
        status: Vec::new(),
        reason: String::new(),
        set_aside: None,
        kinds: Vec::new(),
    }
}

fn finding(name: &str, found: Match) -> Finding {
    let installed = vec![(format!("{name}-bin"), "1.0-1".to_owned())];
    Finding { coordinate: coordinate(name), installed, found, made_on: 5, accepted: None }
}

fn used() -> InUse {
    InUse::Seen(Used { how: How::Mapped, first_ns: 0, last_ns: 1_000_000_000, by_root: true })
}

fn unknown() -> InUse {
    InUse::Unknown("watched for 5 s".to_owned())
}

fn judged(findings: Vec<(Finding, InUse)>) -> Judged {
    Judged { findings, ..Judged::default() }
}

/// Of a host one program that listens does not raise what others use.
#[test]
fn what_a_listening_program_uses_matters_more_than_what_others_use() {
    let mut all = judged(vec![
        (finding("openssl", found("CVE-1", 71, Some("2"))), used()),
        (finding("bash", found("CVE-2", 71, Some("2"))), used()),
    ]);
    all.exposed.insert(coordinate("openssl"), ["22/tcp".to_owned()].into());
    let told = packages(&all, &Around::default());
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.vulnerable.as_ref().unwrap(), it.priority))
        .map(|(it, priority)| (&*it.package, it.exposed.join(" "), priority))
        .collect();
    let expected = [("openssl", "22/tcp", Priority::Error), ("bash", "", Priority::Warning)];
    assert_eq!(told, expected.map(|(name, at, priority)| (name, at.to_owned(), priority)));
}

#[test]
fn a_package_is_one_with_all_its_vulnerabilities_the_gravest_first() {
    let exploited = Match {
        exploited: Some(Exploited { added: 20_240_530, due: 0, ransomware: false }),
        ..found("CVE-2", 70, Some("1.0-9"))
    };
    let all = judged(vec![
        (finding("a", found("CVE-1", 98, Some("1.0-10"))), used()),
        (finding("a", exploited), used()),
        (finding("a", found("CVE-3", 71, None)), used()),
        (finding("b", found("CVE-4", 98, None)), unknown()),
    ]);
    let around = Around { exposed: vec!["443/tcp".into()], ..Around::default() };
    let told = packages(&all, &around);
    let texts: Vec<&str> = told.iter().map(|it| &*it.text).collect();
    assert_eq!(
        texts,
        [
            "a 1.0-1: CVE-2 (high) and 2 more, known to be exploited since 2024-05-30; in use \
             (mapped), by who listens at 443/tcp; fixed in 1.0-10",
            "b 1.0-1: CVE-4 (critical); whether it is in use is not known; there is no fix yet",
        ]
    );
    assert_eq!([told[0].priority, told[1].priority], [Priority::Critical, Priority::Notice]);
    let a = told[0].vulnerable.as_ref().unwrap();
    let ids: Vec<&str> = a.vulnerabilities.iter().map(|it| &*it.id).collect();
    assert_eq!((ids, a.more), (vec!["CVE-2", "CVE-1", "CVE-3"], 0));
    assert_eq!(a.installed, [("a-bin".to_owned(), "1.0-1".to_owned())]);
    // Who does not use it is not reached by it.
    assert!(told[1].vulnerable.as_ref().unwrap().exposed.is_empty());
    assert_eq!(told[1].evidence, [("use_unknown", "watched for 5 s".to_owned())]);
}

#[test]
fn what_is_set_aside_or_not_certain_is_not_told() {
    let aside = Match {
        set_aside: Some(monitor_vulns::matcher::SetAside {
            by: monitor_vulns::model::Kind::Vex,
            reason: "not there".into(),
        }),
        ..found("CVE-1", 98, None)
    };
    let doubtful = Match { state: State::Unknown("no order".into()), ..found("CVE-2", 98, None) };
    let all = judged(vec![(finding("a", aside), used()), (finding("b", doubtful), used())]);
    assert_eq!(packages(&all, &Around::default()), []);
    assert_eq!(upgrade(&all, &[]), (Upgrade::default(), None));
}

#[test]
fn over_the_bound_vulnerabilities_are_counted() {
    let many = (0..TOLD_VULNERABILITIES + 3)
        .map(|it| (finding("linux", found(&format!("CVE-{it}"), 70, Some("2"))), used()));
    let all = judged(many.collect());
    let told = packages(&all, &Around::default());
    let linux = told[0].vulnerable.as_ref().unwrap();
    assert_eq!((linux.vulnerabilities.len(), linux.more), (TOLD_VULNERABILITIES, 3));
    // What an upgrade mends is counted in full.
    assert_eq!(upgrade(&all, &told).0.vulnerabilities, TOLD_VULNERABILITIES as u64 + 3);
}

#[test]
fn an_upgrade_mends_what_has_a_fix_and_is_of_the_system() {
    let mut of_language = finding("stdlib", found("CVE-5", 98, Some("1.26")));
    of_language.coordinate.ecosystem = "Go".to_owned();
    let all = judged(vec![
        (finding("a", found("CVE-1", 98, Some("1.1"))), used()),
        (finding("a", found("CVE-2", 70, None)), used()),
        (finding("b", found("CVE-3", 70, Some("3"))), unknown()),
        (finding("c", found("CVE-4", 70, None)), used()),
        (of_language, used()),
    ]);
    let told = packages(&all, &Around::default());
    let (sum, observation) = upgrade(&all, &told);
    let expected = Upgrade { packages: 2, vulnerabilities: 2, exploited: 0, in_use: 1 };
    assert_eq!(sum, expected);
    let observation = observation.unwrap();
    assert_eq!(
        observation.text,
        "2 packages can be updated; 2 vulnerabilities would be gone, 0 of them known to be \
         exploited: a 1.1, b 3"
    );
    assert_eq!(observation.priority, Priority::Error);
}

#[test]
fn a_lesser_support_is_told_by_another_check_than_none() {
    let verdict = |id: &str, version: &str| {
        let os = monitor_inventory::OsRelease {
            id: id.into(),
            version: Some(version.into()),
            ..monitor_inventory::OsRelease::default()
        };
        Table::embedded().os(&os, Date::parse("2026-11-30").unwrap(), Tier::Lts)
    };
    let told = |id: &str, version: &str| {
        system(&verdict(id, version), &Around::default()).map(|it| it.check.id)
    };
    assert_eq!(told("debian", "10"), Some("upkeep.system_support"));
    assert_eq!(told("debian", "12"), Some("upkeep.system_lts"));
    assert_eq!(told("debian", "13"), None);
    assert_eq!(told("scratch", "1"), None);
}

#[test]
fn what_is_accepted_is_neither_told_nor_weighed() {
    use crate::{
        container::Container,
        posture::accepted::Exception,
        upkeep::accepted::{Accepted, holding, mark, take},
    };
    let judged = || {
        judged(vec![
            (finding("a", found("CVE-1", 98, Some("2"))), used()),
            (finding("a", found("CVE-2", 70, Some("1"))), used()),
            (finding("b", found("CVE-3", 98, None)), used()),
        ])
    };
    let of = Exception { check: None, image: None, reason: "why".into(), until: Some(9) };
    let with = |check: Option<&str>, package: Option<&str>, vulnerability: Option<&str>| Accepted {
        of: Exception { check: check.map(Box::from), ..of.clone() },
        package: package.map(Box::from),
        vulnerability: vulnerability.map(Box::from),
    };
    let seen = |accepted: &Accepted, now_s: i64| {
        let mut judged = judged();
        let all = std::slice::from_ref(accepted);
        mark(&mut judged, &holding(all, &[], now_s));
        let told = packages(&judged, &Around::default());
        let told = told.into_iter().map(|it| (it.part, it.priority)).collect::<Vec<_>>();
        (told, super::accepted(&judged).into_iter().map(|it| it.1).collect::<Vec<_>>())
    };
    let [a, b] = ["a", "b"].map(|name| format!("Debian:12/{name}@1.0-1"));
    let (all, none) = seen(&with(Some("upkeep.system_lts"), None, None), 1);
    assert_eq!((all.len(), none.len()), (2, 0));
    // The graver one is left out of what the package is graded by.
    let (told, gone) = seen(&with(None, None, Some("cve-1")), 1);
    let of_a = |told: &[(String, Priority)]| told.iter().find(|it| it.0 == a).unwrap().1;
    assert!(of_a(&told) > of_a(&all), "{told:?}");
    assert!(gone.is_empty());
    for package in ["a", "a-bin"] {
        let (told, gone) = seen(&with(None, Some(package), None), 1);
        assert_eq!((told.len(), &told[0].0, gone), (1, &b, vec![a.clone()]));
    }
    assert_eq!(seen(&with(None, Some("a"), None), 10).0.len(), 2, "it has ended");
    assert_eq!(seen(&with(Some("upkeep.pack*"), None, None), 1).1, [a, b]);
    // It is of the images that it names only, and of all who have one.
    let image = crate::images::Except::parse("nginx:*").unwrap();
    let of = Exception { image: Some(image), ..of.clone() };
    let of_image = [Accepted { of, ..with(None, None, None) }];
    let named = |name: &str| {
        use crate::fact::{Fact, FactSource, Reason};
        let image = Fact::Known(name.into(), FactSource::File);
        std::sync::Arc::new(Container { image, ..Container::unknown("/x", Reason::Pending) })
    };
    let (nginx, other) = (named("nginx:1"), named("redis:7"));
    assert_eq!(holding(&of_image, &[std::sync::Arc::clone(&nginx)], 1).len(), 1);
    assert_eq!(holding(&of_image, &[nginx, other], 1).len(), 0);
    assert_eq!(holding(&of_image, &[], 1).len(), 0, "the host has no image");
    // What is about one package accepts nothing else.
    let mut observations = vec![Observation::of(&checks::SYSTEM, "x".into(), Vec::new())];
    let narrow = with(None, Some("a"), None);
    assert!(take(&mut observations, &[&narrow]).is_empty());
    let wide = with(Some("upkeep.system*"), None, None);
    assert_eq!(take(&mut observations, &[&wide]), [("upkeep.system_support", String::new())]);
    assert!(observations.is_empty());
}
