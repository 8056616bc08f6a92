//! `evt.arg.*` and `fs.path.*`: what acts say, by the names of the system calls' arguments.

use monitor_rules::{Arg, Field, KindSet, Type, Value};

use super::{event::open_flags, number, one};
use crate::{
    act::ActKind,
    event::{Act, Action, Event},
    rules::kinds::{
        BPF, CHMOD, CHOWN, EXEC, FILE, LINK, MAP, MEMFD, MKDIR, MKNOD, MOUNT, PATH, PROTECT,
        PTRACE, RENAME, SETGID, SETNS, SETUID, SIGNAL, SOCKET_CREATE, SYMLINK, TRUNCATE, TWO_PATHS,
        UMOUNT, UNLINK, UNSHARE, USERFAULTFD, XATTR, union,
    },
    words,
};

/// Acts on another process.
const OTHERS: KindSet = PTRACE.union(SIGNAL);

/// Acts that can be on the monitor.
const ON_MONITOR: KindSet = union(&[OTHERS, BPF, FILE]);

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("fs.path.name", Type::Str, PATH, "Full path of the object.", |event, _| path(event)),
    one("fs.path.nameraw", Type::Str, PATH, "Path as it was passed, as far as kept.", raw_path),
    one(
        "fs.path.source",
        Type::Str,
        TWO_PATHS,
        "The path that was there: of a rename or a hard link the old one, of a symbolic link what \
         it says.",
        |event, _| source(event),
    ),
    one("fs.path.sourceraw", Type::Str, TWO_PATHS, "The same as it was passed.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Symlink => Value::str(&act.other),
            _ => Value::str(act.name.as_ref().unwrap_or(&act.path)),
        })
    }),
    one(
        "fs.path.target",
        Type::Str,
        TWO_PATHS,
        "The path that came to be: of a rename or a hard link the new one, of a symbolic link its \
         own.",
        |event, _| target(event),
    ),
    one("fs.path.targetraw", Type::Str, TWO_PATHS, "The same as it was passed.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Symlink => Value::str(act.name.as_ref().unwrap_or(&act.path)),
            _ => Value::str(act.other_name.as_ref().unwrap_or(&act.other)),
        })
    }),
    one(
        "evt.abspath",
        Type::Str,
        PATH,
        "Full path of the object; of a rename or a hard link the old one.",
        |event, _| path(event),
    ),
    one("evt.abspath.src", Type::Str, RENAME.union(LINK), "The old path.", |event, _| {
        of(event, RENAME.union(LINK), path)
    }),
    one("evt.abspath.dst", Type::Str, RENAME.union(LINK), "The new path.", |event, _| {
        of(event, RENAME.union(LINK), other)
    }),
    one(
        "evt.arg.name",
        Type::Str,
        NAMED.union(XATTR),
        "The name that was opened or removed, of a file in memory its name, as far as kept; of an \
         extended attribute what it is called.",
        |event, arg| match &event.action {
            Action::Act(Act { kind: ActKind::Xattr { .. }, other, .. }) => Value::str(other),
            _ if NAMED.contains(event.action.kind()) => raw_path(event, arg),
            _ => Value::Absent,
        },
    ),
    one("evt.arg.path", Type::Str, PATH, "Full path of the object.", |event, _| path(event)),
    one("evt.arg.pathname", Type::Str, PATH, "Full path of the object.", |event, _| path(event)),
    one(
        "evt.arg.filename",
        Type::Str,
        union(&[EXEC, CHMOD, CHOWN]),
        "The name that was executed, or path of the file whose mode or owner was changed.",
        |event, _| match event.action {
            Action::Exec { .. } => Value::str(&event.process.filename),
            _ => of(event, CHMOD.union(CHOWN), path),
        },
    ),
    one("evt.arg.oldpath", Type::Str, RENAME.union(LINK), "The old path.", |event, _| {
        of(event, RENAME.union(LINK), path)
    }),
    one("evt.arg.newpath", Type::Str, RENAME.union(LINK), "The new path.", |event, _| {
        of(event, RENAME.union(LINK), other)
    }),
    one("evt.arg.linkpath", Type::Str, SYMLINK, "Path of the link.", |event, _| {
        of(event, SYMLINK, path)
    }),
    one("evt.arg.target", Type::Str, SYMLINK, "What the link says.", |event, _| {
        of(event, SYMLINK, other)
    }),
    one("evt.arg.dev", Type::Str, MOUNT, "What was mounted.", |event, _| of(event, MOUNT, other)),
    one("evt.arg.dir", Type::Str, MOUNT, "Where it was mounted.", |event, _| {
        of(event, MOUNT, path)
    }),
    one(
        "evt.arg.type",
        Type::Str,
        MOUNT.union(SOCKET_CREATE),
        "Type of the file system that was mounted, or sort of the socket, as in `SOCK_RAW`.",
        |event, _| {
            on_act(event, |act| match act.kind {
                ActKind::SocketCreate { sort, .. } => Value::owned(words::socket_sort(sort)),
                ActKind::Mount { .. } => Value::str(&act.text),
                _ => Value::Absent,
            })
        },
    ),
    one(
        "evt.arg.mode",
        Type::Str,
        union(&[CHMOD, MKDIR, MKNOD]),
        "Permission bits, as in `S_ISUID|S_IRUSR`.",
        |event, _| {
            on_act(event, |act| match act.kind {
                ActKind::Chmod { mode } | ActKind::Mkdir { mode } | ActKind::Mknod { mode, .. } => {
                    Value::owned(words::mode(mode))
                }
                _ => Value::Absent,
            })
        },
    ),
    one("evt.arg.length", Type::Int, TRUNCATE, "To how many bytes.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Truncate { length } => number(length),
            _ => Value::Absent,
        })
    }),
    one(
        "evt.arg.uid",
        Type::Int,
        SETUID.union(CHOWN),
        "The user id that was set: of a process the effective one.",
        |event, _| ids(event, 1),
    ),
    one("evt.arg.ruid", Type::Int, SETUID, "The real user id now.", |event, _| {
        if SETUID.contains(event.action.kind()) { ids(event, 0) } else { Value::Absent }
    }),
    one("evt.arg.euid", Type::Int, SETUID, "The effective user id now.", |event, _| {
        if SETUID.contains(event.action.kind()) { ids(event, 1) } else { Value::Absent }
    }),
    one("evt.arg.suid", Type::Int, SETUID, "The saved user id now.", |event, _| {
        if SETUID.contains(event.action.kind()) { ids(event, 2) } else { Value::Absent }
    }),
    one(
        "evt.arg.gid",
        Type::Int,
        SETGID.union(CHOWN),
        "The group id that was set: of a process the effective one.",
        |event, _| group(event),
    ),
    one("evt.arg.request", Type::Str, PTRACE, "As in `PTRACE_ATTACH`.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Ptrace { request, .. } => Value::owned(words::ptrace(request)),
            _ => Value::Absent,
        })
    }),
    one("evt.arg.pid", Type::Int, OTHERS, "The other process.", other_process),
    one("evt.arg.targetpid", Type::Int, OTHERS, "The other process.", other_process),
    one(
        "evt.is_on_monitor",
        Type::Bool,
        ON_MONITOR,
        "Whether it is done to runmon: to its process, to a program, map or link of BPF of its \
         own, or to a file of procfs about it.",
        |event, _| is_on_monitor(event),
    ),
    one("evt.arg.sig", Type::Str, SIGNAL, "As in `SIGKILL`.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Signal { signal, .. } => Value::owned(words::signal(signal)),
            _ => Value::Absent,
        })
    }),
    one("evt.arg.cmd", Type::Str, BPF, "As in `BPF_PROG_LOAD`.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Bpf { command, .. } => Value::owned(words::bpf(command)),
            _ => Value::Absent,
        })
    }),
    one(
        "evt.arg.id",
        Type::Int,
        BPF,
        "Id of the program, map or link that was reached by it.",
        |event, _| {
            on_act(event, |act| match act.kind {
                ActKind::Bpf { object, .. } if object != 0 => Value::Int(object.into()),
                _ => Value::Absent,
            })
        },
    ),
    one("evt.arg.domain", Type::Str, SOCKET_CREATE, "As in `AF_PACKET`.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::SocketCreate { family, .. } => Value::owned(words::family(family)),
            _ => Value::Absent,
        })
    }),
    one("evt.arg.proto", Type::Int, SOCKET_CREATE, "Protocol of the socket.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::SocketCreate { protocol, .. } => Value::Int(protocol.into()),
            _ => Value::Absent,
        })
    }),
    one("evt.arg.prot", Type::Str, MAP.union(PROTECT), "As in `PROT_EXEC`.", |event, _| {
        on_act(event, |act| match act.kind {
            ActKind::Map { protection, .. } | ActKind::Protect { protection } => {
                Value::owned(words::protection(protection))
            }
            _ => Value::Absent,
        })
    }),
    one("evt.arg.nstype", Type::Str, SETNS, "As in `CLONE_NEWNS`; `0` is any.", |event, _| {
        of(event, SETNS, |event| {
            on_act(event, |act| flags(act).map_or(Value::Absent, Value::owned))
        })
    }),
    one(
        "evt.arg.flags",
        Type::Str,
        union(&[FILE, RENAME, MOUNT, UMOUNT, SETNS, UNSHARE, MEMFD, USERFAULTFD]),
        "Flags of the call, with `|` between.",
        |event, _| match (event.action.open(), event.action.act()) {
            (Some(open), _) => Value::owned(open_flags(open)),
            (_, Some(act)) => flags(act).map_or(Value::Absent, Value::owned),
            _ => Value::Absent,
        },
    ),
];

