//! The kinds of record, and which body each has.

use crate::body::{Act, Cgroup, Dns, Exit, FileOpen, Fork, Image, Socket};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal $body:ident;)*) => {
        /// What a record tells of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum RecordKind {
            $(
                $(#[$doc])*
                #[doc = concat!("Body: [`", stringify!($body), "`].")]
                $kind = $number,
            )*
        }

        impl RecordKind {
            /// How many kinds there are.
            pub const COUNT: usize = [$(Self::$kind),*].len();

            /// Every kind, in the order of their numbers.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$kind),*];

            /// The name that reports and metrics use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Bytes of the fixed body.
            #[must_use]
            pub const fn body_bytes(self) -> usize {
                match self {
                    $(Self::$kind => size_of::<$body>(),)*
                }
            }
        }
    };
}

kinds! {
    /// A process that already ran when the monitor started.
    Task = 0 "task" Image;
    /// A program was started.
    Exec = 1 "exec" Image;
    /// A process was created.
    Fork = 2 "fork" Fork;
    /// A process ended (its last thread did).
    Exit = 3 "exit" Exit;
    /// A socket was connected, or tried to be.
    Connect = 4 "connect" Socket;
    /// A datagram left an unconnected socket.
    Send = 5 "send" Socket;
    /// A file was opened for writing, or tried to be.
    FileOpen = 6 "file_open" FileOpen;
    /// A cgroup was made.
    CgroupMkdir = 7 "cgroup_mkdir" Cgroup;
    /// A cgroup was removed.
    CgroupRmdir = 8 "cgroup_rmdir" Cgroup;
    /// A file was opened for reading alone, or tried to be.
    FileRead = 9 "file_read" FileOpen;
    /// A file descriptor came in from another process.
    FileReceive = 10 "file_receive" FileOpen;
    /// A name was moved. Path: the old one; other: the new one. Numbers: flags.
    Rename = 11 "rename" Act;
    /// A file was given a further name. Path: the file; other: the new name.
    Link = 12 "link" Act;
    /// A symbolic link was made. Path: the link; other: what it says.
    Symlink = 13 "symlink" Act;
    /// A name was removed. Path: the name.
    Unlink = 14 "unlink" Act;
    /// A directory was made. Path: the directory. Numbers: mode.
    Mkdir = 15 "mkdir" Act;
    /// A directory was removed. Path: the directory.
    Rmdir = 16 "rmdir" Act;
    /// A device, FIFO or socket was made. Path: its name. Numbers: mode, device.
    Mknod = 17 "mknod" Act;
    /// A file was cut or made longer by its name. Path: the file. Numbers: length.
    Truncate = 18 "truncate" Act;
    /// The mode of a file was changed. Path: the file. Numbers: mode.
    Chmod = 19 "chmod" Act;
    /// The owner of a file was changed. Path: the file. Numbers: user, group.
    Chown = 20 "chown" Act;
    /// The times of a file were set. Path: the file.
    Utimes = 21 "utimes" Act;
    /// An extended attribute was set or removed. Path: the file; other: the attribute. Numbers: 1
    /// where it was removed.
    Xattr = 22 "xattr" Act;
    /// A file was mapped to be executed. Path: the file. Numbers: protection, flags.
    Map = 23 "map" Act;
    /// Memory was made executable. Path: the file that is mapped there, if one is. Numbers:
    /// protection.
    Protect = 24 "protect" Act;
    /// A connection was accepted: the source is our end.
    Accept = 25 "accept" Socket;
    /// A socket began to wait for connections: the source is its own address.
    Listen = 26 "listen" Socket;
    /// A socket was given an address of its own, which the destination tells.
    Bind = 27 "bind" Socket;
    /// A socket of an uncommon sort was made. Numbers: family, type, protocol.
    SocketCreate = 28 "socket" Act;
    /// A socket became a standard stream. The descriptor is the stream.
    Dup = 29 "dup" Socket;
    /// A process was attached to. Numbers: request, target's pid, target's start, access mode, 1
    /// where it is the monitor.
    Ptrace = 30 "ptrace" Act;
    /// The `bpf` call. Numbers: command, type of program or map; other: the name.
    Bpf = 31 "bpf" Act;
    /// A kernel module was loaded. Path: its file, if it came from one.
    Module = 32 "module" Act;
    /// Something was mounted. Path: where; other: what; fourth section: type of file system.
    /// Numbers: flags.
    Mount = 33 "mount" Act;
    /// Something was unmounted. Path: where. Numbers: flags.
    Umount = 34 "umount" Act;
    /// A process entered namespaces. Numbers: kinds of namespace that it asked for.
    Setns = 35 "setns" Act;
    /// A process made namespaces of its own, or was made with some. Numbers: flags.
    Unshare = 36 "unshare" Act;
    /// The root of a mount namespace was replaced. Path: the new root; other: where the old goes.
    PivotRoot = 37 "pivot_root" Act;
    /// The root directory of a process was changed. Path: the new root.
    Chroot = 38 "chroot" Act;
    /// User ids were changed. Numbers: real, effective and saved, new; the same, old.
    SetUid = 39 "setuid" Act;
    /// Group ids were changed. Numbers as for user ids.
    SetGid = 40 "setgid" Act;
    /// Capabilities were set. Numbers: effective, inheritable and permitted, new; the same, old.
    Capset = 41 "capset" Act;
    /// A file in memory was made. Path: its name. Numbers: flags.
    Memfd = 42 "memfd" Act;
    /// Page faults were delegated to user space. Numbers: flags.
    Userfaultfd = 43 "userfaultfd" Act;
    /// A signal was sent to the monitor. Numbers: signal, target's pid, target's start.
    Signal = 44 "signal" Act;
    /// A message left for a name server.
    DnsQuery = 45 "dns_query" Dns;
    /// A message came in from a name server. The header is of who last asked by that socket; its
    /// process is 0 where that is not known, and its cgroup then that of the socket.
    DnsAnswer = 46 "dns_answer" Dns;
}

/// A kind number that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind(pub u16);

impl TryFrom<u16> for RecordKind {
    type Error = UnknownKind;

    fn try_from(number: u16) -> Result<Self, UnknownKind> {
        Self::ALL.get(number as usize).copied().ok_or(UnknownKind(number))
    }
}
