//! The harness itself: a test that cannot fail proves nothing.

use super::{CASES, Case};
use crate::features::{FEATURES, Feature, MATRIX, expected_here};

/// A kernel of the matrix has what the table says, neither less nor more: otherwise cases are
/// skipped that could run, or the table is out of date.
pub(super) const FEATURES_ARE_AS_IN_THE_TABLE: Case = Case {
    name: "harness::smoke_features_are_as_in_the_table",
    needs: &[],
    run: |_| {
        let Some(expected) = expected_here() else { return };
        let here: Vec<Feature> =
            FEATURES.iter().copied().filter(|feature| feature.is_here()).collect();
        assert_eq!(here, expected);
    },
};

/// No case is skipped everywhere.
pub(super) const EVERY_CASE_CAN_RUN_SOMEWHERE: Case = Case {
    name: "harness::every_case_can_run_somewhere",
    needs: &[],
    run: |_| {
        for case in CASES {
            let fits = |features: &[Feature]| case.needs.iter().all(|need| features.contains(need));
            let runs = MATRIX.iter().any(|(_, features)| fits(features));
            assert!(runs, "no kernel of the matrix has what {} needs", case.name);
        }
    },
};

/// A trigger's report names the process that acted.
pub(super) const TRIGGERS_REPORT: Case = Case {
    name: "harness::triggers_report",
    needs: &[],
    run: |lab| {
        let dir = lab.dir("acts");
        let refused = lab.trigger(&["connect", "tcp", "127.0.0.1:1"]);
        assert_eq!(refused.errno, libc::ECONNREFUSED);
        let path = dir.join("new");
        let path = path.to_str().expect("a plain path");
        let opened = lab.trigger(&["open", path, "--mode", "create", "--call", "io-uring"]);
        assert_eq!((opened.errno, opened.path.as_deref()), (0, Some(path)));
        let started = lab.trigger(&["exec", "thread"]);
        assert_ne!(started.pid, started.tid);
    },
};
