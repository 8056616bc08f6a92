//! An act of every kind.

use std::sync::Arc;

use crate::{
    act::{Act, ActKind},
    dns::{DnsAct, DnsData, DnsMessage, DnsQuestion, DnsRecord},
    event::{
        Action, Address, Container, Fact, FactSource, FileAct, FileFacts, Peer, ProcessKey, Reason,
        Service, SocketAct,
    },
};

/// Of each kind one at least, with all that it can say, and of some one that says little.
pub(in crate::document) fn acts() -> Vec<Action> {
    let child = ProcessKey { pid: 77, start_ns: 5 };
    let open = |created| FileAct {
        path: b"/etc/shadow".as_slice().into(),
        name: Some(b"shadow".as_slice().into()),
        file: created_file(0o100_640),
        open_flags: 0o101,
        created,
    };
    let refused = FileAct { path: [].into(), file: None, ..open(false) };
    let mut acts = vec![
        Action::Exec { previous: None },
        Action::Fork { child },
        Action::Exit { status: 9 },
        Action::Exit { status: 3 << 8 },
        Action::FileOpen(open(true)),
        Action::FileOpen(open(false)),
        Action::FileRead(open(false)),
        Action::FileRead(refused),
    ];
    for socket in sockets() {
        acts.extend([
            Action::Connect(socket.clone()),
            Action::Send(socket.clone()),
            Action::Accept(socket.clone()),
            Action::Listen(socket.clone()),
            Action::Bind(socket.clone()),
            Action::Dup { socket: socket.clone(), descriptor: 1 },
        ]);
        for code in [0, 3, 13] {
            acts.push(Action::DnsQuery(Box::new(dns(socket.clone(), code))));
            acts.push(Action::DnsAnswer(Box::new(dns(socket.clone(), code))));
        }
        let nothing = DnsAct { socket, total: 9, message: None, asked: false };
        acts.push(Action::DnsAnswer(Box::new(nothing)));
    }
    acts.extend(kinds(child).into_iter().flat_map(|kind| [full(kind), bare(kind)]));
    acts
}

fn created_file(mode: u32) -> Option<FileFacts> {
    Some(FileFacts { inode: 12, major: 8, minor: 1, mode, links: 1, uid: 0, ..Default::default() })
}

fn full(kind: ActKind) -> Action {
    Action::Act(Act {
        kind,
        path: b"/srv/a".as_slice().into(),
        name: Some(b"a".as_slice().into()),
        file: created_file(0o040_755),
        other: b"/srv/b".as_slice().into(),
        other_name: Some(b"b".as_slice().into()),
        text: b"tmpfs".as_slice().into(),
    })
}

fn bare(kind: ActKind) -> Action {
    Action::Act(Act {
        kind,
        path: [].into(),
        name: None,
        file: None,
        other: [].into(),
        other_name: None,
        text: [].into(),
    })
}

fn sockets() -> Vec<SocketAct> {
    let known = Fact::Known([Arc::from("a.example"), "b.example".into()].into(), FactSource::Dns);
    let container = Arc::new(Container { id: "peer".into(), ..Container::host() });
    let peer = Peer { container, is_shared: false, age_ns: 9 };
    let service = Service { name: "db".into(), namespace: "shop".into(), age_ns: 9 };
    let full = SocketAct {
        destination: Address::Ip([192, 0, 2, 7].into(), 443),
        given: Some([0, 0, 0, 0].into()),
        source: Some(([10, 0, 0, 1], 40_000).into()),
        protocol: 6,
        socket_type: 1,
        repeats: 3,
        names: known,
        peer: Fact::Known(Box::new(peer), FactSource::Traffic),
        service: Fact::Known(Box::new(service), FactSource::Kubernetes),
    };
    let bare = SocketAct {
        destination: Address::Unix([].into()),
        given: None,
        source: None,
        protocol: 0,
        repeats: 0,
        names: Fact::Unknown(Reason::NotApplicable),
        peer: Fact::Unknown(Reason::NotApplicable),
        service: Fact::Unknown(Reason::NotApplicable),
        ..full.clone()
    };
    let v6 = SocketAct {
        destination: Address::Ip([0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into(), 53),
        protocol: 262,
        names: Fact::Unknown(Reason::NotLearned),
        peer: Fact::Unknown(Reason::Ambiguous),
        ..bare.clone()
    };
    vec![full, bare, v6]
}

fn dns(socket: SocketAct, response_code: u8) -> DnsAct {
    let record =
        |data| DnsRecord { name: "cdn.example".into(), record_type: 1, class: 1, ttl: 60, data };
    let answers = [
        DnsData::Address([192, 0, 2, 1].into()),
        DnsData::Alias("b".into()),
        DnsData::Name("c".into()),
        DnsData::Text([].into()),
        DnsData::Text(b"d\xff".as_slice().into()),
        DnsData::Other,
    ];
    let name = if response_code == 0 { "" } else { "shop.example" };
    let message = DnsMessage {
        id: 7,
        is_response: true,
        opcode: response_code,
        flags: ["AA", "TC", "RD", "RA", "AD", "CD"].into(),
        response_code,
        question: Some(DnsQuestion { name: name.into(), record_type: 1, class: 1 }),
        answers: answers.map(record).into(),
        is_cut: true,
    };
    DnsAct { socket, total: 99, message: Some(message), asked: true }
}

fn kinds(target: ProcessKey) -> Vec<ActKind> {
    let monitor = false;
    vec![
        ActKind::FileReceive { open_flags: 2 },
        ActKind::Rename { flags: 0 },
        ActKind::Link,
        ActKind::Symlink,
        ActKind::Unlink,
        ActKind::Mkdir { mode: 0o755 },
        ActKind::Rmdir,
        ActKind::Mknod { mode: 0o020_600, device: 259 },
        ActKind::Mknod { mode: 0o060_600, device: 259 },
        ActKind::Mknod { mode: 0o010_600, device: 0 },
        ActKind::Mknod { mode: 0o140_600, device: 0 },
        ActKind::Truncate { length: 9 },
        ActKind::Chmod { mode: 0o4755 },
        ActKind::Chown { uid: 0, gid: u32::MAX },
        ActKind::Utimes,
        ActKind::Xattr { removed: true },
        ActKind::Map { protection: 5, flags: 2 },
        ActKind::Protect { protection: 7 },
        ActKind::SocketCreate { family: 17, sort: 3, protocol: 3 },
        ActKind::Ptrace { request: 16, target, monitor },
        ActKind::Ptrace { request: 0, target: ProcessKey { start_ns: 0, ..target }, monitor },
        ActKind::Bpf { command: 5, program_type: 2, object: 0, monitor },
        ActKind::Bpf { command: 9, program_type: 0, object: 0, monitor },
        ActKind::Bpf { command: 13, program_type: 0, object: 4, monitor },
        ActKind::Module,
        ActKind::Mount { flags: 1 },
        ActKind::Umount { flags: 2 },
        ActKind::Setns { flags: 0 },
        ActKind::Unshare { flags: 0x2000_0000, child: None },
        ActKind::Unshare { flags: 0x2000_0000, child: Some(target) },
        ActKind::PivotRoot,
        ActKind::Chroot,
        ActKind::SetUid { new: [0, 0, 0], old: Some([1000, 1000, 1000]) },
        ActKind::SetUid { new: [0, 0, 0], old: None },
        ActKind::SetGid { new: [0, 0, 0], old: None },
        ActKind::Capset { new: [1, 0, 1] },
        ActKind::Memfd { flags: 1 },
        ActKind::Userfaultfd { flags: 1 },
        ActKind::Signal { signal: 9, target },
    ]
}
