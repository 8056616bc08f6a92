//! The monitor's own acts are left out, and counted.

use monitor_common::{Program, counter};

use crate::{count, maps::OWN_PIDS};

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
    let Some(pids) = OWN_PIDS.get(0) else { return false };
    for own in pids {
        if *own == pid {
            return true;
        }
    }
    false
}
