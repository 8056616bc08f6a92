//! Paths, put together dentry by dentry from the file up to the root of its mount namespace.
//!
//! This is what the kernel itself would print: no link of user space's making is left in it.

use monitor_common::{
    Member,
    limits::{PATH_BYTES, PATH_DEPTH},
};

use crate::{
    maps::{PATHS, offset, readable},
    read::{self, Kptr},
    remembered::Key,
};

/// Longest name of one directory entry, `NAME_MAX`.
const NAME_BYTES: usize = 255;

/// Where a path is put together, from the end of `bytes` to its front.
#[repr(C, align(8))]
pub(crate) struct Buffer {
    /// First byte in use. In memory for the verifier's sake: as a local it would be followed
    /// exactly through every round and the walk would never verify.
    position: u64,
    /// The dentry that the walk is at. It stands in memory like the mount, since a global function
    /// takes no pointers.
    dentry: u64,
    /// The `struct mount` that the dentry is on.
    mount: u64,
    /// What the directory of a file was known by: see `remembered.rs`.
    directory: Key,
    /// The kinds that are not asked for of files in it.
    nothing: u64,
    bytes: [u8; PATH_BYTES + NAME_BYTES + 1],
}

/// Puts the path of a `struct path` together, in the buffer of a scratch slot. Returns the buffer
/// and whether the path was cut: too long, too deep, or not connected to the root.
#[inline(always)]
pub(crate) fn build(slot: u32, of: Kptr) -> Option<(*mut Buffer, bool)> {
    let [vfsmount, dentry] = both(of, Member::PathMnt, Member::PathDentry);
    build_at(slot, vfsmount, dentry)
}

/// As [`build`], of a dentry that is seen through a `struct vfsmount`.
#[inline(always)]
pub(crate) fn build_at(slot: u32, vfsmount: u64, dentry: u64) -> Option<(*mut Buffer, bool)> {
    let buffer = PATHS.get_ptr_mut(slot)?;
    set_at(buffer, dentry, vfsmount);
    set_position(buffer, PATH_BYTES as u64);
    let mut part = 0;
    while part < PATH_DEPTH / PART_DEPTH {
        part += 1;
        let end = rm_walk_part(slot);
        if end != GOES_ON {
            return Some((buffer, end == CUT));
        }
    }
    Some((buffer, true))
}

/// Whether an entry is the root of a `struct vfsmount`, through which it is seen.
#[inline(always)]
pub(crate) fn is_root(dentry: Kptr, vfsmount: u64) -> bool {
    let root = (vfsmount as Kptr).wrapping_add(offset(Member::VfsmountRoot));
    read::raw::<u64>(root) == dentry as u64
}

/// The entry by whose name one is reached, and the `struct vfsmount` that it is seen through: of
/// the root of a mount, what it is mounted on. None where more mounts are stacked than are climbed.
#[inline(always)]
pub(crate) fn mounted(mut dentry: Kptr, mut vfsmount: u64) -> Option<(Kptr, u64)> {
    let embedded = offset(Member::MountMnt) as u64;
    let mut step = 0;
    while step < STACKED_MOUNTS {
        step += 1;
        if !is_root(dentry, vfsmount) {
            return Some((dentry, vfsmount));
        }
        let place = vfsmount.wrapping_sub(embedded) as Kptr;
        let mount = Mount::read(place);
        // The root of all.
        if mount.parent == place || mount.parent.is_null() {
            return Some((dentry, vfsmount));
        }
        dentry = mount.mountpoint;
        vfsmount = (mount.parent as u64).wrapping_add(embedded);
    }
    None
}

/// Mounts on one another that are climbed to the entry below them.
const STACKED_MOUNTS: u32 = 4;

/// What came of a part of the walk.
const WHOLE: u64 = 0;
const CUT: u64 = 1;
const GOES_ON: u64 = 2;

/// Directories that one part of the walk climbs: most paths end in the first or second.
const PART_DEPTH: u32 = 8;

/// A global function: the verifier looks at it once, by itself, and follows the steps of one part
/// instead of all that there can be. Not in two, one calling the other: a program and all that it
/// calls share 512 bytes of stack.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_walk_part(slot: u32) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return CUT };
    let mut dentry = get(dentry_of(buffer)) as Kptr;
    let mut place = get(mount_of(buffer)) as Kptr;
    let mut mount = Mount::read(place);
    let mut step = 0;
    while step < PART_DEPTH {
        step += 1;
        if dentry == mount.root {
            if mount.parent == place || mount.parent.is_null() {
                return WHOLE;
            }
            dentry = mount.mountpoint;
            place = mount.parent;
            mount = Mount::read(place);
            continue;
        }
        let (parent, length, name) = entry(dentry);
        if parent == dentry {
            // A root that is no mount's root: a file that never had a directory (memfd), or a
            // tree that was unmounted.
            let own = position(buffer) == PATH_BYTES as u64;
            return if own && prepend(buffer, length, name) { WHOLE } else { CUT };
        }
        if !prepend(buffer, length, name) {
            return CUT;
        }
        dentry = parent;
    }
    set(dentry_of(buffer), dentry as u64);
    set(mount_of(buffer), place as u64);
    GOES_ON
}

