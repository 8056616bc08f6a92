//! A file, one line a document, rotated by size: `path`, `path.1` (newest) … `path.N`. Where that
//! cannot be done, the file grows on, to [`GROWTH_MAX`] times its size.

use std::{
    fs::{File, OpenOptions, rename},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    Intake, SinkError,
    lines::{Unwritten, join, write_all},
};
use crate::input::{no_waiting, require_regular};

/// Times the size for rotation that a file may have while it cannot be rotated. What comes then is
/// dropped: a full disk harms more than this sink.
pub const GROWTH_MAX: u64 = 8;

/// Where and how much.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The file.
    pub path: PathBuf,
    /// Size in bytes at which it is rotated.
    pub rotate_bytes: u64,
    /// Older files that are kept.
    pub keep: u32,
}

/// An open file sink.
pub struct FileSink {
    options: FileOptions,
    file: File,
    /// The last line in it was cut, and could not be taken out.
    torn: bool,
    /// The last rotation failed, and that was logged.
    unrotated: bool,
}

impl FileSink {
    /// Opens the file for appending, readable by its owner only.
    pub fn open(name: &str, options: FileOptions) -> Result<Self, SinkError> {
        let (name, path) = (name.to_owned(), options.path.clone());
        match append(&options.path) {
            Ok(file) => Ok(Self { options, file, torn: false, unrotated: false }),
            Err(source) if source.kind() == io::ErrorKind::InvalidInput => {
                Err(SinkError::NotRegular { name, path, source })
            }
            Err(source) => Err(SinkError::Open { name, path, source }),
        }
    }

    /// Writes until there are no more documents. One that cannot be written is dropped, and
    /// counted; the next is tried again.
    pub fn run(mut self, mut intake: Intake) {
        let mut failing = false;
        while let Some(lines) = intake.receive() {
            let written = self.write(&lines);
            let path = self.options.path.display();
            match &written {
                Err(error) if !failing => tracing::error!(%path, %error, "cannot write alerts"),
                Ok(()) if failing => tracing::warn!(%path, "alerts can be written again"),
                _ => {}
            }
            failing = written.is_err();
            intake.done(written.is_ok());
        }
    }

    fn write(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut bytes = join(lines);
        let mut length = match self.length_in_place() {
            Some(length) => length,
            // Someone else moved or removed it: what comes now belongs into a new one.
            None => self.renew()?,
        };
        let next = length.saturating_add(bytes.len() as u64);
        if length > 0 && next > self.options.rotate_bytes {
            match self.rotate() {
                Ok(()) => {
                    length = self.renew()?;
                    self.unrotated = false;
                }
                Err(error) if next > self.options.rotate_bytes.saturating_mul(GROWTH_MAX) => {
                    return Err(error);
                }
                Err(error) => self.grow_on(&error),
            }
        }
        if self.torn {
            bytes.insert(0, b'\n');
        }
        match write_all(&mut self.file, &bytes) {
            Ok(()) => self.torn = false,
            Err(Unwritten { written, error }) => {
                // The part that was written goes again; where it cannot, its line is ended later.
                self.torn |= written > 0 && self.file.set_len(length).is_err();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Says once that the file cannot be rotated.
    fn grow_on(&mut self, error: &io::Error) {
        if !self.unrotated {
            let path = self.options.path.display();
            tracing::error!(%path, %error, "cannot rotate the file of alerts: it grows on");
        }
        self.unrotated = true;
    }

    /// Opens the path anew. Returns how long that file is.
    fn renew(&mut self) -> io::Result<u64> {
        self.file = append(&self.options.path)?;
        self.torn = false;
        Ok(self.file.metadata()?.len())
    }

    /// How long the open file is, where the path still leads to it.
    fn length_in_place(&self) -> Option<u64> {
        let at_path = std::fs::metadata(&self.options.path).ok()?;
        let open = self.file.metadata().ok()?;
        let is_same = (at_path.dev(), at_path.ino()) == (open.dev(), open.ino());
        is_same.then_some(open.len())
    }

    fn rotate(&self) -> io::Result<()> {
        let path = &self.options.path;
        for number in (1..self.options.keep).rev() {
            let (from, to) = (numbered(path, number), numbered(path, number + 1));
            if from.exists() {
                rename_regular(&from, &to)?;
            }
        }
        if self.options.keep > 0 {
            rename_regular(path, &numbered(path, 1))
        } else {
            require_regular(std::fs::metadata(path)?.file_type())?;
            std::fs::remove_file(path)
        }
    }
}

/// Renames a file, and replaces one. Neither may be a device or anything else that is no file.
fn rename_regular(from: &Path, to: &Path) -> io::Result<()> {
    require_regular(std::fs::metadata(from)?.file_type())?;
    match std::fs::metadata(to) {
        Ok(there) => require_regular(there.file_type())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    rename(from, to)
}

/// Opens a regular file, or makes one. Never waits, as an open of a FIFO would.
fn append(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path) {
        Ok(there) => require_regular(there.file_type())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(no_waiting());
    let file = options.open(path)?;
    // It may have been replaced meanwhile.
    require_regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests;
