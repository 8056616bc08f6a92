//! Bytes of a record → [`RawEvent`]. Pure and total: any bytes give an event or an error.
//!
//! The wire ends here: no later stage knows its layout.

mod act;
pub mod rewrite;
mod sections;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use monitor_common::{
    Cgroup, Dns, Exit, FileOpen, Fork, Header, Image, Program, RecordKind, Socket,
    body::{file_flags, image_flags, stdio},
    header::{OUTCOME_UNKNOWN, flags, origin},
};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::raw_event::{
    CgroupKey, Credentials, EventId, FileFacts, Namespaces, Origin, Outcome, ProcessKey,
    RawAddress, RawBody, RawCgroup, RawDns, RawEvent, RawFileOpen, RawImage, RawSocket, Stdio,
    Task,
};
use sections::Sections;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;

/// Why bytes are no record. The record is counted and left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the fixed part has.
    #[error("record has {have} bytes where {want} are needed")]
    Short {
        /// Bytes needed.
        want: usize,
        /// Bytes there.
        have: usize,
    },
    /// The length in the header is not the length of the record.
    #[error("record of {have} bytes says that it has {said}")]
    Length {
        /// What the header says.
        said: usize,
        /// Bytes there.
        have: usize,
    },
    /// A kind that this version does not know.
    #[error("record kind {0} is not known")]
    Kind(u16),
    /// A program that this version does not know.
    #[error("program {0} is not known")]
    Program(u32),
    /// A value that no program writes.
    #[error("{field} has the value {value}, which means nothing")]
    Value {
        /// Where.
        field: &'static str,
        /// What.
        value: u32,
    },
}

/// Decodes one record.
pub fn decode(bytes: &[u8]) -> Result<RawEvent<'_>, DecodeError> {
    let (header, rest) = fixed::<Header>(bytes)?;
    if header.len as usize != bytes.len() {
        return Err(DecodeError::Length { said: header.len as usize, have: bytes.len() });
    }
    let kind = RecordKind::try_from(header.kind).map_err(|kind| DecodeError::Kind(kind.0))?;
    let program = Program::try_from(header.program).map_err(DecodeError::Program)?;
    Ok(RawEvent {
        id: EventId { stream: header.stream, sequence: header.sequence },
        boottime_ns: header.boottime_ns,
        task: task(&header),
        outcome: outcome(header.outcome),
        origin: decode_origin(header.origin)?,
        path_truncated: header.flags & flags::PATH_TRUNCATED != 0,
        read_fault: header.flags & flags::READ_FAULT != 0,
        io_uring: header.flags & flags::IO_URING != 0,
        hook: program.name(),
        body: body(kind, program, rest)?,
    })
}

fn fixed<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    T::read_from_prefix(bytes)
        .map_err(|_short| DecodeError::Short { want: size_of::<T>(), have: bytes.len() })
}

fn body(kind: RecordKind, program: Program, bytes: &[u8]) -> Result<RawBody<'_>, DecodeError> {
    Ok(match kind {
        RecordKind::Task => RawBody::Task(image(bytes)?),
        RecordKind::Exec => RawBody::Exec(image(bytes)?),
        RecordKind::Fork => {
            let (fork, _) = fixed::<Fork>(bytes)?;
            RawBody::Fork {
                child: ProcessKey { pid: fork.child_pid, start_ns: fork.child_start_ns },
                namespace_pid: fork.child_namespace_pid,
            }
        }
        RecordKind::Exit => RawBody::Exit { status: fixed::<Exit>(bytes)?.0.status },
        RecordKind::Connect => RawBody::Connect(socket(bytes)?),
        RecordKind::Send => RawBody::Send(socket(bytes)?),
        RecordKind::FileOpen => RawBody::FileOpen(file_open(bytes)?),
        RecordKind::FileRead => RawBody::FileRead(file_open(bytes)?),
        RecordKind::Accept => RawBody::Accept(socket(bytes)?),
        RecordKind::Listen => RawBody::Listen(socket(bytes)?),
        RecordKind::Bind => RawBody::Bind(socket(bytes)?),
        RecordKind::Dup => {
            let (fixed, _) = fixed::<Socket>(bytes)?;
            RawBody::Dup { socket: socket(bytes)?, descriptor: fixed.descriptor }
        }
        RecordKind::DnsQuery => RawBody::DnsQuery(dns(bytes, Ends::Sent)?),
        RecordKind::DnsAnswer => RawBody::DnsAnswer(dns(bytes, Ends::Received)?),
        RecordKind::CgroupMkdir => RawBody::CgroupMkdir(cgroup(bytes)?),
        RecordKind::CgroupRmdir => RawBody::CgroupRmdir(cgroup(bytes)?),
        other => RawBody::Act(act::act(other, program != Program::SysExitCall, bytes)?),
    })
}

