//! Giving up the capabilities that the keeper has no use for. What it goes on using is a table of
//! [`crate::host`], by which `doctor` says what is missing.

use std::io;

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    },
};

use crate::host::{More, kept_capabilities};

/// Gives up, in this thread and those that it starts, what is not used once the programs are
/// loaded. Who was given less goes on with that.
pub(super) fn shed(more: More) -> io::Result<()> {
    let held = capabilities(None)?;
    let kept = kept_capabilities(held.permitted.bits(), more);
    let kept = CapabilitySet::from_bits_retain(kept);
    leave_bounds(kept)?;
    clear_ambient_capability_set()?;
    Ok(set_capabilities(
        None,
        CapabilitySets {
            effective: held.effective & kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?)
}

/// Leaves no others to programs that are run. Where this is not allowed, they get none in any case,
/// since the process may gain none.
fn leave_bounds(kept: CapabilitySet) -> io::Result<()> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) if !kept.contains(capability) => {}
            Ok(_) => continue,
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(Errno::PERM) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    /// A thread's capabilities are its own.
    #[test]
    fn only_what_is_used_is_left() {
        let shown = |name: &str| {
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        let shed = thread::spawn(move || {
            let (held, bounds) = (shown("CapPrm:"), shown("CapBnd:"));
            shed(More::default()).unwrap();
            // Nothing more is given up the second time.
            shed(More::default()).unwrap();
            let kept = kept_capabilities(held, More::default());
            assert_eq!(shown("CapPrm:"), kept);
            assert_eq!(shown("CapEff:") & !kept, 0);
            assert_eq!((shown("CapInh:"), shown("CapAmb:")), (0, 0));
            const SETPCAP: u64 = 1 << 8;
            let left = if held & SETPCAP != 0 { bounds & kept } else { bounds };
            assert_eq!(shown("CapBnd:"), left);
        });
        shed.join().unwrap();
    }
}
