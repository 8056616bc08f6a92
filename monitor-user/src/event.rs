//! An event: one act, with who did it and where. Owned, and read-only after `enrich`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

pub use crate::act::Act;
use crate::act::{self, ActKind};
pub use crate::container::Container;
pub use crate::dns::DnsAct;
use crate::env::EnvKeys;
pub use crate::fact::{Fact, FactSource, Reason};
pub use crate::node::Node;
use crate::packages::Belonging;
use crate::policy::Standing;
use crate::profile::drift::Verdict;
pub use crate::raw_event::{
    CgroupKey, Credentials, EventId, FileFacts, Namespaces, Origin, Outcome, ProcessKey, Stdio,
};
pub use crate::way::{Way, WayIn};

/// One act.
#[derive(Clone, Debug)]
pub struct Event {
    /// Number, unique since boot.
    pub id: EventId,
    /// When, nanoseconds since boot.
    pub boottime_ns: u64,
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Its result.
    pub outcome: Outcome,
    /// Where its arguments were read from.
    pub origin: Origin,
    /// A path in it was cut.
    pub path_truncated: bool,
    /// An argument could not be read whole.
    pub read_fault: bool,
    /// It came through `io_uring`.
    pub io_uring: bool,
    /// The kernel program that saw it.
    pub hook: &'static str,
    /// The thread that did it.
    pub tid: u32,
    /// Name of that thread, padded with zero bytes.
    pub comm: [u8; 16],
    /// Credentials at the act.
    pub credentials: Credentials,
    /// Namespaces at the act.
    pub namespaces: Namespaces,
    /// Process id of the session leader.
    pub session_id: u32,
    /// The process that did it. For an exec: as the new program.
    pub process: Arc<Process>,
    /// SHA-256 of the file that it runs, as lower-case hexadecimal digits.
    pub program_hash: Fact<Arc<str>>,
    /// The package that the file belongs to, of the start of a program.
    pub program_package: Fact<Arc<Belonging>>,
    /// Of an alert: the copy of that file that is kept.
    pub program_copy: Fact<Arc<KeptExecutable>>,
    /// Its ancestors, nearest first, as they were when it was forked.
    pub ancestors: Arc<[Arc<Process>]>,
    /// Where it ran.
    pub container: Arc<Container>,
    /// How the process came to run there.
    pub way_in: WayIn,
    /// How it stands to the profile of its container's image, or why that is not told.
    pub expectation: Result<Verdict, Reason>,
    /// How its container stands to the policy of what may run.
    pub policy: Standing,
    /// The machine that it happened on.
    pub node: Arc<Node>,
    /// What was done.
    pub action: Action,
}

impl Event {
    /// How the process came to run where it does, or why that is not known.
    pub fn way(&self) -> Result<Way, Reason> {
        if self.is_nobodys() {
            return Err(Reason::NotApplicable);
        }
        self.way_in.way(&self.container)
    }

    /// Whether no process is known to have a part in it: it reached a socket from outside.
    #[must_use]
    pub fn is_nobodys(&self) -> bool {
        self.process.key.pid == ProcessKey::NOBODY
    }
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Action {
    /// A program was started; it is the event's process.
    Exec {
        /// What the process ran before.
        previous: Option<Arc<Process>>,
    },
    /// A process was created.
    Fork {
        /// It.
        child: ProcessKey,
    },
    /// The process ended.
    Exit {
        /// Status as `wait(2)` tells it.
        status: u32,
    },
    /// A socket was connected, or tried to be.
    Connect(SocketAct),
    /// A datagram left an unconnected socket.
    Send(SocketAct),
    /// A file was opened for writing, or tried to be.
    FileOpen(FileAct),
    /// A file was opened for reading alone, or tried to be.
    FileRead(FileAct),
    /// A connection was accepted: the process is the server, the destination.
    Accept(SocketAct),
    /// A socket began to wait for connections at the destination.
    Listen(SocketAct),
    /// A socket was given an address of its own, the destination.
    Bind(SocketAct),
    /// A socket became a standard stream.
    Dup {
        /// The socket; the process's end is the source.
        socket: SocketAct,
        /// The stream: 0, 1 or 2.
        descriptor: u32,
    },
    /// A name server was asked; it is the destination.
    DnsQuery(Box<DnsAct>),
    /// A name server answered; it is the destination, as of the question.
    DnsAnswer(Box<DnsAct>),
    /// Another act.
    Act(Act),
}

impl Action {
    /// Names of the kinds, by [`Action::kind`].
    pub const KINDS: [&'static str; FIRST_ACT as usize + ActKind::NAMES.len()] =
        act::names_after(FIRST);

    /// Number of the kind of act.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Exec { .. } => 0,
            Self::Fork { .. } => 1,
            Self::Exit { .. } => 2,
            Self::Connect(_) => 3,
            Self::Send(_) => 4,
            Self::FileOpen(_) => 5,
            Self::FileRead(_) => 6,
            Self::Accept(_) => 7,
            Self::Listen(_) => 8,
            Self::Bind(_) => 9,
            Self::Dup { .. } => 10,
            Self::DnsQuery(_) => 11,
            Self::DnsAnswer(_) => 12,
            Self::Act(act) => FIRST_ACT + act.kind.number(),
        }
    }

