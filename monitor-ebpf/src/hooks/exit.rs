//! `exit`: the last thread of a process ended.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{Exit, Member, Program, RecordKind};

use crate::{
    maps::floor,
    own,
    read::{Kptr, member},
    record, task,
};

/// `TP_PROTO(struct task_struct *p)`, Linux 2.6.24; `bool group_dead` was added in 6.16.
#[btf_tracepoint(function = "sched_process_exit")]
fn rm_exit(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let dying: Kptr = ctx.arg(0);
    let signal: Kptr = member::<true, _>(dying, Member::TaskSignal);
    // do_exit() has already counted this thread off, before the tracepoint.
    if member::<true, u32>(signal, Member::SignalLive) != 0 {
        return 0;
    }
    let parent: Kptr = member::<true, _>(dying, Member::TaskRealParent);
    own::is_own(Program::ProcessExit, task::pid::<true>(parent));
    record::send::<true>(RecordKind::Exit, Program::ProcessExit, dying, |record| {
        let status = member::<true, u32>(dying, Member::TaskExitCode);
        *record.body() = Exit { status, _reserved: 0 };
        Ok(())
    });
    0
}
