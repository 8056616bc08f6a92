//! Elastic Common Schema (9.x), one JSON document a line.

mod container;
mod heartbeat;
mod network;
mod state;
#[cfg(test)]
mod tests;

use monitor_rules::Priority;
use serde_json::{Value, json};

use super::{
    Document, Finding, Sender, beyond, entity_id, event_id,
    members::set,
    printable::{command_line, lossless, strings},
    repeated, rollup_id,
    text::rfc3339,
    update_id,
};
use crate::{
    act::ActKind,
    alert::{Alert, RollUp},
    enrich::process_name,
    event::{
        Act, Action, Event, Fact, FileAct, FileFacts, Knowledge, Node, Outcome, Process, Reason,
        Way, base_name, comm_bytes,
    },
};

/// The version of the schema that documents follow.
const ECS_VERSION: &str = "9.0.0";

const O_ACCMODE: u32 = 3;

/// Writes a document.
#[must_use]
pub fn write(document: &Document, sender: &Sender) -> Vec<u8> {
    value(document, sender).to_string().into_bytes()
}

/// A document that is not written yet.
pub(super) fn value(document: &Document, sender: &Sender) -> Value {
    let mut value = match document {
        Document::Event(event) => of_event(event, sender, "event"),
        Document::Alert(alert) => of_alert(alert, sender, "alert"),
        Document::Update(alert) => of_update(alert, sender),
        Document::RollUp(rollup) => of_rollup(rollup, sender),
        Document::Heartbeat(heartbeat) => heartbeat::of(heartbeat, sender),
        Document::Finding(finding) => of_finding(finding, sender),
        Document::State(finding) => state::of(finding, sender),
    };
    of_node(&mut value, sender);
    value
}

fn of_alert(alert: &Alert, sender: &Sender, form: &str) -> Value {
    let mut document = of_event(&alert.event, sender, form);
    let Some(leader) = alert.leader() else { return document };
    let about = &leader.about;
    set(&mut document, &["event", "kind"], json!("alert"));
    set(&mut document, &["event", "severity"], json!(severity(about.priority)));
    set(&mut document, &["event", "reason"], json!(lossless(&leader.output)));
    set(&mut document, &["message"], json!(lossless(&leader.output)));
    set(&mut document, &["log", "level"], json!(about.priority.name().to_ascii_lowercase()));
    set(&mut document, &["rule"], beyond::rule(leader));
    set(&mut document, &["tags"], json!(about.tags));
    if let Some(threat) = threat(alert) {
        set(&mut document, &["threat"], threat);
    }
    if let Some(about) = document.get_mut("runmon") {
        beyond::of_alert(about, alert);
        beyond::story(about, alert.id(), sender);
    }
    document
}

/// An alert with the facts that it lacked.
fn of_update(alert: &Alert, sender: &Sender) -> Value {
    let mut document = of_alert(alert, sender, "update");
    set(&mut document, &["event", "id"], json!(update_id(alert, sender)));
    set(&mut document, &["runmon", "update", "of"], json!(event_id(sender, alert.id())));
    document
}

/// What its rules say that it is in ATT&CK.
fn threat(alert: &Alert) -> Option<Value> {
    let all = || alert.matched.iter().map(|matched| &matched.about);
    let tactics = once(all().flat_map(|about| &about.tactics).map(|tactic| tactic.id));
    let techniques = once(all().flat_map(|about| &about.techniques).map(|id| &**id));
    (!tactics.is_empty() || !techniques.is_empty()).then(|| {
        json!({
            "framework": "MITRE ATT&CK",
            "tactic": { "id": tactics },
            "technique": { "id": techniques },
        })
    })
}

