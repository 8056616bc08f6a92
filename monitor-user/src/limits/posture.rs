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

/// Processes that are known of those that hold one socket which waits for others; what further ones
/// of the host run does not count as exposed by it.
pub const LISTENER_HOLDERS: usize = 64;

/// Ports that are told of a file of the host whose processes listen at them.
pub const EXPOSED_PORTS: usize = 16;

/// Findings about states that are open at once; further ones are counted, and not told of.
pub const STATE_FINDINGS: usize = 8_192;

/// Bytes of the file of those that are open. What is larger is not written, which is told, nor
/// read.
pub const STATE_BYTES: u64 = 128 << 20;

/// The time between two writes of it, at least, nanoseconds.
pub const STATE_WRITE_NS: u64 = 1_000_000_000;

/// How long it is waited until what cannot be written is tried again, nanoseconds.
pub const STATE_RETRY_NS: u64 = 10_000_000_000;

/// How long what is told may be on its way to the disk, nanoseconds: the store has it in less. If
/// the daemon ends meanwhile the next one tells it once more.
pub const STATE_DOUBT_NS: i64 = 2_000_000_000;

/// Looks at containers that may wait; a container for which there is no room is looked at later.
pub const POSTURE_QUESTIONS: usize = 1_024;

/// Bytes of a process's environment of which names are read.
pub const ENVIRON_BYTES: u64 = 1 << 20;

/// Findings of the configuration that are accepted; one that has more is refused.
pub const POSTURE_EXCEPTIONS: usize = 1_024;

/// Images, and roots, of which `runmon posture` remembers which programs run as another user; then
/// it looks anew.
pub const SET_ID_ROOTS: usize = 1_024;

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

/// Bytes of a file of the host's settings that are read; of a larger one it is said that it is not
/// known.
pub const HOST_FILE_BYTES: u64 = 1 << 20;

/// Names of a directory of the host that are read, its processes among them; of a larger one it is
/// said that it is not known.
pub const HOST_NAMES: usize = 65_536;

/// Lines that are kept of each sort of settings of the host; further ones are left out.
pub const HOST_LINES: usize = 1_024;

/// Files of settings that may include each other; what is in further ones is not known.
pub const HOST_INCLUDES: usize = 64;

/// Files that were replaced while the host runs their code, that are told of; one is enough.
pub const HOST_OLD_CODE: usize = 256;

/// Days after which a host should have been started anew: its kernel is as old.
pub const HOST_UPTIME_DAYS: i64 = 90;

/// Days after which packages of a host should have changed, or a timer that looks for updates
/// should have run.
pub const HOST_QUIET_DAYS: i64 = 30;
