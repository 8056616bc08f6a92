//! What tells an alert from its repeats. Every fact of an act that is chosen by whoever does it is
//! part of it: an act that differs must not hide behind a harmless one that was told before.

use sha2::{Digest as _, Sha256};

use crate::{
    act::ActKind,
    alert::Alert,
    dns::DnsAct,
    event::{Act, Action, Event, FileAct, Outcome, SocketAct},
    profile::{Thing, paths::zone},
};

/// What repeats have in common.
pub(super) type Key = [u8; 16];

/// Rules, container, user, program, its parent, what was done and to what.
pub(super) fn key(alert: &Alert) -> Key {
    let event = &*alert.event;
    let mut parts = Parts(Sha256::new());
    alert.matched.iter().for_each(|matched| parts.add(matched.about.id.as_bytes()));
    parts.add(event.container.id.as_bytes());
    parts.add(&event.credentials.euid.to_le_bytes());
    parts.add(event.process.executable.as_deref().unwrap_or_default());
    let parent = event.ancestors.first().and_then(|parent| parent.executable.as_deref());
    parts.add(parent.unwrap_or_default());
    parts.add(&[event.action.kind(), u8::from(matches!(event.outcome, Outcome::Failure(_)))]);
    match unexpected_name(alert) {
        Some((act, name)) => parts.add_name(act, name),
        None => parts.add_action(event),
    }
    let digest = parts.0.finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

/// The name that was asked for, where that it is not expected is all that is told of it.
fn unexpected_name(alert: &Alert) -> Option<(&DnsAct, &str)> {
    let Action::DnsQuery(act) = &alert.event.action else { return None };
    let unexpected = alert.event.expectation.as_ref().ok()?.unexpected()?;
    let of_drift = |tags: &[String]| tags.iter().any(|tag| tag == DRIFT);
    let is_all = alert.matched.iter().all(|matched| of_drift(&matched.about.tags));
    let question = act.message.as_ref()?.question.as_ref()?;
    (is_all && matches!(unexpected, Thing::Name(_))).then_some((act, &*question.name))
}

/// Rules about what profiles do not expect have this tag.
const DRIFT: &str = "drift";

/// Parts of a key, none of which can be taken for two.
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// What was done and to what.
    fn add_action(&mut self, event: &Event) {
        match &event.action {
            Action::Exec { previous: _ } => self.add_start(event),
            // A child is another one each time.
            Action::Fork { child: _ } => {}
            Action::Exit { status } => self.add(&status.to_le_bytes()),
            Action::Connect(act) | Action::Send(act) | Action::Listen(act) | Action::Bind(act) => {
                self.add_socket(act);
            }
            // Of who comes in the port is another one each time.
            Action::Accept(act) => {
                self.add_socket(act);
                let from = act.source.map(|source| source.ip().to_string());
                self.add(from.unwrap_or_default().as_bytes());
            }
            Action::Dup { socket, descriptor } => {
                self.add_socket(socket);
                self.add(&descriptor.to_le_bytes());
            }
            Action::DnsQuery(act) | Action::DnsAnswer(act) => self.add_dns(act),
            Action::FileOpen(act) | Action::FileRead(act) => self.add_open(act),
            Action::Act(act) => self.add_act(act),
        }
    }

    /// Which arguments and variables a program was given is what it was started for. Of arguments
    /// that were cut the hash tells what is not kept.
    fn add_start(&mut self, event: &Event) {
        let process = &event.process;
        self.add(&process.args);
        self.add(&process.args_total.to_le_bytes());
        self.add(&process.args_hash.unwrap_or_default().to_le_bytes());
        self.add(&process.env);
        self.add(process.script.as_deref().unwrap_or_default());
        let file = &process.file;
        self.add(&file.mode.to_le_bytes());
        let sort = [file.upper_layer, file.internal_mount, file.links == 0];
        self.add(&sort.map(u8::from));
    }

    /// The own port differs each time, and names and containers are learned of the destination.
    fn add_socket(&mut self, act: &SocketAct) {
        let SocketAct {
            destination,
            given: _,
            source: _,
            protocol,
            socket_type,
            repeats: _,
            names: _,
            peer: _,
            service: _,
        } = act;
        self.add(format!("{destination:?}").as_bytes());
        self.add(&protocol.to_le_bytes());
        self.add(&socket_type.to_le_bytes());
    }

    /// The answers are left out: a server gives those of one question in turn.
    fn add_dns(&mut self, act: &DnsAct) {
        let DnsAct { socket, total: _, message, asked } = act;
        self.add_socket(socket);
        let message = message.as_ref();
        self.add(&[u8::from(*asked), u8::from(message.is_some())]);
        if let Some(message) = message {
            self.add(&[message.opcode, message.response_code, u8::from(message.is_response)]);
        }
        if let Some(question) = message.and_then(|message| message.question.as_ref()) {
            self.add(question.name.as_bytes());
            self.add(&question.record_type.to_le_bytes());
            self.add(&question.class.to_le_bytes());
        }
    }

    /// The file is told by its path: one that is made anew each time has another number.
    fn add_open(&mut self, act: &FileAct) {
        let FileAct { path, name: _, file: _, open_flags, created } = act;
        self.add(path);
        self.add(&open_flags.to_le_bytes());
        self.add(&[u8::from(*created)]);
    }

    /// Of names that are not expected, those with which data leaves are one: what is made up of
    /// them is the data. So are the two questions for both sorts of addresses of one.
    fn add_name(&mut self, act: &DnsAct, name: &str) {
        self.add_socket(&act.socket);
        self.add(zone(name).as_bytes());
    }

    fn add_act(&mut self, act: &Act) {
        let Act { kind, path, name: _, file: _, other, other_name: _, text } = act;
        self.add(path);
        self.add(other);
        self.add(text);
        self.add(format!("{:?}", in_common(*kind)).as_bytes());
    }
}

/// An act without what differs between harmless repeats of it. Of all other kinds every fact
/// counts.
fn in_common(kind: ActKind) -> ActKind {
    match kind {
        // A log is cut to where it happens to be. The times of a file are not even told.
        ActKind::Truncate { length: _ } => ActKind::Truncate { length: 0 },
        // A child is another one each time.
        ActKind::Unshare { flags, child: _ } => ActKind::Unshare { flags, child: None },
        ActKind::FileReceive { .. }
        | ActKind::Rename { .. }
        | ActKind::Link
        | ActKind::Symlink
        | ActKind::Unlink
        | ActKind::Mkdir { .. }
        | ActKind::Rmdir
        | ActKind::Mknod { .. }
        | ActKind::Chmod { .. }
        | ActKind::Chown { .. }
        | ActKind::Utimes
        | ActKind::Xattr { .. }
        | ActKind::Map { .. }
        | ActKind::Protect { .. }
        | ActKind::SocketCreate { .. }
        | ActKind::Ptrace { .. }
        | ActKind::Bpf { .. }
        | ActKind::Module
        | ActKind::Mount { .. }
        | ActKind::Umount { .. }
        | ActKind::Setns { .. }
        | ActKind::PivotRoot
        | ActKind::Chroot
        | ActKind::SetUid { .. }
        | ActKind::SetGid { .. }
        | ActKind::Capset { .. }
        | ActKind::Memfd { .. }
        | ActKind::Userfaultfd { .. }
        | ActKind::Signal { .. } => kind,
    }
}
