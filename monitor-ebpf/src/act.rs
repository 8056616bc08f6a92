//! Records of acts: those that are rare enough to share the code that starts and ends them.
//!
//! The two ends are global functions, which the verifier looks at once, by themselves: what a
//! program adds is what tells its act from others.

use monitor_common::{
    Act, DropReason, Member, Program, RecordKind, Socket, counter,
    limits::{CWD_BYTES, FIXED_BYTES, PATH_BYTES},
};

use crate::{
    count, file,
    flood::NO_ENTRY,
    maps::offset,
    opening::{descriptor, file_of},
    own,
    read::{self, Kptr, member, raw},
    record::{Record, rm_end},
    task,
};

/// The most that is before each of the four sections.
pub(crate) const BEFORE_PATH: u64 = FIXED_BYTES as u64;
pub(crate) const BEFORE_BASE: u64 = BEFORE_PATH + PATH_BYTES as u64;
pub(crate) const BEFORE_OTHER: u64 = BEFORE_BASE + CWD_BYTES as u64;
pub(crate) const BEFORE_OTHER_BASE: u64 = BEFORE_OTHER + PATH_BYTES as u64;

/// The four sections, in the order in which they are appended.
pub(crate) const PATH: u32 = 0;
/// Where the path starts from, if it is relative.
pub(crate) const BASE: u32 = 1;
/// The second path or text.
pub(crate) const OTHER: u32 = 2;
/// Where the second path starts from, or a third text.
pub(crate) const OTHER_BASE: u32 = 3;

/// The working directory, where a descriptor is asked for.
pub(crate) const AT_FDCWD: u64 = -100_i64 as u64;

const PATH_MAX: u64 = PATH_BYTES as u64;
const BASE_MAX: u64 = CWD_BYTES as u64;

/// Tells of an act of the task that runs now; `fill` adds what it is about.
#[inline(always)]
pub(crate) fn tell(
    kind: RecordKind,
    program: Program,
    outcome: i32,
    fill: impl FnOnce(&Record, &mut Act),
) {
    tell_number(kind as u32, program, outcome, fill);
}

/// As [`tell`], by the number of the kind.
#[inline(always)]
pub(crate) fn tell_number(
    kind: u32,
    program: Program,
    outcome: i32,
    fill: impl FnOnce(&Record, &mut Act),
) {
    tell_body::<Act>(kind, program, outcome, fill);
}

/// As [`tell`], of an act on a socket.
#[inline(always)]
pub(crate) fn tell_socket(
    kind: RecordKind,
    program: Program,
    outcome: i32,
    fill: impl FnOnce(&Record, &mut Socket),
) {
    tell_body::<Socket>(kind as u32, program, outcome, fill);
}

#[inline(always)]
fn tell_body<Body: zerocopy::FromBytes>(
    kind: u32,
    program: Program,
    outcome: i32,
    fill: impl FnOnce(&Record, &mut Body),
) {
    let place = rm_begin(kind, program as u32, size_of::<Body>() as u32);
    if place == 0 {
        return;
    }
    let index = place as u32 - 1;
    let Some(record) = Record::claimed(index) else { return };
    record.header().outcome = outcome;
    fill(&record, record.body());
    rm_end(index);
}

/// Commands of `bpf(2)` that are told of: a program is loaded (5), attached (8) or detached (9),
/// reached by its number (13), as a map is (14); a link is made (28), changed (29), reached (30) or
/// detached (34). The rest is traffic with maps.
const BPF_COMMANDS: u64 =
    1 << 5 | 1 << 8 | 1 << 9 | 1 << 13 | 1 << 14 | 1 << 28 | 1 << 29 | 1 << 30 | 1 << 34;

/// `PTRACE_TRACEME`.
pub(crate) const PTRACE_TRACEME: u64 = 0;
/// `PTRACE_ATTACH`.
pub(crate) const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;

/// Whether an act is told of, by its first number: one call can do many things.
#[inline(always)]
pub(crate) fn is_told(kind: u32, number: u64) -> bool {
    if kind == RecordKind::Bpf as u32 {
        return number < 64 && BPF_COMMANDS >> number & 1 != 0;
    }
    // Only who is attached can do the other things that ptrace does.
    kind != RecordKind::Ptrace as u32
        || matches!(number, PTRACE_TRACEME | PTRACE_ATTACH | PTRACE_SEIZE)
}

/// Leaves the monitor's own acts out, claims a slot and fills the header. Returns the slot's
/// number plus one; 0 where nothing is to be told.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_begin(kind: u32, program: u32, body_bytes: u32) -> u64 {
    let process = task::current::<false>();
    if own::is_own_number(program, task::pid::<false>(process)) {
        return 0;
    }
    count::add_kind(counter::attempted(RecordKind::Task), kind);
    let Some(record) = Record::claim() else {
        let cgroup = task::cgroup::<false>(process);
        count::dropped_number(kind, DropReason::ScratchExhausted as u32, cgroup);
        return 0;
    };
    record.start_number::<false>(kind, body_bytes as usize, program, process);
    if !record.take_token(kind, NO_ENTRY) {
        rm_end(record.index());
        return 0;
    }
    // The larger of the two bodies.
    *record.body() = Act::default();
    u64::from(record.index()) + 1
}

