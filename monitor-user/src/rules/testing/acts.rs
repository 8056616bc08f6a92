//! Acts in the making: on names, files, processes and the system.

use monitor_rules::TestValue;

use super::{Set, assign, draft::Draft, value};
use crate::{
    act::ActKind,
    event::{Act, Action, FileFacts, ProcessKey},
    words,
};

/// A process that is not the one that acts.
const OTHER: ProcessKey = ProcessKey { pid: 2000, start_ns: 1 };

/// An act of a kind, with nothing said of it yet.
pub(super) fn blank(number: u8) -> Act {
    Act {
        kind: kind(number),
        path: Box::default(),
        name: None,
        file: None,
        other: Box::default(),
        other_name: None,
        text: Box::default(),
    }
}

/// The kind of a number, with values that mean nothing.
fn kind(number: u8) -> ActKind {
    let all = [
        ActKind::FileReceive { open_flags: 0 },
        ActKind::Rename { flags: 0 },
        ActKind::Link,
        ActKind::Symlink,
        ActKind::Unlink,
        ActKind::Mkdir { mode: 0o755 },
        ActKind::Rmdir,
        ActKind::Mknod { mode: 0o644, device: 0 },
        ActKind::Truncate { length: 0 },
        ActKind::Chmod { mode: 0o644 },
        ActKind::Chown { uid: 0, gid: 0 },
        ActKind::Utimes,
        ActKind::Xattr { removed: false },
        ActKind::Map { protection: 5, flags: 2 },
        ActKind::Protect { protection: 5 },
        ActKind::SocketCreate { family: 17, sort: 3, protocol: 0 },
        ActKind::Ptrace { request: 16, target: OTHER, monitor: false },
        ActKind::Bpf { command: 5, program_type: 1, object: 0, monitor: false },
        ActKind::Module,
        ActKind::Mount { flags: 0 },
        ActKind::Umount { flags: 0 },
        ActKind::Setns { flags: 0 },
        ActKind::Unshare { flags: 0, child: None },
        ActKind::PivotRoot,
        ActKind::Chroot,
        ActKind::SetUid { new: [0; 3], old: None },
        ActKind::SetGid { new: [0; 3], old: None },
        ActKind::Capset { new: [0; 3] },
        ActKind::Memfd { flags: 0 },
        ActKind::Userfaultfd { flags: 0 },
        ActKind::Signal { signal: 9, target: OTHER },
    ];
    all.into_iter().find(|kind| kind.number() == number).unwrap_or(ActKind::Module)
}

/// Sets what one line says of an act.
pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    let facts = &mut draft.facts;
    let Action::Act(act) = &mut draft.event.action else { return None };
    let two_paths = matches!(act.kind, ActKind::Rename { .. } | ActKind::Link);
    let symlink = act.kind == ActKind::Symlink;
    Some(match name {
        "fs.path.name" | "evt.arg.path" | "evt.arg.pathname" | "evt.arg.dir" | "fd.name"
        | "evt.arg.linkpath" => assign(&mut act.path, value, value::bytes),
        "evt.arg.filename" | "evt.arg.oldpath" => assign(&mut act.path, value, value::bytes),
        "fs.path.source" if two_paths => assign(&mut act.path, value, value::bytes),
        "fs.path.target" if two_paths => assign(&mut act.other, value, value::bytes),
        "fs.path.source" if symlink => assign(&mut act.other, value, value::bytes),
        "fs.path.target" if symlink => assign(&mut act.path, value, value::bytes),
        "evt.arg.newpath" | "evt.arg.target" | "evt.arg.dev" => {
            assign(&mut act.other, value, value::bytes)
        }
        "evt.arg.name" => match act.kind {
            ActKind::Xattr { .. } => assign(&mut act.other, value, value::bytes),
            _ => assign(&mut act.path, value, value::bytes),
        },
        "fs.path.nameraw" | "fd.nameraw" => assign(&mut act.name, value, value::maybe_bytes),
        "fd.is_upper_layer" => assign(&mut facts.upper_layer, value, value::yes),
        "fd.ino" => assign(&mut facts.inode, value, value::number),
        "evt.arg.type" if matches!(act.kind, ActKind::Mount { .. }) => {
            assign(&mut act.text, value, value::bytes)
        }
        _ => return set_kind(&mut act.kind, name, value),
    })
}

