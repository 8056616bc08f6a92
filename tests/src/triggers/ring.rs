//! The same acts as requests in an io_uring, which no system-call hook sees.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use nix::sys::socket::{SockaddrLike as _, SockaddrStorage};

use super::raw::Arg;

/// Whether a thread of the kernel looks for requests (SQPOLL), and no call hands them over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    Yes,
    No,
}

/// How long the kernel's thread looks before it sleeps.
const IDLE_MS: u32 = 2000;

/// Connects. The outer error: there is no io_uring here.
pub(super) fn connect(
    socket: &OwnedFd,
    name: &SockaddrStorage,
    polled: Polled,
) -> io::Result<io::Result<i32>> {
    // Before Linux 5.11 a polled ring takes registered descriptors only.
    let entry = match polled {
        Polled::Yes => opcode::Connect::new(types::Fixed(0), name.as_ptr(), name.len()).build(),
        Polled::No => {
            let fd = types::Fd(socket.as_raw_fd());
            opcode::Connect::new(fd, name.as_ptr(), name.len()).build()
        }
    };
    submit(&entry, polled, Some(socket))
}

/// Sends one datagram.
pub(super) fn send(
    socket: &OwnedFd,
    name: &SockaddrStorage,
    data: &[u8],
    polled: Polled,
) -> io::Result<io::Result<i32>> {
    let mut parts =
        [libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() }];
    // SAFETY: all bytes zero is a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = name.as_ptr().cast_mut().cast();
    message.msg_namelen = name.len();
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len();
    let entry = match polled {
        Polled::Yes => opcode::SendMsg::new(types::Fixed(0), &raw const message).build(),
        Polled::No => {
            opcode::SendMsg::new(types::Fd(socket.as_raw_fd()), &raw const message).build()
        }
    };
    submit(&entry, polled, Some(socket))
}

/// Opens relative to the working directory.
pub(super) fn openat(
    path: &CStr,
    flags: i32,
    mode: u32,
    polled: Polled,
) -> io::Result<io::Result<OwnedFd>> {
    let cwd = types::Fd(libc::AT_FDCWD);
    let open = opcode::OpenAt::new(cwd, path.as_ptr()).flags(flags).mode(mode).build();
    Ok(submit(&open, polled, None)?.map(owned))
}

/// Opens with openat2's way of saying how.
pub(super) fn openat2(path: &CStr, flags: i32, mode: u32) -> io::Result<io::Result<OwnedFd>> {
    let cwd = types::Fd(libc::AT_FDCWD);
    let how = types::OpenHow::new().flags(flags as u64).mode(mode.into());
    let open = opcode::OpenAt2::new(cwd, path.as_ptr(), &how).build();
    Ok(submit(&open, Polled::No, None)?.map(owned))
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
    submit(&entry, Polled::No, None)
}

/// Submits one request and waits for it; the inner result is the request's own. A polled ring knows
/// the socket as its first registered descriptor.
fn submit(entry: &Entry, polled: Polled, socket: Option<&OwnedFd>) -> io::Result<io::Result<i32>> {
    let mut ring = match polled {
        Polled::Yes => IoUring::builder().setup_sqpoll(IDLE_MS).build(2)?,
        Polled::No => IoUring::new(2)?,
    };
    if let (Polled::Yes, Some(socket)) = (polled, socket) {
        ring.submitter().register_files(&[socket.as_raw_fd()])?;
    }
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
