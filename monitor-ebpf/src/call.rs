//! System calls, as the loader describes them: where an argument is, and what is told of it.

use monitor_common::{
    CallSpec, Member,
    call::{NO_KIND, Source, flags, source},
    limits::CALL_NUMBERS,
};

use crate::{
    maps::{CALL_SPECS, has, is_wanted_number, offset},
    read::{self, Kptr, member, raw},
};

const TS_COMPAT: u32 = 2;
/// Marks an x32 call, which otherwise has the number of the 64-bit one.
pub(crate) const X32: u64 = 0x4000_0000;

/// A call in progress or at its end.
pub(crate) struct Call {
    /// Its `struct pt_regs`.
    pub(crate) registers: Kptr,
    /// The task that made it.
    pub(crate) process: Kptr,
    /// What the loader says of it.
    pub(crate) spec: *const CallSpec,
}

/// Number of a call, without the mark of x32.
#[inline(always)]
pub(crate) fn number(registers: Kptr) -> u64 {
    let at = registers.wrapping_add(offset(Member::PtRegsSyscall));
    if cfg!(bpf_target_arch = "aarch64") { raw::<u32>(at).into() } else { raw::<u64>(at) & !X32 }
}

impl Call {
    /// The call behind these registers, if it is told of.
    #[inline(always)]
    pub(crate) fn read(registers: Kptr, process: Kptr) -> Option<Self> {
        let number = read::bounded(number(registers), CALL_NUMBERS as u64 - 1)?;
        let index = if is_compat(process) { number + CALL_NUMBERS as u64 } else { number };
        let spec = CALL_SPECS.get_ptr(index as u32)?;
        let call = Self { registers, process, spec };
        let spec = call.spec();
        if spec.kind == NO_KIND && spec.otherwise == NO_KIND { None } else { Some(call) }
    }

    /// What the loader says of it.
    #[inline(always)]
    pub(crate) fn spec(&self) -> &CallSpec {
        // SAFETY: map memory, which any bytes are valid for.
        unsafe { &*self.spec }
    }

    /// The kind of the act, by what was asked for.
    #[inline(always)]
    pub(crate) fn kind(&self, result: i64) -> Option<u32> {
        let spec = self.spec();
        let asked = self.argument(spec.test, result) as u32;
        let is_first = spec.mask == 0 || asked & spec.mask != 0;
        let kind = u32::from(if is_first { spec.kind } else { spec.otherwise });
        if is_wanted_number(kind) { Some(kind) } else { None }
    }

    /// An argument.
    #[inline(always)]
    pub(crate) fn argument(&self, from: Source, result: i64) -> u64 {
        if from == 0 {
            return 0;
        }
        if from >= source::CONSTANT {
            return (from - source::CONSTANT).into();
        }
        if from == source::RESULT {
            return result as u64;
        }
        if from >= source::FIRST {
            return credential(self.process, from);
        }
        // Through the stack: the verifier follows typed pointers only by constant steps.
        let value: u64 = raw(read::plain(self.registers).wrapping_add(from as usize - 1));
        if self.spec().flags & flags::NARROW != 0 { value & 0xffff_ffff } else { value }
    }
}

/// A part of the credentials that the task has now.
#[inline(always)]
fn credential(process: Kptr, from: Source) -> u64 {
    let held: Kptr = member::<false, _>(process, Member::TaskCred);
    let id = |member| u64::from(raw::<u32>(held.wrapping_add(offset(member))));
    let set = |member| raw::<u64>(held.wrapping_add(offset(member)));
    match from {
        source::UID => id(Member::CredUid),
        source::EUID => id(Member::CredEuid),
        source::SUID => id(Member::CredSuid),
        source::GID => id(Member::CredGid),
        source::EGID => id(Member::CredEgid),
        source::SGID => id(Member::CredSgid),
        source::CAP_EFFECTIVE => set(Member::CredCapEffective),
        source::CAP_INHERITABLE => set(Member::CredCapInheritable),
        source::CAP_PERMITTED => set(Member::CredCapPermitted),
        _ => 0,
    }
}

/// Whether the task is in a call of the 32-bit kind.
#[inline(always)]
pub(crate) fn is_compat(process: Kptr) -> bool {
    has(Member::TaskThreadInfoStatus)
        && member::<false, u32>(process, Member::TaskThreadInfoStatus) & TS_COMPAT != 0
}
