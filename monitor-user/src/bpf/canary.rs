//! Acts of the monitor's own, to see whether an attached program really fires.
//!
//! A program can load, attach and never run (an LSM program where `lsm=` lacks `bpf`). The
//! programs leave the monitor's own acts out but count them, and that count is what is looked at.

use std::{
    fs::OpenOptions,
    net::{SocketAddr, TcpStream, UdpSocket},
    os::unix::fs::OpenOptionsExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use monitor_common::{Program, RecordKind};

mod dns;
mod files;

/// The argument that makes this program end at once: the canary's child.
pub const CHILD: &str = "canary-child";

/// Discard and tcpmux: ports that hardly anyone serves. All of it stays on the loopback device.
const UDP_PORT: u16 = 9;
const TCP_PORT: u16 = 1;

/// What came of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It was done. If a process was started for it, this was its pid.
    Done(Option<u32>),
    /// There is no act for this program, or it cannot be done here.
    None,
}

/// Does what makes a program fire that is to tell of a kind.
pub fn act(program: Program, kind: RecordKind) -> Act {
    match program {
        Program::ProcessExec | Program::ProcessFork | Program::ProcessExit => start_child(),
        Program::SocketConnect
        | Program::SocketConnectProbe
        | Program::SockState
        | Program::Connect4 => {
            connect(([127, 0, 0, 1], TCP_PORT).into());
            Act::Done(None)
        }
        Program::Connect6 => done(connect((std::net::Ipv6Addr::LOCALHOST, TCP_PORT).into())),
        Program::SocketSendmsg | Program::SocketSendmsgProbe | Program::Sendmsg4 => {
            done(send(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], UDP_PORT).into()))
        }
        Program::Sendmsg6 => {
            let local = std::net::Ipv6Addr::LOCALHOST;
            done(send((local, 0).into(), (local, UDP_PORT).into()))
        }
        Program::DnsEgress | Program::DnsIngress => done(dns::ask(program == Program::DnsIngress)),
        Program::FilpOpen => {
            // Refused: the null device is no directory. What is read must be refused by right.
            let flags = nix::libc::O_DIRECTORY;
            let refused = OpenOptions::new().write(true).custom_flags(flags).open("/dev/null");
            if kind == RecordKind::FileOpen { done(refused.is_err()) } else { Act::None }
        }
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
        | Program::ListenState
        | Program::Bind4
        | Program::Bind6 => Act::None,
        Program::RemoveXattr
        | Program::RemoveXattrProbe
        | Program::MoveMount
        | Program::MoveMountProbe
        | Program::PtraceTraceme
        | Program::PtraceTracemeProbe
        | Program::ModuleData
        | Program::ModuleDataProbe => Act::None,
        _ => of_kind(kind),
    }
}

/// Does an act of a kind, where one leaves no trace.
fn of_kind(kind: RecordKind) -> Act {
    match kind {
        RecordKind::FileOpen => done(OpenOptions::new().write(true).open("/dev/null").is_ok()),
        RecordKind::FileRead => done(OpenOptions::new().read(true).open("/dev/null").is_ok()),
        RecordKind::Rename
        | RecordKind::Link
        | RecordKind::Symlink
        | RecordKind::Unlink
        | RecordKind::Mkdir
        | RecordKind::Rmdir
        | RecordKind::Truncate
        | RecordKind::Chmod
        | RecordKind::Chown
        | RecordKind::Utimes => done(files::all().is_ok()),
        _ => Act::None,
    }
}

fn done(ok: bool) -> Act {
    if ok { Act::Done(None) } else { Act::None }
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

fn start_child() -> Act {
    let quiet = Stdio::null;
    let child = Command::new("/proc/self/exe")
        .arg(CHILD)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    let Ok(mut child) = child else { return Act::None };
    let pid = child.id();
    match child.wait() {
        Ok(_) => Act::Done(Some(pid)),
        Err(_) => Act::None,
    }
}
