//! A directory that nothing leads out of. openat2(2), Linux 5.6.

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat as Raw, fstat, getxattr,
        openat2, statat,
    },
    io::Errno,
};

use super::{
    Entry, FileKind, Files, Listing, RegularFile, Root, RootError, Stat, file::is_regular,
};
use crate::limits::DIRECTORY_NAMES;

/// How often a way is looked for anew that changed while it was gone.
const AGAIN: usize = 8;

/// Bytes that say which capabilities a program gets, at most: the kernel's third version.
const CAPABILITY_BYTES: usize = 24;

/// A directory that nothing leads out of: its links are those of a root.
#[derive(Debug)]
pub struct Folder {
    directory: OwnedFd,
    /// What else a way must not do.
    more: ResolveFlags,
}

impl Folder {
    /// The directory at a path of this process.
    ///
    /// # Errors
    ///
    /// There is none, or it may not be opened.
    pub fn open(path: &Path) -> rustix::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { directory, more: ResolveFlags::empty() })
    }

    /// A directory within this one.
    ///
    /// # Errors
    ///
    /// There is none, or it may not be opened.
    pub fn within(&self, path: &Path) -> rustix::io::Result<Self> {
        let directory = self.at(path, OFlags::PATH | OFlags::DIRECTORY, ResolveFlags::empty())?;
        Ok(Self { directory, more: self.more })
    }

    /// The same, without what is mounted below it: that can be a file system that a program of
    /// anybody's serves.
    #[must_use]
    pub fn without_mounts(self) -> Self {
        Self { more: self.more | ResolveFlags::NO_XDEV, ..self }
    }

    /// The same, where no part of a path may be a link: where others can make links, one can lead
    /// to a file that they may not read.
    #[must_use]
    pub fn without_links(self) -> Self {
        Self { more: self.more | ResolveFlags::NO_SYMLINKS, ..self }
    }

    /// The directory itself.
    #[must_use]
    pub fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What is at a path, opened as the flags say.
    ///
    /// # Errors
    ///
    /// There is nothing, or it may not be opened.
    pub fn at(
        &self,
        path: &Path,
        flags: OFlags,
        more: ResolveFlags,
    ) -> rustix::io::Result<OwnedFd> {
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | self.more | more;
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = flags | OFlags::CLOEXEC;
        let mut tries = 0;
        loop {
            match openat2(&self.directory, path, flags, Mode::empty(), inside) {
                // Somebody moves directories about.
                Err(Errno::AGAIN) if tries < AGAIN => tries += 1,
                done => return done,
            }
        }
    }

    /// Which file is at a path without links, as far as the kernel has the way in memory, so that
    /// no server is asked: that to what was just executed is. Linux before 5.12 cannot be told so.
    ///
    /// # Errors
    ///
    /// There is nothing, or the way is not in memory.
    pub fn remembered(&self, path: &Path) -> rustix::io::Result<Raw> {
        let plain = ResolveFlags::NO_SYMLINKS;
        let cached = plain | ResolveFlags::CACHED;
        let found = match self.at(path, OFlags::PATH, cached) {
            Err(Errno::INVAL) => self.at(path, OFlags::PATH, plain),
            // It may also be that the way changed just now: look again.
            Err(Errno::AGAIN) => self.at(path, OFlags::PATH, cached),
            done => done,
        };
        fstat(found?)
    }

    /// What the kernel tells of what is at a path; links are followed.
    ///
    /// # Errors
    ///
    /// There is nothing.
    pub fn look(&self, path: &Path) -> rustix::io::Result<Raw> {
        fstat(self.at(path, OFlags::PATH, ResolveFlags::empty())?)
    }

    /// Whether there is something at a path.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        self.at(path, OFlags::PATH, ResolveFlags::empty()).is_ok()
    }
}

impl Files for Folder {
    fn file(&self, path: &Path) -> Result<RegularFile, RootError> {
        // Looked at first: opening a device can be an act of its own.
        if !is_regular(&self.look(path).map_err(error_of)?) {
            return Err(RootError::OtherKind);
        }
        RegularFile::open(self, path, OFlags::empty())
    }
}

/// What says so of a file that is opened as a path; see [`Root::capabilities`].
pub(super) fn capabilities_of(opened: &OwnedFd) -> Result<Vec<u8>, RootError> {
    let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
    let mut value = [0; CAPABILITY_BYTES];
    match getxattr(path, "security.capability", &mut value[..]) {
        Ok(count) => Ok(value.get(..count).unwrap_or_default().to_vec()),
        // There is none, or one that is longer than any that counts.
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(Vec::new()),
        Err(error) => Err(error_of(error)),
    }
}

impl Root for Folder {
    fn stat(&self, path: &Path) -> Result<Stat, RootError> {
        self.look(path).map(|raw| stat_of(&raw)).map_err(error_of)
    }

    fn list(&self, directory: &Path) -> Result<Listing, RootError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened = self.at(directory, flags, ResolveFlags::empty()).map_err(error_of)?;
        listing(opened)
    }

    fn capabilities(&self, path: &Path) -> Result<Vec<u8>, RootError> {
        let opened = self.at(path, OFlags::PATH, ResolveFlags::empty());
        capabilities_of(&opened.map_err(error_of)?)
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, RootError> {
        self.file(path)?.read_at(offset, length)
    }
}

/// What is in an opened directory.
fn listing(opened: OwnedFd) -> Result<Listing, RootError> {
    let mut found = Listing::default();
    let mut names = Dir::new(opened).map_err(error_of)?;
    let mut entries = Vec::new();
    while let Some(entry) = names.read() {
        let entry = entry.map_err(error_of)?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if entries.len() >= DIRECTORY_NAMES {
            found.is_cut = true;
            break;
        }
        entries.push((OsStr::from_bytes(name).to_owned(), entry.file_type()));
    }
    let directory = names.fd().map_err(error_of)?;
    for (name, kind) in entries {
        let known = kind_of(kind);
        let stat = match known {
            FileKind::Directory | FileKind::Link => Stat { kind: known, size: 0, mode: 0 },
            _ => match statat(directory.as_fd(), &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(raw) => stat_of(&raw),
                // It is gone by now.
                Err(_) => continue,
            },
        };
        found.entries.push(Entry { name, stat });
    }
    Ok(found)
}

fn kind_of(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}

pub(super) fn stat_of(raw: &Raw) -> Stat {
    Stat {
        kind: kind_of(FileType::from_raw_mode(raw.st_mode)),
        size: u64::try_from(raw.st_size).unwrap_or_default(),
        mode: raw.st_mode & 0o7777,
    }
}

pub(super) fn error_of(error: Errno) -> RootError {
    match error {
        Errno::NOENT | Errno::NOTDIR => RootError::NotFound,
        // A link where none may be, or one into another file system.
        Errno::LOOP | Errno::XDEV => RootError::NotPermitted,
        Errno::ACCESS | Errno::PERM => RootError::NotPermitted,
        Errno::NXIO | Errno::NODEV | Errno::ISDIR => RootError::OtherKind,
        _ => RootError::Broken,
    }
}
