//! `map`, `protect`: memory that may be executed. `file_receive`: a descriptor from elsewhere.

use monitor_common::{Member, Program, RecordKind};

use crate::{
    act,
    maps::offset,
    read::{Kptr, raw},
    seen::{Seen, verdict, watch},
};

const PROT_EXEC: u64 = 4;

watch! {
    /// `int security_mmap_file(struct file *file, unsigned long prot, unsigned long flags)`,
    /// Linux 3.5
    rm_mmap rk_mmap => map(MmapFile, MmapFileProbe);
    /// `int security_file_mprotect(struct vm_area_struct *vma, unsigned long reqprot,
    /// unsigned long prot)`, Linux 2.6
    rm_mprotect rk_mprotect => protect(Mprotect, MprotectProbe);
    /// `int security_file_receive(struct file *file)`, Linux 2.6
    rm_receive rk_receive => receive(FileReceive, FileReceiveProbe);
}

#[inline(always)]
fn map(seen: &impl Seen, program: Program) {
    let (file, protection) = (seen.pointer(0), seen.number(1));
    if protection & PROT_EXEC == 0 || file.is_null() {
        return;
    }
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Map, program, outcome, |record, body| {
        [body.numbers[0], body.numbers[1]] = [protection, seen.number(2)];
        act::object(record, body, file.wrapping_add(offset(Member::FilePath)));
    });
}

#[inline(always)]
fn protect(seen: &impl Seen, program: Program) {
    let protection = seen.number(2);
    if protection & PROT_EXEC == 0 {
        return;
    }
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::Protect, program, outcome, |record, body| {
        body.numbers[0] = protection;
        let file: Kptr = raw(seen.pointer(0).wrapping_add(offset(Member::VmaFile)));
        if !file.is_null() {
            act::object(record, body, file.wrapping_add(offset(Member::FilePath)));
        }
    });
}

#[inline(always)]
fn receive(seen: &impl Seen, program: Program) {
    let outcome = verdict(seen.result(program));
    act::tell(RecordKind::FileReceive, program, outcome, |record, body| {
        let file = seen.pointer(0);
        let open_flags: u32 = raw(file.wrapping_add(offset(Member::FileFlags)));
        body.numbers[0] = open_flags.into();
        act::object(record, body, file.wrapping_add(offset(Member::FilePath)));
    });
}
