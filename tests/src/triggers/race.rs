//! Acts whose arguments change while the kernel looks at them.
//!
//! A monitor that reads the arguments of system calls reports what it read, which need not be what
//! the kernel did. These count what the kernel really did, for a case to compare.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use nix::sys::socket::{SockaddrLike as _, SockaddrStorage, getpeername};

use super::net::{Protocol, new_socket};
use super::{Report, sys};

/// Memory that is rewritten all the time.
struct Flicker {
    bytes: Vec<AtomicU8>,
    stop: AtomicBool,
}

impl Flicker {
    fn new(first: &[u8]) -> Self {
        let bytes = first.iter().copied().map(AtomicU8::new).collect();
        Self { bytes, stop: AtomicBool::new(false) }
    }

    /// Runs `work` while another thread writes the two contents in turn.
    fn during<T>(&self, first: &[u8], second: &[u8], work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            scope.spawn(|| {
                while !self.stop.load(Ordering::Relaxed) {
                    self.write(second);
                    self.write(first);
                }
            });
            let result = work();
            self.stop.store(true, Ordering::Relaxed);
            result
        })
    }

    fn write(&self, content: &[u8]) {
        for (byte, value) in self.bytes.iter().zip(content) {
            byte.store(*value, Ordering::Relaxed);
        }
    }
}

/// Opens for writing; counts which of the two files each descriptor is of.
pub fn open(path: &Path, other: &Path, rounds: u32) -> io::Result<Report> {
    let first = sys::c_string(path)?.into_bytes_with_nul();
    let second = sys::c_string(other)?.into_bytes_with_nul();
    if first.len() != second.len() {
        return Err(io::Error::other("the two paths must be of one length"));
    }
    let flicker = Flicker::new(&first);
    let (mut opened, mut swapped, mut failed) = (0, 0, 0);
    flicker.during(&first, &second, || {
        for _ in 0..rounds {
            let name = flicker.bytes.as_ptr().cast();
            // SAFETY: the bytes live as long as `flicker`; both contents end with NUL at one place.
            match unsafe { sys::openat_volatile(name, libc::O_WRONLY | libc::O_CLOEXEC) } {
                Ok(file) => {
                    let really = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
                    let is_other = really.is_ok_and(|path| {
                        path.as_os_str().as_bytes() == other.as_os_str().as_bytes()
                    });
                    if is_other { swapped += 1 } else { opened += 1 }
                }
                Err(_) => failed += 1,
            }
        }
    });
    Ok(counted(Report::new("open-race").path(path), opened, swapped, failed))
}

/// Opens a file for writing again and again; counts how often that worked, and how often another
/// thread had closed the descriptor before it came back.
pub fn close(path: &Path, rounds: u32) -> io::Result<Report> {
    let name = sys::c_string(path)?;
    let stop = AtomicBool::new(false);
    // The lowest free number is the one that each open gets.
    let number = sys::open_for_writing(&name)?.into_raw_fd();
    let (mut opened, mut closed) = (0, 0);
    sys::close_number(number);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                sys::close_number(number);
            }
        });
        for _ in 0..rounds {
            if let Ok(file) = sys::open_for_writing(&name) {
                opened += 1;
                closed += u64::from(!sys::close_number(file.into_raw_fd()));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let report = Report::new("close-race").path(path);
    Ok(report.number("opened", opened).number("closed", closed))
}

/// Connects UDP sockets; counts which of the two addresses each one has as its peer.
pub fn connect(address: SocketAddr, other: SocketAddr, rounds: u32) -> io::Result<Report> {
    let (first, second) = (SockaddrStorage::from(address), SockaddrStorage::from(other));
    let length = first.len();
    if length != second.len() {
        return Err(io::Error::other("the two addresses must be of one family"));
    }
    let (first_bytes, second_bytes) = (bytes(&first), bytes(&second));
    let flicker = Flicker::new(&first_bytes);
    let (mut opened, mut swapped, mut failed) = (0, 0, 0);
    flicker.during(&first_bytes, &second_bytes, || -> io::Result<()> {
        for _ in 0..rounds {
            let socket = new_socket(Protocol::Udp, address)?;
            let name = flicker.bytes.as_ptr().cast();
            // SAFETY: the bytes live as long as `flicker` and are `length` long.
            if unsafe { sys::connect_volatile(socket.as_raw_fd(), name, length) }.is_err() {
                failed += 1;
                continue;
            }
            let peer = getpeername::<SockaddrStorage>(socket.as_raw_fd())?;
            if peer == second { swapped += 1 } else { opened += 1 }
        }
        Ok(())
    })?;
    Ok(counted(Report::new("connect-race").address(address), opened, swapped, failed))
}

fn counted(report: Report, opened: u64, swapped: u64, failed: u64) -> Report {
    report.number("meant", opened).number("swapped", swapped).number("failed", failed)
}

/// The address as the kernel reads it.
fn bytes(name: &SockaddrStorage) -> Vec<u8> {
    let length = usize::try_from(name.len()).unwrap_or_default();
    // SAFETY: the storage holds `len` initialised bytes of its family's address and is borrowed.
    unsafe { std::slice::from_raw_parts(name.as_ptr().cast::<u8>(), length) }.to_vec()
}
