//! The environment of a program: all of it where there is room, else the variables that are asked
//! for, wherever they stand. Who starts a program could hide one behind others otherwise.

use aya_ebpf::helpers::generated::bpf_probe_read_user_str;
use monitor_common::limits::{ENV_BYTES, ENV_KEYS, ENV_VARIABLE_BYTES, ENV_VARIABLES};

use crate::{
    maps::ENV_WANTED,
    read,
    record::{BEFORE_ENV, Record},
};

const DONE: u64 = 0;
const CUT: u64 = 1;
const GOES_ON: u64 = 2;

/// Seen: the last read ended within a variable.
const IN_THE_MIDDLE: u64 = 1;
/// Seen: a variable that is asked for was cut.
const CUT_ONE: u64 = 2;

/// Variables that one part of the search looks at.
const PART: u32 = 16;

/// Appends an environment; returns the length of the section, and whether something was cut.
#[inline(always)]
pub(crate) fn append(record: &Record, start: u64, length: u64) -> (u32, bool) {
    if length <= ENV_BYTES as u64 {
        return (record.append_user::<BEFORE_ENV, { ENV_BYTES as u64 }>(start, length), false);
    }
    let before = record.end();
    record.set_rest(start, start + length);
    record.set_seen(0);
    let mut part = 0;
    while part < ENV_VARIABLES / PART {
        part += 1;
        let end = rm_env_part(record.index());
        if end != GOES_ON {
            let cut = end == CUT || record.seen() & CUT_ONE != 0;
            return ((record.end() - before) as u32, cut);
        }
    }
    ((record.end() - before) as u32, true)
}

/// A global function: the verifier looks at it once, by itself.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_env_part(slot: u32) -> u64 {
    const LAST: u64 = BEFORE_ENV + (ENV_BYTES - ENV_VARIABLE_BYTES) as u64;
    let Some(wanted) = ENV_WANTED.get(0) else { return CUT };
    let Some(record) = Record::claimed(slot) else { return CUT };
    let mut looked_at = 0;
    while looked_at < PART {
        looked_at += 1;
        let (at, stop) = record.rest();
        if at >= stop {
            return DONE;
        }
        let Some(end) = read::bounded(record.end(), LAST) else { return CUT };
        let place = record.bytes().wrapping_add(end as usize);
        // SAFETY: `end` and the variable behind it lie within the slot; the verifier checks that.
        let read = unsafe {
            bpf_probe_read_user_str(place.cast(), ENV_VARIABLE_BYTES as u32, at as *const _)
        };
        if read <= 0 {
            return CUT;
        }
        let length = read::at_most(read as u64, ENV_VARIABLE_BYTES as u64);
        // One that is longer goes on behind the zero that was written in place of its next byte.
        let goes_on = u64::from(length == ENV_VARIABLE_BYTES as u64);
        record.set_rest(at + length - goes_on, stop);
        let seen = record.seen();
        record.set_seen(seen & CUT_ONE | goes_on);
        if seen & IN_THE_MIDDLE != 0 {
            continue; // the rest of a variable, whatever it looks like
        }
        // SAFETY: eight bytes of the slot; what lies behind a shorter variable does not match,
        // for its final zero is no part of a key.
        let first = unsafe { place.cast::<u64>().read_unaligned() };
        if is_wanted(first, wanted) {
            record.set_end(end + length);
            record.set_seen(record.seen() | goes_on << 1);
        }
    }
    GOES_ON
}

/// Whether the first bytes of a variable are those of a key.
#[inline(always)]
fn is_wanted(first: u64, wanted: &[[u64; 2]; ENV_KEYS]) -> bool {
    for [key, mask] in wanted {
        if first & mask == *key {
            return true;
        }
    }
    false
}
