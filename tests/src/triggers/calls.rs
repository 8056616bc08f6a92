//! Acts that are one system call, from a table: name, number, number for 32-bit programs, and
//! arguments in words, which `Scene::arg` explains.

use std::cell::OnceCell;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::unistd::{Gid, Uid, setresgid, setresuid};

use super::child::Child;
use super::raw::{self, Arg};
use super::sys::c_string;
use super::{Report, ring};

/// The way into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// The system call.
    Native,
    /// The entry for 32-bit programs.
    Int80,
    /// A request in an io_uring.
    IoUring,
}

/// How names are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// From the root, through a symbolic link.
    Absolute,
    /// From the working directory, to which the same link led.
    Relative,
    /// From a descriptor of the directory.
    At,
}

/// What was prepared for an act in its directory: `real/` with a file `old` and a directory `dir`,
/// and `link`, which leads to `real`.
pub const OLD: &str = "old";
/// The name that is made.
pub const NEW: &str = "new";
/// The directory.
pub const DIR: &str = "dir";

/// Name, number on `x86_64`, number of its 32-bit calls, arguments.
pub type Row = (&'static str, i64, i64, &'static str);

/// Acts on names and attributes of files.
pub const NAMES: &[Row] = &[
    ("rename", 82, 38, "old new"),
    ("renameat", 264, 302, "@ old @ new"),
    ("renameat2", 316, 353, "@ old @ new 1"),
    ("link", 86, 9, "old new"),
    ("linkat", 265, 303, "@ old @ new 0"),
    ("symlink", 88, 83, "'says new"),
    ("symlinkat", 266, 304, "'says @ new"),
    ("unlink", 87, 10, "old"),
    ("unlinkat", 263, 301, "@ old 0"),
    ("rmdir", 84, 40, "dir"),
    ("unlinkat-dir", 263, 301, "@ dir 512"),
    ("mkdir", 83, 39, "new 0o750"),
    ("mkdirat", 258, 296, "@ new 0o750"),
    ("mknod", 133, 14, "new 0o10640 0"),
    ("mknodat", 259, 297, "@ new 0o10640 0"),
    ("truncate", 76, 92, "old 7"),
    ("chmod", 90, 15, "old 0o4711"),
    ("fchmod", 91, 94, "fd 0o4711"),
    ("fchmodat", 268, 306, "@ old 0o4711"),
    ("fchmodat2", 452, 452, "@ old 0o4711 0"),
    ("chown", 92, 212, "old 1 2"),
    ("fchown", 93, 207, "fd 1 2"),
    ("lchown", 94, 198, "old 1 2"),
    ("fchownat", 260, 298, "@ old 1 2 0"),
    ("fchownat-empty", 260, 298, "fd ' 1 2 0x1000"),
    ("utime", 132, 30, "old 0"),
    ("utimes", 235, 271, "old 0"),
    ("futimesat", 261, 299, "@ old 0"),
    ("utimensat", 280, 320, "@ old 0 0"),
    ("futimens", 280, 320, "fd 0 0 0"),
    ("setxattr", 188, 226, "old 'trusted.mark 'v 1 0"),
    ("lsetxattr", 189, 227, "old 'trusted.mark 'v 1 0"),
    ("fsetxattr", 190, 228, "fd 'trusted.mark 'v 1 0"),
    ("removexattr", 197, 235, "old 'trusted.mark"),
    ("lremovexattr", 198, 236, "old 'trusted.mark"),
    ("fremovexattr", 199, 237, "fd 'trusted.mark"),
];

