//! `evt.*`: the act, its time and its result.

use monitor_rules::{Arg, Field, KindSet, Type, Value};
use nix::{errno::Errno, libc};

use super::{act::flags, dns, number, one, socket};
use crate::{
    act::ActKind,
    event::{Act, Action, Event, FileAct, Outcome},
    rules::kinds::{ALL, DESCRIPTOR, EXIT, FILE, SOCKET},
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("evt.type", Type::Str, ALL, "The act, as the system call that usually leads to it.", kind),
    one(
        "evt.category",
        Type::Str,
        ALL,
        "`process`, `net`, `file`, `memory` or `system`.",
        category,
    ),
    one("evt.num", Type::Int, ALL, "Number of the event in its stream, from 1.", |event, _| {
        number(event.id.sequence)
    }),
    one("evt.dir", Type::Str, ALL, "Always `<`: every event tells of a finished act.", |_, _| {
        Value::str("<")
    }),
    one("evt.time", Type::Str, ALL, "Time of day, UTC, with nanoseconds.", |event, _| {
        time(event, "%H:%M:%S.%9f")
    }),
    one("evt.time.s", Type::Str, ALL, "Time of day, UTC.", |event, _| time(event, "%H:%M:%S")),
    one("evt.datetime", Type::Str, ALL, "Date and time, UTC, with nanoseconds.", |event, _| {
        time(event, "%Y-%m-%d %H:%M:%S.%9f")
    }),
    one("evt.datetime.s", Type::Str, ALL, "Date and time, UTC.", |event, _| {
        time(event, "%Y-%m-%d %H:%M:%S")
    }),
    one("evt.time.iso8601", Type::Str, ALL, "Date and time, UTC, with nanoseconds.", |event, _| {
        time(event, "%Y-%m-%dT%H:%M:%S.%9fZ")
    }),
    one("evt.rawtime", Type::Int, ALL, "Nanoseconds since 1970.", |event, _| {
        Value::Int(event.timestamp_ns)
    }),
    one("evt.rawtime.s", Type::Int, ALL, "Whole seconds since 1970.", |event, _| {
        Value::Int(event.timestamp_ns.div_euclid(1_000_000_000))
    }),
    one("evt.rawtime.ns", Type::Int, ALL, "Nanoseconds of the second.", |event, _| {
        Value::Int(event.timestamp_ns.rem_euclid(1_000_000_000))
    }),
    one("evt.hostname", Type::Str, ALL, "Name of the machine, as `k8s.node.name`.", |event, _| {
        Value::str(event.node.name())
    }),
    one("evt.source", Type::Str, ALL, "Always `syscall`.", |_, _| Value::str("syscall")),
    one("evt.is_async", Type::Bool, ALL, "Always `false`.", |_, _| Value::Bool(false)),
    one("evt.count", Type::Int, ALL, "Always 1.", |_, _| Value::Int(1)),
    one("evt.count.exit", Type::Int, ALL, "Always 1: every act is finished.", |_, _| Value::Int(1)),
    one("evt.count.error", Type::Int, ALL, "1 if the act ended with an error, else 0.", |e, _| {
        failures(e, ALL)
    }),
    one("evt.count.error.file", Type::Int, ALL, "1 for an open with an error, else 0.", |e, _| {
        failures(e, FILE)
    }),
    one("evt.count.error.net", Type::Int, ALL, "1 for a socket's error, else 0.", |event, _| {
        failures(event, SOCKET)
    }),
    one("evt.count.error.memory", Type::Int, ALL, "Always 0.", |_, _| Value::Int(0)),
    one("evt.count.error.other", Type::Int, ALL, "1 for another error, else 0.", |event, _| {
        failures(event, DESCRIPTOR.complement())
    }),
    one("evt.count.procinfo", Type::Int, ALL, "Always 0.", |_, _| Value::Int(0)),
    one("evt.count.threadinfo", Type::Int, ALL, "Always 0.", |_, _| Value::Int(0)),
    one(
        "evt.res",
        Type::Str,
        ALL,
        "`SUCCESS`, or the name of the error; `SUCCESS` also where the act was only seen to be \
         allowed.",
        result,
    ),
    one(
        "evt.rawres",
        Type::Int,
        ALL,
        "0, or the number of the error, negative; 0 also where the act was only seen to be \
         allowed.",
        |event, _| Value::Int(raw_result(event)),
    ),
    one("evt.failed", Type::Bool, ALL, "The act ended with an error.", |event, _| {
        Value::Bool(raw_result(event) < 0)
    }),
    one(
        "evt.is_open_write",
        Type::Bool,
        FILE,
        "The open asks to change the file: to write, to create or to empty it.",
        |event, _| on_file(event, |_| Value::Bool(matches!(event.action, Action::FileOpen(_)))),
    ),
    one("evt.is_open_read", Type::Bool, FILE, "The open asks for reading.", |event, _| {
        on_file(event, |act| Value::Bool(reads(act)))
    }),
    one("evt.is_open_create", Type::Bool, FILE, "The open created the file.", |event, _| {
        on_file(event, |act| Value::Bool(act.created))
    }),
    one(
        "evt.is_open_exec",
        Type::Bool,
        FILE,
        "The open created a file that may be executed.",
        |event, _| {
            let executable = |act: &FileAct| act.file.is_some_and(|file| file.mode & 0o111 != 0);
            on_file(event, |act| Value::Bool(act.created && executable(act)))
        },
    ),
    one("evt.args", Type::Str, ALL, "The arguments in one text.", arguments),
    one(
        "evt.arg.status",
        Type::Int,
        EXIT,
        "How the process ended, as `wait(2)` tells it.",
        |event, _| match event.action {
            Action::Exit { status } => Value::Int(status.into()),
            _ => Value::Absent,
        },
    ),
    one("evt.arg.ret", Type::Int, EXIT, "The exit code.", |event, _| match event.action {
        Action::Exit { status } if status & 0x7f == 0 => Value::Int((status >> 8 & 0xff).into()),
        _ => Value::Absent,
    }),
];

