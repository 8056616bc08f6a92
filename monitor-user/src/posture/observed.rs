//! What a container is: the facts of the kernel about its processes. What a container can write is
//! not read, and nothing of it is opened.

use serde::{Deserialize, Serialize};

use std::{
    collections::BTreeSet,
    os::unix::fs::MetadataExt as _,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    time::Duration,
};

use super::host::{self, Directory, HostFacts};
use super::{
    declared::Declared,
    devices::Device,
    listeners::{self, Listener},
    maps::{self, Mapping},
    members,
    mounts::{self, Mounted},
    process::{self, Process, of_host},
    resources::Limits,
    sensitive::Places,
    set_ids::{Finder, SetIdFiles},
};
use crate::{
    fact::Reason,
    host::in_initial_pid_namespace,
    limits::{ENVIRON_BYTES, FOLLOWERS, MAPPED_FILES, PROCESSES_OF_ONE},
    live::boottime_ns,
};

/// A range of ids: the first inside, the first on the host, and how many.
pub type IdRange = (u32, u32, u32);

/// What was found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Observed {
    /// Its processes, the oldest first, without those of a runtime that is still making it: none
    /// before its first program.
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
    /// What the host has mounted is shown, and so what of these is the host's.
    pub knows_host_mounts: bool,
    /// What of the host is as much as the host.
    pub places: Places,
    /// Where declared paths lead to in it, if elsewhere, or why that is not known.
    pub aliases: Result<Vec<(String, String)>, String>,
    /// The limits that hold for it.
    pub limits: Limits,
    /// At which ports it listens, or why that is not known.
    pub listeners: Result<Vec<Listener>, String>,
    /// The namespaces that it was declared to join, by kind, where they are there still.
    pub joined: Vec<(String, u64)>,
    /// Names of its first process's environment that say that they hold a secret, or why they are
    /// not known. What they hold is not looked at.
    pub secrets: Result<Vec<String>, String>,
    /// Files that its processes have mapped as code, and archives of Java.
    pub mapped: Vec<Mapping>,
    /// There are more of them than are kept.
    pub is_mapped_cut: bool,
    /// The devices that it may use, where the kernel shows that.
    pub devices: Option<Vec<Device>>,
    /// The capabilities that a program of this host can come to have.
    pub of_host: u64,
    /// Which security modules this host has on.
    pub lsm: Lsm,
    /// Programs that run as another user, or why they are not known; None: nobody looked for them.
    pub set_ids: Option<Result<SetIdFiles, String>>,
}

/// Security modules that confine programs by profiles or labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Lsm {
    /// AppArmor is on.
    pub apparmor: bool,
    /// SELinux is on, and enforces.
    pub selinux: bool,
}

impl Lsm {
    fn of_host() -> Self {
        let says = |path: &str, word: &str| {
            std::fs::read_to_string(path).is_ok_and(|text| text.trim() == word)
        };
        Self {
            apparmor: says("/sys/module/apparmor/parameters/enabled", "Y"),
            selinux: says("/sys/fs/selinux/enforce", "1"),
        }
    }
}

/// How much of a container is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Scope {
    /// The processes in its cgroup.
    Cgroup,
    /// Those from outside that are in its namespaces, too: every process of the host is looked at.
    Whole,
    /// Not a container, but all that has the mounts of the host.
    Host,
}

/// Whether a process is in a cgroup or below it, and in no other container there.
#[must_use]
pub fn is_running(cgroup: &str, others: &[String]) -> bool {
    !members::in_cgroup(cgroup, others).pids.is_empty()
}

/// The processes of a container, the one with the lowest number first.
#[must_use]
pub fn pids(cgroup: &str, others: &[String]) -> Vec<u32> {
    let mut pids: Vec<u32> = members::in_cgroup(cgroup, others).pids.into_iter().collect();
    pids.sort_unstable();
    pids
}

