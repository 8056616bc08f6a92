//! `exec`: a program was started.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use monitor_common::{
    DropReason, Image, Member, Program, RecordKind,
    body::{image_flags, stdio},
    counter,
    limits::{ARGV_BYTES, CWD_BYTES, ENV_BYTES, FILENAME_BYTES, FIXED_BYTES, PATH_BYTES},
};

use crate::{
    args, count, env,
    file::{self, Opened},
    maps::{floor, has, offset},
    own,
    read::{Kptr, member, raw},
    record::{self, BEFORE_ENV, Record},
    task,
};

const PFA_NO_NEW_PRIVS: u64 = 1;
const BEFORE_FILENAME: u64 = (FIXED_BYTES + PATH_BYTES) as u64;
const BEFORE_CWD: u64 = BEFORE_FILENAME + FILENAME_BYTES as u64;
const BEFORE_ARGS: u64 = BEFORE_ENV + ENV_BYTES as u64;

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, Linux 3.4
#[btf_tracepoint(function = "sched_process_exec")]
fn rm_exec(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let (process, program): (Kptr, Kptr) = (ctx.arg(0), ctx.arg(2));
    let parent: Kptr = member::<true, _>(process, Member::TaskRealParent);
    own::is_own(Program::ProcessExec, task::pid::<true>(parent));
    debug!(&ctx, "exec by pid {}", task::pid::<true>(process));
    record::send::<true>(RecordKind::Exec, Program::ProcessExec, process, |record| {
        task::identify::<true>(record.header(), process);
        fill(record, process, program)
    });
    0
}

#[inline(always)]
fn fill(record: &Record, process: Kptr, program: Kptr) -> Result<(), DropReason> {
    let executed: Kptr = member::<true, _>(program, Member::BprmFile);
    if executed.is_null() {
        return Err(DropReason::ReadFault);
    }
    file::describe(record, &Opened::read(executed));
    let body: &mut Image = record.body();
    describe_file(body, executed);
    describe_process(body, process);

    let name: Kptr = member::<true, _>(program, Member::BprmFilename);
    let interpreter: Kptr = member::<true, _>(program, Member::BprmInterp);
    // The two are one string until a `#!` line (or binfmt_misc) replaces the interpreter.
    if name != interpreter {
        body.image_flags |= image_flags::SCRIPT;
    }
    body.args_count = member::<true, u32>(program, Member::BprmArgc);

    let path = executed.wrapping_add(offset(Member::FilePath));
    body.path_len = record.append_path::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(path);
    body.filename_len = record.append_string::<BEFORE_FILENAME, { FILENAME_BYTES as u64 }>(name);
    let fs: Kptr = member::<true, _>(process, Member::TaskFs);
    let cwd = fs.wrapping_add(offset(Member::FsPwd));
    body.cwd_len = record.append_path::<BEFORE_CWD, { CWD_BYTES as u64 }>(cwd);
    memory(record, body, process);
    Ok(())
}

/// Environment and arguments. The new program has not run yet: no one else has this memory, so
/// what is read is what the kernel put there.
#[inline(always)]
fn memory(record: &Record, body: &mut Image, process: Kptr) {
    let mm: Kptr = member::<true, _>(process, Member::TaskMm);
    let start: u64 = member::<true, _>(mm, Member::MmEnvStart);
    let length = member::<true, u64>(mm, Member::MmEnvEnd).wrapping_sub(start);
    let (env_len, cut) = env::append(record, start, length);
    body.env_len = env_len;
    if cut {
        body.image_flags |= image_flags::ENV_TRUNCATED;
        count::add(counter::ARGS_TRUNCATED);
    }
    let start: u64 = member::<true, _>(mm, Member::MmArgStart);
    let length = member::<true, u64>(mm, Member::MmArgEnd).wrapping_sub(start);
    body.args_total = length as u32;
    body.args_hash = 0;
    body.args_len = record.append_user::<BEFORE_ARGS, { ARGV_BYTES as u64 }>(start, length);
    if length > ARGV_BYTES as u64 {
        count::add(counter::ARGS_TRUNCATED);
        body.args_hash = args::rm_hash_args(record.index(), start, length);
    }
}

