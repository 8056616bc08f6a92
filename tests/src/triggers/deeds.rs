//! Acts that take more than one call, or that hand the kernel more than numbers and texts.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

use clap::ValueEnum;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use nix::sys::stat::Mode;
use nix::sys::uio::{RemoteIoVec, process_vm_writev};
use nix::unistd::{Pid, linkat, pivot_root};

use super::calls::{DIR, OLD, own_mounts};
use super::child::Child;
use super::raw::{self, Arg};
use super::{Report, old, sys};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deed {
    /// A descriptor of `old` comes in over a socket
    Receive,
    /// process_vm_writev into a child
    VmWritev,
    /// `/proc/CHILD/mem` is opened for writing
    ProcMem,
    /// A child asks to be traced
    Traceme,
    /// A child with a UTS namespace of its own, by clone
    Clone,
    /// The same by clone3
    Clone3,
    /// A BPF program is loaded
    BpfLoad,
    /// All capabilities but CAP_CHOWN are given up
    Capset,
    /// `real` becomes the root, and the old one goes to `dir`
    PivotRoot,
    /// A connected socket becomes standard input, by dup
    Dup,
    /// … by dup2
    Dup2,
    /// … by dup3
    Dup3,
    /// … by fcntl
    DupFcntl,
    /// `old` is mapped to be read, and then made executable
    ProtectFile,
    /// A file without a name is written to, and then named `named` in the directory
    LinkUnnamed,
    /// SIGURG, which nobody minds, is sent to a process
    Signal,
    /// A process is stopped, and goes on
    Stop,
    /// A process is taken hold of, by PTRACE_SEIZE, and let go
    Seize,
    /// A descriptor of a BPF map is taken from a process, by pidfd_getfd
    TakeMap,
    /// `/proc/PID/mem` is opened for writing
    Memory,
    /// The same of a thread of it that is not the first
    ThreadMemory,
}

/// Does it; `dir` has what `calls::prepare` makes. `pid`: to whom.
pub fn perform(deed: Deed, dir: &Path, pid: Option<i32>) -> io::Result<Report> {
    let name = deed.to_possible_value();
    let report = Report::new(name.as_ref().map_or("deed", |value| value.get_name())).path(dir);
    let real = dir.join("real");
    let about = |report: Report, pid: i32| report.number("child", pid.unsigned_abs().into());
    match deed {
        Deed::Receive => report.outcome(receive(&dir.join("link").join(OLD))),
        Deed::VmWritev => {
            // The child has a copy of it at the same address.
            let target = Box::new(7_u64);
            let child = Child::start()?;
            let remote = RemoteIoVec { base: (&raw const *target).addr(), len: size_of::<u64>() };
            let bytes = 8_u64.to_ne_bytes();
            let pid = Pid::from_raw(child.pid());
            let result = process_vm_writev(pid, &[IoSlice::new(&bytes)], &[remote]);
            about(report, child.pid()).outcome(result.map_err(io::Error::from))
        }
        Deed::ProcMem => {
            let child = Child::start()?;
            let path = format!("/proc/{}/mem", child.pid());
            about(report, child.pid()).outcome(OpenOptions::new().write(true).open(path))
        }
        Deed::Traceme => by_child(report, sys::traceme_in_child()),
        Deed::Clone => made(report, sys::clone_with(libc::CLONE_NEWUTS)),
        Deed::Clone3 => made(report, sys::clone3_with(libc::CLONE_NEWUTS)),
        Deed::BpfLoad => report.outcome(sys::load_program("trigger_prog")),
        Deed::Capset => report.outcome(sys::keep_capabilities(1)),
        Deed::PivotRoot => {
            own_mounts()?;
            let none = None::<&Path>;
            mount(Some(&real), &real, none, MsFlags::MS_BIND, none)?;
            report.outcome(pivot_root(&real, &real.join(DIR)).map_err(io::Error::from))
        }
        Deed::Dup | Deed::Dup2 | Deed::Dup3 | Deed::DupFcntl => duplicate(deed, report),
        Deed::ProtectFile => {
            report.outcome(sys::map_then_execute(File::open(real.join(OLD))?.as_fd()))
        }
        Deed::LinkUnnamed => report.outcome(link_unnamed(dir)),
        Deed::Signal => {
            let pid = pid.ok_or_else(|| io::Error::other("a process is needed"))?;
            report.outcome(kill(Pid::from_raw(pid), Signal::SIGURG).map_err(io::Error::from))
        }
        Deed::Stop | Deed::Seize => {
            let pid = pid.ok_or_else(|| io::Error::other("a process is needed"))?;
            let pid = Pid::from_raw(pid);
            let done = if deed == Deed::Stop {
                kill(pid, Signal::SIGSTOP).and_then(|()| kill(pid, Signal::SIGCONT))
            } else {
                // Let go when this process ends.
                ptrace::seize(pid, ptrace::Options::empty())
            };
            report.outcome(done.map_err(io::Error::from))
        }
        Deed::TakeMap => report.outcome(take_map(pid.unwrap_or_default())),
        Deed::Memory => {
            let path = format!("/proc/{}/mem", pid.unwrap_or_default());
            report.outcome(OpenOptions::new().write(true).open(path))
        }
        Deed::ThreadMemory => {
            let thread = another_thread(pid.unwrap_or_default())?;
            let path = format!("/proc/{thread}/mem");
            report.outcome(OpenOptions::new().write(true).open(path))
        }
    }
}

