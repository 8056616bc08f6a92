//! What an event says that a container did.

use std::{
    hash::{Hash as _, Hasher},
    net::SocketAddr,
};

use super::{
    net::{Host, Protocol},
    paths::Route,
    thing::{Destination, OUTSIDE, Program, Thing},
};
use crate::{
    act::{Act, ActKind},
    document::printable::strings,
    event::{Action, Address, Event, Fact, Process, SocketAct, base_name},
    way,
    words::CAPABILITIES,
};

/// Whether an event says anything that a profile tells apart.
#[must_use]
pub fn is_of_interest(event: &Event) -> bool {
    !matches!(
        event.action,
        Action::Fork { .. }
            | Action::Exit { .. }
            | Action::Accept(_)
            | Action::Dup { .. }
            | Action::DnsAnswer(_)
    )
}

/// Takes everything that an event says. An attempt counts as what was attempted: whether it is
/// refused does not hang on the container alone.
pub fn each(event: &Event, take: &mut dyn FnMut(Thing)) {
    let process = &event.process;
    if is_runtime(process) {
        // What it does before it becomes the container's program is its own.
        return;
    }
    match &event.action {
        Action::Exec { .. } => {
            program(event, take);
            preloads(process, take);
            let held = CAPABILITIES.iter().enumerate();
            let held = held.filter(|(bit, _)| process.cap_effective & (1 << bit) != 0);
            held.for_each(|(_, name)| take(Thing::Capability(name)));
        }
        Action::Connect(act) | Action::Send(act) => connection(act, &numbers(event), take),
        Action::Listen(act) => listener(act, take),
        // Of TCP it is listening that counts.
        Action::Bind(act) if Protocol::of(act.protocol) == Protocol::Udp => listener(act, take),
        Action::DnsQuery(dns) => {
            let question = dns.message.as_ref().and_then(|message| message.question.as_ref());
            let name = question.map(|question| Route::of_domain(question.name.as_bytes()));
            name.into_iter().for_each(|name| take(Thing::Name(name)));
        }
        Action::FileOpen(act) => file(&act.path, event, take),
        Action::FileRead(act) if is_secret(&act.path) => {
            take(Thing::Secret(Route::of_path(&act.path, &numbers(event))));
        }
        Action::Act(act) => other(act, event, take),
        _ => {}
    }
}

/// Gives a hasher all that [`each`] looks at, but for the numbers below: two events that are alike
/// in both say the same.
pub(super) fn mark(event: &Event, state: &mut impl Hasher) {
    let process = &event.process;
    // Who is a runtime hangs on its program and on this alone.
    let is_init = |it: &Process| it.args.ends_with(b"\0init\0");
    (event.action.kind(), &process.executable, is_init(process)).hash(state);
    match &event.action {
        Action::Exec { .. } => {
            (&process.script, event.credentials.euid, process.cap_effective).hash(state);
            process.env.hash(state);
            if let Some(parent) = event.ancestors.first() {
                (&parent.executable, is_init(parent)).hash(state);
            }
        }
        Action::Connect(act) | Action::Send(act) | Action::Listen(act) | Action::Bind(act) => {
            (act.protocol, &act.destination, act.source).hash(state);
            act.names.known().hash(state);
            let service = act.service.known();
            service.map(|it| (&it.name, &it.namespace)).hash(state);
        }
        Action::DnsQuery(dns) => {
            let question = dns.message.as_ref().and_then(|message| message.question.as_ref());
            question.map(|question| &question.name).hash(state);
        }
        Action::FileOpen(act) | Action::FileRead(act) => act.path.hash(state),
        Action::Act(act) => (&act.path, &act.other).hash(state),
        _ => {}
    }
}

/// The ids that [`each`] looks for in names, where those have digits: nothing else can be named
/// after a process.
pub(super) fn numbers_in_names(event: &Event) -> Option<[u32; 5]> {
    names(event).any(has_digit).then(|| numbers(event))
}

