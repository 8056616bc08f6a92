//! What the hooks of opens share: which opens change a file, and how an open is told of.

use monitor_common::{
    DropReason, FileFacts, FileOpen, Member, RecordKind,
    limits::{CWD_BYTES, FIXED_BYTES, PATH_BYTES},
};

use crate::{
    file::{self, FMODE_CREATED, Opened},
    maps::{is_wanted, offset},
    read::{Kptr, member, raw},
    record::{Built, Record},
};

const FMODE_WRITE: u32 = 0x2;

/// Reading, writing or both.
pub(crate) const O_ACCMODE: u32 = 0x3;
const O_CREAT: u32 = 0x40;
const O_TRUNC: u32 = 0x200;
/// Names a file without opening it.
pub(crate) const O_PATH: u32 = 0x20_0000;

const BEFORE_CWD: u64 = (FIXED_BYTES + PATH_BYTES) as u64;

const EPERM: i64 = 1;
const EACCES: i64 = 13;
const EROFS: i64 = 30;
const MAX_ERRNO: i64 = 4095;

/// Whether a result says that the act was refused, and not that there was nothing to act on.
#[inline(always)]
pub(crate) fn is_refusal(result: i64) -> bool {
    matches!(-result, EPERM | EACCES | EROFS)
}

/// Whether a result is an error.
#[inline(always)]
pub(crate) fn is_error(result: i64) -> bool {
    (-MAX_ERRNO..0).contains(&result)
}

/// A descriptor, if the number is one.
#[inline(always)]
pub(crate) fn descriptor(number: u64) -> Option<u64> {
    let number = number & 0xffff_ffff;
    if number < 0x8000_0000 { Some(number) } else { None }
}

/// The kind that an open is, if it is asked for. A refused open for reading is told of where it
/// was refused, and not where there was no such file: programs look in many places.
#[inline(always)]
pub(crate) fn kind(changes: bool, result: i64) -> Option<RecordKind> {
    let kind = if changes { RecordKind::FileOpen } else { RecordKind::FileRead };
    let silent = !changes && is_error(result) && !is_refusal(result);
    if silent || !is_wanted(kind) { None } else { Some(kind) }
}

/// Whether flags ask for a change: writing, creating or truncating.
#[inline(always)]
pub(crate) fn for_writing(open_flags: u32) -> bool {
    open_flags & (O_ACCMODE | O_CREAT | O_TRUNC) != 0 && open_flags & O_PATH == 0
}

/// Whether an open with these flags that succeeded changed its file, or can: one that only may
/// create does not change a file that was there.
#[inline(always)]
pub(crate) fn must_change(open_flags: u32) -> bool {
    open_flags & (O_ACCMODE | O_TRUNC) != 0 && open_flags & O_PATH == 0
}

/// The facts and the path of a file object.
#[inline(always)]
pub(crate) fn opened_file(
    record: &Record,
    opened: &Opened,
    asked: u32,
    built: Built,
) -> Result<(), DropReason> {
    let body: &mut FileOpen = record.body();
    // Before anything else uses the buffer that it is in.
    body.path_len = if built == Built::No {
        record.append_path::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(opened.path())
    } else {
        let cut = built == Built::Cut;
        record.append_walked::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(cut)
    };
    file::describe(record, opened);
    let body: &mut FileOpen = record.body();
    body.open_flags = opened.open_flags | asked;
    body.created = u32::from(opened.is_created());
    body.cwd_len = 0;
    Ok(())
}

/// Whether the file can be changed through this open, or was by it.
#[inline(always)]
pub(crate) fn is_change(opened: &Opened, asked: u32) -> bool {
    writes(opened.mode, opened.open_flags | asked)
}

/// Whether an open with this `f_mode` and these flags can change its file, or did.
#[inline(always)]
pub(crate) fn writes(mode: u32, open_flags: u32) -> bool {
    mode & (FMODE_WRITE | FMODE_CREATED) != 0 || open_flags & O_TRUNC != 0
}

/// A name that led to no file, and the directory that it starts from if it is relative.
#[inline(always)]
pub(crate) fn refused_file<const TYPED: bool>(
    record: &Record,
    process: Kptr,
    open_flags: u32,
    append_name: impl FnOnce(&Record) -> u32,
) -> Result<(), DropReason> {
    let body: &mut FileOpen = record.body();
    body.file = FileFacts::default();
    body.open_flags = open_flags;
    body.created = 0;
    body.path_len = append_name(record);
    let fs: Kptr = member::<TYPED, _>(process, Member::TaskFs);
    let cwd = fs.wrapping_add(offset(Member::FsPwd));
    body.cwd_len = record.append_path::<BEFORE_CWD, { CWD_BYTES as u64 }>(cwd);
    Ok(())
}

/// The file object behind a descriptor of the current task.
#[inline(always)]
pub(crate) fn file_of<const TYPED: bool>(process: Kptr, descriptor: u64) -> Option<Kptr> {
    let files: Kptr = member::<TYPED, _>(process, Member::TaskFiles);
    let table: Kptr = member::<TYPED, _>(files, Member::FilesFdt);
    if descriptor >= u64::from(member::<TYPED, u32>(table, Member::FdtableMaxFds)) {
        return None;
    }
    let array: Kptr = raw(table.wrapping_add(offset(Member::FdtableFd)));
    let opened: Kptr = raw(array.wrapping_add(8 * descriptor as usize));
    if opened.is_null() { None } else { Some(opened) }
}
