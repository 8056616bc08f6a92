//! Processes: who acts, and what is done with processes.

use serde_json::{Value, json};

use super::{
    activity::About,
    class::{Activity, PROCESS},
    container, file, milliseconds,
};
use crate::{
    act::ActKind,
    document::{
        Sender, beyond, entity_id,
        members::set,
        printable::{command_line, lossless, strings},
    },
    enrich::process_name,
    event::{Act, Event, Fact, Knowledge, Process, ProcessKey, Reason},
};

/// The request by which a process asks to be traced.
const PTRACE_TRACEME: u32 = 0;

/// A program was started: by the parent.
pub(super) fn exec(event: &Event, sender: &Sender) -> About {
    let mut about = launch((3, "Exec"), acting(event, sender));
    let by = match event.ancestors.first() {
        Some(parent) => Some(process(parent, event, sender)),
        None => identity(event.process.parent, event, sender),
    };
    let mut actor = json!({ "user": user(event.credentials.uid) });
    if let Some(by) = by {
        set(&mut actor, &["process"], by);
    }
    about.members.push(("actor", actor));
    about
}

/// A process was made.
pub(super) fn fork(event: &Event, child: ProcessKey, sender: &Sender) -> About {
    launch((2, "Fork"), of_key(child, event, sender))
}

fn launch(how: (u32, &str), process: Value) -> About {
    let members =
        [("process", process), ("launch_type_id", json!(how.0)), ("launch_type", json!(how.1))];
    About::of(PROCESS.activity(1, "Launch"), members)
}

/// A process ended.
pub(super) fn exit(event: &Event, status: u32, sender: &Sender) -> About {
    let process = ("process", acting(event, sender));
    let mut about = About::of(PROCESS.activity(2, "Terminate"), [process]);
    let signal = status & 0x7f;
    if signal == 0 {
        about.members.push(("exit_code", json!(status >> 8 & 0xff)));
    }
    about
}

/// An act on a process. None if it is of another class.
pub(super) fn of_act(event: &Event, act: &Act, sender: &Sender) -> Option<About> {
    let own = |activity: Activity| About::of(activity, [("process", acting(event, sender))]);
    let of = |activity: Activity, target: ProcessKey| {
        About::of(activity, [("process", of_key(target, event, sender))])
    };
    Some(match act.kind {
        ActKind::SetUid { new: [real, effective, _], old } => {
            let mut about = own(PROCESS.activity(5, "Set User ID"));
            for (_, process) in &mut about.members {
                set(process, &["user"], user(real));
                set(process, &["euid"], json!(effective));
            }
            let mut actor = actor(event, sender);
            if let Some([real, effective, _]) = old {
                set(&mut actor, &["user"], user(real));
                set(&mut actor, &["process", "user"], user(real));
                set(&mut actor, &["process", "euid"], json!(effective));
            }
            about.members.push(("actor", actor));
            about
        }
        ActKind::Ptrace { request: PTRACE_TRACEME, target, .. } => {
            of(PROCESS.activity(3, "Open"), target)
        }
        ActKind::Ptrace { target, .. } => {
            let mut about = of(PROCESS.activity(4, "Inject"), target);
            let how = [("injection_type_id", json!(99)), ("injection_type", json!("ptrace"))];
            about.members.extend(how);
            about
        }
        ActKind::Signal { target, .. } => of(PROCESS.other("Signal"), target),
        ActKind::Unshare { child: Some(child), .. } => of(PROCESS.other("Make namespaces"), child),
        ActKind::Unshare { child: None, .. } => own(PROCESS.other("Make namespaces")),
        ActKind::Setns { .. } => own(PROCESS.other("Enter namespaces")),
        ActKind::SetGid { .. } => own(PROCESS.other("Set Group ID")),
        ActKind::Capset { .. } => own(PROCESS.other("Set capabilities")),
        ActKind::PivotRoot => own(PROCESS.other("Replace root")),
        ActKind::Chroot => own(PROCESS.other("Change root")),
        _ => return None,
    })
}

/// Who acted.
pub(super) fn actor(event: &Event, sender: &Sender) -> Value {
    json!({ "process": acting(event, sender), "user": user(event.credentials.uid) })
}

/// The process that acted, with all that is known of it.
pub(super) fn acting(event: &Event, sender: &Sender) -> Value {
    let mut value = process(&event.process, event, sender);
    let credentials = &event.credentials;
    set(&mut value, &["user"], user(credentials.uid));
    set(&mut value, &["euid"], json!(credentials.euid));
    set(&mut value, &["egid"], json!(credentials.egid));
    set(&mut value, &["group"], json!({ "uid": credentials.gid.to_string() }));
    if let Some(uid) = credentials.loginuid {
        set(&mut value, &["auid"], json!(uid));
    }
    set(&mut value, &["ptid"], json!(event.tid));
    if event.session_id != 0 {
        set(&mut value, &["session", "uid"], json!(event.session_id.to_string()));
    }
    let has_file = value.get("file").is_some();
    if let (Fact::Known(hash, _), true) = (&event.program_hash, has_file) {
        set(&mut value, &["file", "hashes"], json!([container::sha256(hash)]));
    }
    if let Some(parent) = event.ancestors.first() {
        set(&mut value, &["parent_process"], process(parent, event, sender));
        let all = event.ancestors.iter().map(|process| ancestor(process, event, sender));
        set(&mut value, &["ancestry"], all.collect());
    }
    if let Some(container) = container::of(&event.container) {
        set(&mut value, &["container"], container);
    }
    value
}

