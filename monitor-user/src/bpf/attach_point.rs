//! Where each kernel program goes.

use monitor_common::Program;

use super::calls;

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachPoint {
    /// A tracepoint with typed arguments (`tp_btf`).
    Tracepoint(&'static str),
    /// The return of a kernel function, with typed arguments.
    Fexit(&'static str),
    /// The entry of a kernel function, by a breakpoint.
    Kprobe(&'static str),
    /// The return of the function that does a system call.
    FexitCall(&'static str),
    /// The entry of the function that does a system call.
    KprobeCall(&'static str),
    /// The root of the cgroup v2 hierarchy.
    Cgroup(&'static str),
    /// The packets of all sockets below the root of the cgroup v2 hierarchy: which way they go.
    Packets(&'static str),
    /// A walk over kernel objects, run once.
    Iterator(&'static str),
    /// A place among the programs that the one on `sys_exit` leads to; and for which calls.
    Led(u8, &'static str),
}

/// What the kernel calls the functions that do system calls.
const CALL_PREFIX: &str = if cfg!(target_arch = "aarch64") { "__arm64_sys_" } else { "__x64_sys_" };

impl AttachPoint {
    /// How reports name it.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Tracepoint(name) => format!("tp_btf/{name}"),
            Self::Fexit(name) => format!("fexit/{name}"),
            Self::Kprobe(name) => format!("kprobe/{name}"),
            Self::FexitCall(name) => format!("fexit of the call {name}"),
            Self::KprobeCall(name) => format!("kprobe of the call {name}"),
            Self::Cgroup(name) => format!("cgroup/{name}"),
            Self::Packets(way) => format!("cgroup_skb/{way}"),
            Self::Iterator(name) => format!("iter/{name}"),
            Self::Led(_, calls) => format!("sys_exit of {calls}"),
        }
    }

    /// The kernel function that the program is put on, if it is on one.
    #[must_use]
    pub fn function(self) -> Option<String> {
        match self {
            Self::Fexit(name) | Self::Kprobe(name) => Some(name.to_owned()),
            Self::FexitCall(name) | Self::KprobeCall(name) => Some(format!("{CALL_PREFIX}{name}")),
            Self::Tracepoint(_)
            | Self::Cgroup(_)
            | Self::Packets(_)
            | Self::Iterator(_)
            | Self::Led(..) => None,
        }
    }
}

macro_rules! points {
    ($($program:ident => $point:ident($($of:tt)*);)*) => {
        /// Where each program goes.
        #[must_use]
        pub const fn attach_point(program: Program) -> AttachPoint {
            match program {
                $(Program::$program => AttachPoint::$point($($of)*),)*
            }
        }
    };
}

points! {
    TaskIter => Iterator("task");
    ProcessExec => Tracepoint("sched_process_exec");
    ProcessFork => Tracepoint("sched_process_fork");
    ProcessExit => Tracepoint("sched_process_exit");
    CgroupMkdir => Tracepoint("cgroup_mkdir");
    CgroupRmdir => Tracepoint("cgroup_rmdir");
    SocketConnect => Fexit("security_socket_connect");
    SocketSendmsg => Fexit("security_socket_sendmsg");
    SockState => Tracepoint("inet_sock_set_state");
    Connect4 => Cgroup("connect4");
    Connect6 => Cgroup("connect6");
    Sendmsg4 => Cgroup("sendmsg4");
    Sendmsg6 => Cgroup("sendmsg6");
    FileOpen => Fexit("security_file_open");
    FilpOpen => Fexit("do_filp_open");
    SysExitOpen => Led(calls::OPEN, "open*");
    UringOpen => Tracepoint("io_uring_complete");
    UringSubmit => Tracepoint("io_uring_submit_req");
    Rename => Fexit("security_path_rename");
    Link => Fexit("security_path_link");
    Symlink => Fexit("security_path_symlink");
    Unlink => Fexit("security_path_unlink");
    Mkdir => Fexit("security_path_mkdir");
    Rmdir => Fexit("security_path_rmdir");
    Mknod => Fexit("security_path_mknod");
    Truncate => Fexit("vfs_truncate");
    Chmod => Fexit("chmod_common");
    Chown => Fexit("chown_common");
    Utimes => Fexit("vfs_utimes");
    SetXattr => Fexit("security_inode_setxattr");
    RemoveXattr => Fexit("security_inode_removexattr");
    FileReceive => Fexit("security_file_receive");
    MmapFile => Fexit("security_mmap_file");
    Mprotect => Fexit("security_file_mprotect");
    Accept => Fexit("security_sock_graft");
    Listen => Fexit("security_socket_listen");
    Bind => Fexit("security_socket_bind");
    SocketCreate => Fexit("security_socket_create");
    PtraceAccess => Fexit("security_ptrace_access_check");
    PtraceTraceme => Fexit("security_ptrace_traceme");
    Bpf => Fexit("security_bpf");
    ModuleFile => Fexit("security_kernel_read_file");
    ModuleData => Fexit("security_kernel_load_data");
    Mount => Fexit("security_sb_mount");
    MoveMount => Fexit("security_move_mount");
    Umount => Fexit("security_sb_umount");
    PivotRoot => Fexit("security_sb_pivotroot");
    Chroot => Fexit("security_path_chroot");
    SetUid => Fexit("security_task_fix_setuid");
    SetGid => Fexit("security_task_fix_setgid");
    Capset => Fexit("security_capset");
    FileOpenProbe => Kprobe("security_file_open");
    SocketConnectProbe => Kprobe("security_socket_connect");
    SocketSendmsgProbe => Kprobe("security_socket_sendmsg");
    RenameProbe => Kprobe("security_path_rename");
    LinkProbe => Kprobe("security_path_link");
    SymlinkProbe => Kprobe("security_path_symlink");
    UnlinkProbe => Kprobe("security_path_unlink");
    MkdirProbe => Kprobe("security_path_mkdir");
    RmdirProbe => Kprobe("security_path_rmdir");
    MknodProbe => Kprobe("security_path_mknod");
    TruncateProbe => Kprobe("vfs_truncate");
    ChmodProbe => Kprobe("chmod_common");
    ChownProbe => Kprobe("chown_common");
    UtimesProbe => Kprobe("vfs_utimes");
    SetXattrProbe => Kprobe("security_inode_setxattr");
    RemoveXattrProbe => Kprobe("security_inode_removexattr");
    FileReceiveProbe => Kprobe("security_file_receive");
    MmapFileProbe => Kprobe("security_mmap_file");
    MprotectProbe => Kprobe("security_file_mprotect");
    AcceptProbe => Kprobe("security_sock_graft");
    ListenProbe => Kprobe("security_socket_listen");
    BindProbe => Kprobe("security_socket_bind");
    SocketCreateProbe => Kprobe("security_socket_create");
    PtraceAccessProbe => Kprobe("security_ptrace_access_check");
    PtraceTracemeProbe => Kprobe("security_ptrace_traceme");
    BpfProbe => Kprobe("security_bpf");
    ModuleFileProbe => Kprobe("security_kernel_read_file");
    ModuleDataProbe => Kprobe("security_kernel_load_data");
    MountProbe => Kprobe("security_sb_mount");
    MoveMountProbe => Kprobe("security_move_mount");
    UmountProbe => Kprobe("security_sb_umount");
    PivotRootProbe => Kprobe("security_sb_pivotroot");
    ChrootProbe => Kprobe("security_path_chroot");
    SetUidProbe => Kprobe("security_task_fix_setuid");
    SetGidProbe => Kprobe("security_task_fix_setgid");
    CapsetProbe => Kprobe("security_capset");
    SetnsCall => FexitCall("setns");
    UnshareCall => FexitCall("unshare");
    MemfdCall => FexitCall("memfd_create");
    UserfaultfdCall => FexitCall("userfaultfd");
    DupCall => FexitCall("dup");
    Dup2Call => FexitCall("dup2");
    Dup3Call => FexitCall("dup3");
    SetnsCallProbe => KprobeCall("setns");
    UnshareCallProbe => KprobeCall("unshare");
    MemfdCallProbe => KprobeCall("memfd_create");
    UserfaultfdCallProbe => KprobeCall("userfaultfd");
    DupCallProbe => KprobeCall("dup");
    Dup2CallProbe => KprobeCall("dup2");
    Dup3CallProbe => KprobeCall("dup3");
    SysExit => Tracepoint("sys_exit");
    SysExitCall => Led(calls::BY_SPEC, "the act");
    SysExitAccept => Led(calls::ACCEPT, "accept*");
    SysExitDup => Led(calls::DUP, "dup*");
    NewTask => Tracepoint("task_newtask");
    SignalGenerate => Tracepoint("signal_generate");
    Bind4 => Cgroup("bind4");
    Bind6 => Cgroup("bind6");
    ListenState => Tracepoint("inet_sock_set_state");
    UringPath => Tracepoint("io_uring_submit_req");
    UringAccept => Tracepoint("io_uring_complete");
    SysExitSocket => Led(calls::SOCKET, "socket");
    DnsEgress => Packets("egress");
    DnsIngress => Packets("ingress");
    SysExitTake => Led(calls::TAKE, "pidfd_getfd");
    SysEnter => Tracepoint("sys_enter");
}
