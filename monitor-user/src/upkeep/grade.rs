//! How much a package with known vulnerabilities matters: by the gravest of them, by what is made
//! of the package, and by who can reach it.

use monitor_rules::Priority;
use monitor_vulns::severity::Level;

/// What is known of a package that bears on it.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// The gravest level of its vulnerabilities.
    pub level: Level,
    /// One of them is known to be exploited.
    pub is_exploited: bool,
    /// It is in use; None where that is not known.
    pub in_use: Option<bool>,
    /// Who uses it listens for others.
    pub is_exposed: bool,
    /// There is a version without them.
    pub has_fix: bool,
    /// The system that it is of gets no more updates: nobody will mend what is found next.
    pub is_out_of_support: bool,
}

/// The priorities that it can have, the least first.
const STEPS: [Priority; 6] = [
    Priority::Debug,
    Priority::Informational,
    Priority::Notice,
    Priority::Warning,
    Priority::Error,
    Priority::Critical,
];

/// How much it matters.
#[must_use]
pub fn grade(weight: Weight) -> Priority {
    let level = match weight.level {
        Level::Unknown | Level::Low => 0,
        Level::Medium => 1,
        Level::High => 2,
        Level::Critical => 3,
    };
    let in_use = weight.in_use == Some(true);
    let up = [
        weight.is_exploited,
        weight.is_exploited,
        in_use,
        in_use && weight.is_exposed,
        weight.is_out_of_support,
    ];
    // What can be mended by nobody is no work for anybody yet, unless somebody uses it already.
    let down = [weight.in_use == Some(false), !weight.has_fix && !weight.is_exploited];
    let count = |all: &[bool]| all.iter().filter(|it| **it).count();
    let step = (level + count(&up)).saturating_sub(count(&down));
    STEPS.get(step.min(STEPS.len() - 1)).copied().unwrap_or(Priority::Critical)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Weight = Weight {
        level: Level::High,
        is_exploited: false,
        in_use: None,
        is_exposed: false,
        has_fix: true,
        is_out_of_support: false,
    };

    #[test]
    fn what_is_used_exploited_and_reached_matters_most() {
        let used = Weight { in_use: Some(true), ..PLAIN };
        for (weight, expected) in [
            (PLAIN, Priority::Notice),
            (used, Priority::Warning),
            (Weight { is_exposed: true, ..used }, Priority::Error),
            (Weight { is_exploited: true, is_exposed: true, ..used }, Priority::Critical),
            (Weight { is_exploited: true, ..PLAIN }, Priority::Error),
            (Weight { in_use: Some(false), ..PLAIN }, Priority::Informational),
            // Nobody reaches what is not used.
            (Weight { is_exposed: true, ..PLAIN }, Priority::Notice),
            (Weight { has_fix: false, ..used }, Priority::Notice),
            (Weight { has_fix: false, is_exploited: true, ..used }, Priority::Critical),
            (Weight { is_out_of_support: true, ..PLAIN }, Priority::Warning),
            (Weight { level: Level::Low, in_use: Some(false), ..PLAIN }, Priority::Debug),
            (Weight { level: Level::Critical, ..PLAIN }, Priority::Warning),
        ] {
            assert_eq!(grade(weight), expected, "{weight:?}");
        }
    }
}
