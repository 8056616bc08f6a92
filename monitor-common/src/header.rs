//! The header that every record starts with: which act, when, by whom.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `outcome` of an act whose result the hook cannot see.
pub const OUTCOME_UNKNOWN: i32 = i32::MIN;

/// Where the arguments of an act were read from.
pub mod origin {
    /// From the kernel object that the act was decided on (dentry, socket, kernel copy of the
    /// address): user memory cannot have changed it since.
    pub const KERNEL_OBJECT: u8 = 0;
    /// From the kernel's own copy of a name that the process passed. It is what the kernel used,
    /// but links in it are not resolved.
    pub const KERNEL_COPY: u8 = 1;
    /// From user memory after the act: another thread may have rewritten it since.
    pub const USER_MEMORY: u8 = 2;
    /// From procfs, when the monitor started.
    pub const PROCFS: u8 = 3;
}

/// Bits of `Header::flags`.
pub mod flags {
    /// A path was cut: it was longer than the limit, or deeper than the walk.
    pub const PATH_TRUNCATED: u8 = 1;
    /// A name or argument could not be read; what is there is incomplete.
    pub const READ_FAULT: u8 = 2;
    /// The act was issued through `io_uring`.
    pub const IO_URING: u8 = 4;
}

/// Facts of the act and of the process that did it, all read at the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// Bytes of the whole record, this header included.
    pub len: u32,
    /// A [`crate::RecordKind`].
    pub kind: u16,
    /// One of [`origin`].
    pub origin: u8,
    /// Bits of [`flags`].
    pub flags: u8,
    /// The stream that `sequence` counts in: CPU number times
    /// [`crate::limits::SCRATCH_SLOTS`], plus the scratch slot.
    pub stream: u32,
    /// A [`crate::Program`]: which program made the record.
    pub program: u32,
    /// Number of the record in its stream, from 1. A number is taken also by a record that finds no
    /// room in the ring, so that a gap is a loss; one that finds no scratch slot takes none, and is
    /// counted only. The walk of processes at start takes numbers too.
    pub sequence: u64,
    /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    pub boottime_ns: u64,
    /// Process id (the kernel's `tgid`), in the initial pid namespace.
    pub pid: u32,
    /// Thread id (the kernel's `pid`).
    pub tid: u32,
    /// Start of the process (its thread-group leader), nanoseconds since boot. With `pid` this
    /// is the process key, which no other process has ever had since boot.
    pub start_ns: u64,
    /// Process id of the parent (`real_parent`).
    pub parent_pid: u32,
    /// Process id in the innermost pid namespace; 0 but in the records of a process's start.
    pub namespace_pid: u32,
    /// Start of the parent, nanoseconds since boot.
    pub parent_start_ns: u64,
    /// Real user id, in the initial user namespace; so are the three below.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Audit login user id; `u32::MAX` where there was no login.
    pub loginuid: u32,
    /// Result of the act: 0, a negative errno, or [`OUTCOME_UNKNOWN`].
    pub outcome: i32,
    /// kernfs id of the process's cgroup: in the v2 hierarchy, or, where the process is in its
    /// root, in the v1 hierarchy that the loader chose.
    pub cgroup_id: u64,
    /// Hierarchy of `cgroup_id`; 0 is v2.
    pub cgroup_hierarchy: u32,
    /// Mount namespace.
    pub mount_namespace: u32,
    /// Pid namespace that the process's children are born in.
    pub pid_namespace: u32,
    /// Network namespace.
    pub network_namespace: u32,
    /// User namespace of the credentials.
    pub user_namespace: u32,
    /// Process id of the session leader; 0 but in the records of a process's start.
    pub session_id: u32,
    /// Name of the thread that acted (`comm`), padded with zero bytes.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<Header>() == 136);