/// Acts on the process, its memory, its descriptors, and the system.
pub const OTHERS: &[Row] = &[
    ("setuid", 105, 213, "65534"),
    ("setreuid", 113, 203, "-1 65534"),
    ("setresuid", 117, 208, "1 65534 2"),
    ("setfsuid", 122, 215, "65534"),
    ("setgid", 106, 214, "65534"),
    ("setregid", 114, 204, "-1 65534"),
    ("setresgid", 119, 210, "1 65534 2"),
    ("setfsgid", 123, 216, "65534"),
    ("unshare", 272, 310, "0x4000000"),
    ("setns", 308, 346, "uts 0x4000000"),
    ("memfd", 319, 356, "'mark 1"),
    ("userfaultfd", 323, 374, "0x80000"),
    ("socket-packet", 41, 359, "17 3 768"),
    ("socket-raw", 41, 359, "2 3 1"),
    ("socket-vsock", 41, 359, "40 1 0"),
    ("socket-common", 41, 359, "2 1 0"),
    ("chroot", 161, 61, "dir"),
    ("mmap", 9, -1, "0 4096 5 2 fd 0"),
    ("mmap-data", 9, -1, "0 4096 1 2 fd 0"),
    ("mprotect", 10, 125, "page 4096 5"),
    ("mprotect-data", 10, 125, "page 4096 1"),
    ("pkey_mprotect", 329, 380, "page 4096 5 -1"),
    ("pidfd_getfd", 438, 438, "pidfd fd 0"),
    ("ptrace-attach", 101, 26, "16 child 0 0"),
    ("ptrace-seize", 101, 26, "0x4206 child 0 0"),
    ("finit_module", 313, 350, "fd ' 0"),
    (
        "init_module",
        175,
        128,
        "'no-module-but-more-bytes-than-the-header-of-one-has-which-are-sixty-four 70 '",
    ),
    ("mount-tmpfs", 165, 21, "'none dir 'tmpfs 0 0"),
    ("mount-bind", 165, 21, ". dir 0 0x1000 0"),
    ("umount2", 166, 52, "mount 2"),
    ("move_mount", 429, 429, "tree ' @ dir 4"),
    ("fsmount", 429, 429, "fs ' @ dir 4"),
];

/// Performs acts of the tables one after the other, each in the directory of its name below `dir`.
/// The report has the errno of each.
pub fn perform(
    dir: &Path,
    names: &[String],
    way: Way,
    form: Form,
    uid: Option<u32>,
) -> io::Result<Report> {
    if let Some(uid) = uid {
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        setresgid(group, group, group)?;
        setresuid(user, user, user)?;
    }
    let rows: Vec<&Row> = names
        .iter()
        .map(|name| {
            let row = NAMES.iter().chain(OTHERS).find(|row| row.0 == name);
            row.ok_or_else(|| io::Error::other(format!("no act {name}")))
        })
        .collect::<io::Result<_>>()?;
    if rows.iter().any(|row| row.0.contains("mount")) {
        own_mounts()?;
    }
    let mut report = Report::new("call").path(dir);
    for row in rows {
        let scene = Scene::new(dir.join(row.0), form)?;
        let refused = scene.act(row, way)?.err().and_then(|err| err.raw_os_error());
        report = report.number(row.0, refused.unwrap_or(0).unsigned_abs().into());
        if let Some(child) = scene.child.get() {
            report = report.number("child", child.pid().unsigned_abs().into());
        }
    }
    Ok(report)
}

/// Mounts from here on are this process's own.
pub(super) fn own_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&Path>;
    Ok(mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?)
}

/// The surroundings of an act. What an argument needs is made when it is first asked for.
struct Scene {
    prefix: PathBuf,
    base: Option<File>,
    opened: OnceCell<OwnedFd>,
    child: OnceCell<Child>,
    /// More descriptors that have to stay open.
    held: OnceCell<OwnedFd>,
}

/// What an argument is, before it is one.
enum Word {
    Number(i64),
    Text(CString),
}

impl Scene {
    fn new(dir: PathBuf, form: Form) -> io::Result<Self> {
        let link = dir.join("link");
        let (prefix, base) = match form {
            Form::Absolute => (link, None),
            Form::Relative => {
                std::env::set_current_dir(link)?;
                (PathBuf::new(), None)
            }
            Form::At => (PathBuf::new(), Some(File::open(link)?)),
        };
        let (opened, child, held) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ok(Self { prefix, base, opened, child, held })
    }

