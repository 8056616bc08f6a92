//! The comparison itself: it touches nothing.

mod places;
mod rights;

use super::{declared::Declared, observed::Observed, ports, process::Process};
use crate::fact::Fact;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Whom programs run as.
    User,
    /// Their groups.
    Groups,
    /// What they may do of what only root may.
    Capabilities,
    /// Whether they gain privileges.
    NoNewPrivileges,
    /// Whether their system calls are filtered.
    Seccomp,
    /// Their AppArmor profile.
    Apparmor,
    /// Which namespaces are their own.
    Namespaces,
    /// Whether the root can be written to.
    Root,
    /// What is mounted.
    Mounts,
    /// How much memory they may have.
    Memory,
    /// How much of the processors they may have.
    Cpu,
    /// How many they may be.
    Pids,
    /// At which ports they listen.
    Ports,
}

impl Part {
    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Groups => "groups",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivileges => "no_new_privs",
            Self::Seccomp => "seccomp",
            Self::Apparmor => "apparmor",
            Self::Namespaces => "namespaces",
            Self::Root => "readonly_root",
            Self::Mounts => "mounts",
            Self::Memory => "memory_limit",
            Self::Cpu => "cpu_limit",
            Self::Pids => "pids_limit",
            Self::Ports => "ports",
        }
    }
}

/// Something that is more than was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of what.
    pub part: Part,
    /// What was declared.
    pub declared: String,
    /// What is.
    pub observed: String,
    /// Who shows it: a process of which that is so.
    pub evidence: Option<Evidence>,
}

/// A process that shows a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its id, as the host numbers processes.
    pub pid: u32,
    /// Its program.
    pub program: Vec<u8>,
    /// It is in the container's namespaces, and not in its cgroup.
    pub is_from_outside: bool,
    /// How many more show the same.
    pub more: usize,
}

/// What came of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is more than was declared.
    Same,
    /// Something is.
    Differs,
    /// It cannot be compared, for this reason.
    Unknown(String),
}

/// What came of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is more than was declared.
    pub differences: Vec<Difference>,
    /// What came of each part.
    pub parts: Vec<(Part, Outcome)>,
}

/// What was found of one part: differences, or why it cannot be compared.
type Found = Result<Vec<Difference>, String>;

/// Compares.
#[must_use]
pub fn compare(declared: &Declared, ports: &Fact<Box<str>>, observed: &Observed) -> Comparison {
    let mut all = Comparison::default();
    let users = rights::users(declared, observed);
    let known: Vec<u32> = users.iter().flatten().flat_map(|it| it.pids.clone()).collect();
    let found = [
        (Part::User, users.map(rights::lines)),
        (Part::Groups, rights::groups(declared, observed, &known)),
        (Part::Capabilities, rights::capabilities(declared, observed)),
        (Part::NoNewPrivileges, rights::no_new_privs(declared, observed)),
        (Part::Seccomp, rights::seccomp(declared, observed)),
        (Part::Apparmor, rights::apparmor(declared, observed)),
        (Part::Namespaces, places::namespaces(declared, observed)),
        (Part::Root, places::root(declared, observed)),
        (Part::Mounts, places::mounts(declared, observed)),
        (Part::Memory, limit(Part::Memory, declared.memory, &observed.limits.memory)),
        (Part::Cpu, limit(Part::Cpu, declared.cpu, &observed.limits.cpu)),
        (Part::Pids, limit(Part::Pids, declared.pids, &observed.limits.pids)),
        (Part::Ports, listeners(ports, observed)),
    ];
    for (part, found) in found {
        all.take(part, found, observed.is_cut);
    }
    all
}

impl Comparison {
    fn take(&mut self, part: Part, found: Found, is_cut: bool) {
        let of_processes = part <= Part::Namespaces || part == Part::Ports;
        let outcome = match found {
            Err(why) => Outcome::Unknown(why),
            Ok(found) if !found.is_empty() => {
                self.differences.extend(found);
                Outcome::Differs
            }
            Ok(_) if is_cut && of_processes => {
                Outcome::Unknown("it has more processes than are looked at".to_owned())
            }
            Ok(_) => Outcome::Same,
        };
        self.parts.push((part, outcome));
    }

