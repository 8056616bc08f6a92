//! Files that only root may open: in this process, or by asking the keeper for them.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, rename},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket,
    sockopt::PeerCredentials,
};

use crate::input::{self, no_waiting, require_regular};

/// What is told of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device and inode number.
    pub identity: (u64, u64),
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Bytes.
    pub bytes: u64,
    /// Last change of its content, nanoseconds since 1970.
    pub modified_ns: i64,
}

/// What can be asked for.
pub trait Reach: Send {
    /// Reads a regular file, `limit` bytes of it at most.
    ///
    /// # Errors
    ///
    /// It cannot be opened or read; so below.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Reads what is there of several files, each as above, in one question: on a busy host each
    /// answer is waited for until the host has a moment. After `limit` bytes in all no further one
    /// is begun, with `FileTooLarge`.
    fn read_all(&self, paths: &[PathBuf], limit: u64) -> Vec<io::Result<Vec<u8>>> {
        read_each(paths, limit, |path| self.read(path, limit))
    }

    /// The names in a directory.
    ///
    /// # Errors
    ///
    /// As above.
    fn names(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// What is at a path, links followed.
    ///
    /// # Errors
    ///
    /// As above.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// The process that listens on a socket, as the kernel names it; zero stands for one that
    /// cannot be seen from here.
    ///
    /// # Errors
    ///
    /// As above.
    fn listener(&self, socket: &Path) -> io::Result<i32>;

    /// Opens a regular file to append to it, or makes one that only its owner can read.
    ///
    /// # Errors
    ///
    /// As above.
    fn append(&self, path: &Path) -> io::Result<File>;

    /// Gives a file that was appended to a number, and so on with those that have one: `keep` are
    /// kept.
    ///
    /// # Errors
    ///
    /// As above.
    fn rotate(&self, path: &Path, keep: u32) -> io::Result<()>;

    /// Whether something was not answered since this was last asked: then what was not found may be
    /// there all the same.
    fn take_unanswered(&self) -> bool {
        false
    }
}

/// Reads files one by one, as [`Reach::read_all`] says.
pub(crate) fn read_each(
    paths: &[PathBuf],
    limit: u64,
    read: impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Vec<io::Result<Vec<u8>>> {
    let mut bytes = 0;
    let one = |path: &PathBuf| {
        if bytes > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let found = read(path)?;
        bytes += found.len() as u64;
        Ok(found)
    };
    paths.iter().map(one).collect()
}

/// Opens in this process.
#[derive(Clone, Copy, Debug)]
pub struct Direct;

impl Reach for Direct {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        input::read(path, limit)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let found = fs::metadata(path)?;
        let seconds_ns = found.mtime().saturating_mul(1_000_000_000);
        Ok(Stat {
            identity: (found.dev(), found.ino()),
            is_directory: found.is_dir(),
            bytes: found.len(),
            modified_ns: seconds_ns.saturating_add(found.mtime_nsec()),
        })
    }

    /// Where too many wait to be taken it fails, and does not wait.
    fn listener(&self, path: &Path) -> io::Result<i32> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let own = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(own.as_raw_fd(), &UnixAddr::new(path)?)?;
        Ok(getsockopt(&own, PeerCredentials)?.pid())
    }

    /// Never waits, as an open of a FIFO would.
    fn append(&self, path: &Path) -> io::Result<File> {
        match fs::metadata(path) {
            Ok(there) => require_regular(there.file_type())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(no_waiting());
        let file = options.open(path)?;
        // It may have been replaced meanwhile.
        require_regular(file.metadata()?.file_type())?;
        Ok(file)
    }

    fn rotate(&self, path: &Path, keep: u32) -> io::Result<()> {
        for number in (1..keep).rev() {
            let (from, to) = (numbered(path, number), numbered(path, number + 1));
            if from.exists() {
                rename_regular(&from, &to)?;
            }
        }
        if keep > 0 {
            return rename_regular(path, &numbered(path, 1));
        }
        require_regular(fs::metadata(path)?.file_type())?;
        fs::remove_file(path)
    }
}

/// Renames a file, and replaces one. Neither may be a device or anything else that is no file.
fn rename_regular(from: &Path, to: &Path) -> io::Result<()> {
    require_regular(fs::metadata(from)?.file_type())?;
    match fs::metadata(to) {
        Ok(there) => require_regular(there.file_type())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    rename(from, to)
}

/// The path of an older file.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
