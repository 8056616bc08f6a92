//! The acts on names, files, processes and the system: which there are, and what each says beside
//! its object. `decode` makes them of numbers; rules and documents read them.

use crate::raw_event::{FileFacts, ProcessKey};

/// An act on a name, a file, a process or the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Which.
    pub kind: ActKind,
    /// Full path of the object; empty where there is none. Where it was made from a name, links in
    /// it are not resolved.
    pub path: Box<[u8]>,
    /// The name as it was passed, where `path` was made from it.
    pub name: Option<Box<[u8]>>,
    /// The file; None where none was looked at.
    pub file: Option<FileFacts>,
    /// The second path, or text, by kind; empty where there is none.
    pub other: Box<[u8]>,
    /// The second name as it was passed, where `other` was made from it.
    pub other_name: Option<Box<[u8]>>,
    /// A further text, by kind.
    pub text: Box<[u8]>,
}

/// User or group ids: real, effective, saved.
pub type Ids = [u32; 3];

/// Sets of capabilities: effective, inheritable, permitted.
pub type CapabilitySets = [u64; 3];

macro_rules! acts {
    ($(
        $(#[$doc:meta])*
        $act:ident $({ $($(#[$of:meta])* $field:ident: $type:ty,)* })?
            = $number:literal $name:literal;
    )*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ActKind {
            $($(#[$doc])* $act $({ $($(#[$of])* $field: $type,)* })?,)*
        }

        impl ActKind {
            /// Names of the kinds, by [`ActKind::number`].
            pub const NAMES: [&'static str; [$($name),*].len()] = [$($name),*];

            /// Number of the kind, from 0.
            #[must_use]
            pub const fn number(&self) -> u8 {
                match self {
                    $(Self::$act $({ $($field: _,)* })? => $number,)*
                }
            }
        }
    };
}

acts! {
    /// A file descriptor came in from another process.
    FileReceive {
        /// Open flags.
        open_flags: u32,
    } = 0 "file_receive";
    /// A name was moved: `other` is the new one.
    Rename {
        /// `RENAME_*`.
        flags: u32,
    } = 1 "rename";
    /// A file was given a further name, `other`.
    Link = 2 "link";
    /// A symbolic link was made, which says `other`.
    Symlink = 3 "symlink";
    /// A name was removed.
    Unlink = 4 "unlink";
    /// A directory was made.
    Mkdir {
        /// Permission bits.
        mode: u32,
    } = 5 "mkdir";
    /// A directory was removed.
    Rmdir = 6 "rmdir";
    /// A device, FIFO or socket was made.
    Mknod {
        /// Type and permission bits.
        mode: u32,
        /// Number of the device.
        device: u32,
    } = 7 "mknod";
    /// A file was cut, or made longer.
    Truncate {
        /// To how many bytes.
        length: u64,
    } = 8 "truncate";
    /// The mode of a file was changed.
    Chmod {
        /// Permission bits.
        mode: u32,
    } = 9 "chmod";
    /// The owner of a file was changed.
    Chown {
        /// User; `u32::MAX` leaves it.
        uid: u32,
        /// Group; `u32::MAX` leaves it.
        gid: u32,
    } = 10 "chown";
    /// The times of a file were set.
    Utimes = 11 "utimes";
    /// An extended attribute, `other`, was set or removed.
    Xattr {
        /// It was removed.
        removed: bool,
    } = 12 "xattr";
    /// A file was mapped to be executed.
    Map {
        /// `PROT_*`.
        protection: u32,
        /// `MAP_*`.
        flags: u32,
    } = 13 "map";
    /// Memory was made executable.
    Protect {
        /// `PROT_*`.
        protection: u32,
    } = 14 "protect";
    /// A socket of an uncommon sort was made.
    SocketCreate {
        /// `AF_*`.
        family: u16,
        /// `SOCK_*`, without flags.
        sort: u16,
        /// Protocol number.
        protocol: u32,
    } = 15 "socket";
    /// A process was attached to.
    Ptrace {
        /// `PTRACE_*`.
        request: u32,
        /// The other process; its start is 0 where it is not known.
        target: ProcessKey,
        /// Whether that is the monitor.
        monitor: bool,
    } = 16 "ptrace";
    /// The `bpf` call; `other` is the name of a program.
    Bpf {
        /// `BPF_*`.
        command: u32,
        /// Type of the program, where one is loaded.
        program_type: u32,
        /// Id of the program, map or link that was reached by it; 0 of other commands.
        object: u32,
        /// Whether that is the monitor's.
        monitor: bool,
    } = 17 "bpf";
    /// A kernel module was loaded.
    Module = 18 "module";
    /// `other` was mounted; `text` is the type of the file system.
    Mount {
        /// `MS_*`.
        flags: u64,
    } = 19 "mount";
    /// Something was unmounted.
    Umount {
        /// `MNT_*`.
        flags: u32,
    } = 20 "umount";
    /// The process entered namespaces.
    Setns {
        /// `CLONE_NEW*` that it asked for; 0 is any.
        flags: u32,
    } = 21 "setns";
    /// The process made namespaces of its own, or one was made with some.
    Unshare {
        /// `CLONE_NEW*`.
        flags: u64,
        /// The process that was made with them.
        child: Option<ProcessKey>,
    } = 22 "unshare";
    /// The root of a mount namespace was replaced; the old one is at `other`.
    PivotRoot = 23 "pivot_root";
    /// The root directory of the process was changed.
    Chroot = 24 "chroot";
    /// User ids were changed.
    SetUid {
        /// What they are now.
        new: Ids,
        /// What they were, where that is seen.
        old: Option<Ids>,
    } = 25 "setuid";
    /// Group ids were changed.
    SetGid {
        /// What they are now.
        new: Ids,
        /// What they were, where that is seen.
        old: Option<Ids>,
    } = 26 "setgid";
    /// Capabilities were set.
    Capset {
        /// What they are now.
        new: CapabilitySets,
    } = 27 "capset";
    /// A file in memory was made.
    Memfd {
        /// `MFD_*`.
        flags: u32,
    } = 28 "memfd";
    /// Page faults were delegated to user space.
    Userfaultfd {
        /// `O_*` and `UFFD_*`.
        flags: u32,
    } = 29 "userfaultfd";
    /// A signal was sent to the monitor.
    Signal {
        /// Its number.
        signal: u32,
        /// The monitor's process.
        target: ProcessKey,
    } = 30 "signal";
}

/// The names of other kinds, and those of [`ActKind`] behind them. The compiler runs it.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would not compile")]
pub const fn names_after<const FIRST: usize, const ALL: usize>(
    first: [&'static str; FIRST],
) -> [&'static str; ALL] {
    let mut all = [""; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < FIRST { first[at] } else { ActKind::NAMES[at - FIRST] };
        at += 1;
    }
    all
}
