//! What tables say, and what annotations are.

use super::*;
use crate::os_release::{self, OsRelease};

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn os(text: &str) -> OsRelease {
    os_release::parse(text.as_bytes()).unwrap()
}

#[test]
fn debian_12_is_of_long_support_only_from_july_2026_on() {
    let table = Table::embedded();
    let bookworm = os("ID=debian\nVERSION_ID=\"12\"\n");
    let state = |today: &str, tier: Tier| table.os(&bookworm, day(today), tier).state;
    assert_eq!(state("2026-07-11", Tier::Standard), State::Supported, "the last day counts");
    assert_eq!(state("2026-07-12", Tier::Standard), State::Eol);
    assert_eq!(state("2026-07-12", Tier::Lts), State::LtsOnly);
    assert_eq!(state("2028-07-01", Tier::Lts), State::Eol);
    assert_eq!(state("2028-07-01", Tier::Extended), State::LtsOnly);
    let verdict = table.os(&bookworm, day("2026-11-29"), Tier::Lts);
    assert_eq!(verdict.until, Some(day("2028-06-30")));
    assert_eq!((&*verdict.about, verdict.tier), ("debian 12", Some(Tier::Lts)));
    assert!(verdict.source.contains("distro-info"));
    let buster = os("ID=debian\nVERSION_ID=\"10\"\n");
    let verdict = table.os(&buster, day("2026-11-29"), Tier::Lts);
    assert_eq!((verdict.state, verdict.until), (State::Eol, Some(day("2024-06-30"))));
}

#[test]
fn each_system_is_found_by_what_it_says() {
    let table = Table::embedded();
    #[track_caller]
    fn check(table: &Table, text: &str, state: State) {
        let verdict = table.os(&os(text), day("2026-11-29"), Tier::Lts);
        assert_eq!(verdict.state, state, "{text}");
    }
    for (text, state) in [
        ("ID=alpine\nVERSION_ID=3.20.3", State::Eol),
        ("ID=alpine\nVERSION_ID=3.22.1", State::Supported),
        ("ID=ubuntu\nVERSION_ID=\"20.04\"", State::Eol),
        ("ID=ubuntu\nVERSION_ID=\"24.04\"", State::Supported),
        ("ID=\"rocky\"\nVERSION_ID=\"9.3\"", State::Supported),
        ("ID=\"rocky\"\nVERSION_ID=\"10.1\"", State::Supported),
        ("ID=\"rhel\"\nVERSION_ID=\"10.0\"", State::Supported),
        ("ID=\"sles\"\nVERSION_ID=\"15.6\"", State::Eol),
        ("ID=\"sles\"\nVERSION_ID=\"15.7\"", State::Supported),
        ("ID=\"centos\"\nVERSION_ID=\"8\"\nPRETTY_NAME=\"CentOS Stream 8\"", State::Eol),
        ("ID=\"centos\"\nVERSION_ID=\"9\"\nPRETTY_NAME=\"CentOS Stream 9\"", State::Supported),
        ("ID=\"amzn\"\nVERSION_ID=\"2\"", State::Eol),
        ("ID=fedora\nVERSION_ID=42", State::Eol),
        ("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux forky/sid\"", State::Rolling),
        ("ID=wolfi\nVERSION_ID=20230201", State::Rolling),
        ("ID=debian", State::Unknown),
        ("ID=mine\nVERSION_ID=1\nID_LIKE=debian", State::Unknown),
        ("ID=mine\nVERSION_ID=1\nSUPPORT_END=2027-01-01", State::Supported),
        ("ID=mine\nVERSION_ID=1\nSUPPORT_END=2026-01-01", State::Eol),
        ("ID=mine\nVERSION_ID=1\nSUPPORT_END=soon", State::Unknown),
    ] {
        check(&table, text, state);
    }
}

