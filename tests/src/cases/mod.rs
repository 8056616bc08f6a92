//! The cases, one file per subject: the kinds of event, ways to evade a monitor, and the daemon as
//! a whole.
//!
//! A case is a function and a row in its file's table. It starts what it needs from the stage,
//! performs acts, expects their documents, and stops the daemon, which asserts the laws.

mod acts;
mod backends;
mod bounds;
mod clock;
mod command_line;
mod containers;
mod control;
mod dated;
mod deployment;
mod diff;
mod dns;
mod endpoint;
mod engines;
pub mod evasion;
mod expectations;
mod files;
mod filter;
mod flood;
mod forward;
mod harness;
mod hashes;
mod history;
mod http;
mod images;
mod inventory;
mod kafka;
mod kept;
mod kubernetes;
mod lifecycle;
mod nats;
mod network;
mod open_findings;
mod origins;
mod packages;
mod policy;
mod posture;
mod privileges;
mod processes;
mod profiles;
mod prometheus;
mod quiet;
mod recording;
mod reload;
mod self_watch;
mod sinks;
mod smoke;
mod store;
mod syslog;
mod tail;
mod top;
mod trouble;
mod upkeep;
mod vulns;
mod web;

use crate::features::Feature;
use crate::lab::{Hooks, Stage};

/// One case.
#[derive(Debug)]
pub struct Case {
    /// `subject::what_holds`.
    pub name: &'static str,
    /// What the kernel must have for it.
    pub needs: &'static [Feature],
    /// Programs that must be there besides.
    pub programs: &'static [&'static str],
    /// It takes minutes: only with `--full`.
    pub is_long: bool,
    /// It does what would disturb a host.
    pub is_for_guests: bool,
    /// The families of hooks that it is run with.
    pub hooks: &'static [Hooks],
    /// Panics where something does not hold.
    pub run: fn(&Stage<'_>),
}

/// For a case about what hooks see: each family by itself.
const EACH: &[Hooks] = &[Hooks::Fentry, Hooks::Kprobe, Hooks::Fallback];

/// For all other cases.
const ANY: &[Hooks] = &[Hooks::Auto];

impl Case {
    /// A case that every kernel can run, with the hooks that the daemon takes.
    const fn new(name: &'static str, run: fn(&Stage<'_>)) -> Self {
        Self {
            name,
            needs: &[],
            programs: &[],
            is_long: false,
            is_for_guests: false,
            hooks: ANY,
            run,
        }
    }

    /// A case that is run with each family of hooks.
    const fn each(name: &'static str, run: fn(&Stage<'_>)) -> Self {
        Self { hooks: EACH, ..Self::new(name, run) }
    }

    /// A case that does what would disturb a host: in a guest of our own only.
    const fn for_guests(name: &'static str, run: fn(&Stage<'_>)) -> Self {
        Self { is_for_guests: true, ..Self::new(name, run) }
    }

    /// A case that takes minutes.
    const fn long(name: &'static str, run: fn(&Stage<'_>)) -> Self {
        Self { is_long: true, ..Self::new(name, run) }
    }

    /// A case with another engine than the one that every kernel is tested with.
    const fn with(
        programs: &'static [&'static str],
        name: &'static str,
        run: fn(&Stage<'_>),
    ) -> Self {
        Self { programs, ..Self::new(name, run) }
    }

    /// What the kernel must have for it with these hooks.
    pub fn needs_with(&self, hooks: Hooks) -> Vec<Feature> {
        let of_hooks = match hooks {
            Hooks::Fentry => Some(Feature::Trampoline),
            Hooks::Kprobe => Some(Feature::Kprobe),
            Hooks::Auto | Hooks::Fallback => None,
        };
        self.needs.iter().copied().chain(of_hooks).collect()
    }
}

impl Case {
    /// Whether a row of the table of evasions has it.
    pub fn is_of_evasions(&self) -> bool {
        evasion::ROWS.iter().any(|row| row.cases.contains(&self.name))
    }
}

/// Every case, by subject.
pub const CASES: &[&[Case]] = &[
    harness::CASES,
    smoke::CASES,
    processes::CASES,
    profiles::CASES,
    expectations::CASES,
    quiet::CASES,
    network::CASES,
    dns::CASES,
    files::CASES,
    filter::CASES,
    flood::CASES,
    acts::CASES,
    containers::CASES,
    engines::CASES,
    bounds::CASES,
    open_findings::CASES,
    origins::CASES,
    packages::CASES,
    policy::CASES,
    posture::CASES,
    kubernetes::CASES,
    deployment::CASES,
    diff::CASES,
    hashes::CASES,
    kept::CASES,
    history::CASES,
    privileges::CASES,
    evasion::CASES,
    backends::CASES,
    lifecycle::CASES,
    control::CASES,
    endpoint::CASES,
    prometheus::CASES,
    command_line::CASES,
    recording::CASES,
    reload::CASES,
    self_watch::CASES,
    sinks::CASES,
    forward::CASES,
    http::CASES,
    images::CASES,
    inventory::CASES,
    store::CASES,
    syslog::CASES,
    tail::CASES,
    top::CASES,
    trouble::CASES,
    upkeep::CASES,
    vulns::CASES,
    dated::CASES,
    web::CASES,
    clock::CASES,
    nats::CASES,
    kafka::CASES,
];
