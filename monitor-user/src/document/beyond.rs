//! What documents say beyond any schema, the same in each: below `runmon` in the Elastic Common
//! Schema, below `unmapped` in OCSF.

mod container;
mod heartbeat;

pub(super) use container::{container, controller, owners, put};
pub(super) use heartbeat::heartbeat;

use serde_json::{Map, Value, json};

use super::{Sender, event_id, history, members::set, printable::lossless, text::rfc3339};
use crate::{
    act::ActKind,
    alert::{Alert, Matched, RollUp},
    event::{
        Act, Action, Address, DnsAct, Event, EventId, Fact, Origin, Process, Reason, SocketAct,
    },
};

/// How often an alert was repeated, since when, and which one that is.
pub(super) fn of_rollup(rollup: &RollUp, sender: &Sender) -> Value {
    json!({
        "of": event_id(sender, rollup.first),
        "number": rollup.number,
        "count": rollup.count,
        "first": rfc3339(rollup.first_ns),
        "last": rfc3339(rollup.last_ns),
    })
}

/// Adds the script that a process runs, and what its arguments were before they were cut.
pub(super) fn add_process(value: &mut Value, process: &Process) {
    if let Some(script) = &process.script {
        set(value, &["script"], json!(lossless(script)));
    }
    if let Some(hash) = process.args_hash {
        set(value, &["args_truncated"], json!(true));
        set(value, &["args_total_bytes"], json!(process.args_total));
        set(value, &["args_hash"], json!(format!("{hash:016x}")));
    }
}

/// What an event says, and how sure each part is.
pub(super) fn of_event(event: &Event, form: &str) -> Value {
    let origin = match event.origin {
        Origin::KernelObject => "kernel_object",
        Origin::KernelCopy => "kernel_copy",
        Origin::UserMemory => "user_memory",
        Origin::Procfs => "procfs",
    };
    let mut about = json!({
        "document": form,
        "hook": event.hook,
        "arguments_from": origin,
        "boottime_ns": event.boottime_ns,
        "stream": event.id.stream,
        "namespaces": {
            "mount": event.namespaces.mount,
            "pid": event.namespaces.pid,
            "network": event.namespaces.network,
            "user": event.namespaces.user,
        },
    });
    for (name, set_to) in [
        ("path_truncated", event.path_truncated),
        ("read_fault", event.read_fault),
        ("io_uring", event.io_uring),
    ] {
        if set_to {
            set(&mut about, &[name], json!(true));
        }
    }
    way(&mut about, event);
    action(&mut about, event);
    about
}

/// What an alert says besides its event.
pub(super) fn of_alert(about: &mut Value, alert: &Alert) {
    let rules = alert.matched.iter().map(|matched| {
        let mut rule = rule(matched);
        let tactics: Vec<&str> = matched.about.tactics.iter().map(|tactic| tactic.id).collect();
        let techniques = &matched.about.techniques;
        for (name, ids) in [("tactics", json!(tactics)), ("techniques", json!(techniques))] {
            if ids != json!([]) {
                set(&mut rule, &[name], ids);
            }
        }
        rule
    });
    set(about, &["rules"], rules.collect());
    let state = if alert.complete { "complete" } else { "pending" };
    set(about, &["metadata", "state"], json!(state));
    kept_executable(about, &alert.event);
}

/// The copy of the program that is kept, or why none is, where one was wanted.
fn kept_executable(about: &mut Value, event: &Event) {
    let told = match &event.program_copy {
        Fact::Unknown(Reason::NotWanted) => return,
        Fact::Known(kept, _) => {
            json!({ "path": kept.path, "sha256": *kept.sha256, "bytes": kept.bytes })
        }
        Fact::Unknown(reason) => json!({ "not_kept_because": reason.name() }),
    };
    set(about, &["kept_executable"], told);
}

/// Where the story of an alert is, and how it is opened there.
pub(super) fn story(about: &mut Value, alert: EventId, sender: &Sender) {
    if sender.history {
        let (node, command) = (sender.node.name(), history::command(alert, sender));
        set(about, &["story"], json!({ "node": node, "command": command }));
    }
}

fn action(about: &mut Value, event: &Event) {
    if let Some(act) = event.action.socket() {
        socket(about, act);
    }
    match &event.action {
        Action::FileOpen(act) | Action::FileRead(act) => {
            set(about, &["created"], json!(act.created));
            if let Some(name) = &act.name {
                set(about, &["path_as_passed"], json!(lossless(name)));
            }
        }
        Action::Act(act) => self::act(about, act),
        Action::Dup { descriptor, .. } => set(about, &["descriptor"], json!(descriptor)),
        Action::Connect(act) | Action::Send(act) if act.repeats > 0 => {
            set(about, &["repeats"], json!(act.repeats));
        }
        Action::Exit { status } => set(about, &["exit_status"], json!(status)),
        Action::DnsQuery(act) | Action::DnsAnswer(act) => dns(about, event, act),
        _ => {}
    }
}

