//! One process of a container, as the kernel tells of it.

use serde::{Deserialize, Serialize};

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use crate::{event::base_name, input, limits::PROC_FILE_BYTES};

/// The namespaces that are compared, as `/proc/PID/ns` names them.
pub(super) const NAMESPACES: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Process {
    /// Its id, as the host numbers processes.
    pub pid: u32,
    /// The program that it runs: path in its own root, or its name.
    pub program: Vec<u8>,
    /// When it started, clock ticks since boot.
    pub started: u64,
    /// Real, effective, saved and file system user.
    pub uids: Vec<u32>,
    /// The same of groups, and its further groups.
    pub gids: Vec<u32>,
    /// Effective, permitted and ambient capabilities.
    pub capabilities: u64,
    /// The capabilities that it can come to have.
    pub bounding: u64,
    /// Whether it gains no privileges.
    pub no_new_privs: Option<bool>,
    /// Whether it is under seccomp.
    pub seccomp: Option<bool>,
    /// Its AppArmor profile.
    pub apparmor: Option<String>,
    /// Its namespaces, in the order of [`NAMESPACES`].
    pub namespaces: [Option<u64>; NAMESPACES.len()],
    /// It is not in the container's cgroup, only in its namespaces.
    pub is_from_outside: bool,
}

/// A file of a process in `/proc`.
pub(super) fn path(pid: u32, file: &str) -> PathBuf {
    format!("/proc/{pid}/{file}").into()
}

/// Its text; None where the process has ended, or may not be looked at.
pub(super) fn text(pid: u32, file: &str) -> Option<String> {
    let bytes = input::read(&path(pid, file), PROC_FILE_BYTES).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A namespace of a process, by number.
pub(super) fn namespace(pid: u32, name: &str) -> Option<u64> {
    fs::metadata(path(pid, &format!("ns/{name}"))).ok().map(|it| it.ino())
}

/// The host's namespaces, in the order of [`NAMESPACES`]: those of the first process, or of the
/// kernel's thread that starts others.
#[must_use]
pub(super) fn of_host() -> [Option<u64>; NAMESPACES.len()] {
    NAMESPACES.map(|name| namespace(1, name).or_else(|| namespace(2, name)))
}

impl Process {
    /// Looks at one; None where it has ended.
    #[must_use]
    pub fn look(pid: u32) -> Option<Self> {
        let namespaces = NAMESPACES.map(|name| namespace(pid, name));
        let apparmor = text(pid, "attr/apparmor/current");
        let program = fs::read_link(path(pid, "exe")).ok();
        let started = started(&text(pid, "stat")?)?;
        // Last: who has ended meanwhile has no status any more.
        let mut process = Self::of_status(&text(pid, "status")?)?;
        if let Some(program) = program {
            process.program = program.into_os_string().into_encoded_bytes();
        }
        let apparmor = apparmor.map(|text| text.trim_end_matches(['\n', '\0']).to_owned());
        Some(Self { pid, started, namespaces, apparmor, ..process })
    }

    /// What `/proc/PID/status` says; None of one that has ended and is not waited for yet.
    fn of_status(status: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix(':')).map(str::trim)
        };
        let numbers = |name: &str| -> Vec<u32> {
            let words = field(name).unwrap_or_default().split_whitespace();
            words.filter_map(|word| word.parse().ok()).collect()
        };
        let set = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
        if field("State")?.starts_with(['Z', 'X']) {
            return None;
        }
        let gids = numbers("Gid").into_iter().chain(numbers("Groups")).collect();
        // Before Linux 4.3 there are no ambient ones.
        let capabilities = set("CapEff")? | set("CapPrm")? | set("CapAmb").unwrap_or_default();
        Some(Self {
            program: field("Name").unwrap_or_default().as_bytes().to_vec(),
            uids: numbers("Uid"),
            gids,
            capabilities,
            bounding: set("CapBnd")?,
            no_new_privs: field("NoNewPrivs").map(|word| word != "0"),
            seccomp: field("Seccomp").map(|word| word != "0"),
            ..Self::default()
        })
    }

    /// One of its namespaces.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<u64> {
        let at = NAMESPACES.iter().position(|known| *known == name)?;
        self.namespaces.get(at).copied().flatten()
    }
}

