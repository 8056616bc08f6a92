//! The members of kernel structs that the programs read. The loader looks their offsets up in
//! the running kernel's BTF and hands them down, so that one object serves every kernel.

macro_rules! members {
    ($($name:ident = $struct:literal $path:literal $need:ident;)*) => {
        /// A member of a kernel struct: an index of the global `OFFSETS`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Member {
            $(
                #[doc = concat!("`", $struct, ".", $path, "`")]
                $name,
            )*
        }

        /// Where each [`Member`] is found, in the order of their numbers.
        pub const MEMBERS: [MemberSpec; Member::COUNT] = [
            $(MemberSpec { container: $struct, path: $path, need: Need::$need },)*
        ];

        impl Member {
            /// How many members there are.
            pub const COUNT: usize = [$(Self::$name),*].len();
        }
    };
}

/// Whether the monitor can do without a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every supported kernel has it: without it nothing is loaded.
    Always,
    /// Kernels or configurations may lack it: its offset is then [`ABSENT`].
    Maybe,
}

/// Offset of a member that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// Where to find a member in BTF.
#[derive(Clone, Copy, Debug)]
pub struct MemberSpec {
    /// Name of the struct.
    pub container: &'static str,
    /// Member names joined by `.`; `|` separates the spellings of different kernels.
    pub path: &'static str,
    /// Whether it must be there.
    pub need: Need,
}

