//! Acts that are told of by their system call: the fallback of most, and the only way to see those
//! that no function of the kernel does as a whole.

use aya_ebpf::{EbpfContext as _, macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{
    Act, Member, Program, RecordKind,
    call::{
        NARROW_SHIFT, NATIVE_MASK,
        flags::{NEEDS_OBJECT, SECOND_IN_MEMORY},
    },
    header::{OUTCOME_UNKNOWN, origin},
    limits::CALL_NUMBERS,
};

use crate::{
    act::{self, AT_FDCWD, BASE, OTHER, OTHER_BASE, PATH},
    call::{self, Call},
    maps::{CALL_PROGRAMS, CALL_TABLE, floor, offset},
    opening::{descriptor, file_of, is_refusal},
    own,
    read::{self, Kptr},
    record::Record,
    seen::{Seen, watch},
    task,
};

/// `TP_PROTO(struct pt_regs *regs, long ret)`, Linux 2.6.32
///
/// Every system call of every process passes here, so that it only looks the number up.
#[btf_tracepoint]
fn rs_dispatch(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let registers: Kptr = ctx.arg(0);
    let at = registers.wrapping_add(offset(Member::PtRegsSyscall));
    // Typed on every kernel that has this tracepoint with BTF.
    let number = if cfg!(bpf_target_arch = "aarch64") {
        // SAFETY: the verifier knows `struct pt_regs` and checks the offset.
        u64::from(unsafe { at.cast::<u32>().read_volatile() })
    } else {
        // SAFETY: as above.
        unsafe { at.cast::<u64>().read_volatile() & !call::X32 }
    };
    let Some(number) = read::bounded(number, CALL_NUMBERS as u64 - 1) else { return 0 };
    let programs = CALL_TABLE.at(number as usize);
    if programs == 0 {
        return 0;
    }
    let is_narrow = call::is_compat(task::current::<false>());
    let program = if is_narrow { programs >> NARROW_SHIFT } else { programs & NATIVE_MASK };
    match program {
        1 => jump::<1>(&ctx),
        2 => jump::<2>(&ctx),
        3 => jump::<3>(&ctx),
        4 => jump::<4>(&ctx),
        5 => jump::<5>(&ctx),
        6 => jump::<6>(&ctx),
        7 => jump::<7>(&ctx),
        _ => {}
    }
    0
}

/// The number of `bpf_tail_call`.
const TAIL_CALL: i32 = 12;

/// Goes on with the program in a place. Written out, so that the place is part of the instruction:
/// the kernel makes that a plain jump, and the jump by a number that it does not know one that the
/// processor is not let guess.
#[inline(always)]
fn jump<const PLACE: usize>(ctx: &BtfTracePointContext) {
    // SAFETY: the helper takes context, map and place; the programs that the loader puts there are
    // for the same tracepoint. Where there is none, it returns.
    unsafe {
        core::arch::asm!(
            "r3 = {place}",
            "call {tail_call}",
            place = const PLACE,
            tail_call = const TAIL_CALL,
            inlateout("r1") ctx.as_ptr() => _,
            inlateout("r2") (&raw const CALL_PROGRAMS) => _,
            lateout("r0") _,
            out("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
}

/// Entered from `rs_dispatch`, for calls that are wholly described by their arguments.
#[btf_tracepoint]
fn rs_call(ctx: BtfTracePointContext) -> i32 {
    tell(ctx.arg(0), Some(ctx.arg(1)), Program::SysExitCall);
    0
}

watch! {
    /// `setns(2)`: its arguments are one `struct pt_regs`, Linux 4.17; so are those below
    rm_sys_setns rk_sys_setns => called(SetnsCall, SetnsCallProbe);
    /// `unshare(2)`
    rm_sys_unshare rk_sys_unshare => called(UnshareCall, UnshareCallProbe);
    /// `memfd_create(2)`
    rm_sys_memfd rk_sys_memfd => called(MemfdCall, MemfdCallProbe);
    /// `userfaultfd(2)`
    rm_sys_uffd rk_sys_uffd => called(UserfaultfdCall, UserfaultfdCallProbe);
}

#[inline(always)]
fn called(seen: &impl Seen, program: Program) {
    let result = seen.result(program).map(i64::from);
    tell(read::plain(seen.pointer(0)), result, program);
}

/// Tells of a call. Without a result it is only begun.
#[inline(always)]
fn tell(registers: Kptr, result: Option<i64>, program: Program) {
    let Some(call) = Call::read(registers, task::current::<false>()) else { return };
    let outcome = match result {
        None => OUTCOME_UNKNOWN,
        Some(failed) if failed < 0 => {
            // What failed because there was nothing to act on changed nothing.
            if !is_refusal(failed) {
                return;
            }
            failed as i32
        }
        Some(_) => 0,
    };
    let result = result.unwrap_or(0);
    let Some(kind) = call.kind(result) else { return };
    if !act::is_told(kind, call.argument(call.spec().numbers[0], result)) {
        return;
    }
    // Looked for before there is a record: most memory that is mapped has no file behind it.
    if call.spec().flags & NEEDS_OBJECT != 0 {
        let number = descriptor(call.argument(call.spec().object, result));
        if number.and_then(|number| file_of::<false>(call.process, number)).is_none() {
            return;
        }
    }
    act::tell_number(kind, program, outcome, |record, body| fill(record, body, &call, result));
}

#[inline(always)]
fn fill(record: &Record, body: &mut Act, call: &Call, result: i64) {
    let spec = call.spec();
    let [a, b, c, ..] = spec.numbers;
    [body.numbers[0], body.numbers[1], body.numbers[2]] =
        [a, b, c].map(|source| call.argument(source, result));
    if record.header().kind == RecordKind::Ptrace as u16 {
        body.numbers[4] = own::is_monitor(body.numbers[1] as u32).into();
    }
    if spec.flags & SECOND_IN_MEMORY != 0 {
        record.header().origin = origin::USER_MEMORY;
        body.numbers[1] = act::user_word(body.numbers[1]);
        body.numbers[4] = own::is_object(body.numbers[0] & 0xffff_ffff, body.numbers[1]).into();
    }
    let index = record.index();
    let object = call.argument(spec.object, result);
    if spec.object != 0 && act::object_of(index, object) != 0 {
        texts(index, call, result);
        return;
    }
    if spec.path != 0 {
        let base = call.argument(spec.base, result);
        let length = act::user_text(index, PATH, call.argument(spec.path, result));
        // Of an empty name, or none, the descriptor itself is meant.
        if length != 0 || spec.base == 0 || act::object_of(index, base) == 0 {
            record.header().origin = origin::USER_MEMORY;
            act::directory(index, BASE, if spec.base == 0 { AT_FDCWD } else { base });
        }
    }
    texts(index, call, result);
    if spec.other_base != 0 {
        act::directory(index, OTHER_BASE, call.argument(spec.other_base, result));
    }
}

/// The second and the third text, where the call has them.
#[inline(always)]
fn texts(index: u32, call: &Call, result: i64) {
    let spec = call.spec();
    if spec.other != 0 {
        act::user_text(index, OTHER, call.argument(spec.other, result));
    }
    if spec.third != 0 {
        act::user_text(index, OTHER_BASE, call.argument(spec.third, result));
    }
}
