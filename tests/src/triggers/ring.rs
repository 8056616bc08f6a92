//! The same acts as requests in an io_uring, which no system-call hook sees.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use nix::sys::socket::{SockaddrLike as _, SockaddrStorage};

use super::raw::Arg;

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

/// A change of names, by the name of the system call and its arguments.
pub(super) fn change(name: &str, args: &[Arg<'_>]) -> io::Result<io::Result<i32>> {
    use Arg::{Number, Text};
    let fd = |number: &i64| types::Fd(i32::try_from(*number).unwrap_or(libc::AT_FDCWD));
    let bits = |number: &i64| u32::try_from(*number).unwrap_or_default();
    let entry = match (name, args) {
        ("renameat", [Number(from), Text(old), Number(to), Text(new)]) => {
            opcode::RenameAt::new(fd(from), old.as_ptr(), fd(to), new.as_ptr()).build()
        }
        ("linkat", [Number(from), Text(old), Number(to), Text(new), _]) => {
            opcode::LinkAt::new(fd(from), old.as_ptr(), fd(to), new.as_ptr()).build()
        }
        ("symlinkat", [Text(target), Number(to), Text(new)]) => {
            opcode::SymlinkAt::new(fd(to), target.as_ptr(), new.as_ptr()).build()
        }
        ("unlinkat" | "unlinkat-dir", [Number(at), Text(old), Number(flags)]) => {
            let flags = i32::try_from(*flags).unwrap_or_default();
            opcode::UnlinkAt::new(fd(at), old.as_ptr()).flags(flags).build()
        }
        ("mkdirat", [Number(at), Text(new), Number(mode)]) => {
            opcode::MkDirAt::new(fd(at), new.as_ptr()).mode(bits(mode)).build()
        }
        _ => return Err(io::Error::other(format!("a ring cannot do {name}"))),
    };
    submit(&entry)
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
