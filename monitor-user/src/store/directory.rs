//! The files of the store: what they are called, and what is done with them.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use rustix::fs::OFlags;

use crate::private_dir::PrivateDir;

/// Ends the names of segments.
const SEGMENT: &str = ".seg";

/// Ends the names of what was set aside.
const UNREAD: &str = ".unread";

/// Name of what is being written anew.
const DRAFT: &str = "draft";

/// Names of segments that are tried, where something else has one.
const NAMES_TRIED: u64 = 16;

/// Name of what only takes room, and its bytes: on a disk that is full it makes way for the
/// beginning of a segment, so that the one before it can go.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: usize = 64 << 10;

/// The directory; nobody else has it meanwhile.
#[derive(Debug)]
pub(super) struct Directory(PrivateDir);

impl Directory {
    /// Opens the directory for its only writer, and makes it if it is not there. It is given to
    /// that user with everything in it.
    pub(super) fn open(path: &Path, owner: Option<u32>) -> io::Result<Self> {
        PrivateDir::open(path, owner, is_of_store).map(Self)
    }

    /// Opens the directory to look at it.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        PrivateDir::at(path).map(Self)
    }

    /// The first numbers of all segments, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        let number = |name: &str| u64::from_str_radix(name.strip_suffix(SEGMENT)?, 16).ok();
        let mut found: Vec<u64> = self.0.names()?.iter().filter_map(|name| number(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Names and bytes of what was set aside, the oldest first.
    pub(super) fn set_aside(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for name in self.0.names()?.into_iter().filter(|name| name.ends_with(UNREAD)) {
            let bytes = self.0.open_file(&name, OFlags::RDONLY)?.metadata()?.len();
            found.push((name, bytes));
        }
        found.sort();
        Ok(found)
    }

    /// A new segment, to be written at its end: of that number, or of the next one whose name is
    /// free.
    pub(super) fn create(&self, first: u64) -> io::Result<(u64, File)> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        let names = first..first.saturating_add(NAMES_TRIED);
        for first in names {
            match self.0.open_file(&segment_name(first), flags) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    self.0.sync()?;
                    return Ok((first, file));
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// A segment, to be read.
    pub(super) fn read(&self, first: u64) -> io::Result<File> {
        self.0.open_file(&segment_name(first), OFlags::RDONLY)
    }

    /// Puts other bytes into the place of a segment: all of them, or none if that fails.
    pub(super) fn replace(&self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let mut draft = self.0.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        let written = draft.write_all(bytes).and_then(|()| draft.sync_data());
        if let Err(error) = written {
            self.remove_file(DRAFT).unwrap_or_default();
            return Err(error);
        }
        self.0.rename(DRAFT, &segment_name(first))?;
        self.0.sync()
    }

    /// Removes a segment.
    pub(super) fn remove(&self, first: u64) -> io::Result<()> {
        self.remove_file(&segment_name(first))
    }

    /// Removes what was set aside.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    /// Sets a segment aside in which nothing could be read.
    pub(super) fn set_segment_aside(&self, first: u64) -> io::Result<()> {
        let name = segment_name(first);
        self.0.rename(&name, &format!("{name}{UNREAD}"))
    }

    /// Takes some room for later, if there is any.
    pub(super) fn reserve(&self) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = match self.0.open_file(RESERVE, flags) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            opened => opened?,
        };
        // No file system keeps this without room for it.
        let filling: Vec<u8> =
            (0..RESERVE_BYTES).map(|at| (at.wrapping_mul(at) >> 7).to_le_bytes()[0]).collect();
        file.write_all(&filling).inspect_err(|_| {
            self.release();
        })
    }

    /// Whether that room is taken.
    pub(super) fn has_reserve(&self) -> bool {
        self.0.has(RESERVE)
    }

    /// Gives that room back; whether there was any.
    pub(super) fn release(&self) -> bool {
        self.remove_file(RESERVE).is_ok()
    }
}

fn is_of_store(name: &str) -> bool {
    name.ends_with(SEGMENT) || name.ends_with(UNREAD) || [DRAFT, RESERVE].contains(&name)
}

fn segment_name(first: u64) -> String {
    format!("{first:016x}{SEGMENT}")
}
