//! Acts on names through `io_uring`, where no function shows the object.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use monitor_common::{
    Member, Program, RecordKind,
    header::{OUTCOME_UNKNOWN, flags, origin},
    limits::PATH_BYTES,
};

use crate::{
    act::{self, BASE, BEFORE_OTHER, BEFORE_PATH, OTHER_BASE},
    maps::{floor, has},
    read::Kptr,
    uring,
};

const AT_REMOVEDIR: u32 = 0x200;

/// `TP_PROTO(struct io_kiocb *req)`, Linux 6.4 in this form
#[btf_tracepoint]
fn rm_uring_path(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let request: Kptr = ctx.arg(0);
    match uring::opcode(request) {
        uring::RENAMEAT if has(Member::IoRenameNew) => {
            let old = (Member::IoRenameOld, Member::IoRenameOldAt);
            let new = (Member::IoRenameNew, Some(Member::IoRenameNewAt));
            tell(RecordKind::Rename, request, old, Some(new), |_| 0);
        }
        uring::UNLINKAT if has(Member::IoUnlinkName) => {
            let asked: u32 = uring::command(request, Member::IoUnlinkFlags);
            let directory = asked & AT_REMOVEDIR != 0;
            let kind = if directory { RecordKind::Rmdir } else { RecordKind::Unlink };
            tell(kind, request, (Member::IoUnlinkName, Member::IoUnlinkAt), None, |_| 0);
        }
        uring::MKDIRAT if has(Member::IoMkdirName) => {
            let mode = |request| u64::from(uring::command::<u16>(request, Member::IoMkdirMode));
            let name = (Member::IoMkdirName, Member::IoMkdirAt);
            tell(RecordKind::Mkdir, request, name, None, mode);
        }
        // What the link says is the first name, the link itself the second.
        uring::SYMLINKAT if has(Member::IoLinkNew) => {
            let link = (Member::IoLinkNew, Member::IoLinkNewAt);
            tell(RecordKind::Symlink, request, link, Some((Member::IoLinkOld, None)), |_| 0);
        }
        uring::LINKAT if has(Member::IoLinkNew) => {
            let old = (Member::IoLinkOld, Member::IoLinkOldAt);
            let new = (Member::IoLinkNew, Some(Member::IoLinkNewAt));
            tell(RecordKind::Link, request, old, Some(new), |_| 0);
        }
        _ => {}
    }
    0
}

/// `first`, `second`: the text of a name, and the descriptor that it starts from; a text that is no
/// name has none.
#[inline(always)]
fn tell(
    kind: RecordKind,
    request: Kptr,
    first: (Member, Member),
    second: Option<(Member, Option<Member>)>,
    number: impl FnOnce(Kptr) -> u64,
) {
    act::tell(kind, Program::UringPath, OUTCOME_UNKNOWN, |record, body| {
        let header = record.header();
        header.origin = origin::KERNEL_COPY;
        header.flags |= flags::IO_URING;
        body.numbers[0] = number(request);
        let (name, at) = first;
        let name = uring::text(request, name);
        body.path_len = record.append_string::<BEFORE_PATH, { PATH_BYTES as u64 }>(name);
        act::directory(record.index(), BASE, directory(request, at));
        let Some((name, at)) = second else { return };
        let name = uring::text(request, name);
        body.other_len = record.append_string::<BEFORE_OTHER, { PATH_BYTES as u64 }>(name);
        if let Some(at) = at {
            act::directory(record.index(), OTHER_BASE, directory(request, at));
        }
    });
}

/// The descriptor of the directory that a name of a request starts from.
#[inline(always)]
fn directory(request: Kptr, at: Member) -> u64 {
    i64::from(uring::command::<i32>(request, at)) as u64
}
