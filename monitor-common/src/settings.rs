//! What the loader tells the programs before it loads them: names of read-only globals.

/// Global `OFFSETS`: `[u32; Member::COUNT]`, see [`crate::Member`].
pub const OFFSETS: &str = "OFFSETS";
/// Global `DIRECT`, `u8`: 1 where typed kernel pointers may be followed directly, which needs
/// `bpf_get_current_task_btf` (Linux 5.11).
pub const DIRECT: &str = "DIRECT";
/// Global `FLOOR`, `u8`: 1 makes every program return at once. What is left is the price of the
/// attach points themselves, which benchmarks compare with.
pub const FLOOR: &str = "FLOOR";
/// Global `CGROUP_V1_SUBSYSTEM`, `u32`: index in `css_set.subsys` of the v1 controller whose
/// hierarchy names the cgroup of processes that are in the v2 root; [`NO_V1`] for none.
pub const CGROUP_V1_SUBSYSTEM: &str = "CGROUP_V1_SUBSYSTEM";
/// No v1 hierarchy.
pub const NO_V1: u32 = u32::MAX;

/// Map: ring buffer of records.
pub const RECORDS: &str = "RECORDS";
/// Map: per-CPU counters, see [`crate::counter`].
pub const COUNTERS: &str = "COUNTERS";
/// Map: cgroup id → losses by [`crate::DropReason`].
pub const LOSSES: &str = "LOSSES";
/// Map: pids of monitors, whose own acts are left out.
pub const OWN_PIDS: &str = "OWN_PIDS";
/// Map: first bytes of the environment variables that are asked for, and masks of the bytes that
/// count. A place with no bytes and a full mask is free, one with an empty mask asks for all.
pub const ENV_WANTED: &str = "ENV_WANTED";
/// Map: 1 while the reader sleeps and wants to be woken by the next record.
pub const READER_SLEEPS: &str = "READER_SLEEPS";
