//! What the checks say of a container that was looked at. It touches nothing, and what cannot be
//! seen is never counted as passed.

use super::{
    checks,
    compare::{Comparison, Evidence, Outcome, Part},
    declared::Declared,
    devices::{self, Device},
    listeners::Listener,
    maps::{self, Mapping},
    mounts::Mounted,
    observed::Observed,
    process::{NAMESPACES, Process},
    set_ids, traffic,
};
use crate::{
    document::printable::terminal,
    event::base_name,
    state::{Assessment, Check, Status},
    words::{self, CAPABILITIES},
};

/// What a check finds: what is wrong, with what shows it, or why that cannot be seen. None: it is
/// as it should be.
type Found = Result<Option<(String, Vec<(&'static str, String)>)>, String>;

/// Asks every check; `declared` is what it was declared to be and what is more than that, or why
/// nothing was compared.
#[must_use]
pub fn assess(
    observed: &Observed,
    declared: Result<(&Declared, &Comparison), &str>,
) -> Vec<Assessment> {
    let own = [
        (&checks::PRIVILEGED, privileged(observed)),
        (&checks::RUNTIME_SOCKET, of_host(observed, |it| observed.places.sockets_of(it))),
        (&checks::SENSITIVE_MOUNT, of_host(observed, |it| observed.places.directories_of(it))),
        (&checks::CAPABILITIES, capabilities(observed, DANGEROUS)),
        (&checks::HOST_PID, shares(observed, "pid")),
        (&checks::HOST_NETWORK, shares(observed, "net")),
        (&checks::HOST_IPC, shares(observed, "ipc")),
        (&checks::HOST_UTS, shares(observed, "uts")),
        (&checks::HOST_CGROUP, shares(observed, "cgroup")),
        (&checks::HOST_USERS, shares(observed, "user")),
        (&checks::ROOT_USER, root_user(observed)),
        (&checks::NET_RAW, capabilities(observed, &["CAP_NET_RAW"])),
        (&checks::NO_NEW_PRIVS, each(observed, |it| it.no_new_privs, "its programs can")),
        (&checks::PROPAGATION, of_host(observed, |it| is_shared(it).then(Vec::new))),
        (&checks::WRITABLE_ROOT, writable_root(observed)),
        (&checks::SECCOMP, each(observed, |it| it.seccomp, "no filter")),
        (&checks::CONFINED, confined(observed)),
        (&checks::MEMORY, limited(&observed.limits.memory, "memory")),
        (&checks::CPU, limited(&observed.limits.cpu, "processors")),
        (&checks::PIDS, limited(&observed.limits.pids, "processes")),
        (&checks::SSHD, sshd(observed)),
        (&checks::PRIVILEGED_PORT, listening(observed, |it| it.port < 1024)),
        (&checks::PUBLIC_LISTENER, public(observed)),
        (&checks::OLD_CODE, old_code(observed)),
        (&checks::ACCOUNT_TOKEN, mounted(observed, |it| (it.at == TOKEN).then(Vec::new))),
        (&checks::SECRETS_IN_ENV, secrets(observed)),
    ];
    let own = own.into_iter().map(|(check, found)| assessment(check, found));
    let listeners = observed.listeners.as_deref().map_err(String::as_str);
    let spoken = traffic::judge(listeners, &checks::PLAINTEXT_LISTENER);
    let set_ids = said(&checks::SETUID_FILES, set_ids::judge(observed));
    let of_host = declared.ok().and_then(|(declared, _)| declared.devices.as_deref());
    let of_host = said(&checks::HOST_DEVICES, devices::judge(observed, of_host));
    let beyond = beyond(declared.map(|(_, comparison)| comparison));
    own.chain([of_host, spoken, set_ids]).chain(beyond).collect()
}

/// Whether something is wrong and what there is, also where nothing is; or why it cannot be seen.
pub(super) type Said = Result<(bool, String), String>;

fn said(check: &'static Check, said: Said) -> Assessment {
    let (status, text) = match said {
        Ok((true, text)) => (Status::Fail, text),
        Ok((false, text)) => (Status::Pass, text),
        Err(why) => (Status::Unknown, why),
    };
    let text = terminal(text.as_bytes()).into_owned();
    Assessment { check, status, text, evidence: Vec::new() }
}

fn assessment(check: &'static Check, found: Found) -> Assessment {
    let (status, text, evidence) = match found {
        Ok(None) => (Status::Pass, String::new(), Vec::new()),
        Ok(Some((text, evidence))) => (Status::Fail, text, evidence),
        Err(why) => (Status::Unknown, why, Vec::new()),
    };
    Assessment { check, status, text, evidence }
}

/// Where pods have the token of their service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Capabilities with which a program can come to the host, beyond those that runtimes give.
const DANGEROUS: &[&str] = &[
    "CAP_BPF",
    "CAP_DAC_READ_SEARCH",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_NET_ADMIN",
    "CAP_PERFMON",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_TIME",
    "CAP_SYSLOG",
];

fn every_capability() -> u64 {
    (1_u64 << CAPABILITIES.len()) - 1
}

fn first(observed: &Observed) -> Result<&Process, String> {
    observed.processes.first().ok_or_else(|| "it has just ended".to_owned())
}

/// Names and values of who shows it.
fn who(process: &Process) -> Vec<(&'static str, String)> {
    let program = terminal(&process.program).into_owned();
    vec![("pid", process.pid.to_string()), ("executable", program)]
}

/// Whether a process shares a namespace with the host; None where that cannot be seen.
fn is_of_host(observed: &Observed, process: &Process, kind: &str) -> Option<bool> {
    let place = NAMESPACES.iter().position(|known| *known == kind)?;
    let host = observed.host.get(place).copied().flatten()?;
    Some(process.namespace(kind)? == host)
}

/// Who counts as root of the host: whose user namespace is another one is root there only.
fn is_in_host_users(observed: &Observed, process: &Process) -> bool {
    is_of_host(observed, process, "user").unwrap_or(true)
}

fn privileged(observed: &Observed) -> Found {
    let first = first(observed)?;
    // Where the host itself lacks some, nobody can have them.
    let all = every_capability() & observed.of_host;
    let has_all = first.capabilities & all == all && is_in_host_users(observed, first);
    let devices = observed.devices.as_ref().map(|all| all.iter().any(Device::is_all));
    if !has_all || first.seccomp == Some(true) || devices == Some(false) {
        return Ok(None);
    }
    let seen = if devices == Some(true) { ", all devices" } else { "" };
    Ok(Some((format!("all capabilities, no seccomp filter{seen}"), who(first))))
}

fn capabilities(observed: &Observed, wanted: &[&str]) -> Found {
    let bit = |name: &&str| CAPABILITIES.iter().position(|known| known == name);
    let wanted = wanted.iter().filter_map(bit).fold(0_u64, |set, bit| set | 1 << bit);
    let held = |process: &&Process| {
        process.capabilities & wanted != 0 && is_in_host_users(observed, process)
    };
    let holders: Vec<&Process> = observed.processes.iter().filter(held).collect();
    let Some(first) = holders.first() else { return Ok(None) };
    let set = holders.iter().fold(0, |set, process| set | process.capabilities & wanted);
    Ok(Some((words::capabilities(set), who(first))))
}

fn shares(observed: &Observed, kind: &str) -> Found {
    let first = first(observed)?;
    match is_of_host(observed, first, kind) {
        None => Err("the namespaces cannot be looked at".to_owned()),
        Some(false) => Ok(None),
        Some(true) => {
            let word = match kind {
                "net" => "network",
                other => other,
            };
            Ok(Some((format!("its {word} namespace is the host's"), who(first))))
        }
    }
}

fn root_user(observed: &Observed) -> Found {
    // The one that it acts as, of real, effective, saved and file system user.
    let is_root = |it: &&Process| it.uids.get(1) == Some(&0);
    let found = observed.processes.iter().find(is_root);
    Ok(found.map(|it| ("user 0 of the host".to_owned(), who(it))))
}

/// What must be so of every process.
fn each(observed: &Observed, is_so: fn(&Process) -> Option<bool>, not_so: &str) -> Found {
    let mut found = None;
    for process in &observed.processes {
        match is_so(process) {
            None => return Err("this kernel does not show it".to_owned()),
            Some(true) => {}
            Some(false) => found = found.or(Some(process)),
        }
    }
    Ok(found.map(|process| (not_so.to_owned(), who(process))))
}

/// The same of mounts of which it counts where the host has them.
fn of_host<'o>(
    observed: &'o Observed,
    what: impl Fn(&'o Mounted) -> Option<Vec<&'o str>>,
) -> Found {
    match mounted(observed, what)? {
        None if !observed.knows_host_mounts => {
            Err("what the host has mounted is not shown".to_owned())
        }
        found => Ok(found),
    }
}

/// Mounts that something is wrong with; `what` says so, and which places of the host they have.
fn mounted<'o>(
    observed: &'o Observed,
    what: impl Fn(&'o Mounted) -> Option<Vec<&'o str>>,
) -> Found {
    let mounts = observed.mounts.as_ref().map_err(Clone::clone)?;
    let found = mounts.iter().filter(|it| it.at != "/").filter_map(|it| Some((it, what(it)?)));
    let found: Vec<(&Mounted, Vec<&str>)> = found.collect();
    if found.is_empty() {
        return Ok(None);
    }
    let shown = |(it, has): &(&Mounted, Vec<&str>)| {
        let from = it.on_host.as_ref().unwrap_or(&it.source);
        let mode = if it.is_readonly { "read-only" } else { "writable" };
        let has: Vec<&str> = has.iter().copied().filter(|it| it != from).collect();
        let has = match has.is_empty() {
            true => String::new(),
            false => format!(", with {}", some(&has)),
        };
        match it.at == *from {
            true => format!("{from} ({mode}{has})"),
            false => format!("{from} at {} ({mode}{has})", it.at),
        }
    };
    let list: Vec<String> = found.iter().take(SHOWN).map(shown).collect();
    let more = found.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let text = terminal(format!("{}{more}", list.join(", ")).as_bytes()).into_owned();
    Ok(Some((text, Vec::new())))
}

/// Of a list that a text names, so many.
const SHOWN: usize = 8;

/// The first of a list, and how many there are beyond.
fn some(all: &[&str]) -> String {
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(" ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn is_shared(mount: &Mounted) -> bool {
    mount.is_shared && mount.on_host.is_some()
}

fn writable_root(observed: &Observed) -> Found {
    let mounts = observed.mounts.as_ref().map_err(Clone::clone)?;
    let root = mounts.iter().rev().find(|it| it.at == "/");
    let root = root.ok_or("its first process has another root")?;
    Ok((!root.is_readonly).then(|| (format!("{} at /", root.kind), Vec::new())))
}

fn confined(observed: &Observed) -> Found {
    if !observed.lsm.apparmor && !observed.lsm.selinux {
        return Err("neither AppArmor nor SELinux is on here".to_owned());
    }
    if !observed.lsm.apparmor {
        return Err("labels of SELinux are not compared".to_owned());
    }
    each(
        observed,
        |it| it.apparmor.as_deref().map(|name| !name.is_empty() && name != "unconfined"),
        "unconfined",
    )
}

fn limited(limit: &Result<Option<u64>, String>, what: &str) -> Found {
    match limit {
        Err(why) => Err(why.clone()),
        Ok(Some(_)) => Ok(None),
        Ok(None) => {
            Ok(Some((format!("no limit of {what} in its cgroup or one above"), Vec::new())))
        }
    }
}

fn sshd(observed: &Observed) -> Found {
    let is_sshd = |it: &&Process| base_name(&it.program) == b"sshd";
    let found = observed.processes.iter().find(is_sshd);
    Ok(found.map(|it| (terminal(&it.program).into_owned(), who(it))))
}

fn listening(observed: &Observed, is_it: impl Fn(&Listener) -> bool) -> Found {
    let listeners = observed.listeners.as_ref().map_err(Clone::clone)?;
    let mut found: Vec<String> = listeners
        .iter()
        .filter(|it| is_it(it))
        .map(|it| format!("{}/{}", it.port, it.protocol))
        .collect();
    found.sort();
    found.dedup();
    Ok((!found.is_empty()).then(|| (found.join(" "), Vec::new())))
}

/// Only in the host's network are all addresses those of the host.
fn public(observed: &Observed) -> Found {
    match is_of_host(observed, first(observed)?, "net") {
        None => Err("the namespaces cannot be looked at".to_owned()),
        Some(false) => Ok(None),
        Some(true) => listening(observed, |it| it.address.is_unspecified()),
    }
}

fn old_code(observed: &Observed) -> Found {
    let is_old = |it: &&Mapping| it.is_code && it.is_deleted && maps::is_of_package(&it.path);
    let old: Vec<&Mapping> = observed.mapped.iter().filter(is_old).collect();
    let Some(first) = old.first() else {
        let why = "it has more mapped files than are looked at";
        return if observed.is_mapped_cut { Err(why.to_owned()) } else { Ok(None) };
    };
    let names: Vec<_> = old.iter().take(SHOWN).map(|it| terminal(&it.path)).collect();
    let more = old.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok(Some((format!("{}{more}", names.join(" ")), vec![("pid", first.pid.to_string())])))
}

fn secrets(observed: &Observed) -> Found {
    let names = observed.secrets.as_ref().map_err(Clone::clone)?;
    let shown = || terminal(names.join(" ").as_bytes()).into_owned();
    Ok((!names.is_empty()).then(|| (shown(), Vec::new())))
}

/// What is more than was declared: of each part one finding that names all of it.
fn beyond(comparison: Result<&Comparison, &str>) -> Vec<Assessment> {
    const PARTS: [Part; 13] = [
        Part::User,
        Part::Groups,
        Part::Capabilities,
        Part::NoNewPrivileges,
        Part::Seccomp,
        Part::Apparmor,
        Part::Namespaces,
        Part::Root,
        Part::Mounts,
        Part::Memory,
        Part::Cpu,
        Part::Pids,
        Part::Ports,
    ];
    let of = |part: Part| -> Assessment {
        let check = checks::of_part(part).unwrap_or(&checks::UNDECLARED_PORT);
        let found = match comparison {
            Err(why) => Err(why.to_owned()),
            Ok(comparison) => differences(comparison, part),
        };
        assessment(check, found)
    };
    PARTS.map(of).into()
}

fn differences(comparison: &Comparison, part: Part) -> Found {
    let outcome = comparison.parts.iter().find(|(of, _)| *of == part).map(|(_, outcome)| outcome);
    match outcome {
        None => Err("it was not compared".to_owned()),
        Some(Outcome::Unknown(why)) => Err(why.clone()),
        Some(Outcome::Same) => Ok(None),
        Some(Outcome::Differs) => {
            let all = || comparison.differences.iter().filter(|it| it.part == part);
            let shown = all().take(SHOWN).map(|it| match it.declared.as_str() {
                "not mounted" => it.observed.clone(),
                declared => format!("{} (declared: {declared})", it.observed),
            });
            let text = shown.collect::<Vec<_>>().join("; ");
            let evidence = all().find_map(|it| it.evidence.as_ref()).map_or_else(Vec::new, of);
            Ok(Some((terminal(text.as_bytes()).into_owned(), evidence)))
        }
    }
}

fn of(evidence: &Evidence) -> Vec<(&'static str, String)> {
    let program = terminal(&evidence.program).into_owned();
    vec![("pid", evidence.pid.to_string()), ("executable", program)]
}

#[cfg(test)]
mod tests;