fn task(header: &Header) -> Task {
    Task {
        key: ProcessKey { pid: header.pid, start_ns: header.start_ns },
        tid: header.tid,
        namespace_pid: header.namespace_pid,
        parent: ProcessKey { pid: header.parent_pid, start_ns: header.parent_start_ns },
        session_id: header.session_id,
        credentials: Credentials {
            uid: header.uid,
            gid: header.gid,
            euid: header.euid,
            egid: header.egid,
            loginuid: (header.loginuid != u32::MAX).then_some(header.loginuid),
        },
        namespaces: Namespaces {
            mount: header.mount_namespace,
            pid: header.pid_namespace,
            network: header.network_namespace,
            user: header.user_namespace,
        },
        cgroup: CgroupKey { hierarchy: header.cgroup_hierarchy, id: header.cgroup_id },
        comm: header.comm,
    }
}

fn outcome(value: i32) -> Outcome {
    match value {
        OUTCOME_UNKNOWN => Outcome::Unknown,
        0.. => Outcome::Success,
        error => Outcome::Failure(error.saturating_neg()),
    }
}

fn decode_origin(value: u8) -> Result<Origin, DecodeError> {
    Ok(match value {
        origin::KERNEL_OBJECT => Origin::KernelObject,
        origin::KERNEL_COPY => Origin::KernelCopy,
        origin::USER_MEMORY => Origin::UserMemory,
        origin::PROCFS => Origin::Procfs,
        other => return Err(DecodeError::Value { field: "origin", value: other.into() }),
    })
}

fn image(bytes: &[u8]) -> Result<RawImage<'_>, DecodeError> {
    let (fixed, rest) = fixed::<Image>(bytes)?;
    let mut sections = Sections::new(rest);
    let path = sections.take(fixed.path_len)?;
    let filename = sections.take(fixed.filename_len)?;
    let cwd = sections.take(fixed.cwd_len)?;
    let env = sections.take(fixed.env_len)?;
    let args = sections.take(fixed.args_len)?;
    let [first, second, third] = fixed.stdio;
    Ok(RawImage {
        file: file(&fixed.file),
        size: fixed.size,
        mtime_ns: fixed.mtime_ns,
        ctime_ns: fixed.ctime_ns,
        cap_effective: fixed.cap_effective,
        cap_permitted: fixed.cap_permitted,
        args_hash: fixed.args_hash,
        args_total: fixed.args_total,
        args_count: fixed.args_count,
        tty: (fixed.tty != 0).then(|| device(fixed.tty)),
        seccomp: fixed.seccomp,
        no_new_privs: fixed.image_flags & image_flags::NO_NEW_PRIVS != 0,
        script: fixed.image_flags & image_flags::SCRIPT != 0,
        env_truncated: fixed.image_flags & image_flags::ENV_TRUNCATED != 0,
        stdio: [stream(first)?, stream(second)?, stream(third)?],
        path,
        filename,
        cwd,
        env,
        args,
    })
}

