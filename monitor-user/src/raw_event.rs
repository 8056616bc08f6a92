//! Exactly what the kernel said, borrowed from the record.
//!
//! `decode` makes it from bytes and `enrich` turns it into an event; nothing else knows it.

use std::net::{IpAddr, SocketAddr};

use crate::act::ActKind;

/// Number of an event: unique since boot. `stream` counts by itself, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    /// The CPU, times the number of scratch slots, plus the slot.
    pub stream: u32,
    /// Number in the stream, from 1; 0 for a process that was found at start.
    pub sequence: u64,
}

/// Identity of a process across reuse of its pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessKey {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Start of the process, nanoseconds since boot.
    pub start_ns: u64,
}

impl ProcessKey {
    /// The pid of whoever did what no process is known to have done.
    pub const NOBODY: u32 = 0;
}

/// Identity of a cgroup. Ids repeat across hierarchies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CgroupKey {
    /// Hierarchy; 0 is v2.
    pub hierarchy: u32,
    /// kernfs id.
    pub id: u64,
}

/// The result of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Success,
    /// It failed with this errno. `EINPROGRESS` is a connection that was begun.
    Failure(i32),
    /// The hook cannot see it: the act was allowed there.
    Unknown,
}

/// Where the arguments of an act were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel object that the act was decided on.
    KernelObject,
    /// The kernel's copy of a name; links in it are not resolved.
    KernelCopy,
    /// User memory, after the act.
    UserMemory,
    /// procfs, when the monitor started.
    Procfs,
}

/// Credentials and namespaces of the acting task, at the act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Real user id, in the initial user namespace; so are the others.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Audit login user id, where there was a login.
    pub loginuid: Option<u32>,
}

/// Namespaces of the acting task, by inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// Mount namespace.
    pub mount: u32,
    /// Pid namespace of the children.
    pub pid: u32,
    /// Network namespace.
    pub network: u32,
    /// User namespace.
    pub user: u32,
}

/// The task that acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its process.
    pub key: ProcessKey,
    /// Its thread id.
    pub tid: u32,
    /// Process id in its own pid namespace; 0 but at a process's start.
    pub namespace_pid: u32,
    /// The parent of its process, at the act.
    pub parent: ProcessKey,
    /// Process id of the session leader; 0 but at a process's start.
    pub session_id: u32,
    /// Credentials at the act.
    pub credentials: Credentials,
    /// Namespaces at the act.
    pub namespaces: Namespaces,
    /// Cgroup at the act.
    pub cgroup: CgroupKey,
    /// Thread name, padded with zero bytes.
    pub comm: [u8; 16],
}

/// What the kernel said of one act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawEvent<'a> {
    /// Number of the event.
    pub id: EventId,
    /// When, nanoseconds since boot.
    pub boottime_ns: u64,
    /// Who.
    pub task: Task,
    /// With what result.
    pub outcome: Outcome,
    /// Where the arguments come from.
    pub origin: Origin,
    /// A path was cut.
    pub path_truncated: bool,
    /// An argument could not be read whole.
    pub read_fault: bool,
    /// The act came through `io_uring`.
    pub io_uring: bool,
    /// Name of the program that saw it.
    pub hook: &'static str,
    /// What was done.
    pub body: RawBody<'a>,
}