/// How the process came to run where it does.
fn way(about: &mut Value, event: &Event) {
    match event.way() {
        Ok(way) => set(about, &["origin"], json!(way.name())),
        // It is nobody's.
        Err(Reason::NotApplicable) => {}
        Err(reason) => set(about, &["origin_unknown_because"], json!(reason.name())),
    }
}

fn act(about: &mut Value, act: &Act) {
    set(about, &["act"], json!(super::act::line(act)));
    for (name, text) in [
        ("path_as_passed", act.name.as_deref()),
        ("other", (!act.other.is_empty()).then_some(&*act.other)),
        ("other_as_passed", act.other_name.as_deref()),
        ("type", (!act.text.is_empty()).then_some(&*act.text)),
    ] {
        if let Some(text) = text {
            set(about, &[name], json!(lossless(text)));
        }
    }
    if let ActKind::Ptrace { target, .. } | ActKind::Signal { target, .. } = act.kind {
        set(about, &["target"], json!({ "pid": target.pid }));
    }
}

/// Where a connection or datagram goes, as far as it goes to an address.
fn socket(about: &mut Value, act: &SocketAct) {
    let Address::Ip(..) = &act.destination else { return };
    match &act.names {
        Fact::Known(names, _) if names.len() > 1 => {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            set(about, &["destination_names"], json!(names));
        }
        Fact::Known(..) | Fact::Unknown(Reason::NotApplicable) => {}
        Fact::Unknown(reason) => {
            set(about, &["unknown_because", "destination.domain"], json!(reason.name()));
        }
    }
    peer(about, act);
    service(about, act);
}

/// The container of this node that has the destination's address.
fn peer(about: &mut Value, act: &SocketAct) {
    match &act.peer {
        Fact::Known(peer, source) => {
            let container = &peer.container;
            let mut known = json!({
                "pod": container.pod_name.known(),
                "namespace": container.pod_namespace.known(),
                "known_from": source.name(),
                "age_seconds": peer.age_ns / 1_000_000_000,
            });
            if !peer.is_shared {
                let of_it = json!({ "id": *container.id, "name": container.name.known() });
                set(&mut known, &["container"], of_it);
            }
            set(about, &["destination"], known);
        }
        Fact::Unknown(Reason::Ambiguous) => {
            let why = json!({ "unknown_because": Reason::Ambiguous.name() });
            set(about, &["destination"], why);
        }
        // Most of what containers go to is none of this node's.
        Fact::Unknown(_) => {}
    }
}

/// The service of the cluster that has the address.
fn service(about: &mut Value, act: &SocketAct) {
    let Fact::Known(service, source) = &act.service else { return };
    let known = json!({
        "name": service.name,
        "namespace": service.namespace,
        "known_from": source.name(),
        "age_seconds": service.age_ns / 1_000_000_000,
    });
    set(about, &["destination", "service"], known);
}

/// What a message of a name server says.
fn dns(about: &mut Value, event: &Event, act: &DnsAct) {
    set(about, &["message_bytes"], json!(act.total));
    if matches!(event.action, Action::DnsAnswer(_)) {
        set(about, &["asked"], json!(act.asked));
    }
    match &act.message {
        None => set(about, &["unknown_because", "dns"], json!("no_dns_message")),
        Some(message) if message.is_cut => set(about, &["answers_truncated"], json!(true)),
        Some(_) => {}
    }
}

/// What a rule says of itself, and of what it matched.
pub(super) fn rule(matched: &Matched) -> Value {
    let about = &matched.about;
    let mut rule = json!({
        "id": about.id,
        "name": about.name,
        "description": about.desc,
        "priority": about.priority.name(),
    });
    if let Some(version) = &about.version {
        set(&mut rule, &["version"], json!(version));
    }
    if !about.references.is_empty() {
        set(&mut rule, &["reference"], json!(about.references));
    }
    if let Some(gathered) = &matched.gathered {
        let key: Map<String, Value> = gathered
            .key
            .iter()
            .map(|(field, value)| (field.to_string(), json!(lossless(value))))
            .collect();
        let gathered = json!({
            "count": gathered.count,
            "first": rfc3339(gathered.first_ns),
            "last": rfc3339(gathered.last_ns),
            "by": key,
        });
        set(&mut rule, &["gathered"], gathered);
    }
    if !matched.undecided.is_empty() {
        set(&mut rule, &["undecided"], json!(matched.undecided));
    }
    rule
}
