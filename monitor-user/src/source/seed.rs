//! The processes that run when the monitor starts. The kernel walks them; their arguments, which
//! it cannot read from outside, come from procfs.

use std::{fs, io::Read as _};

use monitor_common::limits::ARGV_BYTES;

use crate::decode::rewrite;

/// Splits the kernel's walk into records and completes each with its arguments.
#[must_use]
pub fn complete(walk: &[u8]) -> Vec<Vec<u8>> {
    rewrite::split(walk)
        .map(|record| {
            let args = rewrite::pid(record).and_then(arguments);
            let completed = args.and_then(|args| rewrite::with_arguments(record, &args));
            completed.unwrap_or_else(|| record.to_vec())
        })
        .collect()
}

/// None where the process is gone.
fn arguments(pid: u32) -> Option<Vec<u8>> {
    let mut args = Vec::new();
    let file = fs::File::open(format!("/proc/{pid}/cmdline")).ok()?;
    file.take(ARGV_BYTES as u64).read_to_end(&mut args).ok()?;
    Some(args)
}
