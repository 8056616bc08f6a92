//! Acts: which numbers of a record mean what.

use monitor_common::{Act, RecordKind};

use super::{DecodeError, Sections, file, fixed};
use crate::{
    act::{ActKind, Ids},
    raw_event::{ProcessKey, RawAct},
    words,
};

/// Decodes an act. `before`: the program saw what was before, too.
pub(super) fn act(kind: RecordKind, before: bool, bytes: &[u8]) -> Result<RawAct<'_>, DecodeError> {
    let (fixed, rest) = fixed::<Act>(bytes)?;
    let mut sections = Sections::new(rest);
    Ok(RawAct {
        kind: act_kind(kind, before, fixed.numbers)?,
        file: file(&fixed.file),
        path: sections.take(fixed.path_len)?,
        base: sections.take(fixed.base_len)?,
        other: text(sections.take(fixed.other_len)?),
        other_base: text(sections.take(fixed.other_base_len)?),
    })
}

/// What a text holds before its first zero byte.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn act_kind(kind: RecordKind, known: bool, numbers: [u64; 6]) -> Result<ActKind, DecodeError> {
    let [first, second, third, _, fifth, _] = numbers;
    // What the kernel holds in a word of 32 bits came in one of 64.
    let low = |number: u64| (number & 0xffff_ffff) as u32;
    let target = ProcessKey { pid: low(second), start_ns: third };
    Ok(match kind {
        RecordKind::FileReceive => ActKind::FileReceive { open_flags: low(first) },
        RecordKind::Rename => ActKind::Rename { flags: low(first) },
        RecordKind::Link => ActKind::Link,
        RecordKind::Symlink => ActKind::Symlink,
        RecordKind::Unlink => ActKind::Unlink,
        RecordKind::Mkdir => ActKind::Mkdir { mode: low(first) },
        RecordKind::Rmdir => ActKind::Rmdir,
        RecordKind::Mknod => ActKind::Mknod { mode: low(first), device: low(second) },
        RecordKind::Truncate => ActKind::Truncate { length: first },
        RecordKind::Chmod => ActKind::Chmod { mode: low(first) },
        RecordKind::Chown => ActKind::Chown { uid: low(first), gid: low(second) },
        RecordKind::Utimes => ActKind::Utimes,
        RecordKind::Xattr => ActKind::Xattr { removed: first != 0 },
        RecordKind::Map => ActKind::Map { protection: low(first), flags: low(second) },
        RecordKind::Protect => ActKind::Protect { protection: low(first) },
        RecordKind::SocketCreate => ActKind::SocketCreate {
            family: (first & 0xffff) as u16,
            sort: (second & 0xffff) as u16,
            protocol: low(third),
        },
        RecordKind::Ptrace => ActKind::Ptrace { request: low(first), target, monitor: fifth != 0 },
        RecordKind::Bpf => bpf(low(first), low(second), fifth != 0),
        RecordKind::Module => ActKind::Module,
        RecordKind::Mount => ActKind::Mount { flags: first },
        RecordKind::Umount => ActKind::Umount { flags: low(first) },
        RecordKind::Setns => ActKind::Setns { flags: low(first) },
        RecordKind::Unshare => {
            ActKind::Unshare { flags: first, child: (target.pid != 0).then_some(target) }
        }
        RecordKind::PivotRoot => ActKind::PivotRoot,
        RecordKind::Chroot => ActKind::Chroot,
        RecordKind::SetUid => {
            let (new, old) = ids(numbers, known);
            ActKind::SetUid { new, old }
        }
        RecordKind::SetGid => {
            let (new, old) = ids(numbers, known);
            ActKind::SetGid { new, old }
        }
        RecordKind::Capset => ActKind::Capset { new: [first, second, third] },
        RecordKind::Memfd => ActKind::Memfd { flags: low(first) },
        RecordKind::Userfaultfd => ActKind::Userfaultfd { flags: low(first) },
        RecordKind::Signal => ActKind::Signal { signal: low(first), target },
        other => return Err(DecodeError::Kind(other as u16)),
    })
}

/// What the first word behind a command is, the command says.
fn bpf(command: u32, word: u32, monitor: bool) -> ActKind {
    const PROG_LOAD: u32 = 5;
    let program_type = if command == PROG_LOAD { word } else { 0 };
    let object = if words::is_reached_by_id(command) { word } else { 0 };
    ActKind::Bpf { command, program_type, object, monitor }
}

/// Ids as they are, and as they were where that is known.
fn ids(numbers: [u64; 6], known: bool) -> (Ids, Option<Ids>) {
    let [a, b, c, d, e, f] = numbers.map(|number| (number & 0xffff_ffff) as u32);
    ([a, b, c], known.then_some([d, e, f]))
}
