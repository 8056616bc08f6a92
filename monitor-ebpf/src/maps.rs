//! Every map and every read-only global, on one screen.

use core::cell::UnsafeCell;

use aya_ebpf::{
    Global,
    bindings::BPF_F_NO_PREALLOC,
    macros::map,
    maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, ProgramArray, RingBuf},
};
use monitor_common::{
    CallSpec, Header, Member, Program, RecordKind, Socket, counter,
    filter::{Entry, InUse, Marks, NUMBERS, NameKey, NetworkKey, PathKey, Ports, Users},
    limits::{self, CALL_NUMBERS},
    settings,
};

use crate::remembered::Remembered;

/// A map of one value, which programs read without looking it up: its address is part of their
/// instructions (Linux 5.2).
#[repr(transparent)]
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: programs only read it, word by word, and the daemon writes it through the map.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T: Copy, const LENGTH: usize> Shared<[T; LENGTH]> {
    /// One of its elements; the first where there are not that many.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> T {
        let index = if index < LENGTH { index } else { 0 };
        let first: *const T = self.0.get().cast();
        // SAFETY: within the value.
        unsafe { first.wrapping_add(index).read_volatile() }
    }
}

/// Bytes of the fixed part of a socket record, kept until the connection's fate is known.
pub(crate) const SOCKET_RECORD_BYTES: usize = size_of::<Header>() + size_of::<Socket>();

/// Words of the start of a record that says who asked a name server: the header, and the number of
/// the socket behind it.
pub(crate) const DNS_ASKER_WORDS: usize = size_of::<Header>() / 8 + 1;

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

/// Which system calls the processes of a cgroup make, see [`limits::SYSCALL_MARKS`]. When it is
/// full, those of a further cgroup are counted in `SYSCALLS_FULL`.
#[map]
pub(crate) static SYSCALLS: HashMap<u64, [u8; limits::SYSCALL_MARKS]> =
    HashMap::with_max_entries(limits::SYSCALL_CGROUPS, BPF_F_NO_PREALLOC);

/// What an entry of `SYSCALLS` begins with: too much for the stack, and never written to.
#[map]
pub(crate) static NO_SYSCALLS: Array<[u8; limits::SYSCALL_MARKS]> = Array::with_max_entries(1, 0);

/// Pids of the monitors on this host; zeros are free places.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.OWN_PIDS")]
pub(crate) static OWN_PIDS: Shared<[u32; limits::SELF_PIDS]> = Shared::new([0; _]);

/// The monitor's own programs, maps and links, see [`settings::OWN_OBJECTS`].
#[map]
pub(crate) static OWN_OBJECTS: HashMap<u64, u8> =
    HashMap::with_max_entries(limits::OWN_OBJECTS, BPF_F_NO_PREALLOC);

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

/// Who last asked a name server, by socket: the header of that record, and the socket once more.
/// The oldest goes first.
#[map]
pub(crate) static DNS_ASKERS: LruHashMap<u64, [u64; DNS_ASKER_WORDS]> =
    LruHashMap::with_max_entries(limits::DNS_SOCKETS, 0);

/// The kinds that are asked for, one bit each: for programs that see several.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.WANTED")]
static WANTED: Shared<[u64; 1]> = Shared::new([0]);

/// By number of a system call, in any of its numberings: the place of its program, 0 is none.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.CALL_TABLE")]
pub(crate) static CALL_TABLE: Shared<[u8; CALL_NUMBERS]> = Shared::new([0; _]);

/// The programs that the one on `sys_exit` leads to.
#[map]
pub(crate) static CALL_PROGRAMS: ProgramArray = ProgramArray::with_max_entries(8, 0);

/// What each call does: first by the numbers of the machine, then by those of its 32-bit calls.
#[map]
pub(crate) static CALL_SPECS: Array<CallSpec> = Array::with_max_entries(2 * CALL_NUMBERS as u32, 0);

/// Which filter is in use.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.FILTER")]
pub(crate) static FILTER: Shared<InUse> = Shared::new([0; _]);

/// Starts of paths, and the kinds that a rule asks for there.
#[map]
pub(crate) static FILTER_PATHS: LpmTrie<PathKey, Entry> =
    LpmTrie::with_max_entries(limits::FILTER_ENTRIES, BPF_F_NO_PREALLOC);

/// Names of files, and the kinds that a rule asks for.
#[map]
pub(crate) static FILTER_NAMES: HashMap<NameKey, Entry> =
    HashMap::with_max_entries(limits::FILTER_ENTRIES, BPF_F_NO_PREALLOC);

/// By number of a filter, marks of those names.
#[map]
pub(crate) static FILTER_MARKS: Array<Marks> = Array::with_max_entries(NUMBERS as u32 + 1, 0);

