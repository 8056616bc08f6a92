//! Acts as people read them, and where they belong in the Elastic Common Schema.

use super::printable::terminal;
use crate::{
    act::ActKind,
    event::{Act, ProcessKey},
    words,
};

/// An act in a few words.
pub(super) fn line(act: &Act) -> String {
    let path = terminal(&act.path);
    let other = terminal(&act.other);
    match act.kind {
        ActKind::FileReceive { .. } => format!("{path} came in"),
        ActKind::Rename { .. } => format!("{path} → {other}"),
        ActKind::Link => format!("{other} is {path}"),
        ActKind::Symlink => format!("{path} → {other}"),
        ActKind::Unlink | ActKind::Rmdir | ActKind::Utimes | ActKind::Chroot => path.into_owned(),
        ActKind::Mkdir { mode } | ActKind::Mknod { mode, .. } | ActKind::Chmod { mode } => {
            format!("{path} {:04o}", mode & 0o7777)
        }
        ActKind::Truncate { length } => format!("{path} to {length} bytes"),
        ActKind::Chown { uid, gid } => format!("{path} {}", owner(uid, gid)),
        ActKind::Xattr { removed } => {
            format!("{path} {}{other}", if removed { "without " } else { "" })
        }
        ActKind::Map { protection, .. } | ActKind::Protect { protection } => {
            format!("{path} {}", words::protection(protection))
        }
        ActKind::SocketCreate { family, sort, protocol } => {
            format!("{} {} {protocol}", words::family(family), words::socket_sort(sort))
        }
        ActKind::Ptrace { request, target, .. } => {
            format!("{} {}", words::ptrace(request), target.pid)
        }
        ActKind::Bpf { command, object: 0, .. } => format!("{} {other}", words::bpf(command)),
        ActKind::Bpf { command, object, .. } => format!("{} {object}", words::bpf(command)),
        ActKind::Module => path.into_owned(),
        ActKind::Mount { .. } => format!("{other} at {path} {}", terminal(&act.text)),
        ActKind::Umount { .. } => path.into_owned(),
        ActKind::PivotRoot => format!("{path}, the old one at {other}"),
        ActKind::Setns { flags } => words::namespaces(flags.into()),
        ActKind::Unshare { flags, child } => {
            let of =
                child.map_or(String::new(), |child: ProcessKey| format!(" child {}", child.pid));
            format!("{}{of}", words::namespaces(flags))
        }
        ActKind::SetUid { new: [real, effective, saved], .. }
        | ActKind::SetGid { new: [real, effective, saved], .. } => {
            format!("{real} {effective} {saved}")
        }
        ActKind::Capset { new: [effective, ..] } => format!("effective {effective:#x}"),
        ActKind::Memfd { flags } => format!("{path} {}", words::memfd(flags)),
        ActKind::Userfaultfd { flags } => words::userfaultfd(flags),
        ActKind::Signal { signal, target } => {
            format!("{} to {}", words::signal(signal), target.pid)
        }
    }
}

fn owner(uid: u32, gid: u32) -> String {
    let id = |id: u32| if id == u32::MAX { String::new() } else { id.to_string() };
    format!("{}:{}", id(uid), id(gid))
}

/// Category, types and action of an act.
pub(super) fn ecs(kind: &ActKind) -> (&'static str, &'static [&'static str], &'static str) {
    let name = ActKind::NAMES.get(usize::from(kind.number())).copied().unwrap_or("act");
    let (category, types): (_, &[_]) = match kind {
        ActKind::FileReceive { .. } => ("file", &["access"]),
        ActKind::Map { .. } => ("library", &["start"]),
        ActKind::Unlink | ActKind::Rmdir => ("file", &["deletion"]),
        ActKind::Link | ActKind::Symlink | ActKind::Mkdir { .. } | ActKind::Mknod { .. } => {
            ("file", &["creation"])
        }
        ActKind::Rename { .. }
        | ActKind::Truncate { .. }
        | ActKind::Chmod { .. }
        | ActKind::Chown { .. }
        | ActKind::Utimes
        | ActKind::Xattr { .. }
        | ActKind::Memfd { .. } => ("file", &["change"]),
        ActKind::SocketCreate { .. } => ("network", &["info"]),
        ActKind::Module | ActKind::Bpf { .. } => ("driver", &["start"]),
        ActKind::Mount { .. } | ActKind::Umount { .. } => ("host", &["change"]),
        ActKind::SetUid { .. } | ActKind::SetGid { .. } | ActKind::Capset { .. } => {
            ("iam", &["user", "change"])
        }
        ActKind::Protect { .. }
        | ActKind::Ptrace { .. }
        | ActKind::Setns { .. }
        | ActKind::Unshare { .. }
        | ActKind::PivotRoot
        | ActKind::Chroot
        | ActKind::Userfaultfd { .. }
        | ActKind::Signal { .. } => ("process", &["change"]),
    };
    (category, types, name)
}
