//! Whether a daemon that has ended left something in the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{FromRawFd as _, OwnedFd};

use crate::wait;

/// The ids of the BPF programs that a process or one of its descendants holds, by itself or by a
/// link. Other programs on the host are none of our business.
pub fn programs_of(pid: u32) -> BTreeSet<u32> {
    let mut programs = BTreeSet::new();
    for pid in family(pid) {
        // A process or descriptor that is gone meanwhile holds nothing.
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else { continue };
        for entry in entries.flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let ids = text.lines().filter_map(|line| line.strip_prefix("prog_id:"));
            programs.extend(ids.filter_map(|id| id.trim().parse::<u32>().ok()));
        }
    }
    programs
}

/// Waits until none of these programs exists; the kernel frees them some time after the last user.
pub fn expect_gone(programs: &BTreeSet<u32>) {
    wait::until(&format!("the kernel to free the programs {programs:?}"), || {
        programs.iter().all(|id| !exists(*id)).then_some(())
    });
}

/// A process and its descendants.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        next += 1;
    }
    all
}

fn exists(program: u32) -> bool {
    const PROG_GET_FD_BY_ID: libc::c_int = 13;
    // id, next id, flags
    let request = [program, 0, 0];
    // SAFETY: the request is as long as said and outlives the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_GET_FD_BY_ID, request.as_ptr(), size_of_val(&request))
    };
    match i32::try_from(fd) {
        Ok(fd) if fd >= 0 => {
            // SAFETY: the kernel has just made this descriptor for us.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            true
        }
        _ => false,
    }
}
