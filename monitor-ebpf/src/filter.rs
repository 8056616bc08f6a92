//! The filter that is made of the rules: what no rule can be about is not told of.
//!
//! Most files that are opened are in directories of which no rule asks for anything. This is
//! remembered by directory, so that their paths need not be put together again and again.
//! Connections and datagrams are looked at in `peer.rs`.
//!
//! What passes names the entry that it passes by: each has a token bucket of its own (`flood.rs`).

use aya_ebpf::helpers::generated::bpf_map_lookup_elem;
use monitor_common::{
    Member, RecordKind, counter,
    filter::{DIRECTORY, FIRST_ENTRY, MARK_WORDS, NUMBERS, mark},
    limits::{FILTER_NAME_BYTES, FILTER_PATH_BYTES, PATH_BYTES},
};

use crate::{
    count,
    file::Opened,
    flood::NO_ENTRY,
    maps::{FILTER, FILTER_MARKS, FILTER_NAMES, FILTER_PATHS, FILTER_USERS, PATHS, offset},
    path::{self, Buffer},
    read::{self, Kptr, raw},
    record::Built,
    remembered, task,
};

/// Whether the filter is for a kind at all.
#[inline(always)]
pub(crate) fn is_for(kind: RecordKind) -> bool {
    FILTER.at(1) >> kind as u64 & 1 != 0
}

const S_IFMT: u16 = 0xf000;
const S_IFBLK: u16 = 0x6000;
const MAY_EXECUTE: u16 = 0o111;

/// Whether a rule asks for whatever the user who acts does of a kind.
#[inline(always)]
pub(crate) fn asks_for_user(kind: RecordKind) -> bool {
    FILTER.at(4) >> kind as u64 & 1 != 0 && rm_filter_user(kind as u32) != 0
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_user(kind: u32) -> u64 {
    let Some(users) = FILTER_USERS.get(FILTER.at(0) as u32 & u32::from(NUMBERS)) else { return 1 };
    let user = u64::from(task::user::<false>(task::current::<false>()));
    for range in users {
        // Read once each, as another may be put in their place.
        let [first, last, kinds] =
            // SAFETY: three words of a map's value.
            core::array::from_fn(|at| unsafe { range.as_ptr().wrapping_add(at).read_volatile() });
        if kinds >> (kind & 63) & 1 != 0 && (first..=last).contains(&user) {
            return 1;
        }
    }
    0
}

/// Whether it is known already that no rule is about a file, without a slot to look closer in.
/// Counts the act if so.
#[inline(always)]
pub(crate) fn is_known_to_refuse(kind: RecordKind, opened: &Opened) -> bool {
    let dentry = opened.dentry();
    let mount = opened.mount as u64;
    let refuses = passes_anyway(kind, opened).is_none()
        && !path::is_root(dentry, mount)
        && rm_filter_known(kind as u32, dentry as u64, mount) == REFUSED;
    if refuses {
        count::add_kind(counter::filtered(RecordKind::Task), kind as u32);
    }
    refuses
}

/// By which entry the file passes, as some rule may be about it, and whether its path is put
/// together already. Counts the act if it does not.
#[inline(always)]
pub(crate) fn admits(slot: u32, kind: RecordKind, opened: &Opened) -> Option<(Built, u64)> {
    if let Some(entry) = passes_anyway(kind, opened) {
        return Some((Built::No, entry));
    }
    let dentry = opened.dentry();
    let (mut name, mut mount) = (dentry as u64, opened.mount as u64);
    // What is mounted there has the name that it is mounted by.
    if path::is_root(dentry, mount) {
        if rm_filter_mounted(slot, name, mount) == REFUSED {
            return Some((Built::No, NO_ENTRY));
        }
        (name, mount) = path::at(PATHS.get_ptr_mut(slot)?);
    }
    let passes = rm_filter_name(slot, kind as u32, name);
    if passes >= PASSES {
        return Some((Built::No, passes - PASSES));
    }
    if rm_filter_directory(slot, kind as u32, name, mount) != REFUSED {
        match path::build_at(slot, mount, name) {
            None => return Some((Built::No, NO_ENTRY)),
            Some((_, true)) => return Some((Built::Cut, CUT)),
            Some((_, false)) => {}
        }
        let passes = rm_filter_path(slot, kind as u32, name, mount);
        rm_filter_remember(slot, name, mount);
        if passes >= PASSES {
            return Some((Built::Whole, passes - PASSES));
        }
    }
    count::add_kind(counter::filtered(RecordKind::Task), kind as u32);
    None
}

/// The entry of what passes whatever its path: what is asked for of the user, programs that the
/// open creates, and block devices.
#[inline(always)]
fn passes_anyway(kind: RecordKind, opened: &Opened) -> Option<u64> {
    if asks_for_user(kind) {
        return Some(OF_USER);
    }
    let mode: u16 = raw(opened.inode.wrapping_add(offset(Member::InodeMode)));
    if opened.is_created() && mode & MAY_EXECUTE != 0 {
        return Some(NEW_PROGRAM);
    }
    if mode & S_IFMT == S_IFBLK { Some(BLOCK_DEVICE) } else { None }
}

const REFUSED: u64 = 0;
/// Only the path can tell.
const OPEN: u64 = 1;
/// Added to the number of the entry.
const PASSES: u64 = 2;

/// Stands for an entry where paths are too long to be looked at as a whole.
const CUT: u64 = FIRST_ENTRY - 1;
const NEW_PROGRAM: u64 = FIRST_ENTRY - 2;
const BLOCK_DEVICE: u64 = FIRST_ENTRY - 3;
const OF_USER: u64 = FIRST_ENTRY - 4;

/// What the entry that the path in a key has says of a kind: its number, or [`NO_ENTRY`]. The path
/// stands behind [`KEY_HEAD`] bytes, with room for one more behind it.
#[inline(always)]
pub(crate) fn entry_of(key: *mut u8, length: u64, kind: u32) -> u64 {
    let number = FILTER.at(0);
    let Some(end) = read::bounded(length, FILTER_PATH_BYTES as u64) else { return NO_ENTRY };
    // SAFETY: the caller left room for it.
    unsafe { key.wrapping_add(KEY_HEAD + end as usize).write_volatile(0) };
    let [kinds, entry] = prefix(key, number as u8, length + 1);
    if kinds >> (kind & 63) & 1 != 0 { entry } else { NO_ENTRY }
}

/// The length of a key, and the number of the filter.
pub(crate) const KEY_HEAD: usize = 5;

/// What is known without a look at names and paths: [`REFUSED`] or [`OPEN`].
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_known(kind: u32, dentry: u64, mount: u64) -> u64 {
    let (parent, length, name) = path::entry(dentry as Kptr);
    if is_marked(length, name) {
        return OPEN;
    }
    match remembered::of(&remembered::key(parent, mount)) {
        Some(nothing) if nothing >> (kind & 63) & 1 != 0 => REFUSED,
        _ => OPEN,
    }
}

/// Whether a name may be in the table of names.
#[inline(always)]
fn is_marked(length: u64, name: Kptr) -> bool {
    // A name that is shorter stands within its entry, and a longer one is longer than this read.
    let (word, bit) = mark(length, raw(name));
    let Some(marks) = FILTER_MARKS.get(FILTER.at(0) as u32 & u32::from(NUMBERS)) else {
        return true;
    };
    let Some(word) = read::bounded(word as u64, MARK_WORDS as u64 - 1) else { return true };
    let place = (&raw const *marks).cast::<u64>().wrapping_add(word as usize);
    // SAFETY: a word of the marks, by a number that was checked.
    unsafe { place.read_volatile() >> (bit & 63) & 1 != 0 }
}

/// Leaves the entry that a mount's root is mounted on in the buffer; [`REFUSED`] if there is none.
///
/// Global functions, here and below, for the sake of the stack; none calls another.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_mounted(slot: u32, dentry: u64, mount: u64) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return REFUSED };
    let Some((dentry, mount)) = path::mounted(dentry as Kptr, mount) else { return REFUSED };
    path::set_at(buffer, dentry as u64, mount);
    // The root of all has no name, and no directory.
    if path::is_root(dentry, mount) {
        return REFUSED;
    }
    OPEN
}

