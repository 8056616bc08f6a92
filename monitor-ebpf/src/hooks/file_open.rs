//! `file_open`: a file was opened for writing, or tried to be.
//!
//! Where trampolines load, the file object is seen whatever road led to it. The fallback goes
//! from the file descriptor that a call or a ring returned to its file object.

use aya_ebpf::{
    macros::{btf_tracepoint, fexit},
    programs::{BtfTracePointContext, FExitContext},
};
use monitor_common::{
    DropReason, FileFacts, FileOpen, Member, Program, RecordKind,
    header::{OUTCOME_UNKNOWN, flags, origin},
    limits::{CWD_BYTES, FIXED_BYTES, PATH_BYTES},
};

use crate::{
    file::{self, Opened},
    maps::{floor, has, offset},
    own,
    read::{Kptr, member, raw},
    record::{self, Record},
    task,
};

const FMODE_WRITE: u32 = 0x2;
const FMODE_CREATED: u32 = 0x10_0000;
/// Set on files that the kernel opened for itself, such as the one behind an overlayfs file.
const FMODE_NOACCOUNT: u32 = 0x2000_0000;

const O_ACCMODE: u32 = 0x3;
const O_CREAT: u32 = 0x40;
const O_TRUNC: u32 = 0x200;
const O_PATH: u32 = 0x20_0000;

