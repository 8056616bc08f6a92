//! The processes of the host: those daemons whose settings are asked for, and who runs code whose
//! file was replaced. Those of containers are left out.

use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
};

use super::{
    checks,
    found::{Found, some},
    root::{Answer, Looked, Question, Root},
    settings::Arguments,
};
use crate::{
    document::printable::terminal,
    enrich::cgroup_path,
    limits::{DESCRIPTORS_OF_ONE, HOST_NAMES, HOST_OLD_CODE, PROC_FILE_BYTES},
    posture::{listeners, maps},
    state::Assessment,
};

/// Programs whose settings are asked for.
const DAEMONS: [&str; 8] =
    ["dockerd", "containerd", "kubelet", "sshd", "k3s", "k0s", "kubelite", "rke2"];

/// The one that is mostly in a container, with the network of the host.
const PROXY: &str = "kube-proxy";

/// Bytes of the cgroups of a process: a path in each hierarchy.
const CGROUP_BYTES: u64 = 64 << 10;

/// Processes whose maps are asked for at once.
const MAPS_AT_ONCE: usize = 16;

/// A daemon that runs as root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Daemon {
    /// Its process.
    pub pid: u32,
    /// The name of its program.
    pub program: String,
    /// What it was started with.
    pub arguments: Arguments,
    /// Where it waits for others, on TCP.
    pub listens: Vec<(IpAddr, u16)>,
    /// It is in a container.
    pub is_inside: bool,
}

/// What the processes of the host show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Processes {
    /// Daemons.
    pub daemons: Vec<Daemon>,
    /// A Docker that a user runs who is not root.
    pub rootless: Option<u32>,
    /// Code whose file was replaced: its path, the process, and its program.
    pub old_code: Vec<(Vec<u8>, u32, String)>,
    /// Some could not be looked at, and why.
    pub unread: Option<String>,
}

impl Processes {
    /// Those of a program.
    pub(super) fn of<'a>(&'a self, program: &'a str) -> impl Iterator<Item = &'a Daemon> {
        self.daemons.iter().filter(move |it| it.program == program)
    }
}

/// Looks; None where the root is not that of a running host.
pub(super) fn read(root: &dyn Root) -> Looked<Processes> {
    let Some(names) = root.names("proc")? else { return Ok(None) };
    let pids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if pids.is_empty() {
        return Ok(None);
    }
    let mut found = Processes::default();
    let mut own: Vec<(u32, String)> = Vec::new();
    let net_of_host = of_host("net", |path| root.link(path));
    for (pid, exe, whose) in running(root, &pids) {
        let program = program(&exe);
        let is_inside = whose != Whose::Host;
        if whose == Whose::Unknown {
            let why = "the namespaces of the host cannot be looked at";
            found.unread = Some(format!("process {pid} may be of a container: {why}"));
        }
        let is_proxy = || root.link(&format!("proc/{pid}/ns/net")) == net_of_host;
        if program == PROXY && (!is_inside || is_proxy()) {
            found.daemons.extend(daemon(root, pid, program).map(|it| Daemon { is_inside, ..it }));
        }
        if is_inside {
            continue;
        }
        if program == "dockerd" && owner(root, pid).is_some_and(|owner| owner != 0) {
            found.rootless = Some(pid);
        }
        if DAEMONS.contains(&program) {
            found.daemons.extend(daemon(root, pid, program));
        }
        own.push((pid, program.to_owned()));
    }
    for some in own.chunks(MAPS_AT_ONCE) {
        let maps =
            |(pid, _): &(u32, String)| Question::Bytes(format!("proc/{pid}/maps"), PROC_FILE_BYTES);
        let asked: Vec<Question> = some.iter().map(maps).collect();
        for ((pid, program), answer) in some.iter().zip(root.ask_all(&asked)) {
            match answer {
                Ok(Some(Answer::Bytes(maps))) => note_old(&mut found, &maps, *pid, program),
                Ok(_) => {}
                Err(why) => found.unread = Some(why),
            }
        }
    }
    Ok(Some(found))
}

/// The name of a program, by where its process says that it is.
pub(super) fn program(exe: &str) -> &str {
    exe.trim_end_matches(" (deleted)").rsplit('/').next().unwrap_or_default()
}

/// Whether the settings of a program are asked for.
pub(super) fn is_daemon(program: &str) -> bool {
    program == PROXY || DAEMONS.contains(&program)
}

