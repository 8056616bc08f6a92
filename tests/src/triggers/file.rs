//! Acts on files.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, openat, openat2};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode as Permission;
use nix::unistd::{Gid, Uid, chroot, setresgid, setresuid};

use super::ring::Polled;
use super::sys::{self, c_string};
use super::{Report, old, ring};

/// The interface to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Call {
    /// open(2)
    Open,
    /// openat(2)
    Openat,
    /// openat2(2)
    Openat2,
    /// creat(2), which only writes
    Creat,
    /// open(2) by the entry for 32-bit programs
    Int80,
    /// IORING_OP_OPENAT
    IoUring,
    /// IORING_OP_OPENAT2
    IoUring2,
    /// IORING_OP_OPENAT in a ring that a thread of the kernel looks into (SQPOLL)
    Polled,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// O_RDONLY
    Read,
    /// O_WRONLY
    Write,
    /// O_WRONLY | O_APPEND
    Append,
    /// O_WRONLY | O_CREAT | O_TRUNC
    Create,
    /// O_RDWR | O_TMPFILE, on a directory
    Tmpfile,
    /// O_PATH: a handle, no access
    Handle,
}

impl Mode {
    fn flags(self) -> OFlag {
        OFlag::O_CLOEXEC
            | match self {
                Self::Read => OFlag::O_RDONLY,
                Self::Write => OFlag::O_WRONLY,
                Self::Append => OFlag::O_WRONLY | OFlag::O_APPEND,
                Self::Create => OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC,
                Self::Tmpfile => OFlag::O_RDWR | OFlag::O_TMPFILE,
                Self::Handle => OFlag::O_PATH,
            }
    }
}

/// Permissions of what is created.
const PERMISSION: u32 = 0o644;

/// Opens a file, as another user when one is given.
pub fn open(path: &Path, call: Call, mode: Mode, uid: Option<u32>) -> io::Result<Report> {
    if let Some(uid) = uid {
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        setresgid(group, group, group)?;
        setresuid(user, user, user)?;
    }
    Report::new("open").path(path).outcome(open_by(path, call, mode)?)
}

/// The outer error: this way to open does not exist here.
fn open_by(path: &Path, call: Call, mode: Mode) -> io::Result<io::Result<OwnedFd>> {
    let name = c_string(path)?;
    let flags = mode.flags();
    let bits = flags.bits();
    // The kernel refuses permissions for an open that creates nothing.
    let creates = matches!(mode, Mode::Create | Mode::Tmpfile);
    let permission = if creates { PERMISSION } else { 0 };
    let permissions = Permission::from_bits_truncate(permission);
    Ok(match call {
        Call::Open => old::open(&name, bits, permission),
        Call::Openat => openat(AT_FDCWD, path, flags, permissions).map_err(io::Error::from),
        Call::Openat2 => {
            let how = OpenHow::new().flags(flags).mode(permissions);
            openat2(AT_FDCWD, path, how).map_err(io::Error::from)
        }
        Call::Creat => old::creat(&name, PERMISSION),
        Call::Int80 => old::open_int80(&name, bits, permission),
        Call::IoUring => ring::openat(&name, bits, permission, Polled::No)?,
        Call::Polled => ring::openat(&name, bits, permission, Polled::Yes)?,
        Call::IoUring2 => ring::openat2(&name, bits, permission)?,
    })
}

/// The other names that a file can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Alias {
    /// A symbolic link
    Symlink,
    /// A hard link
    Hardlink,
    /// A bind mount, in a mount namespace of one's own
    Bind,
    /// The file's name below a new root
    Chroot,
    /// The file's descriptor below /proc
    Proc,
    /// A symbolic link to its directory, and from there up and down again
    Dots,
    /// Its path below /proc/self/root
    Root,
    /// No name: a handle
    Handle,
}

/// Opens for writing under a name that is made for it; the report has that name.
pub fn open_through(alias: Alias, path: &Path, dir: &Path) -> io::Result<Report> {
    let name = path.file_name().ok_or_else(|| io::Error::other("a file name is needed"))?;
    let new = dir.join(format!("alias-{}", std::process::id()));
    let handle;
    let alias: PathBuf = match alias {
        Alias::Symlink => {
            symlink(path, &new)?;
            new
        }
        Alias::Hardlink => {
            fs::hard_link(path, &new)?;
            new
        }
        Alias::Bind => {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let none = None::<&Path>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            fs::write(&new, "")?;
            mount(Some(path), &new, none, MsFlags::MS_BIND, none)?;
            new
        }
        Alias::Chroot => {
            chroot(path.parent().unwrap_or(Path::new("/")))?;
            std::env::set_current_dir("/")?;
            Path::new("/").join(name)
        }
        Alias::Dots => {
            let parent = path.parent().ok_or_else(|| io::Error::other("no directory"))?;
            symlink(parent, &new)?;
            let again = parent.file_name().unwrap_or_default();
            new.join("..").join(again).join(name)
        }
        Alias::Root => Path::new("/proc/self/root").join(path.strip_prefix("/").unwrap_or(path)),
        Alias::Handle => {
            let flags = Mode::Write.flags().bits();
            let opened = sys::open_by_handle(&c_string(path)?, flags);
            return Report::new("open-through").path(path).outcome(opened);
        }
        Alias::Proc => {
            handle = openat(AT_FDCWD, path, Mode::Handle.flags(), Permission::empty())?;
            let fd = std::os::fd::AsRawFd::as_raw_fd(&handle);
            PathBuf::from(format!("/proc/self/fd/{fd}"))
        }
    };
    Report::new("open-through").path(&alias).outcome(open_by(&alias, Call::Openat, Mode::Write)?)
}

/// What can be done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is the system call of its name")]
pub enum Change {
    Rename,
    Link,
    Symlink,
    Unlink,
    Mkdir,
    Rmdir,
    Truncate,
    Chmod,
    Chown,
}

/// Changes a path.
pub fn change(change: Change, path: &Path, new: Option<&Path>) -> io::Result<Report> {
    let new = || new.ok_or_else(|| io::Error::other("this change needs the new path"));
    let result = match change {
        Change::Rename => fs::rename(path, new()?),
        Change::Link => fs::hard_link(path, new()?),
        Change::Symlink => symlink(path, new()?),
        Change::Unlink => fs::remove_file(path),
        Change::Mkdir => fs::create_dir(path),
        Change::Rmdir => fs::remove_dir(path),
        Change::Truncate => nix::unistd::truncate(path, 0).map_err(io::Error::from),
        Change::Chmod => fs::set_permissions(path, fs::Permissions::from_mode(0o4755)),
        Change::Chown => chown(path, Some(1), Some(1)),
    };
    Report::new("path").path(path).outcome(result)
}
