//! Acts on tasks: `ptrace`, `setuid`, `setgid`, `capset`, new namespaces at birth, and signals to
//! the monitor.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{Act, Member, Program, RecordKind};

use crate::{
    act::{self, PTRACE_ATTACH, PTRACE_TRACEME},
    maps::{floor, offset},
    own,
    read::{Kptr, raw},
    seen::{Seen, verdict, watch},
    task,
};

const PTRACE_MODE_ATTACH: u64 = 2;
/// `CLONE_NEW*`: mount, cgroup, uts, ipc, user, pid and network namespace, and that of times.
const CLONE_NEW: u64 = 0x7e02_0080;

watch! {
    /// `int security_ptrace_access_check(struct task_struct *child, unsigned int mode)`,
    /// Linux 2.6: also for `process_vm_writev`, `pidfd_getfd` and `/proc/PID/mem`
    rm_ptrace rk_ptrace => ptrace(PtraceAccess, PtraceAccessProbe);
    /// `int security_ptrace_traceme(struct task_struct *parent)`, Linux 2.6
    rm_traceme rk_traceme => traceme(PtraceTraceme, PtraceTracemeProbe);
    /// `int security_task_fix_setuid(struct cred *new, const struct cred *old, int flags)`,
    /// Linux 2.6
    rm_setuid rk_setuid => set_uid(SetUid, SetUidProbe);
    /// `int security_task_fix_setgid(struct cred *new, const struct cred *old, int flags)`,
    /// Linux 5.9
    rm_setgid rk_setgid => set_gid(SetGid, SetGidProbe);
    /// `int security_capset(struct cred *new, const struct cred *old,
    /// const kernel_cap_t *effective, const kernel_cap_t *inheritable,
    /// const kernel_cap_t *permitted)`, Linux 2.6
    rm_capset rk_capset => capset(Capset, CapsetProbe);
}

#[inline(always)]
fn ptrace(seen: &impl Seen, program: Program) {
    let mode = seen.number(1) & 0xffff_ffff;
    // Every look at another's files in /proc asks for the right to read.
    if mode & PTRACE_MODE_ATTACH == 0 {
        return;
    }
    attach(RecordKind::Ptrace, seen, program, [PTRACE_ATTACH, mode]);
}

#[inline(always)]
fn traceme(seen: &impl Seen, program: Program) {
    attach(RecordKind::Ptrace, seen, program, [PTRACE_TRACEME, 0]);
}

#[inline(always)]
fn attach(kind: RecordKind, seen: &impl Seen, program: Program, [request, mode]: [u64; 2]) {
    let outcome = verdict(seen.result(program));
    act::tell(kind, program, outcome, |_, body| {
        body.numbers[0] = request;
        target(body, seen.pointer(0));
        body.numbers[3] = mode;
        body.numbers[4] = own::is_monitor(body.numbers[1] as u32).into();
    });
}

/// The process that an act is about.
#[inline(always)]
fn target(body: &mut Act, process: Kptr) {
    body.numbers[1] = task::pid::<false>(process).into();
    body.numbers[2] = task::start::<false>(process);
}

#[inline(always)]
fn set_uid(seen: &impl Seen, program: Program) {
    let members = [Member::CredUid, Member::CredEuid, Member::CredSuid];
    set_ids(RecordKind::SetUid, seen, program, members);
}

#[inline(always)]
fn set_gid(seen: &impl Seen, program: Program) {
    let members = [Member::CredGid, Member::CredEgid, Member::CredSgid];
    set_ids(RecordKind::SetGid, seen, program, members);
}

#[inline(always)]
fn set_ids(kind: RecordKind, seen: &impl Seen, program: Program, members: [Member; 3]) {
    let outcome = verdict(seen.result(program));
    act::tell(kind, program, outcome, |_, body| {
        let id = |credentials: Kptr, member| -> u64 {
            raw::<u32>(credentials.wrapping_add(offset(member))).into()
        };
        let [real, effective, saved] = members;
        let (new, old) = (seen.pointer(0), seen.pointer(1));
        body.numbers = [
            id(new, real),
            id(new, effective),
            id(new, saved),
            id(old, real),
            id(old, effective),
            id(old, saved),
        ];
    });
}

#[inline(always)]
fn capset(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Capset, program, outcome, |_, body| {
        let old = seen.pointer(1);
        let held = |member| raw::<u64>(old.wrapping_add(offset(member)));
        body.numbers = [
            raw(seen.pointer(2)),
            raw(seen.pointer(3)),
            raw(seen.pointer(4)),
            held(Member::CredCapEffective),
            held(Member::CredCapInheritable),
            held(Member::CredCapPermitted),
        ];
    });
}

/// `TP_PROTO(struct task_struct *task, unsigned long clone_flags)`, Linux 3.4; wider in newer
/// kernels
#[btf_tracepoint]
fn rm_newtask(ctx: BtfTracePointContext) -> i32 {
    let flags: u64 = ctx.arg(1);
    if floor() || flags & CLONE_NEW == 0 {
        return 0;
    }
    act::tell(RecordKind::Unshare, Program::NewTask, 0, |_, body| {
        body.numbers[0] = flags & CLONE_NEW;
        target(body, ctx.arg(0));
    });
    0
}

/// `TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group,
/// int result)`, Linux 2.6.33
#[btf_tracepoint]
fn rm_signal(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let to: Kptr = ctx.arg(2);
    if !own::is_monitor(task::pid::<false>(to)) {
        return 0;
    }
    let number: i32 = ctx.arg(0);
    act::tell(RecordKind::Signal, Program::SignalGenerate, 0, |_, body| {
        body.numbers[0] = number as u32 as u64;
        target(body, to);
    });
    0
}
