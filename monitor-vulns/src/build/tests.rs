use super::*;
use crate::pack::{Pack, write};

fn record(id: &str, more: &str) -> String {
    format!(
        r#"{{"id": "{id}", "modified": "2026-01-01T00:00:00Z", {more} "affected": [
        {{"package": {{"ecosystem": "npm", "name": "a"}}, "versions": ["1.0.0"]}}]}}"#
    )
}

fn keys(texts: &[String]) -> Vec<Vec<String>> {
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "osv", "");
    texts.iter().for_each(|text| builder.osv(text.as_bytes()).unwrap());
    let content = builder.finish(0);
    let records = content.packages.into_values().next().unwrap();
    records.into_iter().map(|(_, about)| about).collect()
}

#[test]
fn records_are_about_cves_or_what_is_the_same_as_they() {
    let texts = [
        record("GHSA-1", r#""aliases": ["CVE-2026-1"],"#),
        // Knows the other only.
        record("PYSEC-1", r#""aliases": ["GHSA-1"],"#),
        record("RUSTSEC-1", r#""aliases": ["GHSA-2"],"#),
        record("RUSTSEC-2", r#""aliases": ["GHSA-2"],"#),
        record("USN-1", r#""upstream": ["CVE-2026-1", "UBUNTU-CVE-2026-2"],"#),
    ];
    let one = vec!["CVE-2026-1".to_owned()];
    let two = vec!["GHSA-2".to_owned()];
    let both = vec!["CVE-2026-1".to_owned(), "CVE-2026-2".to_owned()];
    assert_eq!(keys(&texts), [one.clone(), one, two.clone(), two, both]);
}

#[test]
fn what_is_left_out_is_counted_and_what_is_bad_does_not_stop() {
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "osv", "");
    assert!(builder.osv(b"{").is_err());
    builder.osv(record("W-1", r#""withdrawn": "2026-01-01T00:00:00Z","#).as_bytes()).unwrap();
    builder
        .osv(
            br#"{"id": "D-1", "affected": [{"package": {"ecosystem": "Debian", "name": "a"},
        "versions": ["1"]}]}"#,
        )
        .unwrap();
    builder
        .osv(br#"{"id": "G-1", "affected": [{"ranges": [{"type": "GIT", "events": []}]}]}"#)
        .unwrap();
    builder.osv(record("A-1", "").as_bytes()).unwrap();
    builder.begin(Kind::Kev, "kev", "2026-02-02");
    builder
        .kev(br#"{"vulnerabilities": [{"cveID": "CVE-1", "dateAdded": "2026-01-01"}]}"#)
        .unwrap();
    let bytes = write(&builder.finish(0)).unwrap();
    let pack = Pack::open(bytes.as_slice()).unwrap();
    let [osv, kev] = pack.sources() else { panic!("two sources") };
    let counts: Vec<_> = osv.left_out.iter().map(|(why, count)| (*why, *count)).collect();
    assert_eq!(osv.records, 1);
    assert_eq!(
        counts,
        [
            (LeftOut::Withdrawn, 1),
            (LeftOut::NoPackage, 1),
            (LeftOut::NoRelease, 1),
            (LeftOut::Bad, 1)
        ]
    );
    assert_eq!((osv.date.as_str(), kev.date.as_str()), ("2026-01-01T00:00:00Z", "2026-02-02"));
    assert_eq!(kev.left_out.get(&LeftOut::Unreferenced), Some(&1));
}