/// A digest of all that the path of a directory is made of: the entries and mounts on the way to
/// the root, how often the entries were given another name or place, and the kernel's hashes of
/// their names. None where that is too far.
///
/// Another path cannot be made to have it: the addresses are not known outside of the kernel.
#[inline(always)]
pub(crate) fn digest(vfsmount: u64, directory: Kptr) -> Option<[u64; 2]> {
    let mut dentry = directory;
    let mut place = vfsmount.wrapping_sub(offset(Member::MountMnt) as u64) as Kptr;
    let mut mount = Mount::read(place);
    let mut digest = [place as u64, 0];
    let mut step = 0;
    while step < DIGEST_DEPTH {
        step += 1;
        if dentry == mount.root {
            if mount.parent == place || mount.parent.is_null() {
                return Some(digest);
            }
            dentry = mount.mountpoint;
            place = mount.parent;
            mount = Mount::read(place);
            stir(&mut digest, place as u64, 0);
            continue;
        }
        let (parent, [seq, hash]) = identity(dentry);
        if parent == dentry {
            return None;
        }
        stir(&mut digest, dentry as u64 ^ seq, hash);
        dentry = parent;
    }
    None
}

/// Entries and mounts that a digest is made of at most.
const DIGEST_DEPTH: u32 = 24;

/// The parent of an entry; its `d_seq`, which changes with every name and place that it is given;
/// and hash and length of its name.
#[inline(always)]
pub(crate) fn identity(dentry: Kptr) -> (Kptr, [u64; 2]) {
    let (seq, parent, name) = (Member::DentrySeq, Member::DentryParent, Member::DentryName);
    // So it is in every kernel so far: where reading is a call, one gets all three.
    if !readable() && offset(seq) == 4 && offset(parent) == 24 && offset(name) == 32 {
        let [flags_seq, _, _, parent, hash] = read::raw::<[u64; 5]>(dentry);
        return (parent as Kptr, [flags_seq & SEQ, hash]);
    }
    let seq = u64::from(read::raw::<u32>(dentry.wrapping_add(offset(seq)))) << 32;
    let parent = read::raw(dentry.wrapping_add(offset(parent)));
    (parent, [seq, read::raw(dentry.wrapping_add(offset(name)))])
}

/// `d_seq` follows `d_flags`, which changes for other reasons.
const SEQ: u64 = if cfg!(target_endian = "little") { 0xffff_ffff << 32 } else { 0xffff_ffff };

#[inline(always)]
fn stir(digest: &mut [u64; 2], object: u64, name: u64) {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let [first, second] = *digest;
    *digest = [
        (first.rotate_left(29) ^ object).wrapping_mul(ODD[0]),
        (second.rotate_left(31) ^ name.wrapping_add(object)).wrapping_mul(ODD[1]),
    ];
}

/// What the walk needs of a `struct mount`.
struct Mount {
    parent: Kptr,
    mountpoint: Kptr,
    root: Kptr,
}

impl Mount {
    /// Parent, mount point and the embedded `vfsmount`, which starts with its root, follow one
    /// another in every kernel so far, so that one read gets all three.
    #[inline(always)]
    fn read(mount: Kptr) -> Self {
        let parent = offset(Member::MountParent);
        let root = offset(Member::MountMnt) + offset(Member::VfsmountRoot);
        if offset(Member::MountMountpoint) == parent + 8 && root == parent + 16 {
            let [parent, mountpoint, root] = read::raw::<[u64; 3]>(mount.wrapping_add(parent));
            return Self {
                parent: parent as Kptr,
                mountpoint: mountpoint as Kptr,
                root: root as Kptr,
            };
        }
        Self {
            parent: read::raw(mount.wrapping_add(parent)),
            mountpoint: read::raw(mount.wrapping_add(offset(Member::MountMountpoint))),
            root: read::raw(mount.wrapping_add(root)),
        }
    }
}

/// Two pointers that mostly stand side by side.
#[inline(always)]
fn both(base: Kptr, first: Member, second: Member) -> [u64; 2] {
    if offset(second) == offset(first) + 8 {
        return read::raw(base.wrapping_add(offset(first)));
    }
    [read::raw(base.wrapping_add(offset(first))), read::raw(base.wrapping_add(offset(second)))]
}

