//! Numbers of the kernel's interface as the words that its manuals have for them.

use nix::libc;

/// The set bits as words with `|` between; what has no word is left out. Nothing set: `0`.
fn joined<N: Copy + Into<u64>>(set: N, bits: &[(u64, &'static str)]) -> String {
    let set = set.into();
    let named = bits.iter().filter(|(bit, _)| *bit != 0 && set & bit == *bit);
    let words: Vec<&str> = named.map(|(_, word)| *word).collect();
    if words.is_empty() { "0".to_owned() } else { words.join("|") }
}

/// The word of a number, or the number.
fn word(number: u32, words: &[(u32, &'static str)]) -> String {
    let found = words.iter().find(|(known, _)| *known == number);
    found.map_or_else(|| number.to_string(), |(_, word)| (*word).to_owned())
}

/// Permission bits (inode(7)), as Falco writes them.
#[must_use]
pub fn mode(mode: u32) -> String {
    joined(
        mode & 0o7777,
        &[
            (0o4000, "S_ISUID"),
            (0o2000, "S_ISGID"),
            (0o1000, "S_ISVTX"),
            (0o400, "S_IRUSR"),
            (0o200, "S_IWUSR"),
            (0o100, "S_IXUSR"),
            (0o40, "S_IRGRP"),
            (0o20, "S_IWGRP"),
            (0o10, "S_IXGRP"),
            (0o4, "S_IROTH"),
            (0o2, "S_IWOTH"),
            (0o1, "S_IXOTH"),
        ],
    )
}

/// Namespaces (namespaces(7)).
#[must_use]
pub fn namespaces(flags: u64) -> String {
    joined(
        flags,
        &[
            (0x0002_0000, "CLONE_NEWNS"),
            (0x0200_0000, "CLONE_NEWCGROUP"),
            (0x0400_0000, "CLONE_NEWUTS"),
            (0x0800_0000, "CLONE_NEWIPC"),
            (0x1000_0000, "CLONE_NEWUSER"),
            (0x2000_0000, "CLONE_NEWPID"),
            (0x4000_0000, "CLONE_NEWNET"),
            (0x0000_0080, "CLONE_NEWTIME"),
        ],
    )
}

/// Flags of a mount (mount(2)).
#[must_use]
pub fn mount(flags: u64) -> String {
    joined(
        flags,
        &[
            (libc::MS_RDONLY, "MS_RDONLY"),
            (libc::MS_NOSUID, "MS_NOSUID"),
            (libc::MS_NODEV, "MS_NODEV"),
            (libc::MS_NOEXEC, "MS_NOEXEC"),
            (libc::MS_REMOUNT, "MS_REMOUNT"),
            (libc::MS_BIND, "MS_BIND"),
            (libc::MS_MOVE, "MS_MOVE"),
            (libc::MS_REC, "MS_REC"),
            (libc::MS_UNBINDABLE, "MS_UNBINDABLE"),
            (libc::MS_PRIVATE, "MS_PRIVATE"),
            (libc::MS_SLAVE, "MS_SLAVE"),
            (libc::MS_SHARED, "MS_SHARED"),
        ],
    )
}

/// Flags of an unmount (umount(2)).
#[must_use]
pub fn umount(flags: u32) -> String {
    joined(flags, &[(1, "MNT_FORCE"), (2, "MNT_DETACH"), (4, "MNT_EXPIRE"), (8, "UMOUNT_NOFOLLOW")])
}

/// Protection of memory (mmap(2)).
#[must_use]
pub fn protection(protection: u32) -> String {
    joined(protection, &[(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC")])
}

/// Flags of a rename (renameat2(2)).
#[must_use]
pub fn rename(flags: u32) -> String {
    joined(flags, &[(1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT")])
}

/// Flags of a file in memory (memfd_create(2)).
#[must_use]
pub fn memfd(flags: u32) -> String {
    joined(
        flags,
        &[
            (1, "MFD_CLOEXEC"),
            (2, "MFD_ALLOW_SEALING"),
            (4, "MFD_HUGETLB"),
            (8, "MFD_NOEXEC_SEAL"),
            (16, "MFD_EXEC"),
        ],
    )
}

/// Flags of userfaultfd(2).
#[must_use]
pub fn userfaultfd(flags: u32) -> String {
    let bits = [
        (u64::from(libc::O_CLOEXEC.unsigned_abs()), "O_CLOEXEC"),
        (u64::from(libc::O_NONBLOCK.unsigned_abs()), "O_NONBLOCK"),
        (1, "UFFD_USER_MODE_ONLY"),
    ];
    joined(flags, &bits)
}

/// A request of ptrace(2).
#[must_use]
pub fn ptrace(request: u32) -> String {
    word(request, &[(0, "PTRACE_TRACEME"), (16, "PTRACE_ATTACH"), (0x4206, "PTRACE_SEIZE")])
}

/// Whether a command of bpf(2) takes hold of a program, a map or a link by its id.
#[must_use]
pub const fn is_reached_by_id(command: u32) -> bool {
    matches!(command, 13 | 14 | 30)
}

/// A command of bpf(2).
#[must_use]
pub fn bpf(command: u32) -> String {
    word(
        command,
        &[
            (5, "BPF_PROG_LOAD"),
            (8, "BPF_PROG_ATTACH"),
            (9, "BPF_PROG_DETACH"),
            (13, "BPF_PROG_GET_FD_BY_ID"),
            (14, "BPF_MAP_GET_FD_BY_ID"),
            (28, "BPF_LINK_CREATE"),
            (29, "BPF_LINK_UPDATE"),
            (30, "BPF_LINK_GET_FD_BY_ID"),
            (34, "BPF_LINK_DETACH"),
        ],
    )
}

/// An address family (socket(2)).
#[must_use]
pub fn family(family: u16) -> String {
    word(
        family.into(),
        &[
            (1, "AF_UNIX"),
            (2, "AF_INET"),
            (10, "AF_INET6"),
            (16, "AF_NETLINK"),
            (17, "AF_PACKET"),
            (31, "AF_BLUETOOTH"),
            (38, "AF_ALG"),
            (40, "AF_VSOCK"),
            (44, "AF_XDP"),
        ],
    )
}

/// A sort of socket (socket(2)).
#[must_use]
pub fn socket_sort(sort: u16) -> String {
    word(
        sort.into(),
        &[
            (1, "SOCK_STREAM"),
            (2, "SOCK_DGRAM"),
            (3, "SOCK_RAW"),
            (5, "SOCK_SEQPACKET"),
            (10, "SOCK_PACKET"),
        ],
    )
}

/// A signal (signal(7)).
#[must_use]
pub fn signal(number: u32) -> String {
    let known =
        i32::try_from(number).ok().and_then(|it| nix::sys::signal::Signal::try_from(it).ok());
    known.map_or_else(|| number.to_string(), |signal| signal.as_str().to_owned())
}

/// Names of the capabilities, by number.
pub const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The names of the capabilities in a set, with spaces.
#[must_use]
pub fn capabilities(set: u64) -> String {
    let held = CAPABILITIES.iter().enumerate().filter(|(bit, _)| set & (1 << bit) != 0);
    held.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}
