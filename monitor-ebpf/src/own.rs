//! The monitor's own acts are left out, and counted; acts on it are marked.

use monitor_common::{Member, Program, counter, limits::SELF_PIDS};

use crate::{
    count,
    maps::{OWN_OBJECTS, OWN_PIDS, has, offset},
    read::{Kptr, raw},
    task,
};

/// Whether `pid` is a monitor. Counts the act for `program` if so: the canary looks there.
#[inline(always)]
pub(crate) fn is_own(program: Program, pid: u32) -> bool {
    if is_monitor(pid) {
        count::add(counter::own_acts(program));
        return true;
    }
    false
}

/// As [`is_own`], by the number of the program.
#[inline(always)]
pub(crate) fn is_own_number(program: u32, pid: u32) -> bool {
    if is_monitor(pid) {
        count::add_program(counter::own_acts(Program::TaskIter), program);
        return true;
    }
    false
}

/// Whether `pid` is a monitor.
#[inline(always)]
pub(crate) fn is_monitor(pid: u32) -> bool {
    (0..SELF_PIDS).any(|place| OWN_PIDS.at(place) == pid)
}

/// Whether the program, map or link of this id that a command of `bpf` reaches is a monitor's.
#[inline(always)]
pub(crate) fn is_object(command: u64, id: u64) -> bool {
    let key = command << 32 | id & 0xffff_ffff;
    // SAFETY: only whether it is there counts; what may change meanwhile is not looked at.
    unsafe { OWN_OBJECTS.get(key) }.is_some()
}

/// Whether an inode of procfs is about a monitor: itself, or a thread of it.
#[inline(always)]
pub(crate) fn is_about_monitor(inode: Kptr) -> bool {
    if !has(Member::ProcInodePid) || !has(Member::ProcInodeVfs) {
        return false;
    }
    let holder = inode.wrapping_sub(offset(Member::ProcInodeVfs));
    // None of those that are about no process.
    let number: Kptr = raw(holder.wrapping_add(offset(Member::ProcInodePid)));
    let process = task::of_number(number);
    !process.is_null() && is_monitor(task::pid::<false>(process))
}
