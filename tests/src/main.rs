//! The test binary: `e2e [FILTER] [--list] …`, as root. `cargo xtask e2e` builds and starts it.
//! `--evasions` prints the table of evasions as JSON, `--rows` runs only its cases; `--full` has
//! some cases do more of the same, and runs those that take minutes.

#![expect(clippy::print_stdout, reason = "the table on stdout is what is asked for")]

use std::process::ExitCode;
use std::sync::Arc;

use e2e::cases::evasion::table;
use e2e::cases::{CASES, Case};
use e2e::dated;
use e2e::engines;
use e2e::features::{self, Feature};
use e2e::lab::{Hooks, Lab, Stage, is_guest};
use e2e::receiver::{kafka, nats, prometheus, rotel, syslog};
use libtest_mimic::{Arguments, Trial, run};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().collect();
    if words.iter().any(|word| word == "--evasions") {
        println!("{}", table::json());
        return ExitCode::SUCCESS;
    }
    let rows_only = words.iter().any(|word| word == "--rows");
    let is_full = words.iter().any(|word| word == "--full");
    words.retain(|word| word != "--rows" && word != "--full");
    let mut args = Arguments::from_iter(words);
    // Cases share a kernel and a container runtime; one daemon at a time watches them.
    args.test_threads = Some(1);
    let lab = Arc::new(Lab::new(is_full));
    let missing = features::missing();
    let cases = CASES.iter().copied().flatten();
    let cases = cases.filter(|case| !rows_only || case.is_of_evasions());
    let trials = cases.flat_map(|case| trials(case, &missing, &lab)).collect();
    let conclusion = run(&args, trials);
    // The last owner: the container runtime and everything in it ends here, whatever panicked.
    drop(lab);
    conclusion.exit_code()
}

/// A case as libtest-mimic wants it, once for each family of hooks that it is for.
fn trials(case: &'static Case, missing: &[Feature], lab: &Arc<Lab>) -> Vec<Trial> {
    match case.hooks {
        [Hooks::Auto] => vec![trial(case, case.name.to_owned(), Hooks::Auto, missing, lab)],
        all => all
            .iter()
            .map(|hooks| {
                let name = format!("{}::{}", case.name, hooks.name());
                trial(case, name, *hooks, missing, lab)
            })
            .collect(),
    }
}

/// One of them; what this kernel lacks is shown in front of a skipped one.
fn trial(
    case: &'static Case,
    name: String,
    hooks: Hooks,
    missing: &[Feature],
    lab: &Arc<Lab>,
) -> Trial {
    let needs = case.needs_with(hooks);
    let features = needs.iter().filter(|need| missing.contains(need)).map(ToString::to_string);
    let programs = case
        .programs
        .iter()
        .filter(|name| !engines::is_installed(name))
        .filter(|name| !syslog::is_unpacked(name) && !rotel::is_unpacked(name))
        .filter(|name| !nats::is_unpacked(name) && !kafka::is_there(name))
        .filter(|name| !prometheus::is_unpacked(name) && !dated::is_unpacked(name));
    let lacking: Vec<String> = features
        .chain(programs.map(|name| (*name).to_owned()))
        .map(|what| format!("no {what}"))
        .chain((case.is_for_guests && !is_guest()).then(|| "only in a guest".to_owned()))
        .chain((case.is_long && !lab.is_full).then(|| "only with --full".to_owned()))
        .collect();
    let lab = Arc::clone(lab);
    let trial = Trial::test(name, move || {
        (case.run)(&Stage { lab: &lab, hooks });
        Ok(())
    });
    if lacking.is_empty() {
        return trial;
    }
    trial.with_kind(lacking.join(", ")).with_ignored_flag(true)
}
