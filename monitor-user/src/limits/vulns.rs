//! Limits of what is read about vulnerabilities.

/// Bytes of a list of components.
pub const SBOM_BYTES: u64 = 256 << 20;

/// Components of a list, those within others among them; one that has more is refused.
pub const SBOM_COMPONENTS: usize = 500_000;

/// How deep components may be within others.
pub const SBOM_DEPTH: usize = 32;

/// Files below the directories that `data build` is given, and how deep they may be.
pub const DATA_FILES: usize = 4_000_000;

/// How deep files may be below such a directory.
pub const DATA_DEPTH: usize = 16;

/// Bad records that are told one by one; of more only how many there are.
pub const DATA_BAD_SHOWN: u64 = 20;

/// Days after which data are old, where nothing else is said.
pub const DATA_OLD_DAYS: i64 = 7;
