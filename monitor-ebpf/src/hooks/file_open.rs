//! `file_open`: a file was opened for writing, or tried to be.
//!
//! Where trampolines load, the file object is seen whatever road led to it. The fallback goes
//! from the file descriptor that a call or a ring returned to its file object.

use aya_ebpf::{
    macros::{btf_tracepoint, fexit},
    programs::{BtfTracePointContext, FExitContext},
};
use monitor_common::{
    Member, Program, RecordKind,
    header::origin,
    limits::{FIXED_BYTES, PATH_BYTES},
};

use crate::{
    file::Opened,
    maps::{floor, has, offset},
    open_call,
    opening::{
        O_ACCMODE, file_of, for_writing, is_change, must_change, opened_file, refused_file, writes,
    },
    own,
    read::{Kptr, member, raw},
    record, task,
};

/// Set on files that the kernel opened for itself, such as the one behind an overlayfs file.
const FMODE_NOACCOUNT: u32 = 0x2000_0000;

const EAGAIN: i64 = 11;
const MAX_ERRNO: i64 = 4095;

/// `int security_file_open(struct file *file)`, Linux 4.19
#[fexit(function = "security_file_open")]
fn rm_file_open(ctx: FExitContext) -> i32 {
    if floor() {
        return 0;
    }
    let opened: Kptr = ctx.arg(0);
    let refused: i32 = ctx.arg(1);
    let mode: u32 = member::<true, _>(opened, Member::FileMode);
    let open_flags: u32 = member::<true, _>(opened, Member::FileFlags);
    // A refusal here also ends `do_filp_open`, whose hook tells of it.
    if refused != 0 || mode & FMODE_NOACCOUNT != 0 {
        return 0;
    }
    if !writes(mode, open_flags) {
        return 0;
    }
    let process = task::current::<true>();
    if own::is_own(Program::FileOpen, task::pid::<true>(process)) {
        return 0;
    }
    let opened = Opened::read(opened);
    if opened.is_file_systems_own() {
        return 0;
    }
    record::send::<true>(RecordKind::FileOpen, Program::FileOpen, process, |record| {
        opened_file(record, &opened, 0)
    });
    0
}

/// `struct file *do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op)`,
/// Linux 2.6
#[fexit(function = "do_filp_open")]
fn rm_filp_open(ctx: FExitContext) -> i32 {
    if floor() {
        return 0;
    }
    let result: i64 = ctx.arg(3);
    // EAGAIN: a ring tries first without waiting, and comes again.
    if !(-MAX_ERRNO..0).contains(&result) || result == -EAGAIN {
        return 0;
    }
    let options: Kptr = ctx.arg(2);
    let open_flags: u32 = raw(options.wrapping_add(open_flag()));
    if !for_writing(open_flags) {
        return 0;
    }
    let process = task::current::<true>();
    if own::is_own(Program::FilpOpen, task::pid::<true>(process)) {
        return 0;
    }
    let name: Kptr = ctx.arg(1);
    record::send::<true>(RecordKind::FileOpen, Program::FilpOpen, process, |record| {
        record.header().origin = origin::KERNEL_COPY;
        record.header().outcome = result as i32;
        refused_file::<true>(record, process, open_flags, |record| {
            let name: Kptr = member::<true, _>(name, Member::FilenameName);
            record.append_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(name)
        })
    });
    0
}

/// `open_flag` is the first member of `struct open_flags`, which BTF may lack.
#[inline(always)]
fn open_flag() -> usize {
    if has(Member::OpenFlagsFlag) { offset(Member::OpenFlagsFlag) } else { 0 }
}

/// `TP_PROTO(struct pt_regs *regs, long ret)`, Linux 2.6.32
#[btf_tracepoint(function = "sys_exit")]
fn rm_sysexit_open(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let registers: Kptr = ctx.arg(0);
    // Typed on every kernel that has this tracepoint with BTF.
    // SAFETY: the verifier knows `struct pt_regs` and checks the offset.
    let number = unsafe {
        registers.wrapping_add(offset(Member::PtRegsSyscall)).cast::<u64>().read_volatile()
    };
    if !open_call::is_open(number) {
        return 0;
    }
    let result: i64 = ctx.arg(1);
    let _done = sysexit(registers, number, result);
    0
}

#[inline(always)]
fn sysexit(registers: Kptr, number: u64, result: i64) -> Option<()> {
    let process = task::current::<true>();
    let call = open_call::decode(registers, number, process)?;
    // The registers are the kernel's: a read-only open ends here, before any other read.
    let known = call.flags.unwrap_or(O_ACCMODE);
    if !for_writing(known) || !(-MAX_ERRNO..=i64::from(i32::MAX)).contains(&result) {
        return None;
    }
    if result >= 0
        && let Some(file) = file_of::<true>(process, result as u64)
    {
        let opened = Opened::read(file);
        let asked = call.flags.unwrap_or(0);
        if is_change(&opened, asked) {
            if own::is_own(Program::SysExitOpen, task::pid::<true>(process)) {
                return None;
            }
            record::send::<true>(RecordKind::FileOpen, Program::SysExitOpen, process, |record| {
                opened_file(record, &opened, asked)
            });
            return Some(());
        }
    }
    by_name(process, &call, result)
}

/// An open of which there is no file to look at: it was refused, or another thread closed or
/// replaced the descriptor before the call returned.
#[inline(always)]
fn by_name(process: Kptr, call: &open_call::Call, result: i64) -> Option<()> {
    // What openat2 asked for is in user memory only.
    let open_flags = match call.flags {
        Some(open_flags) => open_flags,
        None => open_call::user_flags(call)?,
    };
    let is_told = if result < 0 { for_writing(open_flags) } else { must_change(open_flags) };
    if !is_told || call.name == 0 {
        return None;
    }
    if own::is_own(Program::SysExitOpen, task::pid::<true>(process)) {
        return None;
    }
    record::send::<true>(RecordKind::FileOpen, Program::SysExitOpen, process, |record| {
        record.header().origin = origin::USER_MEMORY;
        record.header().outcome = if result < 0 { result as i32 } else { 0 };
        refused_file::<true>(record, process, open_flags, |record| {
            record.append_user_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(call.name)
        })
    });
    Some(())
}
