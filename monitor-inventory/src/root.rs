//! A root file system that may be hostile, as it is read.

mod bounded;
mod file;
mod folder;
mod layers;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

pub use bounded::{Bounded, Bounds};
pub use file::RegularFile;
pub use folder::Folder;
pub use layers::Layers;

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// There is nothing.
    #[error("there is nothing at this path")]
    NotFound,
    /// It is not what was asked for: no regular file, or no directory.
    #[error("it is of another kind")]
    OtherKind,
    /// It has more bytes than were asked for at most.
    #[error("it is too large")]
    TooLarge,
    /// It may not be opened.
    #[error("it may not be opened")]
    NotPermitted,
    /// What may be read of the root is used up: bytes, files, or time.
    #[error("what may be read of one root is used up")]
    UsedUp,
    /// Who was asked gives no answer.
    #[error("there is no answer")]
    NoAnswer,
    /// The file system has an error.
    #[error("it cannot be read")]
    Broken,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a FIFO, a socket: nothing that is opened.
    Other,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Its bytes.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// What is there; a link is not followed.
    pub stat: Stat,
}

/// What is in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The names, in no order.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// A root file system. Paths are those in it, and links in it lead nowhere outside.
pub trait Root {
    /// What is at a path; links are followed.
    ///
    /// # Errors
    ///
    /// There is nothing, or it cannot be looked at.
    fn stat(&self, path: &Path) -> Result<Stat, RootError>;

    /// What is in a directory.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read.
    fn list(&self, directory: &Path) -> Result<Listing, RootError>;

    /// Bytes of a regular file; fewer where it ends.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read.
    fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, RootError>;

    /// All bytes of a regular file that has no more than `limit`.
    ///
    /// # Errors
    ///
    /// There is none, it cannot be read, or it has more.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, RootError> {
        let more = usize::try_from(limit.saturating_add(1)).map_err(|_huge| RootError::TooLarge)?;
        let bytes = self.read_at(path, 0, more)?;
        if bytes.len() as u64 > limit { Err(RootError::TooLarge) } else { Ok(bytes) }
    }

    /// What says which capabilities a program gets by its file (`security.capability`), as it is
    /// there; nothing where it gets none. Links are followed.
    ///
    /// # Errors
    ///
    /// There is no file, or this is not told of it.
    fn capabilities(&self, path: &Path) -> Result<Vec<u8>, RootError> {
        let _not_told = path;
        Err(RootError::NoAnswer)
    }

    /// Whole files, each as [`Root::read`] gives them: an answer for each path.
    fn read_each(&self, paths: &[PathBuf], limit: u64) -> Vec<Result<Vec<u8>, RootError>> {
        paths.iter().map(|path| self.read(path, limit)).collect()
    }

    /// Directories, each as [`Root::list`] gives them: an answer for each path.
    fn list_each(&self, directories: &[PathBuf]) -> Vec<Result<Listing, RootError>> {
        directories.iter().map(|path| self.list(path)).collect()
    }

    /// Bytes of files, each from an offset of its own, as [`Root::read_at`] gives them.
    fn pieces(&self, asked: &[(PathBuf, u64)], length: usize) -> Vec<Result<Vec<u8>, RootError>> {
        asked.iter().map(|(path, offset)| self.read_at(path, *offset, length)).collect()
    }

    /// The first bytes of files, each as [`Root::read_at`] gives them.
    fn heads(&self, paths: &[PathBuf], length: usize) -> Vec<Result<Vec<u8>, RootError>> {
        paths.iter().map(|path| self.read_at(path, 0, length)).collect()
    }
}

/// A root whose files this process opens.
pub trait Files: Root {
    /// A regular file.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be opened.
    fn file(&self, path: &Path) -> Result<RegularFile, RootError>;
}