/// Where a file was opened, what `of` says of it.
pub(super) fn on_file<'e>(
    event: &'e Event,
    of: impl FnOnce(&'e FileAct) -> Value<'e>,
) -> Value<'e> {
    event.action.open().map_or(Value::Absent, of)
}

/// The result in Falco's sense: below zero only for an error.
pub(super) fn raw_result(event: &Event) -> i64 {
    match event.outcome {
        Outcome::Success | Outcome::Unknown => 0,
        Outcome::Failure(errno) => -i64::from(errno.unsigned_abs()),
    }
}

/// 1 for an act of these kinds that ended with an error.
fn failures(event: &Event, kinds: KindSet) -> Value<'static> {
    Value::Int((raw_result(event) < 0 && kinds.contains(event.action.kind())).into())
}

fn kind<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    Value::str(match &event.action {
        Action::Exec { .. } => "execve",
        Action::Fork { .. } => "clone",
        Action::Exit { .. } => "procexit",
        Action::Connect(_) => "connect",
        Action::Send(_) => "sendto",
        Action::FileOpen(_) | Action::FileRead(_) => "open",
        Action::Accept(_) => "accept",
        Action::Listen(_) => "listen",
        Action::Bind(_) => "bind",
        Action::Dup { .. } => "dup2",
        Action::DnsQuery(_) => "dns_query",
        Action::DnsAnswer(_) => "dns_answer",
        Action::Act(act) => call(act),
    })
}

/// The call that usually does an act.
fn call(act: &Act) -> &'static str {
    match act.kind {
        ActKind::FileReceive { .. } => "recvmsg",
        ActKind::Rename { .. } => "rename",
        ActKind::Link => "link",
        ActKind::Symlink => "symlink",
        ActKind::Unlink => "unlink",
        ActKind::Mkdir { .. } => "mkdir",
        ActKind::Rmdir => "rmdir",
        ActKind::Mknod { .. } => "mknod",
        ActKind::Truncate { .. } => "truncate",
        ActKind::Chmod { .. } => "chmod",
        ActKind::Chown { .. } => "chown",
        ActKind::Utimes => "utimensat",
        ActKind::Xattr { removed: false } => "setxattr",
        ActKind::Xattr { removed: true } => "removexattr",
        ActKind::Map { .. } => "mmap",
        ActKind::Protect { .. } => "mprotect",
        ActKind::SocketCreate { .. } => "socket",
        ActKind::Ptrace { .. } => "ptrace",
        ActKind::Bpf { .. } => "bpf",
        ActKind::Module => "finit_module",
        ActKind::Mount { .. } => "mount",
        ActKind::Umount { .. } => "umount2",
        ActKind::Setns { .. } => "setns",
        ActKind::Unshare { .. } => "unshare",
        ActKind::PivotRoot => "pivot_root",
        ActKind::Chroot => "chroot",
        ActKind::SetUid { .. } => "setuid",
        ActKind::SetGid { .. } => "setgid",
        ActKind::Capset { .. } => "capset",
        ActKind::Memfd { .. } => "memfd_create",
        ActKind::Userfaultfd { .. } => "userfaultfd",
        ActKind::Signal { .. } => "kill",
    }
}

