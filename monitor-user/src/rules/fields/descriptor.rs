//! `fd.*` of files and of both sorts, and `fs.path.*`.

use monitor_rules::{Arg, Field, Type, Value};
use nix::libc;

use super::{
    device_number,
    event::{on_file, raw_result},
    is_lower_layer, number, one, socket,
};
use crate::{
    event::{Action, Address, Event, FileAct, FileFacts, base_name},
    rules::schema::{DESCRIPTOR, FILE},
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
        "0, or -1 where an open failed: the number itself is not observed.",
        |event, _| match event.action {
            Action::FileOpen(_) if raw_result(event) < 0 => Value::Int(-1),
            Action::FileOpen(_) | Action::Connect(_) | Action::Send(_) => Value::Int(0),
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
    one("fd.nameraw", Type::Str, FILE, "Path as it was passed, as far as kept.", |event, _| {
        on_file(event, |act| Value::str(act.name.as_ref().unwrap_or(&act.path)))
    }),
    one("fd.directory", Type::Str, FILE, "Directory of the file.", |event, _| {
        on_file(event, |act| Value::str(directory(&act.path)))
    }),
    one("fd.filename", Type::Str, FILE, "Name of the file in its directory.", |event, _| {
        on_file(event, |act| Value::str(base_name(&act.path)))
    }),
    one("fd.ino", Type::Int, FILE, "Inode number of the file.", |event, _| {
        on_facts(event, |file| number(file.inode))
    }),
    one("fd.dev", Type::Int, FILE, "Device number of the file system.", |event, _| {
        on_facts(event, |file| device_number(file.major, file.minor))
    }),
    one("fd.dev.major", Type::Int, FILE, "Major device number of the file system.", |event, _| {
        on_facts(event, |file| Value::Int(file.major.into()))
    }),
    one("fd.dev.minor", Type::Int, FILE, "Minor device number of the file system.", |event, _| {
        on_facts(event, |file| Value::Int(file.minor.into()))
    }),
    one(
        "fd.is_upper_layer",
        Type::Bool,
        FILE,
        "The file is in the upper layer of an overlayfs.",
        |event, _| on_facts(event, |file| Value::Bool(file.upper_layer)),
    ),
    one(
        "fd.is_lower_layer",
        Type::Bool,
        FILE,
        "The file is in a lower layer of an overlayfs.",
        |event, _| on_facts(event, |file| Value::Bool(is_lower_layer(file))),
    ),
    one(
        "fd.is_block_device",
        Type::Bool,
        FILE,
        "The file is a block device, whatever its name; not a field of Falco's.",
        |event, _| on_facts(event, |file| Value::Bool(file.mode & libc::S_IFMT == libc::S_IFBLK)),
    ),
    one("fs.path.name", Type::Str, FILE, "Full path of the file.", |event, _| {
        on_file(event, |act| Value::str(&act.path))
    }),
    one(
        "fs.path.nameraw",
        Type::Str,
        FILE,
        "Path as it was passed, as far as kept.",
        |event, _| on_file(event, |act| Value::str(act.name.as_ref().unwrap_or(&act.path))),
    ),
];

fn name<'e>(event: &'e Event, _: &Arg) -> Value<'e> {
    match &event.action {
        Action::FileOpen(act) => Value::str(&act.path),
        Action::Connect(act) | Action::Send(act) => match &act.destination {
            Address::Unix(path) if path.first() != Some(&0) => Value::str(path),
            Address::Unix(_) | Address::Ip(..) => Value::owned(socket::tuple(act)),
        },
        _ => Value::Absent,
    }
}

fn sort(event: &Event) -> Option<(&'static str, &'static str)> {
    match &event.action {
        Action::FileOpen(FileAct { file: Some(file), .. })
            if file.mode & libc::S_IFMT == libc::S_IFDIR =>
        {
            Some(("directory", "d"))
        }
        Action::FileOpen(_) => Some(("file", "f")),
        Action::Connect(act) | Action::Send(act) => Some(match &act.destination {
            Address::Ip(ip, _) if ip.is_ipv4() => ("ipv4", "4"),
            Address::Ip(..) => ("ipv6", "6"),
            Address::Unix(_) => ("unix", "u"),
        }),
        _ => None,
    }
}

/// What `of` says of the file; an open that failed may have reached none.
fn on_facts<'e>(event: &'e Event, of: impl FnOnce(&'e FileFacts) -> Value<'e>) -> Value<'e> {
    on_file(event, |act| act.file.as_ref().map_or(Value::Absent, of))
}

fn directory(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(end) => path.get(..end).unwrap_or(path),
        None => b"",
    }
}