    /// The socket that was acted on.
    #[must_use]
    pub const fn socket(&self) -> Option<&SocketAct> {
        match self {
            Self::Connect(act)
            | Self::Send(act)
            | Self::Accept(act)
            | Self::Listen(act)
            | Self::Bind(act)
            | Self::Dup { socket: act, .. } => Some(act),
            Self::DnsQuery(act) | Self::DnsAnswer(act) => Some(&act.socket),
            _ => None,
        }
    }

    /// The message of a name server, or to one.
    #[must_use]
    pub const fn dns(&self) -> Option<&DnsAct> {
        match self {
            Self::DnsQuery(act) | Self::DnsAnswer(act) => Some(act),
            _ => None,
        }
    }

    /// The file that was opened.
    #[must_use]
    pub const fn open(&self) -> Option<&FileAct> {
        match self {
            Self::FileOpen(act) | Self::FileRead(act) => Some(act),
            _ => None,
        }
    }

    /// Bytes of the texts that it holds.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let optional = |text: &Option<Box<[u8]>>| text.as_ref().map_or(0, |text| text.len());
        if let Some(SocketAct { destination: Address::Unix(path), .. }) = self.socket() {
            return path.len();
        }
        match self {
            Self::DnsQuery(act) | Self::DnsAnswer(act) => size_of::<DnsAct>() + act.text_bytes(),
            Self::FileOpen(act) | Self::FileRead(act) => act.path.len() + optional(&act.name),
            Self::Act(act) => {
                let names = optional(&act.name) + optional(&act.other_name);
                act.path.len() + act.other.len() + act.text.len() + names
            }
            _ => 0,
        }
    }

    /// The act, if it is one of those.
    #[must_use]
    pub const fn act(&self) -> Option<&Act> {
        match self {
            Self::Act(act) => Some(act),
            _ => None,
        }
    }
}

/// Names of the kinds before those of [`ActKind`].
const FIRST: [&str; FIRST_ACT as usize] = [
    "exec",
    "fork",
    "exit",
    "connect",
    "send",
    "file_open",
    "file_read",
    "accept",
    "listen",
    "bind",
    "dup",
    "dns_query",
    "dns_answer",
];

/// Number of the first [`ActKind`] among the kinds.
pub const FIRST_ACT: u8 = 13;

/// The two ends of a connection or datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketAct {
    /// Where to. Of an address that means another, that other.
    pub destination: Address,
    /// The address as it was passed, where that means another.
    pub given: Option<IpAddr>,
    /// Where from, as far as it is bound.
    pub source: Option<SocketAddr>,
    /// IP protocol number.
    pub protocol: u16,
    /// Socket type.
    pub socket_type: u16,
    /// Like acts that were only counted since the last such event.
    pub repeats: u32,
    /// Names of the destination that name servers told this container, the latest first.
    pub names: Fact<Box<[Arc<str>]>>,
    /// The container of this node that has the destination's address.
    pub peer: Fact<Box<Peer>>,
    /// The service of the cluster whose address was passed.
    pub service: Fact<Box<Service>>,
}

/// A service of the cluster, by one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Box<str>,
    /// Its namespace.
    pub namespace: Box<str>,
    /// How long ago the address was last told to be its own.
    pub age_ns: u64,
}

