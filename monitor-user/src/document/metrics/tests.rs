use std::collections::BTreeSet;

use super::*;

/// What OpenMetrics asks of names, so that nobody who reads them has to guess.
#[test]
fn names_follow_the_rules() {
    let mut names = BTreeSet::new();
    for metric in METRICS.iter().copied().flatten() {
        let Metric { name, kind, unit, labels, help, places, .. } = metric;
        assert!(names.insert(name), "{name} is there twice");
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(name.starts_with("runmon_") && is_plain(name), "{name}");
        assert!(
            !["_total", "_info", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
        );
        assert!(labels.iter().all(|label| is_plain(label)), "{name}: {labels:?}");
        if let Some(unit) = unit {
            assert!(name.ends_with(&format!("_{unit}")), "{name} does not end with {unit}");
            assert!(["bytes", "seconds"].contains(unit), "{name}: {unit} is no base unit");
        }
        assert!(help.ends_with(['.', ')']), "{name}: {help}");
        assert!(*kind != Kind::Info || unit.is_none(), "{name}");
        let meanings = places.iter().filter(|(_, meaning)| meaning.is_empty()).count();
        assert!(places.len() == 1 || meanings == 0, "{name}: which number is it?");
    }
}

/// With as many labels as it says.
#[test]
fn samples_have_the_labels_of_their_metric() {
    let moment = super::super::exposition::example();
    for metric in METRICS.iter().copied().flatten() {
        let mut samples = Samples::default();
        (metric.read)(&moment, &mut samples);
        assert!(!samples.rows.is_empty(), "{} has no sample", metric.name);
        for (values, _) in &samples.rows {
            assert_eq!(values.len(), metric.labels.len(), "{}: {values:?}", metric.name);
        }
    }
}
