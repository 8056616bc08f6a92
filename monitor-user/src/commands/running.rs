//! The containers that run on this host, for commands that look at them once.

use super::{Usage, rules::table};
use crate::{
    config::Config,
    container::{Container, short},
    document::printable::terminal,
    fact::Fact,
    host::in_initial_pid_namespace,
    metadata::{
        Sources,
        running::{Running, running},
    },
    posture::observed,
};

/// What looking into every process needs; `what` says what is done.
pub(super) fn check_host(what: &str) -> anyhow::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        let cure = "run it with sudo";
        return Err(usage(&format!("{what} needs root: it looks at processes of others"), cure));
    }
    if !in_initial_pid_namespace() {
        let cure = "run it on the host, or give this container the host's: --pid=host";
        return Err(usage("this process is in a pid namespace of its own", cure));
    }
    Ok(())
}

pub(super) fn usage(what: &str, cure: &str) -> anyhow::Error {
    Usage(format!("{what}\nhint: {cure}")).into()
}

/// All that have processes, as these sources tell of them.
pub(super) fn all(sources: Sources, config: &Config) -> Vec<Running> {
    let mut all = running(sources, config.runtime_roots.clone());
    all.retain(|it| observed::is_running(&it.container.cgroup_path, &it.others));
    all
}

/// The one that is meant.
pub(super) fn find<'r>(all: &'r [Running], asked: &str) -> anyhow::Result<&'r Running> {
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

pub(super) fn shown(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}
