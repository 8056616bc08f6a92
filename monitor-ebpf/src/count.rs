//! The counters: each is added to atomically, since a program can be interrupted by another on
//! the same CPU.

use monitor_common::{DropReason, Program, RecordKind, counter};

use crate::{
    maps::{COUNTERS, LOSSES},
    read,
};

/// Adds to a word in one step that no interrupt can split.
///
/// Written out, since an atomic addition that also returns the old value needs Linux 5.12 and the
/// language offers no other for this target.
///
/// # Safety
/// `word` must be an aligned word of map memory.
#[inline(always)]
pub(crate) unsafe fn atomic_add(word: *mut u64, value: i64) {
    // SAFETY: the caller vouches for the word; the verifier checks it.
    unsafe {
        core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) word, in(reg) value);
    }
}

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn add(index: usize) {
    if let Some(counters) = COUNTERS.get_ptr_mut(0) {
        let counter = counters.cast::<u64>().wrapping_add(index);
        // SAFETY: `index` is a constant below the array's length: a counter in map memory.
        unsafe { atomic_add(counter, 1) };
    }
}

/// Adds one to the counter of a kind; `first` is that of the kind with the number 0.
#[inline(always)]
pub(crate) fn add_kind(first: usize, kind: u32) {
    let Some(kind) = read::bounded(kind.into(), RecordKind::COUNT as u64 - 1) else { return };
    if let Some(counters) = COUNTERS.get_ptr_mut(0) {
        let counter = counters.cast::<u64>().wrapping_add(first + kind as usize);
        // SAFETY: `first` is a constant, `kind` was checked: a counter in map memory.
        unsafe { atomic_add(counter, 1) };
    }
}

/// Adds one to the counter of a program; `first` is that of the program with the number 0.
#[inline(always)]
pub(crate) fn add_program(first: usize, program: u32) {
    let Some(program) = read::bounded(program.into(), Program::COUNT as u64 - 1) else { return };
    if let Some(counters) = COUNTERS.get_ptr_mut(0) {
        let counter = counters.cast::<u64>().wrapping_add(first + program as usize);
        // SAFETY: as in `add_kind`.
        unsafe { atomic_add(counter, 1) };
    }
}

/// Counts a lost record, in total and for its cgroup.
#[inline(always)]
pub(crate) fn dropped(kind: RecordKind, reason: DropReason, cgroup: (u64, u32)) {
    add(counter::dropped(kind, reason));
    dropped_of(reason as u32, cgroup);
}

/// As [`dropped`], by the numbers of kind and reason.
#[inline(always)]
pub(crate) fn dropped_number(kind: u32, reason: u32, cgroup: (u64, u32)) {
    for each in DropReason::ALL {
        if each as u32 == reason {
            add_kind(counter::dropped(RecordKind::Task, each), kind);
        }
    }
    dropped_of(reason, cgroup);
}

#[inline(always)]
fn dropped_of(reason: u32, (id, hierarchy): (u64, u32)) {
    let Some(reason) = read::bounded(reason.into(), DropReason::COUNT as u64 - 1) else { return };
    let cgroup = counter::loss_key(id, hierarchy);
    if let Some(losses) = LOSSES.get_ptr_mut(cgroup) {
        let loss = losses.cast::<u64>().wrapping_add(reason as usize);
        // SAFETY: the array has a place for every reason: a counter in map memory.
        unsafe { atomic_add(loss, 1) };
        return;
    }
    let losses = DropReason::ALL.map(|each| u64::from(each as u64 == reason));
    // BPF_NOEXIST: where another CPU was faster, its entry must not be overwritten.
    if LOSSES.insert(cgroup, losses, 1).is_err() {
        add(counter::LOSS_UNATTRIBUTED);
    }
}
