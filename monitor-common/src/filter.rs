//! The filter that is made of the rules: what its tables hold.
//!
//! A connection or a datagram passes if its remote port is among those of its kind, or its remote
//! address in a network of its kind. Whatever a user does of a kind passes if the user's id is in a
//! range of that kind.
//!
//! A path passes for a kind if the longest entry of the table of paths that it starts with names
//! the kind, or its last component is in the table of names with that kind. Entries begin with the
//! number of the filter that they belong to, so that a new one is put beside the old one. Names are
//! first looked for among marks. Block devices, and files that an open creates and that may be
//! executed, always pass.

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

/// Names that are in the table, as marks, one bit each: most that are not are told by that alone.
/// Each filter has marks of its own, by its number.
pub type Marks = [u64; MARK_WORDS];

/// Words of marks, a power of two.
pub const MARK_WORDS: usize = 64;

/// The mark of a name, by its length and its first eight bytes, or as many as it has: the word, and
/// the bit in it.
#[must_use]
pub const fn mark(length: u64, start: u64) -> (usize, u64) {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let longest = FILTER_NAME_BYTES as u64 - 1;
    let length = if length < longest { length } else { longest };
    let unused = if length < 8 { 64 - 8 * length } else { 0 };
    let start = if length == 0 { 0 } else { u64::from_le(start) << unused };
    let mixed = (start ^ length).wrapping_mul(ODD);
    ((mixed >> 58) as usize % MARK_WORDS, mixed >> 52 & 63)
}

/// Remote ports that are asked for, one bit each: those of connections, then those of datagrams.
/// Each filter has its own, by its number.
pub type Ports = [u64; 2 * PORT_WORDS];

/// Words for all ports.
pub const PORT_WORDS: usize = (1 << 16) / u64::BITS as usize;

/// An entry of the table of networks: the number of the filter, then the address. IPv4 is mapped
/// into IPv6 (RFC 4291 section 2.5.5.2). The value is the kinds that are asked for there, one bit
/// each.
pub type NetworkKey = [u8; 17];

/// Users that are asked for. Each filter has its own, by its number; a range that is not used has
/// no kinds.
pub type Users = [UserRange; USER_RANGES];

/// First and last user id, and the kinds that are asked for of these users, one bit each.
pub type UserRange = [u64; 3];

/// Ranges of user ids at most: programs look at all of them.
pub const USER_RANGES: usize = 8;

/// What is said of the filter in use: its number; the kinds that it is for, one bit each; when it
/// was put in use, nanoseconds since boot, which never comes again; and the kinds for which it has
/// networks, and users.
pub type InUse = [u64; 5];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_name_does_not_change_its_mark() {
        let start = |bytes: [u8; 8]| u64::from_ne_bytes(bytes);
        assert_eq!(mark(3, start(*b"abc\0\0\0\0\0")), mark(3, start(*b"abcdefgh")));
        assert_ne!(mark(3, start(*b"abcdefgh")), mark(4, start(*b"abcdefgh")));
        assert_eq!(mark(0, start(*b"abcdefgh")), mark(0, 0));
        assert_eq!(mark(100, start(*b"abcdefgh")), mark(255, start(*b"abcdefgh")));
    }
}