/// Whether any byte is a digit: all are looked at, which takes less time than to stop at one.
fn has_digit(name: &[u8]) -> bool {
    name.iter().fold(false, |found, byte| found | byte.is_ascii_digit())
}

/// Everything in an event that may be named after a process.
fn names(event: &Event) -> impl Iterator<Item = &[u8]> {
    let process = &event.process;
    let parent = event.ancestors.first().and_then(|parent| parent.executable.as_deref());
    let of_act: [Option<&[u8]>; 2] = match &event.action {
        Action::Exec { .. } => [process.script.as_deref(), parent],
        Action::Connect(act) | Action::Send(act) => match &act.destination {
            Address::Unix(path) => [Some(&**path), None],
            Address::Ip(..) => [None, None],
        },
        Action::FileOpen(act) | Action::FileRead(act) => [Some(&*act.path), None],
        Action::Act(act) => [Some(&*act.path), Some(&*act.other)],
        _ => [None, None],
    };
    of_act.into_iter().chain([process.executable.as_deref()]).flatten()
}

/// Ids of the processes that an act of a process may name files after.
fn numbers(event: &Event) -> [u32; 5] {
    let process = &event.process;
    let parent = event.ancestors.first().map_or(0, |parent| parent.namespace_pid);
    [process.key.pid, process.namespace_pid, process.parent.pid, parent, event.tid]
}

fn program(event: &Event, take: &mut dyn FnMut(Thing)) {
    let process = &event.process;
    let Some(path) = &process.executable else { return };
    let text = |path: &[u8]| Route::of_path(path, &numbers(event)).text(Default::default()).into();
    let parent = match event.ancestors.first() {
        Some(parent) if !is_runtime(parent) => match &parent.executable {
            Some(path) => text(path),
            None => return,
        },
        _ => OUTSIDE.into(),
    };
    take(Thing::Program(Program {
        path: text(path),
        script: process.script.as_deref().map(text),
        parent,
        user: event.credentials.euid,
    }));
}

/// Programs of the host that start others in containers.
const RUNTIMES: [&[u8]; 8] = [
    b"containerd-shim-runc-v2",
    b"containerd-shim",
    b"runc",
    b"crun",
    b"conmon",
    b"dockerd",
    b"buildkitd",
    b"podman",
];

/// Directories that a runtime is in.
const SYSTEM: [&[u8]; 4] = [b"/usr/bin/", b"/usr/sbin/", b"/usr/local/", b"/usr/libexec/"];

fn is_runtime(process: &Process) -> bool {
    let Some(path) = &process.executable else { return false };
    let is_in_place = SYSTEM.iter().any(|directory| path.starts_with(directory));
    way::is_runtime(process) || is_in_place && RUNTIMES.contains(&base_name(path))
}

/// Variables that have the loader put libraries into programs.
const PRELOADS: [&[u8]; 2] = [b"LD_PRELOAD=", b"LD_AUDIT="];

fn preloads(process: &Process, take: &mut dyn FnMut(Thing)) {
    for variable in strings(&process.env) {
        let value = PRELOADS.iter().find_map(|name| variable.strip_prefix(*name));
        let libraries = value.into_iter().flat_map(|value| value.split(|it| b": ".contains(it)));
        for library in libraries.filter(|library| !library.is_empty()) {
            take(Thing::Preload(Route::of_path(library, &[])));
        }
    }
}

fn connection(act: &SocketAct, numbers: &[u32], take: &mut dyn FnMut(Thing)) {
    let (address, port) = match &act.destination {
        Address::Ip(address, port) => (*address, *port),
        Address::Unix(path) if path.is_empty() => return,
        Address::Unix(path) => {
            let path: Vec<u8> = match path.strip_prefix(b"\0") {
                Some(name) => [b"@", name].concat(),
                None => path.to_vec(),
            };
            take(Thing::Connection(Destination::Socket(Route::of_path(&path, numbers))));
            return;
        }
    };
    let service = act.service.known().map(|it| format!("{}.{}.svc", it.name, it.namespace));
    let names = match &act.names {
        Fact::Known(names, _) => names.as_ref(),
        Fact::Unknown(_) => &[],
    };
    let names = names.iter().map(|name| Route::of_domain(name.as_bytes()));
    let service = service.iter().map(|name| Route::of_domain(name.as_bytes()));
    let hosts = service.chain(names).map(Host::Name).chain([Host::Net(address.into())]);
    let protocol = Protocol::of(act.protocol);
    take(Thing::Connection(Destination::Port { protocol, port, hosts: hosts.collect() }));
}