#[inline(always)]
fn describe_file(body: &mut Image, executed: Kptr) {
    let inode: Kptr = member::<true, _>(executed, Member::FileInode);
    body.size = member::<true, _>(inode, Member::InodeSize);
    body.mtime_ns = time(inode, Member::InodeMtimeSec, Member::InodeMtimeNsec);
    body.ctime_ns = time(inode, Member::InodeCtimeSec, Member::InodeCtimeNsec);
}

#[inline(always)]
fn time(inode: Kptr, seconds: Member, nanoseconds: Member) -> i64 {
    let seconds: i64 = member::<true, _>(inode, seconds);
    let nanoseconds: u32 = member::<true, _>(inode, nanoseconds);
    // Since Linux 6.13 the highest bit of a change time says whether somebody asked for it.
    seconds * 1_000_000_000 + i64::from(nanoseconds & 0x7fff_ffff)
}

#[inline(always)]
fn describe_process(body: &mut Image, process: Kptr) {
    let cred: Kptr = member::<true, _>(process, Member::TaskCred);
    // A struct of two words before 6.3 and of one since: read as bytes.
    body.cap_effective = raw(cred.wrapping_add(offset(Member::CredCapEffective)));
    body.cap_permitted = raw(cred.wrapping_add(offset(Member::CredCapPermitted)));
    let flags: u64 = member::<true, _>(process, Member::TaskAtomicFlags);
    body.image_flags = if flags & PFA_NO_NEW_PRIVS == 0 { 0 } else { image_flags::NO_NEW_PRIVS };
    body.seccomp = 0;
    if has(Member::TaskSeccompMode) {
        body.seccomp = member::<true, u32>(process, Member::TaskSeccompMode) as u8;
    }
    body._reserved = [0; 3];
    body.tty = tty(process);
    body.stdio = standard_streams(process);
}

/// Controlling terminal as a device number.
#[inline(always)]
fn tty(process: Kptr) -> u32 {
    let signal: Kptr = member::<true, _>(process, Member::TaskSignal);
    let tty: Kptr = member::<true, _>(signal, Member::SignalTty);
    if tty.is_null() {
        return 0;
    }
    let driver: Kptr = member::<true, _>(tty, Member::TtyDriver);
    let index: u32 = member::<true, _>(tty, Member::TtyIndex);
    let major: u32 = member::<true, _>(driver, Member::TtyDriverMajor);
    let minor: u32 = member::<true, _>(driver, Member::TtyDriverMinorStart);
    major << 20 | (minor + index)
}

#[inline(always)]
fn standard_streams(process: Kptr) -> [u8; 3] {
    let files: Kptr = member::<true, _>(process, Member::TaskFiles);
    let table: Kptr = member::<true, _>(files, Member::FilesFdt);
    let array: Kptr = raw(table.wrapping_add(offset(Member::FdtableFd)));
    let [first, second, third] = raw::<[u64; 3]>(array);
    [stream(first as Kptr), stream(second as Kptr), stream(third as Kptr)]
}

#[inline(always)]
fn stream(open: Kptr) -> u8 {
    if open.is_null() {
        return stdio::NONE;
    }
    let inode: Kptr = raw(open.wrapping_add(offset(Member::FileInode)));
    let mode: u16 = raw(inode.wrapping_add(offset(Member::InodeMode)));
    match mode & 0xf000 {
        0x8000 | 0x4000 | 0x6000 => stdio::FILE,
        0x1000 => stdio::PIPE,
        0xc000 => stdio::SOCKET,
        0x2000 => {
            let device: u32 = raw(inode.wrapping_add(offset(Member::InodeRdev)));
            // Terminals: tty and console (4, 5), Unix98 pseudo terminals (136 to 143).
            match device >> 20 {
                4 | 5 | 136..=143 => stdio::TTY,
                _ => stdio::CHARACTER,
            }
        }
        _ => stdio::OTHER,
    }
}