const EAGAIN: i64 = 11;
const MAX_ERRNO: i64 = 4095;
const BEFORE_CWD: u64 = (FIXED_BYTES + PATH_BYTES) as u64;

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
    if mode & (FMODE_WRITE | FMODE_CREATED) == 0 && open_flags & O_TRUNC == 0 {
        return 0;
    }
    let process = task::current::<true>();
    if own::is_own(Program::FileOpen, task::pid::<true>(process)) {
        return 0;
    }
    record::send::<true>(RecordKind::FileOpen, Program::FileOpen, process, |record| {
        opened_file(record, &Opened::read(opened), 0)
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
        refused_file(record, process, open_flags, |record| {
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

#[inline(always)]
fn for_writing(open_flags: u32) -> bool {
    open_flags & (O_ACCMODE | O_CREAT | O_TRUNC) != 0 && open_flags & O_PATH == 0
}

/// The facts and the path of a file object.
#[inline(always)]
fn opened_file(record: &Record, opened: &Opened, asked: u32) -> Result<(), DropReason> {
    let body: &mut FileOpen = record.body();
    file::describe(&mut body.file, opened);
    body.open_flags = opened.open_flags | asked;
    body.created = u32::from(opened.mode & FMODE_CREATED != 0);
    body.cwd_len = 0;
    body.path_len =
        record.append_path::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(opened.path());
    Ok(())
}

/// Whether the file can be changed through this open, or was by it.
#[inline(always)]
fn is_change(opened: &Opened, asked: u32) -> bool {
    opened.mode & (FMODE_WRITE | FMODE_CREATED) != 0 || (opened.open_flags | asked) & O_TRUNC != 0
}

/// A name that led to no file, and the directory that it starts from if it is relative.
#[inline(always)]
fn refused_file(
    record: &Record,
    process: Kptr,
    open_flags: u32,
    append_name: impl FnOnce(&Record) -> u32,
) -> Result<(), DropReason> {
    let body: &mut FileOpen = record.body();
    body.file = FileFacts::default();
    body.open_flags = open_flags;
    body.created = 0;
    body.path_len = append_name(record);
    let fs: Kptr = member::<true, _>(process, Member::TaskFs);
    let cwd = fs.wrapping_add(offset(Member::FsPwd));
    body.cwd_len = record.append_path::<BEFORE_CWD, { CWD_BYTES as u64 }>(cwd);
    Ok(())
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
    if result < 0 {
        return refused_call(process, &call, result);
    }
    let opened = Opened::read(file_of(process, result as u64)?);
    let asked = call.flags.unwrap_or(0);
    if !is_change(&opened, asked) {
        return None;
    }
    if own::is_own(Program::SysExitOpen, task::pid::<true>(process)) {
        return None;
    }
    record::send::<true>(RecordKind::FileOpen, Program::SysExitOpen, process, |record| {
        opened_file(record, &opened, asked)
    });
    Some(())
}

#[inline(always)]
fn refused_call(process: Kptr, call: &open_call::Call, result: i64) -> Option<()> {
    // What openat2 asked for is in user memory only.
    let open_flags = match call.flags {
        Some(open_flags) => open_flags,
        None => open_call::user_flags(call)?,
    };
    if !for_writing(open_flags) || call.name == 0 {
        return None;
    }
    if own::is_own(Program::SysExitOpen, task::pid::<true>(process)) {
        return None;
    }
    record::send::<true>(RecordKind::FileOpen, Program::SysExitOpen, process, |record| {
        record.header().origin = origin::USER_MEMORY;
        record.header().outcome = result as i32;
        refused_file(record, process, open_flags, |record| {
            record.append_user_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(call.name)
        })
    });
    Some(())
}

/// The file object behind a descriptor of the current task.
#[inline(always)]
fn file_of(process: Kptr, descriptor: u64) -> Option<Kptr> {
    let files: Kptr = member::<true, _>(process, Member::TaskFiles);
    let table: Kptr = member::<true, _>(files, Member::FilesFdt);
    if descriptor >= u64::from(member::<true, u32>(table, Member::FdtableMaxFds)) {
        return None;
    }
    let array: Kptr = raw(table.wrapping_add(offset(Member::FdtableFd)));
    let opened: Kptr = raw(array.wrapping_add(8 * descriptor as usize));
    if opened.is_null() { None } else { Some(opened) }
}

/// The calls that open a file, on x86-64: their numbers and where their arguments are.
mod open_call {
    use monitor_common::Member;

    use crate::{
        maps::has,
        read::{self, Kptr, member},
    };

    const TS_COMPAT: u32 = 2;
    const O_CREAT_WRONLY_TRUNC: u32 = 0x241;

    /// An open as the process asked for it.
    pub(crate) struct Call {
        /// Flags, where they are in a register.
        pub(super) flags: Option<u32>,
        /// User address of the `struct open_how`, where they are there.
        pub(super) how: u64,
        /// User address of the name; 0 for a handle.
        pub(super) name: u64,
    }

    /// Whether a call number is one of the family, in either of its two numberings.
    #[inline(always)]
    pub(crate) fn is_open(number: u64) -> bool {
        matches!(number & 0xbfff_ffff, 2 | 85 | 257 | 304 | 437 | 5 | 8 | 295 | 342)
    }

    #[inline(always)]
    pub(crate) fn decode(registers: Kptr, number: u64, process: Kptr) -> Option<Call> {
        let (first, second, third) = (
            register(registers, Member::PtRegsArg0),
            register(registers, Member::PtRegsArg1),
            register(registers, Member::PtRegsArg2),
        );
        if is_compat(process) {
            let first_compat = register(registers, Member::PtRegsCompatArg0) & 0xffff_ffff;
            let second_compat = register(registers, Member::PtRegsCompatArg1) & 0xffff_ffff;
            return match number {
                5 => Some(call(second_compat as u32, first_compat)),
                8 => Some(call(O_CREAT_WRONLY_TRUNC, first_compat)),
                295 => Some(call(third as u32, second_compat)),
                342 => Some(call(third as u32, 0)),
                437 => Some(Call { flags: None, how: third & 0xffff_ffff, name: second_compat }),
                _ => None,
            };
        }
        // Bit 30 marks an x32 call, which has the numbers of the 64-bit ones.
        match number & 0xbfff_ffff {
            2 => Some(call(second as u32, first)),
            85 => Some(call(O_CREAT_WRONLY_TRUNC, first)),
            257 => Some(call(third as u32, second)),
            304 => Some(call(third as u32, 0)),
            437 => Some(Call { flags: None, how: third, name: second }),
            _ => None,
        }
    }

    #[inline(always)]
    fn call(flags: u32, name: u64) -> Call {
        Call { flags: Some(flags), how: 0, name }
    }

    #[inline(always)]
    fn register(registers: Kptr, which: Member) -> u64 {
        member::<true, _>(registers, which)
    }

    #[inline(always)]
    fn is_compat(process: Kptr) -> bool {
        has(Member::TaskThreadInfoStatus)
            && member::<true, u32>(process, Member::TaskThreadInfoStatus) & TS_COMPAT != 0
    }

    /// First member of the `struct open_how` in user memory.
    #[inline(always)]
    pub(crate) fn user_flags(call: &Call) -> Option<u32> {
        let mut flags = 0_u64;
        // SAFETY: the destination is a local of eight bytes.
        unsafe { read::copy_user((&raw mut flags).cast(), 8, call.how) }.then_some(flags as u32)
    }
}

/// `TP_PROTO(struct io_ring_ctx *ctx, void *req, …)`, Linux 5.1; the request since 5.15
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
    let process = task::current::<true>();
    let Some(opened) = file_of(process, descriptor as u64) else { return 0 };
    let opened = Opened::read(opened);
    if !is_change(&opened, 0) {
        return 0;
    }
    if own::is_own(Program::UringOpen, task::pid::<true>(process)) {
        return 0;
    }
    record::send::<true>(RecordKind::FileOpen, Program::UringOpen, process, |record| {
        record.header().flags |= flags::IO_URING;
        opened_file(record, &opened, 0)
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
    if !for_writing(open_flags) {
        return 0;
    }
    let process = task::current::<true>();
    if own::is_own(Program::UringSubmit, task::pid::<true>(process)) {
        return 0;
    }
    record::send::<true>(RecordKind::FileOpen, Program::UringSubmit, process, |record| {
        let header = record.header();
        header.origin = origin::KERNEL_COPY;
        header.flags |= flags::IO_URING;
        header.outcome = OUTCOME_UNKNOWN;
        refused_file(record, process, open_flags, |record| {
            let name = uring::name(request);
            record.append_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(name)
        })
    });
    0
}

/// What an `io_uring` request to open a file says.
mod uring {
    use monitor_common::Member;

    use crate::{
        maps::offset,
        read::{Kptr, raw},
    };

    const OP_OPENAT: u8 = 18;
    const OP_OPENAT2: u8 = 28;
    /// `REQ_F_CQE_SKIP`, the request posts no completion when it succeeds: IOSQE bit 6.
    const CQE_SKIP: u64 = 1 << 6;

    #[inline(always)]
    pub(crate) fn is_open(request: Kptr) -> bool {
        let opcode: u8 = raw(request.wrapping_add(offset(Member::IoKiocbOpcode)));
        matches!(opcode, OP_OPENAT | OP_OPENAT2)
    }

    #[inline(always)]
    pub(crate) fn is_silent(request: Kptr) -> bool {
        raw::<u64>(request.wrapping_add(offset(Member::IoKiocbFlags))) & CQE_SKIP != 0
    }

    /// Registered-file slot that the file goes to, plus one; 0 is a common descriptor.
    #[inline(always)]
    pub(crate) fn slot(request: Kptr) -> u32 {
        raw(request.wrapping_add(offset(Member::IoOpenFileSlot)))
    }

    #[inline(always)]
    pub(crate) fn open_flags(request: Kptr) -> u32 {
        raw::<u64>(request.wrapping_add(offset(Member::IoOpenHow))) as u32
    }

    /// The kernel's copy of the name.
    #[inline(always)]
    pub(crate) fn name(request: Kptr) -> Kptr {
        let filename: Kptr = raw(request.wrapping_add(offset(Member::IoOpenFilename)));
        raw(filename.wrapping_add(offset(Member::FilenameName)))
    }
}