members! {
    TaskPid = "task_struct" "pid" Always;
    TaskTgid = "task_struct" "tgid" Always;
    TaskRealParent = "task_struct" "real_parent" Always;
    TaskGroupLeader = "task_struct" "group_leader" Always;
    TaskStartBoottime = "task_struct" "start_boottime|real_start_time" Always;
    TaskCred = "task_struct" "cred" Always;
    TaskRealCred = "task_struct" "real_cred" Always;
    TaskIoUring = "task_struct" "io_uring" Maybe;
    TaskLoginuid = "task_struct" "loginuid" Maybe;
    TaskCgroups = "task_struct" "cgroups" Always;
    TaskNsproxy = "task_struct" "nsproxy" Always;
    TaskThreadPid = "task_struct" "thread_pid" Always;
    TaskMm = "task_struct" "mm" Always;
    TaskFs = "task_struct" "fs" Always;
    TaskFiles = "task_struct" "files" Always;
    TaskSignal = "task_struct" "signal" Always;
    TaskExitCode = "task_struct" "exit_code" Always;
    TaskAtomicFlags = "task_struct" "atomic_flags" Always;
    TaskSeccompMode = "task_struct" "seccomp.mode" Maybe;
    TaskSelfExecId = "task_struct" "self_exec_id" Maybe;
    TaskComm = "task_struct" "comm" Always;
    TaskThreadInfoStatus = "task_struct" "thread_info.status" Maybe;
    CredUid = "cred" "uid" Always;
    CredGid = "cred" "gid" Always;
    CredEuid = "cred" "euid" Always;
    CredEgid = "cred" "egid" Always;
    CredCapEffective = "cred" "cap_effective" Always;
    CredCapPermitted = "cred" "cap_permitted" Always;
    CredUserNs = "cred" "user_ns" Always;
    UserNsInum = "user_namespace" "ns.inum" Always;
    NsproxyMntNs = "nsproxy" "mnt_ns" Always;
    NsproxyPidNs = "nsproxy" "pid_ns_for_children" Always;
    NsproxyNetNs = "nsproxy" "net_ns" Always;
    MntNsInum = "mnt_namespace" "ns.inum" Always;
    PidNsInum = "pid_namespace" "ns.inum" Always;
    NetInum = "net" "ns.inum" Always;
    PidLevel = "pid" "level" Always;
    PidNumbers = "pid" "numbers" Always;
    UpidNr = "upid" "nr" Always;
    SignalLive = "signal_struct" "live" Always;
    SignalTty = "signal_struct" "tty" Always;
    SignalPids = "signal_struct" "pids" Always;
    TtyDriver = "tty_struct" "driver" Always;
    TtyIndex = "tty_struct" "index" Always;
    TtyDriverMajor = "tty_driver" "major" Always;
    TtyDriverMinorStart = "tty_driver" "minor_start" Always;
    CssSetDflCgrp = "css_set" "dfl_cgrp" Always;
    CssSetSubsys = "css_set" "subsys" Always;
    CssCgroup = "cgroup_subsys_state" "cgroup" Always;
    CssParent = "cgroup_subsys_state" "parent" Always;
    CgroupSelf = "cgroup" "self" Always;
    CgroupKn = "cgroup" "kn" Always;
    CgroupRoot = "cgroup" "root" Always;
    CgroupRootHierarchyId = "cgroup_root" "hierarchy_id" Always;
    KernfsNodeId = "kernfs_node" "id" Always;
    MmArgStart = "mm_struct" "arg_start" Always;
    MmArgEnd = "mm_struct" "arg_end" Always;
    MmEnvStart = "mm_struct" "env_start" Always;
    MmEnvEnd = "mm_struct" "env_end" Always;
    MmExeFile = "mm_struct" "exe_file" Always;
    FsPwd = "fs_struct" "pwd" Always;
    FilesFdt = "files_struct" "fdt" Always;
    FdtableFd = "fdtable" "fd" Always;
    FdtableMaxFds = "fdtable" "max_fds" Always;
    BprmFile = "linux_binprm" "file" Always;
    BprmFilename = "linux_binprm" "filename" Always;
    BprmInterp = "linux_binprm" "interp" Always;
    BprmArgc = "linux_binprm" "argc" Always;
    FileInode = "file" "f_inode" Always;
    FilePath = "file" "f_path|__f_path" Always;
    FileMode = "file" "f_mode" Always;
    FileFlags = "file" "f_flags" Always;
    PathDentry = "path" "dentry" Always;
    PathMnt = "path" "mnt" Always;
    InodeIno = "inode" "i_ino" Always;
    InodeMode = "inode" "i_mode" Always;
    InodeNlink = "inode" "i_nlink" Always;
    InodeUid = "inode" "i_uid" Always;
    InodeRdev = "inode" "i_rdev" Always;
    InodeSize = "inode" "i_size" Always;
    InodeSb = "inode" "i_sb" Always;
    InodeMtimeSec = "inode" "i_mtime_sec|i_mtime.tv_sec|__i_mtime.tv_sec" Always;
    InodeMtimeNsec = "inode" "i_mtime_nsec|i_mtime.tv_nsec|__i_mtime.tv_nsec" Always;
    InodeCtimeSec = "inode" "i_ctime_sec|i_ctime.tv_sec|__i_ctime.tv_sec" Always;
    InodeCtimeNsec = "inode" "i_ctime_nsec|i_ctime.tv_nsec|__i_ctime.tv_nsec" Always;
    SbMagic = "super_block" "s_magic" Always;
    SbDev = "super_block" "s_dev" Always;
    DentryParent = "dentry" "d_parent" Always;
    DentrySeq = "dentry" "d_seq" Always;
    DentryName = "dentry" "d_name|__d_name" Always;
    VfsmountRoot = "vfsmount" "mnt_root" Always;
    VfsmountFlags = "vfsmount" "mnt_flags" Always;
    MountMnt = "mount" "mnt" Always;
    MountMntNs = "mount" "mnt_ns" Always;
    MountParent = "mount" "mnt_parent" Always;
    MountMountpoint = "mount" "mnt_mountpoint" Always;
    OvlInodeUpper = "ovl_inode" "__upperdentry" Maybe;
    OvlInodeVfs = "ovl_inode" "vfs_inode" Maybe;
    SocketSk = "socket" "sk" Always;
    SocketType = "socket" "type" Always;
    SockProtocol = "sock" "sk_protocol" Always;
    SockErr = "sock" "sk_err" Always;
    SockType = "sock" "sk_type" Always;
    SockFamily = "sock" "__sk_common.skc_family" Always;
    SockDport = "sock" "__sk_common.skc_dport" Always;
    SockNum = "sock" "__sk_common.skc_num" Always;
    SockRcvSaddr = "sock" "__sk_common.skc_rcv_saddr" Always;
    SockDaddr = "sock" "__sk_common.skc_daddr" Always;
    SockV6RcvSaddr = "sock" "__sk_common.skc_v6_rcv_saddr" Maybe;
    SockV6Daddr = "sock" "__sk_common.skc_v6_daddr" Maybe;
    MsghdrName = "msghdr" "msg_name" Always;
    MsghdrNamelen = "msghdr" "msg_namelen" Always;
    MsghdrFlags = "msghdr" "msg_flags" Always;
    FilenameName = "filename" "name" Always;
    OpenFlagsFlag = "open_flags" "open_flag" Maybe;
    IoKiocbOpcode = "io_kiocb" "opcode" Maybe;
    IoKiocbRes = "io_kiocb" "cqe.res|result" Maybe;
    IoKiocbFlags = "io_kiocb" "flags" Maybe;
    IoKiocbCmd = "io_kiocb" "cmd.data" Maybe;
    IoOpenFilename = "io_open" "filename" Maybe;
    IoOpenHow = "io_open" "how" Maybe;
    IoOpenFileSlot = "io_open" "file_slot" Maybe;
    PtRegsSyscall = "pt_regs" "orig_ax|syscallno" Always;
    PtRegsArg0 = "pt_regs" "di|orig_x0" Always;
    PtRegsArg1 = "pt_regs" "si" Maybe;
    PtRegsArg2 = "pt_regs" "dx" Maybe;
    PtRegsArg3 = "pt_regs" "r10" Maybe;
    PtRegsArg4 = "pt_regs" "r8" Maybe;
    PtRegsArg5 = "pt_regs" "r9" Maybe;
    PtRegsCompatArg0 = "pt_regs" "bx" Maybe;
    PtRegsCompatArg1 = "pt_regs" "cx" Maybe;
    PtRegsCompatArg5 = "pt_regs" "bp" Maybe;
    PtRegsRegs = "pt_regs" "regs" Maybe;
    CredSuid = "cred" "suid" Always;
    CredSgid = "cred" "sgid" Always;
    CredCapInheritable = "cred" "cap_inheritable" Always;
    DentryInode = "dentry" "d_inode" Always;
    FilePrivateData = "file" "private_data" Always;
    VmaFile = "vm_area_struct" "vm_file" Always;
    SbMounts = "super_block" "s_mounts" Maybe;
    MountInstance = "mount" "mnt_instance" Maybe;
    IoRenameOld = "io_rename" "oldpath" Maybe;
    IoRenameNew = "io_rename" "newpath" Maybe;
    IoRenameOldAt = "io_rename" "old_dfd" Maybe;
    IoRenameNewAt = "io_rename" "new_dfd" Maybe;
    IoLinkOldAt = "io_link" "old_dfd" Maybe;
    IoLinkNewAt = "io_link" "new_dfd" Maybe;
    IoUnlinkAt = "io_unlink" "dfd" Maybe;
    IoMkdirAt = "io_mkdir" "dfd" Maybe;
    IoLinkOld = "io_link" "oldpath" Maybe;
    IoLinkNew = "io_link" "newpath" Maybe;
    IoUnlinkName = "io_unlink" "filename" Maybe;
    IoUnlinkFlags = "io_unlink" "flags" Maybe;
    IoMkdirName = "io_mkdir" "filename" Maybe;
    IoMkdirMode = "io_mkdir" "mode" Maybe;
    SockLockOwned = "sock" "sk_lock.owned" Maybe;
    PidTasks = "pid" "tasks" Always;
    TaskPidLinks = "task_struct" "pid_links" Always;
    InodePrivate = "inode" "i_private" Always;
    ProcInodePid = "proc_inode" "pid" Maybe;
    ProcInodeVfs = "proc_inode" "vfs_inode" Maybe;
}