/// A question: what is this container?
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Asked {
    /// The cgroup that names it.
    pub cgroup: String,
    /// Those of other containers, see [`look`].
    pub others: Vec<String>,
    /// What it was declared to be, as far as that is known.
    pub declared: Declared,
    /// Sockets of runtimes at places of their own.
    pub sockets: Vec<String>,
    /// How much of it is looked at.
    pub scope: Scope,
    /// Whether all of its root is looked through, too: that takes a while.
    pub is_thorough: bool,
}

/// Who looks.
pub trait Look: Send {
    /// Looks at a container. None if none of its processes is there any more.
    ///
    /// # Errors
    ///
    /// It cannot be looked at from here.
    fn look(&mut self, asked: &Asked) -> Result<Option<Observed>, Reason>;

    /// Looks at the host; these are sockets of runtimes at places of their own.
    ///
    /// # Errors
    ///
    /// It cannot be looked at from here.
    fn look_at_host(&mut self, sockets: &[String]) -> Result<HostFacts, Reason>;
}

/// Looks in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct;

impl Look for Direct {
    fn look(&mut self, asked: &Asked) -> Result<Option<Observed>, Reason> {
        Ok(look(asked))
    }

    fn look_at_host(&mut self, sockets: &[String]) -> Result<HostFacts, Reason> {
        // What would be looked at is a container.
        if !in_initial_pid_namespace() {
            return Err(Reason::NotPermitted);
        }
        let root = Directory::of_host().map_err(|_refused| Reason::NotPermitted)?;
        let root = root.naming(sockets);
        Ok(host::read(&root, sockets, listeners::of_host().map(Some), host::now()))
    }
}

/// The same, and all of a root where that is asked for.
#[derive(Debug, Default)]
pub struct Thorough {
    finder: Finder,
}

impl Look for Thorough {
    fn look(&mut self, asked: &Asked) -> Result<Option<Observed>, Reason> {
        let mut found = Direct.look(asked)?;
        if let Some(observed) = found.as_mut().filter(|_| asked.is_thorough)
            && let Some(first) = observed.processes.first()
        {
            observed.set_ids = Some(self.finder.of(first));
        }
        Ok(found)
    }

    fn look_at_host(&mut self, sockets: &[String]) -> Result<HostFacts, Reason> {
        Direct.look_at_host(sockets)
    }
}

