//! What an `io_uring` request says.

use monitor_common::Member;

use crate::{
    maps::offset,
    read::{Kptr, Plain, raw},
};

/// `IORING_OP_*`.
pub(crate) const ACCEPT: u8 = 13;
const OPENAT: u8 = 18;
const OPENAT2: u8 = 28;
/// Renames.
pub(crate) const RENAMEAT: u8 = 35;
/// Removes a name.
pub(crate) const UNLINKAT: u8 = 36;
/// Makes a directory.
pub(crate) const MKDIRAT: u8 = 37;
/// Makes a symbolic link.
pub(crate) const SYMLINKAT: u8 = 38;
/// Makes a hard link.
pub(crate) const LINKAT: u8 = 39;

/// `REQ_F_CQE_SKIP`, the request posts no completion when it succeeds: IOSQE bit 6.
const CQE_SKIP: u64 = 1 << 6;

/// What is asked for.
#[inline(always)]
pub(crate) fn opcode(request: Kptr) -> u8 {
    raw(request.wrapping_add(offset(Member::IoKiocbOpcode)))
}

#[inline(always)]
pub(crate) fn is_open(request: Kptr) -> bool {
    matches!(opcode(request), OPENAT | OPENAT2)
}

#[inline(always)]
pub(crate) fn is_accept(request: Kptr) -> bool {
    opcode(request) == ACCEPT
}

#[inline(always)]
pub(crate) fn is_silent(request: Kptr) -> bool {
    raw::<u64>(request.wrapping_add(offset(Member::IoKiocbFlags))) & CQE_SKIP != 0
}

/// Registered-file slot that the file goes to, plus one; 0 is a common descriptor.
#[inline(always)]
pub(crate) fn slot(request: Kptr) -> u32 {
    command(request, Member::IoOpenFileSlot)
}

#[inline(always)]
pub(crate) fn open_flags(request: Kptr) -> u32 {
    command::<u64>(request, Member::IoOpenHow) as u32
}

/// The kernel's copy of the name of an open.
#[inline(always)]
pub(crate) fn name(request: Kptr) -> Kptr {
    text(request, Member::IoOpenFilename)
}

/// The text of a `struct filename` that a request points to.
#[inline(always)]
pub(crate) fn text(request: Kptr, member: Member) -> Kptr {
    let filename: Kptr = command(request, member);
    raw(filename.wrapping_add(offset(Member::FilenameName)))
}

/// What a request says in its own words: the parsed command starts where the request does.
#[inline(always)]
pub(crate) fn command<T: Plain>(request: Kptr, member: Member) -> T {
    raw(request.wrapping_add(offset(member)))
}
