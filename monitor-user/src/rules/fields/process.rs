//! `proc.*`: the process that acts, by name, arguments and place in the session.

use std::ops::ControlFlow;

use monitor_rules::{Arg, ArgRule, Field, Type, Value, Visit};

use super::{any, device_number, never, number, numbered, one, spaced};
use crate::{
    event::{Event, Knowledge, Process, Stdio, base_name, comm_bytes},
    limits::ENV_VARIABLE_BYTES,
    rules::kinds::ALL,
    words,
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one("proc.name", Type::Str, ALL, "File name of the program.", |event, _| name(&event.process)),
    one("proc.exepath", Type::Str, ALL, "Full path of the program.", |event, _| {
        executable(&event.process)
    }),
    one("proc.exe", Type::Str, ALL, "First argument, as the caller chose it.", |event, _| {
        first_argument(&event.process)
    }),
    numbered(
        "proc.args",
        Type::Str,
        ALL,
        "Arguments after the first, with spaces; with a number the one argument, from 0.",
        |event, arg| match arg.index() {
            None => arguments(&event.process),
            Some(number) => argument(event, number as usize),
        },
    ),
    one("proc.cmdline", Type::Str, ALL, "Name and arguments, with spaces.", |event, _| {
        command_line(&event.process)
    }),
    one("proc.exeline", Type::Str, ALL, "All arguments, with spaces.", |event, _| {
        all_arguments(&event.process)
    }),
    one("proc.nargs", Type::Int, ALL, "Number of arguments after the first.", |event, _| {
        of(&event.process, argument_count)
    }),
    one("proc.cmdnargs", Type::Int, ALL, "The same as `proc.nargs`.", |event, _| {
        of(&event.process, argument_count)
    }),
    one(
        "proc.cmdlenargs",
        Type::Int,
        ALL,
        "Bytes of the arguments after the first.",
        |event, _| {
            of(&event.process, |process| {
                let first = first_and_rest(process).0.len();
                number(u64::from(process.args_total).saturating_sub(first as u64 + 1))
            })
        },
    ),
    one("proc.cwd", Type::Str, ALL, "Working directory at the start.", |event, _| {
        of(&event.process, |process| known_path(&process.cwd))
    }),
    one(
        "proc.tty",
        Type::Int,
        ALL,
        "Device number of the controlling terminal at the start; 0 for none.",
        |event, _| {
            of(&event.process, |process| {
                process.tty.map_or(Value::Int(0), |(major, minor)| device_number(major, minor))
            })
        },
    ),
    any(
        "proc.env",
        (Type::Str, ArgRule::OptionalKey),
        ALL,
        "Value of an environment variable at the start, of those that are kept; without a key all \
         of them.",
        environment,
    ),
    one(
        "proc.script",
        Type::Str,
        ALL,
        "Path of the script, where one was started directly; not a field of Falco's.",
        |event, _| {
            of(&event.process, |process| Value::or_absent(process.script.as_ref().map(Value::str)))
        },
    ),
    one(
        "proc.stdin_type",
        Type::Str,
        ALL,
        "What the standard input was at the start: `file`, `pipe`, `tty`, `socket`, `character`, \
         `other` or `none`; not a field of Falco's.",
        |event, _| of(&event.process, stdin_type),
    ),
    one("proc.stdin.type", Type::Str, ALL, STREAM, |event, _| stream_type(event, 0)),
    one("proc.stdout.type", Type::Str, ALL, STREAM, |event, _| stream_type(event, 1)),
    one("proc.stderr.type", Type::Str, ALL, STREAM, |event, _| stream_type(event, 2)),
    one("proc.pid", Type::Int, ALL, "Process id.", |event, _| {
        Value::Int(event.process.key.pid.into())
    }),
    one("proc.vpid", Type::Int, ALL, "Process id in its own pid namespace.", |event, _| {
        Value::Int(event.process.namespace_pid.into())
    }),
    one("proc.ppid", Type::Int, ALL, "Process id of the parent.", |event, _| {
        Value::Int(event.process.parent.pid.into())
    }),
    one("proc.sid", Type::Int, ALL, "Process id of the session leader.", |event, _| {
        Value::Int(event.session_id.into())
    }),
    one("proc.sname", Type::Str, ALL, "File name of the session leader.", |event, _| {
        session_leader(event, name)
    }),
    one("proc.sid.exe", Type::Str, ALL, "First argument of the session leader.", |event, _| {
        session_leader(event, first_argument)
    }),
    one("proc.sid.exepath", Type::Str, ALL, "Full path of the session leader.", |event, _| {
        session_leader(event, executable)
    }),
    one("proc.is_sid_leader", Type::Bool, ALL, "The process leads its session.", |event, _| {
        Value::Bool(event.session_id == event.process.key.pid)
    }),
    one("proc.pid.ts", Type::Int, ALL, "Start of the process, ns since 1970.", |event, _| {
        started(event, &event.process)
    }),
    one("proc.duration", Type::Int, ALL, "Age of the process, nanoseconds.", |event, _| {
        number(age_ns(event, &event.process))
    }),
    one("thread.tid", Type::Int, ALL, "Thread id.", |event, _| Value::Int(event.tid.into())),
    one("thread.ismain", Type::Bool, ALL, "The thread is the first of its process.", |event, _| {
        Value::Bool(event.tid == event.process.key.pid)
    }),
    one(
        "thread.cap_effective",
        Type::Str,
        ALL,
        "Effective capabilities at the start, with spaces.",
        |event, _| of(&event.process, |process| capabilities(process.cap_effective)),
    ),
    one(
        "thread.cap_permitted",
        Type::Str,
        ALL,
        "Permitted capabilities at the start, with spaces.",
        |event, _| of(&event.process, |process| capabilities(process.cap_permitted)),
    ),
];

