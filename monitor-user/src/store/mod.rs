//! The store: what sinks have not got yet, and what they got lately, on the disk.
//!
//! Documents come in from the line, written in the schemas that somebody wants them in. Each sink
//! is given its own in order, numbered, and says when it has done with one; where it was is written
//! down with them, so that the next run goes on there. Beside what is for sinks it keeps history,
//! which people read from the disk. Nothing here ever makes the line wait.

mod directory;
mod draft;
mod evict;
pub mod feed;
mod frame;
mod history;
mod log;
mod offers;
pub mod past;
mod reader;
pub mod record;
mod segment;
pub mod state;
pub mod task;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

pub(crate) use draft::about;
pub use history::HISTORY;
pub(crate) use history::is_kept;
pub use log::{Draft, Losses, StoreOptions};
pub use reader::Handed;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its directory cannot be made, read or written.
    #[error("cannot open the store {path}")]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("the store {path} is in use by another runmon")]
    Busy {
        /// The directory.
        path: PathBuf,
    },
}

impl StoreError {
    fn open(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::ResourceBusy => Self::Busy { path },
            _ => Self::Open { path, source },
        }
    }
}
