//! The calls for which no safe wrapper exists, each with the reason why it is sound.

mod kernel;

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;

pub(super) use kernel::{
    call, clone_with, clone3_with, keep_capabilities, load_program, map_then_execute, new_tmpfs,
    open_by_handle, open_tree, pidfd_of_self, send_or_connect, traceme_in_child,
    write_through_mapping, write_vector,
};

/// A string for the kernel.
pub(super) fn c_string(text: impl AsRef<OsStr>) -> io::Result<CString> {
    Ok(CString::new(text.as_ref().as_bytes())?)
}

/// The kernel's answer in libc's form.
pub(super) fn answer(result: libc::c_long) -> io::Result<i32> {
    match i32::try_from(result) {
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(super) fn owned(fd: i32) -> OwnedFd {
    // SAFETY: callers pass a descriptor that the kernel has just made for them.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// open(2) for writing, of a file that may have to be made.
pub(super) fn open_for_writing(path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC;
    // SAFETY: the path is a C string that outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o644) };
    answer(result).map(owned)
}

/// Closes whatever has this number; false if nothing has. Only for numbers that nothing else uses.
pub(super) fn close_number(number: i32) -> bool {
    // SAFETY: the call reads no memory; whose descriptor it is, is the caller's promise.
    unsafe { libc::close(number) == 0 }
}

/// openat(2) from memory that another thread rewrites.
///
/// # Safety
/// `path` must stay allocated for the call, and a NUL must be at its end at all times.
pub(super) unsafe fn openat_volatile(path: *const libc::c_char, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: see above; the kernel copies the string with its own care for concurrent writers.
    let result = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, 0) };
    answer(result).map(owned)
}

/// connect(2) from memory that another thread rewrites.
///
/// # Safety
/// `name` must stay allocated, `length` bytes long, for the call.
pub(super) unsafe fn connect_volatile(fd: i32, name: *const u8, length: u32) -> io::Result<()> {
    // SAFETY: see above; the kernel copies the address before it looks at it.
    let result = unsafe { libc::syscall(libc::SYS_connect, fd, name, length) };
    answer(result).map(drop)
}

/// Becomes another program, with the environment that this one has.
pub(super) fn execve(path: &CStr, args: &[CString]) -> io::Error {
    let pointers = pointers(args);
    // SAFETY: all strings end with NUL, the list ends with null, and all outlive the call.
    unsafe { libc::execve(path.as_ptr(), pointers.as_ptr(), environment()) };
    io::Error::last_os_error()
}

/// Becomes another program, with another environment.
pub(super) fn execve_with(path: &CStr, args: &[CString], environment: &[CString]) -> io::Error {
    let (args, environment) = (pointers(args), pointers(environment));
    // SAFETY: all strings end with NUL, both lists end with null, and all outlive the call.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// The environment block.
fn environment() -> *const *const libc::c_char {
    // SAFETY: libc has it, of this type (environ(7)).
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    // SAFETY: libc sets it before main; no thread of a trigger changes the environment.
    unsafe { environ }
}

/// Starts a program in a vfork(2) child, which borrows this process's memory until then.
///
/// vfork's wrapper returns twice on one stack, which Rust does not promise to survive; the same
/// kernel act is clone(CLONE_VM | CLONE_VFORK) with a stack of the child's own.
pub(super) fn vfork_exec(path: &CStr, args: &[CString]) -> io::Result<i32> {
    const STACK_BYTES: usize = 64 * 1024;
    let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
    let pointers = pointers(args);
    let mut start = ChildStart { path: path.as_ptr(), args: pointers.as_ptr() };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: the child runs `exec_child` on the stack above, 16-byte aligned; this thread sleeps
    // until it has left the shared memory by execve or _exit, so that all pointers stay valid.
    let pid = unsafe { libc::clone(exec_child, top.cast(), flags, (&raw mut start).cast()) };
    answer(pid.into())
}

/// What a child of `vfork_exec` starts.
struct ChildStart {
    path: *const libc::c_char,
    args: *const *const libc::c_char,
}

extern "C" fn exec_child(start: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the parent passes a ChildStart and sleeps while it is used.
    let start = unsafe { &*start.cast::<ChildStart>() };
    // SAFETY: the strings are the parent's, in memory that is shared and at rest.
    unsafe { libc::execve(start.path, start.args, environment()) };
    EXEC_FAILED
}

/// The exit code of a child that could not start its program, as shells have it.
const EXEC_FAILED: libc::c_int = 127;

/// Starts a program in a clone3(2) child with a copy of this process's memory, and with a process
/// id that nobody has (Linux 5.5) if one is given.
pub(super) fn clone3_exec(path: &CStr, args: &[CString], id: Option<i32>) -> io::Result<i32> {
    let pointers = pointers(args);
    let ids = [id.unwrap_or_default()];
    let (set_tid, set_tid_size) =
        if id.is_some() { (ids.as_ptr() as u64, ids.len() as u64) } else { (0, 0) };
    let exit_signal = libc::SIGCHLD as u64;
    let request = CloneArgs { exit_signal, set_tid, set_tid_size, ..CloneArgs::default() };
    let size = size_of::<CloneArgs>();
    // SAFETY: without CLONE_VM the child gets its own copy and returns here once, like fork's.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const request, size) };
    if pid == 0 {
        // SAFETY: as in `execve`; nothing between the two calls allocates or takes a lock.
        unsafe { libc::execve(path.as_ptr(), pointers.as_ptr(), environment()) };
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(EXEC_FAILED) };
    }
    answer(pid)
}

/// The kernel's `struct clone_args`, second version (Linux 5.5).
#[derive(Default)]
#[repr(C)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
}

/// The arguments as the kernel wants them: pointers, the last one null.
fn pointers(args: &[CString]) -> Vec<*const libc::c_char> {
    args.iter().map(|arg| arg.as_ptr()).chain([ptr::null()]).collect()
}