/// What `get` says of a process of which more than the act is known.
pub(super) fn of<'e>(
    process: &'e Process,
    get: impl FnOnce(&'e Process) -> Value<'e>,
) -> Value<'e> {
    if process.knowledge == Knowledge::Gone { never("gone") } else { get(process) }
}

/// File name of the program. A kernel thread has none, and goes by its thread name; so does what
/// has only `/` for a path.
pub(super) fn name(process: &Process) -> Value<'_> {
    match process.executable.as_deref().map(base_name).filter(|name| !name.is_empty()) {
        Some(name) => Value::str(name),
        None => of(process, |process| Value::str(comm_bytes(&process.comm))),
    }
}

/// Full path of the program.
pub(super) fn executable(process: &Process) -> Value<'_> {
    match &process.executable {
        Some(path) => Value::str(path),
        None => of(process, |_| Value::Absent),
    }
}

/// First argument.
pub(super) fn first_argument(process: &Process) -> Value<'_> {
    of(process, |process| match &*process.args {
        b"" => Value::Absent,
        _ => Value::str(first_and_rest(process).0),
    })
}

/// Name and arguments.
pub(super) fn command_line(process: &Process) -> Value<'_> {
    of(process, |process| {
        let (Value::Str(name), Value::Str(rest)) = (name(process), arguments(process)) else {
            return Value::Absent;
        };
        if rest.is_empty() {
            return Value::Str(name);
        }
        Value::owned([&*name, b" ", &*rest].concat())
    })
}

/// All arguments.
pub(super) fn all_arguments(process: &Process) -> Value<'_> {
    of(process, |process| spaced(&process.args))
}

pub(super) fn arguments(process: &Process) -> Value<'_> {
    of(process, |process| spaced(first_and_rest(process).1))
}

/// Each argument after the first. Nothing is known of those that were cut off, and of the one that
/// was cut in two.
pub(in crate::rules) fn visit_arguments<'e>(event: &'e Event, visit: &mut Visit<'_, 'e>) {
    let process = &*event.process;
    if process.knowledge == Knowledge::Gone {
        return end(visit(never("gone")));
    }
    let cut = process.args_total as usize > process.args.len();
    let rest = first_and_rest(process).1;
    for arg in rest.split_inclusive(|byte| *byte == 0) {
        let value = match arg.strip_suffix(b"\0") {
            Some(whole) => Value::str(whole),
            None if cut => break,
            None => Value::str(arg),
        };
        if visit(value).is_break() {
            return;
        }
    }
    if cut {
        end(visit(never("truncated")));
    }
}

/// One argument, 0 being that after the first.
fn argument(event: &Event, number: usize) -> Value<'_> {
    let mut seen = 0;
    let mut found = Value::Absent;
    visit_arguments(event, &mut |value| {
        if seen < number && !matches!(value, Value::Unknown(_)) {
            seen += 1;
            return ControlFlow::Continue(());
        }
        found = value;
        ControlFlow::Break(())
    });
    found
}

