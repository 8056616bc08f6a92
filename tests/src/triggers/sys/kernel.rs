//! Calls on processes, memory and the system.

use std::ffi::CStr;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

use super::{CloneArgs, answer, owned};
use crate::features::LoadRequest;

/// A call of numbers alone.
pub(in super::super) fn call(number: libc::c_long, args: [i32; 3]) -> io::Result<i32> {
    let [first, second, third] = args;
    // SAFETY: the callers' calls take descriptors and flags, and read no memory.
    answer(unsafe { libc::syscall(number, first, second, third) })
}

/// A descriptor of this very process.
pub(in super::super) fn pidfd_of_self() -> io::Result<i32> {
    // SAFETY: the call reads no memory.
    answer(unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) })
}

/// A copy of what is mounted at a place, not yet mounted itself.
pub(in super::super) fn open_tree(path: &CStr) -> io::Result<OwnedFd> {
    const OPEN_TREE_CLONE: libc::c_int = 1;
    // SAFETY: the path is a C string that outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), OPEN_TREE_CLONE)
    };
    answer(result).map(owned)
}

/// A new tmpfs, not yet mounted.
pub(in super::super) fn new_tmpfs() -> io::Result<OwnedFd> {
    const FSCONFIG_CMD_CREATE: libc::c_int = 6;
    // SAFETY: the name is a C string that outlives the call.
    let context = answer(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0) })?;
    // SAFETY: the command reads no memory.
    answer(unsafe { libc::syscall(libc::SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0) })?;
    // SAFETY: the call reads no memory.
    answer(unsafe { libc::syscall(libc::SYS_fsmount, context, 0, 0) }).map(owned)
}

/// Opens a file by its handle: no name is used for the open itself.
pub(in super::super) fn open_by_handle(path: &CStr, flags: i32) -> io::Result<OwnedFd> {
    const HANDLE_BYTES: u32 = 128;
    // `struct file_handle`: bytes, type, and the handle.
    let mut handle = [0_u32; 2 + HANDLE_BYTES as usize / 4];
    if let Some(bytes) = handle.first_mut() {
        *bytes = HANDLE_BYTES;
    }
    let mut mount = 0;
    let at = libc::AT_FDCWD;
    // SAFETY: the handle has the room that it says, and the path outlives the call.
    let named = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            at,
            path.as_ptr(),
            handle.as_mut_ptr(),
            &raw mut mount,
            0,
        )
    };
    answer(named)?;
    let root = std::fs::File::open(std::path::Path::new("/tmp"))?;
    let root = std::os::fd::AsRawFd::as_raw_fd(&root);
    let handle = handle.as_ptr();
    // SAFETY: the handle is the kernel's own, of the call above.
    let opened = unsafe { libc::syscall(libc::SYS_open_by_handle_at, root, handle, flags) };
    answer(opened).map(owned)
}

/// A child that asks to be traced, and ends. Returns its process id.
pub(in super::super) fn traceme_in_child() -> io::Result<i32> {
    // SAFETY: triggers have one thread when they come here; the child makes two calls and ends.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            Ok(child.as_raw())
        }
        ForkResult::Child => {
            // SAFETY: the request takes no other argument.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
            // SAFETY: ends the child without running the parent's exit handlers.
            unsafe { libc::_exit(0) }
        }
    }
}

/// A child that ends at once, made by clone(2) with these flags.
pub(in super::super) fn clone_with(flags: i32) -> io::Result<i32> {
    let flags = flags | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the child gets its own copy and returns here once, like fork's.
    ended(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })
}

/// The same by clone3(2).
pub(in super::super) fn clone3_with(flags: i32) -> io::Result<i32> {
    let request = CloneArgs {
        flags: flags as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    let size = size_of::<CloneArgs>();
    // SAFETY: as in `clone_with`; the request outlives the call.
    ended(unsafe { libc::syscall(libc::SYS_clone3, &raw const request, size) })
}

/// In the child, ends it; in the parent, waits for that.
fn ended(result: libc::c_long) -> io::Result<i32> {
    if result == 0 {
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(0) }
    }
    let pid = answer(result)?;
    waitpid(Pid::from_raw(pid), None)?;
    Ok(pid)
}

