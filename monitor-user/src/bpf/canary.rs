//! Acts of the monitor's own, to see whether an attached program really fires.
//!
//! A program can load, attach and never run (an LSM program where `lsm=` lacks `bpf`). The
//! programs leave the monitor's own acts out but count them, and that count is what is looked at.

use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::fs::OpenOptionsExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use monitor_common::{Program, RecordKind};
use nix::{
    sys::memfd::{MFdFlags, memfd_create},
    unistd::{getresgid, getresuid, setgid, setuid},
};

mod calls;
mod dns;
mod files;

/// The argument that makes this program end at once: the canary's child.
pub const CHILD: &str = "canary-child";

/// Discard and tcpmux: ports that hardly anyone serves. All of it stays on the loopback device.
const UDP_PORT: u16 = 9;
const TCP_PORT: u16 = 1;

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It was done. If a process was started for it, this was its pid.
    Done(Option<u32>),
    /// It cannot be done here.
    Impossible,
}

/// What is done for a program to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A process is made, starts a program and ends.
    Child,
    /// TCP connections that are refused.
    ConnectV4,
    /// The same, by IPv6.
    ConnectV6,
    /// A datagram.
    SendV4,
    /// The same, by IPv6.
    SendV6,
    /// A file is opened for writing.
    Write,
    /// A file is opened for reading.
    Read,
    /// An open is refused.
    Refused,
    /// Names and attributes of files of its own are changed.
    Files,
    /// A socket listens, and accepts a connection of its own.
    Accept,
    /// A socket is given a port.
    Bind,
    /// A file in memory.
    Memfd,
    /// The user and group ids are set to what they are.
    Ids,
    /// A raw socket is made.
    RawSocket,
    /// A namespace is entered that the thread is in.
    EnterNamespace,
    /// A thread makes a namespace for itself.
    MakeNamespace,
    /// The root directory stays the root directory.
    KeepRoot,
    /// A signal comes that is not heard.
    Signal,
    /// A map of this process is reached by its number.
    ReachOwnMap,
    /// A name is asked for.
    Ask,
    /// A name is asked for, and the question answered.
    AskAndAnswer,
}

/// What makes a program fire that is to tell of a kind; None: nothing that leaves no trace, and
/// that nobody else who watches the host would take for an attack (mounts, tracing, modules).
#[must_use]
pub fn deed(program: Program, kind: RecordKind) -> Option<Deed> {
    match program {
        Program::ProcessExec | Program::ProcessFork | Program::ProcessExit => Some(Deed::Child),
        Program::SocketConnect
        | Program::SocketConnectProbe
        | Program::SockState
        | Program::Connect4 => Some(Deed::ConnectV4),
        Program::Connect6 => Some(Deed::ConnectV6),
        Program::SocketSendmsg | Program::SocketSendmsgProbe | Program::Sendmsg4 => {
            Some(Deed::SendV4)
        }
        Program::Sendmsg6 => Some(Deed::SendV6),
        Program::DnsEgress => Some(Deed::Ask),
        Program::DnsIngress => Some(Deed::AskAndAnswer),
        Program::FilpOpen => (kind == RecordKind::FileOpen).then_some(Deed::Refused),
        // The tracepoints fire wherever they attach; their acts would leave traces.
        Program::TaskIter
        | Program::CgroupMkdir
        | Program::CgroupRmdir
        | Program::UringOpen
        | Program::UringSubmit
        | Program::UringPath
        | Program::UringAccept
        | Program::SysExit
        | Program::NewTask
        | Program::Bind6 => None,
        Program::RemoveXattr
        | Program::RemoveXattrProbe
        | Program::MoveMount
        | Program::MoveMountProbe
        | Program::PtraceTraceme
        | Program::PtraceTracemeProbe
        | Program::ModuleData
        | Program::ModuleDataProbe => None,
        _ => of_kind(kind),
    }
}

