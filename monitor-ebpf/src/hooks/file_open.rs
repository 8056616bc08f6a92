//! `file_open`, `file_read`: a file was opened, or tried to be: to change it, or to read alone.
//!
//! Where trampolines or kprobes load, the file object is seen whatever road led to it. The fallback
//! goes from the file descriptor that a call or a ring returned to its file object.

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
    call,
    file::Opened,
    filter,
    maps::{floor, has, offset},
    open_call::{self, BY_HOW},
    opening::{
        self, O_PATH, file_of, for_writing, is_change, is_error, must_change, opened_file,
        refused_file, writes,
    },
    own,
    read::{self, Kptr, member, raw},
    record::{self, Built, Record},
    seen::{Seen, pointed, watch},
    task,
};

/// Set on files that the kernel opened for itself, such as the one behind an overlayfs file.
const FMODE_NOACCOUNT: u32 = 0x2000_0000;
/// Set on files that are to be executed, which their own kind of event tells of.
const FMODE_EXEC: u32 = 0x20;

const EAGAIN: i64 = 11;

watch! {
    /// `int security_file_open(struct file *file)`, Linux 4.19
    rm_file_open rk_file_open => opened(FileOpen, FileOpenProbe);
}

#[inline(always)]
fn opened<S: Seen>(seen: &S, program: Program) {
    let opened = seen.pointer(0);
    let mode: u32 = pointed::<S, _>(opened, Member::FileMode);
    let open_flags: u32 = pointed::<S, _>(opened, Member::FileFlags);
    // A refusal here also ends `do_filp_open`, whose hook tells of it.
    if seen.result(program).unwrap_or(0) != 0 || mode & (FMODE_NOACCOUNT | FMODE_EXEC) != 0 {
        return;
    }
    let Some(kind) = opening::kind(writes(mode, open_flags), 0) else { return };
    let process = task::current::<true>();
    if own::is_own(program, task::pid::<true>(process)) {
        return;
    }
    tell(kind, program, process, &Opened::read(opened), 0);
}

/// Tells of a file that was opened, if some rule may be about it.
#[inline(always)]
fn tell(kind: RecordKind, program: Program, process: Kptr, opened: &Opened, asked: u32) {
    let is_filtered = filter::is_for(kind);
    if is_filtered && filter::is_known_to_refuse(kind, opened) {
        return;
    }
    // A descriptor of a process leads to no such file.
    if !matches!(program, Program::SysExitOpen) && opened.is_file_systems_own() {
        return;
    }
    if is_filtered {
        let admits = |slot| filter::admits(slot, kind, opened);
        let fill = |record: &Record, built| opened_file(record, opened, asked, built);
        return record::send_if::<true>(kind, program, process, admits, fill);
    }
    record::send::<true>(kind, program, process, |record| {
        opened_file(record, opened, asked, Built::No)
    });
}

/// `struct file *do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op)`,
/// Linux 2.6
#[fexit]
fn rm_filp_open(ctx: FExitContext) -> i32 {
    if floor() {
        return 0;
    }
    let result: i64 = ctx.arg(3);
    // EAGAIN: a ring tries first without waiting, and comes again.
    if !is_error(result) || result == -EAGAIN {
        return 0;
    }
    // To the verifier a pointer, with which little can be calculated.
    let result = read::plain(ctx.arg(3)) as i64;
    let options: Kptr = ctx.arg(2);
    let open_flags: u32 = raw(options.wrapping_add(open_flag()));
    if open_flags & O_PATH != 0 {
        return 0;
    }
    let Some(kind) = opening::kind(for_writing(open_flags), result) else { return 0 };
    let process = task::current::<true>();
    if own::is_own(Program::FilpOpen, task::pid::<true>(process)) {
        return 0;
    }
    let name: Kptr = ctx.arg(1);
    record::send::<true>(kind, Program::FilpOpen, process, |record| {
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

/// Entered from `rs_dispatch`: the calls that open a file.
#[btf_tracepoint]
fn rs_open(ctx: BtfTracePointContext) -> i32 {
    let registers: Kptr = ctx.arg(0);
    let result: i64 = ctx.arg(1);
    let _done = returned(registers, call::number(registers), result);
    0
}

#[inline(always)]
fn returned(registers: Kptr, number: u64, result: i64) -> Option<()> {
    let process = task::current::<true>();
    let call = open_call::decode(registers, number, process)?;
    // The registers are the kernel's: an open that nobody asks for ends here, before other reads.
    if call.flags & O_PATH != 0 || !is_error(result) && !(0..=i64::from(i32::MAX)).contains(&result)
    {
        return None;
    }
    if call.flags != BY_HOW && !for_writing(call.flags) {
        opening::kind(false, result)?;
    }
    if result >= 0
        && let Some(file) = file_of::<true>(process, result as u64)
    {
        let opened = Opened::read(file);
        let asked = if call.flags == BY_HOW { 0 } else { call.flags };
        let changes = is_change(&opened, asked);
        // A file that was opened to be changed and now cannot be is another's.
        if changes || !must_change(asked) {
            let kind = opening::kind(changes, 0)?;
            if own::is_own(Program::SysExitOpen, task::pid::<true>(process)) {
                return None;
            }
            tell(kind, Program::SysExitOpen, process, &opened, asked);
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
    let open_flags = if call.flags == BY_HOW { open_call::user_flags(call)? } else { call.flags };
    if call.name == 0 || open_flags & O_PATH != 0 {
        return None;
    }
    let changes = if result < 0 { for_writing(open_flags) } else { must_change(open_flags) };
    let kind = opening::kind(changes, result)?;
    if own::is_own(Program::SysExitOpen, task::pid::<true>(process)) {
        return None;
    }
    record::send::<true>(kind, Program::SysExitOpen, process, |record| {
        record.header().origin = origin::USER_MEMORY;
        record.header().outcome = if result < 0 { result as i32 } else { 0 };
        refused_file::<true>(record, process, open_flags, |record| {
            record.append_user_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(call.name)
        })
    });
    Some(())
}
