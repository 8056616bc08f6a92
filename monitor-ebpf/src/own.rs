//! The monitor's own acts are left out, and counted.

use monitor_common::{Program, counter};

use crate::{count, maps::OWN_PIDS};

/// Whether `pid` is a monitor. Counts the act for `program` if so: the canary looks there.
#[inline(always)]
pub(crate) fn is_own(program: Program, pid: u32) -> bool {
    let Some(pids) = OWN_PIDS.get(0) else { return false };
    for own in pids {
        if *own == pid {
            count::add(counter::own_acts(program));
            return true;
        }
    }
    false
}
