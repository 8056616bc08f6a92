//! BPF links of another process, reached as an intruder with the right to would.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// `BPF_LINK_GET_FD_BY_ID`, Linux 5.8.
const GET_FD_BY_ID: libc::c_int = 30;
/// `BPF_MAP_CREATE`, Linux 3.18.
const MAP_CREATE: libc::c_int = 0;
/// `BPF_LINK_DETACH`, Linux 5.9.
const DETACH: libc::c_int = 34;

/// The ids of the links to cgroups that a process holds, with the numbers of their attach types.
pub fn to_cgroups(pid: u32) -> Vec<(u32, u32)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("a running process");
    let texts = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.filter_map(|text| link(&text)).collect()
}

fn link(text: &str) -> Option<(u32, u32)> {
    if field(text, "link_type:")? != "cgroup" {
        return None;
    }
    Some((field(text, "link_id:")?.parse().ok()?, field(text, "attach_type:")?.parse().ok()?))
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// What is held, as the kernel says it of a descriptor; the command that reaches it by its number,
/// and the name of that: a program, a map (Linux 4.13) and a link.
const REACHED: [(&str, libc::c_int, &str); 3] = [
    ("prog_id:", 13, "BPF_PROG_GET_FD_BY_ID"),
    ("map_id:", 14, "BPF_MAP_GET_FD_BY_ID"),
    ("link_id:", GET_FD_BY_ID, "BPF_LINK_GET_FD_BY_ID"),
];

/// What a process holds of each: the command to reach it, its name, and the id.
pub fn held(pid: u32) -> BTreeSet<(libc::c_int, &'static str, u32)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("a running process");
    let texts = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let ids = |text: String| {
        REACHED.map(|(kind, command, name)| {
            let id = field(&text, kind)?.parse().ok()?;
            Some((command, name, id))
        })
    };
    texts.flat_map(ids).flatten().collect()
}

/// A descriptor of one, whosever it is.
pub fn reach(command: libc::c_int, id: u32) -> io::Result<OwnedFd> {
    // id, next id, flags
    let found = bpf(command, &[id, 0, 0])?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(found) })
}

/// A map of our own.
pub fn new_map() -> io::Result<OwnedFd> {
    // Before Linux 5.11 maps count as locked memory. Where more is not allowed, there may be room.
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limits outlive the call.
    let _raised = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) };
    // BPF_MAP_TYPE_ARRAY, bytes of a key and of a value, entries
    let map = bpf(MAP_CREATE, &[2, 4, 4, 1])?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(map) })
}

/// Detaches the program behind a link, whoever holds it.
pub fn detach(id: u32) -> io::Result<()> {
    let link = reach(GET_FD_BY_ID, id)?;
    let descriptor = u32::try_from(link.as_raw_fd()).expect("a descriptor is no negative number");
    bpf(DETACH, &[descriptor]).map(drop)
}

/// Calls `bpf(2)`.
pub fn bpf(command: libc::c_int, request: &[u32]) -> io::Result<libc::c_int> {
    let (at, bytes) = (request.as_ptr(), size_of_val(request));
    // SAFETY: the request is as long as said and outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, at, bytes) };
    match libc::c_int::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
