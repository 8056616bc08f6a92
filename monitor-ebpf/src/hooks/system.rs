//! Acts on the system as a whole: `bpf`, kernel modules, mounts and roots.

use monitor_common::{Member, Program, RecordKind};

use crate::{
    act,
    maps::offset,
    own,
    read::{Kptr, plain, raw},
    seen::{Seen, verdict, watch},
};

const BPF_PROG_LOAD: u64 = 5;
/// Where `union bpf_attr` has the name of a program: a part of the ABI.
const BPF_ATTR_PROG_NAME: usize = 48;

/// `READING_MODULE` and `LOADING_MODULE`: of kernels since 5.10 the same number.
const MODULE: u64 = 2;

watch! {
    /// `int security_bpf(int cmd, union bpf_attr *attr, unsigned int size)`, Linux 4.15; the
    /// attributes are the kernel's copy
    rm_bpf rk_bpf => bpf(Bpf, BpfProbe);
    /// `int security_kernel_read_file(struct file *file, enum kernel_read_file_id id,
    /// bool contents)`, Linux 4.6
    rm_module_file rk_module_file => module_file(ModuleFile, ModuleFileProbe);
    /// `int security_kernel_load_data(enum kernel_load_data_id id, bool contents)`, Linux 4.18
    rm_module_data rk_module_data => module_data(ModuleData, ModuleDataProbe);
    /// `int security_sb_mount(const char *dev_name, const struct path *path, const char *type,
    /// unsigned long flags, void *data)`, Linux 2.6; the texts are the kernel's copies
    rm_mount rk_mount => mount(Mount, MountProbe);
    /// `int security_move_mount(const struct path *from_path, const struct path *to_path)`,
    /// Linux 5.2: where a mount of the newer calls gets its place
    rm_move_mount rk_move_mount => move_mount(MoveMount, MoveMountProbe);
    /// `int security_sb_umount(struct vfsmount *mnt, int flags)`, Linux 2.6
    rm_umount rk_umount => umount(Umount, UmountProbe);
    /// `int security_sb_pivotroot(const struct path *old_path, const struct path *new_path)`,
    /// Linux 2.6
    rm_pivot_root rk_pivot_root => pivot_root(PivotRoot, PivotRootProbe);
    /// `int security_path_chroot(const struct path *path)`, Linux 2.6.34
    rm_chroot rk_chroot => chroot(Chroot, ChrootProbe);
}

#[inline(always)]
fn bpf(seen: &impl Seen, program: Program) {
    let command = seen.number(0) & 0xffff_ffff;
    if !act::is_told(RecordKind::Bpf as u32, command) {
        return;
    }
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Bpf, program, outcome, |record, body| {
        let attributes = seen.pointer(1);
        body.numbers[0] = command;
        body.numbers[1] = raw::<u32>(attributes).into();
        body.numbers[4] = own::is_object(command, body.numbers[1]).into();
        if command == BPF_PROG_LOAD {
            act::other_text(record, body, attributes.wrapping_add(BPF_ATTR_PROG_NAME));
        }
    });
}

#[inline(always)]
fn module_file(seen: &impl Seen, program: Program) {
    if seen.number(1) & 0xffff_ffff != MODULE {
        return;
    }
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Module, program, outcome, |record, body| {
        let file = seen.pointer(0);
        act::object(record, body, file.wrapping_add(offset(Member::FilePath)));
    });
}

#[inline(always)]
fn module_data(seen: &impl Seen, program: Program) {
    if seen.number(0) & 0xffff_ffff == MODULE {
        let outcome = verdict(seen.result(program));
        act::tell(RecordKind::Module, program, outcome, |_, _| {});
    }
}

#[inline(always)]
fn mount(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Mount, program, outcome, |record, body| {
        body.numbers[0] = seen.number(3);
        act::object(record, body, seen.pointer(1));
        act::other_text(record, body, seen.pointer(0));
        act::third_text(record, body, seen.pointer(2));
    });
}

#[inline(always)]
fn move_mount(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Mount, program, outcome, |record, body| {
        act::object(record, body, seen.pointer(1));
        act::other(record, body, seen.pointer(0));
    });
}

#[inline(always)]
fn umount(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Umount, program, outcome, |record, body| {
        let mount = plain(seen.pointer(0));
        body.numbers[0] = seen.number(1) & 0xffff_ffff;
        let root: Kptr = raw(mount.wrapping_add(offset(Member::VfsmountRoot)));
        act::object_at(record, body, mount, root);
    });
}

#[inline(always)]
fn pivot_root(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::PivotRoot, program, outcome, |record, body| {
        act::object(record, body, seen.pointer(1));
        act::other(record, body, seen.pointer(0));
    });
}

#[inline(always)]
fn chroot(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Chroot, program, outcome, |record, body| {
        act::object(record, body, seen.pointer(0));
    });
}