/// The facts and the path of the file behind a dentry, seen through a `struct vfsmount`.
#[inline(always)]
pub(crate) fn object_at(record: &Record, body: &mut Act, mount: Kptr, dentry: Kptr) {
    // None where there is no such file yet.
    let inode: Kptr = raw(dentry.wrapping_add(offset(Member::DentryInode)));
    file::describe_inode(record, inode, mount);
    body.path_len = record.append_dentry::<BEFORE_PATH, PATH_MAX>(mount, dentry);
}

/// The facts and the path of a `struct path`.
#[inline(always)]
pub(crate) fn object(record: &Record, body: &mut Act, path: Kptr) {
    let (mount, dentry) = parts(path);
    object_at(record, body, mount, dentry);
}

/// A second path.
#[inline(always)]
pub(crate) fn other_at(record: &Record, body: &mut Act, mount: Kptr, dentry: Kptr) {
    body.other_len = record.append_dentry::<BEFORE_OTHER, PATH_MAX>(mount, dentry);
}

/// A second path, of a `struct path`.
#[inline(always)]
pub(crate) fn other(record: &Record, body: &mut Act, path: Kptr) {
    body.other_len = record.append_path::<BEFORE_OTHER, PATH_MAX>(path);
}

/// A second text, of kernel memory.
#[inline(always)]
pub(crate) fn other_text(record: &Record, body: &mut Act, text: Kptr) {
    if !text.is_null() {
        body.other_len = record.append_string::<BEFORE_OTHER, PATH_MAX>(text);
    }
}

/// A third text, of kernel memory.
#[inline(always)]
pub(crate) fn third_text(record: &Record, body: &mut Act, text: Kptr) {
    if !text.is_null() {
        body.other_base_len = record.append_string::<BEFORE_OTHER_BASE, BASE_MAX>(text);
    }
}

/// Mount and dentry of a `struct path`.
#[inline(always)]
pub(crate) fn parts(path: Kptr) -> (Kptr, Kptr) {
    let mount = raw(path.wrapping_add(offset(Member::PathMnt)));
    let dentry = raw(path.wrapping_add(offset(Member::PathDentry)));
    (mount, dentry)
}

/// Path of the directory that a relative name starts from: of a descriptor, or else the working
/// directory.
#[inline(always)]
pub(crate) fn directory(index: u32, section: u32, number: u64) {
    rm_directory(index, section, number);
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_directory(index: u32, section: u32, number: u64) -> u64 {
    let Some(record) = Record::claimed(index) else { return 0 };
    let process = task::current::<false>();
    let path = match descriptor(number).and_then(|number| file_of::<false>(process, number)) {
        Some(found) => found.wrapping_add(offset(Member::FilePath)),
        None => {
            let fs: Kptr = member::<false, _>(process, Member::TaskFs);
            fs.wrapping_add(offset(Member::FsPwd))
        }
    };
    let body: &mut Act = record.body();
    if section == BASE {
        body.base_len = record.append_path::<BEFORE_BASE, BASE_MAX>(path);
    } else {
        body.other_base_len = record.append_path::<BEFORE_OTHER_BASE, BASE_MAX>(path);
    }
    0
}

/// Appends a text of user memory, if there is one. Returns its length.
#[inline(always)]
pub(crate) fn user_text(index: u32, section: u32, text: u64) -> u64 {
    rm_user_text(index, section, text)
}

/// The facts and the path of the file behind a descriptor; 0 where there is none.
#[inline(always)]
pub(crate) fn object_of(index: u32, number: u64) -> u64 {
    rm_object(index, number)
}

/// A word of 32 bits of user memory; 0 where it cannot be read.
#[inline(always)]
pub(crate) fn user_word(address: u64) -> u64 {
    rm_user_word(address)
}

// Global functions: the stack is shared by a program and all that it calls, and each of these gives
// its part back.

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_user_text(index: u32, section: u32, text: u64) -> u64 {
    let Some(record) = Record::claimed(index) else { return 0 };
    if text == 0 {
        return 0;
    }
    let body: &mut Act = record.body();
    let length = match section {
        PATH => {
            body.path_len = record.append_user_string::<BEFORE_PATH, PATH_MAX>(text);
            body.path_len
        }
        OTHER => {
            body.other_len = record.append_user_string::<BEFORE_OTHER, PATH_MAX>(text);
            body.other_len
        }
        _ => {
            body.other_base_len = record.append_user_string::<BEFORE_OTHER_BASE, BASE_MAX>(text);
            body.other_base_len
        }
    };
    length.into()
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_object(index: u32, number: u64) -> u64 {
    let Some(record) = Record::claimed(index) else { return 0 };
    let process = task::current::<false>();
    let Some(found) = descriptor(number).and_then(|number| file_of::<false>(process, number))
    else {
        return 0;
    };
    object(&record, record.body(), found.wrapping_add(offset(Member::FilePath)));
    1
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_user_word(address: u64) -> u64 {
    let mut word = 0_u32;
    // SAFETY: the destination is a local of four bytes, which is zeros after a fault.
    unsafe { read::copy_user((&raw mut word).cast(), 4, address) };
    word.into()
}
