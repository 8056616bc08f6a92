//! `proc.p*` and `proc.a*`: the parent and the ancestors, as they were when each was forked from.

use std::ops::ControlFlow;

use monitor_rules::{Arg, ArgRule, Field, Type, Value, Visit};

use super::{any, never, number, one, process};
use crate::{
    event::{Event, Process},
    limits::ANCESTORS,
    rules::kinds::ALL,
};

const NAMES: (Type, ArgRule) = (Type::Str, ArgRule::OptionalIndex);

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("proc.pname", Type::Str, ALL, "File name of the parent's program.", |event, _| {
        at(event, 1, process::name)
    }),
    one("proc.pexe", Type::Str, ALL, "First argument of the parent.", |event, _| {
        at(event, 1, process::first_argument)
    }),
    one("proc.pexepath", Type::Str, ALL, "Full path of the parent's program.", |event, _| {
        at(event, 1, process::executable)
    }),
    one("proc.pcmdline", Type::Str, ALL, "Name and arguments of the parent.", |event, _| {
        at(event, 1, process::command_line)
    }),
    one(
        "proc.pexeline",
        Type::Str,
        ALL,
        "All arguments of the parent, with spaces; not a field of Falco's.",
        |event, _| at(event, 1, process::all_arguments),
    ),
    one("proc.pvpid", Type::Int, ALL, "Parent's process id in its own namespace.", |event, _| {
        at(event, 1, |process| Value::Int(process.namespace_pid.into()))
    }),
    one("proc.ppid.duration", Type::Int, ALL, "Age of the parent, nanoseconds.", |event, _| {
        parent(event, |process| number(process::age_ns(event, process)))
    }),
    one("proc.ppid.ts", Type::Int, ALL, "Start of the parent, ns since 1970.", |event, _| {
        parent(event, |process| process::started(event, process))
    }),
    any(
        "proc.aname",
        NAMES,
        ALL,
        "File name of the program of the n-th ancestor, 1 being the parent; without a number of \
         any of them.",
        |event, arg, visit| each(event, arg, visit, process::name),
    ),
    any(
        "proc.aexe",
        NAMES,
        ALL,
        "First argument of the n-th ancestor, or of any.",
        |event, arg, visit| each(event, arg, visit, process::first_argument),
    ),
    any(
        "proc.aexepath",
        NAMES,
        ALL,
        "Full path of the program of the n-th ancestor, or of any.",
        |event, arg, visit| each(event, arg, visit, process::executable),
    ),
    any(
        "proc.acmdline",
        NAMES,
        ALL,
        "Name and arguments of the n-th ancestor, or of any.",
        |event, arg, visit| each(event, arg, visit, process::command_line),
    ),
    any(
        "proc.aargs",
        NAMES,
        ALL,
        "Arguments after the first of the n-th ancestor, or of any.",
        |event, arg, visit| each(event, arg, visit, process::arguments),
    ),
    any(
        "proc.apid",
        (Type::Int, ArgRule::OptionalIndex),
        ALL,
        "Process id of the n-th ancestor, or of any.",
        |event, arg, visit| each(event, arg, visit, |ancestor| Value::Int(ancestor.key.pid.into())),
    ),
    one(
        "proc.tree",
        Type::Str,
        ALL,
        "The process tree: id and start of its root, which is the first process of the container, \
         or on the host the one below pid 1; not a field of Falco's.",
        |event, _| Value::owned(tree(event)),
    ),
];

/// The root of the tree that a process is in, as far up as its ancestors are known.
fn tree(event: &Event) -> String {
    let chain = std::iter::once(&event.process).chain(event.ancestors.iter());
    let mut root = &event.process.key;
    for process in chain.take_while(|process| process.key.pid != 1) {
        root = &process.key;
        if process.namespace_pid == 1 {
            break;
        }
    }
    format!("{}-{}", root.pid, root.start_ns)
}

type Of = for<'p> fn(&'p Process) -> Value<'p>;

/// What `of` says of the n-th ancestor; 0 is the process itself.
fn at(event: &Event, n: usize, of: Of) -> Value<'_> {
    match n.checked_sub(1) {
        None => of(&event.process),
        Some(index) => event.ancestors.get(index).map_or_else(|| beyond(event), |found| of(found)),
    }
}

/// What `of` says of the parent.
fn parent(event: &Event, of: impl Fn(&Process) -> Value<'static>) -> Value<'static> {
    event.ancestors.first().map_or_else(|| beyond(event), |found| of(found))
}

fn each<'e>(event: &'e Event, arg: &Arg, visit: &mut Visit<'_, 'e>, of: Of) {
    let seen = match arg.index() {
        Some(n) => visit(at(event, n as usize, of)),
        None => event
            .ancestors
            .iter()
            .map(|ancestor| of(ancestor))
            .chain(std::iter::once_with(|| beyond(event)))
            .try_for_each(visit),
    };
    // Nothing comes after it either way.
    match seen {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}

/// Why there is no further ancestor.
fn beyond(event: &Event) -> Value<'static> {
    let last = event.ancestors.last().unwrap_or(&event.process);
    match last.parent.pid {
        0 => Value::Absent,
        _ if event.ancestors.len() >= ANCESTORS => never("too_deep"),
        _ => never("gone"),
    }
}
