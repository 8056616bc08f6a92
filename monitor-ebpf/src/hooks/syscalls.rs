//! Which system calls the processes of a cgroup make. There are no records of that: whoever learns
//! reads the marks.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{
    Member, counter,
    limits::{SYSCALL_MARKS, SYSCALL_NARROW, SYSCALL_NUMBERS},
};

use crate::{
    call, count,
    maps::{NO_SYSCALLS, SYSCALLS, floor, host_mounts, offset},
    read::{self, Kptr, member},
    task,
};

/// `TP_PROTO(struct pt_regs *regs, long id)`, Linux 2.6.32
///
/// Every system call of every process passes here, so that one that is marked already costs a look
/// at the mark. It fires behind seccomp: a call that a filter refuses is not seen.
#[btf_tracepoint]
fn rm_sys_enter(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let number: u64 = ctx.arg(1);
    let task = task::current::<true>();
    let is_narrow = call::is_compat(task);
    let number = if is_narrow { SYSCALL_NARROW as u64 } else { number & !call::X32 };
    let Some(number) = read::bounded(number, SYSCALL_NUMBERS as u64) else { return 0 };
    let (id, hierarchy) = task::cgroup::<true>(task);
    let key = counter::loss_key(id, hierarchy);
    let marks = match SYSCALLS.get_ptr_mut(key) {
        Some(marks) => marks,
        None => match begin(key) {
            Some(marks) => marks,
            None => {
                count::add(counter::SYSCALLS_FULL);
                return 0;
            }
        },
    };
    let mark = marks.cast::<u8>().wrapping_add(number as usize);
    // SAFETY: the number is below the length of the marks, which are map memory.
    if unsafe { mark.read_volatile() } == 0 && !is_runtime(task) {
        // SAFETY: as above. Whoever else writes it writes the same.
        unsafe { mark.write_volatile(1) };
    }
    0
}

const _: () = assert!(SYSCALL_NARROW < SYSCALL_MARKS);

/// The marks of a cgroup that has none yet.
#[inline(always)]
fn begin(key: u64) -> Option<*mut [u8; SYSCALL_MARKS]> {
    let none = NO_SYSCALLS.get(0)?;
    // BPF_NOEXIST: where another CPU was faster, its entry must not be overwritten.
    let _has_room = SYSCALLS.insert(key, none, 1).is_ok();
    SYSCALLS.get_ptr_mut(key)
}

/// What runc calls itself from where it leaves the mounts of the host until the container's program
/// starts.
const RUNC: u64 = u64::from_ne_bytes(*b"runc:[\0\0");

/// Whether it is a runtime that makes the container ready. What it calls then is its own, such as
/// to mount, and no program's of the container. Whoever takes its name has calls of its own not
/// learned, which are then refused.
#[inline(always)]
fn is_runtime(task: Kptr) -> bool {
    let name: u64 = read::raw(task.wrapping_add(offset(Member::TaskComm)));
    if name & 0x0000_ffff_ffff_ffff == RUNC {
        return true;
    }
    let mounts: u32 = member::<false, _>(task::mount_namespace(task), Member::MntNsInum);
    mounts != 0 && mounts == host_mounts()
}
