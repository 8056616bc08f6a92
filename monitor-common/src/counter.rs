//! The counters that the kernel programs keep, one array a CPU.
//!
//! The law they must obey, for every kind: `attempted = submitted + collapsed + dropped`.

use crate::{Program, RecordKind};

/// Why a record was not submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum DropReason {
    /// The ring buffer had no room.
    RingFull = 0,
    /// All scratch slots of the CPU were taken.
    ScratchExhausted = 1,
    /// A kernel object without which there is no record could not be read.
    ReadFault = 2,
    /// The container had used up what it may make the kernel tell of at a time.
    BucketEmpty = 3,
}

impl DropReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 4] =
        [Self::RingFull, Self::ScratchExhausted, Self::ReadFault, Self::BucketEmpty];

    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name that reports and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::ScratchExhausted => "scratch_exhausted",
            Self::ReadFault => "read_fault",
            Self::BucketEmpty => "bucket_empty",
        }
    }
}

/// Acts that a hook decided to tell of.
#[must_use]
pub const fn attempted(kind: RecordKind) -> usize {
    kind as usize
}

/// Records that went into the ring buffer.
#[must_use]
pub const fn submitted(kind: RecordKind) -> usize {
    RecordKind::COUNT + kind as usize
}

/// Acts that repeat an earlier one and were only counted.
#[must_use]
pub const fn collapsed(kind: RecordKind) -> usize {
    2 * RecordKind::COUNT + kind as usize
}

/// Records lost for a reason.
#[must_use]
pub const fn dropped(kind: RecordKind, reason: DropReason) -> usize {
    (3 + reason as usize) * RecordKind::COUNT + kind as usize
}

const AFTER_KINDS: usize = (3 + DropReason::COUNT) * RecordKind::COUNT;

/// Acts of the monitor itself that a program saw and left out. The canary watches these.
#[must_use]
pub const fn own_acts(program: Program) -> usize {
    AFTER_KINDS + program as usize
}

/// Key of a cgroup in the table of losses: ids repeat across hierarchies, and fit 56 bits.
#[must_use]
pub const fn loss_key(id: u64, hierarchy: u32) -> u64 {
    id ^ ((hierarchy as u64) << 56)
}

/// Id and hierarchy of a [`loss_key`].
#[must_use]
pub const fn loss_cgroup(key: u64) -> (u64, u32) {
    (key & ((1 << 56) - 1), (key >> 56) as u32)
}

/// Records with a path that was cut.
pub const PATH_TRUNCATED: usize = AFTER_KINDS + Program::COUNT;
/// Records with arguments or an environment that was cut.
pub const ARGS_TRUNCATED: usize = PATH_TRUNCATED + 1;
/// Losses whose cgroup found no room in the per-cgroup table.
pub const LOSS_UNATTRIBUTED: usize = PATH_TRUNCATED + 2;
/// Connection attempts that could not be kept: their failure goes untold.
pub const PENDING_FULL: usize = PATH_TRUNCATED + 3;
/// Datagrams that could not be remembered: their repeats are told of one by one.
pub const REPEATS_FULL: usize = PATH_TRUNCATED + 4;
/// Token buckets that found no room: what they would bound is not bounded.
pub const BUCKETS_FULL: usize = PATH_TRUNCATED + 5;

/// Sockets that could not be remembered: the answers that come in by them are nobody's.
pub const DNS_SOCKETS_FULL: usize = PATH_TRUNCATED + 6;

/// System calls whose cgroup found no room among those of which calls are noted.
pub const SYSCALLS_FULL: usize = PATH_TRUNCATED + 7;

/// Acts of a kind that no rule can be about, by the filter that was made of the rules: they are not
/// among the attempts.
#[must_use]
pub const fn filtered(kind: RecordKind) -> usize {
    PATH_TRUNCATED + 8 + kind as usize
}

/// Number of counters.
pub const COUNT: usize = PATH_TRUNCATED + 8 + RecordKind::COUNT;
