use monitor_vulns::{build::Builder, model::Kind, pack};

use super::*;

const RECORD: &str = r#"{"id": "DEBIAN-CVE-2026-1", "modified": "2026-01-01T00:00:00Z",
    "upstream": ["CVE-2026-1"], "affected": [{"package": {"ecosystem": "Debian:12", "name": "s"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}]}]}"#;

fn bytes(vex: Option<&str>) -> Vec<u8> {
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "osv", "");
    builder.osv(RECORD.as_bytes()).unwrap();
    if let Some(product) = vex {
        builder.begin(Kind::Vex, "vex", "");
        let text = format!(
            r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{{"vulnerability":
            {{"name": "CVE-2026-1"}}, "status": "not_affected", "products": ["{product}"]}}]}}"#
        );
        builder.vex(text.as_bytes()).unwrap();
    }
    pack::write(&builder.finish(1_000_000)).unwrap()
}

fn package(name: &str) -> Package {
    let [ecosystem, source, version] = ["Debian:12", "s", "1"].map(str::to_owned);
    Package {
        coordinates: vec![Coordinate { ecosystem, name: source, version }],
        name: name.to_owned(),
        version: "1".to_owned(),
        purl: Some(format!("pkg:deb/debian/{name}@1?distro=debian-12")),
    }
}

fn report(vex: Option<&str>) -> Report {
    let bytes = bytes(vex);
    let pack = Pack::open(bytes.as_slice()).unwrap();
    let packages = [package("libs1"), package("libs-dev")];
    Report::of(&pack, &packages, &[], 1_000_000 + 3 * DAY_SECONDS + 5).unwrap()
}

/// The packages of each finding, and whether it counts.
fn told(report: &Report) -> Vec<(String, bool)> {
    let names = |it: &Finding| -> Vec<String> {
        it.installed.iter().map(|(name, _)| name.clone()).collect()
    };
    report.findings.iter().map(|it| (names(it).join(" "), it.counts())).collect()
}

#[test]
fn what_is_of_one_source_is_one_finding_with_the_age_of_the_data() {
    let report = report(None);
    assert_eq!(told(&report), [("libs-dev libs1".to_owned(), true)]);
    assert_eq!((report.pack.age_days, report.findings[0].made_on), (3, 1_000_000));
    assert_eq!(report.packages, 2);
}

#[test]
fn what_is_said_of_one_package_is_not_said_of_another_of_its_source() {
    let one = report(Some("pkg:deb/debian/libs-dev"));
    assert_eq!(told(&one), [("libs1".to_owned(), true), ("libs-dev".to_owned(), false)]);
    let source = report(Some("pkg:deb/debian/s"));
    assert_eq!(told(&source), [("libs-dev libs1".to_owned(), false)]);
}