fn first_and_rest(process: &Process) -> (&[u8], &[u8]) {
    let end = process.args.iter().position(|byte| *byte == 0).unwrap_or(process.args.len());
    let (first, rest) = process.args.split_at_checked(end).unwrap_or_default();
    (first, rest.strip_prefix(b"\0").unwrap_or(rest))
}

fn argument_count(process: &Process) -> Value<'_> {
    if process.args_total as usize > process.args.len() {
        return never("truncated");
    }
    let count = process.args.split_inclusive(|byte| *byte == 0).count();
    number(count.saturating_sub(1) as u64)
}

fn known_path(path: &[u8]) -> Value<'_> {
    if path.is_empty() { Value::Absent } else { Value::str(path) }
}

fn environment<'e>(event: &'e Event, arg: &Arg, visit: &mut Visit<'_, 'e>) {
    let process = &*event.process;
    let mut found = false;
    let Some(key) = arg.key() else {
        return end(visit(of(process, |process| spaced(&process.env))));
    };
    for variable in process.env.split(|byte| *byte == 0) {
        let at = variable.iter().position(|byte| *byte == b'=');
        let Some((name, value)) = at.and_then(|at| variable.split_at_checked(at)) else { continue };
        if !key.matches(name) {
            continue;
        }
        found = true;
        if visit(Value::str(value.strip_prefix(b"=").unwrap_or(value))).is_break() {
            return;
        }
        // Its end may be missing: then what it does not show is not known.
        if process.env_truncated
            && variable.len() + 1 >= ENV_VARIABLE_BYTES
            && visit(never("truncated")).is_break()
        {
            return;
        }
    }
    if !found {
        end(visit(of(process, |process| unset(process, key.text()))));
    }
}

/// The last visit: whether to go on does not matter.
fn end(flow: ControlFlow<()>) {
    match flow {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}

/// What it means that a variable is not there.
fn unset(process: &Process, key: &str) -> Value<'static> {
    match (process.env_truncated, process.env_keys.keeps(key)) {
        (true, _) => never("truncated"),
        (false, true) => Value::Absent,
        (false, false) => never("not_kept"),
    }
}

/// What `get` says of the leader of the session.
fn session_leader(event: &Event, get: fn(&Process) -> Value<'_>) -> Value<'_> {
    let mut chain = std::iter::once(&event.process).chain(event.ancestors.iter());
    match chain.find(|process| process.key.pid == event.session_id) {
        Some(leader) => get(leader),
        None if event.session_id == 0 => Value::Absent,
        None => never("gone"),
    }
}

/// Nanoseconds that a process has been there.
pub(super) fn age_ns(event: &Event, process: &Process) -> u64 {
    event.boottime_ns.saturating_sub(process.key.start_ns)
}

/// When a process started, nanoseconds since 1970.
pub(super) fn started(event: &Event, process: &Process) -> Value<'static> {
    let age_ns = i64::try_from(age_ns(event, process)).unwrap_or(i64::MAX);
    Value::Int(event.timestamp_ns.saturating_sub(age_ns))
}

const STREAM: &str = "`file` or `pipe`: what the stream was at the start, devices as files.";

/// What a standard stream was at the start, in Falco's words.
fn stream_type(event: &Event, number: usize) -> Value<'_> {
    of(&event.process, |process| match process.stdio.get(number) {
        Some(Stdio::File | Stdio::Tty | Stdio::Character) => Value::str("file"),
        Some(Stdio::Pipe) => Value::str("pipe"),
        Some(Stdio::Socket | Stdio::Other) => never("not_observed"),
        Some(Stdio::None) | None => Value::Absent,
    })
}

fn stdin_type(process: &Process) -> Value<'_> {
    let [stdin, ..] = process.stdio;
    Value::str(stdio_name(stdin))
}

/// How rules name what a standard stream is.
pub(in crate::rules) fn stdio_name(stdio: Stdio) -> &'static str {
    match stdio {
        Stdio::None => "none",
        Stdio::File => "file",
        Stdio::Pipe => "pipe",
        Stdio::Tty => "tty",
        Stdio::Socket => "socket",
        Stdio::Character => "character",
        Stdio::Other => "other",
    }
}

fn capabilities(set: u64) -> Value<'static> {
    Value::owned(words::capabilities(set))
}
