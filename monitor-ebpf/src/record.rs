//! A record under construction: a scratch slot is claimed, filled, sent and given back.

use aya_ebpf::helpers::generated::{
    bpf_get_smp_processor_id, bpf_ktime_get_boot_ns, bpf_ringbuf_output, bpf_ringbuf_query,
};
use monitor_common::{
    DropReason, Header, Program, RecordKind, counter,
    limits::{CWD_BYTES, FILENAME_BYTES, FIXED_BYTES, PATH_BYTES, RECORD_BYTES, SCRATCH_SLOTS},
};

use crate::{
    count,
    flood::{self, NO_ENTRY},
    maps::{READER_SLEEPS, RECORDS, SCRATCH},
    read::{self, Kptr},
    task,
};

const BPF_RB_AVAIL_DATA: u64 = 0;
const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;

/// A place to build one record in.
#[repr(C, align(8))]
pub(crate) struct Slot {
    /// Programs that hold or try to claim the slot.
    claims: u64,
    /// Number of the last record that was built here.
    sequence: u64,
    /// Where the next section goes. Kept in memory, not in a register: the verifier then takes
    /// it for any number, and the bound is checked where it is used.
    end: u64,
    /// Why the record is not to be sent: a [`DropReason`], or one of the numbers beside it.
    refused: u32,
    /// User memory that is still to be looked at: from, to; and what was seen on the way.
    rest: [u64; 3],
    bytes: [u8; RECORD_BYTES],
}

/// A claimed slot with a header and an empty body.
pub(crate) struct Record {
    slot: *mut Slot,
    index: u32,
}

/// Builds and sends one record: counts the attempt, claims a slot, fills the header with the
/// facts of `task` and lets `fill` do the rest. Whatever goes wrong is counted by its reason.
#[inline(always)]
pub(crate) fn send<const TYPED: bool>(
    kind: RecordKind,
    program: Program,
    task: Kptr,
    fill: impl FnOnce(&Record) -> Result<(), DropReason>,
) {
    count::add(counter::attempted(kind));
    let Some(record) = Record::claim() else {
        return count::dropped(kind, DropReason::ScratchExhausted, task::cgroup::<TYPED>(task));
    };
    record.start::<TYPED>(kind, program, task);
    record.fill_and_end(kind, NO_ENTRY, fill);
}

/// As [`send`], of an act that the task which runs now may have no part in: `fill` writes the facts
/// of who has, and `cgroup` is whose loss it is where there is no room.
#[inline(always)]
pub(crate) fn send_apart(
    kind: RecordKind,
    program: Program,
    cgroup: impl FnOnce() -> (u64, u32),
    fill: impl FnOnce(&Record) -> Result<(), DropReason>,
) {
    count::add(counter::attempted(kind));
    let Some(record) = Record::claim() else {
        return count::dropped(kind, DropReason::ScratchExhausted, cgroup());
    };
    record.open(kind as u32, kind.body_bytes(), program as u32);
    // Whose token it takes is known once it is filled.
    match fill(&record) {
        Ok(()) => {
            record.take_token(kind as u32, NO_ENTRY);
        }
        Err(reason) => record.refuse(reason),
    }
    rm_end(record.index);
}

/// What the filter left behind of the path of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Built {
    /// It is still to be put together.
    No,
    /// It is in the buffer of the slot.
    Whole,
    /// It is there, and was cut.
    Cut,
}

/// As [`send`], of an act that is told of only where `admits` says so, which may use the slot, and
/// by which entry of the filter.
#[inline(always)]
pub(crate) fn send_if<const TYPED: bool>(
    kind: RecordKind,
    program: Program,
    task: Kptr,
    admits: impl FnOnce(u32) -> Option<(Built, u64)>,
    fill: impl FnOnce(&Record, Built) -> Result<(), DropReason>,
) {
    let Some(record) = Record::claim() else {
        count::add(counter::attempted(kind));
        return count::dropped(kind, DropReason::ScratchExhausted, task::cgroup::<TYPED>(task));
    };
    if let Some((built, entry)) = admits(record.index) {
        count::add(counter::attempted(kind));
        record.start::<TYPED>(kind, program, task);
        return record.fill_and_end(kind, entry, |record| fill(record, built));
    }
    record.release();
}

