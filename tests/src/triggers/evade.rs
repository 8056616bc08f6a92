//! Acts that change a file, or reach out, without the call that one would look for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::unistd::pipe2;

use super::child::Child;
use super::raw::{self, Arg};
use super::sys::{self, c_string};
use super::{Report, net};

/// What is done with PATH, which is opened to be written to unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Evasion {
    /// It is mapped, and the memory is written to
    Mmap,
    /// splice, from a pipe
    Splice,
    /// tee from one pipe to another, and splice from that
    Tee,
    /// sendfile
    Sendfile,
    /// copy_file_range
    CopyFileRange,
    /// fallocate
    Fallocate,
    /// ioctl(FICLONE)
    Clone,
    /// pwritev2
    Pwritev2,
    /// A child opens it, and its descriptor is taken by pidfd_getfd
    GetFd,
    /// The thread takes another name first
    Rename,
    /// It is opened below directories of more than PATH_MAX bytes, which are made in PATH
    Deep,
    /// It is opened, and ADDRESS is connected to; `ready` is said; and when standard input ends,
    /// both are written to
    Older,
    /// It is connected to as a socket
    Unix,
}

/// What the other file is made of, and what is written.
const BYTES: &[u8] = b"evaded";

/// A name that the kernel gives to threads of its own.
const DISGUISE: &std::ffi::CStr = c"kworker/0:1";

/// `FICLONE`
const FICLONE: i64 = 0x4004_9409;

/// Bytes of one directory's name, and how many there are: more than PATH_MAX together.
const NAME_BYTES: usize = 200;
const DEPTH: usize = 24;

/// Does it.
pub fn perform(how: Evasion, path: &Path, address: Option<SocketAddr>) -> io::Result<Report> {
    let name = how.to_possible_value();
    let report = Report::new(name.as_ref().map_or("evade", |value| value.get_name())).path(path);
    match how {
        Evasion::GetFd => get_fd(report, path),
        Evasion::Deep => deep(report, path),
        Evasion::Older => older(report, path, address),
        Evasion::Unix => report.outcome(UnixStream::connect(path)),
        Evasion::Rename => {
            prctl::set_name(DISGUISE)?;
            report.outcome(OpenOptions::new().write(true).open(path))
        }
        _ => report.outcome(change(how, path)),
    }
}

fn change(how: Evasion, path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let to = i64::from(file.as_raw_fd());
    let call = |number: i64, numbers: &[i64]| -> io::Result<()> {
        let args: Vec<Arg<'_>> = numbers.iter().map(|number| Arg::Number(*number)).collect();
        raw::call(number, &args).map(drop)
    };
    let length = BYTES.len() as i64;
    match how {
        Evasion::Mmap => sys::write_through_mapping(file.as_fd(), BYTES),
        Evasion::Splice => {
            let (from, _to) = full_pipe()?;
            call(libc::SYS_splice, &[from.as_raw_fd().into(), 0, to, 0, length, 0])
        }
        Evasion::Tee => {
            let (from, _to) = full_pipe()?;
            let (second, into) = pipe2(OFlag::O_CLOEXEC)?;
            let [from, into] = [&from, &into].map(|fd| i64::from(fd.as_raw_fd()));
            call(libc::SYS_tee, &[from, into, length, 0])?;
            call(libc::SYS_splice, &[second.as_raw_fd().into(), 0, to, 0, length, 0])
        }
        Evasion::Fallocate => call(libc::SYS_fallocate, &[to, 0, 0, 4096]),
        Evasion::Pwritev2 => sys::write_vector(file.as_fd(), BYTES),
        _ => {
            let from = other(path)?;
            let from = i64::from(from.as_raw_fd());
            match how {
                Evasion::Sendfile => call(libc::SYS_sendfile, &[to, from, 0, length]),
                Evasion::CopyFileRange => {
                    call(libc::SYS_copy_file_range, &[from, 0, to, 0, length, 0])
                }
                _ => call(libc::SYS_ioctl, &[to, FICLONE, from]),
            }
        }
    }
}

