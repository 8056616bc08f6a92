//! `user.*` and `group.*`: ids in the initial user namespace, and their names on this host.

use monitor_rules::{Field, Type, Value};

use super::{never, one};
use crate::{
    event::Event,
    rules::{
        kinds::ALL,
        names::{self, Names},
    },
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("user.uid", Type::Int, ALL, "User id, as the host sees it.", |event, _| {
        Value::Int(event.credentials.uid.into())
    }),
    one(
        "user.name",
        Type::Str,
        ALL,
        "Name of the user; in containers only `root` is known.",
        |event, _| name(event, event.credentials.uid, Names::user),
    ),
    one(
        "user.euid",
        Type::Int,
        ALL,
        "Effective user id, as the host sees it: whose rights count; not a field of Falco's.",
        |event, _| Value::Int(event.credentials.euid.into()),
    ),
    one("user.loginuid", Type::Int, ALL, "User id of the login; -1 for none.", |event, _| {
        Value::Int(event.credentials.loginuid.map_or(-1, i64::from))
    }),
    one(
        "user.loginname",
        Type::Str,
        ALL,
        "Name of the user that logged in, as the host knows it.",
        |event, _| match event.credentials.loginuid {
            // The login was the host's, wherever the process is now.
            Some(uid) => look_up(names::of_host(), uid, Names::user),
            None => Value::Absent,
        },
    ),
    one("group.gid", Type::Int, ALL, "Group id, as the host sees it.", |event, _| {
        Value::Int(event.credentials.gid.into())
    }),
    one(
        "group.name",
        Type::Str,
        ALL,
        "Name of the group; in containers only `root` is known.",
        |event, _| name(event, event.credentials.gid, Names::group),
    ),
];

type Of = fn(&Names, u32) -> Option<&str>;

fn name(event: &Event, id: u32, of: Of) -> Value<'static> {
    match id {
        0 => Value::str("root"),
        // The names of a container's users are in its own files.
        _ if !event.container.is_host() => never("in_container"),
        _ => look_up(names::of_host(), id, of),
    }
}

fn look_up(names: Option<&'static Names>, id: u32, of: Of) -> Value<'static> {
    match (id, names) {
        (0, _) => Value::str("root"),
        (_, None) => never("not_loaded"),
        (_, Some(names)) => of(names, id).map_or(never("no_such_name"), Value::str),
    }
}
