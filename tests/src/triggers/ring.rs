//! The same acts as requests in an io_uring, which no system-call hook sees.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use nix::sys::socket::{SockaddrLike as _, SockaddrStorage};

/// Connects. The outer error: there is no io_uring here.
pub(super) fn connect(socket: &OwnedFd, name: &SockaddrStorage) -> io::Result<io::Result<i32>> {
    let fd = types::Fd(socket.as_raw_fd());
    submit(&opcode::Connect::new(fd, name.as_ptr(), name.len()).build())
}

/// Opens relative to the working directory.
pub(super) fn openat(path: &CStr, flags: i32, mode: u32) -> io::Result<io::Result<OwnedFd>> {
    let cwd = types::Fd(libc::AT_FDCWD);
    let open = opcode::OpenAt::new(cwd, path.as_ptr()).flags(flags).mode(mode).build();
    Ok(submit(&open)?.map(owned))
}

/// Opens with openat2's way of saying how.
pub(super) fn openat2(path: &CStr, flags: i32, mode: u32) -> io::Result<io::Result<OwnedFd>> {
    let cwd = types::Fd(libc::AT_FDCWD);
    let how = types::OpenHow::new().flags(flags as u64).mode(mode.into());
    Ok(submit(&opcode::OpenAt2::new(cwd, path.as_ptr(), &how).build())?.map(owned))
}

/// Submits one request and waits for it; the inner result is the request's own.
fn submit(entry: &Entry) -> io::Result<io::Result<i32>> {
    let mut ring = IoUring::new(2)?;
    // SAFETY: what the entry points to is borrowed by the caller, which waits here for its end.
    unsafe { ring.submission().push(entry) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    let done = ring.completion().next().ok_or_else(|| io::Error::other("no completion"))?;
    let result = done.result();
    Ok(if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) })
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for the request, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
