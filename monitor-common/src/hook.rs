//! The kernel programs by name: the loader finds them, records and counters name them.
//!
//! A name starts with `rm_` for the best or only place of a program, with `rk_` for a kprobe, with
//! `rs_` for what `sys_exit` leads to.

macro_rules! programs {
    ($($(#[$doc:meta])* $program:ident = $number:literal $name:literal;)*) => {
        /// A kernel program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Program {
            $(
                $(#[$doc])*
                $program = $number,
            )*
        }

        impl Program {
            /// How many programs there are.
            pub const COUNT: usize = [$(Self::$program),*].len();

            /// Every program, in the order of their numbers.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$program),*];

            /// Name of the program in the object file and in the kernel (15 bytes at most there).
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$program => $name,)*
                }
            }
        }
    };
}

programs! {
    /// Walks the tasks that already run.
    TaskIter = 0 "rm_task_iter";
    /// BTF tracepoint `sched_process_exec`.
    ProcessExec = 1 "rm_exec";
    /// BTF tracepoint `sched_process_fork`.
    ProcessFork = 2 "rm_fork";
    /// BTF tracepoint `sched_process_exit`.
    ProcessExit = 3 "rm_exit";
    /// BTF tracepoint `cgroup_mkdir`.
    CgroupMkdir = 4 "rm_cgroup_mkdir";
    /// BTF tracepoint `cgroup_rmdir`.
    CgroupRmdir = 5 "rm_cgroup_rmdir";
    /// fexit `security_socket_connect`.
    SocketConnect = 6 "rm_connect";
    /// fexit `security_socket_sendmsg`.
    SocketSendmsg = 7 "rm_sendmsg";
    /// BTF tracepoint `inet_sock_set_state`.
    SockState = 8 "rm_sock_state";
    /// cgroup `connect4`.
    Connect4 = 9 "rm_connect4";
    /// cgroup `connect6`.
    Connect6 = 10 "rm_connect6";
    /// cgroup `sendmsg4`.
    Sendmsg4 = 11 "rm_sendmsg4";
    /// cgroup `sendmsg6`.
    Sendmsg6 = 12 "rm_sendmsg6";
    /// fexit `security_file_open`.
    FileOpen = 13 "rm_file_open";
    /// fexit `do_filp_open`: the opens that are refused before there is a file.
    FilpOpen = 14 "rm_filp_open";
    /// BTF tracepoint `sys_exit`: the open family. Entered from [`Program::SysExit`].
    SysExitOpen = 15 "rs_open";
    /// BTF tracepoint `io_uring_complete`: opens that were issued through a ring.
    UringOpen = 16 "rm_uring_open";
    /// BTF tracepoint `io_uring_submit_req`: opens through a ring that post no completion.
    UringSubmit = 17 "rm_uring_submit";
    /// fexit `security_path_rename`.
    Rename = 18 "rm_rename";
    /// fexit `security_path_link`.
    Link = 19 "rm_link";
    /// fexit `security_path_symlink`.
    Symlink = 20 "rm_symlink";
    /// fexit `security_path_unlink`.
    Unlink = 21 "rm_unlink";
    /// fexit `security_path_mkdir`.
    Mkdir = 22 "rm_mkdir";
    /// fexit `security_path_rmdir`.
    Rmdir = 23 "rm_rmdir";
    /// fexit `security_path_mknod`.
    Mknod = 24 "rm_mknod";
    /// fexit `vfs_truncate`.
    Truncate = 25 "rm_truncate";
    /// fexit `chmod_common`.
    Chmod = 26 "rm_chmod";
    /// fexit `chown_common`.
    Chown = 27 "rm_chown";
    /// fexit `vfs_utimes`.
    Utimes = 28 "rm_utimes";
    /// fexit `security_inode_setxattr`.
    SetXattr = 29 "rm_setxattr";
    /// fexit `security_inode_removexattr`.
    RemoveXattr = 30 "rm_removexattr";
    /// fexit `security_file_receive`.
    FileReceive = 31 "rm_receive";
    /// fexit `security_mmap_file`.
    MmapFile = 32 "rm_mmap";
    /// fexit `security_file_mprotect`.
    Mprotect = 33 "rm_mprotect";
    /// fexit `security_sock_graft`.
    Accept = 34 "rm_accept";
    /// fexit `security_socket_listen`.
    Listen = 35 "rm_listen";
    /// fexit `security_socket_bind`.
    Bind = 36 "rm_bind";
    /// fexit `security_socket_create`.
    SocketCreate = 37 "rm_socket";
    /// fexit `security_ptrace_access_check`.
    PtraceAccess = 38 "rm_ptrace";
    /// fexit `security_ptrace_traceme`.
    PtraceTraceme = 39 "rm_traceme";
    /// fexit `security_bpf`.
    Bpf = 40 "rm_bpf";
    /// fexit `security_kernel_read_file`.
    ModuleFile = 41 "rm_module_file";
    /// fexit `security_kernel_load_data`.
    ModuleData = 42 "rm_module_data";
    /// fexit `security_sb_mount`.
    Mount = 43 "rm_mount";
    /// fexit `security_move_mount`.
    MoveMount = 44 "rm_move_mount";
    /// fexit `security_sb_umount`.
    Umount = 45 "rm_umount";
    /// fexit `security_sb_pivotroot`.
    PivotRoot = 46 "rm_pivot_root";
    /// fexit `security_path_chroot`.
    Chroot = 47 "rm_chroot";
    /// fexit `security_task_fix_setuid`.
    SetUid = 48 "rm_setuid";
    /// fexit `security_task_fix_setgid`.
    SetGid = 49 "rm_setgid";
    /// fexit `security_capset`.
    Capset = 50 "rm_capset";
    /// kprobe `security_file_open`.
    FileOpenProbe = 51 "rk_file_open";
    /// kprobe `security_socket_connect`.
    SocketConnectProbe = 52 "rk_connect";
    /// kprobe `security_socket_sendmsg`.
    SocketSendmsgProbe = 53 "rk_sendmsg";
    /// kprobe `security_path_rename`.
    RenameProbe = 54 "rk_rename";
    /// kprobe `security_path_link`.
    LinkProbe = 55 "rk_link";
    /// kprobe `security_path_symlink`.
    SymlinkProbe = 56 "rk_symlink";
    /// kprobe `security_path_unlink`.
    UnlinkProbe = 57 "rk_unlink";
    /// kprobe `security_path_mkdir`.
    MkdirProbe = 58 "rk_mkdir";
    /// kprobe `security_path_rmdir`.
    RmdirProbe = 59 "rk_rmdir";
    /// kprobe `security_path_mknod`.
    MknodProbe = 60 "rk_mknod";
    /// kprobe `vfs_truncate`.
    TruncateProbe = 61 "rk_truncate";
    /// kprobe `chmod_common`.
    ChmodProbe = 62 "rk_chmod";
    /// kprobe `chown_common`.
    ChownProbe = 63 "rk_chown";
    /// kprobe `vfs_utimes`.
    UtimesProbe = 64 "rk_utimes";
    /// kprobe `security_inode_setxattr`.
    SetXattrProbe = 65 "rk_setxattr";
    /// kprobe `security_inode_removexattr`.
    RemoveXattrProbe = 66 "rk_removexattr";
    /// kprobe `security_file_receive`.
    FileReceiveProbe = 67 "rk_receive";
    /// kprobe `security_mmap_file`.
    MmapFileProbe = 68 "rk_mmap";
    /// kprobe `security_file_mprotect`.
    MprotectProbe = 69 "rk_mprotect";
    /// kprobe `security_sock_graft`.
    AcceptProbe = 70 "rk_accept";
    /// kprobe `security_socket_listen`.
    ListenProbe = 71 "rk_listen";
    /// kprobe `security_socket_bind`.
    BindProbe = 72 "rk_bind";
    /// kprobe `security_socket_create`.
    SocketCreateProbe = 73 "rk_socket";
    /// kprobe `security_ptrace_access_check`.
    PtraceAccessProbe = 74 "rk_ptrace";
    /// kprobe `security_ptrace_traceme`.
    PtraceTracemeProbe = 75 "rk_traceme";
    /// kprobe `security_bpf`.
    BpfProbe = 76 "rk_bpf";
    /// kprobe `security_kernel_read_file`.
    ModuleFileProbe = 77 "rk_module_file";
    /// kprobe `security_kernel_load_data`.
    ModuleDataProbe = 78 "rk_module_data";
    /// kprobe `security_sb_mount`.
    MountProbe = 79 "rk_mount";
    /// kprobe `security_move_mount`.
    MoveMountProbe = 80 "rk_move_mount";
    /// kprobe `security_sb_umount`.
    UmountProbe = 81 "rk_umount";
    /// kprobe `security_sb_pivotroot`.
    PivotRootProbe = 82 "rk_pivot_root";
    /// kprobe `security_path_chroot`.
    ChrootProbe = 83 "rk_chroot";
    /// kprobe `security_task_fix_setuid`.
    SetUidProbe = 84 "rk_setuid";
    /// kprobe `security_task_fix_setgid`.
    SetGidProbe = 85 "rk_setgid";
    /// kprobe `security_capset`.
    CapsetProbe = 86 "rk_capset";
    /// fexit of the system call `setns`.
    SetnsCall = 87 "rm_sys_setns";
    /// fexit of the system call `unshare`.
    UnshareCall = 88 "rm_sys_unshare";
    /// fexit of the system call `memfd_create`.
    MemfdCall = 89 "rm_sys_memfd";
    /// fexit of the system call `userfaultfd`.
    UserfaultfdCall = 90 "rm_sys_uffd";
    /// fexit of the system call `dup`.
    DupCall = 91 "rm_sys_dup";
    /// fexit of the system call `dup2`.
    Dup2Call = 92 "rm_sys_dup2";
    /// fexit of the system call `dup3`.
    Dup3Call = 93 "rm_sys_dup3";
    /// kprobe of the system call `setns`.
    SetnsCallProbe = 94 "rk_sys_setns";
    /// kprobe of the system call `unshare`.
    UnshareCallProbe = 95 "rk_sys_unshare";
    /// kprobe of the system call `memfd_create`.
    MemfdCallProbe = 96 "rk_sys_memfd";
    /// kprobe of the system call `userfaultfd`.
    UserfaultfdCallProbe = 97 "rk_sys_uffd";
    /// kprobe of the system call `dup`.
    DupCallProbe = 98 "rk_sys_dup";
    /// kprobe of the system call `dup2`.
    Dup2CallProbe = 99 "rk_sys_dup2";
    /// kprobe of the system call `dup3`.
    Dup3CallProbe = 100 "rk_sys_dup3";
    /// BTF tracepoint `sys_exit`: looks which program the call is for.
    SysExit = 101 "rs_dispatch";
    /// Entered from [`Program::SysExit`]: calls that act on names, descriptors and numbers.
    SysExitCall = 102 "rs_call";
    /// Entered from [`Program::SysExit`]: `accept` and `accept4`.
    SysExitAccept = 103 "rs_accept";
    /// Entered from [`Program::SysExit`]: `dup`, `dup2`, `dup3` and `fcntl`.
    SysExitDup = 104 "rs_dup";
    /// BTF tracepoint `task_newtask`: processes that are made with namespaces of their own.
    NewTask = 105 "rm_newtask";
    /// BTF tracepoint `signal_generate`.
    SignalGenerate = 106 "rm_signal";
    /// cgroup `bind4`.
    Bind4 = 107 "rm_bind4";
    /// cgroup `bind6`.
    Bind6 = 108 "rm_bind6";
    /// BTF tracepoint `inet_sock_set_state`: sockets that begin to listen.
    ListenState = 109 "rm_listen_state";
    /// BTF tracepoint `io_uring_submit_req`: acts on names.
    UringPath = 110 "rm_uring_path";
    /// BTF tracepoint `io_uring_complete`: accepted connections.
    UringAccept = 111 "rm_uring_accept";
    /// Entered from [`Program::SysExit`]: `socket`.
    SysExitSocket = 112 "rs_socket";
    /// cgroup `skb`, egress: messages to name servers.
    DnsEgress = 113 "rm_dns_egress";
    /// cgroup `skb`, ingress: messages from name servers.
    DnsIngress = 114 "rm_dns_ingress";
    /// Entered from [`Program::SysExit`]: `pidfd_getfd`; leads on to [`Program::SysExitCall`].
    SysExitTake = 115 "rs_take";
    /// BTF tracepoint `sys_enter`: which system calls the processes of a cgroup make.
    SysEnter = 116 "rm_sys_enter";
}

impl TryFrom<u32> for Program {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        Self::ALL.get(number as usize).copied().ok_or(number)
    }
}
