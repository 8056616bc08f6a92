//! What a container is: the facts of the kernel about its processes. What a container can write is
//! not read, and nothing of it is opened.

use std::{
    collections::BTreeSet, os::unix::fs::MetadataExt as _, sync::mpsc::sync_channel, time::Duration,
};

use super::{
    declared::Declared,
    listeners::{self, Listener},
    members,
    mounts::{self, Mounted},
    process::{self, Process, of_host},
    resources::Limits,
};
use crate::limits::PROCESSES_OF_ONE;

/// A range of ids: the first inside, the first on the host, and how many.
pub type IdRange = (u32, u32, u32);

/// What was found.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Its processes, the oldest first.
    pub processes: Vec<Process>,
    /// It has more of them than are looked at.
    pub is_cut: bool,
    /// The host's namespaces.
    pub host: [Option<u64>; process::NAMESPACES.len()],
    /// Its users, as its first process's user namespace has them.
    pub users: Vec<IdRange>,
    /// Its groups, likewise.
    pub groups: Vec<IdRange>,
    /// What its first process sees mounted, or why that is not known.
    pub mounts: Result<Vec<Mounted>, String>,
    /// Where declared paths lead to in it, if elsewhere, or why that is not known.
    pub aliases: Result<Vec<(String, String)>, String>,
    /// The limits that hold for it.
    pub limits: Limits,
    /// At which ports it listens, or why that is not known.
    pub listeners: Result<Vec<Listener>, String>,
    /// The namespaces that it was declared to join, by kind, where they are there still.
    pub joined: Vec<(String, u64)>,
}

/// Whether a process is in a cgroup or below it, and in no other container there.
#[must_use]
pub fn is_running(cgroup: &str, others: &[String]) -> bool {
    !members::in_cgroup(cgroup, others).pids.is_empty()
}

/// Looks at a container; `others` are the cgroups of all others, but for those that it is in. None
/// if none of its processes is there any more.
#[must_use]
pub fn look(cgroup: &str, others: &[String], declared: &Declared) -> Option<Observed> {
    let members::Members { pids: inside, is_cut } = members::in_cgroup(cgroup, others);
    let elsewhere = others.iter().flat_map(|other| members::in_cgroup(other, &[]).pids).collect();
    let host = of_host();
    let mut processes: Vec<Process> =
        inside.iter().take(PROCESSES_OF_ONE).filter_map(|pid| Process::look(*pid)).collect();
    processes.sort_by_key(|process| (process.started, process.pid));
    let first = processes.first()?.clone();
    let outside = strangers(&first, &host, declared, &inside, &elsewhere);
    let is_cut = is_cut || inside.len() + outside.len() > PROCESSES_OF_ONE;
    let room = PROCESSES_OF_ONE.saturating_sub(processes.len());
    let outside = outside.into_iter().take(room).filter_map(Process::look);
    processes.extend(outside.map(|it| Process { is_from_outside: true, ..it }));
    let ids = |file: &str| ranges(&process::text(first.pid, file).unwrap_or_default());
    let mounts = mounted(first.pid);
    Some(Observed {
        is_cut,
        host,
        users: ids("uid_map"),
        groups: ids("gid_map"),
        aliases: aliases(first.pid, declared, mounts.as_deref().unwrap_or_default()),
        mounts,
        limits: Limits::read(cgroup),
        listeners: listeners::of(&processes),
        joined: joined(declared),
        processes,
    })
}

/// Those that are in its mount or pid namespace, which are its own, and in no container's cgroup.
fn strangers(
    first: &Process,
    host: &[Option<u64>],
    declared: &Declared,
    inside: &BTreeSet<u32>,
    elsewhere: &BTreeSet<u32>,
) -> Vec<u32> {
    let is_own = |kind: &str| {
        declared.namespaces.iter().any(|(known, path)| known == kind && path.is_none())
    };
    let own = ["mnt", "pid"].into_iter().filter(|kind| is_own(kind));
    let own = own.filter_map(|kind| Some((kind, first.namespace(kind)?)));
    let own: Vec<_> = own.filter(|(_, id)| !host.contains(&Some(*id))).collect();
    let all = members::in_namespaces(&own);
    all.into_iter().filter(|pid| !inside.contains(pid) && !elsewhere.contains(pid)).collect()
}

fn mounted(pid: u32) -> Result<Vec<Mounted>, String> {
    let text = process::text(pid, "mountinfo").ok_or("its first process has just ended")?;
    mounts::parse(&text).ok_or_else(|| "it has more mounts than are read".to_owned())
}

/// How long a container's own file systems may take: who serves one need never answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where each declared path leads to at which nothing is mounted, as `/var/run` mostly leads to
/// `/run`.
fn aliases(
    pid: u32,
    declared: &Declared,
    mounts: &[Mounted],
) -> Result<Vec<(String, String)>, String> {
    let paths = declared.mounts.iter().map(|mount| &mount.destination);
    let paths = paths.chain(&declared.covered);
    let is_there = |path: &&String| mounts.iter().any(|mount| mount.at == **path);
    let paths: Vec<String> = paths.filter(|path| !is_there(path)).cloned().collect();
    let (answer, answered) = sync_channel(1);
    let follow = move || {
        let led = paths.into_iter().filter_map(|path| {
            let to = mounts::resolved(pid, &path)?;
            (to != path).then_some((path, to))
        });
        // Who asked may have given up.
        drop(answer.send(led.collect()));
    };
    std::thread::Builder::new()
        .name("links".into())
        .spawn(follow)
        .map_err(|error| format!("no thread: {error}"))?;
    answered.recv_timeout(PATIENCE).map_err(|_late| "its file systems do not answer".to_owned())
}

/// The namespaces that it was to join.
fn joined(declared: &Declared) -> Vec<(String, u64)> {
    let one = |(kind, path): &(String, Option<String>)| {
        Some((kind.clone(), std::fs::metadata(path.as_ref()?).ok()?.ino()))
    };
    declared.namespaces.iter().filter_map(one).collect()
}

fn ranges(text: &str) -> Vec<IdRange> {
    let range = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(inside)), Some(Ok(outside)), Some(Ok(count))) => {
                Some((inside, outside, count))
            }
            _ => None,
        }
    };
    text.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_ids_are_read() {
        assert_eq!(ranges("         0     100000      65536\n"), [(0, 100_000, 65536)]);
        assert_eq!(ranges("0 0 4294967295\n7 x 1\n"), [(0, 0, u32::MAX)]);
    }
}