/// Each once, in the order of the first.
fn once<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// Repeats: the last of them, and how many there were since when.
fn of_rollup(rollup: &RollUp, sender: &Sender) -> Value {
    let mut document = of_alert(&rollup.alert, sender, "rollup");
    set(&mut document, &["event", "id"], json!(rollup_id(rollup, sender)));
    set(&mut document, &["event", "start"], json!(rfc3339(rollup.first_ns)));
    set(&mut document, &["event", "end"], json!(rfc3339(rollup.last_ns)));
    if let Some(leader) = rollup.alert.leader() {
        let said = format!("{} {}", lossless(&leader.output), repeated(rollup));
        set(&mut document, &["message"], json!(said));
    }
    set(&mut document, &["runmon", "rollup"], beyond::of_rollup(rollup, sender));
    if let Some(about) = document.get_mut("runmon") {
        beyond::story(about, rollup.first, sender);
    }
    document
}

fn of_finding(finding: &Finding, sender: &Sender) -> Value {
    let id = format!("{}-finding-{}", super::run(sender), finding.sequence);
    let mut document = json!({
        "@timestamp": rfc3339(finding.timestamp_ns),
        "ecs": { "version": ECS_VERSION },
        "event": {
            "id": id, "kind": "alert", "module": "runmon", "dataset": "runmon.finding",
            "sequence": finding.sequence, "severity": severity(finding.priority),
            "reason": finding.text,
        },
        "message": finding.text,
        "log": { "level": finding.priority.name().to_ascii_lowercase() },
        "rule": { "name": finding.name, "priority": finding.priority.name() },
        "host": host(sender),
        "runmon": { "document": "finding" },
    });
    if let Some(container) = &finding.container {
        set(&mut document, &["container", "id"], json!(container));
    }
    document
}

/// Falco's priorities on a scale of 100.
fn severity(priority: Priority) -> u32 {
    match priority {
        Priority::Emergency => 99,
        Priority::Alert => 90,
        Priority::Critical => 80,
        Priority::Error => 65,
        Priority::Warning => 50,
        Priority::Notice => 35,
        Priority::Informational => 20,
        Priority::Debug => 10,
    }
}

fn of_event(event: &Event, sender: &Sender, form: &str) -> Value {
    let mut document = json!({
        "@timestamp": rfc3339(event.timestamp_ns),
        "ecs": { "version": ECS_VERSION },
        "user": {
            "id": event.credentials.uid.to_string(),
            "effective": { "id": event.credentials.euid.to_string() },
            "group": { "id": event.credentials.gid.to_string() },
        },
    });
    // Moved there: the macro would copy them.
    for (name, value) in [
        ("event", about_event(event, sender)),
        ("host", host(sender)),
        ("process", process(&event.process, sender)),
        ("container", container::of(&event.container, form)),
        ("runmon", beyond::of_event(event, form)),
    ] {
        set(&mut document, &[name], value);
    }
    set(
        &mut document,
        &["process", "thread"],
        json!({
            "id": event.tid,
            "name": lossless(comm_bytes(&event.comm)),
        }),
    );
    of_hash(&mut document, event, form);
    if event.session_id != 0 {
        set(&mut document, &["process", "session_leader"], json!({ "pid": event.session_id }));
    }
    if let Some(uid) = event.credentials.loginuid {
        set(&mut document, &["user", "audit"], json!({ "id": uid.to_string() }));
    }
    if let Some(parent) = event.ancestors.first() {
        set(&mut document, &["process", "parent"], process(parent, sender));
    }
    container::pod(&mut document, &event.container);
    of_way(&mut document, event);
    if event.is_nobodys()
        && let Some(members) = document.as_object_mut()
    {
        members.remove("user");
    }
    match &event.action {
        Action::Exec { .. } | Action::Fork { .. } | Action::Exit { .. } => {}
        Action::FileOpen(act) | Action::FileRead(act) => {
            set(&mut document, &["file"], file(act));
        }
        Action::Act(act) => of_act(&mut document, act),
        Action::Connect(act)
        | Action::Send(act)
        | Action::Accept(act)
        | Action::Listen(act)
        | Action::Bind(act)
        | Action::Dup { socket: act, .. } => {
            let is_server = matches!(event.action, Action::Accept(_));
            network::socket(&mut document, act, if is_server { "ingress" } else { "egress" });
        }
        Action::DnsQuery(act) => network::dns(&mut document, act, "query", "egress"),
        Action::DnsAnswer(act) => network::dns(&mut document, act, "answer", "ingress"),
    }
    document
}

