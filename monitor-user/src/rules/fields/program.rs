//! `proc.is_exe_*` and `proc.exe_ino*`: the file that the process runs.

use monitor_rules::{Field, Type, Value};

use super::{number, one, process::of, unknown};
use crate::{
    event::{Event, Fact, FileFacts, Process},
    rules::kinds::ALL,
};

/// The field of a fact that is found out late.
pub(in crate::rules) const HASH: &str = "proc.exe_sha256";

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "proc.is_exe_from_memfd",
        Type::Bool,
        ALL,
        "The program is a file in memory that never had a name.",
        |event, _| on_program(event, |process, _| Value::Bool(process.is_from_memfd())),
    ),
    one(
        "proc.is_exe_upper_layer",
        Type::Bool,
        ALL,
        "The program is in the upper layer of an overlayfs: not as the image brought it.",
        |event, _| on_program(event, |_, file| Value::Bool(file.upper_layer)),
    ),
    one(
        "proc.is_exe_lower_layer",
        Type::Bool,
        ALL,
        "The program is in a lower layer of an overlayfs.",
        |event, _| on_program(event, |_, file| Value::Bool(file.is_lower_layer())),
    ),
    one(
        "proc.is_exe_deleted",
        Type::Bool,
        ALL,
        "The program has no name any more, and is no memfd; not a field of Falco's.",
        |event, _| {
            on_program(event, |process, file| {
                Value::Bool(file.links == 0 && !process.is_from_memfd())
            })
        },
    ),
    one(
        HASH,
        Type::Str,
        ALL,
        "SHA-256 of the program's file, in lower-case hexadecimal digits; not a field of Falco's. \
         The file is read after the start: what hangs on it waits for up to half a second.",
        |event, _| match &event.program_hash {
            Fact::Known(hash, _) => Value::str(hash.as_bytes()),
            Fact::Unknown(reason) => unknown(*reason),
        },
    ),
    one("proc.exe_ino", Type::Int, ALL, "Inode number of the program.", |event, _| {
        on_program(event, |_, file| number(file.inode))
    }),
    one(
        "proc.exe_ino.ctime",
        Type::Int,
        ALL,
        "Last change of the program's inode, nanoseconds since 1970.",
        |event, _| on_program(event, |process, _| Value::Int(process.ctime_ns)),
    ),
    one(
        "proc.exe_ino.mtime",
        Type::Int,
        ALL,
        "Last change of the program's content, nanoseconds since 1970.",
        |event, _| on_program(event, |process, _| Value::Int(process.mtime_ns)),
    ),
    one(
        "proc.exe_ino.ctime_duration_proc_start",
        Type::Int,
        ALL,
        "Nanoseconds from the last change of the program's inode to its start.",
        |event, _| {
            on_program(event, |process, _| {
                let age = event.boottime_ns.saturating_sub(process.exec_ns);
                let started = event.timestamp_ns.saturating_sub_unsigned(age);
                Value::Int(started.saturating_sub(process.ctime_ns))
            })
        },
    ),
];

/// What `get` says of the program; a kernel thread has none.
fn on_program<'e>(
    event: &'e Event,
    get: impl FnOnce(&'e Process, &'e FileFacts) -> Value<'e>,
) -> Value<'e> {
    of(&event.process, |process| match process.file {
        FileFacts { inode: 0, magic: 0, .. } => Value::Absent,
        _ => get(process, &process.file),
    })
}