/// Those that run a program, each with the path of that, and whose it is.
fn running(root: &dyn Root, pids: &[u32]) -> Vec<(u32, String, Whose)> {
    let links = |pids: &[u32], what: &str| {
        root.links(pids.iter().map(|pid| format!("proc/{pid}/{what}")).collect())
    };
    let of_host = ["pid", "mnt"].map(|kind| of_host(kind, |path| root.link(path)));
    let exes = pids.iter().copied().zip(links(pids, "exe"));
    let (pids, exes): (Vec<u32>, Vec<String>) =
        exes.filter_map(|(pid, exe)| Some((pid, exe?))).unzip();
    let cgroups = |pid: &u32| Question::Bytes(format!("proc/{pid}/cgroup"), CGROUP_BYTES);
    let cgroups = root.ask_all(&pids.iter().map(cgroups).collect::<Vec<_>>());
    let own = links(&pids, "ns/pid").into_iter().zip(links(&pids, "ns/mnt"));
    let whose = own.zip(cgroups).map(|((pid, mnt), cgroups)| {
        let cgroups = match &cgroups {
            Ok(Some(Answer::Bytes(bytes))) => &bytes[..],
            _ => &[],
        };
        whose(&[pid, mnt], &of_host, cgroups)
    });
    let whole = pids.iter().zip(exes).zip(whose);
    whole.map(|((pid, exe), whose)| (*pid, exe, whose)).collect()
}

/// Whose a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The host's.
    Host,
    /// A container's.
    Container,
    /// One of both.
    Unknown,
}

/// The host's namespace of a kind: that of the first process, or, where that is not shown, of the
/// kernel's thread that starts others, which runs no program.
pub(super) fn of_host(kind: &str, link: impl Fn(&str) -> Option<String>) -> Option<String> {
    let of_thread = || match link("proc/2/exe") {
        None => link(&format!("proc/2/ns/{kind}")),
        Some(_) => None,
    };
    link(&format!("proc/1/ns/{kind}")).or_else(of_thread)
}

/// Whose a process is, as far as its cgroup and its pid and mount namespaces tell. A cgroup that no
/// service manager makes for itself may be a container's: who has other mounts there is one, and
/// of whom that is not shown it is not known.
pub(super) fn whose(
    own: &[Option<String>; 2],
    of_host: &[Option<String>; 2],
    cgroups: &[u8],
) -> Whose {
    let cgroups = String::from_utf8_lossy(cgroups);
    let paths = || cgroups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let is_apart = |own: &Option<String>, of_host: &Option<String>| {
        own.as_ref().zip(of_host.as_ref()).map(|(own, of_host)| own != of_host)
    };
    let ([pid, mnt], [host_pid, host_mnt]) = (own, of_host);
    let (pids, mounts) = (is_apart(pid, host_pid), is_apart(mnt, host_mnt));
    if pids == Some(true) || paths().any(cgroup_path::is_certain) {
        return Whose::Container;
    }
    match mounts {
        _ if paths().all(|path| cgroup_path::container(path).is_none()) => Whose::Host,
        Some(true) => Whose::Container,
        Some(false) => Whose::Host,
        None => Whose::Unknown,
    }
}

/// What it was told. Who is not root could call any program of its own so, and name files that only
/// root may read.
fn daemon(root: &dyn Root, pid: u32, program: &str) -> Option<Daemon> {
    if owner(root, pid)? != 0 {
        return None;
    }
    let line = root.bytes(&format!("proc/{pid}/cmdline"), PROC_FILE_BYTES).ok()??;
    Some(Daemon {
        pid,
        program: program.to_owned(),
        arguments: Arguments::parse(&line),
        listens: listens(root, pid),
        is_inside: false,
    })
}

fn owner(root: &dyn Root, pid: u32) -> Option<u32> {
    Some(root.stat(&format!("proc/{pid}")).ok()??.uid)
}

fn listens(root: &dyn Root, pid: u32) -> Vec<(IpAddr, u16)> {
    let names = root.names(&format!("proc/{pid}/fd")).ok().flatten().unwrap_or_default();
    let inode = |link: String| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    let names = names.iter().take(DESCRIPTORS_OF_ONE);
    let links = root.links(names.map(|name| format!("proc/{pid}/fd/{name}")).collect());
    let held: HashSet<u64> = links.into_iter().flatten().filter_map(inode).collect();
    let mut found = BTreeSet::new();
    for file in ["tcp", "tcp6"] {
        let table = root.bytes(&format!("proc/{pid}/net/{file}"), PROC_FILE_BYTES);
        let table = table.ok().flatten().unwrap_or_default();
        let table = String::from_utf8_lossy(&table);
        let sockets = table.lines().skip(1).filter_map(|line| listeners::socket(line, "0A"));
        let own = sockets.filter(|(_, _, inode)| held.contains(inode));
        found.extend(own.map(|(address, port, _)| (address, port)).take(HOST_NAMES));
    }
    found.into_iter().collect()
}

fn note_old(found: &mut Processes, text: &[u8], pid: u32, program: &str) {
    for line in text.split(|byte| *byte == b'\n') {
        let Some((path, true, true)) = maps::mapped(line) else { continue };
        let is_known = found.old_code.iter().any(|(known, ..)| *known == path);
        if maps::is_of_package(&path) && !is_known {
            if found.old_code.len() >= HOST_OLD_CODE {
                return;
            }
            found.old_code.push((path, pid, program.to_owned()));
        }
    }
}

