//! `task`: the processes that already ran when the monitor started.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_seq_write;
use monitor_common::{
    Image, Member, Program, RecordKind,
    limits::{CWD_BYTES, FIXED_BYTES, PATH_BYTES},
};

use crate::{
    file::{self, Opened},
    maps::offset,
    read::{Kptr, member},
    record::Record,
    task,
};

/// `struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; }`, Linux 5.8
#[unsafe(link_section = "iter/task")]
#[unsafe(no_mangle)]
fn rm_task_iter(ctx: *mut c_void) -> i32 {
    // SAFETY: the context has the two members named above.
    let meta: *const *mut c_void = unsafe { ctx.cast::<Kptr>().read_volatile() }.cast();
    // SAFETY: as above.
    let walked = unsafe { ctx.cast::<Kptr>().wrapping_add(1).read_volatile() };
    if walked.is_null() || task::pid::<false>(walked) != task::tid::<false>(walked) {
        return 0;
    }
    let Some(record) = Record::claim() else { return 0 };
    record.start::<false>(RecordKind::Task, Program::TaskIter, walked);
    task::identify::<false>(record.header(), walked);
    fill(&record, walked);
    let length = record.finish();
    // SAFETY: `struct bpf_iter_meta` starts with the sequence file.
    let sequence = unsafe { meta.read_volatile() };
    // SAFETY: the record has `length` bytes. When the file's page is full the kernel calls this
    // program again for the same task.
    unsafe { bpf_seq_write(sequence.cast(), record.bytes().cast(), length as u32) };
    record.release();
    0
}

#[inline(always)]
fn fill(record: &Record, walked: Kptr) {
    let body: &mut Image = record.body();
    // In place: a value on its way through the stack would take a quarter of it.
    zerocopy::FromZeros::zero(body);
    let fs: Kptr = member::<false, _>(walked, Member::TaskFs);
    let mm: Kptr = member::<false, _>(walked, Member::TaskMm);
    if mm.is_null() {
        return; // a kernel thread
    }
    let executed: Kptr = member::<false, _>(mm, Member::MmExeFile);
    if !executed.is_null() {
        file::describe(record, &Opened::read(executed));
        let path = executed.wrapping_add(offset(Member::FilePath));
        body.path_len = record.append_path::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(path);
    }
    if !fs.is_null() {
        let cwd = fs.wrapping_add(offset(Member::FsPwd));
        body.cwd_len =
            record.append_path::<{ (FIXED_BYTES + PATH_BYTES) as u64 }, { CWD_BYTES as u64 }>(cwd);
    }
}
