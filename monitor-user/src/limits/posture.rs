//! Limits of comparing a container with its declaration.

/// Bytes of the ports that a container's image or engine declares, as a text; more are not known
/// (`too_large`).
pub const DECLARED_PORTS_BYTES: usize = 1 << 10;

/// Bytes of a file in `/proc` that are read of a process of a container; what is longer is not
/// compared, and that is said.
pub const PROC_FILE_BYTES: u64 = 4 << 20;

/// Processes of a container that are looked at; if it has more, that is said, and nothing of them
/// counts as the same.
pub const PROCESSES_OF_ONE: usize = 4_096;

/// Open files of a container's processes that are looked through for sockets; if it has more, that
/// is said.
pub const DESCRIPTORS_OF_ONE: usize = 262_144;