/// How the process came to run where it does, as far as the schema has a word for it.
fn of_way(document: &mut Value, event: &Event) {
    let entry = match event.way() {
        Ok(Way::Systemd) => "init",
        Ok(Way::Ssh) => "sshd",
        Ok(Way::Login) => "console",
        Ok(Way::Cron) | Err(_) => return,
        Ok(_) => "container",
    };
    set(document, &["process", "entry_meta"], json!({ "type": entry }));
}

/// The hash of the program, or why it is not known where somebody wanted it.
fn of_hash(document: &mut Value, event: &Event, form: &str) {
    match &event.program_hash {
        Fact::Known(hash, _) => set(document, &["process", "hash", "sha256"], json!(**hash)),
        Fact::Unknown(Reason::NotWanted | Reason::NotApplicable) => {}
        // Of an event that no rule hangs on it is pending for ever.
        Fact::Unknown(Reason::Pending) if form == "event" => {}
        Fact::Unknown(reason) => {
            set(document, &["process", "hash", "unknown_because"], json!(reason.name()));
        }
    }
}

fn host(sender: &Sender) -> Value {
    json!({
        "hostname": sender.node.hostname,
        "name": sender.node.name(),
        "boot": { "id": sender.boot_id },
    })
}

/// What was said about the machine.
fn of_node(document: &mut Value, sender: &Sender) {
    let Node { said_name, cluster, labels, .. } = &*sender.node;
    if let Some(name) = said_name {
        set(document, &["kubernetes", "node", "name"], json!(name));
    }
    if let Some(cluster) = cluster {
        set(document, &["orchestrator", "cluster", "name"], json!(cluster));
    }
    if !labels.is_empty() {
        set(document, &["labels"], container::json_of(labels));
    }
}

fn about_event(event: &Event, sender: &Sender) -> Value {
    let (category, types, action): (&str, &[&str], &str) = match &event.action {
        Action::Exec { .. } => ("process", &["start"], "exec"),
        Action::Fork { .. } => ("process", &["start"], "fork"),
        Action::Exit { .. } => ("process", &["end"], "exit"),
        Action::Connect(_) => ("network", &["connection", "start"], "connect"),
        Action::Send(_) => ("network", &["connection", "protocol"], "send"),
        Action::FileOpen(act) if act.created => ("file", &["creation"], "file_create"),
        Action::FileOpen(_) => ("file", &["change"], "file_open_write"),
        Action::FileRead(_) => ("file", &["access"], "file_open_read"),
        Action::Accept(_) => ("network", &["connection", "start"], "accept"),
        Action::Listen(_) => ("network", &["info"], "listen"),
        Action::Bind(_) => ("network", &["info"], "bind"),
        Action::Dup { .. } => ("network", &["info"], "socket_to_standard_stream"),
        Action::DnsQuery(_) => ("network", &["protocol"], "dns_query"),
        Action::DnsAnswer(_) => ("network", &["protocol"], "dns_answer"),
        Action::Act(act) => super::act::ecs(&act.kind),
    };
    let outcome = match event.outcome {
        Outcome::Success => "success",
        Outcome::Failure(errno) if errno == nix::libc::EINPROGRESS => "unknown",
        Outcome::Failure(_) => "failure",
        Outcome::Unknown => "unknown",
    };
    let mut about = json!({
        "id": event_id(sender, event.id),
        "kind": "event",
        "category": [category],
        "type": types,
        "action": action,
        "outcome": outcome,
        "sequence": event.id.sequence,
        "module": "runmon",
        "dataset": "runmon.event",
    });
    if let Outcome::Failure(errno) = event.outcome {
        set(&mut about, &["code"], json!(super::text::errno_name(errno)));
    }
    about
}

