//! Which processes are a container's: those in its cgroup, and those from outside that are in its
//! mount or pid namespace.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    devices::{self, Device},
    process::namespace,
};
use crate::{
    limits::{CGROUPS_OF_ONE, PROCESSES_OF_ONE},
    metadata::cgroups::{hierarchies, v1_controller},
};

/// Where a cgroup is mounted, in each hierarchy that names containers.
fn directories(cgroup: &str) -> Vec<PathBuf> {
    let below = cgroup.trim_start_matches('/');
    hierarchies(v1_controller()).iter().map(|it| it.root.join(below)).collect()
}

/// The processes of a container.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Their ids.
    pub(super) pids: BTreeSet<u32>,
    /// There are more, or more cgroups than are looked through.
    pub(super) is_cut: bool,
}

/// The processes in a cgroup and those below it, except in `others`, which are other containers'.
#[must_use]
pub(super) fn in_cgroup(cgroup: &str, others: &[String]) -> Members {
    let others: Vec<PathBuf> = others.iter().flat_map(|other| directories(other)).collect();
    let mut found = Members::default();
    for root in directories(cgroup) {
        let mut waiting = vec![root];
        let mut seen = 0;
        while let Some(directory) = waiting.pop() {
            seen += 1;
            if seen > CGROUPS_OF_ONE || found.pids.len() > PROCESSES_OF_ONE {
                found.is_cut = true;
                break;
            }
            if others.contains(&directory) {
                continue;
            }
            found.pids.extend(processes(&directory));
            let below = fs::read_dir(&directory).into_iter().flatten().flatten();
            let below = below.filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir()));
            waiting.extend(below.map(|it| it.path()));
        }
    }
    found
}

/// The devices that a cgroup lets its processes use. Only the first version shows that.
#[must_use]
pub(super) fn devices(cgroup: &str) -> Option<Vec<Device>> {
    let root = hierarchies(Some("devices")).into_iter().find(|it| it.number != 0)?.root;
    let list = root.join(cgroup.trim_start_matches('/')).join("devices.list");
    let text = fs::read_to_string(list).ok()?;
    Some(devices::named(devices::listed(&text)))
}

fn processes(directory: &Path) -> Vec<u32> {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    // Zero stands for one that cannot be seen from here.
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect()
}

/// All processes that have the mounts of the host; None where these cannot be looked at.
#[must_use]
pub(super) fn of_host() -> Option<Members> {
    let mounts = namespace(1, "mnt").or_else(|| namespace(2, "mnt"))?;
    let pids = in_namespaces(&[("mnt", mounts)]);
    Some(Members { is_cut: pids.len() > PROCESSES_OF_ONE, pids })
}

/// The processes in one of these namespaces, each of a kind and by its number.
#[must_use]
pub(super) fn in_namespaces(wanted: &[(&str, u64)]) -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| wanted.iter().any(|(kind, id)| namespace(*pid, kind) == Some(*id))).collect()
}
