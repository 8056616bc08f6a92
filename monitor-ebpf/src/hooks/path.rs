//! Acts on names: `rename`, `link`, `symlink`, `unlink`, `mkdir`, `rmdir`, `mknod`.
//!
//! Each is seen where the security modules are asked: the directory and the entry are the kernel's
//! own, whatever links led there, but whether the act succeeds is decided later.

use monitor_common::{Act, Program, RecordKind};

use crate::{
    act,
    read::Kptr,
    record::Record,
    seen::{Seen, verdict, watch},
};

const S_IFMT: u64 = 0xf000;
const S_IFREG: u64 = 0x8000;

watch! {
    /// `int security_path_rename(const struct path *old_dir, struct dentry *old_dentry,
    /// const struct path *new_dir, struct dentry *new_dentry, unsigned int flags)`, Linux 3.17
    rm_rename rk_rename => rename(Rename, RenameProbe);
    /// `int security_path_link(struct dentry *old_dentry, const struct path *new_dir,
    /// struct dentry *new_dentry)`, Linux 2.6.29
    rm_link rk_link => link(Link, LinkProbe);
    /// `int security_path_symlink(const struct path *dir, struct dentry *dentry,
    /// const char *old_name)`, Linux 2.6.29
    rm_symlink rk_symlink => symlink(Symlink, SymlinkProbe);
    /// `int security_path_unlink(const struct path *dir, struct dentry *dentry)`, Linux 2.6.29
    rm_unlink rk_unlink => unlink(Unlink, UnlinkProbe);
    /// `int security_path_mkdir(const struct path *dir, struct dentry *dentry, umode_t mode)`,
    /// Linux 2.6.29
    rm_mkdir rk_mkdir => mkdir(Mkdir, MkdirProbe);
    /// `int security_path_rmdir(const struct path *dir, struct dentry *dentry)`, Linux 2.6.29
    rm_rmdir rk_rmdir => rmdir(Rmdir, RmdirProbe);
    /// `int security_path_mknod(const struct path *dir, struct dentry *dentry, umode_t mode,
    /// unsigned int dev)`, Linux 2.6.29
    rm_mknod rk_mknod => mknod(Mknod, MknodProbe);
}

#[inline(always)]
fn rename(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Rename, program, outcome, |record, body| {
        body.numbers[0] = seen.number(4) & 0xffff_ffff;
        named(record, body, seen.pointer(0), seen.pointer(1));
        let (mount, _) = act::parts(seen.pointer(2));
        act::other_at(record, body, mount, seen.pointer(3));
    });
}

#[inline(always)]
fn link(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Link, program, outcome, |record, body| {
        // A link stays within its mount, so that the new directory's is the file's too.
        let (mount, _) = act::parts(seen.pointer(1));
        act::object_at(record, body, mount, seen.pointer(0));
        act::other_at(record, body, mount, seen.pointer(2));
    });
}

#[inline(always)]
fn symlink(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Symlink, program, outcome, |record, body| {
        named(record, body, seen.pointer(0), seen.pointer(1));
        act::other_text(record, body, seen.pointer(2));
    });
}

#[inline(always)]
fn unlink(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Unlink, program, outcome, |record, body| {
        named(record, body, seen.pointer(0), seen.pointer(1));
    });
}

#[inline(always)]
fn mkdir(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Mkdir, program, outcome, |record, body| {
        body.numbers[0] = seen.number(2) & 0xffff;
        named(record, body, seen.pointer(0), seen.pointer(1));
    });
}

#[inline(always)]
fn rmdir(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Rmdir, program, outcome, |record, body| {
        named(record, body, seen.pointer(0), seen.pointer(1));
    });
}

#[inline(always)]
fn mknod(seen: &impl Seen, program: Program) {
    let mode = seen.number(2) & 0xffff;
    // An open that creates a file asks here too, and is told of as an open.
    if matches!(mode & S_IFMT, 0 | S_IFREG) {
        return;
    }
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Mknod, program, outcome, |record, body| {
        body.numbers[0] = mode;
        body.numbers[1] = seen.number(3) & 0xffff_ffff;
        named(record, body, seen.pointer(0), seen.pointer(1));
    });
}

/// The object of an act on an entry of a directory.
#[inline(always)]
fn named(record: &Record, body: &mut Act, directory: Kptr, entry: Kptr) {
    let (mount, _) = act::parts(directory);
    act::object_at(record, body, mount, entry);
}
