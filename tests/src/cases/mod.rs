//! The cases, one file per kind of event, and those about the daemon as a whole.
//!
//! A case is a function and a row in its file's table. It starts what it needs from the lab,
//! performs acts, expects their documents, and stops the daemon, which asserts the laws.

mod harness;
mod smoke;

use crate::features::Feature;
use crate::lab::Lab;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// `kind::what_holds`.
    pub name: &'static str,
    /// What the kernel must have for it.
    pub needs: &'static [Feature],
    /// Panics where something does not hold.
    pub run: fn(&Lab),
}

/// Every case.
pub const CASES: &[&Case] = &[
    &harness::FEATURES_ARE_AS_IN_THE_TABLE,
    &harness::EVERY_CASE_CAN_RUN_SOMEWHERE,
    &harness::TRIGGERS_REPORT,
    &smoke::CONTAINER_RUNS_TRIGGERS,
    &smoke::DAEMON_STARTS_AND_STOPS,
];
