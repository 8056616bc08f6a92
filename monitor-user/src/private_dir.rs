//! A directory below `state_dir` that this program alone writes to, reached through its descriptor:
//! who may enter nothing above it goes on working there.

use std::{
    fs::{DirBuilder, File},
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt as _},
    path::Path,
};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, Uid, flock, openat, renameat,
    unlinkat,
};

use crate::input::require_regular;

/// The open directory.
#[derive(Debug)]
pub struct PrivateDir {
    fd: OwnedFd,
}

impl PrivateDir {
    /// Opens the directory for its only writer, and makes it if it is not there; nobody else has it
    /// meanwhile. It is given to that user with the files in it whose names are of its own sort.
    ///
    /// # Errors
    ///
    /// Another one has it (`ResourceBusy`), or it cannot be made, opened or given.
    pub fn open(
        path: &Path,
        owner: Option<u32>,
        is_own: impl Fn(&str) -> bool,
    ) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let this = Self::at(path)?;
        match flock(&this.fd, FlockOperation::NonBlockingLockExclusive) {
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            result => result?,
        }
        if let Some(owner) = owner {
            this.give(owner, is_own)?;
        }
        Ok(this)
    }

    /// Gives it and its own files to a user and its group, where they are not its already: files
    /// with one name only, since whoever had the directory may have made names for others.
    fn give(&self, owner: u32, is_own: impl Fn(&str) -> bool) -> io::Result<()> {
        let (user, group) = (Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)));
        if rustix::fs::fstat(&self.fd)?.st_uid != owner {
            rustix::fs::fchown(&self.fd, user, group)?;
        }
        for name in self.names()?.iter().filter(|name| is_own(name)) {
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
    ///
    /// # Errors
    ///
    /// It is not there, or may not be read.
    pub fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { fd: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// The names in it.
    ///
    /// # Errors
    ///
    /// It cannot be read; so below for what cannot be done.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    /// Opens a regular file, or makes one that only its owner can read and write.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?);
        require_regular(file.metadata()?.file_type())?;
        Ok(file)
    }

    /// Whether there is something of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Gives a file another name, in the place of what has that.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Has the disk hold which files there are.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// Bytes that others than root may still write to its file system.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let system = rustix::fs::fstatfs(&self.fd)?;
        let block = u64::try_from(system.f_bsize).unwrap_or_default();
        Ok(system.f_bavail.saturating_mul(block))
    }
}
