//! The root directory of a host, as a running one has it or as an image that is mounted somewhere:
//! nothing that is looked for below it leads out of it, and all that is read has bounds.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat},
    sys::stat::{Mode, fstat},
};
use serde::{Deserialize, Serialize};

use crate::{
    input,
    limits::{HOST_FILE_BYTES, HOST_NAMES},
};

/// What is at a place: None where there is nothing, an error says why it cannot be seen.
pub(super) type Looked<T> = Result<Option<T>, String>;

/// Who owns a file, and who may do what with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Stat {
    /// Its path, as it was looked for.
    pub path: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permissions, and the bits before them.
    pub mode: u32,
    /// Whether anybody can come to it: each directory above lets them through.
    pub is_reachable: bool,
    /// When its content was changed, seconds since 1970.
    pub modified: i64,
}

/// A directory that is the root of a host.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    /// Who counts as root, for tests that may not give files away.
    #[cfg(test)]
    pub(super) owner: Option<(u32, u32)>,
}

impl Root {
    /// The one that is a directory.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or is none.
    pub fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self {
            directory: open(path, flags, Mode::empty())?,
            #[cfg(test)]
            owner: None,
        })
    }

    /// That of this host, wherever this process is.
    ///
    /// # Errors
    ///
    /// It may not be looked at.
    pub fn of_host() -> io::Result<Self> {
        // Whose own view is the host's may not be shown that of the first process.
        Self::at(Path::new("/proc/1/root")).or_else(|_| Self::at(Path::new("/")))
    }

    fn open(&self, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(inside);
        openat2(&self.directory, path, how)
    }

    /// Who may do what with the file at a path.
    pub(super) fn stat(&self, path: &str) -> Looked<Stat> {
        let Some(stat) = looked(path, self.open(path, OFlag::O_PATH).and_then(fstat))? else {
            return Ok(None);
        };
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        let is_open = |above: &str| {
            let found = self.open(above, OFlag::O_PATH).and_then(fstat);
            found.is_ok_and(|it| it.st_mode & 0o001 != 0)
        };
        let is_reachable = above.filter(|above| !above.is_empty()).all(is_open);
        let (uid, gid) = self.ids(stat.st_uid, stat.st_gid);
        Ok(Some(Stat {
            path: path.to_owned(),
            uid,
            gid,
            mode: stat.st_mode & 0o7777,
            is_reachable,
            modified: stat.st_mtime,
        }))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "in tests it depends on it")]
    const fn ids(&self, uid: u32, gid: u32) -> (u32, u32) {
        (uid, gid)
    }

    #[cfg(test)]
    fn ids(&self, uid: u32, gid: u32) -> (u32, u32) {
        let of = |id, root: Option<u32>| if root == Some(id) { 0 } else { id };
        (of(uid, self.owner.map(|it| it.0)), of(gid, self.owner.map(|it| it.1)))
    }

    /// Whether anything is there.
    pub(super) fn has(&self, path: &str) -> bool {
        self.open(path, OFlag::O_PATH).is_ok()
    }

    /// What is in a regular file.
    pub(super) fn bytes(&self, path: &str, limit: u64) -> Looked<Vec<u8>> {
        let Some(found) = looked(path, self.open(path, OFlag::O_PATH))? else { return Ok(None) };
        let kind = File::from(found).metadata().map_err(|error| cannot(path, &error))?.file_type();
        // Looked at first: opening a device can be an act of its own.
        input::require_regular(kind).map_err(|error| cannot(path, &error))?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let Some(opened) = looked(path, self.open(path, flags))? else { return Ok(None) };
        let file = File::from(opened);
        let kind = file.metadata().map_err(|error| cannot(path, &error))?.file_type();
        input::require_regular(kind).map_err(|error| cannot(path, &error))?;
        let bytes = input::read_opened(file, limit.saturating_add(1));
        let bytes = match bytes {
            // Of a process that has ended meanwhile.
            Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => return Ok(None),
            bytes => bytes.map_err(|error| cannot(path, &error))?,
        };
        if bytes.len() as u64 > limit {
            return Err(format!("{path} is larger than {limit} bytes"));
        }
        Ok(Some(bytes))
    }

    /// The text of one; what is no UTF-8 in it is replaced.
    pub(super) fn text(&self, path: &str) -> Looked<String> {
        let bytes = self.bytes(path, HOST_FILE_BYTES)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The names in a directory, in their order.
    pub(super) fn names(&self, path: &str) -> Looked<Vec<String>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK;
        let Some(folder) = looked(path, self.open(path, flags))? else { return Ok(None) };
        let entries = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let entries = entries.map_err(|error| cannot(path, &error))?;
        let mut names: Vec<String> = entries
            .flatten()
            .take(HOST_NAMES + 1)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        if names.len() > HOST_NAMES {
            return Err(format!("{path} has more than {HOST_NAMES} names"));
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    /// Where a link leads, as it says itself.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let found = self.open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW).ok()?;
        readlinkat(&found, "").ok()?.into_string().ok()
    }
}

/// What an attempt shows: that a way leads nowhere is no error.
fn looked<T>(path: &str, tried: nix::Result<T>) -> Looked<T> {
    match tried {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH) => Ok(None),
        Err(error) => Err(cannot(path, &error.into())),
    }
}

fn cannot(path: &str, error: &io::Error) -> String {
    format!("{path} cannot be read: {error}")
}