/// Sends the record of a slot unless it was refused, counts it and gives the slot back.
///
/// A global function: the verifier looks at it once in each program, and it gives its part of the
/// stack back.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn rm_end(index: u32) -> u64 {
    let Some(record) = Record::claimed(index) else { return 0 };
    let header = record.header();
    let kind = u32::from(header.kind);
    // SAFETY: the slot is ours.
    let mut refusal = unsafe { refused(record.slot).read_volatile() };
    if refusal == SENT_IF_NAMED {
        let is_named = flood::has_named_token(index, kind);
        refusal = if is_named { SENT } else { DropReason::BucketEmpty as u32 };
    }
    if refusal == SENT && record.submit(kind).is_err() {
        refusal = DropReason::RingFull as u32;
    }
    if refusal == SENT {
        count::add_kind(counter::submitted(RecordKind::Task), kind);
    } else {
        let cgroup = (header.cgroup_id, header.cgroup_hierarchy);
        count::dropped_number(kind, refusal, cgroup);
    }
    record.release();
    0
}

/// In place of a reason not to send a record: none.
const SENT: u32 = u32::MAX;
/// It is sent if its path names an entry of the filter with a token.
const SENT_IF_NAMED: u32 = u32::MAX - 1;

/// The most that sections before the environment of a program take.
pub(crate) const BEFORE_ENV: u64 = (FIXED_BYTES + PATH_BYTES + FILENAME_BYTES + CWD_BYTES) as u64;

impl Record {
    /// Takes a token, lets `fill` add what the record is about, sends it and gives the slot back.
    #[inline(always)]
    fn fill_and_end(
        &self,
        kind: RecordKind,
        entry: u64,
        fill: impl FnOnce(&Self) -> Result<(), DropReason>,
    ) {
        if self.take_token(kind as u32, entry)
            && let Err(reason) = fill(self)
        {
            self.refuse(reason);
        }
        rm_end(self.index);
    }

    /// Takes a token for a record whose header is written. False where it need not be filled: it is
    /// not to be sent.
    #[inline(always)]
    pub(crate) fn take_token(&self, kind: u32, entry: u64) -> bool {
        // SAFETY: the slot is ours.
        unsafe { refused(self.slot).write_volatile(SENT) };
        if flood::has_token(self.index, kind, entry) {
            return true;
        }
        // Only a path can still tell that this is not part of the noise.
        let may_be_named = entry == NO_ENTRY && flood::has_path(kind);
        let refusal = if may_be_named { SENT_IF_NAMED } else { DropReason::BucketEmpty as u32 };
        // SAFETY: as above.
        unsafe { refused(self.slot).write_volatile(refusal) };
        may_be_named
    }

    /// Says why the record is not to be sent.
    #[inline(always)]
    fn refuse(&self, reason: DropReason) {
        // SAFETY: the slot is ours.
        unsafe { refused(self.slot).write_volatile(reason as u32) };
    }

    /// The record in a slot that the caller, or its caller, has claimed.
    #[inline(always)]
    pub(crate) fn claimed(index: u32) -> Option<Self> {
        Some(Self { slot: SCRATCH.get_ptr_mut(index)?, index })
    }

    /// Bytes that wait in the ring.
    #[inline(always)]
    pub(crate) fn unread() -> u64 {
        // SAFETY: a helper that looks at a map.
        unsafe { bpf_ringbuf_query((&raw const RECORDS).cast_mut().cast(), BPF_RB_AVAIL_DATA) }
    }