/// A file beside it, to be read.
fn other(path: &Path) -> io::Result<File> {
    let other = path.with_extension("other");
    std::fs::write(&other, BYTES)?;
    File::open(other)
}

fn full_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (from, to) = pipe2(OFlag::O_CLOEXEC)?;
    nix::unistd::write(&to, BYTES)?;
    Ok((from, to))
}

/// The child's descriptor has the number that it had here, where it is closed then.
fn get_fd(report: Report, path: &Path) -> io::Result<Report> {
    let file = OpenOptions::new().write(true).open(path)?;
    let number = file.as_raw_fd();
    let child = Child::start()?;
    drop(file);
    let report = report.number("child", child.pid().unsigned_abs().into());
    let pidfd = raw::call(libc::SYS_pidfd_open, &[child.pid().into(), 0].map(Arg::Number))?;
    let taken = [pidfd, number.into(), 0].map(Arg::Number);
    report.outcome(raw::call(libc::SYS_pidfd_getfd, &taken))
}

fn deep(report: Report, path: &Path) -> io::Result<Report> {
    let name = "d".repeat(NAME_BYTES);
    std::env::set_current_dir(path)?;
    for _ in 0..DEPTH {
        std::fs::create_dir(&name)?;
        std::env::set_current_dir(&name)?;
    }
    let file = File::create("deep")?;
    let inode = std::os::unix::fs::MetadataExt::ino(&file.metadata()?);
    Ok(report.number("inode", inode))
}

fn older(report: Report, path: &Path, address: Option<SocketAddr>) -> io::Result<Report> {
    let address = address.ok_or_else(|| io::Error::other("an address is needed"))?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    let mut connection = TcpStream::connect(address)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    drop(stdout);
    io::stdin().read_to_end(&mut Vec::new())?;
    file.write_all(BYTES)?;
    let report = report.address(address).outcome(connection.write_all(BYTES))?;
    // So that there is something that is told of this process.
    let later: PathBuf = path.with_extension("later");
    sys::open_for_writing(&c_string(later)?)?;
    Ok(report)
}

/// A socket of a family that is neither IPv4 nor IPv6, or that makes its own packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// An echo request to 127.0.0.1, from a raw socket
    Raw,
    /// A frame to the loopback device, from a packet socket
    Packet,
    /// A message to the kernel, from a netlink socket
    Netlink,
    /// A connection to the host of this virtual machine
    Vsock,
    /// A connection of multipath TCP to ADDRESS
    Multipath,
}

/// Makes it and sends or connects; that there is no such family is an outcome.
pub fn send(family: Family, address: Option<SocketAddr>) -> io::Result<Report> {
    const ECHO: &[u8] = &[8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    const NOTHING: &[u8] = &[16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const FRAME: &[u8] = &[0; 64];
    let report = Report::new("family");
    let (numbers, data, to): ([i64; 3], _, &[u8]) = match family {
        Family::Raw => ([2, 3, 1], ECHO, &[2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        // Protocol 0x0800, the first device, an address of six bytes.
        Family::Packet => {
            ([17, 3, 0], FRAME, &[17, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0])
        }
        Family::Netlink => ([16, 3, 0], NOTHING, &[16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Family::Vsock => ([40, 1, 0], &[], &[40, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
        Family::Multipath => return multipath(report, address),
    };
    let socket = match raw::call(libc::SYS_socket, &numbers.map(Arg::Number)) {
        Ok(socket) => socket,
        Err(err) => return report.outcome(Err::<(), _>(err)),
    };
    report.number("made", 1).outcome(sys::send_or_connect(socket, data, to))
}

fn multipath(report: Report, address: Option<SocketAddr>) -> io::Result<Report> {
    let address = address.ok_or_else(|| io::Error::other("an address is needed"))?;
    let report = report.address(address);
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let numbers = [family, libc::SOCK_STREAM, libc::IPPROTO_MPTCP].map(i64::from);
    match raw::call(libc::SYS_socket, &numbers.map(Arg::Number)) {
        Ok(socket) => report.number("made", 1).outcome(net::connect_number(socket, address)),
        Err(err) => report.outcome(Err::<(), _>(err)),
    }
}