/// Names of programs of runtimes.
const RUNTIMES: [&[u8]; 4] = [b"runc", b"crun", b"youki", b"conmon"];

/// Whether a program is that of a runtime, which is in a container before the container's first
/// program is. runc runs a copy of itself: one in memory, or its file at a mount that it took away,
/// of which nothing but the root is left.
pub(crate) fn is_program_of_runtime(program: &[u8]) -> bool {
    let program = program.strip_suffix(b" (deleted)").unwrap_or(program);
    let name = base_name(program);
    let is_copy = [&b"/memfd:runc"[..], b"/memfd:crun"].iter().any(|it| program.starts_with(it));
    program == b"/" || is_copy || RUNTIMES.contains(&name)
}

/// Of which one second has a hundred, in what the kernel tells programs (`USER_HZ`).
const TICK_NS: u64 = 10_000_000;

/// How long, in nanoseconds, a runtime takes at most until it runs the container's first program:
/// what is there for longer only has the name of one, which anybody can give.
const RUNTIME_NS: u64 = 30_000_000_000;

impl Process {
    /// Whether it is a runtime's, which is about to run a program in the container.
    #[must_use]
    pub(super) fn is_of_runtime(&self, boottime_ns: u64) -> bool {
        let age_ns = boottime_ns.saturating_sub(self.started.saturating_mul(TICK_NS));
        is_program_of_runtime(&self.program) && age_ns < RUNTIME_NS
    }
}

/// When a process started, clock ticks since boot.
pub(super) fn since(pid: u32) -> Option<u64> {
    started(&text(pid, "stat")?)
}

/// When a process started, from `/proc/PID/stat`: its name can hold anything.
fn started(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_who_a_process_is_and_what_it_may() {
        let status = "Name:\ta) b\nState:\tS (sleeping)\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n\
                      Groups:\t5 27 \nNSpid:\t7\nCapInh:\t0\nCapPrm:\t3\nCapEff:\t1\nCapBnd:\tff\n\
                      CapAmb:\t8\nNoNewPrivs:\t0\nSeccomp:\t2\n";
        let process = Process::of_status(status).unwrap();
        assert_eq!(process.uids, [1000, 0, 0, 0]);
        assert_eq!(process.gids, [5, 5, 5, 5, 5, 27]);
        assert_eq!((process.capabilities, process.bounding), (0xb, 0xff));
        assert_eq!((process.no_new_privs, process.seccomp), (Some(false), Some(true)));
        assert_eq!(process.program, b"a) b");
        let ended = status.replace("S (sleeping)", "Z (zombie)");
        assert_eq!(Process::of_status(&ended), None);
    }

    #[test]
    fn runtimes_are_known_by_what_they_run() {
        for program in [
            "/usr/bin/runc",
            "/usr/bin/runc (deleted)",
            "/memfd:runc_cloned:/proc/self/exe (deleted)",
            "/",
        ] {
            assert!(is_program_of_runtime(program.as_bytes()), "{program}");
        }
        for program in ["/usr/bin/runcx", "/srv/runc/app", "/memfd:app (deleted)", "app", ""] {
            assert!(!is_program_of_runtime(program.as_bytes()), "{program}");
        }
    }

    #[test]
    fn what_is_there_for_long_only_has_the_name_of_a_runtime() {
        let of = |program: &str, started| Process {
            program: program.as_bytes().to_vec(),
            started,
            ..Process::default()
        };
        let now_ns = 1_000_000_000_000;
        assert!(of("/usr/bin/runc", 99_900).is_of_runtime(now_ns));
        assert!(!of("/usr/bin/runc", 97_000).is_of_runtime(now_ns));
        assert!(!of("/usr/bin/app", 99_900).is_of_runtime(now_ns));
    }

    #[test]
    fn a_start_is_found_behind_any_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(started(&format!("7 (a) S 1 (b)) {rest}")), Some(4242));
        assert_eq!(started("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_can_be_looked_at_and_none_that_is_not_there() {
        let own = Process::look(std::process::id()).unwrap();
        assert!(own.program.starts_with(b"/") && own.started > 0);
        assert!(own.namespace("pid").is_some() && own.namespace("none").is_none());
        assert_eq!(Process::look(u32::MAX), None);
    }
}