    /// Takes a slot that no interrupted program is using.
    ///
    /// It is ours if we are its only claimant. Another program that comes between the addition
    /// and the look makes both go on to the next slot, which is safe.
    #[inline(always)]
    pub(crate) fn claim() -> Option<Self> {
        let mut index = 0;
        while index < SCRATCH_SLOTS {
            let slot = SCRATCH.get_ptr_mut(index)?;
            let claims = claims(slot);
            // SAFETY: an aligned word of map memory.
            unsafe { count::atomic_add(claims, 1) };
            // SAFETY: as above.
            if unsafe { claims.read_volatile() } == 1 {
                return Some(Self { slot, index });
            }
            // SAFETY: as above.
            unsafe { count::atomic_add(claims, -1) };
            index += 1;
        }
        None
    }

    /// Gives the slot back.
    #[inline(always)]
    pub(crate) fn release(&self) {
        // SAFETY: as in `claim`.
        unsafe { count::atomic_add(claims(self.slot), -1) };
    }

    /// Writes the header and places the end behind the fixed body.
    #[inline(always)]
    pub(crate) fn start<const TYPED: bool>(&self, kind: RecordKind, program: Program, task: Kptr) {
        self.start_number::<TYPED>(kind as u32, kind.body_bytes(), program as u32, task);
    }

    /// As [`Record::start`], by the numbers of kind and program.
    #[inline(always)]
    pub(crate) fn start_number<const TYPED: bool>(
        &self,
        kind: u32,
        body_bytes: usize,
        program: u32,
        task: Kptr,
    ) {
        self.open(kind, body_bytes, program);
        task::describe::<TYPED>(self.header(), task);
    }

    /// Writes what the header says of the record, and nothing of who acted; places the end behind
    /// the fixed body.
    #[inline(always)]
    fn open(&self, kind: u32, body_bytes: usize, program: u32) {
        // SAFETY: the slot is ours; nobody else reads or writes `sequence`.
        let sequence = unsafe { &mut (*self.slot).sequence };
        *sequence += 1;
        let header = self.header();
        header.kind = kind as u16;
        header.origin = monitor_common::header::origin::KERNEL_OBJECT;
        header.flags = 0;
        header.program = program;
        header.sequence = *sequence;
        // SAFETY: a helper without arguments.
        let cpu = unsafe { bpf_get_smp_processor_id() };
        header.stream = cpu * SCRATCH_SLOTS + self.index;
        // SAFETY: a helper without arguments.
        header.boottime_ns = unsafe { bpf_ktime_get_boot_ns() };
        self.set_end((size_of::<Header>() + body_bytes) as u64);
    }

