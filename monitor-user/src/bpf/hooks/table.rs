//! The table: every kind of record, and the ways to see it.

use monitor_common::{Program, RecordKind};

use super::{
    Backend, Candidate, Hook,
    blind::{
        BEFORE, BORN, CHECKED, COMPAT, DEVICE, ENCRYPTED, ENTRY, FAILED, FAMILIES, NAMES, NETLINK,
        NO_ROUTE, OLDER, OLDER_FILES, OTHER_DATAGRAMS, PIPED, PORT, REACHED, REGULAR, SEGMENT,
        UNIX, URING, WHICH_MOUNT,
    },
};

const BY_CALL: &[Program] = &[Program::SysExit, Program::SysExitCall];

const fn tracepoint(programs: &'static [Program]) -> Candidate {
    Candidate { backend: Backend::Tracepoint, programs, optional: &[], blind: &[] }
}

const fn fexit(programs: &'static [Program], blind: &'static [&'static str]) -> Candidate {
    Candidate { backend: Backend::Fentry, programs, optional: &[], blind }
}

const fn kprobe(programs: &'static [Program], blind: &'static [&'static str]) -> Candidate {
    Candidate { backend: Backend::Kprobe, programs, optional: &[], blind }
}

const fn fallback(programs: &'static [Program], blind: &'static [&'static str]) -> Candidate {
    Candidate { backend: Backend::Fallback, programs, optional: &[], blind }
}

const fn packets(programs: &'static [Program], blind: &'static [&'static str]) -> Candidate {
    Candidate { backend: Backend::Packets, programs, optional: &[], blind }
}

const fn calls(
    programs: &'static [Program],
    optional: &'static [(Program, &'static str)],
    blind: &'static [&'static str],
) -> Candidate {
    Candidate { backend: Backend::Fallback, programs, optional, blind }
}

/// Opens to change a file and opens to read one are seen by the same programs.
const OPEN: &[Candidate] = &[
    Candidate {
        backend: Backend::Fentry,
        programs: &[Program::FileOpen],
        optional: &[(Program::FilpOpen, "opens that are refused")],
        blind: &[
            "links in the name of a refused open are not resolved, nor is the chroot that a full \
             name starts from",
            "an open that the file itself refuses (a FIFO without reader, a device without driver) \
             is told of twice: as done, then as failed",
            OLDER_FILES,
        ],
    },
    Candidate {
        backend: Backend::Kprobe,
        programs: &[Program::FileOpenProbe],
        optional: &[],
        blind: &["opens that are refused", "whether the file itself refuses the open", OLDER_FILES],
    },
    Candidate {
        backend: Backend::Fallback,
        programs: &[Program::SysExit, Program::SysExitOpen],
        optional: &[
            (Program::UringOpen, "opens through io_uring"),
            (
                Program::UringSubmit,
                "opens through io_uring into a registered slot or without completion",
            ),
        ],
        blind: &[
            "the name of a refused open is read from user memory afterwards, and neither its links \
             nor the chroot that it starts from are resolved; a refused open through io_uring is \
             not seen",
            "an open whose file descriptor another thread closes before the call returns is told \
             of by its name, read from user memory afterwards; one that it replaces by a file that \
             is open for writing, as the replacement",
            "opens that a kernel service makes for a process (mq_open)",
            OLDER_FILES,
        ],
    },
];

/// Every kind of record that has hooks. (`task` records come from the walk at start.)
pub const HOOKS: &[Hook] = &[
    Hook {
        kind: RecordKind::Exec,
        candidates: &[Candidate {
            backend: Backend::Tracepoint,
            programs: &[Program::ProcessExec],
            optional: &[],
            blind: &[PIPED],
        }],
    },
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
                optional: &[(Program::SockState, FAILED)],
                blind: &[FAMILIES, NO_ROUTE, OLDER],
            },
            Candidate {
                backend: Backend::Kprobe,
                programs: &[Program::SocketConnectProbe],
                optional: &[(Program::SockState, FAILED)],
                blind: &[FAMILIES, ENTRY, NO_ROUTE, OLDER],
            },
            Candidate {
                backend: Backend::Fallback,
                programs: &[Program::Connect4, Program::Connect6],
                optional: &[(Program::SockState, FAILED)],
                blind: &[
                    "connections to AF_UNIX sockets",
                    "connections of families other than IPv4 and IPv6",
                    "connections that a security module refuses before the address is looked at",
                    NO_ROUTE,
                    OLDER,
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
                blind: &[OTHER_DATAGRAMS],
            },
            Candidate {
                backend: Backend::Kprobe,
                programs: &[Program::SocketSendmsgProbe],
                optional: &[],
                blind: &[OTHER_DATAGRAMS, ENTRY],
            },
            Candidate {
                backend: Backend::Fallback,
                programs: &[Program::Sendmsg4, Program::Sendmsg6],
                optional: &[],
                blind: &[
                    OTHER_DATAGRAMS,
                    "datagrams on raw sockets",
                    "datagrams that a connected UDP socket sends to another address than its own",
                ],
            },
        ],
    },
    Hook { kind: RecordKind::FileOpen, candidates: OPEN },
    Hook { kind: RecordKind::FileRead, candidates: OPEN },
    Hook {
        kind: RecordKind::FileReceive,
        candidates: &[
            fexit(&[Program::FileReceive], &[CHECKED]),
            kprobe(&[Program::FileReceiveProbe], &[ENTRY, CHECKED]),
            calls(
                &[Program::SysExit, Program::SysExitCall],
                &[],
                &["descriptors that come in over a socket (SCM_RIGHTS)"],
            ),
        ],
    },
    Hook {
        kind: RecordKind::Rename,
        candidates: &[
            fexit(&[Program::Rename], &[CHECKED]),
            kprobe(&[Program::RenameProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[(Program::UringPath, URING)], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Link,
        candidates: &[
            fexit(&[Program::Link], &[CHECKED]),
            kprobe(&[Program::LinkProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[(Program::UringPath, URING)], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Symlink,
        candidates: &[
            fexit(&[Program::Symlink], &[CHECKED]),
            kprobe(&[Program::SymlinkProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[(Program::UringPath, URING)], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Unlink,
        candidates: &[
            fexit(&[Program::Unlink], &[CHECKED]),
            kprobe(&[Program::UnlinkProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[(Program::UringPath, URING)], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Mkdir,
        candidates: &[
            fexit(&[Program::Mkdir], &[CHECKED]),
            kprobe(&[Program::MkdirProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[(Program::UringPath, URING)], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Rmdir,
        candidates: &[
            fexit(&[Program::Rmdir], &[CHECKED]),
            kprobe(&[Program::RmdirProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[(Program::UringPath, URING)], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Mknod,
        candidates: &[
            fexit(&[Program::Mknod], &[CHECKED, REGULAR]),
            kprobe(&[Program::MknodProbe], &[ENTRY, CHECKED, REGULAR]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Truncate,
        candidates: &[
            fexit(&[Program::Truncate], &[]),
            kprobe(&[Program::TruncateProbe], &[ENTRY]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Chmod,
        candidates: &[
            fexit(&[Program::Chmod], &[]),
            kprobe(&[Program::ChmodProbe], &[ENTRY]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Chown,
        candidates: &[
            fexit(&[Program::Chown], &[]),
            kprobe(&[Program::ChownProbe], &[ENTRY]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Utimes,
        candidates: &[
            fexit(&[Program::Utimes], &[]),
            kprobe(&[Program::UtimesProbe], &[ENTRY]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Xattr,
        candidates: &[
            fexit(&[Program::SetXattr, Program::RemoveXattr], &[CHECKED, WHICH_MOUNT]),
            kprobe(
                &[Program::SetXattrProbe, Program::RemoveXattrProbe],
                &[ENTRY, CHECKED, WHICH_MOUNT],
            ),
            calls(BY_CALL, &[], &[NAMES, "attributes that are set through io_uring"]),
        ],
    },
    Hook {
        kind: RecordKind::Map,
        candidates: &[
            fexit(&[Program::MmapFile], &["memory without a file", CHECKED]),
            kprobe(&[Program::MmapFileProbe], &["memory without a file", ENTRY, CHECKED]),
            calls(BY_CALL, &[], &["files that the kernel maps for a program that it starts"]),
        ],
    },
    Hook {
        kind: RecordKind::Protect,
        candidates: &[
            fexit(&[Program::Mprotect], &[CHECKED]),
            kprobe(&[Program::MprotectProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &["the file that is mapped there"]),
        ],
    },
    Hook {
        kind: RecordKind::Accept,
        candidates: &[
            fexit(&[Program::Accept], &[UNIX]),
            kprobe(&[Program::AcceptProbe], &[UNIX]),
            calls(
                &[Program::SysExit, Program::SysExitAccept],
                &[(Program::UringAccept, URING)],
                &[UNIX],
            ),
        ],
    },
    Hook {
        kind: RecordKind::Listen,
        candidates: &[
            fexit(&[Program::Listen], &[UNIX, CHECKED]),
            kprobe(&[Program::ListenProbe], &[UNIX, ENTRY, CHECKED]),
            fallback(&[Program::ListenState], &[UNIX]),
        ],
    },
    Hook {
        kind: RecordKind::Bind,
        candidates: &[
            fexit(&[Program::Bind], &[UNIX, CHECKED]),
            kprobe(&[Program::BindProbe], &[UNIX, ENTRY, CHECKED]),
            fallback(&[Program::Bind4, Program::Bind6], &[UNIX]),
        ],
    },
    Hook {
        kind: RecordKind::SocketCreate,
        candidates: &[
            fexit(&[Program::SocketCreate], &[CHECKED, NETLINK]),
            kprobe(&[Program::SocketCreateProbe], &[ENTRY, CHECKED, NETLINK]),
            calls(
                &[Program::SysExit, Program::SysExitSocket],
                &[],
                &["sockets that are made through io_uring", NETLINK],
            ),
        ],
    },
    Hook {
        kind: RecordKind::Dup,
        candidates: &[
            Candidate {
                backend: Backend::Fentry,
                programs: &[Program::DupCall, Program::Dup3Call],
                // Not every architecture has it.
                optional: &[(Program::Dup2Call, "dup2")],
                blind: &[COMPAT, "fcntl with F_DUPFD"],
            },
            Candidate {
                backend: Backend::Kprobe,
                programs: &[Program::Dup3CallProbe],
                optional: &[(Program::Dup2CallProbe, "dup2")],
                blind: &[COMPAT, ENTRY, "dup, and fcntl with F_DUPFD"],
            },
            calls(&[Program::SysExit, Program::SysExitDup], &[], &[]),
        ],
    },
    Hook {
        kind: RecordKind::Ptrace,
        candidates: &[
            fexit(&[Program::PtraceAccess, Program::PtraceTraceme], &[CHECKED]),
            kprobe(&[Program::PtraceAccessProbe, Program::PtraceTracemeProbe], &[ENTRY, CHECKED]),
            calls(
                &[Program::SysExit, Program::SysExitCall, Program::SysExitTake],
                &[],
                &[
                    "which process it is, where the caller has a pid namespace of its own",
                    "/proc/PID/mem, but for its being opened",
                ],
            ),
        ],
    },
    Hook {
        kind: RecordKind::Bpf,
        candidates: &[
            fexit(&[Program::Bpf], &[CHECKED]),
            kprobe(&[Program::BpfProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &["the name of a program", REACHED]),
        ],
    },
    Hook {
        kind: RecordKind::Module,
        candidates: &[
            fexit(&[Program::ModuleFile, Program::ModuleData], &[CHECKED]),
            kprobe(&[Program::ModuleFileProbe, Program::ModuleDataProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[]),
        ],
    },
    Hook {
        kind: RecordKind::Mount,
        candidates: &[
            fexit(&[Program::Mount, Program::MoveMount], &[CHECKED]),
            kprobe(&[Program::MountProbe, Program::MoveMountProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Umount,
        candidates: &[
            fexit(&[Program::Umount], &[CHECKED]),
            kprobe(&[Program::UmountProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Setns,
        candidates: &[
            fexit(&[Program::SetnsCall], &[COMPAT]),
            kprobe(&[Program::SetnsCallProbe], &[COMPAT, ENTRY]),
            calls(BY_CALL, &[], &[]),
        ],
    },
    Hook {
        kind: RecordKind::Unshare,
        candidates: &[
            Candidate {
                backend: Backend::Fentry,
                programs: &[Program::UnshareCall],
                optional: &[(Program::NewTask, BORN)],
                blind: &[COMPAT],
            },
            Candidate {
                backend: Backend::Kprobe,
                programs: &[Program::UnshareCallProbe],
                optional: &[(Program::NewTask, BORN)],
                blind: &[COMPAT, ENTRY],
            },
            calls(BY_CALL, &[(Program::NewTask, BORN)], &[]),
        ],
    },
    Hook {
        kind: RecordKind::PivotRoot,
        candidates: &[
            fexit(&[Program::PivotRoot], &[CHECKED]),
            kprobe(&[Program::PivotRootProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::Chroot,
        candidates: &[
            fexit(&[Program::Chroot], &[CHECKED]),
            kprobe(&[Program::ChrootProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[NAMES]),
        ],
    },
    Hook {
        kind: RecordKind::SetUid,
        candidates: &[
            fexit(&[Program::SetUid], &[CHECKED]),
            kprobe(&[Program::SetUidProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[BEFORE]),
        ],
    },
    Hook {
        kind: RecordKind::SetGid,
        candidates: &[
            fexit(&[Program::SetGid], &[CHECKED]),
            kprobe(&[Program::SetGidProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[BEFORE]),
        ],
    },
    Hook {
        kind: RecordKind::Capset,
        candidates: &[
            fexit(&[Program::Capset], &[CHECKED]),
            kprobe(&[Program::CapsetProbe], &[ENTRY, CHECKED]),
            calls(BY_CALL, &[], &[BEFORE]),
        ],
    },
    Hook {
        kind: RecordKind::Memfd,
        candidates: &[
            fexit(&[Program::MemfdCall], &[COMPAT]),
            kprobe(&[Program::MemfdCallProbe], &[COMPAT, ENTRY]),
            calls(BY_CALL, &[], &[]),
        ],
    },
    Hook {
        kind: RecordKind::Userfaultfd,
        candidates: &[
            fexit(&[Program::UserfaultfdCall], &[COMPAT, DEVICE]),
            kprobe(&[Program::UserfaultfdCallProbe], &[COMPAT, DEVICE, ENTRY]),
            calls(BY_CALL, &[], &[]),
        ],
    },
    Hook { kind: RecordKind::Signal, candidates: &[tracepoint(&[Program::SignalGenerate])] },
    Hook {
        kind: RecordKind::DnsQuery,
        candidates: &[packets(
            &[Program::DnsEgress],
            &[
                PORT,
                ENCRYPTED,
                SEGMENT,
                "a query that address translation sends to another port, from a socket that is not \
                 connected",
                "all but the first of several queries that one call sends (UDP_SEGMENT)",
            ],
        )],
    },
    Hook {
        kind: RecordKind::DnsAnswer,
        // Who asked is who is answered.
        candidates: &[packets(
            &[Program::DnsEgress, Program::DnsIngress],
            &[PORT, ENCRYPTED, SEGMENT, "answers that reach no socket of this host"],
        )],
    },
];
