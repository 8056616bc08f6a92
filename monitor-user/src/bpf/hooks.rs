//! The table of hooks: for each kind of record the ways to see it, best first, and what each of
//! them cannot see. The planner takes the first that loads, attaches and fires.

use monitor_common::{Program, RecordKind};

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachPoint {
    /// A tracepoint with typed arguments (`tp_btf`).
    Tracepoint(&'static str),
    /// The return of a kernel function, with typed arguments.
    Fexit(&'static str),
    /// The root of the cgroup v2 hierarchy.
    Cgroup(&'static str),
    /// A walk over kernel objects, run once.
    Iterator(&'static str),
}

impl AttachPoint {
    /// How reports name it.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Tracepoint(name) => format!("tp_btf/{name}"),
            Self::Fexit(name) => format!("fexit/{name}"),
            Self::Cgroup(name) => format!("cgroup/{name}"),
            Self::Iterator(name) => format!("iter/{name}"),
        }
    }
}

/// Where each program goes.
#[must_use]
pub const fn attach_point(program: Program) -> AttachPoint {
    match program {
        Program::TaskIter => AttachPoint::Iterator("task"),
        Program::ProcessExec => AttachPoint::Tracepoint("sched_process_exec"),
        Program::ProcessFork => AttachPoint::Tracepoint("sched_process_fork"),
        Program::ProcessExit => AttachPoint::Tracepoint("sched_process_exit"),
        Program::CgroupMkdir => AttachPoint::Tracepoint("cgroup_mkdir"),
        Program::CgroupRmdir => AttachPoint::Tracepoint("cgroup_rmdir"),
        Program::SocketConnect => AttachPoint::Fexit("security_socket_connect"),
        Program::SocketSendmsg => AttachPoint::Fexit("security_socket_sendmsg"),
        Program::SockState => AttachPoint::Tracepoint("inet_sock_set_state"),
        Program::Connect4 => AttachPoint::Cgroup("connect4"),
        Program::Connect6 => AttachPoint::Cgroup("connect6"),
        Program::Sendmsg4 => AttachPoint::Cgroup("sendmsg4"),
        Program::Sendmsg6 => AttachPoint::Cgroup("sendmsg6"),
        Program::FileOpen => AttachPoint::Fexit("security_file_open"),
        Program::FilpOpen => AttachPoint::Fexit("do_filp_open"),
        Program::SysExitOpen => AttachPoint::Tracepoint("sys_exit"),
        Program::UringOpen => AttachPoint::Tracepoint("io_uring_complete"),
        Program::UringSubmit => AttachPoint::Tracepoint("io_uring_submit_req"),
    }
}

/// A family of attach points, as `--hooks` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Typed tracepoints that every supported kernel has: the only way, and the best one.
    Tracepoint,
    /// fentry and fexit.
    Fentry,
    /// No trampolines and no kprobes.
    Fallback,
}

impl Backend {
    /// How reports and `--hooks` name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracepoint => "tracepoint",
            Self::Fentry => "fentry",
            Self::Fallback => "fallback",
        }
    }
}

/// One way to see a kind of record.
#[derive(Debug)]
pub struct Candidate {
    /// Its family.
    pub backend: Backend,
    /// The programs without which it is no way at all.
    pub programs: &'static [Program],
    /// Programs that close a gap and may be missing, with the gap.
    pub optional: &'static [(Program, &'static str)],
    /// What it cannot see even when all of it is attached.
    pub blind: &'static [&'static str],
}

/// The ways to see one kind of record, best first.
#[derive(Debug)]
pub struct Hook {
    /// The kind.
    pub kind: RecordKind,
    /// The ways.
    pub candidates: &'static [Candidate],
}

const fn tracepoint(programs: &'static [Program]) -> Candidate {
    Candidate { backend: Backend::Tracepoint, programs, optional: &[], blind: &[] }
}

/// Every kind of record that has hooks. (`task` records come from the walk at start.)
pub const HOOKS: &[Hook] = &[
    Hook { kind: RecordKind::Exec, candidates: &[tracepoint(&[Program::ProcessExec])] },
    Hook { kind: RecordKind::Fork, candidates: &[tracepoint(&[Program::ProcessFork])] },
    Hook { kind: RecordKind::Exit, candidates: &[tracepoint(&[Program::ProcessExit])] },
    Hook { kind: RecordKind::CgroupMkdir, candidates: &[tracepoint(&[Program::CgroupMkdir])] },
    Hook { kind: RecordKind::CgroupRmdir, candidates: &[tracepoint(&[Program::CgroupRmdir])] },
    Hook {
        kind: RecordKind::Connect,
        candidates: &[
            Candidate {
                backend: Backend::Fentry,
                programs: &[Program::SocketConnect],
                optional: &[(Program::SockState, "the failure of a TCP connection that was begun")],
                blind: &[
                    "connections of families other than IPv4, IPv6 and AF_UNIX",
                    "the failure of a TCP connection that ends before it is begun (no route)",
                ],
            },
            Candidate {
                backend: Backend::Fallback,
                programs: &[Program::Connect4, Program::Connect6],
                optional: &[(Program::SockState, "the failure of a TCP connection that was begun")],
                blind: &[
                    "connections to AF_UNIX sockets",
                    "connections of families other than IPv4 and IPv6",
                    "connections that a security module refuses before the address is looked at",
                    "the failure of a TCP connection that ends before it is begun (no route)",
                ],
            },
        ],
    },
    Hook {
        kind: RecordKind::Send,
        candidates: &[
            Candidate {
                backend: Backend::Fentry,
                programs: &[Program::SocketSendmsg],
                optional: &[],
                blind: &["datagrams on AF_UNIX and packet sockets"],
            },
            Candidate {
                backend: Backend::Fallback,
                programs: &[Program::Sendmsg4, Program::Sendmsg6],
                optional: &[],
                blind: &[
                    "datagrams on AF_UNIX, packet and raw sockets",
                    "datagrams that a connected UDP socket sends to another address than its own",
                ],
            },
        ],
    },
    Hook {
        kind: RecordKind::FileOpen,
        candidates: &[
            Candidate {
                backend: Backend::Fentry,
                programs: &[Program::FileOpen],
                optional: &[(Program::FilpOpen, "opens that are refused")],
                blind: &[
                    "links in the name of a refused open are not resolved",
                    "an open that the file itself refuses (a FIFO without reader, a device without \
                     driver) is told of twice: as done, then as failed",
                ],
            },
            Candidate {
                backend: Backend::Fallback,
                programs: &[Program::SysExitOpen],
                optional: &[
                    (Program::UringOpen, "opens through io_uring"),
                    (
                        Program::UringSubmit,
                        "opens through io_uring into a registered slot or without completion",
                    ),
                ],
                blind: &[
                    "the name of a refused open is read from user memory afterwards, and its links \
                     are not resolved; a refused open through io_uring is not seen",
                    "an open whose file descriptor another thread closes before the call returns \
                     is told of by its name, read from user memory afterwards; one that it \
                     replaces by a file that is open for writing, as the replacement",
                    "opens that a kernel service makes for a process (mq_open)",
                ],
            },
        ],
    },
];

/// The hook of a kind, if it has one.
#[must_use]
pub fn hook(kind: RecordKind) -> Option<&'static Hook> {
    HOOKS.iter().find(|hook| hook.kind == kind)
}
