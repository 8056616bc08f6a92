//! What programs cost.

use std::{io, os::fd::OwnedFd};

/// Has the kernel measure what all programs of this host cost, until what comes back is dropped.
///
/// # Errors
///
/// This process may not (it needs `CAP_SYS_ADMIN`), or the kernel is older than Linux 5.8.
pub fn measure() -> io::Result<OwnedFd> {
    let measured = aya::sys::enable_stats(aya::sys::Stats::RunTime);
    measured.map_err(|error| error.io_error)
}
