//! `fd.*` of files and of both sorts.

use monitor_rules::{Arg, Field, KindSet, Type, Value};
use nix::libc;

use super::{act::raw_path, device_number, event::raw_result, number, one, socket};
use crate::{
    act::ActKind,
    event::{Act, Action, Address, Event, FileFacts, base_name},
    rules::kinds::{DESCRIPTOR, FILE, MAP, RECEIVE, union},
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "fd.name",
        Type::Str,
        DESCRIPTOR,
        "Path of the file or AF_UNIX socket, or `source:port->destination:port`.",
        name,
    ),
    one(
        "fd.num",
        Type::Int,
        DESCRIPTOR,
        "Of a socket that became a standard stream the number of the stream; else 0, or -1 where \
         an open failed: other numbers are not observed.",
        |event, _| match event.action {
            Action::Dup { descriptor, .. } => Value::Int(descriptor.into()),
            Action::FileOpen(_) | Action::FileRead(_) if raw_result(event) < 0 => Value::Int(-1),
            _ if path_or_socket(event) => Value::Int(0),
            _ => Value::Absent,
        },
    ),
    one(
        "fd.type",
        Type::Str,
        DESCRIPTOR,
        "`file`, `directory`, `ipv4`, `ipv6` or `unix`.",
        |event, _| sort(event).map_or(Value::Absent, |(name, _)| Value::str(name)),
    ),
    one(
        "fd.typechar",
        Type::Str,
        DESCRIPTOR,
        "`f` for a file, `d` for a directory, `4`, `6` or `u` for a socket.",
        |event, _| sort(event).map_or(Value::Absent, |(_, letter)| Value::str(letter)),
    ),
    one("fd.nameraw", Type::Str, OPENED, "Path as it was passed, as far as kept.", |event, arg| {
        if opened(event).is_some() { raw_path(event, arg) } else { Value::Absent }
    }),
    one("fd.directory", Type::Str, OPENED, "Directory of the file.", |event, _| {
        opened(event).map_or(Value::Absent, |path| Value::str(directory(path)))
    }),
    one("fd.filename", Type::Str, OPENED, "Name of the file in its directory.", |event, _| {
        opened(event).map_or(Value::Absent, |path| Value::str(base_name(path)))
    }),
    one("fd.ino", Type::Int, OPENED, "Inode number of the file.", |event, _| {
        on_facts(event, |file| number(file.inode))
    }),
    one("fd.dev", Type::Int, OPENED, "Device number of the file system.", |event, _| {
        on_facts(event, |file| device_number(file.major, file.minor))
    }),
    one(
        "fd.dev.major",
        Type::Int,
        OPENED,
        "Major device number of the file system.",
        |event, _| on_facts(event, |file| Value::Int(file.major.into())),
    ),
    one(
        "fd.dev.minor",
        Type::Int,
        OPENED,
        "Minor device number of the file system.",
        |event, _| on_facts(event, |file| Value::Int(file.minor.into())),
    ),
    one(
        "fd.is_upper_layer",
        Type::Bool,
        OPENED,
        "The file is in the upper layer of an overlayfs.",
        |event, _| on_facts(event, |file| Value::Bool(file.upper_layer)),
    ),
    one(
        "fd.is_lower_layer",
        Type::Bool,
        FILE,
        "The file is in a lower layer of an overlayfs.",
        |event, _| on_facts(event, |file| Value::Bool(file.is_lower_layer())),
    ),
    one(
        "fd.is_block_device",
        Type::Bool,
        OPENED,
        "The file is a block device, whatever its name; not a field of Falco's.",
        |event, _| on_facts(event, |file| Value::Bool(file.mode & libc::S_IFMT == libc::S_IFBLK)),
    ),
];

/// Files behind a descriptor.
const OPENED: KindSet = union(&[FILE, RECEIVE, MAP]);

/// Path of the file behind the descriptor that the act is about.
fn opened(event: &Event) -> Option<&[u8]> {
    match &event.action {
        Action::FileOpen(act) | Action::FileRead(act) => Some(&act.path),
        Action::Act(Act {
            kind: ActKind::FileReceive { .. } | ActKind::Map { .. }, path, ..
        }) => Some(path),
        _ => None,
    }
}

fn path_or_socket(event: &Event) -> bool {
    opened(event).is_some() || event.action.socket().is_some()
}

fn name<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    if let Some(path) = opened(event) {
        return Value::str(path);
    }
    event.action.socket().map_or(Value::Absent, |act| match &act.destination {
        Address::Unix(path) if path.first() != Some(&0) => Value::str(path),
        Address::Unix(_) | Address::Ip(..) => Value::owned(socket::tuple(act)),
    })
}

fn sort(event: &Event) -> Option<(&'static str, &'static str)> {
    if opened(event).is_some() {
        let is_directory = |file: &FileFacts| file.mode & libc::S_IFMT == libc::S_IFDIR;
        let directory = facts(event).is_some_and(is_directory);
        return Some(if directory { ("directory", "d") } else { ("file", "f") });
    }
    event.action.socket().map(|act| match &act.destination {
        Address::Ip(ip, _) if ip.is_ipv4() => ("ipv4", "4"),
        Address::Ip(..) => ("ipv6", "6"),
        Address::Unix(_) => ("unix", "u"),
    })
}

fn facts(event: &Event) -> Option<&FileFacts> {
    match &event.action {
        Action::FileOpen(act) | Action::FileRead(act) => act.file.as_ref(),
        Action::Act(act) => act.file.as_ref(),
        _ => None,
    }
}

/// What `of` says of the file; an open that failed may have reached none.
fn on_facts<'e>(event: &'e Event, of: impl FnOnce(&'e FileFacts) -> Value<'e>) -> Value<'e> {
    if opened(event).is_none() { Value::Absent } else { facts(event).map_or(Value::Absent, of) }
}

fn directory(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(end) => path.get(..end).unwrap_or(path),
        None => b"",
    }
}