/// Acts of which `evt.arg.name` is the object.
const NAMED: KindSet = union(&[FILE, UNLINK, MEMFD]);

/// What `get` says, of acts of these kinds.
fn of(event: &Event, kinds: KindSet, get: fn(&Event) -> Value<'_>) -> Value<'_> {
    if kinds.contains(event.action.kind()) { get(event) } else { Value::Absent }
}

/// The second path or text.
fn other(event: &Event) -> Value<'_> {
    on_act(event, |act| Value::str(&act.other))
}

/// Where there was such an act, what `of` says of it.
pub(super) fn on_act<'e>(event: &'e Event, of: impl FnOnce(&'e Act) -> Value<'e>) -> Value<'e> {
    event.action.act().map_or(Value::Absent, of)
}

/// The object's path, of opens and of acts.
pub(super) fn path(event: &Event) -> Value<'_> {
    match (event.action.open(), event.action.act()) {
        (Some(open), _) => Value::str(&open.path),
        (_, Some(act)) if !act.path.is_empty() => Value::str(&act.path),
        _ => Value::Absent,
    }
}

/// The object's path as it was passed.
pub(super) fn raw_path<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    match (event.action.open(), event.action.act()) {
        (Some(open), _) => Value::str(open.name.as_ref().unwrap_or(&open.path)),
        (_, Some(act)) if !act.path.is_empty() => {
            Value::str(act.name.as_ref().unwrap_or(&act.path))
        }
        _ => Value::Absent,
    }
}

