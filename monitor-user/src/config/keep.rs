//! Copies of programs behind alerts: whether there are to be any, and how large executed files are
//! that are read.

use super::{Config, RawConfig, Wrong, within, wrong};
use crate::{hasher::Bounds, limits};

/// What `kept_executables` may be.
pub(super) const KEEPS: [&str; 2] = ["off", "alerts"];

/// How much is kept of programs behind alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepOptions {
    /// Bytes of all copies.
    pub bytes_max: u64,
    /// Bytes of the largest.
    pub file_bytes_max: u64,
}

impl Config {
    /// How large executed files are that are read.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let copy = self.keep.map_or(0, |keep| keep.file_bytes_max);
        Bounds { hash: self.hash_bytes_max, copy }
    }
}

/// What is kept of programs behind alerts.
pub(super) fn keep(raw: &RawConfig) -> Result<Option<KeepOptions>, Wrong> {
    let name = raw.kept_executables.as_deref().unwrap_or("off");
    let bytes = raw.kept_executables_bytes.unwrap_or(limits::KEPT_EXECUTABLES_BYTES);
    let range = limits::KEPT_EXECUTABLES_BYTES_RANGE;
    let bytes_max = within("kept_executables_bytes", bytes, range)?;
    let bytes = raw.kept_executable_bytes_max.unwrap_or(limits::KEPT_EXECUTABLE_BYTES_MAX);
    let file_bytes_max = within("kept_executable_bytes_max", bytes, limits::HASH_BYTES_MAX_RANGE)?;
    match name {
        "off" => Ok(None),
        // A file that has no room beside others has it alone.
        "alerts" => {
            Ok(Some(KeepOptions { bytes_max, file_bytes_max: file_bytes_max.min(bytes_max) }))
        }
        _ => wrong("kept_executables", format!("`{name}` is none of {}", KEEPS.join(", "))),
    }
}
