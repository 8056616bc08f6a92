//! Whom a process is connected to, as its descriptors tell.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::socket::{UnixAddr, getpeername};

/// The paths of the sockets that a process is connected to.
pub fn peers_of(pid: u32) -> Vec<PathBuf> {
    let process = pidfd(pid).expect("a running process");
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("a running process");
    let numbers = entries.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok());
    numbers.filter_map(|number| peer(&process, number)).collect()
}

/// None where it is no socket, or is connected to nobody with a path.
fn peer(process: &OwnedFd, number: libc::c_int) -> Option<PathBuf> {
    let taken = taken(process, number).ok()?;
    let name = getpeername::<UnixAddr>(taken.as_raw_fd()).ok()?;
    name.path().map(Path::to_path_buf)
}

/// Linux 5.3.
fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// The same descriptor, in this process. Linux 5.6.
fn taken(process: &OwnedFd, number: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes three numbers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })
}

fn owned(returned: libc::c_long) -> io::Result<OwnedFd> {
    let fd = i32::try_from(returned).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
