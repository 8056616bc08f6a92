//! Acts that are seen by the descriptor that a call or a ring returned: accepted connections, and
//! sockets that become a standard stream.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{
    Member, Program, RecordKind,
    header::{OUTCOME_UNKNOWN, flags},
};

use crate::{
    act,
    call::Call,
    maps::{floor, offset},
    opening::{descriptor, file_of},
    read::{self, Kptr, raw},
    seen::{Seen, watch},
    socket, task, uring,
};

/// The highest descriptor that is a standard stream.
const STANDARD_ERROR: u64 = 2;

/// Entered from `rs_dispatch`: `accept` and `accept4`.
#[btf_tracepoint]
fn rs_accept(ctx: BtfTracePointContext) -> i32 {
    let result: i64 = ctx.arg(1);
    if let Some(number) = descriptor(result as u64) {
        accepted(number, Program::SysExitAccept, 0);
    }
    0
}

/// `TP_PROTO(struct io_ring_ctx *ctx, void *req, …)`, Linux 5.1; the loader sees that the kernel
/// hands over the request
#[btf_tracepoint]
fn rm_uring_accept(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let request: Kptr = ctx.arg(1);
    if uring::is_accept(request) {
        let result: i32 = raw(request.wrapping_add(offset(Member::IoKiocbRes)));
        if let Some(number) = descriptor(i64::from(result) as u64) {
            accepted(number, Program::UringAccept, flags::IO_URING);
        }
    }
    0
}

#[inline(always)]
fn accepted(number: u64, program: Program, flags: u8) {
    let process = task::current::<false>();
    let Some(sock) = file_of::<false>(process, number).and_then(socket::of_file) else { return };
    if socket::is_ip(sock) {
        act::tell_socket(RecordKind::Accept, program, 0, |record, body| {
            record.header().flags |= flags;
            socket::describe(body, sock);
            socket::describe_peer(body, sock);
        });
    }
}

/// Entered from `rs_dispatch`: `dup`, `dup2`, `dup3` and `fcntl`.
#[btf_tracepoint]
fn rs_dup(ctx: BtfTracePointContext) -> i32 {
    duplicated(ctx.arg(0), Some(ctx.arg(1)), Program::SysExitDup);
    0
}

watch! {
    /// `dup(2)`
    rm_sys_dup rk_sys_dup => called(DupCall, DupCallProbe);
    /// `dup2(2)`
    rm_sys_dup2 rk_sys_dup2 => called(Dup2Call, Dup2CallProbe);
    /// `dup3(2)`
    rm_sys_dup3 rk_sys_dup3 => called(Dup3Call, Dup3CallProbe);
}

#[inline(always)]
fn called(seen: &impl Seen, program: Program) {
    let result = seen.result(program).map(i64::from);
    duplicated(read::plain(seen.pointer(0)), result, program);
}

/// The first number of a duplicating call is the old descriptor, the second the one that it is to
/// become, which a call that has returned tells too.
#[inline(always)]
fn duplicated(registers: Kptr, result: Option<i64>, program: Program) {
    let process = task::current::<false>();
    let Some(call) = Call::read(registers, process) else { return };
    let returned = result.unwrap_or(0);
    if call.kind(returned).is_none() {
        return;
    }
    let new = match result {
        Some(result) => result as u64,
        None => call.argument(call.spec().numbers[1], 0),
    };
    if new > STANDARD_ERROR {
        return;
    }
    let old = descriptor(call.argument(call.spec().numbers[0], 0));
    let Some(opened) = old.and_then(|number| file_of::<false>(process, number)) else { return };
    let Some(sock) = socket::of_file(opened) else { return };
    let outcome = if result.is_some() { 0 } else { OUTCOME_UNKNOWN };
    act::tell_socket(RecordKind::Dup, program, outcome, |_, body| {
        socket::describe(body, sock);
        if socket::is_ip(sock) {
            socket::describe_peer(body, sock);
        }
        body.descriptor = new as u32;
    });
}
