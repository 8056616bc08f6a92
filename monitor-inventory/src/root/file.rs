//! A regular file of a root, opened.

use std::{os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{FileType, OFlags, ResolveFlags, Stat as Raw, fstat},
    io::{Errno, pread},
};

use super::{Folder, RootError, folder::error_of};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 20;

/// A regular file that was opened for reading.
#[derive(Debug)]
pub struct RegularFile {
    file: OwnedFd,
    /// Its bytes when it was opened.
    size: u64,
}

impl RegularFile {
    /// Opens what was seen to be one.
    pub(super) fn open(folder: &Folder, path: &Path, more: OFlags) -> Result<Self, RootError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | more;
        let file = folder.at(path, flags, ResolveFlags::empty()).map_err(error_of)?;
        // Looked at once more: it may have been replaced meanwhile.
        let raw = fstat(&file).map_err(error_of)?;
        let size = u64::try_from(raw.st_size).unwrap_or_default();
        if is_regular(&raw) { Ok(Self { file, size }) } else { Err(RootError::OtherKind) }
    }

    /// Bytes of it; fewer where it ends.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read_at(&self, mut offset: u64, length: usize) -> Result<Vec<u8>, RootError> {
        let expected = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        // One more shows that it ends there.
        let mut room = vec![0; expected.saturating_add(1).min(length).min(PIECE_BYTES)];
        while bytes.len() < length {
            let left = room.len().min(length - bytes.len());
            let Some(piece) = room.get_mut(..left) else { break };
            match pread(&self.file, &mut *piece, offset) {
                Ok(0) => break,
                Ok(count) => {
                    bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
                    offset = offset.saturating_add(count as u64);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error_of(error)),
            }
        }
        Ok(bytes)
    }
}

pub(super) fn is_regular(raw: &Raw) -> bool {
    FileType::from_raw_mode(raw.st_mode) == FileType::RegularFile
}
