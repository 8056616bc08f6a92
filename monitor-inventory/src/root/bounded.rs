//! A root of which no more is read than may be.

use std::{cell::Cell, path::Path};

use super::{Listing, Root, RootError, Stat};
use crate::limits::{ROOT_BYTES, ROOT_FILES, ROOT_NAMES};

/// What may be read of a root.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of files.
    pub bytes: u64,
    /// Files and directories that are opened.
    pub files: u64,
    /// Names in directories.
    pub names: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: ROOT_BYTES, files: ROOT_FILES, names: ROOT_NAMES }
    }
}

/// A root of which no more is read than may be, and not after its time.
pub struct Bounded<'r> {
    root: &'r dyn Root,
    is_late: &'r dyn Fn() -> bool,
    left: Cell<Bounds>,
}

impl<'r> Bounded<'r> {
    /// Bounds a root. `is_late` says when its time is over.
    #[must_use]
    pub fn new(root: &'r dyn Root, bounds: Bounds, is_late: &'r dyn Fn() -> bool) -> Self {
        Self { root, is_late, left: Cell::new(bounds) }
    }

    /// Counts files that are opened.
    fn open(&self, files: usize) -> Result<(), RootError> {
        let left = self.left.get();
        let files = left.files.checked_sub(files as u64).filter(|_| !(self.is_late)());
        self.left.set(Bounds { files: files.ok_or(RootError::UsedUp)?, ..left });
        Ok(())
    }

    /// Counts bytes that were read.
    fn taken(&self, read: Result<Vec<u8>, RootError>) -> Result<Vec<u8>, RootError> {
        let left = self.left.get();
        let bytes = left.bytes.saturating_sub(read.as_ref().map_or(0, Vec::len) as u64);
        self.left.set(Bounds { bytes, ..left });
        if bytes == 0 { Err(RootError::UsedUp) } else { read }
    }

    fn listed(&self, listed: Result<Listing, RootError>) -> Result<Listing, RootError> {
        let left = self.left.get();
        let count = listed.as_ref().map_or(0, |it| it.entries.len()) as u64;
        let names = left.names.saturating_sub(count);
        self.left.set(Bounds { names, ..left });
        if names == 0 { Err(RootError::UsedUp) } else { listed }
    }

    /// Asks for several at once, if so many may be opened.
    fn several<T>(
        &self,
        count: usize,
        ask: impl FnOnce() -> Vec<Result<T, RootError>>,
    ) -> Vec<Result<T, RootError>> {
        match self.open(count) {
            Ok(()) => ask(),
            Err(error) => std::iter::repeat_with(|| Err(error)).take(count).collect(),
        }
    }
}

impl Root for Bounded<'_> {
    fn stat(&self, path: &Path) -> Result<Stat, RootError> {
        self.open(1)?;
        self.root.stat(path)
    }

    fn list(&self, directory: &Path) -> Result<Listing, RootError> {
        self.open(1)?;
        self.listed(self.root.list(directory))
    }

    fn capabilities(&self, path: &Path) -> Result<Vec<u8>, RootError> {
        self.open(1)?;
        self.root.capabilities(path)
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, RootError> {
        self.open(1)?;
        self.taken(self.root.read_at(path, offset, length))
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, RootError> {
        self.open(1)?;
        self.taken(self.root.read(path, limit))
    }

    fn read_each(
        &self,
        paths: &[std::path::PathBuf],
        limit: u64,
    ) -> Vec<Result<Vec<u8>, RootError>> {
        let read = self.several(paths.len(), || self.root.read_each(paths, limit));
        read.into_iter().map(|it| self.taken(it)).collect()
    }

    fn list_each(&self, directories: &[std::path::PathBuf]) -> Vec<Result<Listing, RootError>> {
        let listed = self.several(directories.len(), || self.root.list_each(directories));
        listed.into_iter().map(|it| self.listed(it)).collect()
    }

    fn pieces(
        &self,
        asked: &[(std::path::PathBuf, u64)],
        length: usize,
    ) -> Vec<Result<Vec<u8>, RootError>> {
        let read = self.several(asked.len(), || self.root.pieces(asked, length));
        read.into_iter().map(|it| self.taken(it)).collect()
    }

    fn heads(
        &self,
        paths: &[std::path::PathBuf],
        length: usize,
    ) -> Vec<Result<Vec<u8>, RootError>> {
        let read = self.several(paths.len(), || self.root.heads(paths, length));
        read.into_iter().map(|it| self.taken(it)).collect()
    }
}
