//! Bounds what one container can make the kernel tell of: a token bucket for each cgroup, kind and
//! entry of the filter. Who floods loses records of that sort alone, and each is counted.
//!
//! A bucket is one number: the time at which all tokens that were taken are given back, at one in
//! each interval. It is full when that time has passed, and empty when it is too far ahead.

use monitor_common::{
    Act, FileOpen, Header, RecordKind, counter,
    limits::{FILTER_PATH_BYTES, RECORD_BYTES},
};

use crate::{
    count, filter,
    maps::{BUCKETS, PATHS, bucket_rate, headroom},
    path,
    read::{self, Kptr},
    record::Record,
};

/// The entry of what passes the filter without one.
pub(crate) const NO_ENTRY: u64 = 0;

/// Whether a kind is bounded. The processes are not: what is told of all other acts rests on them.
#[inline(always)]
pub(crate) fn is_bounded(kind: u32) -> bool {
    kind != RecordKind::Task as u32
        && kind != RecordKind::Exec as u32
        && kind != RecordKind::Fork as u32
        && kind != RecordKind::Exit as u32
        && kind != RecordKind::CgroupMkdir as u32
        && kind != RecordKind::CgroupRmdir as u32
}

/// Whether the ring has room for a kind: its last part is kept for processes.
#[inline(always)]
pub(crate) fn leaves_headroom(kind: u32) -> bool {
    let limit = headroom();
    limit == 0 || !is_bounded(kind) || Record::unread() < limit
}

/// Takes a token for the record in a slot, whose header is written.
#[inline(always)]
pub(crate) fn has_token(index: u32, kind: u32, entry: u64) -> bool {
    !is_bounded(kind) || bucket_rate()[0] == 0 || rm_token(index, kind, entry) != 0
}

/// Takes a token of the entry that the path in a record is named by, where there is one: noise of
/// other paths does not empty that bucket.
#[inline(always)]
pub(crate) fn has_named_token(index: u32, kind: u32) -> bool {
    let entry = rm_entry(index, kind);
    entry != NO_ENTRY && rm_token(index, kind, entry) != 0
}

/// Whether the records of a kind begin with a path.
#[inline(always)]
pub(crate) fn has_path(kind: u32) -> bool {
    is_open(kind) || is_act_on_path(kind)
}

#[inline(always)]
fn is_open(kind: u32) -> bool {
    kind == RecordKind::FileOpen as u32
        || kind == RecordKind::FileRead as u32
        || kind == RecordKind::FileReceive as u32
}

#[inline(always)]
fn is_act_on_path(kind: u32) -> bool {
    kind >= RecordKind::Rename as u32 && kind <= RecordKind::Protect as u32
}

/// Global functions, here and below, for the sake of the stack; none calls another.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_token(index: u32, kind: u32, entry: u64) -> u64 {
    let Some(record) = Record::claimed(index) else { return 1 };
    let header = record.header();
    let [interval, burst] = bucket_rate();
    let now = header.boottime_ns;
    let cgroup = counter::loss_key(header.cgroup_id, header.cgroup_hierarchy);
    let key = [cgroup, u64::from(kind) | entry << 8];
    let Some(bucket) = BUCKETS.get_ptr_mut(key) else {
        if BUCKETS.insert(key, now + interval, 0).is_err() {
            count::add(counter::BUCKETS_FULL);
        }
        return 1;
    };
    // SAFETY: an aligned word of map memory. Two CPUs that meet here may both find the last token.
    let given_back = unsafe { bucket.read_volatile() };
    if given_back <= now {
        // SAFETY: as above.
        unsafe { bucket.write_volatile(now + interval) };
        return 1;
    }
    if given_back - now > burst {
        return 0;
    }
    // SAFETY: as above.
    unsafe { count::atomic_add(bucket, interval as i64) };
    1
}

/// The entry of the filter for the path, or the second path, that a record tells.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_entry(index: u32, kind: u32) -> u64 {
    let Some(record) = Record::claimed(index) else { return NO_ENTRY };
    let Some(buffer) = PATHS.get_ptr_mut(index) else { return NO_ENTRY };
    let key = path::front(buffer);
    let (first, length, other) = if is_open(kind) {
        let body: &FileOpen = record.body();
        (size_of::<Header>() + size_of::<FileOpen>(), body.path_len, 0)
    } else {
        let body: &Act = record.body();
        let skipped = body.path_len.wrapping_add(body.base_len);
        (size_of::<Header>() + size_of::<Act>(), body.path_len, skipped)
    };
    let entry = named(&record, key, first as u64, length.into(), kind);
    if entry != NO_ENTRY || is_open(kind) {
        return entry;
    }
    let body: &Act = record.body();
    named(&record, key, first as u64 + u64::from(other), body.other_len.into(), kind)
}

#[inline(always)]
fn named(record: &Record, key: *mut u8, at: u64, length: u64, kind: u32) -> u64 {
    const LONGEST: u64 = FILTER_PATH_BYTES as u64 - 2;
    let Some(at) = read::bounded(at, RECORD_BYTES as u64 - LONGEST) else { return NO_ENTRY };
    let length = read::at_most(length, LONGEST);
    if length == 0 {
        return NO_ENTRY;
    }
    let source: Kptr = record.bytes().wrapping_add(at as usize);
    // SAFETY: the front of the buffer of a claimed slot, which has room for a key.
    unsafe { read::copy_kernel(key.wrapping_add(filter::KEY_HEAD), length, source) };
    filter::entry_of(key, length, kind)
}
