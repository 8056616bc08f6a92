//! BPF links of another process, reached as an intruder with the right to would.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// `BPF_LINK_GET_FD_BY_ID`, Linux 5.8.
const GET_FD_BY_ID: libc::c_int = 30;
/// `BPF_PROG_GET_FD_BY_ID`, Linux 4.13.
const PROGRAM_BY_ID: libc::c_int = 13;
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

/// A descriptor of a program, whosever it is.
pub fn program(id: u32) -> io::Result<OwnedFd> {
    // id, next id, flags
    let program = bpf(PROGRAM_BY_ID, &[id, 0, 0])?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// Detaches the program behind a link, whoever holds it.
pub fn detach(id: u32) -> io::Result<()> {
    // id, next id, flags
    let link = bpf(GET_FD_BY_ID, &[id, 0, 0])?;
    // SAFETY: the kernel has just made this descriptor for us.
    let link = unsafe { OwnedFd::from_raw_fd(link) };
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
