//! Limits of what is known about what is installed.

/// Roots whose packages are kept to be asked about again; further ones are counted, and not judged.
pub const UPKEEP_ROOTS: usize = 256;

/// Packages of all of them.
pub const UPKEEP_PACKAGES: usize = 262_144;

/// Packages, and files whose package is known, of a root that its container can write to: one is
/// not to take the room of all others.
pub const UPKEEP_PACKAGES_OF_ONE: usize = 32_768;
/// As above.
pub const UPKEEP_PATHS_OF_ONE: usize = 512 << 10;

/// Files of all of them whose package is known.
pub const UPKEEP_PATHS: usize = 2 << 20;

/// Images, or containers of which no image is known, that are looked at in one round; further ones
/// are counted.
pub const UPKEEP_PLACES: usize = 1_024;

/// Answers about them that may wait; the task waits with the next.
pub const UPKEEP_ANSWERS: usize = 64;

/// Vulnerabilities of one package that a finding tells, the gravest first; of further ones it tells
/// how many there are.
pub const TOLD_VULNERABILITIES: usize = 32;

/// Places of one package that a finding tells.
pub const TOLD_PATHS: usize = 4;

/// Names of containers of one image that a finding tells.
pub const TOLD_CONTAINERS: usize = 8;

/// Seconds between two looks at whether what runs is kept up, if the configuration does not say.
pub const UPKEEP_SECONDS: u64 = 60;
/// What it may say.
pub const UPKEEP_SECONDS_RANGE: std::ops::RangeInclusive<u64> = 1..=86_400;

/// Days after which an image that nobody used is stale, if the configuration does not say.
pub const STALE_IMAGE_DAYS: u32 = 30;
/// What it may say.
pub const STALE_IMAGE_DAYS_RANGE: std::ops::RangeInclusive<u32> = 0..=3_650;

/// What of that is accepted, in the configuration; one that has more is refused.
pub const UPKEEP_EXCEPTIONS: usize = 4_096;
