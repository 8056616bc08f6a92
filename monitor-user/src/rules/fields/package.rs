//! `proc.exe.*`: to which package an executed file belongs, and whether it was changed since its
//! container was started; `fd.*`: the same of a mapped one. None are fields of Falco's.

use monitor_rules::{Field, KindSet, Type, Value};

use super::{fact_of, one, process::of, unknown};
use crate::{
    event::{Event, Fact},
    packages::Belonging,
    rules::kinds::{ALL, EXEC, MAP},
};

/// The fields of facts that are looked up where a rule names one of them.
pub(in crate::rules) const PACKAGE: [&str; 5] = [
    "proc.exe.package",
    "proc.exe.is_packaged",
    "proc.exe.package_db_changed",
    "fd.package",
    "fd.is_packaged",
];

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "proc.exe.package",
        Type::Str,
        EXEC,
        "Name of the package that the started program belongs to, by the databases of dpkg and apk \
         in its root file system; absent if it belongs to none. In a container the layers of the \
         image are read, which nothing in the container can change. Where it is not known the \
         reason is told, such as `not_read` for rpm and `no_database`. It is looked up after the \
         start: what hangs on it waits for up to half a second.",
        |event, _| package(event, EXEC, |it| Value::or_absent(it.name.as_deref().map(Value::str))),
    ),
    one(
        "proc.exe.is_packaged",
        Type::Bool,
        EXEC,
        "Whether the started program belongs to a package, as `proc.exe.package` tells it.",
        |event, _| package(event, EXEC, |it| Value::Bool(it.name.is_some())),
    ),
    one(
        "proc.exe.package_db_changed",
        Type::Bool,
        EXEC,
        "Whether the database of packages was changed in the container since its start, as by who \
         installs something, or wants a program to look as if it were of a package. \
         `proc.exe.package` does not go by what was changed, where the image has layers.",
        |event, _| package(event, EXEC, |it| Value::Bool(it.is_database_changed)),
    ),
    one(
        "proc.exe.changed_since_start",
        Type::Bool,
        ALL,
        "Whether the program's file, its name, mode or content, was last changed after its \
         container was started; absent on the host.",
        |event, _| {
            of(&event.process, |process| match event.container.is_host() {
                true => Value::Absent,
                false if process.file.inode == 0 && process.file.magic == 0 => Value::Absent,
                false => fact_of(&event.container.started_ns, |started_ns| {
                    Value::Bool(process.ctime_ns > *started_ns)
                }),
            })
        },
    ),
    one(
        "fd.package",
        Type::Str,
        MAP,
        "Name of the package that the file belongs to which was mapped to be executed, such as a \
         library, as `proc.exe.package` tells it of programs.",
        |event, _| package(event, MAP, |it| Value::or_absent(it.name.as_deref().map(Value::str))),
    ),
    one(
        "fd.is_packaged",
        Type::Bool,
        MAP,
        "Whether that file belongs to a package, as `fd.package` tells it.",
        |event, _| package(event, MAP, |it| Value::Bool(it.name.is_some())),
    ),
];

/// To what the file of an event of such a kind belongs.
fn package<'e>(
    event: &'e Event,
    kinds: KindSet,
    get: impl FnOnce(&'e Belonging) -> Value<'e>,
) -> Value<'e> {
    match &event.program_package {
        _ if !kinds.contains(event.action.kind()) => Value::Absent,
        Fact::Known(belonging, _) => get(belonging),
        Fact::Unknown(reason) => unknown(*reason),
    }
}