/// Looks at a container; `others` are the cgroups of all others, but for those that it is in: of
/// the whole of it all, else those below it. None if none of its processes is there any more.
#[must_use]
pub fn look(asked: &Asked) -> Option<Observed> {
    let Asked { cgroup, others, declared, sockets, scope, .. } = asked;
    let scope = *scope;
    let members::Members { pids: inside, is_cut } = match scope {
        Scope::Host => members::of_host()?,
        Scope::Cgroup | Scope::Whole => members::in_cgroup(cgroup, others),
    };
    let host = of_host();
    let mut processes: Vec<Process> =
        inside.iter().take(PROCESSES_OF_ONE).filter_map(|pid| Process::look(*pid)).collect();
    processes.sort_by_key(|process| (process.started, process.pid));
    let first = processes.first()?.clone();
    let outside = match scope {
        Scope::Cgroup | Scope::Host => Vec::new(),
        Scope::Whole => {
            let of = |other: &String| members::in_cgroup(other, &[]).pids;
            let elsewhere = others.iter().flat_map(of).collect();
            strangers(&first, &host, declared, &inside, &elsewhere)
        }
    };
    let is_cut = is_cut || inside.len() + outside.len() > PROCESSES_OF_ONE;
    let room = PROCESSES_OF_ONE.saturating_sub(processes.len());
    let outside = outside.into_iter().take(room).filter_map(Process::look);
    processes.extend(outside.map(|it| Process { is_from_outside: true, ..it }));
    // Until a runtime has run the container's first program, what it is and has mapped is not the
    // container's.
    let now_ns = boottime_ns();
    processes.retain(|it| scope == Scope::Host || !it.is_of_runtime(now_ns));
    let ids = |file: &str| ranges(&process::text(first.pid, file).unwrap_or_default());
    let places = match scope {
        Scope::Host => Places::default(),
        Scope::Cgroup | Scope::Whole => Places::look(sockets),
    };
    // Where that is not shown, what is the host's is not known.
    let host_mounts = process::text(1, "mountinfo");
    let mounts = mounted(first.pid, host_mounts.as_deref(), &places);
    let listeners = listeners::of(&processes);
    let ports = match (scope, &listeners) {
        (Scope::Host, Ok(all)) => maps::ports(all),
        _ => maps::Ports::new(),
    };
    let mapped = maps::of(&processes, &ports);
    Some(Observed {
        is_cut,
        host,
        users: ids("uid_map"),
        groups: ids("gid_map"),
        aliases: aliases(first.pid, declared, mounts.as_deref().unwrap_or_default()),
        mounts,
        knows_host_mounts: host_mounts.is_some(),
        places,
        limits: Limits::read(cgroup),
        listeners,
        joined: joined(declared),
        secrets: secrets(first.pid),
        is_mapped_cut: mapped.len() >= MAPPED_FILES,
        mapped,
        devices: members::devices(cgroup),
        of_host: Process::look(1).map_or(u64::MAX, |first| first.bounding),
        lsm: Lsm::of_host(),
        set_ids: None,
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

fn mounted(pid: u32, host: Option<&str>, places: &Places) -> Result<Vec<Mounted>, String> {
    let text = process::text(pid, "mountinfo").ok_or("its first process has just ended")?;
    let mounts = mounts::parse(&text, host, places);
    mounts.ok_or_else(|| "it has more mounts than are read".to_owned())
}

/// How long a container's own file systems may take: who serves one need never answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Threads that follow paths of containers, and may hang there.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// One of them.
struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::AcqRel);
    }
}

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
    if WAITING.load(Ordering::Acquire) >= FOLLOWERS {
        return Err("file systems of other containers do not answer".to_owned());
    }
    let (answer, answered) = sync_channel(1);
    WAITING.fetch_add(1, Ordering::AcqRel);
    let waiting = Waiting;
    let follow = move || {
        let led = paths.into_iter().filter_map(|path| {
            let to = mounts::resolved(pid, &path)?;
            (to != path).then_some((path, to))
        });
        // Who asked may have given up.
        drop(answer.send(led.collect()));
        drop(waiting);
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

/// Ends and parts of names that say what is in them.
const SECRET: [&str; 8] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY"];

/// Names that lead to where a secret is, as images of databases have them.
const LEADS_TO: [&str; 3] = ["_FILE", "_PATH", "_DIR"];

/// Whether a variable's name says that it holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET.iter().any(|word| name.contains(word)) && !LEADS_TO.iter().any(|end| name.ends_with(end))
}

fn secrets(pid: u32) -> Result<Vec<String>, String> {
    let bytes = crate::input::read(&process::path(pid, "environ"), ENVIRON_BYTES)
        .map_err(|error| format!("its environment: {error}"))?;
    let names = bytes.split(|byte| *byte == 0).filter_map(|variable| {
        let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
        (!value.is_empty() && is_secret(name)).then(|| name.to_owned())
    });
    Ok(names.collect())
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
    fn names_say_what_is_a_secret() {
        for name in ["DB_PASSWORD", "api_key", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PATH", "POSTGRES_PASSWORD_FILE", "KEYS", "TOKEN_DIR", "HOME"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn maps_of_ids_are_read() {
        assert_eq!(ranges("         0     100000      65536\n"), [(0, 100_000, 65536)]);
        assert_eq!(ranges("0 0 4294967295\n7 x 1\n"), [(0, 0, u32::MAX)]);
    }
}
