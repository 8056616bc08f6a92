//! The fixed bodies of the records. Variable sections follow a body in the order of its length
//! fields.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bits of `FileFacts::flags`.
pub mod file_flags {
    /// The file is on overlayfs and its content is in the upper layer: it was created or
    /// changed since the container was made from its image.
    pub const UPPER: u32 = 1;
    /// The file is on a mount that only the kernel has, as memfd files are.
    pub const INTERNAL_MOUNT: u32 = 2;
    /// The file is one of procfs about a monitor or a thread of it.
    pub const OF_MONITOR: u32 = 4;
}

/// Identity and state of a file, from its inode and super block.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FileFacts {
    /// Inode number.
    pub inode: u64,
    /// Device of the super block, in the kernel's form: major << 20 | minor.
    pub device: u32,
    /// Type and permission bits (`i_mode`).
    pub mode: u32,
    /// Magic number of the file system, `s_magic`.
    pub magic: u32,
    /// Number of hard links; 0 is a deleted file.
    pub links: u32,
    /// Owner, in the initial user namespace.
    pub uid: u32,
    /// Bits of [`file_flags`].
    pub flags: u32,
}

/// Bits of `Image::image_flags`.
pub mod image_flags {
    /// The file that was passed to `execve` is a script: `filename` names it, the path is that
    /// of its interpreter.
    pub const SCRIPT: u8 = 1;
    /// `no_new_privs` is set.
    pub const NO_NEW_PRIVS: u8 = 2;
    /// The environment was longer than [`crate::limits::ENV_BYTES`].
    pub const ENV_TRUNCATED: u8 = 4;
}

/// What a standard stream is.
pub mod stdio {
    /// Closed.
    pub const NONE: u8 = 0;
    /// A regular file, a directory or a block device.
    pub const FILE: u8 = 1;
    /// A pipe or FIFO.
    pub const PIPE: u8 = 2;
    /// A terminal.
    pub const TTY: u8 = 3;
    /// A socket.
    pub const SOCKET: u8 = 4;
    /// A character device that is no terminal, such as `/dev/null`.
    pub const CHARACTER: u8 = 5;
    /// Something else (an anonymous inode).
    pub const OTHER: u8 = 6;
}

/// The program that a process runs, at its start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Image {
    /// The file really executed (for a script: the interpreter).
    pub file: FileFacts,
    /// Size of that file in bytes.
    pub size: u64,
    /// Its last change of content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Its last change of state, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Effective capabilities, bit n is capability n.
    pub cap_effective: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// FNV-1a over 64-bit words of the first [`crate::limits::ARGV_HASH_BYTES`] bytes of the
    /// arguments; 0 unless they are longer than the section holds.
    pub args_hash: u64,
    /// Full length of the arguments in bytes, final zero bytes included.
    pub args_total: u32,
    /// Number of arguments; 0 where the kernel no longer tells.
    pub args_count: u32,
    /// Controlling terminal, major << 20 | minor; 0 is none.
    pub tty: u32,
    /// Seccomp mode: 0 off, 1 strict, 2 filter.
    pub seccomp: u8,
    /// Bits of [`image_flags`].
    pub image_flags: u8,
    /// What file descriptors 0, 1 and 2 are, see [`stdio`].
    pub stdio: [u8; 3],
    /// Zero.
    pub _reserved: [u8; 3],
    /// Section: full path of the executed file.
    pub path_len: u32,
    /// Section: the name as it was passed to `execve` (kernel's copy), without final zero.
    pub filename_len: u32,
    /// Section: working directory.
    pub cwd_len: u32,
    /// Section: environment, `KEY=value` strings that each end in a zero byte.
    pub env_len: u32,
    /// Section: arguments, each ends in a zero byte.
    pub args_len: u32,
}

/// A new process. The header is that of its parent.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Fork {
    /// Start of the child, nanoseconds since boot.
    pub child_start_ns: u64,
    /// Process id of the child.
    pub child_pid: u32,
    /// Process id of the child in its own pid namespace.
    pub child_namespace_pid: u32,
}

/// The end of a process.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Exit {
    /// Status as `wait(2)` tells it.
    pub status: u32,
    /// Zero.
    pub _reserved: u32,
}

/// A connection or a datagram: one socket and a destination.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Socket {
    /// Source address; IPv4 uses the first four bytes. Zeros where none is bound yet.
    pub source: [u8; 16],
    /// Destination address; IPv4 uses the first four bytes.
    pub destination: [u8; 16],
    /// The socket, for as long as it lives.
    pub socket_id: u64,
    /// Repeats of this act that were collapsed since the last record of it.
    pub repeats: u32,
    /// Address family: AF_INET, AF_INET6 or AF_UNIX.
    pub family: u16,
    /// IP protocol.
    pub protocol: u16,
    /// Source port, 0 where none is bound yet.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Socket type: SOCK_STREAM, SOCK_DGRAM, SOCK_RAW …
    pub socket_type: u16,
    /// Zero.
    pub _reserved: u16,
    /// Section: AF_UNIX address; a name in the abstract namespace starts with a zero byte.
    pub unix_len: u32,
    /// The file descriptor that the act is about; 0 where it is not told.
    pub descriptor: u32,
}

/// A message of the domain name system. Addresses are IPv6; an IPv4 address is mapped into it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Dns {
    /// The socket: no other has ever had this number since boot.
    pub socket_id: u64,
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IP protocol: UDP or TCP.
    pub protocol: u16,
    /// Zero.
    pub _reserved: u16,
    /// Length of the message.
    pub message_total: u32,
    /// Section: the message, or its start.
    pub message_len: u32,
}

/// A file that was opened, or came in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FileOpen {
    /// The file; zeros where the open was refused before there was one.
    pub file: FileFacts,
    /// Open flags (`O_*`).
    pub open_flags: u32,
    /// 1 where this open created the file.
    pub created: u32,
    /// Section: path; of a refused open the name as it was passed.
    pub path_len: u32,
    /// Section: working directory; only where `path` is a name as it was passed.
    pub cwd_len: u32,
}

/// A cgroup that came or went.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Cgroup {
    /// kernfs id.
    pub id: u64,
    /// Hierarchy; 0 is v2.
    pub hierarchy: u32,
    /// Section: path from the root of the hierarchy.
    pub path_len: u32,
}

/// An act on a file, on a process or on the system. What the numbers are, [`crate::RecordKind`]
/// says; a number that a kind does not have is zero.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Act {
    /// The file that was acted on; zeros where there was none, or none to look at.
    pub file: FileFacts,
    /// Arguments.
    pub numbers: [u64; 6],
    /// Section: path of the object; a name as it was passed where the header's origin says so.
    pub path_len: u32,
    /// Section: the directory that a relative name in `path` starts from; only with a name.
    pub base_len: u32,
    /// Section: the second path, name or text.
    pub other_len: u32,
    /// Section: the directory that a relative name in `other` starts from, or a third text.
    pub other_base_len: u32,
}
