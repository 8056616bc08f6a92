//! What the programs are told of system calls: which arguments mean what. The loader knows the
//! calls by number; the programs know none.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where an argument of a call is found: 0 is nowhere, a [`source`] or else the offset of its
/// register in `struct pt_regs`, plus one.
pub type Source = u16;

/// Sources that are no register.
pub mod source {
    use super::Source;

    /// First of these numbers.
    pub const FIRST: Source = 0x8000;
    /// Real user id after the call; the ones below likewise.
    pub const UID: Source = FIRST;
    /// Effective user id.
    pub const EUID: Source = FIRST + 1;
    /// Saved user id.
    pub const SUID: Source = FIRST + 2;
    /// Real group id.
    pub const GID: Source = FIRST + 3;
    /// Effective group id.
    pub const EGID: Source = FIRST + 4;
    /// Saved group id.
    pub const SGID: Source = FIRST + 5;
    /// Effective capabilities.
    pub const CAP_EFFECTIVE: Source = FIRST + 6;
    /// Inheritable capabilities.
    pub const CAP_INHERITABLE: Source = FIRST + 7;
    /// Permitted capabilities.
    pub const CAP_PERMITTED: Source = FIRST + 8;
    /// What the call returned.
    pub const RESULT: Source = FIRST + 9;
    /// This and what is above it: a constant, counted from here.
    pub const CONSTANT: Source = 0x9000;
}

/// Bits of [`CallSpec::flags`].
pub mod flags {
    /// The registers are 32 bits wide.
    pub const NARROW: u16 = 1;
    /// Without a file the act is not told of.
    pub const NEEDS_OBJECT: u16 = 2;
    /// The second number is the word of 32 bits at the user address that the argument is.
    pub const SECOND_IN_MEMORY: u16 = 4;
}

/// Of a byte of the table of programs the bits for calls of the machine; the others are for its
/// 32-bit calls, which have numbers of their own.
pub const NATIVE_MASK: u8 = 0xf;
/// Where the bits for 32-bit calls start.
pub const NARROW_SHIFT: u8 = 4;

/// Place of the program of calls that are wholly described, where others lead on to it.
pub const BY_SPEC: u8 = 2;

/// No kind: the call is not told of. It is the number of a kind that no call leads to, so that a
/// table of zeros tells of nothing.
pub const NO_KIND: u16 = crate::RecordKind::Task as u16;

/// A [`CallSpec`] in words, as maps hold it.
pub type CallWords = [u32; size_of::<CallSpec>() / 4];

/// A system call: what is told of it, and where its arguments are.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CallSpec {
    /// The [`crate::RecordKind`], or [`NO_KIND`].
    pub kind: u16,
    /// The kind where `test` finds none of the bits of `mask`, or [`NO_KIND`].
    pub otherwise: u16,
    /// The bits that `kind` asks for; 0 asks for nothing.
    pub mask: u32,
    /// The argument with these bits.
    pub test: Source,
    /// User address of a name: the record's path.
    pub path: Source,
    /// Descriptor of the directory that the name starts from; nowhere is the working directory.
    pub base: Source,
    /// User address of a second name or text.
    pub other: Source,
    /// Descriptor of the directory that the second name starts from.
    pub other_base: Source,
    /// User address of a third text.
    pub third: Source,
    /// Descriptor of the file that is acted on: then its facts and its path are the record's.
    pub object: Source,
    /// The record's numbers.
    pub numbers: [Source; 6],
    /// Bits of [`flags`].
    pub flags: u16,
}
