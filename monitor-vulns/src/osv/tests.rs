use super::*;
use crate::severity::Level;

#[test]
fn a_record_of_schema_1_7_is_read() {
    let text = br#"{"schema_version": "1.7.5", "id": "DEBIAN-CVE-2026-1", "modified": "2026-01-01T00:00:00Z",
        "upstream": ["CVE-2026-1"], "unheard_of": [1],
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"},
                     {"type": "Ubuntu", "score": "low"}],
        "affected": [{"package": {"ecosystem": "Debian:12", "name": "a", "purl": "pkg:deb/debian/a"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2"}, {"introduced": "0"}]},
                       {"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}],
            "versions": ["1", "1.5", "3"], "ecosystem_specific": {"urgency": "unimportant"}}]}"#;
    let read = read(text).unwrap();
    let [it] = read.about.as_slice() else { panic!("one package") };
    assert_eq!((it.ecosystem.as_str(), it.record.severity.tenths), ("Debian:12", Some(75)));
    assert_eq!(it.record.status, [Status::Unimportant]);
    let events = [Event::Introduced("0".into()), Event::Fixed("2".into())];
    assert_eq!(it.record.ranges, [Range { is_semver: false, events: events.to_vec() }]);
    // Only what the range does not say is kept.
    assert_eq!(it.record.versions, ["3"]);
}

#[test]
fn words_say_how_bad_it_is_where_there_is_no_score() {
    let text = br#"{"id": "A-1", "aliases": null, "affected": [{"package": {"ecosystem": "npm",
        "name": "a"}, "versions": ["1"]}], "database_specific": {"severity": "MODERATE"}}"#;
    assert_eq!(read(text).unwrap().about[0].record.severity.level, Level::Medium);
}

#[test]
fn what_is_too_large_is_refused_with_the_reason() {
    let long = "1".repeat(2000);
    let text = format!(
        r#"{{"id": "A-1", "affected": [{{"package": {{"ecosystem": "npm",
        "name": "a"}}, "versions": ["{long}"]}}]}}"#
    );
    assert!(read(text.as_bytes()).unwrap_err().contains("too long"));
    assert!(read(b"[]").is_err());
}
