//! `runmon diff`: what a container is against what it was declared to be.

use std::{path::Path, process::ExitCode, time::Duration};

use super::{Usage, load_config, rules::table, show};
use crate::{
    cli::DiffArgs,
    container::{Container, short},
    document::printable::terminal,
    fact::Fact,
    host::in_initial_pid_namespace,
    metadata::{
        Sources, containerd,
        running::{Running, running},
    },
    posture::{Comparison, compare, declared, observed},
    reach::Direct,
};

mod report;

/// How long what differs must stay so: a runtime that enters a container takes less.
const AGAIN: Duration = Duration::from_millis(200);

/// Compares one container.
///
/// # Errors
///
/// There is no such container, or it cannot be looked at.
pub fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    check_host()?;
    let config = load_config(args.config.as_deref())?;
    let sources = Sources { reach: Box::new(Direct), containerd: containerd::direct() };
    let mut all = running(sources, config.runtime_roots.clone());
    all.retain(|it| observed::is_running(&it.container.cgroup_path, &it.others));
    let found = find(&all, &args.container)?;
    let comparison = compared(found)?;
    show(&if args.json {
        format!("{}\n", report::json(&found.container, &comparison))
    } else {
        report::text(&found.container, &comparison)
    })?;
    Ok(if comparison.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What looking into every process needs.
fn check_host() -> anyhow::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        let cure = "run it with sudo";
        return Err(usage("comparing needs root: it looks at processes of others", cure));
    }
    if !in_initial_pid_namespace() {
        let cure = "run it on the host, or give this container the host's: --pid=host";
        return Err(usage("this process is in a pid namespace of its own", cure));
    }
    Ok(())
}

fn usage(what: &str, cure: &str) -> anyhow::Error {
    Usage(format!("{what}\nhint: {cure}")).into()
}

/// The one that is meant.
fn find<'r>(all: &'r [Running], asked: &str) -> anyhow::Result<&'r Running> {
    let name = |it: &Running| it.container.name.known().map(|name| name.to_string());
    let whole = |it: &&Running| *it.container.id == *asked || name(it).as_deref() == Some(asked);
    let begins = |it: &&Running| it.container.id.starts_with(asked);
    let mut found: Vec<&Running> = all.iter().filter(whole).collect();
    if found.is_empty() && !asked.is_empty() {
        found = all.iter().filter(begins).collect();
    }
    match found[..] {
        [one] => Ok(one),
        [] if all.is_empty() => Err(usage(
            "no container runs here, as far as its runtime's files are where they are looked for",
            "`runtime_roots` of the configuration says where else they are; --config names it",
        )),
        [] => Err(usage(
            &format!("no container runs whose name is, or id begins with, `{}`", shown(asked)),
            &format!("these run:\n{}", list(all.iter())),
        )),
        _ => Err(usage(
            &format!("`{}` can mean several containers", shown(asked)),
            &format!("say more of an id:\n{}", list(found.into_iter())),
        )),
    }
}

fn list<'r>(all: impl Iterator<Item = &'r Running>) -> String {
    let row = |it: &Running| {
        let Container { id, name, image, .. } = &*it.container;
        let known = |fact: &Fact<Box<str>>| fact.known().map_or("-".to_owned(), |it| shown(it));
        [format!("  {}", shown(short(id))), known(name), known(image)]
    };
    table(all.map(row).collect()).trim_end().to_owned()
}

fn shown(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}

/// Compares twice: only what stays counts.
fn compared(found: &Running) -> anyhow::Result<Comparison> {
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
    let declared = declared::read(&Direct, bundle).map_err(|why| {
        usage(&why, "it is the file that the runtime was given; see whether it is still there")
    })?;
    let look = || -> anyhow::Result<Comparison> {
        let observed = observed::look(&container.cgroup_path, others, &declared)
            .ok_or_else(|| usage("it has just ended", "start it again"))?;
        Ok(compare(&declared, &container.declared_ports, &observed))
    };
    let first = look()?;
    if first.differences.is_empty() {
        return Ok(first);
    }
    std::thread::sleep(AGAIN);
    Ok(first.confirmed(&look()?))
}
