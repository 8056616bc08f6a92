//! What an `io_uring` request to open a file says.

use monitor_common::Member;

use crate::{
    maps::offset,
    read::{Kptr, raw},
};

const OP_OPENAT: u8 = 18;
const OP_OPENAT2: u8 = 28;
/// `REQ_F_CQE_SKIP`, the request posts no completion when it succeeds: IOSQE bit 6.
const CQE_SKIP: u64 = 1 << 6;

#[inline(always)]
pub(crate) fn is_open(request: Kptr) -> bool {
    let opcode: u8 = raw(request.wrapping_add(offset(Member::IoKiocbOpcode)));
    matches!(opcode, OP_OPENAT | OP_OPENAT2)
}

#[inline(always)]
pub(crate) fn is_silent(request: Kptr) -> bool {
    raw::<u64>(request.wrapping_add(offset(Member::IoKiocbFlags))) & CQE_SKIP != 0
}

/// Registered-file slot that the file goes to, plus one; 0 is a common descriptor.
#[inline(always)]
pub(crate) fn slot(request: Kptr) -> u32 {
    raw(request.wrapping_add(offset(Member::IoOpenFileSlot)))
}

#[inline(always)]
pub(crate) fn open_flags(request: Kptr) -> u32 {
    raw::<u64>(request.wrapping_add(offset(Member::IoOpenHow))) as u32
}

/// The kernel's copy of the name.
#[inline(always)]
pub(crate) fn name(request: Kptr) -> Kptr {
    let filename: Kptr = raw(request.wrapping_add(offset(Member::IoOpenFilename)));
    raw(filename.wrapping_add(offset(Member::FilenameName)))
}
