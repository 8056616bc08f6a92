//! Every map and every read-only global, on one screen.

use aya_ebpf::{
    Global,
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use monitor_common::{Header, Member, Socket, counter, limits, settings};

/// Bytes of the fixed part of a socket record, kept until the connection's fate is known.
pub(crate) const SOCKET_RECORD_BYTES: usize = size_of::<Header>() + size_of::<Socket>();

/// Records on their way to the daemon. The loader sets the real size.
#[map]
pub(crate) static RECORDS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// One array of counters a CPU, see [`counter`].
#[map]
pub(crate) static COUNTERS: PerCpuArray<[u64; counter::COUNT]> =
    PerCpuArray::with_max_entries(1, 0);

/// Losses by cgroup and reason. When it is full, a further cgroup's losses are counted in
/// `LOSS_UNATTRIBUTED`.
#[map]
pub(crate) static LOSSES: HashMap<u64, [u64; monitor_common::DropReason::COUNT]> =
    HashMap::with_max_entries(limits::LOSS_CGROUPS, 0);

/// Pids of the monitors on this host; zeros are free places.
#[map]
pub(crate) static OWN_PIDS: Array<[u32; limits::SELF_PIDS]> = Array::with_max_entries(1, 0);

/// Environment variables that are asked for, see [`settings::ENV_WANTED`].
#[map]
pub(crate) static ENV_WANTED: Array<[[u64; 2]; limits::ENV_KEYS]> = Array::with_max_entries(1, 0);

/// 1 while the reader sleeps: the next record wakes it and clears this.
#[map]
pub(crate) static READER_SLEEPS: Array<u32> = Array::with_max_entries(1, 0);

/// Where records are built. More than one a CPU, since programs interrupt one another.
#[map]
pub(crate) static SCRATCH: PerCpuArray<crate::record::Slot> =
    PerCpuArray::with_max_entries(limits::SCRATCH_SLOTS, 0);

/// Where paths are put together, from their end. As many as there are scratch slots.
#[map]
pub(crate) static PATHS: PerCpuArray<crate::path::Buffer> =
    PerCpuArray::with_max_entries(limits::SCRATCH_SLOTS, 0);

/// TCP connections on their way: the record of the attempt, by socket. The oldest goes first.
#[map]
pub(crate) static PENDING: LruHashMap<u64, [u8; SOCKET_RECORD_BYTES]> =
    LruHashMap::with_max_entries(limits::PENDING_CONNECTS, 0);

/// Datagrams already told of: when, and how many like it since. The oldest goes first.
#[map]
pub(crate) static REPEATS: LruHashMap<[u64; 4], [u64; 2]> =
    LruHashMap::with_max_entries(limits::SEND_REPEATS, 0);

/// The datagram that was last seen on the CPU, as in `REPEATS`: key, when it was told of, repeats.
/// A process that sends to one place asks here only.
#[map]
pub(crate) static LAST_SENT: PerCpuArray<[u64; 6]> = PerCpuArray::with_max_entries(1, 0);

/// Offsets of kernel struct members, see [`Member`].
#[unsafe(no_mangle)]
static OFFSETS: Global<[u32; Member::COUNT]> = Global::new([0; Member::COUNT]);

/// 1 where typed pointers may be followed directly.
#[unsafe(no_mangle)]
static DIRECT: Global<u8> = Global::new(0);

/// 1 where programs return at once, to measure the attach points alone.
#[unsafe(no_mangle)]
static FLOOR: Global<u8> = Global::new(0);

/// Index of the v1 controller that names cgroups, or [`settings::NO_V1`].
#[unsafe(no_mangle)]
static CGROUP_V1_SUBSYSTEM: Global<u32> = Global::new(settings::NO_V1);

/// Byte offset of a member in its struct; [`monitor_common::member::ABSENT`] where this kernel
/// does not have it. A constant to the verifier, which drops the branches it rules out.
#[inline(always)]
pub(crate) fn offset(member: Member) -> usize {
    let offsets = (&raw const OFFSETS).cast::<u32>();
    // SAFETY: `Global` is a transparent cell around the array, and `member` is below its length;
    // the loader writes the array before the program is loaded and nobody afterwards.
    let value = unsafe { offsets.wrapping_add(member as usize).read_volatile() };
    value as usize
}

/// Whether this kernel has the member.
#[inline(always)]
pub(crate) fn has(member: Member) -> bool {
    offset(member) != monitor_common::member::ABSENT as usize
}

/// Whether typed pointers may be followed directly.
#[inline(always)]
pub(crate) fn direct() -> bool {
    DIRECT.load() != 0
}

/// Whether programs return at once. The verifier drops whatever that rules out.
#[inline(always)]
pub(crate) fn floor() -> bool {
    FLOOR.load() != 0
}

/// Index of the v1 controller that names cgroups, if there is one.
#[inline(always)]
pub(crate) fn cgroup_v1_subsystem() -> Option<usize> {
    let index = CGROUP_V1_SUBSYSTEM.load();
    if index == settings::NO_V1 { None } else { Some(index as usize) }
}
