//! The dashboard and the alert rules in `deploy/monitoring` ask for metrics that there are.

use std::{collections::BTreeSet, fs, path::PathBuf};

use runmon::document::{heartbeat::Degraded, metrics::METRICS};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/monitoring"))
}

/// Words that begin with `runmon_`.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_inside(letter));
    words.filter(|word| word.starts_with("runmon_")).map(str::to_owned).collect()
}

#[test]
fn every_metric_is_told() {
    let known: BTreeSet<String> =
        METRICS.iter().copied().flatten().map(|metric| metric.full_name()).collect();
    let mut files = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let asked = metrics_in(&fs::read_to_string(&path).unwrap());
        assert!(!asked.is_empty(), "{} asks for no metric", path.display());
        let unknown: Vec<&String> = asked.difference(&known).collect();
        assert!(unknown.is_empty(), "{} asks for {unknown:?}", path.display());
        files += 1;
    }
    assert_eq!(files, 3);
}

/// Each reason has an alert, and each alert on a reason has one that there is.
#[test]
fn every_reason_has_an_alert() {
    let rules = fs::read_to_string(folder().join("alert-rules.yaml")).unwrap();
    let asked: BTreeSet<&str> = rules
        .split("runmon_degraded{reason=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let known: BTreeSet<&str> = Degraded::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(asked, known);
}
