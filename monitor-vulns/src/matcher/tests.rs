//! Against the records in `testdata/`, and against the second opinion that is kept beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use super::*;
use crate::{build::Builder, pack};

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn osv_files() -> Vec<Vec<u8>> {
    let files = fs::read_dir(testdata("osv")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn bytes(builder: Builder) -> Vec<u8> {
    pack::write(&builder.finish(0)).unwrap()
}

/// A pack of everything in `testdata/`.
fn all() -> Vec<u8> {
    let read = |name: &str| fs::read(testdata(name)).unwrap();
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "osv", "");
    osv_files().iter().for_each(|text| builder.osv(text).unwrap());
    builder.begin(Kind::DebianTracker, "tracker", "");
    builder.tracker(read("tracker.json").as_slice()).unwrap();
    builder.begin(Kind::Secdb, "secdb", "");
    builder.secdb(&read("secdb.json")).unwrap();
    builder.begin(Kind::Kev, "kev", "");
    builder.kev(&read("kev.json")).unwrap();
    builder.begin(Kind::Epss, "epss", "");
    builder.epss(read("epss.csv").as_slice()).unwrap();
    builder.begin(Kind::Vex, "vex", "");
    builder.vex(&read("vex.json")).unwrap();
    bytes(builder)
}

fn asked(pack: &[u8], ecosystem: &str, name: &str, version: &str) -> Answer {
    let pack = Pack::open(pack).unwrap();
    let package =
        Coordinate { ecosystem: ecosystem.into(), name: name.into(), version: version.into() };
    ask(&pack, &package, &[], &[]).unwrap()
}

fn found(answer: &Answer) -> Vec<(&str, Option<&str>)> {
    answer.matches.iter().map(|it| (it.id.as_str(), it.fixed.as_deref())).collect()
}

#[test]
fn a_second_opinion_says_the_same_of_every_pair() {
    let verdicts = fs::read_to_string(testdata("verdicts.tsv")).unwrap();
    let differences = fs::read_to_string(testdata("differences.tsv")).unwrap();
    let mut differences: BTreeSet<&str> = differences
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once('\t').unwrap().0)
        .collect();
    let mut packs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for text in osv_files() {
        let mut builder = Builder::default();
        builder.begin(Kind::Osv, "one", "");
        builder.osv(&text).unwrap();
        let id = crate::osv::read(&text).unwrap().id;
        packs.insert(id, bytes(builder));
    }
    let mut wrong = Vec::new();
    for line in verdicts.lines() {
        let [id, ecosystem, name, version, said] =
            <[&str; 5]>::try_from(line.split('\t').collect::<Vec<_>>()).unwrap();
        let answer = asked(&packs[id], ecosystem, name, version);
        let ours = match answer.matches.as_slice() {
            [] if answer.unknown.is_none() => "not-affected",
            [one, ..] if one.state == State::Affected => "affected",
            _ => "unknown",
        };
        let pair = line.rsplit_once('\t').unwrap().0;
        if (ours != said) != differences.remove(pair) {
            wrong.push(format!("{line}, and here {ours}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(differences, BTreeSet::new(), "these do not differ any more");
}

#[test]
fn a_vulnerability_is_told_once_with_all_its_ids() {
    let pack = all();
    let answer = asked(&pack, "PyPI", "JINJA2", "2.11.2");
    assert_eq!(found(&answer), [("CVE-2020-28493", Some("2.11.3"))]);
    let [it] = <[Match; 1]>::try_from(answer.matches).unwrap();
    let ids =
        ["CVE-2020-28493", "GHSA-g3rq-g295-4j3m", "PYSEC-2021-66", "SNYK-PYTHON-JINJA2-1012994"];
    assert_eq!(it.ids, ids);
    // PyPA does not say how bad it is; GitHub does.
    assert_eq!((it.severity.tenths, it.severity_from.as_str()), (Some(53), "GHSA-g3rq-g295-4j3m"));
    assert_eq!(found(&asked(&pack, "PyPI", "jinja2", "2.11.3")), []);
}

#[test]
fn an_advisory_about_several_is_an_id_of_each_and_joins_none() {
    let pack = all();
    let answer = asked(&pack, "Debian:12", "openssl", "3.0.17-1~deb12u2");
    let it = answer.matches.iter().find(|it| it.id == "CVE-2025-9230").unwrap();
    assert_eq!(it.ids, ["CVE-2025-9230", "DEBIAN-CVE-2025-9230", "DSA-90001-1"]);
    assert_eq!(it.kinds, [Kind::Osv, Kind::DebianTracker]);
    assert!(answer.matches.iter().any(|it| it.id == "CVE-2025-9232"));
}

#[test]
fn what_a_distribution_says_is_told() {
    let pack = all();
    let zlib = asked(&pack, "Debian:12", "zlib", "1:1.2.13.dfsg-1");
    assert_eq!(found(&zlib), [("CVE-2023-45853", None)]);
    assert_eq!(zlib.matches[0].status, [Status::NoDsa]);
    assert!(zlib.matches[0].reason.contains("minizip"), "{}", zlib.matches[0].reason);
    let glibc = asked(&pack, "Debian:12", "glibc", "2.36-9+deb12u14");
    assert_eq!(found(&glibc), [("CVE-2010-4756", None), ("TEMP-0000000-AAAAAA", None)]);
    assert_eq!(glibc.matches[0].status, [Status::Unimportant]);
    assert!(matches!(glibc.matches[1].state, State::Unknown(_)));
    let old = asked(&pack, "Debian:11", "openssl", "1.1.1w-0+deb11u1");
    assert_eq!(old.matches[0].status, [Status::EndOfLife]);
    // OSV has it for the release and the tracker says that the release has it not.
    let openssl = asked(&pack, "Debian:12", "openssl", "3.0.19-1~deb12u1");
    let it = openssl.matches.iter().find(|it| it.id == "CVE-2026-31789").unwrap();
    assert_eq!(it.set_aside.as_ref().unwrap().by, Kind::DebianTracker);
}

#[test]
fn facts_about_a_vulnerability_come_from_any_source() {
    let pack = all();
    let answer = asked(&pack, "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1");
    let it = &answer.matches[0];
    assert_eq!((it.exploited.unwrap().added, it.likelihood.unwrap().score), (20_230_501, 943_340));
    let git = asked(&pack, "Debian:12", "git", "1:2.39.5-0+deb12u2");
    assert!(git.matches[0].exploited.is_some());
}

#[test]
fn what_cannot_be_compared_is_unknown() {
    let pack = all();
    let answer = asked(&pack, "Go", "golang.org/x/net", "(devel)");
    assert_eq!(answer.unknown.as_deref(), Some("`(devel)` is no version of Go"));
    assert!(answer.matches.iter().all(|it| matches!(it.state, State::Unknown(_))));
    assert_eq!(answer.matches.len(), 2);
    let answer = asked(&pack, "NuGet", "a", "1");
    assert_eq!(answer.unknown.as_deref(), Some("the pack has nothing of NuGet"));
    // Of an order that is not known, what is listed is.
    let listed = asked(&pack, "RubyGems", "rack", "2.2.2");
    assert_eq!(listed.matches[0].state, State::Affected);
    let other = asked(&pack, "RubyGems", "rack", "2.2.0");
    assert!(matches!(other.matches[0].state, State::Unknown(_)));
}

#[test]
fn a_statement_sets_aside_where_it_applies() {
    let bytes = all();
    let pack = Pack::open(bytes.as_slice()).unwrap();
    let purl = |text| Purl::parse(text).unwrap();
    let package = |ecosystem: &str, name: &str, version: &str| Coordinate {
        ecosystem: ecosystem.into(),
        name: name.into(),
        version: version.into(),
    };
    let libc = package("Debian:12", "glibc", "2.36-9+deb12u9");
    let named = [purl("pkg:deb/debian/glibc@2.36-9+deb12u9")];
    let aside = |matches: &[Match], id: &str| {
        let it = matches.iter().find(|it| it.id == id).unwrap();
        it.set_aside.as_ref().map(|it| it.reason.clone())
    };
    let answer = ask(&pack, &libc, &named, &[]).unwrap();
    let reason = "not_affected: vulnerable_code_not_in_execute_path (by Example)";
    assert_eq!(aside(&answer.matches, "CVE-2025-0395").as_deref(), Some(reason));
    assert_eq!(aside(&answer.matches, "CVE-2025-4802"), None);
    // Only in the image that it names.
    let lodash = package("npm", "lodash", "4.17.20");
    let named = [purl("pkg:npm/lodash@4.17.20")];
    let image = [purl("pkg:oci/web@sha256:1")];
    assert_eq!(aside(&ask(&pack, &lodash, &named, &[]).unwrap().matches, "CVE-2021-23337"), None);
    let there = ask(&pack, &lodash, &named, &image).unwrap();
    assert!(aside(&there.matches, "CVE-2021-23337").is_some());
}

#[test]
fn releases_of_go_and_names_of_alpine_are_found() {
    let pack = all();
    let fixed = |version| asked(&pack, "Go", "stdlib", version).matches.len();
    assert_eq!(
        [fixed("go1.20.9"), fixed("go1.20.10"), fixed("go1.21rc2"), fixed("go1.21.3")],
        [2, 0, 2, 0]
    );
    let alpine = asked(&pack, "Alpine:v3.18", "openssl", "3.1.0-r1");
    assert_eq!(found(&alpine), [("CVE-2023-0465", Some("3.1.0-r2"))]);
}
