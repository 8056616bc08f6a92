//! `container.mount*`: what is mounted in the container from outside.

use monitor_rules::{Arg, Field, Type, Value};

use super::{fact_of, keyed, one};
use crate::{container::Mount, event::Event, rules::kinds::ALL};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("container.mounts", Type::Str, ALL, MOUNTS, |event, _| {
        fact_of(&event.container.mounts, |mounts| {
            let all: Vec<String> = mounts.iter().map(ToString::to_string).collect();
            Value::owned(all.join(" "))
        })
    }),
    keyed("container.mount", Type::Str, ALL, ONE, |event, arg| {
        of_mount(event, arg, source, |mount| Value::owned(mount.to_string()))
    }),
    keyed("container.mount.source", Type::Str, ALL, SOURCE, |event, arg| {
        of_mount(event, arg, |mount| &mount.destination, |mount| Value::str(&*mount.source))
    }),
    keyed("container.mount.dest", Type::Str, ALL, DESTINATION, |event, arg| {
        of_mount(event, arg, source, |mount| Value::str(&*mount.destination))
    }),
    keyed("container.mount.mode", Type::Str, ALL, MODE, |event, arg| {
        of_mount(event, arg, source, |mount| Value::str(&*mount.mode))
    }),
    keyed("container.mount.rdwr", Type::Str, ALL, RDWR, |event, arg| {
        of_mount(event, arg, source, |mount| {
            Value::str(if mount.is_writable { "true" } else { "false" })
        })
    }),
    keyed("container.mount.propagation", Type::Str, ALL, PROPAGATION, |event, arg| {
        of_mount(event, arg, source, |mount| Value::str(&*mount.propagation))
    }),
];

const MOUNTS: &str = "What is mounted from outside, with spaces, each as \
                      `source:destination:mode:writable:propagation`; without what engines mount \
                      of their own, such as `/etc/hosts`.";
const ONE: &str = "The mount of that number or source; it may be a glob.";
const SOURCE: &str = "Source of the mount of that number or destination; it may be a glob.";
const DESTINATION: &str = "Destination of the mount of that number or source; it may be a glob.";
const MODE: &str = "The engine's mode of the mount of that number or source.";
const RDWR: &str = "Whether the mount of that number or source is writable: `true` or `false`.";
const PROPAGATION: &str = "How mounts below the mount of that number or source spread.";

fn source(mount: &Mount) -> &str {
    &mount.source
}

/// Something of the first mount that the argument means: a number, or a path that is compared.
fn of_mount<'e>(
    event: &'e Event,
    arg: &Arg,
    compared: fn(&Mount) -> &str,
    get: fn(&'e Mount) -> Value<'e>,
) -> Value<'e> {
    let Some(key) = arg.key() else { return Value::Absent };
    fact_of(&event.container.mounts, |mounts| {
        let found = match key.text().parse::<usize>() {
            Ok(number) => mounts.get(number),
            Err(_) => mounts.iter().find(|mount| key.matches(compared(mount).as_bytes())),
        };
        Value::or_absent(found.map(get))
    })
}