fn listener(act: &SocketAct, take: &mut dyn FnMut(Thing)) {
    let own = match &act.destination {
        Address::Ip(_, port) => Some(*port),
        Address::Unix(_) => act.source.map(|it: SocketAddr| it.port()),
    };
    if let Some(port) = own.filter(|port| *port != 0) {
        take(Thing::Listener(Protocol::of(act.protocol), Some(port)));
    }
}

/// Files that mean nothing to be written: terminals, and what swallows everything.
const NOTHING: [&[u8]; 6] =
    [b"/dev/null", b"/dev/tty", b"/dev/zero", b"/dev/full", b"/dev/ptmx", b"/dev/pts/"];

fn file(path: &[u8], event: &Event, take: &mut dyn FnMut(Thing)) {
    let is_nothing =
        NOTHING.iter().any(|it| path == *it || it.ends_with(b"/") && path.starts_with(it));
    // What is no path is a pipe, or a file of no file system.
    if !is_nothing && path.starts_with(b"/") {
        take(Thing::File(Route::of_path(path, &numbers(event))));
    }
}

fn other(act: &Act, event: &Event, take: &mut dyn FnMut(Thing)) {
    match act.kind {
        ActKind::Rename { .. } | ActKind::Link => file(&act.other, event, take),
        ActKind::Symlink
        | ActKind::Mkdir { .. }
        | ActKind::Mknod { .. }
        | ActKind::Truncate { .. } => file(&act.path, event, take),
        ActKind::Protect { .. }
        | ActKind::SocketCreate { .. }
        | ActKind::Ptrace { .. }
        | ActKind::Bpf { .. }
        | ActKind::Module
        | ActKind::Mount { .. }
        | ActKind::Umount { .. }
        | ActKind::Setns { .. }
        | ActKind::Unshare { .. }
        | ActKind::PivotRoot
        | ActKind::Chroot
        | ActKind::SetUid { .. }
        | ActKind::SetGid { .. }
        | ActKind::Capset { .. }
        | ActKind::Memfd { .. }
        | ActKind::Userfaultfd { .. } => {
            let Some(path) = &event.process.executable else { return };
            let name = Action::KINDS.get(usize::from(event.action.kind()));
            let by = Route::of_path(path, &numbers(event)).text(Default::default());
            take(Thing::Act(name.copied().unwrap_or_default(), by.into()));
        }
        ActKind::FileReceive { .. }
        | ActKind::Unlink
        | ActKind::Rmdir
        | ActKind::Chmod { .. }
        | ActKind::Chown { .. }
        | ActKind::Utimes
        | ActKind::Xattr { .. }
        | ActKind::Map { .. }
        | ActKind::Signal { .. } => {}
    }
}

/// Files of secrets.
const SECRETS: [&[u8]; 3] = [b"/etc/shadow", b"/etc/gshadow", b"/etc/sudoers"];

/// Directories of secrets. [`super::wanted`] has the same.
const SECRET_DIRECTORIES: [&[u8]; 6] = [
    b"/run/secrets/",
    b"/var/run/secrets/",
    b"/etc/kubernetes/",
    b"/root/.ssh/",
    b"/root/.aws/",
    b"/root/.kube/",
];

/// Files of secrets, wherever they are.
const SECRET_NAMES: [&[u8]; 9] = [
    b".netrc",
    b".pgpass",
    b".git-credentials",
    b".my.cnf",
    b".vault-token",
    b".npmrc",
    b"id_rsa",
    b"id_ed25519",
    b"id_ecdsa",
];