/// What the name of a file says: [`OPEN`] or an entry.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_name(slot: u32, kind: u32, dentry: u64) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return PASSES };
    let (_, length, name) = path::entry(dentry as Kptr);
    let [of_name, entry] = of_name(buffer, FILTER.at(0), length, name);
    if of_name >> (kind & 63) & 1 != 0 { PASSES + entry } else { OPEN }
}

/// What is remembered of the directory of a file: [`OPEN`] or [`REFUSED`]. Writes down what it is
/// known by.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_directory(slot: u32, kind: u32, dentry: u64, mount: u64) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return OPEN };
    let (parent, _, _) = path::entry(dentry as Kptr);
    let key = remembered::key(parent, mount);
    // SAFETY: a place in a buffer that belongs to a claimed slot.
    unsafe { path::directory(buffer).write(key) };
    match remembered::of(&key) {
        Some(nothing) if nothing >> (kind & 63) & 1 != 0 => REFUSED,
        _ => OPEN,
    }
}

/// What the path of a file says, which is in the buffer, and the name of its directory: an entry or
/// [`REFUSED`]. Writes down what can be remembered of the directory.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_path(slot: u32, kind: u32, dentry: u64, mount: u64) -> u64 {
    let (number, kind) = (FILTER.at(0), u64::from(kind & 63));
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return PASSES };
    // SAFETY: as in `rm_filter_directory`.
    unsafe { path::nothing(buffer).write(0) };
    // A path that is so long that it is where the keys of names are made.
    if path::position(buffer) <= FILTER_NAME_BYTES as u64 {
        return PASSES;
    }
    let (parent, name_length, _) = path::entry(dentry as Kptr);
    let Some((parent, _)) = path::mounted(parent, mount) else { return PASSES };
    let (_, length, name) = path::entry(parent);
    let [of_parent, parent_entry] = of_name(buffer, number | u64::from(DIRECTORY), length, name);
    let ([of_file, file_entry], of_none) = of_path(buffer, number, name_length);
    // SAFETY: as above.
    unsafe { path::nothing(buffer).write(of_none & !of_parent) };
    if of_file >> kind & 1 != 0 {
        return PASSES + file_entry;
    }
    if of_parent >> kind & 1 != 0 { PASSES + parent_entry } else { REFUSED }
}

