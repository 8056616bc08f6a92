//! Paths, put together dentry by dentry from the file up to the root of its mount namespace.
//!
//! This is what the kernel itself would print: no link of user space's making is left in it.

use monitor_common::{
    Member,
    limits::{PATH_BYTES, PATH_DEPTH},
};

use crate::{
    maps::{PATHS, offset},
    read::{self, Kptr},
};

/// Longest name of one directory entry, `NAME_MAX`.
const NAME_BYTES: usize = 255;

/// Where a path is put together, from the end of `bytes` to its front.
#[repr(C, align(8))]
pub(crate) struct Buffer {
    /// First byte in use. In memory for the verifier's sake: as a local it would be followed
    /// exactly through every round and the walk would never verify.
    position: u64,
    /// The `struct path` to walk. Handed over in memory, since a global function takes no typed
    /// pointer.
    of: u64,
    bytes: [u8; PATH_BYTES + NAME_BYTES + 1],
}

/// Puts the path of a `struct path` together, in the buffer of a scratch slot. Returns the buffer
/// and whether the path was cut: too long, too deep, or not connected to the root.
#[inline(always)]
pub(crate) fn build(slot: u32, of: Kptr) -> Option<(*mut Buffer, bool)> {
    let buffer = PATHS.get_ptr_mut(slot)?;
    // SAFETY: the buffer belongs to a claimed slot.
    unsafe { subject(buffer).write_volatile(of as u64) };
    let cut = rm_walk_path(slot) != 0;
    Some((buffer, cut))
}

/// A global function: the verifier looks at it once, by itself, and not again at every call.
#[unsafe(no_mangle)]
extern "C" fn rm_walk_path(slot: u32) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return 1 };
    // SAFETY: the buffer belongs to a claimed slot.
    let of = unsafe { subject(buffer).read_volatile() };
    u64::from(walk(buffer, of as Kptr))
}

#[inline(always)]
fn walk(buffer: *mut Buffer, of: Kptr) -> bool {
    let [vfsmount, dentry] = both(of, Member::PathMnt, Member::PathDentry);
    let mut dentry = dentry as Kptr;
    let mut place = (vfsmount as Kptr).wrapping_sub(offset(Member::MountMnt));
    let mut mount = Mount::read(place);
    set_position(buffer, PATH_BYTES as u64);
    let mut step = 0;
    while step < PATH_DEPTH {
        step += 1;
        if dentry == mount.root {
            if mount.parent == place || mount.parent.is_null() {
                return false;
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
            return if own { !prepend(buffer, length, name) } else { true };
        }
        if !prepend(buffer, length, name) {
            return true;
        }
        dentry = parent;
    }
    true
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

/// The path that [`walk`] left in the buffer: where it starts, and its length.
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
fn entry(dentry: Kptr) -> (Kptr, u64, Kptr) {
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
fn position(buffer: *mut Buffer) -> u64 {
    // SAFETY: the buffer belongs to a claimed slot.
    unsafe { cursor(buffer).read_volatile() }
}

#[inline(always)]
fn set_position(buffer: *mut Buffer, position: u64) {
    // SAFETY: the buffer belongs to a claimed slot.
    unsafe { cursor(buffer).write_volatile(position) }
}

#[inline(always)]
fn cursor(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).position }
}

#[inline(always)]
fn subject(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: only the address is taken.
    unsafe { &raw mut (*buffer).of }
}

#[inline(always)]
fn bytes(buffer: *mut Buffer) -> *mut u8 {
    // SAFETY: only the address is taken.
    unsafe { (&raw mut (*buffer).bytes).cast() }
}
