//! `runmon diff`: what a container is against what it was declared to be.

use std::{path::Path, process::ExitCode};

use super::{
    apart::Apart,
    load_config,
    running::{all, check_host, find, usage},
    show,
};
use crate::{
    cli::DiffArgs,
    fact::Fact,
    keeper::Allowed,
    metadata::running::Running,
    posture::{
        AGAIN, Comparison, compare, declared,
        observed::{Asked, Look, Scope},
    },
    reach::Reach,
};

mod report;

/// Compares one container.
///
/// # Errors
///
/// There is no such container, or it cannot be looked at.
pub fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    check_host("comparing")?;
    let config = load_config(args.config.as_deref())?;
    let mut apart = Apart::begin(&config, Allowed::of(&config))?;
    let all = all(apart.sources, &config);
    let found = find(&all, &args.container)?;
    let comparison = compared(found, &*apart.reach, &mut *apart.look)?;
    show(&if args.json {
        format!("{}\n", report::json(&found.container, &comparison))
    } else {
        report::text(&found.container, &comparison)
    })?;
    Ok(if comparison.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares twice: only what stays counts.
fn compared(found: &Running, reach: &dyn Reach, eyes: &mut dyn Look) -> anyhow::Result<Comparison> {
    let Running { container, others } = found;
    if container.is_blind() {
        return Err(usage(
            "this container has a kernel of its own: nothing of it can be seen from here",
            "look at it from inside",
        ));
    }
    let bundle = match &container.bundle {
        Fact::Known(bundle, _) => Path::new(&**bundle),
        Fact::Unknown(reason) => {
            return Err(usage(
                &format!("what it was declared to be is not known: {}", reason.name()),
                "`runtime_roots` of the configuration says where its runtime keeps its files",
            ));
        }
    };
    let declared = declared::read(reach, bundle).map_err(|why| {
        usage(&why, "it is the file that the runtime was given; see whether it is still there")
    })?;
    let asked = Asked {
        cgroup: container.cgroup_path.to_string(),
        others: others.clone(),
        declared: declared.clone(),
        sockets: Vec::new(),
        scope: Scope::Whole,
        is_thorough: false,
    };
    // None before its first program: runtimes return before they have started it.
    let mut look = || -> anyhow::Result<Option<Comparison>> {
        let observed = eyes.look(&asked).map_err(|reason| {
            let why = format!("its processes cannot be looked at: {}", reason.name());
            usage(&why, "run it again; --log debug says more")
        })?;
        let observed = observed.ok_or_else(|| usage("it has just ended", "start it again"))?;
        let is_started = !observed.processes.is_empty();
        Ok(is_started.then(|| compare(&declared, &container.declared_ports, &observed)))
    };
    let early = || usage("its first program has not started yet", "start it, as `runc start` does");
    let first = match look()? {
        Some(first) => first,
        None => {
            std::thread::sleep(AGAIN);
            look()?.ok_or_else(early)?
        }
    };
    if first.differences.is_empty() {
        return Ok(first);
    }
    std::thread::sleep(AGAIN);
    Ok(first.confirmed(&look()?.ok_or_else(early)?))
}
