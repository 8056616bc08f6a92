//! `runmon doctor`: what this host allows, what cannot be seen there, and how to mend it.

use std::process::ExitCode;

use monitor_common::Program;

use super::{choice, load_config, show};
use crate::{
    bpf::{
        BpfError,
        hooks::HOOKS,
        object::{LoadOptions, Object},
        planner::Plan,
    },
    cli::DoctorArgs,
    config::Config,
    flood::FloodLimit,
    host::{Facts, checks},
    metadata::cgroups,
};

mod report;

/// Looks at the host, tries every hook once, and says what came of it. Nothing stays attached.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = load_config(args.config.as_deref())?;
    let facts = Facts::read(&config);
    let findings = checks::of(&facts);
    let plan = plan(args, &config);
    show(&if args.json {
        format!("{}\n", report::json(&facts.place, &findings, &plan))
    } else {
        report::text(&facts.place, &findings, &plan)
    })?;
    let is_blind =
        plan.as_ref().map_or(true, |(plan, _)| plan.hooks.iter().any(|hook| hook.chosen.is_none()));
    let starts = facts.is_root && facts.pids_of_host;
    Ok(if is_blind || !starts { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Instructions that the verifier walked for each program that is loaded, where the kernel says
/// (Linux 5.16).
type Verified = Vec<(&'static str, u32)>;

/// The plan for this host, and what its programs cost the verifier; or why there is none.
type Planned = Result<(Plan, Verified), String>;

fn plan(args: &DoctorArgs, config: &Config) -> Planned {
    let load = || -> Result<(Plan, Verified), BpfError> {
        let mut object = Object::load(&LoadOptions {
            ring_bytes: 65_536,
            flood: FloodLimit::default(),
            kernel_log: false,
            floor: false,
            cgroup_v1_controller: cgroups::v1_controller(),
        })?;
        object.set_own_pids(&[std::process::id()])?;
        let counters = object.take_counters()?;
        let kinds: Vec<_> = HOOKS.iter().map(|hook| hook.kind).collect();
        let mut plan = Plan::default();
        plan.attach(&mut object, &counters, &kinds, choice(args.hooks, config.hooks))?;
        plan.require_sight()?;
        let verified =
            |program: &Program| Some((program.name(), object.verified_instructions(*program)?));
        let verified = Program::ALL.iter().filter_map(verified).collect();
        Ok((plan, verified))
    };
    load().map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}