/// The path that the walk left in the buffer: where it starts, and its length.
#[inline(always)]
pub(crate) fn built(buffer: *mut Buffer) -> (Kptr, u64) {
    let position = read::at_most(position(buffer), PATH_BYTES as u64 - 1);
    let start = bytes(buffer).wrapping_add(position as usize);
    if self::position(buffer) >= PATH_BYTES as u64 {
        // SAFETY: the last byte of the path area, in a buffer of a claimed slot.
        unsafe { start.write(b'/') };
        return (start, 1);
    }
    (start, PATH_BYTES as u64 - position)
}

/// Parent, name length and name of a dentry.
#[inline(always)]
pub(crate) fn entry(dentry: Kptr) -> (Kptr, u64, Kptr) {
    // `struct qstr` is { u32 hash; u32 len; const char *name }. It follows `d_parent` in every
    // kernel so far, so that one read gets all three; the verifier drops the branch not taken.
    if offset(Member::DentryName) == offset(Member::DentryParent) + 8 {
        let [parent, hash_len, name] =
            read::raw::<[u64; 3]>(dentry.wrapping_add(offset(Member::DentryParent)));
        return (parent as Kptr, length(hash_len), name as Kptr);
    }
    let qstr = dentry.wrapping_add(offset(Member::DentryName));
    let parent = read::raw(dentry.wrapping_add(offset(Member::DentryParent)));
    (parent, length(read::raw(qstr)), read::raw(qstr.wrapping_add(8)))
}

#[inline(always)]
fn length(hash_len: u64) -> u64 {
    if cfg!(target_endian = "little") { hash_len >> 32 } else { hash_len & 0xffff_ffff }
}

/// Puts `/name` in front of what is there; false when there is no room.
#[inline(always)]
fn prepend(buffer: *mut Buffer, length: u64, name: Kptr) -> bool {
    let length = read::at_most(length, NAME_BYTES as u64);
    let position = position(buffer);
    if position < length + 1 {
        return false;
    }
    let Some(start) = read::bounded(position - length - 1, PATH_BYTES as u64 - 1) else {
        return false;
    };
    set_position(buffer, start);
    let bytes = bytes(buffer);
    // SAFETY: `start` is below PATH_BYTES.
    unsafe { bytes.wrapping_add(start as usize).write(b'/') };
    // SAFETY: `start + 1 + length` is at most PATH_BYTES + NAME_BYTES, the size of the buffer less
    // one; the verifier checks the same.
    unsafe { read::copy_kernel(bytes.wrapping_add(start as usize + 1), length, name) }
}

#[inline(always)]
pub(crate) fn position(buffer: *mut Buffer) -> u64 {
    get(cursor(buffer))
}

#[inline(always)]
fn set_position(buffer: *mut Buffer, position: u64) {
    set(cursor(buffer), position);
}

/// What the directory of a file was known by.
#[inline(always)]
pub(crate) fn directory(buffer: *mut Buffer) -> *mut Key {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).directory }
}

/// The kinds that are not asked for of files in that directory.
#[inline(always)]
pub(crate) fn nothing(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).nothing }
}

/// The first bytes of a buffer, which are free until a long path is put together there.
#[inline(always)]
pub(crate) fn front(buffer: *mut Buffer) -> *mut u8 {
    bytes(buffer)
}

#[inline(always)]
fn get(word: *mut u64) -> u64 {
    // SAFETY: a word of a buffer that belongs to a claimed slot.
    unsafe { word.read_volatile() }
}

#[inline(always)]
fn set(word: *mut u64, value: u64) {
    // SAFETY: as in `get`.
    unsafe { word.write_volatile(value) }
}

#[inline(always)]
fn cursor(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).position }
}

/// Where the walk is: an entry, and the `struct vfsmount` that it is seen through.
#[inline(always)]
pub(crate) fn at(buffer: *mut Buffer) -> (u64, u64) {
    let mount = get(mount_of(buffer)).wrapping_add(offset(Member::MountMnt) as u64);
    (get(dentry_of(buffer)), mount)
}

#[inline(always)]
pub(crate) fn set_at(buffer: *mut Buffer, dentry: u64, vfsmount: u64) {
    set(dentry_of(buffer), dentry);
    set(mount_of(buffer), vfsmount.wrapping_sub(offset(Member::MountMnt) as u64));
}

#[inline(always)]
fn dentry_of(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).dentry }
}

#[inline(always)]
fn mount_of(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).mount }
}

#[inline(always)]
pub(crate) fn bytes(buffer: *mut Buffer) -> *mut u8 {
    // SAFETY: only the address is taken.
    unsafe { (&raw mut (*buffer).bytes).cast() }
}