fn category<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    Value::str(match &event.action {
        Action::Exec { .. } | Action::Fork { .. } | Action::Exit { .. } => "process",
        Action::FileOpen(_) | Action::FileRead(_) => "file",
        Action::Act(act) => match act.kind {
            ActKind::Ptrace { .. }
            | ActKind::Setns { .. }
            | ActKind::Unshare { .. }
            | ActKind::SetUid { .. }
            | ActKind::SetGid { .. }
            | ActKind::Capset { .. }
            | ActKind::Signal { .. } => "process",
            ActKind::SocketCreate { .. } => "net",
            ActKind::Map { .. } | ActKind::Protect { .. } => "memory",
            ActKind::Bpf { .. } | ActKind::Module | ActKind::Userfaultfd { .. } => "system",
            _ => "file",
        },
        _ => "net",
    })
}

fn time(event: &Event, format: &str) -> Value<'static> {
    match jiff::Timestamp::from_nanosecond(event.timestamp_ns.into()) {
        Ok(time) => Value::owned(time.strftime(format).to_string()),
        Err(_) => Value::Absent,
    }
}

fn result<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    match event.outcome {
        Outcome::Success | Outcome::Unknown => Value::str("SUCCESS"),
        Outcome::Failure(errno) => {
            Value::owned(format!("{:?}", Errno::from_raw(errno.saturating_abs())))
        }
    }
}

fn arguments<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    let text = match &event.action {
        Action::Exec { .. } => [b"filename=", &*event.process.filename].concat(),
        Action::Fork { child } => format!("child={}", child.pid).into_bytes(),
        Action::Exit { status } => format!("status={status}").into_bytes(),
        Action::FileOpen(act) | Action::FileRead(act) => {
            let name = act.name.as_ref().unwrap_or(&act.path);
            [b"name=", &**name, b" flags=", open_flags(act).as_bytes()].concat()
        }
        Action::Connect(act) | Action::Send(act) | Action::Accept(act) => {
            [b"addr=", &*socket::tuple(act)].concat()
        }
        Action::Listen(act) | Action::Bind(act) => [b"addr=", &*socket::tuple(act)].concat(),
        Action::Dup { socket: act, descriptor } => {
            [format!("fd={descriptor} addr=").as_bytes(), &*socket::tuple(act)].concat()
        }
        Action::DnsQuery(act) | Action::DnsAnswer(act) => dns::arguments(act),
        Action::Act(act) => act_arguments(act),
    };
    Value::owned(text)
}

/// What an act says beside its kind: paths and flags.
fn act_arguments(act: &Act) -> Vec<u8> {
    let flags = flags(act).unwrap_or_default();
    let parts: [(&[u8], &[u8]); 4] = [
        (b"path=", &act.path),
        (b"other=", &act.other),
        (b"type=", &act.text),
        (b"flags=", flags.as_bytes()),
    ];
    let said = parts.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| [name, value].concat()).collect::<Vec<_>>().join(&b' ')
}

fn access(act: &FileAct) -> u32 {
    act.open_flags & libc::O_ACCMODE.unsigned_abs()
}

fn has(act: &FileAct, flag: libc::c_int) -> bool {
    let flag = flag.unsigned_abs();
    act.open_flags & flag == flag
}

fn reads(act: &FileAct) -> bool {
    access(act) != libc::O_WRONLY.unsigned_abs()
}

/// The flags of an open, in words.
pub(super) fn open_flags(act: &FileAct) -> String {
    let access = match access(act).cast_signed() {
        libc::O_RDONLY => "O_RDONLY",
        libc::O_WRONLY => "O_WRONLY",
        _ => "O_RDWR",
    };
    let others = [
        (libc::O_CREAT, "O_CREAT"),
        (libc::O_EXCL, "O_EXCL"),
        (libc::O_TRUNC, "O_TRUNC"),
        (libc::O_APPEND, "O_APPEND"),
        (libc::O_DIRECTORY, "O_DIRECTORY"),
        (libc::O_NOFOLLOW, "O_NOFOLLOW"),
        (libc::O_CLOEXEC, "O_CLOEXEC"),
        (libc::O_TMPFILE, "O_TMPFILE"),
    ];
    let set = others.into_iter().filter(|(flag, _)| has(act, *flag)).map(|(_, name)| name);
    std::iter::once(access).chain(set).collect::<Vec<_>>().join("|")
}