fn stream(value: u8) -> Result<Stdio, DecodeError> {
    Ok(match value {
        stdio::NONE => Stdio::None,
        stdio::FILE => Stdio::File,
        stdio::PIPE => Stdio::Pipe,
        stdio::TTY => Stdio::Tty,
        stdio::SOCKET => Stdio::Socket,
        stdio::CHARACTER => Stdio::Character,
        stdio::OTHER => Stdio::Other,
        other => return Err(DecodeError::Value { field: "stdio", value: other.into() }),
    })
}

fn file(facts: &monitor_common::FileFacts) -> FileFacts {
    let (major, minor) = device(facts.device);
    FileFacts {
        inode: facts.inode,
        major,
        minor,
        mode: facts.mode,
        magic: facts.magic,
        links: facts.links,
        uid: facts.uid,
        upper_layer: facts.flags & file_flags::UPPER != 0,
        internal_mount: facts.flags & file_flags::INTERNAL_MOUNT != 0,
        of_monitor: facts.flags & file_flags::OF_MONITOR != 0,
    }
}

/// The kernel's form of a device number: 12 bits of major, 20 of minor.
fn device(number: u32) -> (u32, u32) {
    (number >> 20, number & 0xf_ffff)
}

fn socket(bytes: &[u8]) -> Result<RawSocket<'_>, DecodeError> {
    let (fixed, rest) = fixed::<Socket>(bytes)?;
    let mut sections = Sections::new(rest);
    let unix = sections.take(fixed.unix_len)?;
    let destination = if fixed.family == AF_UNIX {
        RawAddress::Unix(unix)
    } else {
        RawAddress::Ip(address(fixed.family, fixed.destination), fixed.destination_port)
    };
    let source = (fixed.source_port != 0 || fixed.source != [0; 16])
        .then(|| SocketAddr::new(address(fixed.family, fixed.source), fixed.source_port));
    Ok(RawSocket {
        destination,
        source,
        protocol: fixed.protocol,
        socket_type: fixed.socket_type,
        repeats: fixed.repeats,
    })
}

/// An address of either family; an IPv4 address in IPv6 clothes is that IPv4 address.
fn address(family: u16, bytes: [u8; 16]) -> IpAddr {
    if family == AF_INET {
        let [a, b, c, d, ..] = bytes;
        return Ipv4Addr::new(a, b, c, d).into();
    }
    Ipv6Addr::from(bytes).to_canonical()
}

/// Which end of a packet is the process's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// The source.
    Sent,
    /// The destination.
    Received,
}

fn dns(bytes: &[u8], ends: Ends) -> Result<RawDns<'_>, DecodeError> {
    let (fixed, rest) = fixed::<Dns>(bytes)?;
    let end =
        |address: [u8; 16], port| SocketAddr::new(Ipv6Addr::from(address).to_canonical(), port);
    let source = end(fixed.source, fixed.source_port);
    let destination = end(fixed.destination, fixed.destination_port);
    let (client, server) = match ends {
        Ends::Sent => (source, destination),
        Ends::Received => (destination, source),
    };
    Ok(RawDns {
        socket_id: fixed.socket_id,
        client,
        server,
        protocol: fixed.protocol,
        total: fixed.message_total,
        message: Sections::new(rest).take(fixed.message_len)?,
    })
}

fn file_open(bytes: &[u8]) -> Result<RawFileOpen<'_>, DecodeError> {
    let (fixed, rest) = fixed::<FileOpen>(bytes)?;
    let mut sections = Sections::new(rest);
    Ok(RawFileOpen {
        file: file(&fixed.file),
        open_flags: fixed.open_flags,
        created: fixed.created != 0,
        path: sections.take(fixed.path_len)?,
        cwd: sections.take(fixed.cwd_len)?,
    })
}

fn cgroup(bytes: &[u8]) -> Result<RawCgroup<'_>, DecodeError> {
    let (fixed, rest) = fixed::<Cgroup>(bytes)?;
    Ok(RawCgroup {
        key: CgroupKey { hierarchy: fixed.hierarchy, id: fixed.id },
        path: Sections::new(rest).take(fixed.path_len)?,
    })
}