fn take_map(pid: i32) -> io::Result<()> {
    let mut entries = std::fs::read_dir(format!("/proc/{pid}/fdinfo"))?.flatten();
    let map = entries.find(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        text.lines().any(|line| line.starts_with("map_id:"))
    });
    let number = map.and_then(|entry| entry.file_name().to_str()?.parse().ok());
    let number = number.ok_or_else(|| io::Error::other("the process has no map"))?;
    let pidfd = raw::call(libc::SYS_pidfd_open, &[pid.into(), 0].map(Arg::Number))?;
    raw::call(libc::SYS_pidfd_getfd, &[pidfd, number, 0].map(Arg::Number)).map(drop)
}

fn another_thread(pid: i32) -> io::Result<i32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let mut threads = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    threads.find(|thread| *thread != pid).ok_or_else(|| io::Error::other("it has one thread"))
}

/// The act is the child's.
fn by_child(mut report: Report, child: io::Result<i32>) -> io::Result<Report> {
    report.pid = child?;
    report.tid = report.pid;
    Ok(report)
}

/// The act is ours, and about the child.
fn made(report: Report, child: io::Result<i32>) -> io::Result<Report> {
    match child {
        Ok(pid) => Ok(report.number("child", pid.unsigned_abs().into())),
        Err(err) => report.outcome(Err::<(), _>(err)),
    }
}

fn receive(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let none = SockFlag::SOCK_CLOEXEC;
    let (from, to) = socketpair(AddressFamily::Unix, SockType::Stream, None, none)?;
    let rights = [file.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(from.as_raw_fd(), &[IoSlice::new(b"x")], &control, MsgFlags::empty(), None)?;
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; 1]);
    recvmsg::<()>(to.as_raw_fd(), &mut into, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    Ok(())
}

fn link_unnamed(dir: &Path) -> io::Result<()> {
    let flags = OFlag::O_RDWR | OFlag::O_TMPFILE | OFlag::O_CLOEXEC;
    let mut file = File::from(open(dir, flags, Mode::from_bits_truncate(0o644))?);
    file.write_all(b"unnamed")?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let follow = AtFlags::AT_SYMLINK_FOLLOW;
    Ok(linkat(AT_FDCWD, Path::new(&name), AT_FDCWD, &dir.join("named"), follow)?)
}

/// A socket of a connection to this very process.
fn duplicate(deed: Deed, report: Report) -> io::Result<Report> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    let (ours, peer) = (socket.local_addr()?, socket.peer_addr()?);
    let number = socket.as_raw_fd();
    let result = match deed {
        Deed::Dup2 => old::dup2(number, 0),
        Deed::Dup3 => sys::call(libc::SYS_dup3, [number, 0, 0]),
        _ => {
            sys::close_number(0);
            match deed {
                Deed::DupFcntl => sys::call(libc::SYS_fcntl, [number, libc::F_DUPFD, 0]),
                _ => sys::call(libc::SYS_dup, [number, 0, 0]),
            }
        }
    };
    report.address(peer).number("port", ours.port().into()).outcome(result)
}