/// A process of which only the key is known; it is where the acting one is.
fn of_key(key: ProcessKey, event: &Event, sender: &Sender) -> Value {
    let mut value = identity(key, event, sender).unwrap_or_else(|| json!({ "pid": key.pid }));
    if let Some(container) = container::of(&event.container) {
        set(&mut value, &["container"], container);
    }
    value
}

/// Which process: pid, and id and start where that is known.
fn identity(key: ProcessKey, event: &Event, sender: &Sender) -> Option<Value> {
    if key.pid == ProcessKey::NOBODY {
        return None;
    }
    let mut value = json!({ "pid": key.pid });
    if key.start_ns != 0 {
        set(&mut value, &["uid"], json!(entity_id(sender, key)));
        // What was since boot, on the clock of the event.
        let offset = i128::from(event.timestamp_ns) - i128::from(event.boottime_ns);
        if let Ok(start_ns) = i64::try_from(i128::from(key.start_ns) + offset) {
            set(&mut value, &["created_time"], json!(milliseconds(start_ns)));
        }
    }
    Some(value)
}

fn ancestor(process: &Process, event: &Event, sender: &Sender) -> Value {
    let mut value = identity(process.key, event, sender).unwrap_or_else(|| json!({ "pid": 0 }));
    names(&mut value, process);
    if let Some(path) = &process.executable {
        set(&mut value, &["path"], json!(lossless(path)));
    }
    value
}

fn names(value: &mut Value, process: &Process) {
    let command = command_line(&process.args);
    for (member, text) in [("name", process_name(process)), ("cmd_line", &command)] {
        if !text.is_empty() {
            set(value, &[member], json!(lossless(text)));
        }
    }
}

fn process(process: &Process, event: &Event, sender: &Sender) -> Value {
    let mut value = identity(process.key, event, sender).unwrap_or_else(|| json!({ "pid": 0 }));
    names(&mut value, process);
    if process.namespace_pid != 0 {
        set(&mut value, &["namespace_pid"], json!(process.namespace_pid));
    }
    if process.knowledge == Knowledge::Gone {
        return value;
    }
    set(&mut value, &["user"], user(process.uid));
    if !process.cwd.is_empty() {
        set(&mut value, &["working_directory"], json!(lossless(&process.cwd)));
    }
    let variables: Vec<Value> = strings(&process.env).map(variable).collect();
    if !variables.is_empty() {
        set(&mut value, &["environment_variables"], json!(variables));
    }
    if let Some(device) = process.tty {
        set(&mut value, &["session", "terminal"], json!(terminal(device)));
    }
    if let Some(path) = &process.executable {
        let mut file = file::regular(path, Some(&process.file));
        // What runs has bytes: of a file without any nobody was told.
        if process.size != 0 {
            set(&mut file, &["size"], json!(process.size));
            set(&mut file, &["modified_time"], json!(milliseconds(process.mtime_ns)));
        }
        set(&mut value, &["file"], file);
    }
    value
}

fn variable(text: &[u8]) -> Value {
    let at = memchr::memchr(b'=', text).unwrap_or(text.len());
    let (name, rest) = text.split_at(at);
    let value = rest.strip_prefix(b"=").unwrap_or(rest);
    json!({ "name": lossless(name), "value": lossless(value) })
}

/// A terminal by the name that its device has.
fn terminal((major, minor): (u32, u32)) -> String {
    match major {
        136 => format!("pts/{minor}"),
        4 if minor < 64 => format!("tty{minor}"),
        _ => format!("{major}:{minor}"),
    }
}

fn user(uid: u32) -> Value {
    json!({ "uid": uid.to_string() })
}

/// What the schema has no place for.
pub(super) fn unmapped(about: &mut Value, event: &Event, form: &str) {
    if event.is_nobodys() {
        return;
    }
    set(about, &["process"], unmapped_of(&event.process));
    if let Some(parent) = event.ancestors.first() {
        set(about, &["parent"], unmapped_of(parent));
    }
    match &event.program_hash {
        Fact::Known(..) | Fact::Unknown(Reason::NotWanted | Reason::NotApplicable) => {}
        // Of an event that no rule hangs on it is pending for ever.
        Fact::Unknown(Reason::Pending) if form == "event" => {}
        Fact::Unknown(reason) => {
            set(about, &["unknown_because", "process.file.hashes"], json!(reason.name()));
        }
    }
}

fn unmapped_of(process: &Process) -> Value {
    let args: Vec<_> = strings(&process.args).map(lossless).collect();
    let mut value = json!({ "args": args });
    beyond::add_process(&mut value, process);
    if process.knowledge == Knowledge::Gone {
        set(&mut value, &["unknown_because"], json!(Reason::Gone.name()));
    } else if process.executable.is_some() && process.file.inode != 0 {
        let file = &process.file;
        set(&mut value, &["file", "device"], json!(format!("{}:{}", file.major, file.minor)));
        set(&mut value, &["file", "upper_layer"], json!(file.upper_layer));
        set(&mut value, &["file", "memfd"], json!(process.is_from_memfd()));
    }
    value
}
