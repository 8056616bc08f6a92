//! What is remembered of directories: the kinds that no rule asks for of any file in them.
//!
//! Each CPU has a table of its own, in which a directory has one place. What stands there holds for
//! as long as the directory has its path, and the filter is the same.

use monitor_common::{Member, limits::FILTER_DIRECTORIES};

use crate::{
    maps::{FILTER, FILTER_DIRS, offset, sequences},
    path,
    read::{Kptr, raw},
};

/// What a directory is known by: itself, the filter, and what would have changed if its path had.
/// All zeros where that cannot be said.
pub(crate) type Key = [u64; KEY_WORDS];

const KEY_WORDS: usize = 7;

const _: () = assert!(FILTER_DIRECTORIES.is_power_of_two(), "places are found by a mask");

/// A key, the kinds, and what shows that all of it was written by one program: another may come in
/// between.
pub(crate) type Remembered = [u64; KEY_WORDS + 2];

/// What a directory, seen through a `struct vfsmount`, is known by.
#[inline(always)]
pub(crate) fn key(directory: Kptr, mount: u64) -> Key {
    let filter = FILTER.at(2);
    let [renames, mounts] = sequences();
    if renames == 0 || mounts == 0 {
        return match path::digest(mount, directory) {
            Some([first, second]) => [first, second, 0, 0, 0, 0, filter],
            None => [0; KEY_WORDS],
        };
    }
    let inode: Kptr = raw(directory.wrapping_add(offset(Member::DentryInode)));
    // An address may be given to another directory, of the same number even.
    let (above, [seq, name]) = path::identity(directory);
    let inode: u64 = raw(inode.wrapping_add(offset(Member::InodeIno)));
    let renames: u32 = raw(renames as Kptr);
    let mounts: u32 = raw(mounts as Kptr);
    let now = u64::from(renames) << 32 | u64::from(mounts);
    [directory as u64 ^ seq, mount, inode, above as u64, name, now, filter]
}

/// The kinds that are not asked for of files in a directory, if that is remembered.
#[inline(always)]
pub(crate) fn of(key: &Key) -> Option<u64> {
    let place = place(key)?;
    // SAFETY: words of map memory.
    let word = |at: usize| unsafe { place.wrapping_add(at).read_volatile() };
    let kinds = word(KEY_WORDS);
    let is_it = key.iter().enumerate().all(|(at, known)| word(at) == *known);
    let [first, ..] = *key;
    (is_it && first != 0 && word(KEY_WORDS + 1) == seal(key, kinds)).then_some(kinds)
}

/// Remembers the kinds, in place of what stood there.
#[inline(always)]
pub(crate) fn remember(key: &Key, kinds: u64) {
    let [first, ..] = *key;
    if first == 0 {
        return;
    }
    let Some(place) = place(key) else { return };
    // SAFETY: words of map memory.
    let set = |at: usize, value: u64| unsafe { place.wrapping_add(at).write_volatile(value) };
    for (at, word) in key.iter().enumerate() {
        set(at, *word);
    }
    set(KEY_WORDS, kinds);
    set(KEY_WORDS + 1, seal(key, kinds));
}

#[inline(always)]
fn place(key: &Key) -> Option<*mut u64> {
    // The lowest bits of an address are all the same.
    let [first, second, ..] = *key;
    let mixed = (first ^ second.rotate_left(7)).wrapping_mul(ODD) >> 32;
    Some(FILTER_DIRS.get_ptr_mut(mixed as u32 & (FILTER_DIRECTORIES - 1))?.cast())
}

/// Of the words of two entries it is none, but by chance in one of 2^64.
#[inline(always)]
fn seal(key: &Key, kinds: u64) -> u64 {
    let [a, b, c, d, e, f, g] = *key;
    let one = (a ^ c.rotate_left(9) ^ e.rotate_left(33) ^ g.rotate_left(51)).wrapping_mul(ODD);
    let other = (b ^ d.rotate_left(9) ^ f.rotate_left(33)).wrapping_add(kinds).wrapping_mul(ODD);
    one ^ other.rotate_left(23)
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
