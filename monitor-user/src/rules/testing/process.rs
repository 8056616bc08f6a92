//! What a test says of the process and its ancestors.

use monitor_rules::TestValue;

use super::{
    Set, assign,
    draft::{Draft, ProcessDraft},
    value,
};
use crate::{
    event::{Fact, FactSource, Knowledge, Stdio, Way, WayIn},
    rules::fields::process::stdio_name,
};

pub(super) fn set(draft: &mut Draft, (name, arg): (&str, Option<&str>), value: &TestValue) -> Set {
    if let Some(part) = name.strip_prefix("proc.p")
        && matches!(part, "name" | "exe" | "exepath" | "cmdline")
    {
        return Some(set_program(draft.ancestor(1), part, value));
    }
    if let Some(part) = name.strip_prefix("proc.a")
        && matches!(part, "name" | "exe" | "exepath" | "cmdline")
    {
        return Some(set_ancestors(draft, part, arg, value));
    }
    match name.strip_prefix("proc.") {
        Some(part @ ("name" | "exe" | "exepath" | "cmdline")) => {
            Some(set_program(&mut draft.process, part, value))
        }
        Some("env") => Some(set_env(draft, arg, value)),
        Some("ppid") => {
            Some(value::number(value).map(|pid| draft.ancestor(1).process.key.pid = pid))
        }
        Some("exe_sha256") => Some(value::fact(value).map(|fact| {
            draft.event.program_hash = match fact {
                Fact::Known(hash, _) => Fact::Known(hash.into(), FactSource::File),
                Fact::Unknown(reason) => Fact::Unknown(reason),
            };
        })),
        Some("origin") => Some(set_way(draft, value)),
        Some("duration") => Some(value::number(value).and_then(|age| draft.set_age(age))),
        Some("sid") => Some(assign(&mut draft.event.session_id, value, value::number)),
        Some(part) => set_own(&mut draft.process, part, value),
        None => set_thread(draft, name, value),
    }
}

/// A way into a container makes the process one of a container.
fn set_way(draft: &mut Draft, value: &TestValue) -> Result<(), String> {
    let name = value::text(value)?;
    let way = Way::from_name(&name)
        .ok_or_else(|| format!("one of {} is expected", Way::ALL.map(Way::name).join(", ")))?;
    if way.is_into_container() {
        draft.container();
    }
    draft.event.way_in = WayIn::of(way);
    Ok(())
}

/// Parts that the process and its ancestors have.
fn set_program(draft: &mut ProcessDraft, part: &str, value: &TestValue) -> Result<(), String> {
    if *value == TestValue::Str("<gone>".to_owned()) {
        draft.process.knowledge = Knowledge::Gone;
        return Ok(());
    }
    let text = value::text(value)?;
    match part {
        "name" => draft.name = Some(text),
        "exe" => draft.exe = Some(text),
        "exepath" => draft.path = Some(text),
        _ => draft.command_line = Some(text),
    }
    Ok(())
}

/// `proc.aname[2]: x`, or a list, the parent first.
fn set_ancestors(
    draft: &mut Draft,
    part: &str,
    arg: Option<&str>,
    value: &TestValue,
) -> Result<(), String> {
    let Some(arg) = arg else {
        let all = value::texts(value)?;
        for (n, text) in (1..).zip(all) {
            set_program(draft.ancestor(n), part, &TestValue::Str(text))?;
        }
        return Ok(());
    };
    match arg.parse() {
        Ok(0) => set_program(&mut draft.process, part, value),
        Ok(n @ 1..=crate::limits::ANCESTORS) => set_program(draft.ancestor(n), part, value),
        _ => Err(format!("an ancestor is a number up to {}", crate::limits::ANCESTORS)),
    }
}

fn set_own(draft: &mut ProcessDraft, part: &str, value: &TestValue) -> Set {
    let process = &mut draft.process;
    Some(match part {
        "args" => assign(&mut draft.args, value, |value| value::words(value).map(Some)),
        "cwd" => assign(&mut process.cwd, value, value::bytes),
        "tty" => value::number::<u32>(value).map(|device| {
            // As in `fields::device_number`.
            let minor = (device & 0xff) | (device >> 12 & 0xf_ff00);
            process.tty = (device != 0).then_some((device >> 8 & 0xfff, minor));
        }),
        "script" => assign(&mut process.script, value, value::maybe_bytes),
        "stdin_type" => value::text(value).and_then(|name| {
            let [stdin, ..] = &mut process.stdio;
            *stdin = stream(&name)?;
            Ok(())
        }),
        "pid" => assign(&mut process.key.pid, value, value::number),
        "vpid" => assign(&mut process.namespace_pid, value, value::number),
        "is_exe_upper_layer" => assign(&mut process.file.upper_layer, value, value::yes),
        "is_exe_deleted" => value::yes(value).map(|yes| process.file.links = u32::from(!yes)),
        "is_exe_from_memfd" => assign(&mut draft.memfd, value, value::yes),
        _ => return None,
    })
}

fn set_thread(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    let process = &mut draft.process.process;
    match name {
        "thread.tid" => Some(assign(&mut draft.event.tid, value, value::number)),
        "thread.cap_effective" => {
            Some(assign(&mut process.cap_effective, value, value::capabilities))
        }
        "thread.cap_permitted" => {
            Some(assign(&mut process.cap_permitted, value, value::capabilities))
        }
        _ => None,
    }
}

/// `proc.env[KEY]: value`, or a list of `KEY=value`.
fn set_env(draft: &mut Draft, arg: Option<&str>, value: &TestValue) -> Result<(), String> {
    let variables = match arg {
        Some(key) => vec![format!("{key}={}", value::text(value)?)],
        None => value::texts(value)?,
    };
    let env = &mut draft.process.env;
    for variable in variables {
        env.extend_from_slice(variable.as_bytes());
        env.push(0);
    }
    Ok(())
}

fn stream(name: &str) -> Result<Stdio, String> {
    use Stdio::{Character, File, None, Other, Pipe, Socket, Tty};
    let all = [None, File, Pipe, Tty, Socket, Character, Other];
    let found = all.into_iter().find(|stdio| stdio_name(*stdio) == name);
    found.ok_or_else(|| format!("one of {} is expected", all.map(stdio_name).join(", ")))
}