fn process(process: &Process, sender: &Sender) -> Value {
    let args: Vec<_> = strings(&process.args).map(lossless).collect();
    let mut value = json!({
        "entity_id": entity_id(sender, process.key),
        "pid": process.key.pid,
        "name": lossless(process_name(process)),
        "args": args,
        "args_count": args.len(),
        "command_line": lossless(&command_line(&process.args)),
        "working_directory": lossless(&process.cwd),
    });
    if process.namespace_pid != 0 {
        set(&mut value, &["vpid"], json!(process.namespace_pid));
    }
    if let Some(path) = &process.executable {
        set(&mut value, &["executable"], json!(lossless(path)));
    }
    beyond::add_process(&mut value, process);
    if let Some((major, minor)) = process.tty {
        set(&mut value, &["tty"], json!({ "char_device": { "major": major, "minor": minor } }));
        set(&mut value, &["interactive"], json!(true));
    }
    let env: Vec<_> = strings(&process.env).map(lossless).collect();
    if !env.is_empty() {
        set(&mut value, &["env_vars"], json!(env));
    }
    if process.knowledge == Knowledge::Gone {
        set(&mut value, &["unknown_because"], json!("gone"));
        return value;
    }
    if process.executable.is_some() && process.file.inode != 0 {
        set(
            &mut value,
            &["code_file"],
            json!({
                "inode": process.file.inode.to_string(),
                "device": format!("{}:{}", process.file.major, process.file.minor),
                "upper_layer": process.file.upper_layer,
                "memfd": process.is_from_memfd(),
                "deleted": process.file.links == 0,
            }),
        );
    }
    value
}

/// The object of an act, where it is a file.
fn of_act(document: &mut Value, act: &Act) {
    if act.path.is_empty() {
        return;
    }
    let mut value = json!({
        "path": lossless(&act.path),
        "name": lossless(base_name(&act.path)),
        "directory": directory(&act.path),
    });
    if let Some(facts) = act.file.as_ref().filter(|facts| facts.inode != 0) {
        file_facts(&mut value, facts);
    }
    if act.kind == ActKind::Symlink {
        set(&mut value, &["target_path"], json!(lossless(&act.other)));
    }
    set(document, &["file"], value);
}

fn file(act: &FileAct) -> Value {
    let path = lossless(&act.path);
    let mut value = json!({
        "path": path,
        "name": lossless(base_name(&act.path)),
        "directory": directory(&act.path),
        "open_flags": act.open_flags,
        "access": match act.open_flags & O_ACCMODE { 0 => "read", 1 => "write", _ => "read_write" },
    });
    if let Some(facts) = act.file.as_ref().filter(|facts| facts.inode != 0) {
        file_facts(&mut value, facts);
    }
    value
}

fn file_facts(value: &mut Value, facts: &FileFacts) {
    let kind = match facts.mode & 0xf000 {
        0x8000 => "file",
        0x4000 => "dir",
        0xa000 => "symlink",
        0x2000 | 0x6000 => "device",
        0x1000 => "fifo",
        0xc000 => "socket",
        _ => "other",
    };
    set(value, &["type"], json!(kind));
    set(value, &["inode"], json!(facts.inode.to_string()));
    set(value, &["device"], json!(format!("{}:{}", facts.major, facts.minor)));
    set(value, &["mode"], json!(format!("{:04o}", facts.mode & 0o7777)));
    set(value, &["uid"], json!(facts.uid.to_string()));
    set(value, &["links"], json!(facts.links));
    set(value, &["upper_layer"], json!(facts.upper_layer));
}

fn directory(path: &[u8]) -> String {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => "/".into(),
        Some(at) => lossless(path.get(..at).unwrap_or_default()).into_owned(),
        None => String::new(),
    }
}
