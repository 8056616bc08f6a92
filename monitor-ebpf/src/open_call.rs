//! The calls that open a file: their numbers and where their arguments are.

use monitor_common::Member;

#[cfg(not(bpf_target_arch = "aarch64"))]
use crate::{call::is_compat, read::member};
#[cfg(bpf_target_arch = "aarch64")]
use crate::{maps::offset, read::raw};
use crate::{
    opening::O_ACCMODE,
    read::{self, Kptr},
};

#[cfg(not(bpf_target_arch = "aarch64"))]
const O_CREAT_WRONLY_TRUNC: u32 = 0x241;

/// In place of flags that are in user memory: the accesses of both readers and writers, and a bit
/// that no flag has. An `Option` of flags would leave them undefined there, which a compiler may
/// take for leave to calculate with whatever pointer the register still holds.
pub(crate) const BY_HOW: u32 = O_ACCMODE | 1 << 31;

/// An open as the process asked for it.
pub(crate) struct Call {
    /// Flags, where they are in a register; else [`BY_HOW`].
    pub(crate) flags: u32,
    /// User address of the `struct open_how`, where they are there.
    pub(crate) how: u64,
    /// User address of the name; 0 for a handle.
    pub(crate) name: u64,
}

/// The call of this number, if it opens a file.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub(crate) fn decode(registers: Kptr, number: u64, _: Kptr) -> Option<Call> {
    // The first register holds the result by now; what it held is kept elsewhere.
    let argument = |index: usize| {
        let registers = read::plain(registers) as Kptr;
        raw::<u64>(registers.wrapping_add(offset(Member::PtRegsRegs) + 8 * index))
    };
    match number {
        56 => Some(call(argument(2) as u32, argument(1))),
        265 => Some(call(argument(2) as u32, 0)),
        437 => Some(call_by_how(argument(2), argument(1))),
        _ => None,
    }
}

/// The call of this number, if it opens a file.
#[cfg(not(bpf_target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn decode(registers: Kptr, number: u64, process: Kptr) -> Option<Call> {
    let (first, second, third) = (
        register(registers, Member::PtRegsArg0),
        register(registers, Member::PtRegsArg1),
        register(registers, Member::PtRegsArg2),
    );
    if is_compat(process) {
        let first_compat = register(registers, Member::PtRegsCompatArg0) & 0xffff_ffff;
        let second_compat = register(registers, Member::PtRegsCompatArg1) & 0xffff_ffff;
        return match number {
            5 => Some(call(second_compat as u32, first_compat)),
            8 => Some(call(O_CREAT_WRONLY_TRUNC, first_compat)),
            295 => Some(call(third as u32, second_compat)),
            342 => Some(call(third as u32, 0)),
            437 => Some(call_by_how(third & 0xffff_ffff, second_compat)),
            _ => None,
        };
    }
    match number {
        2 => Some(call(second as u32, first)),
        85 => Some(call(O_CREAT_WRONLY_TRUNC, first)),
        257 => Some(call(third as u32, second)),
        304 => Some(call(third as u32, 0)),
        437 => Some(call_by_how(third, second)),
        _ => None,
    }
}

#[inline(always)]
fn call(flags: u32, name: u64) -> Call {
    Call { flags: flags & !(1 << 31), how: 0, name }
}

#[inline(always)]
fn call_by_how(how: u64, name: u64) -> Call {
    Call { flags: BY_HOW, how, name }
}

#[cfg(not(bpf_target_arch = "aarch64"))]
#[inline(always)]
fn register(registers: Kptr, which: Member) -> u64 {
    member::<true, _>(registers, which)
}

/// First member of the `struct open_how` in user memory.
#[inline(always)]
pub(crate) fn user_flags(call: &Call) -> Option<u32> {
    let mut flags = 0_u64;
    // SAFETY: the destination is a local of eight bytes.
    unsafe { read::copy_user((&raw mut flags).cast(), 8, call.how) }.then_some(flags as u32)
}
