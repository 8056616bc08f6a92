//! The kernel programs by name: the loader finds them, records and counters name them.

/// A kernel program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Program {
    /// Walks the tasks that already run.
    TaskIter = 0,
    /// BTF tracepoint `sched_process_exec`.
    ProcessExec = 1,
    /// BTF tracepoint `sched_process_fork`.
    ProcessFork = 2,
    /// BTF tracepoint `sched_process_exit`.
    ProcessExit = 3,
    /// BTF tracepoint `cgroup_mkdir`.
    CgroupMkdir = 4,
    /// BTF tracepoint `cgroup_rmdir`.
    CgroupRmdir = 5,
    /// fexit `security_socket_connect`.
    SocketConnect = 6,
    /// fexit `security_socket_sendmsg`.
    SocketSendmsg = 7,
    /// BTF tracepoint `inet_sock_set_state`.
    SockState = 8,
    /// cgroup `connect4`.
    Connect4 = 9,
    /// cgroup `connect6`.
    Connect6 = 10,
    /// cgroup `sendmsg4`.
    Sendmsg4 = 11,
    /// cgroup `sendmsg6`.
    Sendmsg6 = 12,
    /// fexit `security_file_open`.
    FileOpen = 13,
    /// fexit `do_filp_open`: the opens that are refused before there is a file.
    FilpOpen = 14,
    /// BTF tracepoint `sys_exit`: the open family.
    SysExitOpen = 15,
    /// BTF tracepoint `io_uring_complete`: opens that were issued through a ring.
    UringOpen = 16,
    /// BTF tracepoint `io_uring_submit_req`: opens through a ring that post no completion.
    UringSubmit = 17,
}

impl Program {
    /// Every program, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::TaskIter,
        Self::ProcessExec,
        Self::ProcessFork,
        Self::ProcessExit,
        Self::CgroupMkdir,
        Self::CgroupRmdir,
        Self::SocketConnect,
        Self::SocketSendmsg,
        Self::SockState,
        Self::Connect4,
        Self::Connect6,
        Self::Sendmsg4,
        Self::Sendmsg6,
        Self::FileOpen,
        Self::FilpOpen,
        Self::SysExitOpen,
        Self::UringOpen,
        Self::UringSubmit,
    ];

    /// How many programs there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Name of the program in the object file and in the kernel (15 bytes at most there).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TaskIter => "rm_task_iter",
            Self::ProcessExec => "rm_exec",
            Self::ProcessFork => "rm_fork",
            Self::ProcessExit => "rm_exit",
            Self::CgroupMkdir => "rm_cgroup_mkdir",
            Self::CgroupRmdir => "rm_cgroup_rmdir",
            Self::SocketConnect => "rm_connect",
            Self::SocketSendmsg => "rm_sendmsg",
            Self::SockState => "rm_sock_state",
            Self::Connect4 => "rm_connect4",
            Self::Connect6 => "rm_connect6",
            Self::Sendmsg4 => "rm_sendmsg4",
            Self::Sendmsg6 => "rm_sendmsg6",
            Self::FileOpen => "rm_file_open",
            Self::FilpOpen => "rm_filp_open",
            Self::SysExitOpen => "rm_sysexit_open",
            Self::UringOpen => "rm_uring_open",
            Self::UringSubmit => "rm_uring_submit",
        }
    }
}

impl TryFrom<u32> for Program {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        Self::ALL.get(number as usize).copied().ok_or(number)
    }
}