/// What was done, by kind of record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawBody<'a> {
    /// A process that already ran.
    Task(RawImage<'a>),
    /// A program was started.
    Exec(RawImage<'a>),
    /// A process was created.
    Fork {
        /// The child.
        child: ProcessKey,
        /// The child's pid in its own pid namespace.
        namespace_pid: u32,
    },
    /// A process ended.
    Exit {
        /// Status as `wait(2)` tells it.
        status: u32,
    },
    /// A socket was connected, or tried to be.
    Connect(RawSocket<'a>),
    /// A datagram left an unconnected socket.
    Send(RawSocket<'a>),
    /// A file was opened for writing, or tried to be.
    FileOpen(RawFileOpen<'a>),
    /// A file was opened for reading alone, or tried to be.
    FileRead(RawFileOpen<'a>),
    /// A connection was accepted: the source is our end.
    Accept(RawSocket<'a>),
    /// A socket began to wait for connections: the source is its address.
    Listen(RawSocket<'a>),
    /// A socket was given an address of its own: the destination.
    Bind(RawSocket<'a>),
    /// A socket became a standard stream.
    Dup {
        /// The socket: the source is our end.
        socket: RawSocket<'a>,
        /// The stream.
        descriptor: u32,
    },
    /// A message left for a name server.
    DnsQuery(RawDns<'a>),
    /// A message came in from a name server.
    DnsAnswer(RawDns<'a>),
    /// Another act.
    Act(RawAct<'a>),
    /// A cgroup was made.
    CgroupMkdir(RawCgroup<'a>),
    /// A cgroup was removed.
    CgroupRmdir(RawCgroup<'a>),
}

/// Identity and state of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Inode number; 0 where no file was reached.
    pub inode: u64,
    /// Major device number.
    pub major: u32,
    /// Minor device number.
    pub minor: u32,
    /// Type and permission bits.
    pub mode: u32,
    /// Magic number of the file system.
    pub magic: u32,
    /// Hard links; 0 is a deleted file.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// In the upper layer of an overlayfs.
    pub upper_layer: bool,
    /// On a mount that only the kernel has, as memfd files are.
    pub internal_mount: bool,
    /// Of procfs, about the monitor.
    pub of_monitor: bool,
}

/// Magic number of overlayfs.
const OVERLAYFS: u32 = 0x794c_7630;

impl FileFacts {
    /// Whether it is in a lower layer of an overlayfs.
    #[must_use]
    pub fn is_lower_layer(&self) -> bool {
        self.magic == OVERLAYFS && !self.upper_layer
    }
}

/// What a standard stream of a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdio {
    /// Closed, or not known.
    #[default]
    None,
    /// A file, directory or block device.
    File,
    /// A pipe.
    Pipe,
    /// A terminal.
    Tty,
    /// A socket.
    Socket,
    /// A character device that is no terminal.
    Character,
    /// Something else.
    Other,
}

/// The program that a process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawImage<'a> {
    /// The file really executed.
    pub file: FileFacts,
    /// Its size in bytes.
    pub size: u64,
    /// Its last change of content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Its last change of state, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Effective capabilities.
    pub cap_effective: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Hash of long arguments, 0 for short ones.
    pub args_hash: u64,
    /// Full length of the arguments in bytes.
    pub args_total: u32,
    /// Number of arguments, 0 where the kernel no longer tells.
    pub args_count: u32,
    /// Controlling terminal as (major, minor).
    pub tty: Option<(u32, u32)>,
    /// Seccomp mode.
    pub seccomp: u8,
    /// `no_new_privs` is set.
    pub no_new_privs: bool,
    /// A script was started; the file is its interpreter.
    pub script: bool,
    /// The environment was cut.
    pub env_truncated: bool,
    /// What the standard streams are.
    pub stdio: [Stdio; 3],
    /// Path of the executed file.
    pub path: &'a [u8],
    /// Name as it was passed to `execve`.
    pub filename: &'a [u8],
    /// Working directory.
    pub cwd: &'a [u8],
    /// Environment strings, each ends in a zero byte.
    pub env: &'a [u8],
    /// Arguments, each ends in a zero byte.
    pub args: &'a [u8],
}

/// The two ends of a connection or datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawSocket<'a> {
    /// Where to.
    pub destination: RawAddress<'a>,
    /// Where from, as far as it is bound.
    pub source: Option<SocketAddr>,
    /// IP protocol number.
    pub protocol: u16,
    /// Socket type (SOCK_STREAM …).
    pub socket_type: u16,
    /// Like acts that were only counted since the last such event.
    pub repeats: u32,
}

/// A destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawAddress<'a> {
    /// An IP address and port; IPv4-mapped IPv6 is IPv4.
    Ip(IpAddr, u16),
    /// An AF_UNIX path; a name in the abstract namespace starts with a zero byte.
    Unix(&'a [u8]),
}

/// A message to a name server, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawDns<'a> {
    /// The socket: no other has ever had this number since boot.
    pub socket_id: u64,
    /// The end of the process.
    pub client: SocketAddr,
    /// The name server.
    pub server: SocketAddr,
    /// IP protocol number.
    pub protocol: u16,
    /// Length of the message.
    pub total: u32,
    /// The message, or its start.
    pub message: &'a [u8],
}

/// A file that was opened, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFileOpen<'a> {
    /// The file; zeros where none was reached.
    pub file: FileFacts,
    /// Open flags.
    pub open_flags: u32,
    /// This open created the file.
    pub created: bool,
    /// Path; of a refused open the name as passed.
    pub path: &'a [u8],
    /// Directory that a relative name starts from.
    pub cwd: &'a [u8],
}

/// An act on a name, a file, a process or the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAct<'a> {
    /// Which.
    pub kind: ActKind,
    /// The file; zeros where none was looked at.
    pub file: FileFacts,
    /// Path of the object, or the name as it was passed.
    pub path: &'a [u8],
    /// Directory that a relative name starts from.
    pub base: &'a [u8],
    /// Second path, name or text.
    pub other: &'a [u8],
    /// Directory that a relative second name starts from, or a third text.
    pub other_base: &'a [u8],
}

/// A cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawCgroup<'a> {
    /// Which.
    pub key: CgroupKey,
    /// Path from the root of its hierarchy.
    pub path: &'a [u8],
}
