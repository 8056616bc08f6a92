//! Giving up privileges: another user, no way back, and only the system calls that the line needs.

use std::collections::BTreeMap;

use nix::{
    libc,
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

/// Why privileges could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// This process cannot become another user.
    #[error("cannot become user {uid}")]
    User {
        /// Whom.
        uid: u32,
        /// Why.
        #[source]
        source: nix::Error,
    },
    /// The kernel has no seccomp, or not for this machine.
    #[error("cannot leave system calls behind")]
    Calls(#[source] seccompiler::Error),
}

/// Gives up everything, in all threads and for good: this process becomes that user and group, has
/// no capabilities, gets none by running programs, and can make only the system calls below; others
/// are refused with EPERM.
///
/// # Errors
///
/// The kernel refuses. What was given up by then stays so.
pub fn confine(uid: u32) -> Result<(), ConfineError> {
    let user = |source| ConfineError::User { uid, source };
    setgroups(&[]).map_err(user)?;
    let group = Gid::from_raw(uid);
    setresgid(group, group, group).map_err(user)?;
    let of = Uid::from_raw(uid);
    setresuid(of, of, of).map_err(user)?;
    // A C library whose `clone3` is unknown takes `clone`, whose flags can be looked at. What one
    // of the filters refuses is refused; where both do so, the latter's error is told.
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    apply(clone3, SeccompAction::Allow, unknown)?;
    apply(allowed().map_err(ConfineError::Calls)?, refused, SeccompAction::Allow)
}

/// Applies a filter; it also keeps programs that are run from getting privileges.
fn apply(
    calls: BTreeMap<libc::c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    then: SeccompAction,
) -> Result<(), ConfineError> {
    let machine =
        if cfg!(target_arch = "aarch64") { TargetArch::aarch64 } else { TargetArch::x86_64 };
    let build = || -> Result<(), seccompiler::Error> {
        let filter = SeccompFilter::new(calls, otherwise, then, machine)?;
        let program = BpfProgram::try_from(filter)?;
        apply_filter_all_threads(&program)
    };
    build().map_err(ConfineError::Calls)
}

/// The system calls of the line, each with what its arguments must be.
fn allowed() -> Result<BTreeMap<libc::c_long, Vec<SeccompRule>>, seccompiler::Error> {
    let mut calls: BTreeMap<libc::c_long, Vec<SeccompRule>> =
        CALLS.iter().chain(CALLS_OF_MACHINE).map(|call| (*call, Vec::new())).collect();
    // Threads, no processes.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let of_threads = SeccompCmpOp::MaskedEq(thread);
    calls.insert(libc::SYS_clone, vec![rule(SeccompCmpArgLen::Qword, of_threads, thread)?]);
    // What is loaded and attached is the keeper's; the line asks to be woken by the next record.
    let update = rule(SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, BPF_MAP_UPDATE_ELEM)?;
    calls.insert(libc::SYS_bpf, vec![update]);
    Ok(calls)
}

/// That the first argument is so.
fn rule(
    length: SeccompCmpArgLen,
    op: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::Error> {
    Ok(SeccompRule::new(vec![SeccompCondition::new(0, length, op, value)?])?)
}

/// Number of a command of bpf(2).
const BPF_MAP_UPDATE_ELEM: u64 = 2;

/// Calls that every machine has: memory, threads, clocks, open files, files that everybody may
/// read, and sockets.
const CALLS: &[libc::c_long] = &[
    // Refused by a filter of its own.
    libc::SYS_clone3,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_uname,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    // Within the store's directory.
    libc::SYS_renameat,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socket,
    libc::SYS_socketpair,
];

/// Older calls for the same, which the C library still makes.
#[cfg(target_arch = "x86_64")]
const CALLS_OF_MACHINE: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];

/// Older calls for the same: this machine has none.
#[cfg(not(target_arch = "x86_64"))]
const CALLS_OF_MACHINE: &[libc::c_long] = &[];