fn source(event: &Event) -> Value<'_> {
    on_act(event, |act| match act.kind {
        ActKind::Rename { .. } | ActKind::Link => Value::str(&act.path),
        ActKind::Symlink => Value::str(&act.other),
        _ => Value::Absent,
    })
}

fn target(event: &Event) -> Value<'_> {
    on_act(event, |act| match act.kind {
        ActKind::Rename { .. } | ActKind::Link => Value::str(&act.other),
        ActKind::Symlink => Value::str(&act.path),
        _ => Value::Absent,
    })
}

/// Real, effective or saved user id, by place; of a file its owner.
fn ids(event: &Event, place: usize) -> Value<'_> {
    on_act(event, |act| match act.kind {
        ActKind::SetUid { new, .. } => {
            Value::or_absent(new.get(place).map(|id| Value::Int((*id).into())))
        }
        ActKind::Chown { uid, .. } if uid != u32::MAX => Value::Int(uid.into()),
        _ => Value::Absent,
    })
}

fn group(event: &Event) -> Value<'_> {
    on_act(event, |act| match act.kind {
        ActKind::SetGid { new: [_, effective, _], .. } => Value::Int(effective.into()),
        ActKind::Chown { gid, .. } if gid != u32::MAX => Value::Int(gid.into()),
        _ => Value::Absent,
    })
}

fn is_on_monitor(event: &Event) -> Value<'_> {
    if let Some(open) = event.action.open() {
        return Value::or_absent(open.file.map(|file| Value::Bool(file.of_monitor)));
    }
    on_act(event, |act| match act.kind {
        ActKind::Ptrace { monitor, .. } | ActKind::Bpf { monitor, .. } => Value::Bool(monitor),
        ActKind::Signal { .. } => Value::Bool(true),
        _ => Value::Absent,
    })
}

fn other_process<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    on_act(event, |act| match act.kind {
        ActKind::Ptrace { target, .. } | ActKind::Signal { target, .. } => {
            Value::Int(target.pid.into())
        }
        _ => Value::Absent,
    })
}

/// The flags of an act, in words.
pub(super) fn flags(act: &Act) -> Option<String> {
    Some(match act.kind {
        ActKind::Rename { flags } => words::rename(flags),
        ActKind::Mount { flags } => words::mount(flags),
        ActKind::Umount { flags } => words::umount(flags),
        ActKind::Setns { flags } => words::namespaces(flags.into()),
        ActKind::Unshare { flags, .. } => words::namespaces(flags),
        ActKind::Memfd { flags } => words::memfd(flags),
        ActKind::Userfaultfd { flags } => words::userfaultfd(flags),
        _ => return None,
    })
}
