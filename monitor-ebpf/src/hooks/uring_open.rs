//! `file_open` and `file_read` through `io_uring`, where no trampoline shows the file object.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{
    Member, Program,
    header::{OUTCOME_UNKNOWN, flags, origin},
    limits::{FIXED_BYTES, PATH_BYTES},
};

use crate::{
    file::Opened,
    maps::{floor, offset},
    opening::{self, O_PATH, file_of, for_writing, is_change, opened_file, refused_file},
    own,
    read::{Kptr, raw},
    record::{self, Built},
    task, uring,
};

/// `TP_PROTO(struct io_ring_ctx *ctx, void *req, …)`, Linux 5.1; the loader sees that the kernel
/// hands over the request, as 6.1 does and 5.10 does not
#[btf_tracepoint(function = "io_uring_complete")]
fn rm_uring_open(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let request: Kptr = ctx.arg(1);
    if !uring::is_open(request) {
        return 0;
    }
    let descriptor: i32 = raw(request.wrapping_add(offset(Member::IoKiocbRes)));
    if descriptor < 0 || uring::slot(request) != 0 {
        return 0;
    }
    let process = task::current::<false>();
    let Some(opened) = file_of::<false>(process, descriptor as u64) else { return 0 };
    let opened = Opened::read(opened);
    let Some(kind) = opening::kind(is_change(&opened, 0), 0) else { return 0 };
    if own::is_own(Program::UringOpen, task::pid::<false>(process)) {
        return 0;
    }
    record::send::<false>(kind, Program::UringOpen, process, |record| {
        record.header().flags |= flags::IO_URING;
        opened_file(record, &opened, 0, Built::No)
    });
    0
}

/// `TP_PROTO(struct io_kiocb *req)`, Linux 6.4 in this form
///
/// Tells of the opens whose completion shows no file: into a registered slot, or silent.
#[btf_tracepoint(function = "io_uring_submit_req")]
fn rm_uring_submit(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let request: Kptr = ctx.arg(0);
    if !uring::is_open(request) || (uring::slot(request) == 0 && !uring::is_silent(request)) {
        return 0;
    }
    let open_flags = uring::open_flags(request);
    if open_flags & O_PATH != 0 {
        return 0;
    }
    let Some(kind) = opening::kind(for_writing(open_flags), 0) else { return 0 };
    let process = task::current::<false>();
    if own::is_own(Program::UringSubmit, task::pid::<false>(process)) {
        return 0;
    }
    record::send::<false>(kind, Program::UringSubmit, process, |record| {
        let header = record.header();
        header.origin = origin::KERNEL_COPY;
        header.flags |= flags::IO_URING;
        header.outcome = OUTCOME_UNKNOWN;
        refused_file::<false>(record, process, open_flags, |record| {
            let name = uring::name(request);
            record.append_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(name)
        })
    });
    0
}