    /// Which of the CPU's slots this is.
    #[inline(always)]
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The header.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "the slot is ours alone, and map memory")]
    pub(crate) fn header(&self) -> &mut Header {
        // SAFETY: the slot is ours and larger than a header; any bytes are a valid header.
        unsafe { &mut *self.bytes().cast() }
    }

    /// The fixed body; its bytes are those of an earlier record until they are written.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "the slot is ours alone, and map memory")]
    pub(crate) fn body<T: zerocopy::FromBytes>(&self) -> &mut T {
        // SAFETY: the slot is ours and has room for the largest body behind the header; any bytes
        // are a valid `T`.
        unsafe { &mut *self.bytes().wrapping_add(size_of::<Header>()).cast() }
    }

    /// The bytes of the record.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> *mut u8 {
        // SAFETY: only the address is taken.
        unsafe { (&raw mut (*self.slot).bytes).cast() }
    }

    /// Where the next section goes.
    #[inline(always)]
    pub(crate) fn end(&self) -> u64 {
        // SAFETY: the slot is ours; volatile, so that the compiler does not know the value.
        unsafe { end(self.slot).read_volatile() }
    }

    /// Says where the next section goes.
    #[inline(always)]
    pub(crate) fn set_end(&self, value: u64) {
        // SAFETY: the slot is ours.
        unsafe { end(self.slot).write_volatile(value) }
    }

    /// User memory that is still to be looked at: from, to.
    #[inline(always)]
    pub(crate) fn rest(&self) -> (u64, u64) {
        // SAFETY: the slot is ours; volatile, as in `end`.
        let from = unsafe { rest(self.slot).read_volatile() };
        // SAFETY: as above, the second of two words.
        let to = unsafe { rest(self.slot).wrapping_add(1).read_volatile() };
        (from, to)
    }

    /// What was seen on the way through user memory.
    #[inline(always)]
    pub(crate) fn seen(&self) -> u64 {
        // SAFETY: the slot is ours; volatile, as in `end`; the third of three words.
        unsafe { rest(self.slot).wrapping_add(2).read_volatile() }
    }

    /// Says what was seen on the way through user memory.
    #[inline(always)]
    pub(crate) fn set_seen(&self, seen: u64) {
        // SAFETY: as in `seen`.
        unsafe { rest(self.slot).wrapping_add(2).write_volatile(seen) }
    }

    /// Says what user memory is still to be looked at.
    #[inline(always)]
    pub(crate) fn set_rest(&self, from: u64, to: u64) {
        // SAFETY: the slot is ours.
        unsafe { rest(self.slot).write_volatile(from) };
        // SAFETY: as above, the second of two words.
        unsafe { rest(self.slot).wrapping_add(1).write_volatile(to) };
    }

    /// Writes the length into the header and returns it.
    #[inline(always)]
    pub(crate) fn finish(&self) -> u64 {
        let length = read::at_most(self.end(), RECORD_BYTES as u64);
        self.header().len = length as u32;
        length
    }

    /// Sends the record, whose kind has this number; wakes the reader if it sleeps.
    #[inline(always)]
    fn submit(&self, kind: u32) -> Result<(), DropReason> {
        if !flood::leaves_headroom(kind) {
            return Err(DropReason::RingFull);
        }
        let length = self.finish();
        let wakeup = wakeup();
        // SAFETY: the slot has `RECORD_BYTES` bytes and `length` is at most that.
        let sent = unsafe {
            bpf_ringbuf_output(
                (&raw const RECORDS).cast_mut().cast(),
                self.bytes().cast(),
                length,
                wakeup,
            )
        };
        if wakeup == BPF_RB_NO_WAKEUP {
            wake_late_sleeper();
        }
        if sent == 0 { Ok(()) } else { Err(DropReason::RingFull) }
    }
}

/// Waking costs several microseconds, so it is done only for a reader that asked for it: while
/// records flow, the reader looks by itself every millisecond.
#[inline(always)]
fn wakeup() -> u64 {
    let Some(sleeps) = READER_SLEEPS.get_ptr_mut(0) else { return BPF_RB_FORCE_WAKEUP };
    // SAFETY: map memory; two programs that both see 1 both wake, which does no harm.
    let asleep = unsafe { sleeps.read_volatile() };
    if asleep == 0 {
        return BPF_RB_NO_WAKEUP;
    }
    // SAFETY: as above.
    unsafe { sleeps.write_volatile(0) };
    BPF_RB_FORCE_WAKEUP
}

/// Wakes a reader that fell asleep between the look at it and the record: with an entry that it
/// never sees.
#[inline(always)]
fn wake_late_sleeper() {
    if wakeup() == BPF_RB_FORCE_WAKEUP
        && let Some(entry) = RECORDS.reserve::<u64>(0)
    {
        entry.discard(BPF_RB_FORCE_WAKEUP);
    }
}

#[inline(always)]
fn claims(slot: *mut Slot) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*slot).claims }
}

#[inline(always)]
fn refused(slot: *mut Slot) -> *mut u32 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*slot).refused }
}

#[inline(always)]
fn rest(slot: *mut Slot) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { (&raw mut (*slot).rest).cast() }
}

#[inline(always)]
fn end(slot: *mut Slot) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*slot).end }
}
