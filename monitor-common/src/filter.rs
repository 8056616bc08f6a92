//! The filter that is made of the rules: what its tables hold.
//!
//! A path passes for a kind if the longest entry of the table of paths that it starts with names
//! the kind, or its last component is in the table of names with that kind. Entries begin with the
//! number of the filter that they belong to, so that a new one is put beside the old one and takes
//! over at once. Block devices, and files that an open creates and that may be executed, always
//! pass.

use crate::limits::{FILTER_NAME_BYTES, FILTER_PATH_BYTES};

/// What an entry of either table says: kinds, one bit each, and the number of the entry, from
/// [`FIRST_ENTRY`] on. Each entry has token buckets of its own.
pub type Entry = [u64; 2];

/// The lowest number of an entry; the numbers below stand for what passes without one.
pub const FIRST_ENTRY: u64 = 16;

/// An entry of the table of paths: the number of the filter, then the start of a path. A whole path
/// ends in a zero byte.
pub type PathKey = [u8; FILTER_PATH_BYTES];

/// An entry of the table of names: the number of the filter, then the name, then zeros.
pub type NameKey = [u8; FILTER_NAME_BYTES];

/// Added to the number of the filter where the entry is a directory: in the table of paths with its
/// final slash and a zero byte, and the kinds are those that a rule asks for of some files in it;
/// in the table of names the last component, and the kinds are those of any file in it.
pub const DIRECTORY: u8 = 0x80;

/// Numbers of filters, also the bits that they take; the next one after the last is the first. No
/// more than two are in the tables at a time.
pub const NUMBERS: u8 = 0x7;

/// What a directory is known by.
pub type DirectoryKey = [u64; 4];

/// What is remembered of a directory: under which filter and when it was looked at, see
/// [`seen_by`]; and the kinds that are not asked for of files in it.
pub type Directory = [u64; 2];

/// The start of the time at which a directory was looked at: never 0, and the number of the filter.
#[must_use]
pub const fn seen_by(number: u64) -> u64 {
    1 << 63 | (number & NUMBERS as u64) << 56
}

/// The number of the filter under which a directory was looked at.
#[must_use]
pub const fn filter_of_directory([seen, _]: Directory) -> u8 {
    (seen >> 56) as u8 & NUMBERS
}