/// An act of a kind, where one leaves no trace.
fn of_kind(kind: RecordKind) -> Option<Deed> {
    match kind {
        RecordKind::FileOpen => Some(Deed::Write),
        RecordKind::FileRead => Some(Deed::Read),
        RecordKind::Rename
        | RecordKind::Link
        | RecordKind::Symlink
        | RecordKind::Unlink
        | RecordKind::Mkdir
        | RecordKind::Mknod
        | RecordKind::Rmdir
        | RecordKind::Truncate
        | RecordKind::Chmod
        | RecordKind::Chown
        | RecordKind::Utimes => Some(Deed::Files),
        RecordKind::Listen | RecordKind::Accept => Some(Deed::Accept),
        RecordKind::Bind => Some(Deed::Bind),
        RecordKind::Memfd => Some(Deed::Memfd),
        RecordKind::SetUid | RecordKind::SetGid => Some(Deed::Ids),
        RecordKind::SocketCreate => Some(Deed::RawSocket),
        RecordKind::Setns => Some(Deed::EnterNamespace),
        RecordKind::Unshare => Some(Deed::MakeNamespace),
        RecordKind::Chroot => Some(Deed::KeepRoot),
        RecordKind::Signal => Some(Deed::Signal),
        RecordKind::Bpf => Some(Deed::ReachOwnMap),
        _ => None,
    }
}

impl Deed {
    /// Does it.
    #[must_use]
    pub fn perform(self) -> Act {
        let loopback = std::net::Ipv6Addr::LOCALHOST;
        match self {
            Self::Child => start_child(),
            Self::ConnectV4 => {
                connect(([127, 0, 0, 1], TCP_PORT).into());
                Act::Done(None)
            }
            Self::ConnectV6 => done(connect((loopback, TCP_PORT).into())),
            Self::SendV4 => {
                done(send(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], UDP_PORT).into()))
            }
            Self::SendV6 => done(send((loopback, 0).into(), (loopback, UDP_PORT).into())),
            Self::Write => done(OpenOptions::new().write(true).open("/dev/null").is_ok()),
            Self::Read => done(OpenOptions::new().read(true).open("/dev/null").is_ok()),
            Self::Refused => {
                // The null device is no directory. What is read must be refused by right.
                let flags = nix::libc::O_DIRECTORY;
                let opened = OpenOptions::new().write(true).custom_flags(flags).open("/dev/null");
                done(opened.is_err())
            }
            Self::Files => done(files::all().is_ok()),
            Self::Accept => done(accept().is_ok()),
            Self::Bind => done(bind().is_ok()),
            Self::Memfd => done(memfd_create("runmon-canary", MFdFlags::MFD_CLOEXEC).is_ok()),
            Self::Ids => done(set_ids().is_ok()),
            Self::RawSocket => done(calls::raw_socket().is_ok()),
            Self::EnterNamespace => done(calls::enter_own_namespace().is_ok()),
            Self::MakeNamespace => done(calls::make_namespace().is_ok()),
            Self::KeepRoot => done(calls::keep_root().is_ok()),
            Self::Signal => done(calls::signal().is_ok()),
            Self::ReachOwnMap => done(calls::reach_own_map()),
            Self::Ask => done(dns::ask(false)),
            Self::AskAndAnswer => done(dns::ask(true)),
        }
    }
}

fn done(ok: bool) -> Act {
    if ok { Act::Done(None) } else { Act::Impossible }
}

/// Whether the address family is there. That nobody listens is expected.
fn connect(to: SocketAddr) -> bool {
    match TcpStream::connect_timeout(&to, Duration::from_millis(200)) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
    }
}

fn send(from: SocketAddr, to: SocketAddr) -> bool {
    UdpSocket::bind(from).and_then(|socket| socket.send_to(b"", to)).is_ok()
}

fn accept() -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let connected = TcpStream::connect(listener.local_addr()?)?;
    listener.accept()?;
    drop(connected);
    Ok(())
}

/// Of a port that the kernel chooses nothing is told, so that it is asked for again.
fn bind() -> std::io::Result<()> {
    let chosen = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    UdpSocket::bind(chosen).map(drop)
}

/// By the calls that go on also where nothing changes; only where all three ids are one, which stay
/// as they are.
fn set_ids() -> nix::Result<()> {
    let (user, group) = (getresuid()?, getresgid()?);
    let is_one = user.real == user.effective && user.effective == user.saved;
    if !is_one || group.real != group.effective || group.effective != group.saved {
        return Err(nix::Error::EPERM);
    }
    setgid(group.real)?;
    setuid(user.real)
}

fn start_child() -> Act {
    let quiet = Stdio::null;
    let child = Command::new("/proc/self/exe")
        .arg(CHILD)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    let Ok(mut child) = child else { return Act::Impossible };
    let pid = child.id();
    match child.wait() {
        Ok(_) => Act::Done(Some(pid)),
        Err(_) => Act::Impossible,
    }
}
