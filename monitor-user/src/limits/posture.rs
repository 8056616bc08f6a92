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

/// Findings about states that are open at once; further ones are counted, and not told of.
pub const STATE_FINDINGS: usize = 8_192;

/// Looks at containers that may wait; a container for which there is no room is looked at later.
pub const POSTURE_QUESTIONS: usize = 1_024;

/// Bytes of a process's environment of which names are read.
pub const ENVIRON_BYTES: u64 = 1 << 20;

/// Threads that follow declared paths in containers at once; while as many hang in file systems
/// that do not answer, where others lead is not known.
pub const FOLLOWERS: usize = 8;

/// Seconds between two looks at how a container is set up, if the configuration does not say.
pub const POSTURE_SECONDS: u64 = 60;
/// What it may say.
pub const POSTURE_SECONDS_RANGE: std::ops::RangeInclusive<u64> = 1..=86_400;

/// Containers that are noted between two looks since they did what can change how they are set up;
/// further ones are looked at in their turn.
pub const CHANGED_CONTAINERS: usize = 1_024;
