//! Limits of profiles: what is learned of one image, and of how many.

/// Nodes of a tree of paths or of domains in a profile; what finds no room is not learned, and the
/// profile is never called complete.
pub const PROFILE_NAMES: usize = 16_384;

/// Names in a path that is learned.
pub const PROFILE_DEPTH: usize = 64;

/// Programs with their parents and users in a profile, as for [`PROFILE_NAMES`].
pub const PROFILE_PROGRAMS: usize = 4_096;

/// Destinations in a profile by protocol and port, as for [`PROFILE_NAMES`].
pub const PROFILE_PORTS: usize = 1_024;

/// Acts with their programs in a profile, as for [`PROFILE_NAMES`].
pub const PROFILE_ACTS: usize = 1_024;

/// Names of system calls in a profile, as for [`PROFILE_NAMES`].
pub const PROFILE_SYSCALLS: usize = 1_024;

/// Bytes of a profile's file.
pub const PROFILE_BYTES: u64 = 8 << 20;

/// Profiles that are learned or used at once; of further images nothing is learned, counted.
pub const PROFILES: usize = 256;

/// Containers of an image whose observation is told apart; of further ones only what they did is
/// learned.
pub const PROFILE_CONTAINERS: usize = 1_024;

/// Things that a profile does not expect which heartbeats name, of each profile; further ones are
/// only counted.
pub const PROFILE_DIFFERENCES: usize = 16;

/// Remarks about profiles that wait to be told; what further ones are about is only counted.
pub const PROFILE_REMARKS: usize = 64;

/// Events that are remembered as expected, of each profile: they are not compared again.
pub const PROFILE_REMEMBERED: usize = 1_024;

/// Containers whose profile is remembered; that of another one is looked for by its image.
pub const PROFILE_RECENT: usize = 64;