/// A container that was seen, or a pod that was told, to have an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// It, or one of those that share its network; of a pod that was only told of, nothing is known
    /// but the pod.
    pub container: Arc<Container>,
    /// Several share it, as the containers of a pod do: only the pod is sure.
    pub is_shared: bool,
    /// How long ago the address was last seen or told to be its own.
    pub age_ns: u64,
}

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// IP address and port.
    Ip(IpAddr, u16),
    /// AF_UNIX path; a name in the abstract namespace starts with a zero byte.
    Unix(Box<[u8]>),
}

/// A file that was opened for writing, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAct {
    /// Full path. Of a refused open: the name, joined to the working directory, links unresolved.
    pub path: Box<[u8]>,
    /// The name as it was passed, where `path` was made from it.
    pub name: Option<Box<[u8]>>,
    /// The file; None where none was reached.
    pub file: Option<FileFacts>,
    /// Open flags.
    pub open_flags: u32,
    /// This open created the file.
    pub created: bool,
}

/// A process and the program that it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Identity.
    pub key: ProcessKey,
    /// Identity of its parent, when it was forked.
    pub parent: ProcessKey,
    /// Process id in its own pid namespace.
    pub namespace_pid: u32,
    /// Process id of the session leader at its start.
    pub session_id: u32,
    /// Full path of the executed file; None if it is not known.
    pub executable: Option<Box<[u8]>>,
    /// The executed file.
    pub file: FileFacts,
    /// Its size in bytes.
    pub size: u64,
    /// Its last change of content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Its last change of state, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// The script, where one was started: full path as far as it can be told.
    pub script: Option<Box<[u8]>>,
    /// Name as it was passed to `execve`.
    pub filename: Box<[u8]>,
    /// Arguments, each ends in a zero byte.
    pub args: Box<[u8]>,
    /// Full length of the arguments in bytes; more than `args` holds where they were cut.
    pub args_total: u32,
    /// Hash of the first 128 KiB of the arguments, where they were cut.
    pub args_hash: Option<u64>,
    /// Selected environment, `KEY=value` strings that each end in a zero byte.
    pub env: Box<[u8]>,
    /// Which variables were selected.
    pub env_keys: EnvKeys,
    /// The environment was cut: what is not in `env` may have been set.
    pub env_truncated: bool,
    /// Working directory at its start.
    pub cwd: Box<[u8]>,
    /// Controlling terminal at its start, as (major, minor).
    pub tty: Option<(u32, u32)>,
    /// What the standard streams were at its start.
    pub stdio: [Stdio; 3],
    /// Effective capabilities at its start.
    pub cap_effective: u64,
    /// Permitted capabilities at its start.
    pub cap_permitted: u64,
    /// Seccomp mode at its start.
    pub seccomp: u8,
    /// `no_new_privs` at its start.
    pub no_new_privs: bool,
    /// Thread name at its start, padded with zero bytes.
    pub comm: [u8; 16],
    /// User id at its start.
    pub uid: u32,
    /// When the program was started, nanoseconds since boot.
    pub exec_ns: u64,
    /// How much of this is known.
    pub knowledge: Knowledge,
}

impl Process {
    /// Whether its program is a file in memory that never had a name. Other mounts that only the
    /// kernel has hold programs too, such as the one it starts itself.
    #[must_use]
    pub fn is_from_memfd(&self) -> bool {
        let path = self.executable.as_deref().unwrap_or_default();
        self.file.internal_mount && path.starts_with(b"/memfd:")
    }
}

/// A copy of a program that is kept on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptExecutable {
    /// Where.
    pub path: Box<str>,
    /// SHA-256 of its content, as lower-case hexadecimal digits.
    pub sha256: Arc<str>,
    /// Its bytes.
    pub bytes: u64,
}

/// How a process came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Its exec was seen, or it was forked from a process whose exec was seen.
    Observed,
    /// It ran before the monitor; procfs told of it.
    Procfs,
    /// It ran before the monitor and was gone before it could be asked, or its record was lost.
    Gone,
}

/// The part of a zero-padded thread name before the padding.
#[must_use]
pub fn comm_bytes(comm: &[u8; 16]) -> &[u8] {
    comm.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The last component of a path.
#[must_use]
pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