#[test]
fn products_are_found_by_the_release_with_the_most_numbers() {
    let table = Table::embedded();
    let verdict = |product: &str, version: &str| {
        table.product(product, version, day("2026-11-29"), Tier::Lts)
    };
    assert_eq!(verdict("kubernetes", "v1.30.2").state, State::Eol);
    assert_eq!(verdict("go", "1.24.9").state, State::Eol);
    assert_eq!(verdict("go", "1.25.1").until, Some(day("2026-08-31")));
    assert_eq!(verdict("go", "1.27.3").state, State::Supported);
    assert_eq!(verdict("runc", "1.4.0").state, State::Unknown);
    assert_eq!(&*verdict("kubernetes", "v1.35.0-rc.1").about, "kubernetes 1.35");
    assert_eq!(verdict("docker", "20.10.24+dfsg1").state, State::Eol);
    assert_eq!(verdict("go", "go1.99").state, State::Unknown);
    assert_eq!(verdict("node", "22.1.0").state, State::Supported);
    for version in ["", "v", "...", "devel", "999999999999999999999"] {
        assert_eq!(verdict("runc", version).state, State::Unknown, "{version}");
    }
}

/// A newer table of the host counts, an older one does not.
#[test]
fn the_newer_source_counts() {
    let csv = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
               12,Bookworm,bookworm,2021-08-14,2023-06-10,2027-01-01\n\n,Sid,sid,1993-08-16\n";
    let bookworm = os("ID=debian\nVERSION_ID=\"12\"\n");
    let until = |as_of: &str| {
        let mut table = Table::embedded();
        table.take_distro_info("debian", csv, day(as_of));
        table.os(&bookworm, day("2026-07-01"), Tier::Lts).until
    };
    assert_eq!(until("2025-01-01"), Some(day("2026-07-11")));
    assert_eq!(until("2027-01-01"), Some(day("2027-01-01")));
}

#[test]
fn the_table_that_is_built_in_is_whole() {
    let text = include_str!("../../data/lifecycle.csv");
    let table = Table::parse(text).unwrap();
    assert!(table.as_of() >= day("2026-11-29"));
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert!(rows > 150, "{rows}");
    assert_eq!(Table::parse("x,1,2020-01-01,,,s"), Err(TableError::NoDay));
    for row in ["x", "x,1,,,,s", "x,1,2020-13-01,,,s", "x,1,2020-01-01,,,", "x,1,2020-01-01,s"] {
        let text = format!("# as of 2026-01-01\n{row}\n");
        assert_eq!(Table::parse(&text), Err(TableError::Row { line: 2 }), "{row}");
    }
}

#[test]
fn annotations_are_days_moments_or_unknown() {
    let at = |text: &str| match annotated(text) {
        Annotated::Date(date) => date.to_string(),
        Annotated::Unknown(text) => format!("unknown: {text}"),
    };
    assert_eq!(at("2026-01-31"), "2026-01-31");
    assert_eq!(at(" 2026-01-31T00:00:00Z "), "2026-01-31");
    assert_eq!(at("2023-05-12T21:15:10.8343521Z"), "2023-05-12");
    assert_eq!(at("2023-05-12T21:15:10.123456789Z"), "2023-05-12");
    assert_eq!(at("2023-05-12T23:30:00-02:00"), "2023-05-13");
    for text in [
        "",
        "31.01.2026",
        "1/31/2026",
        "2026-02-30",
        "2026-1-1",
        "2023-05-12T21:15:10.1234567890Z",
        "2023-05-12T21:15:10",
        "2026-01-31 00:00:00Z",
        "+002026-01-31",
    ] {
        assert_eq!(at(text), format!("unknown: {text}"));
    }
}

#[test]
fn digests_have_days() {
    let digest = |byte: &str| format!("sha256:{}", byte.repeat(32));
    let text = format!("# x\n{} 2026-01-31\n\n{},never\n", digest("0a"), digest("0b"));
    let map = DateMap::parse(&text).unwrap();
    let (index, platform) = (digest("0A"), digest("0c"));
    assert_eq!(
        map.of([&*platform, &*index]),
        Some(&Annotated::Date(day("2026-01-31"))),
        "either digest will do"
    );
    assert_eq!(map.of([&*digest("0b")]), Some(&Annotated::Unknown("never".into())));
    assert_eq!(map.of([&*platform]), None);
    for text in ["sha256:0a 2026-01-01", "x", "sha256:", "latest 2026-01-01"] {
        assert_eq!(DateMap::parse(text), Err(DateMapError { line: 1 }), "{text}");
    }
}
