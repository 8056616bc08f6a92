//! Where processes are and what they see, against what was declared.

use std::collections::BTreeSet;

use super::{Difference, Evidence, Found, Part, gathered, rights};
use crate::posture::{
    declared::Declared, mounts::Mounted, observed::Observed, process::NAMESPACES,
};

/// Processes that are in a namespace of the host's where the container was to have another.
pub(super) fn namespaces(declared: &Declared, observed: &Observed) -> Found {
    let mut found = Vec::new();
    for kind in NAMESPACES {
        let Some(host) = rights::host(observed, kind) else {
            return Err("the host's namespaces cannot be looked at".to_owned());
        };
        let joins_host = observed.joined.iter().any(|(of, id)| of == kind && *id == host);
        if !declared.namespaces.iter().any(|(of, _)| of == kind) || joins_host {
            continue;
        }
        let own = format!("a {} namespace of its own", word(kind));
        let groups = gathered(Part::Namespaces, &own, observed, |process| {
            (process.namespace(kind) == Some(host)).then(|| format!("the host's {}", word(kind)))
        });
        found.extend(rights::lines(groups));
    }
    Ok(found)
}

fn word(kind: &str) -> &str {
    match kind {
        "mnt" => "mount",
        "net" => "network",
        other => other,
    }
}

/// The topmost mount at a place.
fn at<'m>(mounts: &'m [Mounted], place: &str) -> Option<&'m Mounted> {
    mounts.iter().rev().find(|mount| mount.at == place)
}

/// A root that can be written to.
pub(super) fn root(declared: &Declared, observed: &Observed) -> Found {
    if !declared.readonly_root {
        return Ok(Vec::new());
    }
    let mounts = observed.mounts.as_ref().map_err(Clone::clone)?;
    let root = at(mounts, "/").ok_or("its first process has another root")?;
    if root.is_readonly {
        return Ok(Vec::new());
    }
    let (declared, found) = ("read-only".to_owned(), "writable".to_owned());
    Ok(vec![difference(Part::Root, declared, found, observed)])
}

/// Mounts that were not declared, and such as can be written to though they were not to be.
pub(super) fn mounts(declared: &Declared, observed: &Observed) -> Found {
    let mounts = observed.mounts.as_ref().map_err(Clone::clone)?;
    let aliases = observed.aliases.as_ref().map_err(Clone::clone)?;
    let place = |path: &str| -> String {
        let led = aliases.iter().find(|(from, _)| from == path);
        led.map_or_else(|| path.to_owned(), |(_, to)| to.clone())
    };
    let mut found = Vec::new();
    for mount in &declared.mounts {
        let place = place(&mount.destination);
        if mount.is_readonly
            && let Some(place) = writable(mounts, &place, mount.is_cgroup)
        {
            let declared = format!("{} read-only", mount.destination);
            found.push(difference(Part::Mounts, declared, format!("{place} writable"), observed));
        }
    }
    let declared_places: Vec<(String, bool)> =
        declared.mounts.iter().map(|it| (place(&it.destination), it.is_recursive)).collect();
    let covered: Vec<String> = declared.covered.iter().map(|path| place(path)).collect();
    let expects = |mount: &Mounted| {
        let is_below =
            |above: &str| mount.at.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        mount.at == "/"
            || USUAL.contains(&&*mount.at)
            || covered.contains(&mount.at)
            || declared_places
                .iter()
                .any(|(at, is_recursive)| *at == mount.at || *is_recursive && is_below(at))
    };
    for mount in mounts.iter().filter(|mount| !expects(mount)) {
        let Mounted { at, is_readonly, kind, source, .. } = mount;
        let mode = if *is_readonly { "read-only" } else { "writable" };
        let shown = format!("{at} ({kind} {source}, {mode})");
        found.push(difference(Part::Mounts, "not mounted".to_owned(), shown, observed));
    }
    found.extend(covering(declared, &declared_places, mounts, observed));
    Ok(found)
}

/// Where something at a place can be written to. Below the place of cgroups these count, and not
/// the directory of them.
fn writable<'m>(mounts: &'m [Mounted], place: &str, is_cgroup: bool) -> Option<&'m str> {
    if !is_cgroup {
        return at(mounts, place).filter(|it| !it.is_readonly).map(|it| &*it.at);
    }
    let is_there = |it: &&Mounted| {
        let rest = it.at.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut cgroups = mounts.iter().filter(is_there).filter(|it| it.kind.starts_with("cgroup"));
    cgroups.find(|it| !it.is_readonly).map(|it| &*it.at)
}

/// What runtimes mount though nobody declared it.
const USUAL: [&str; 7] = [
    "/dev/console",
    "/dev/full",
    "/dev/null",
    "/dev/random",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
];

/// Mounts on top of others: of each place there are as many as were declared.
fn covering(
    declared: &Declared,
    places: &[(String, bool)],
    mounts: &[Mounted],
    observed: &Observed,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let own: BTreeSet<&str> = places.iter().map(|(at, _)| &**at).chain(["/"]).collect();
    for place in own {
        let wanted = places.iter().filter(|(at, _)| at == place).count().max(1)
            + declared.covered.iter().filter(|at| *at == place).count();
        let there: Vec<&Mounted> = mounts.iter().filter(|it| it.at == place).collect();
        if let Some(top) = there.last().filter(|_| there.len() > wanted) {
            let shown = format!("{place} ({} {} on top of it)", top.kind, top.source);
            found.push(difference(Part::Mounts, format!("{place} once"), shown, observed));
        }
    }
    found
}

/// What the first process sees is so for all.
fn difference(part: Part, declared: String, found: String, observed: &Observed) -> Difference {
    let evidence = observed.processes.first().map(|first| Evidence {
        pid: first.pid,
        program: first.program.clone(),
        is_from_outside: false,
        more: 0,
    });
    Difference { part, declared, observed: found, evidence }
}
