//! The harness itself: a test that cannot fail proves nothing.

use super::evasion::ROWS;
use super::evasion::table::Verdict;
use super::{CASES as ALL, Case, EACH};
use crate::features::{FEATURES, Feature, MATRIX, expected_here};
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::new("harness::smoke_features_are_as_in_the_table", features_are_as_in_the_table),
    Case::new("harness::every_case_can_run_somewhere", every_case_can_run_somewhere),
    Case::new("harness::triggers_report", triggers_report),
    Case::new("harness::smoke_table_of_evasions_is_whole", table_of_evasions_is_whole),
];

/// A kernel of the matrix has what the table says, neither less nor more: otherwise cases are
/// skipped that could run, or the table is out of date.
fn features_are_as_in_the_table(_: &Stage<'_>) {
    let Some(expected) = expected_here() else { return };
    let here: Vec<Feature> = FEATURES.iter().copied().filter(|feature| feature.is_here()).collect();
    assert_eq!(here, expected);
}

/// No case is skipped everywhere.
fn every_case_can_run_somewhere(_: &Stage<'_>) {
    for case in ALL.iter().copied().flatten() {
        for hooks in case.hooks {
            let needs = case.needs_with(*hooks);
            let fits = |features: &[Feature]| needs.iter().all(|need| features.contains(need));
            let runs = MATRIX.iter().any(|(_, _, features)| fits(features));
            assert!(runs, "no kernel of the matrix has what {} needs", case.name);
        }
    }
}

/// How many evasions are known.
const EVASIONS: usize = 40;

/// Each row has cases, which are there for each family, or says why not; and what is not seen has
/// its reason.
fn table_of_evasions_is_whole(_: &Stage<'_>) {
    let numbers: Vec<usize> = ROWS.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=EVASIONS).collect::<Vec<_>>());
    for row in ROWS {
        assert_eq!(row.cases.is_empty(), !row.untested.is_empty(), "{row:#?}");
        assert!(!row.title.is_empty() && !row.title.contains('|'), "{row:#?}");
        for name in row.cases {
            let case = ALL.iter().copied().flatten().find(|case| case.name == *name);
            let case = case.unwrap_or_else(|| panic!("row {} has no case {name}", row.number));
            assert_eq!(case.hooks, EACH, "{name} is not run with each family of hooks");
        }
        for verdict in row.verdicts {
            let is_seen = matches!(verdict, Verdict::Seen);
            assert_eq!(verdict.words().1.is_empty(), is_seen, "{row:#?}");
        }
    }
}

/// A trigger's report names the process that acted.
fn triggers_report(stage: &Stage<'_>) {
    let dir = stage.dir("acts");
    let refused = stage.trigger(&["connect", "tcp", "127.0.0.1:1"]);
    assert_eq!(refused.errno, libc::ECONNREFUSED);
    let path = dir.join("new");
    let path = path.to_str().expect("a plain path");
    let opened = stage.trigger(&["open", path, "--mode", "create", "--call", "io-uring"]);
    assert_eq!((opened.errno, opened.path.as_deref()), (0, Some(path)));
    let started = stage.trigger(&["exec", "thread"]);
    assert_ne!(started.pid, started.tid);
}
