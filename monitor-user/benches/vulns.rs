//! What it takes to make a pack of vulnerability data and to ask it about the packages of a host:
//! `cargo bench -p monitor-user --bench vulns`.
//!
//! The records are made here: as many as a distribution and some registries have of a few thousand
//! packages. What the asking process holds in memory is measured in a process of its own.
#![expect(clippy::print_stdout, reason = "a benchmark tells its result")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use std::{env, fs, path::Path, process::Command, time::Instant};

use monitor_vulns::{build::Builder, matcher::Coordinate, model::Kind, pack};
use runmon::vulns::{Package, Report, open};

const RECORDS: usize = 100_000;
const NAMES: usize = 5_000;
const PACKAGES: usize = 700;

/// Says which process is the one that asks.
const ASKS: &str = "RUNMON_BENCH_PACK";

fn main() {
    if let Some(path) = env::var_os(ASKS) {
        return ask(Path::new(&path));
    }
    let path = env::temp_dir().join(format!("runmon-bench-{}.pack", std::process::id()));
    let begun = Instant::now();
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "made", "");
    for number in 0..RECORDS {
        builder.osv(record(number).as_bytes()).unwrap();
    }
    println!("read {RECORDS} records: {} ms", begun.elapsed().as_millis());
    let begun = Instant::now();
    let bytes = pack::write(&builder.finish(0)).unwrap();
    fs::write(&path, &bytes).unwrap();
    println!("write a pack of {} KiB: {} ms", bytes.len() >> 10, begun.elapsed().as_millis());
    let asked = Command::new(env::current_exe().unwrap()).env(ASKS, &path).status();
    fs::remove_file(&path).unwrap();
    assert!(asked.unwrap().success());
}

/// One of Debian's form, of which each name has about as many as another.
fn record(number: usize) -> String {
    let name = format!("package-{}", number % NAMES);
    let events: Vec<String> = ["12", "13"]
        .iter()
        .map(|release| {
            format!(
                r#"{{"package": {{"ecosystem": "Debian:{release}", "name": "{name}"}}, "ranges":
                [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}},
                {{"fixed": "1:{}.{}-1+deb{release}u{}"}}]}}]}}"#,
                number % 9,
                number % 97,
                number % 7
            )
        })
        .collect();
    format!(
        r#"{{"id": "DEBIAN-CVE-2026-{number}", "modified": "2026-01-01T00:00:00Z",
        "upstream": ["CVE-2026-{number}"], "severity": [{{"type": "CVSS_V3", "score":
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}}], "affected": [{}]}}"#,
        events.join(",")
    )
}

fn ask(path: &Path) {
    let before = resident();
    let begun = Instant::now();
    let pack = open(path).unwrap();
    println!("open it, with its checksum: {} ms", begun.elapsed().as_millis());
    println!("resident for the reader: {} KiB", resident() - before);
    let packages: Vec<Package> = (0..PACKAGES)
        .map(|number| Package {
            coordinates: vec![Coordinate {
                ecosystem: "Debian:12".to_owned(),
                name: format!("package-{}", number * 7),
                version: "1:4.50-1+deb12u3".to_owned(),
            }],
            ..Package::default()
        })
        .collect();
    let begun = Instant::now();
    let report = Report::of(&pack, &packages, &[], 0).unwrap();
    let took = begun.elapsed().as_millis();
    println!("ask about {PACKAGES} packages, {} findings: {took} ms", report.findings.len());
    println!("resident with the findings: {} KiB", resident() - before);
}

/// What the process holds in memory, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