/// By number of a filter, the remote ports that are asked for.
#[map]
pub(crate) static FILTER_PORTS: Array<Ports> = Array::with_max_entries(NUMBERS as u32 + 1, 0);

/// Networks, and the kinds that a rule asks for there.
#[map]
pub(crate) static FILTER_NETWORKS: LpmTrie<NetworkKey, u64> =
    LpmTrie::with_max_entries(limits::FILTER_ENTRIES, BPF_F_NO_PREALLOC);

/// By number of a filter, the users that are asked for.
#[map]
pub(crate) static FILTER_USERS: Array<Users> = Array::with_max_entries(NUMBERS as u32 + 1, 0);

/// Directories, and the kinds that are not asked for of files in them: see `remembered.rs`.
#[map]
pub(crate) static FILTER_DIRS: PerCpuArray<Remembered> =
    PerCpuArray::with_max_entries(limits::FILTER_DIRECTORIES, 0);

/// Token buckets: by cgroup, and by kind and entry of the filter, when all tokens are given back.
#[map]
pub(crate) static BUCKETS: LruHashMap<[u64; 2], u64> =
    LruHashMap::with_max_entries(limits::BUCKETS, 0);

/// See [`settings::BUCKET_RATE`].
#[unsafe(no_mangle)]
static BUCKET_RATE: Global<[u64; 2]> = Global::new([0; 2]);

/// See [`settings::HEADROOM`].
#[unsafe(no_mangle)]
static HEADROOM: Global<u64> = Global::new(0);

/// See [`settings::HOST_MOUNTS`].
#[unsafe(no_mangle)]
static HOST_MOUNTS: Global<u32> = Global::new(0);

/// Addresses of the kernel's `rename_lock` and `mount_lock`.
#[unsafe(no_mangle)]
static SEQUENCES: Global<[u64; 2]> = Global::new([0; 2]);

/// How many arguments the function has that a program is attached to.
#[unsafe(no_mangle)]
static ARITY: Global<[u8; Program::COUNT]> = Global::new([0; Program::COUNT]);

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

/// Whether any kernel address may be read from directly. There is an object of the programs for
/// kernels that allow it and one for the others: where both ways are in one, either is slower.
#[inline(always)]
pub(crate) const fn readable() -> bool {
    cfg!(feature = "readable")
}

/// Whether programs return at once. The verifier drops whatever that rules out.
#[inline(always)]
pub(crate) fn floor() -> bool {
    FLOOR.load() != 0
}

/// Number of the mount namespace of the host, 0 where it is not known.
#[inline(always)]
pub(crate) fn host_mounts() -> u32 {
    HOST_MOUNTS.load()
}

/// Index of the v1 controller that names cgroups, if there is one.
#[inline(always)]
pub(crate) fn cgroup_v1_subsystem() -> Option<usize> {
    let index = CGROUP_V1_SUBSYSTEM.load();
    if index == settings::NO_V1 { None } else { Some(index as usize) }
}

/// How many arguments the function has that a program is attached to: behind them stands its
/// result. A constant to the verifier.
#[inline(always)]
pub(crate) fn arity(program: Program) -> u8 {
    let arity = (&raw const ARITY).cast::<u8>();
    // SAFETY: as in `offset`; a program is below the array's length.
    unsafe { arity.wrapping_add(program as usize).read_volatile() }
}

/// Whether a kind is asked for.
#[inline(always)]
pub(crate) fn is_wanted(kind: RecordKind) -> bool {
    is_wanted_number(kind as u32)
}

/// As [`is_wanted`], by the number of the kind; one that is no kind is not.
#[inline(always)]
pub(crate) fn is_wanted_number(kind: u32) -> bool {
    kind < u64::BITS && WANTED.at(0) >> kind & 1 != 0
}

/// Addresses of the kernel's `rename_lock` and `mount_lock`; zeros where they are not known.
#[inline(always)]
pub(crate) fn sequences() -> [u64; 2] {
    pair(&raw const SEQUENCES)
}

/// Nanoseconds for a token of a bucket, and nanoseconds' worth of tokens that one holds; zeros
/// where nothing is bounded. Constants to the verifier.
#[inline(always)]
pub(crate) fn bucket_rate() -> [u64; 2] {
    pair(&raw const BUCKET_RATE)
}

/// Bytes that may wait in the ring before it is for processes alone; 0 where that is not bounded.
#[inline(always)]
pub(crate) fn headroom() -> u64 {
    HEADROOM.load()
}

#[inline(always)]
fn pair(global: *const Global<[u64; 2]>) -> [u64; 2] {
    let words = global.cast::<u64>();
    // SAFETY: as in `offset`; the first of two words.
    let first = unsafe { words.read_volatile() };
    // SAFETY: as above; the second.
    let second = unsafe { words.wrapping_add(1).read_volatile() };
    [first, second]
}
