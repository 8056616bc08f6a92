//! A seccomp profile, as runc, Docker and Kubernetes take it.

use super::{ExportError, Exported, Form, evidence, of};
use crate::profile::{NARROW_CALLS, Part, Profile, Thing};

/// What runc 1.1 calls between setting the filter and starting the program, and what the scheduler
/// of Go may call meanwhile: it is the runtime's, and is left out of what is learned. Those from
/// `capget` to `setuid` are for containers that may gain privileges, whose filter is set earlier.
const START: [&str; 36] = [
    "capget",
    "capset",
    "chdir",
    "fstat",
    "setgid",
    "setgroups",
    "setuid",
    "close",
    "close_range",
    "dup3",
    "epoll_ctl",
    "epoll_pwait",
    "execve",
    "exit_group",
    "fcntl",
    "fstatfs",
    "futex",
    "getdents64",
    "getpid",
    "getppid",
    "gettid",
    "madvise",
    "mmap",
    "munmap",
    "nanosleep",
    "newfstatat",
    "openat",
    "prctl",
    "read",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "sigaltstack",
    "tgkill",
    "write",
];

/// Architectures by the name that Rust gives them.
const ARCHITECTURES: [(&str, &str); 2] =
    [("x86_64", "SCMP_ARCH_X86_64"), ("aarch64", "SCMP_ARCH_AARCH64")];

pub(super) fn write(profile: &Profile) -> Result<Exported, ExportError> {
    let mut names = Vec::new();
    let mut narrow = false;
    for thing in of(profile, Part::Syscalls) {
        let Thing::Syscall(name) = thing else { continue };
        match &*name {
            NARROW_CALLS => narrow = true,
            _ => names.push(name),
        }
    }
    if names.is_empty() {
        return Err(ExportError::NoSyscalls);
    }
    names.sort();
    let observed: Vec<&str> = names.iter().map(|name| &**name).collect();
    let start: Vec<&str> = START.into_iter().filter(|name| !observed.contains(name)).collect();
    let said = evidence(profile, Form::Seccomp);
    // Of a call that was not seen C libraries must hear that there is none: then they make another.
    let fallback = (!observed.contains(&"clone3")).then(|| {
        serde_json::json!({
            "names": ["clone3"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": nix::libc::ENOSYS,
            "comment": "not of the profile: C libraries then call clone, if that is let",
        })
    });
    let architecture = std::env::consts::ARCH;
    let architecture = ARCHITECTURES.iter().find(|(known, _)| *known == architecture);
    let runtime = "not of the profile: what runc calls after it sets the filter, until the program \
                   runs";
    let groups = [
        Some(group(&observed, &format!("syscalls: {}", said.join("; ")))),
        Some(group(&start, runtime)),
        fallback,
    ];
    let document = serde_json::json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": architecture.iter().map(|(_, name)| name).collect::<Vec<_>>(),
        "syscalls": groups.into_iter().flatten().collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    let mut notes = said;
    notes.push(format!(
        "{} system calls are in the profile, {} more are the runtime's until the program runs",
        observed.len(),
        start.len()
    ));
    if narrow {
        notes.push("32-bit calls were made, whose numbers are others: they are refused".to_owned());
    }
    Ok(Exported { text, notes })
}

/// What a call that is not let gets.
const EPERM: i32 = nix::libc::EPERM;

fn group(names: &[&str], comment: &str) -> serde_json::Value {
    serde_json::json!({ "names": names, "action": "SCMP_ACT_ALLOW", "comment": comment })
}
