//! `fork`: a process was created.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{Fork, Program, RecordKind};

use crate::{maps::floor, own, read::Kptr, record, task};

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`, Linux 2.6.24
#[btf_tracepoint(function = "sched_process_fork")]
fn rm_fork(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let (parent, child): (Kptr, Kptr) = (ctx.arg(0), ctx.arg(1));
    let child_pid = task::pid::<true>(child);
    if child_pid != task::tid::<true>(child) {
        return 0; // a thread
    }
    // Counted, not left out: the process table needs every process, also the canary.
    own::is_own(Program::ProcessFork, task::pid::<true>(parent));
    record::send::<true>(RecordKind::Fork, Program::ProcessFork, parent, |record| {
        *record.body() = Fork {
            child_start_ns: task::start::<true>(child),
            child_pid,
            child_namespace_pid: task::namespace_pid::<true>(child),
        };
        Ok(())
    });
    0
}