/// Whether a file holds what lets one in elsewhere.
fn is_secret(path: &[u8]) -> bool {
    SECRETS.contains(&path)
        || SECRET_DIRECTORIES.iter().any(|directory| path.starts_with(directory))
        || SECRET_NAMES.contains(&base_name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        decode::decode,
        enrich::{Enriched, Enricher},
        env::EnvKeys,
        records::{self, Record, Who},
    };

    /// Acts that differ in one respect each.
    fn acts() -> Vec<Record> {
        let (who, other) = (Who::new(10), Who::new(11));
        let mut all: Vec<Record> = records::every_kind().into_iter().map(|(_, it)| it).collect();
        let exec = |path: &str| records::exec(who, path, b"x\0");
        let env = |env: &'static [u8]| {
            let mut start = records::ProgramStart::new("/bin/a", b"a\0");
            start.env = env;
            start.exec(who)
        };
        let to = |address, port| records::connect(who, records::tcp4(address, port), b"");
        all.extend([
            exec("/bin/a"),
            exec("/bin/b"),
            exec("/opt/10/a"),
            records::exec(who.child(12), "/bin/a", b"x\0"),
            records::exec(Who { uid: 33, ..who }, "/bin/a", b"x\0"),
            env(b"LD_PRELOAD=/tmp/x.so\0"),
            env(b"LD_PRELOAD=/tmp/y.so\0"),
            records::write_to(who, b"/data/a"),
            records::write_to(who, b"/data/b"),
            records::write_to(who, b"/run/10.pid"),
            records::write_to(other, b"/run/10.pid"),
            records::read_from(who, b"/etc/shadow"),
            records::read_from(who, b"/root/.ssh/id_rsa"),
            to([10, 0, 0, 1], 443),
            to([10, 0, 0, 2], 443),
            to([10, 0, 0, 1], 80),
            records::send(who, records::tcp4([10, 0, 0, 1], 53)),
        ]);
        all
    }

    /// What has the mark of something that is expected is not looked at again.
    #[test]
    fn events_of_one_mark_say_the_same() {
        let state = ahash::RandomState::new();
        let mut enricher = Enricher::new(1 << 20, 0, EnvKeys::new(["LD_PRELOAD"]));
        let mut seen = Vec::new();
        // Each comes twice: behind the others, too.
        for record in acts().iter().chain(&acts()) {
            let bytes = record.bytes();
            let Enriched::Event(event) = enricher.enrich(decode(&bytes).unwrap()) else { continue };
            let mut things = Vec::new();
            each(&event, &mut |thing| things.push(thing));
            let mut hasher = std::hash::BuildHasher::build_hasher(&state);
            mark(&event, &mut hasher);
            let mark = (hasher.finish(), numbers_in_names(&event));
            seen.push((mark, format!("{things:?}")));
        }
        for (mark, things) in &seen {
            let alike = seen.iter().filter(|(other, _)| other == mark);
            alike.for_each(|(_, others)| assert_eq!(others, things));
        }
        let marks: std::collections::BTreeSet<_> = seen.iter().map(|(mark, _)| *mark).collect();
        assert!(marks.len() < seen.len() * 3 / 4, "what is done again has its mark again");
    }

    #[test]
    fn secrets_are_known_wherever_they_are() {
        for secret in [
            "/etc/shadow",
            "/home/a/.ssh/id_ed25519",
            "/root/.aws/credentials",
            "/srv/x/.pgpass",
            "/run/secrets/kubernetes.io/serviceaccount/token",
        ] {
            assert!(is_secret(secret.as_bytes()), "{secret}");
        }
        for plain in ["/etc/passwd", "/etc/shadow.d/x", "/root/.sshx/id", "/srv/pgpass"] {
            assert!(!is_secret(plain.as_bytes()), "{plain}");
        }
    }
}