fn set_kind(kind: &mut ActKind, name: &str, value: &TestValue) -> Set {
    Some(match (name, kind) {
        (
            "evt.arg.mode",
            ActKind::Chmod { mode } | ActKind::Mkdir { mode } | ActKind::Mknod { mode, .. },
        ) => find(value, 0..=0o7777, words::mode).map(|found| *mode = found),
        ("evt.arg.uid" | "evt.arg.euid", ActKind::SetUid { new, .. }) => {
            value::number(value).map(|id| *new = [id; 3])
        }
        ("evt.arg.uid", ActKind::Chown { uid, .. }) => assign(uid, value, value::number),
        ("evt.arg.gid", ActKind::Chown { gid, .. }) => assign(gid, value, value::number),
        ("evt.arg.gid", ActKind::SetGid { new, .. }) => {
            value::number(value).map(|id| *new = [id; 3])
        }
        ("evt.arg.request", ActKind::Ptrace { request, .. }) => {
            find(value, 0..=0x4206, words::ptrace).map(|found| *request = found)
        }
        (
            "evt.arg.pid" | "evt.arg.targetpid",
            ActKind::Ptrace { target, .. } | ActKind::Signal { target, .. },
        ) => assign(&mut target.pid, value, value::number),
        ("evt.is_on_monitor", ActKind::Ptrace { monitor, .. } | ActKind::Bpf { monitor, .. }) => {
            assign(monitor, value, value::yes)
        }
        ("evt.arg.id", ActKind::Bpf { object, .. }) => assign(object, value, value::number),
        ("evt.arg.sig", ActKind::Signal { signal, .. }) => {
            find(value, 0..=64, words::signal).map(|found| *signal = found)
        }
        ("evt.arg.cmd", ActKind::Bpf { command, .. }) => {
            find(value, 0..=64, words::bpf).map(|found| *command = found)
        }
        ("evt.arg.domain", ActKind::SocketCreate { family, .. }) => {
            find(value, 0..=64, |number| words::family(low(number)))
                .map(|found| *family = low(found))
        }
        ("evt.arg.type", ActKind::SocketCreate { sort, .. }) => {
            find(value, 0..=15, |number| words::socket_sort(low(number)))
                .map(|found| *sort = low(found))
        }
        ("evt.arg.proto", ActKind::SocketCreate { protocol, .. }) => {
            assign(protocol, value, value::number)
        }
        ("evt.arg.length", ActKind::Truncate { length }) => assign(length, value, value::number),
        ("evt.arg.flags" | "evt.arg.nstype", ActKind::Setns { flags }) => namespaces(value)
            .and_then(|found| {
                *flags = u32::try_from(found).map_err(|_| "too large".to_owned())?;
                Ok(())
            }),
        ("evt.arg.flags", ActKind::Unshare { flags, .. }) => {
            namespaces(value).map(|found| *flags = found)
        }
        ("evt.arg.flags", ActKind::Mount { flags }) => {
            bits(value, words::mount).map(|found| *flags = found)
        }
        ("evt.arg.flags", ActKind::Userfaultfd { flags }) => {
            low_bits(value, words::userfaultfd).map(|found| *flags = found)
        }
        ("evt.arg.flags", ActKind::Memfd { flags }) => {
            low_bits(value, words::memfd).map(|found| *flags = found)
        }
        ("evt.arg.flags", ActKind::Rename { flags }) => {
            low_bits(value, words::rename).map(|found| *flags = found)
        }
        ("evt.arg.prot", ActKind::Map { protection, .. } | ActKind::Protect { protection }) => {
            find(value, 0..=7, words::protection).map(|found| *protection = found)
        }
        _ => return None,
    })
}

/// The act is whole, or what it lacks.
pub(super) fn finish(act: &mut Act, facts: Option<FileFacts>) -> Result<(), String> {
    let has_object = !act.path.is_empty();
    let needs_two = matches!(act.kind, ActKind::Rename { .. } | ActKind::Link | ActKind::Symlink);
    if needs_two && (act.other.is_empty() || !has_object) {
        return Err("the event needs two paths: `fs.path.source` and `fs.path.target`".to_owned());
    }
    if has_object {
        act.file = facts;
    }
    Ok(())
}

/// The number that is written so.
fn find(
    value: &TestValue,
    mut among: impl Iterator<Item = u32>,
    written: impl Fn(u32) -> String,
) -> Result<u32, String> {
    let text = value::text(value)?;
    among
        .find(|number| written(*number) == text)
        .ok_or_else(|| format!("`{text}` is no value of it that is known"))
}

/// The bits that are written so, each by itself.
fn bits(value: &TestValue, written: impl Fn(u64) -> String) -> Result<u64, String> {
    let text = value::text(value)?;
    text.split('|').try_fold(0, |bits, word| {
        let found = (0..u64::BITS).map(|bit| 1 << bit).find(|bit| written(*bit) == word);
        found.map(|bit| bits | bit).ok_or_else(|| format!("`{word}` is no flag that is known"))
    })
}

/// The same of flags that are numbers of 32 bits.
fn low_bits(value: &TestValue, written: impl Fn(u32) -> String) -> Result<u32, String> {
    let low = |bit: u64| u32::try_from(bit).map_or_else(|_| String::new(), &written);
    let found = bits(value, low)?;
    u32::try_from(found).map_err(|_| "too large".to_owned())
}

fn namespaces(value: &TestValue) -> Result<u64, String> {
    bits(value, words::namespaces)
}

/// Numbers that are looked through here are all small.
fn low(number: u32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}