/// Whether programs run whose files were replaced since.
pub(super) fn judge(processes: &Looked<Processes>) -> Vec<Assessment> {
    let found = match processes {
        Err(why) => Found::Unknown(why.clone()),
        Ok(None) => Found::not_applicable("nothing runs from this root"),
        Ok(Some(it)) => match (it.old_code.first(), &it.unread) {
            (None, Some(why)) => Found::Unknown(why.clone()),
            (None, None) => Found::Good,
            (Some((_, pid, program)), _) => {
                let said = |(path, _, program): &(Vec<u8>, u32, String)| {
                    format!("{} in {}", terminal(path), terminal(program.as_bytes()))
                };
                let all: Vec<String> = it.old_code.iter().map(said).collect();
                let evidence = vec![("pid", pid.to_string()), ("executable", program.clone())];
                Found::Bad(some(&all), evidence)
            }
        },
    };
    vec![found.of(&checks::OLD_CODE), metrics(processes).of(&checks::PROXY_METRICS)]
}

/// Where kube-proxy tells of its numbers, if nothing else is said.
const METRICS: u16 = 10_249;

/// Whether others than this host's can ask kube-proxy for its numbers, which name all services.
fn metrics(processes: &Looked<Processes>) -> Found {
    let found = match processes {
        Err(why) => return Found::Unknown(why.clone()),
        Ok(None) => return Found::not_applicable("nothing runs from this root"),
        Ok(Some(it)) => it,
    };
    let Some(proxy) = found.of(PROXY).next() else {
        return Found::not_applicable("no kube-proxy of its own is here");
    };
    let told = proxy.arguments.last(&["--metrics-bind-address"]);
    let port = told.and_then(|it| it.rsplit_once(':')?.1.parse().ok()).unwrap_or(METRICS);
    let at: Vec<&IpAddr> =
        proxy.listens.iter().filter(|it| it.1 == port).map(|(address, _)| address).collect();
    let open = at.iter().find(|it| !it.is_loopback());
    match open {
        Some(address) => {
            let evidence = vec![("pid", proxy.pid.to_string())];
            Found::Bad(std::net::SocketAddr::new(**address, port).to_string(), evidence)
        }
        None if at.is_empty() => Found::Unknown(format!("it does not listen at port {port}")),
        None => Found::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_a_process_is_its_namespace_tells_or_its_cgroup() {
        let id = "ab".repeat(32);
        let docker = format!("0::/system.slice/docker-{id}.scope\n");
        let (ours, theirs, none) = ([Some(1), Some(2)], [Some(3), Some(4)], [None, None]);
        for (own, of_host, cgroups, expected) in [
            (ours, ours, "0::/system.slice/x.service\n", Whose::Host),
            (ours, ours, "0::/openrc/sshd\n", Whose::Host),
            (ours, ours, &*docker, Whose::Container),
            (theirs, ours, "0::/\n", Whose::Container),
            ([Some(1), Some(4)], ours, "0::/default/x\n", Whose::Container),
            ([Some(1), Some(4)], ours, "0::/system.slice/x.service\n", Whose::Host),
            (theirs, none, "1:cpu:/\n0::/default/x\n", Whose::Unknown),
            (none, ours, "0::/default/x\n", Whose::Unknown),
            (theirs, [None, Some(2)], "0::/default/x\n", Whose::Container),
            (theirs, none, &docker, Whose::Container),
            (ours, none, "1:cpu:/\n0::/init.scope\n", Whose::Host),
            (ours, none, "0::/user.slice/user-0.slice/session-1.scope\n", Whose::Host),
        ] {
            let named = |all: [Option<u8>; 2]| all.map(|it| it.map(|it| it.to_string()));
            let found = whose(&named(own), &named(of_host), cgroups.as_bytes());
            assert_eq!(found, expected, "{cgroups}");
        }
    }

    #[test]
    fn the_kernels_own_thread_is_in_the_namespaces_of_the_host() {
        let link = |known: &'static [(&str, &str)]| {
            move |path: &str| {
                known.iter().find(|(it, _)| *it == path).map(|(_, to)| (*to).to_owned())
            }
        };
        let told = |known| of_host("pid", link(known));
        assert_eq!(told(&[("proc/1/ns/pid", "a"), ("proc/2/ns/pid", "b")]).as_deref(), Some("a"));
        assert_eq!(told(&[("proc/2/ns/pid", "b")]).as_deref(), Some("b"));
        assert_eq!(told(&[("proc/2/ns/pid", "b"), ("proc/2/exe", "/bin/x")]), None);
    }
}
