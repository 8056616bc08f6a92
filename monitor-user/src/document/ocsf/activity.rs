//! Which class and activity an act is of, and what its class says of it.

use serde_json::{Value, json};

use super::{
    class::{Activity, KERNEL, KERNEL_EXTENSION, MEMORY, MODULE},
    file, network, process,
};
use crate::{
    act::ActKind,
    document::{Sender, members::set, printable::lossless},
    event::{Act, Action, Event},
    words,
};

/// An activity, and the members that its class has for it.
pub(super) struct About {
    pub(super) activity: Activity,
    pub(super) members: Vec<(&'static str, Value)>,
}

impl About {
    pub(super) fn of<const N: usize>(
        activity: Activity,
        members: [(&'static str, Value); N],
    ) -> Self {
        Self { activity, members: members.into() }
    }
}

/// What an event is. Who acted is the event's process, but where a process says itself who did it.
pub(super) fn of(event: &Event, sender: &Sender) -> About {
    let mut about = match &event.action {
        Action::Exec { .. } => process::exec(event, sender),
        Action::Fork { child } => process::fork(event, *child, sender),
        Action::Exit { status } => process::exit(event, *status, sender),
        Action::FileOpen(act) | Action::FileRead(act) => file::of_open(act),
        Action::Connect(act)
        | Action::Send(act)
        | Action::Accept(act)
        | Action::Listen(act)
        | Action::Bind(act)
        | Action::Dup { socket: act, .. } => network::of_socket(event, act, sender),
        Action::DnsQuery(act) | Action::DnsAnswer(act) => network::of_dns(event, act, sender),
        Action::Act(act) => of_act(event, act, sender),
    };
    let has_actor = about.members.iter().any(|(name, _)| *name == "actor");
    if !has_actor && !event.is_nobodys() {
        about.members.push(("actor", process::actor(event, sender)));
    }
    about
}

fn of_act(event: &Event, act: &Act, sender: &Sender) -> About {
    if let Some(about) = file::of_act(act).or_else(|| process::of_act(event, act, sender)) {
        return about;
    }
    let target = || ("process", process::acting(event, sender));
    match act.kind {
        ActKind::SocketCreate { .. } => network::of_new_socket(sender),
        ActKind::Map { .. } => {
            let file = file::any(&act.path, act.file.as_ref());
            let module = json!({ "file": file, "load_type_id": 4, "load_type": "Mapped" });
            About::of(MODULE.activity(1, "Load"), [("module", module)])
        }
        ActKind::Module => {
            let driver = json!({ "file": file::any(&act.path, act.file.as_ref()) });
            About::of(KERNEL_EXTENSION.activity(1, "Load"), [("driver", driver)])
        }
        ActKind::Bpf { command, .. } => of_bpf(act, command),
        ActKind::Protect { protection } => {
            let wanted = ("requested_permissions", json!(protection));
            About::of(MEMORY.activity(2, "Modify Page"), [target(), wanted])
        }
        ActKind::Userfaultfd { .. } => About::of(MEMORY.other("Delegate page faults"), [target()]),
        // Those above are all: what is left is of the classes of files and processes.
        _ => About::of(KERNEL.other("Act"), [("kernel", json!({ "name": "act", "type_id": 0 }))]),
    }
}

/// A program in the kernel is no extension that comes from a file: it is a resource of the kernel's
/// that a system call made or took hold of.
fn of_bpf(act: &Act, command: u32) -> About {
    const PROG_LOAD: u32 = 5;
    const PROG_DETACH: u32 = 9;
    const LINK_CREATE: u32 = 28;
    const LINK_DETACH: u32 = 34;
    let activity = match command {
        PROG_LOAD | LINK_CREATE => KERNEL.activity(1, "Create"),
        PROG_DETACH | LINK_DETACH => KERNEL.activity(3, "Delete"),
        _ => KERNEL.activity(4, "Invoke"),
    };
    let mut kernel = json!({ "type_id": 2, "type": "System Call", "system_call": "bpf" });
    let name = match &*act.other {
        b"" => words::bpf(command).into(),
        name => lossless(name),
    };
    set(&mut kernel, &["name"], json!(name));
    About::of(activity, [("kernel", kernel)])
}
