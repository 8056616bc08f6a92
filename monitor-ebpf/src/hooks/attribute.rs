//! Changes of what a file is: `truncate`, `chmod`, `chown`, `utimes`, and extended attributes.

use monitor_common::{Member, Program, RecordKind, header::OUTCOME_UNKNOWN};

use crate::{
    act,
    maps::{arity, has, offset},
    read::{self, Kptr, member, raw},
    seen::{Seen, verdict, watch},
    task,
};

/// Mounts of one file system that are looked through for the one that the process sees.
const MOUNTS: u32 = 32;

watch! {
    /// `long vfs_truncate(const struct path *path, loff_t length)`, Linux 3.10. An open that
    /// empties its file does not come here, nor does one who holds it open.
    rm_truncate rk_truncate => truncate(Truncate, TruncateProbe);
    /// `int chmod_common(const struct path *path, umode_t mode)`, Linux 5.9
    rm_chmod rk_chmod => chmod(Chmod, ChmodProbe);
    /// `int chown_common(const struct path *path, uid_t user, gid_t group)`, Linux 5.9
    rm_chown rk_chown => chown(Chown, ChownProbe);
    /// `int vfs_utimes(const struct path *path, struct timespec64 *times)`, Linux 5.9
    rm_utimes rk_utimes => utimes(Utimes, UtimesProbe);
    /// `int security_inode_setxattr(struct mnt_idmap *idmap, struct dentry *dentry,
    /// const char *name, const void *value, size_t size, int flags)`; without the first argument
    /// before Linux 5.12
    rm_setxattr rk_setxattr => set_xattr(SetXattr, SetXattrProbe);
    /// `int security_inode_removexattr(struct mnt_idmap *idmap, struct dentry *dentry,
    /// const char *name)`; without the first argument before Linux 5.12
    rm_removexattr rk_removexattr => remove_xattr(RemoveXattr, RemoveXattrProbe);
}

#[inline(always)]
fn truncate(seen: &impl Seen, program: Program) {
    change(RecordKind::Truncate, seen, program, [seen.number(1), 0]);
}

#[inline(always)]
fn chmod(seen: &impl Seen, program: Program) {
    change(RecordKind::Chmod, seen, program, [seen.number(1) & 0xffff, 0]);
}

#[inline(always)]
fn chown(seen: &impl Seen, program: Program) {
    let ids = [seen.number(1) & 0xffff_ffff, seen.number(2) & 0xffff_ffff];
    change(RecordKind::Chown, seen, program, ids);
}

#[inline(always)]
fn utimes(seen: &impl Seen, program: Program) {
    change(RecordKind::Utimes, seen, program, [0, 0]);
}

/// A function that does the whole change: its result is that of the act.
#[inline(always)]
fn change(kind: RecordKind, seen: &impl Seen, program: Program, numbers: [u64; 2]) {
    let outcome = seen.result(program).unwrap_or(OUTCOME_UNKNOWN);
    act::tell(kind, program, outcome, |record, body| {
        [body.numbers[0], body.numbers[1]] = numbers;
        act::object(record, body, seen.pointer(0));
    });
}

#[inline(always)]
fn set_xattr(seen: &impl Seen, program: Program) {
    xattr(seen, program, 5, 0);
}

#[inline(always)]
fn remove_xattr(seen: &impl Seen, program: Program) {
    xattr(seen, program, 2, 1);
}

#[inline(always)]
fn xattr(seen: &impl Seen, program: Program, arguments: u8, removed: u64) {
    if is_behalf() {
        return;
    }
    // Where the function has one argument more than it used to, that is the first.
    // The third is read only where it is the name: Linux 5.10 refuses a load of the value, of which
    // it does not know the type.
    let (entry, name) = if arity(program) == arguments {
        (forgotten(seen.pointer_apart::<0>()), forgotten(seen.pointer_apart::<1>()))
    } else {
        (forgotten(seen.pointer_apart::<1>()), forgotten(seen.pointer_apart::<2>()))
    };
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Xattr, program, outcome, |record, body| {
        body.numbers[0] = removed;
        act::object_at(record, body, mount_of(entry), entry);
        act::other_text(record, body, name);
    });
}

/// Whether a file system acts, such as overlayfs on the file behind its own: with credentials that
/// are not the task's. A ring can lend a task others, so that one with a ring acts by itself.
#[inline(always)]
fn is_behalf() -> bool {
    let task = task::current::<false>();
    let acts: u64 = member::<false, _>(task, Member::TaskCred);
    let own: u64 = member::<false, _>(task, Member::TaskRealCred);
    if acts == own || !has(Member::TaskIoUring) {
        return false;
    }
    member::<false, u64>(task, Member::TaskIoUring) == 0
}

/// A pointer of which the compiler does not know where it was read.
#[inline(always)]
fn forgotten(pointer: Kptr) -> Kptr {
    read::forget(pointer as u64) as Kptr
}

/// The mount through which the running task most likely sees an entry: the first of its file
/// system's in its mount namespace. The function is not told which it was.
#[inline(always)]
fn mount_of(entry: Kptr) -> Kptr {
    if !has(Member::SbMounts) || !has(Member::MountInstance) {
        return core::ptr::null();
    }
    let inode: Kptr = raw(entry.wrapping_add(offset(Member::DentryInode)));
    let block: Kptr = raw(inode.wrapping_add(offset(Member::InodeSb)));
    let namespace = task::mount_namespace(task::current::<false>());
    let mut link: Kptr = raw(block.wrapping_add(offset(Member::SbMounts)));
    let mut looked = 0;
    while looked < MOUNTS {
        looked += 1;
        let mount = link.wrapping_sub(offset(Member::MountInstance));
        let of: Kptr = raw(mount.wrapping_add(offset(Member::MountMntNs)));
        if of == namespace {
            return mount.wrapping_add(offset(Member::MountMnt));
        }
        link = raw(link);
    }
    core::ptr::null()
}