/// Loads a BPF program that does nothing, for sockets, and lets go of it.
pub(in super::super) fn load_program(name: &str) -> io::Result<()> {
    const PROG_LOAD: libc::c_int = 5;
    const TYPE_SOCKET_FILTER: u32 = 1;
    // r0 = 0; exit
    const PROGRAM: [u64; 2] = [0xb7, 0x95];
    let mut request = LoadRequest {
        prog_type: TYPE_SOCKET_FILTER,
        insn_cnt: 2,
        insns: PROGRAM.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        ..LoadRequest::default()
    };
    for (to, byte) in request.prog_name.iter_mut().zip(name.bytes().take(15)) {
        *to = byte;
    }
    // Before Linux 5.11 programs count as locked memory; where that may not be raised, it is not
    // asked for.
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limits outlive the call.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) };
    answer(raised.into()).map(drop).unwrap_or_default();
    let size = size_of::<LoadRequest>();
    // SAFETY: the request is as long as said, and what it points to outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw mut request, size) };
    answer(result).map(|fd| drop(owned(fd)))
}

/// Gives up all capabilities but those of the lowest 32 that are named.
pub(in super::super) fn keep_capabilities(kept: u32) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Effective, permitted, inheritable; then the same of the upper 32.
    let sets = [kept, kept, 0, 0, 0, 0];
    // SAFETY: both are as long as this version has them.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
    answer(result).map(drop)
}

/// Maps a file to be read, and then makes the memory executable.
pub(in super::super) fn map_then_execute(file: BorrowedFd<'_>) -> io::Result<()> {
    const PAGE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
    let read = ProtFlags::PROT_READ;
    // SAFETY: a new mapping where the kernel likes; nothing else is there.
    let at = unsafe { mmap(None, PAGE, read, MapFlags::MAP_PRIVATE, file, 0) }?;
    // SAFETY: the memory is the mapping's, and nobody reads it.
    unsafe { mprotect(at, PAGE.get(), read | ProtFlags::PROT_EXEC) }?;
    Ok(())
}

/// Writes to the start of a file by way of memory that is shared with it.
pub(in super::super) fn write_through_mapping(
    file: BorrowedFd<'_>,
    bytes: &[u8],
) -> io::Result<()> {
    let length = NonZeroUsize::new(bytes.len()).ok_or(io::ErrorKind::InvalidInput)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping where the kernel likes; nothing else is there.
    let at = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, file, 0) }?;
    // SAFETY: the mapping has that many bytes; the callers' files have at least as many, or the
    // signal that the kernel sends then ends the trigger.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at.as_ptr().cast::<u8>(), bytes.len()) };
    Ok(())
}

/// pwritev2(2), at the start.
pub(in super::super) fn write_vector(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let (call, parts, start) = (libc::SYS_pwritev2, &raw const part, 0_i64);
    // SAFETY: the kernel only reads the bytes, which outlive the call.
    let result = unsafe { libc::syscall(call, number, parts, 1, start, start, 0) };
    answer(result).map(drop)
}

/// Sends data to an address of any family; connects to it, if there is none. Closes the socket.
pub(in super::super) fn send_or_connect(socket: i64, data: &[u8], to: &[u8]) -> io::Result<()> {
    let socket = owned(i32::try_from(socket).map_err(io::Error::other)?);
    let number = std::os::fd::AsRawFd::as_raw_fd(&socket);
    let (name, length) = (to.as_ptr(), to.len());
    let result = if data.is_empty() {
        // SAFETY: the address is as long as said and outlives the call.
        unsafe { libc::syscall(libc::SYS_connect, number, name, length) }
    } else {
        let (data, bytes) = (data.as_ptr(), data.len());
        // SAFETY: both are as long as said and outlive the call.
        unsafe { libc::syscall(libc::SYS_sendto, number, data, bytes, 0, name, length) }
    };
    answer(result).map(drop)
}
