//! Files that people name: only regular ones are read, and none is ever waited for. A FIFO would
//! block until somebody writes to it, and a device may have no end.

use std::{
    fs::{File, FileType, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use nix::fcntl::OFlag;

use crate::reach::{Direct, Reach};

/// Opens a regular file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at first: opening a device can be an act of its own.
    require_regular(std::fs::metadata(path)?.file_type())?;
    let file = OpenOptions::new().read(true).custom_flags(no_waiting()).open(path)?;
    // Looked at once more: it may have been replaced meanwhile.
    require_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file, `limit` bytes of it at most.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_opened(open(path)?, limit)
}

/// The same of one that was opened.
pub(crate) fn read_opened(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the text of a regular file that has no more than `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    read_text_by(&Direct, path, limit)
}

/// The same, by who may.
pub fn read_text_by(reach: &dyn Reach, path: &Path, limit: u64) -> io::Result<String> {
    let bytes = reach.read(path, limit.saturating_add(1))?;
    if bytes.len() as u64 > limit {
        let what = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    String::from_utf8(bytes)
        .map_err(|_error| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Flags with which an open never waits, and never makes a terminal this process's own.
pub(crate) fn no_waiting() -> i32 {
    (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits()
}

/// Refuses what is no regular file, and says what it is.
pub(crate) fn require_regular(found: FileType) -> io::Result<()> {
    let what = match found {
        it if it.is_file() => return Ok(()),
        it if it.is_dir() => "a directory",
        it if it.is_fifo() => "a FIFO",
        it if it.is_char_device() => "a character device",
        it if it.is_block_device() => "a block device",
        it if it.is_socket() => "a socket",
        _ => "something else",
    };
    let what = format!("it is {what}, not a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// What to do about a file that could not be opened or read.
#[must_use]
pub fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "let this user read it",
        io::ErrorKind::InvalidInput => {
            "name a regular file; what comes out of a pipe or a device can be copied to one"
        }
        io::ErrorKind::InvalidData => "save it as UTF-8 text",
        io::ErrorKind::FileTooLarge => "check that it is the right file",
        _ => "check that it can be read, for example with `cat`",
    }
}
