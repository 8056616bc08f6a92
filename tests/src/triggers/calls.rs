//! Acts that are one system call, from a table: name, numbers, and arguments in words, which
//! `Scene::arg` explains.

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
use super::old;
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

/// A row of the tables.
#[derive(Debug)]
pub struct Row {
    /// What it is called here.
    pub name: &'static str,
    native: i64,
    compat: i64,
    /// The arguments.
    pub words: &'static str,
}

/// The number of a call that an architecture does not have.
const NONE: i64 = -1;

/// A row: the numbers are those of x86_64, of its 32-bit calls, and of aarch64.
const fn row(name: &'static str, numbers: [i64; 3], words: &'static str) -> Row {
    let [wide, narrow, generic] = numbers;
    let (native, compat) =
        if cfg!(target_arch = "x86_64") { (wide, narrow) } else { (generic, NONE) };
    Row { name, native, compat, words }
}

impl Row {
    /// Whether this architecture has the call for its own programs.
    pub const fn has_native(&self) -> bool {
        self.native != NONE
    }

    /// Whether it has the call at an entry for 32-bit programs.
    pub const fn has_compat(&self) -> bool {
        self.compat != NONE
    }
}

/// Acts on names and attributes of files.
pub const NAMES: &[Row] = &[
    row("rename", [82, 38, NONE], "old new"),
    row("renameat", [264, 302, 38], "@ old @ new"),
    row("renameat2", [316, 353, 276], "@ old @ new 1"),
    row("link", [86, 9, NONE], "old new"),
    row("linkat", [265, 303, 37], "@ old @ new 0"),
    row("symlink", [88, 83, NONE], "'says new"),
    row("symlinkat", [266, 304, 36], "'says @ new"),
    row("unlink", [87, 10, NONE], "old"),
    row("unlinkat", [263, 301, 35], "@ old 0"),
    row("rmdir", [84, 40, NONE], "dir"),
    row("unlinkat-dir", [263, 301, 35], "@ dir 512"),
    row("mkdir", [83, 39, NONE], "new 0o750"),
    row("mkdirat", [258, 296, 34], "@ new 0o750"),
    row("mknod", [133, 14, NONE], "new 0o10640 0"),
    row("mknodat", [259, 297, 33], "@ new 0o10640 0"),
    row("truncate", [76, 92, 45], "old 7"),
    row("chmod", [90, 15, NONE], "old 0o4711"),
    row("fchmod", [91, 94, 52], "fd 0o4711"),
    row("fchmodat", [268, 306, 53], "@ old 0o4711"),
    row("fchmodat2", [452, 452, 452], "@ old 0o4711 0"),
    row("chown", [92, 212, NONE], "old 1 2"),
    row("fchown", [93, 207, 55], "fd 1 2"),
    row("lchown", [94, 198, NONE], "old 1 2"),
    row("fchownat", [260, 298, 54], "@ old 1 2 0"),
    row("fchownat-empty", [260, 298, 54], "fd ' 1 2 0x1000"),
    row("utime", [132, 30, NONE], "old 0"),
    row("utimes", [235, 271, NONE], "old 0"),
    row("futimesat", [261, 299, NONE], "@ old 0"),
    row("utimensat", [280, 320, 88], "@ old 0 0"),
    row("futimens", [280, 320, 88], "fd 0 0 0"),
    row("setxattr", [188, 226, 5], "old 'trusted.mark 'v 1 0"),
    row("lsetxattr", [189, 227, 6], "old 'trusted.mark 'v 1 0"),
    row("fsetxattr", [190, 228, 7], "fd 'trusted.mark 'v 1 0"),
    row("removexattr", [197, 235, 14], "old 'trusted.mark"),
    row("lremovexattr", [198, 236, 15], "old 'trusted.mark"),
    row("fremovexattr", [199, 237, 16], "fd 'trusted.mark"),
];

/// Acts on the process, its memory, its descriptors, and the system.
pub const OTHERS: &[Row] = &[
    row("setuid", [105, 213, 146], "65534"),
    row("setreuid", [113, 203, 145], "-1 65534"),
    row("setresuid", [117, 208, 147], "1 65534 2"),
    row("setfsuid", [122, 215, 151], "65534"),
    row("setgid", [106, 214, 144], "65534"),
    row("setregid", [114, 204, 143], "-1 65534"),
    row("setresgid", [119, 210, 149], "1 65534 2"),
    row("setfsgid", [123, 216, 152], "65534"),
    row("unshare", [272, 310, 97], "0x4000000"),
    row("setns", [308, 346, 268], "uts 0x4000000"),
    row("memfd", [319, 356, 279], "'mark 1"),
    row("userfaultfd", [323, 374, 282], "0x80000"),
    row("socket-packet", [41, 359, 198], "17 3 768"),
    row("socket-raw", [41, 359, 198], "2 3 1"),
    row("socket-vsock", [41, 359, 198], "40 1 0"),
    row("socket-common", [41, 359, 198], "2 1 0"),
    row("chroot", [161, 61, 51], "dir"),
    row("mmap", [9, NONE, 222], "0 4096 5 2 fd 0"),
    row("mmap-data", [9, NONE, 222], "0 4096 1 2 fd 0"),
    row("mprotect", [10, 125, 226], "page 4096 5"),
    row("mprotect-data", [10, 125, 226], "page 4096 1"),
    row("pkey_mprotect", [329, 380, 288], "page 4096 5 -1"),
    row("pidfd_getfd", [438, 438, 438], "pidfd fd 0"),
    row("ptrace-attach", [101, 26, 117], "16 child 0 0"),
    row("ptrace-seize", [101, 26, 117], "0x4206 child 0 0"),
    row("finit_module", [313, 350, 273], "fd ' 0"),
    row(
        "init_module",
        [175, 128, 105],
        "'no-module-but-more-bytes-than-the-header-of-one-has-which-are-sixty-four 70 '",
    ),
    row("mount-tmpfs", [165, 21, 40], "'none dir 'tmpfs 0 0"),
    row("mount-bind", [165, 21, 40], ". dir 0 0x1000 0"),
    row("umount2", [166, 52, 39], "mount 2"),
    row("move_mount", [429, 429, 429], "tree ' @ dir 4"),
    row("fsmount", [429, 429, 429], "fs ' @ dir 4"),
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
            let row = NAMES.iter().chain(OTHERS).find(|row| row.name == name);
            row.ok_or_else(|| io::Error::other(format!("no act {name}")))
        })
        .collect::<io::Result<_>>()?;
    if rows.iter().any(|row| row.name.contains("mount")) {
        own_mounts()?;
    }
    let mut report = Report::new("call").path(dir);
    for row in rows {
        let scene = Scene::new(dir.join(row.name), form)?;
        let refused = scene.act(row, way)?.err().and_then(|err| err.raw_os_error());
        report = report.number(row.name, refused.unwrap_or(0).unsigned_abs().into());
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
        let words: Vec<Word> =
            row.words.split(' ').map(|word| self.arg(word)).collect::<io::Result<_>>()?;
        let args: Vec<Arg<'_>> = words
            .iter()
            .map(|word| match word {
                Word::Number(number) => Arg::Number(*number),
                Word::Text(text) => Arg::Text(text),
            })
            .collect();
        Ok(match way {
            Way::Native => raw::call(row.native, &args),
            Way::Int80 => old::int80(row.compat, &args),
            Way::IoUring => ring::change(row.name, &args)?.map(i64::from),
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

/// Memory that may be written, within reach of 32-bit calls where there are any.
fn page() -> io::Result<i64> {
    const PAGE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | old::BELOW_4_GIB;
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