/// Remembers what was written down of the directory of a file.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_filter_remember(slot: u32, dentry: u64, mount: u64) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return 0 };
    let (parent, _, _) = path::entry(dentry as Kptr);
    let key = remembered::key(parent, mount);
    let before = path::directory(buffer).cast::<u64>();
    // Word by word, as a copy would take much of the stack.
    let is_as_before = |(at, word): (usize, &u64)| {
        // SAFETY: as in `rm_filter_directory`; a word of the key.
        unsafe { before.wrapping_add(at).read_volatile() == *word }
    };
    // Otherwise it was given another name or place while its path was put together.
    if key.iter().enumerate().all(is_as_before) {
        // SAFETY: as above.
        remembered::remember(&key, unsafe { path::nothing(buffer).read_volatile() });
    }
    0
}

/// The kinds that are asked for of a file of this name, wherever it is, and the entry's number.
#[inline(always)]
fn of_name(buffer: *mut Buffer, number: u64, length: u64, name: Kptr) -> [u64; 2] {
    let key = path::front(buffer);
    // SAFETY: the front of a buffer that belongs to a claimed slot has room for a key.
    unsafe { key.cast::<[u64; FILTER_NAME_BYTES / 8]>().write([0; FILTER_NAME_BYTES / 8]) };
    // SAFETY: as above.
    unsafe { key.write(number as u8) };
    let length = read::at_most(length, FILTER_NAME_BYTES as u64 - 1);
    // SAFETY: as above; one byte and the name are a key at most.
    unsafe { read::copy_kernel(key.wrapping_add(1), length, name) };
    looked_up((&raw const FILTER_NAMES).cast(), key)
}

/// The kinds that are asked for of the file that was walked to, with the entry's number, and the
/// kinds that are not asked for of any file in its directory.
#[inline(always)]
fn of_path(buffer: *mut Buffer, number: u64, name_length: u64) -> ([u64; 2], u64) {
    const BEFORE: u64 = KEY_HEAD as u64;
    const ALL: [u64; 2] = [u64::MAX, NO_ENTRY];
    let (_, length) = path::built(buffer);
    let position = path::position(buffer);
    // The root itself stands elsewhere, and what is at the very front has no room before it.
    if position < BEFORE || position >= PATH_BYTES as u64 {
        return (ALL, 0);
    }
    let Some(start) = read::bounded(position - BEFORE, PATH_BYTES as u64) else {
        return (ALL, 0);
    };
    let key = path::bytes(buffer).wrapping_add(start as usize);
    let end = path::bytes(buffer).wrapping_add(PATH_BYTES);
    // SAFETY: behind the path there is room for a name.
    unsafe { end.write(0) };
    let file = prefix(key, number as u8, length + 1);
    // The directory with its slash; all that asks for a start of it asks for what is in it.
    let directory = length.saturating_sub(name_length);
    let [around, _] = prefix(key, number as u8, directory);
    let Some(slash) = read::bounded(start + BEFORE + directory, PATH_BYTES as u64) else {
        return (file, 0);
    };
    // In place of the first byte of the name, which is put back.
    let behind = path::bytes(buffer).wrapping_add(slash as usize);
    // SAFETY: within the path, or its final zero.
    let first = unsafe { behind.read_volatile() };
    // SAFETY: as above.
    unsafe { behind.write_volatile(0) };
    let [within, _] = prefix(key, number as u8 | DIRECTORY, directory + 1);
    // SAFETY: as above.
    unsafe { behind.write_volatile(first) };
    (file, !(around | within))
}

/// The longest entry that `length` bytes behind the key's head start with.
#[inline(always)]
fn prefix(key: *mut u8, number: u8, length: u64) -> [u64; 2] {
    let bits = (1 + read::at_most(length, FILTER_PATH_BYTES as u64 - 1)) * 8;
    let [a, b, c, d] = (bits as u32).to_ne_bytes();
    // Byte by byte: a path may start anywhere.
    for (at, byte) in [a, b, c, d, number].into_iter().enumerate() {
        // SAFETY: the head of the key, in a buffer that belongs to a claimed slot.
        unsafe { key.wrapping_add(at).write_volatile(byte) };
    }
    looked_up((&raw const FILTER_PATHS).cast(), key)
}

/// Kinds and number of an entry.
#[inline(always)]
fn looked_up(map: *const core::ffi::c_void, key: *mut u8) -> [u64; 2] {
    // SAFETY: the key is as long as the map's, which the verifier checks.
    let found = unsafe { bpf_map_lookup_elem(map.cast_mut(), key.cast()) };
    if found.is_null() {
        return [0, NO_ENTRY];
    }
    // SAFETY: a value of the map.
    unsafe { found.cast::<[u64; 2]>().read_volatile() }
}