    /// Leaves out what another look did not show: a runtime that enters a container has more rights
    /// than it for a moment.
    #[must_use]
    pub fn confirmed(mut self, again: &Self) -> Self {
        let same = |one: &Difference, other: &Difference| {
            let pid = |it: &Difference| it.evidence.as_ref().map(|it| it.pid);
            one.part == other.part && one.observed == other.observed && pid(one) == pid(other)
        };
        self.differences.retain(|it| again.differences.iter().any(|other| same(it, other)));
        for (part, outcome) in &mut self.parts {
            let is_left = self.differences.iter().any(|it| it.part == *part);
            if *outcome == Outcome::Differs && !is_left {
                let then = again.parts.iter().find(|(of, _)| of == part).map(|(_, it)| it.clone());
                // What differs otherwise each time is not the same as declared.
                *outcome = match then {
                    Some(Outcome::Differs) | None => {
                        Outcome::Unknown("it changed while it was looked at".to_owned())
                    }
                    Some(then) => then,
                };
            }
        }
        self
    }
}

/// Processes of which the same is more than was declared.
#[derive(Clone, Debug)]
struct Group<'o> {
    part: Part,
    declared: String,
    observed: String,
    first: &'o Process,
    pids: Vec<u32>,
}

/// Gathers processes by what is observed of them.
fn gathered<'o>(
    part: Part,
    declared: &str,
    observed: &'o Observed,
    of: impl Fn(&'o Process) -> Option<String>,
) -> Vec<Group<'o>> {
    let mut groups: Vec<Group<'o>> = Vec::new();
    for process in &observed.processes {
        let Some(found) = of(process) else { continue };
        match groups.iter_mut().find(|group| group.observed == found) {
            Some(group) => group.pids.push(process.pid),
            None => groups.push(Group {
                part,
                declared: declared.to_owned(),
                observed: found,
                first: process,
                pids: vec![process.pid],
            }),
        }
    }
    groups
}

impl Group<'_> {
    fn line(self) -> Difference {
        let evidence = Evidence {
            pid: self.first.pid,
            program: self.first.program.clone(),
            is_from_outside: self.first.is_from_outside,
            more: self.pids.len().saturating_sub(1),
        };
        let Self { part, declared, observed, .. } = self;
        Difference { part, declared, observed, evidence: Some(evidence) }
    }
}

/// Thousandths of a processor by which service managers round up.
const ROUNDED: u64 = 10;

fn limit(part: Part, declared: Option<u64>, observed: &super::resources::Limit) -> Found {
    let Some(declared) = declared else { return Ok(Vec::new()) };
    let found = observed.clone()?;
    let room = if part == Part::Cpu { ROUNDED } else { 0 };
    if found.is_some_and(|found| found <= declared.saturating_add(room)) {
        return Ok(Vec::new());
    }
    let unit = match part {
        Part::Memory => " bytes",
        Part::Cpu => " thousandths of a processor",
        _ => " tasks",
    };
    let shown = |limit: u64| format!("{limit}{unit}");
    Ok(vec![Difference {
        part,
        declared: shown(declared),
        observed: found.map_or_else(|| "no limit".to_owned(), shown),
        evidence: None,
    }])
}

fn listeners(declared: &Fact<Box<str>>, observed: &Observed) -> Found {
    let found = observed.listeners.as_ref().map_err(Clone::clone)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let declared = match declared {
        Fact::Known(ports, _) => &**ports,
        Fact::Unknown(_) => {
            let mut ports: Vec<String> =
                found.iter().map(|it| format!("{}/{}", it.port, it.protocol)).collect();
            ports.dedup();
            let ports = ports.join(" ");
            return Err(format!("which are declared is kept nowhere; it listens at {ports}"));
        }
    };
    let mut differences: Vec<Difference> = Vec::new();
    for it in found.iter().filter(|it| !ports::holds(declared, it.port, &it.protocol)) {
        let shown = format!("{}/{}", it.port, it.protocol);
        if differences.iter().any(|known| known.observed == shown) {
            continue;
        }
        let holder = observed.processes.iter().find(|process| process.pid == it.pid);
        differences.push(Difference {
            part: Part::Ports,
            declared: if declared.is_empty() { "none".to_owned() } else { declared.to_owned() },
            observed: shown,
            evidence: holder.map(|process| Evidence {
                pid: process.pid,
                program: process.program.clone(),
                is_from_outside: process.is_from_outside,
                more: 0,
            }),
        });
    }
    Ok(differences)
}

#[cfg(test)]
pub(super) mod tests;
