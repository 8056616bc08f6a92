//! Who takes a descriptor from another process, as the fallback sees it.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{Member, Program, RecordKind, call::BY_SPEC};

use crate::{
    act::{self, PTRACE_ATTACH},
    call::Call,
    maps::{CALL_PROGRAMS, is_wanted, offset},
    opening::{descriptor, file_of, is_refusal},
    own,
    read::{Kptr, raw},
    task,
};

/// Entered from `rs_dispatch`: `pidfd_getfd`. It asks for the right to trace, and is told of as
/// that, before it is told of as a file that came in.
#[btf_tracepoint]
fn rs_take(ctx: BtfTracePointContext) -> i32 {
    taken(ctx.arg(0), ctx.arg(1));
    // SAFETY: a jump; the program there is for the same tracepoint.
    unsafe { CALL_PROGRAMS.tail_call(&ctx, BY_SPEC.into()) };
    0
}

#[inline(always)]
fn taken(registers: Kptr, result: i64) {
    if !is_wanted(RecordKind::Ptrace) || result < 0 && !is_refusal(result) {
        return;
    }
    let process = task::current::<false>();
    let Some(call) = Call::read(registers, process) else { return };
    let number = descriptor(call.argument(call.spec().numbers[1], result));
    let Some(file) = number.and_then(|number| file_of::<false>(process, number)) else { return };
    let target = of_pidfd(file);
    let pid = if target.is_null() { 0 } else { task::pid::<false>(target) };
    // A process needs no right to its own.
    if pid == task::pid::<false>(process) {
        return;
    }
    let outcome = if result < 0 { result as i32 } else { 0 };
    act::tell(RecordKind::Ptrace, Program::SysExitTake, outcome, |_, body| {
        body.numbers[0] = PTRACE_ATTACH;
        if pid != 0 {
            body.numbers[1] = pid.into();
            body.numbers[2] = task::start::<false>(target);
            body.numbers[4] = own::is_monitor(pid).into();
        }
    });
}

/// The task behind a file that is a pidfd; null where it has ended.
#[inline(always)]
fn of_pidfd(file: Kptr) -> Kptr {
    let number: Kptr = raw(file.wrapping_add(offset(Member::FilePrivateData)));
    if !number.is_null() {
        return task::of_number(number);
    }
    // Since Linux 6.9 each has an inode of its own.
    let inode: Kptr = raw(file.wrapping_add(offset(Member::FileInode)));
    task::of_number(raw(inode.wrapping_add(offset(Member::InodePrivate))))
}