    /// The outer error: this cannot be tried here.
    fn act(&self, row: &Row, way: Way) -> io::Result<io::Result<i64>> {
        let &(name, native, compat, words) = row;
        let words: Vec<Word> =
            words.split(' ').map(|word| self.arg(word)).collect::<io::Result<_>>()?;
        let args: Vec<Arg<'_>> = words
            .iter()
            .map(|word| match word {
                Word::Number(number) => Arg::Number(*number),
                Word::Text(text) => Arg::Text(text),
            })
            .collect();
        Ok(match way {
            Way::Native => raw::call(native, &args),
            Way::Int80 => raw::int80(compat, &args),
            Way::IoUring => ring::change(name, &args)?.map(i64::from),
        })
    }

    /// - `@`: the directory that names start from
    /// - `old`, `new`, `dir`, `.`: names; `'text`: a text
    /// - `fd`: a descriptor of `old`; `uts`, `pidfd`: of this process's UTS namespace, of itself
    /// - `child`: a process that waits
    /// - `page`: memory that may be written
    /// - `mount`: a name at which something is mounted; `tree`, `fs`: of something to be mounted
    fn arg(&self, word: &str) -> io::Result<Word> {
        if let Some(text) = word.strip_prefix('\'') {
            return Ok(Word::Text(c_string(text)?));
        }
        let number = match word {
            "@" => self.base.as_ref().map_or(libc::AT_FDCWD, |base| base.as_raw_fd()).into(),
            OLD | NEW | DIR | "." => return Ok(Word::Text(c_string(self.prefix.join(word))?)),
            "fd" => self.opened()?.into(),
            "uts" => self.hold(File::open("/proc/self/ns/uts")?.into()),
            "pidfd" => super::sys::pidfd_of_self()?.into(),
            "child" => self.child()?.pid().into(),
            "page" => page()?,
            "mount" => {
                let none = None::<&Path>;
                let at = self.prefix.join(DIR);
                mount(none, &at, Some("tmpfs"), MsFlags::empty(), none)?;
                return Ok(Word::Text(c_string(at)?));
            }
            "tree" => self.hold(super::sys::open_tree(&c_string(self.prefix.join(DIR))?)?),
            "fs" => self.hold(super::sys::new_tmpfs()?),
            _ => parse(word).ok_or_else(|| io::Error::other(format!("no argument {word}")))?,
        };
        Ok(Word::Number(number))
    }

    fn opened(&self) -> io::Result<i32> {
        if self.opened.get().is_none() {
            let file = match &self.base {
                Some(_) => nix::fcntl::openat(
                    self.base.as_ref().ok_or(io::ErrorKind::NotFound)?,
                    OLD,
                    nix::fcntl::OFlag::O_RDONLY,
                    nix::sys::stat::Mode::empty(),
                )?,
                None => File::open(self.prefix.join(OLD))?.into(),
            };
            drop(self.opened.set(file));
        }
        self.opened.get().map(|file| file.as_raw_fd()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn child(&self) -> io::Result<&Child> {
        if self.child.get().is_none() {
            drop(self.child.set(Child::start()?));
        }
        self.child.get().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn hold(&self, fd: OwnedFd) -> i64 {
        let number = fd.as_raw_fd();
        drop(self.held.set(fd));
        number.into()
    }
}

/// Memory that may be written, below 4 GiB.
fn page() -> io::Result<i64> {
    const PAGE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_32BIT;
    // SAFETY: a new anonymous mapping where the kernel likes; nothing else is there.
    Ok(unsafe { mmap_anonymous(None, PAGE, access, flags) }?.as_ptr() as i64)
}

fn parse(word: &str) -> Option<i64> {
    if let Some(octal) = word.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok();
    }
    if let Some(hexadecimal) = word.strip_prefix("0x") {
        return i64::from_str_radix(hexadecimal, 16).ok();
    }
    word.parse().ok()
}

/// Makes the surroundings of an act: see [`OLD`]. The file has an attribute that can be removed.
pub fn prepare(dir: &Path) -> io::Result<()> {
    let real = dir.join("real");
    fs::create_dir_all(real.join(DIR))?;
    let old = real.join(OLD);
    fs::write(&old, "old")?;
    let old = c_string(old)?;
    let [old, name, value] = [&old, c"trusted.mark", c"v"].map(Arg::Text);
    raw::call(libc::SYS_setxattr, &[old, name, value, Arg::Number(1), Arg::Number(0)])?;
    std::os::unix::fs::symlink("real", dir.join("link"))
}
