//! The test binary: `e2e [FILTER] [--list] …`, as root. `cargo xtask e2e` builds and starts it.

use std::process::ExitCode;
use std::sync::Arc;

use e2e::cases::{CASES, Case};
use e2e::features;
use e2e::lab::Lab;
use libtest_mimic::{Arguments, Trial, run};

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    // Cases share a kernel and a container runtime; one daemon at a time watches them.
    args.test_threads = Some(1);
    let lab = Arc::new(Lab::new());
    let missing = features::missing();
    let trials = CASES.iter().map(|case| trial(case, &missing, &lab)).collect();
    let conclusion = run(&args, trials);
    // The last owner: the container runtime and everything in it ends here, whatever panicked.
    drop(lab);
    conclusion.exit_code()
}

/// A case as libtest-mimic wants it; what this kernel lacks is shown in front of a skipped one.
fn trial(case: &'static Case, missing: &[features::Feature], lab: &Arc<Lab>) -> Trial {
    let lacking: Vec<String> = case
        .needs
        .iter()
        .filter(|need| missing.contains(need))
        .map(|need| format!("no {need}"))
        .collect();
    let lab = Arc::clone(lab);
    let trial = Trial::test(case.name, move || {
        (case.run)(&lab);
        Ok(())
    });
    if lacking.is_empty() {
        return trial;
    }
    trial.with_kind(lacking.join(", ")).with_ignored_flag(true)
}
