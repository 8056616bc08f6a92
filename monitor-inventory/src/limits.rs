//! What bounds an inventory, whatever is in a root. What is beyond is told as a problem.

/// Packages of one root.
pub const PACKAGES: usize = 131_072;
/// Problems that are told of one root; the rest is counted.
pub const PROBLEMS: usize = 256;
/// Bytes of a database, and of a list of files.
pub const DATABASE_BYTES: u64 = 256 << 20;
/// Diversions of dpkg in one root, and bytes of the file that lists them.
pub const DIVERSIONS: usize = 65_536;
/// See [`DIVERSIONS`].
pub const DIVERSIONS_BYTES: u64 = 16 << 20;
/// Bytes of a small file: a description of one package.
pub const DESCRIPTION_BYTES: u64 = 1 << 20;
/// Bytes of a name, a version, and the like.
pub const TEXT_BYTES: usize = 512;
/// Bytes that are read of one root.
pub const ROOT_BYTES: u64 = 4 << 30;
/// Files of one root that are opened.
pub const ROOT_FILES: u64 = 1 << 20;
/// Names in directories of one root that are looked at.
pub const ROOT_NAMES: u64 = 4 << 20;
/// Names in one directory.
pub const DIRECTORY_NAMES: usize = 1 << 17;
/// Directories in directories.
pub const DEPTH: usize = 48;
/// Directories that wait to be looked at.
pub const WAITING_DIRECTORIES: usize = 1 << 18;
/// Bytes that are read of one program, to find what it was built of.
pub const PROGRAM_BYTES: u64 = 32 << 20;
/// Bytes of what a Go program says about how it was built.
pub const BUILD_INFO_BYTES: u64 = 8 << 20;
/// Bytes of what cargo-auditable put into a program, once they are inflated.
pub const AUDIT_BYTES: u64 = 8 << 20;
/// Bytes of the directory of an archive.
pub const ARCHIVE_DIRECTORY_BYTES: u64 = 16 << 20;
/// Entries of an archive.
pub const ARCHIVE_ENTRIES: usize = 65_536;
/// Archives within an archive.
pub const NESTED_ARCHIVES: usize = 1_024;
/// Bytes of an archive within an archive, once they are inflated.
pub const NESTED_BYTES: u64 = 64 << 20;
/// The same of all within one.
pub const NESTED_BYTES_ALL: u64 = 1 << 30;
/// Pages of a database of rpm that are looked at.
pub const PAGES: usize = 1 << 20;
/// Bytes of the header of one package of rpm.
pub const HEADER_BYTES: usize = 64 << 20;
/// Directories of a root of layers that are known for a while.
pub const KNOWN_DIRECTORIES: usize = 8_192;
/// Programs of one root that are kept that run as their owner or with their group.
pub const SET_ID_FILES: usize = 4_096;
