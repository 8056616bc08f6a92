//! The store's directory, reached through its descriptor: who may enter nothing above it goes on
//! working there.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt as _},
    path::Path,
};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, Uid, flock, openat, renameat,
    unlinkat,
};

use crate::input::require_regular;

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

/// The open directory; nobody else has it meanwhile.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
}

impl Directory {
    /// Opens the directory for its only writer, and makes it if it is not there. It is given to
    /// that user with everything in it.
    pub(super) fn open(path: &Path, owner: Option<u32>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let this = Self::at(path)?;
        match flock(&this.fd, FlockOperation::NonBlockingLockExclusive) {
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            result => result?,
        }
        if let Some(owner) = owner {
            this.give(owner)?;
        }
        Ok(this)
    }

    /// Gives it and the store's files in it to a user and its group, where they are not its
    /// already: files with one name only, since whoever had the directory may have made names for
    /// others.
    fn give(&self, owner: u32) -> io::Result<()> {
        let (user, group) = (Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)));
        if rustix::fs::fstat(&self.fd)?.st_uid != owner {
            rustix::fs::fchown(&self.fd, user, group)?;
        }
        for name in self.names()?.iter().filter(|name| is_of_store(name)) {
            let there = rustix::fs::statat(&self.fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)?;
            let is_file = FileType::from_raw_mode(there.st_mode) == FileType::RegularFile;
            if is_file && there.st_nlink == 1 && there.st_uid != owner {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::chownat(&self.fd, name.as_str(), user, group, flags)?;
            }
        }
        Ok(())
    }

    /// Opens the directory to look at it.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { fd: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// The first numbers of all segments, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        let number = |name: &str| u64::from_str_radix(name.strip_suffix(SEGMENT)?, 16).ok();
        let mut found: Vec<u64> = self.names()?.iter().filter_map(|name| number(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Names and bytes of what was set aside, the oldest first.
    pub(super) fn set_aside(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for name in self.names()?.into_iter().filter(|name| name.ends_with(UNREAD)) {
            let bytes = self.open_file(&name, OFlags::RDONLY)?.metadata()?.len();
            found.push((name, bytes));
        }
        found.sort();
        Ok(found)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    /// A new segment, to be written at its end: of that number, or of the next one whose name is
    /// free.
    pub(super) fn create(&self, first: u64) -> io::Result<(u64, File)> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        let names = first..first.saturating_add(NAMES_TRIED);
        for first in names {
            match self.open_file(&segment_name(first), flags) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    self.sync()?;
                    return Ok((first, file));
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// A segment, to be read.
    pub(super) fn read(&self, first: u64) -> io::Result<File> {
        self.open_file(&segment_name(first), OFlags::RDONLY)
    }

    /// Puts other bytes into the place of a segment: all of them, or none if that fails.
    pub(super) fn replace(&self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let mut draft = self.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        let written = draft.write_all(bytes).and_then(|()| draft.sync_data());
        if let Err(error) = written {
            self.remove_file(DRAFT).unwrap_or_default();
            return Err(error);
        }
        renameat(&self.fd, DRAFT, &self.fd, segment_name(first))?;
        self.sync()
    }

    /// Removes a segment.
    pub(super) fn remove(&self, first: u64) -> io::Result<()> {
        self.remove_file(&segment_name(first))
    }

    /// Removes what was set aside.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Sets a segment aside in which nothing could be read.
    pub(super) fn set_segment_aside(&self, first: u64) -> io::Result<()> {
        let name = segment_name(first);
        Ok(renameat(&self.fd, &*name, &self.fd, format!("{name}{UNREAD}"))?)
    }

    /// Takes some room for later, if there is any.
    pub(super) fn reserve(&self) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = match self.open_file(RESERVE, flags) {
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
        rustix::fs::statat(&self.fd, RESERVE, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Gives that room back; whether there was any.
    pub(super) fn release(&self) -> bool {
        self.remove_file(RESERVE).is_ok()
    }

    /// Has the disk hold which files there are.
    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?);
        require_regular(file.metadata()?.file_type())?;
        Ok(file)
    }
}

fn is_of_store(name: &str) -> bool {
    name.ends_with(SEGMENT) || name.ends_with(UNREAD) || [DRAFT, RESERVE].contains(&name)
}

fn segment_name(first: u64) -> String {
    format!("{first:016x}{SEGMENT}")
}
