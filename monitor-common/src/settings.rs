//! What the loader tells the programs before it loads them: names of read-only globals.

/// Global `OFFSETS`: `[u32; Member::COUNT]`, see [`crate::Member`].
pub const OFFSETS: &str = "OFFSETS";
/// Global `DIRECT`, `u8`: 1 where typed kernel pointers may be followed directly, which needs
/// `bpf_get_current_task_btf` (Linux 5.11).
pub const DIRECT: &str = "DIRECT";
/// The number of a helper that no kernel has: what the object for kernels with `bpf_rdonly_cast` to
/// nothing in particular (Linux 6.17) has in place of a call of it, whose number is each kernel's
/// own.
pub const CAST_CALL: i32 = 0x7263_6173;
/// Global `FLOOR`, `u8`: 1 makes every program return at once. What is left is the price of the
/// attach points themselves, which benchmarks compare with.
pub const FLOOR: &str = "FLOOR";
/// Global `CGROUP_V1_SUBSYSTEM`, `u32`: index in `css_set.subsys` of the v1 controller whose
/// hierarchy names the cgroup of processes that are in the v2 root; [`NO_V1`] for none.
pub const CGROUP_V1_SUBSYSTEM: &str = "CGROUP_V1_SUBSYSTEM";
/// No v1 hierarchy.
pub const NO_V1: u32 = u32::MAX;

/// Global `ARITY`: `[u8; Program::COUNT]`, how many arguments the function has that a program is
/// attached to: behind them stands its result. 0 where the program is on no function's return.
pub const ARITY: &str = "ARITY";

/// Global `SEQUENCES`: `[u64; 2]`, addresses of the kernel's `rename_lock` and `mount_lock`, whose
/// first words change with every rename of a directory entry and every mount; zeros where they are
/// not known.
pub const SEQUENCES: &str = "SEQUENCES";

/// Global `BUCKET_RATE`: `[u64; 2]`, nanoseconds for one token of a bucket, and nanoseconds' worth
/// of tokens that it holds; zeros for no bound. A bucket is for one cgroup, kind and entry of the
/// filter.
pub const BUCKET_RATE: &str = "BUCKET_RATE";

/// Global `HEADROOM`, `u64`: bytes that may wait in the ring; beyond it there is room for processes
/// alone. 0 for no bound.
pub const HEADROOM: &str = "HEADROOM";

/// Global `HOST_MOUNTS`, `u32`: number of the mount namespace of process 1, which is where runtimes
/// make containers ready; 0 where it is not known.
pub const HOST_MOUNTS: &str = "HOST_MOUNTS";

/// Map: ring buffer of records.
pub const RECORDS: &str = "RECORDS";
/// Map: per-CPU counters, see [`crate::counter`].
pub const COUNTERS: &str = "COUNTERS";
/// Map: cgroup id → losses by [`crate::DropReason`].
pub const LOSSES: &str = "LOSSES";
/// Map: cgroup by [`crate::counter::loss_key`] → which system calls its processes made, see
/// [`crate::limits::SYSCALL_MARKS`].
pub const SYSCALLS: &str = "SYSCALLS";
/// Map: pids of monitors, whose own acts are left out.
pub const OWN_PIDS: &str = ".data.OWN_PIDS";
/// Map: the monitor's own programs, maps and links: keys have the command of bpf(2) that reaches
/// such an object in the upper half and its id in the lower one, values mean nothing.
pub const OWN_OBJECTS: &str = "OWN_OBJECTS";
/// Map: first bytes of the environment variables that are asked for, and masks of the bytes that
/// count. A place with no bytes and a full mask is free, one with an empty mask asks for all.
pub const ENV_WANTED: &str = "ENV_WANTED";
/// Map: 1 while the reader sleeps and wants to be woken by the next record.
pub const READER_SLEEPS: &str = "READER_SLEEPS";
/// Map: the kinds that are asked for, one bit each ([`crate::RecordKind`]), for programs that see
/// several.
pub const WANTED: &str = ".data.WANTED";
/// Map: by number of a system call the place in [`CALL_PROGRAMS`] of the program for it; 0 is none.
pub const CALL_TABLE: &str = ".data.CALL_TABLE";
/// Map: programs that the one on `sys_exit` leads to.
pub const CALL_PROGRAMS: &str = "CALL_PROGRAMS";
/// Map: what a system call does, see [`crate::call::CallSpec`].
pub const CALL_SPECS: &str = "CALL_SPECS";
/// Map: which filter is in use, see [`crate::filter::InUse`].
pub const FILTER: &str = ".data.FILTER";
/// Map: starts of paths, by [`crate::filter`], and the kinds that a rule asks for there.
pub const FILTER_PATHS: &str = "FILTER_PATHS";
/// Map: names of files, and the kinds that a rule asks for.
pub const FILTER_NAMES: &str = "FILTER_NAMES";
/// Map: by number of a filter, the [`crate::filter::Marks`] of the names in its table.
pub const FILTER_MARKS: &str = "FILTER_MARKS";
/// Map: by number of a filter, the [`crate::filter::Ports`] that are asked for.
pub const FILTER_PORTS: &str = "FILTER_PORTS";
/// Map: networks of remote addresses, by [`crate::filter::NetworkKey`].
pub const FILTER_NETWORKS: &str = "FILTER_NETWORKS";
/// Map: by number of a filter, the [`crate::filter::Users`] that are asked for.
pub const FILTER_USERS: &str = "FILTER_USERS";
