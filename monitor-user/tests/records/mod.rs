//! Records as the kernel programs write them, for tests. It knows the wire and nothing else, so
//! that the tests inside the crate and the ones outside can share it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each of the two includes it, and uses a part"
)]

pub mod dns;
pub mod folder;
pub mod golden;
pub mod story;

use monitor_common::{
    Act, Cgroup, Exit, FileFacts, FileOpen, Fork, Header, Image, Program, RecordKind, Socket,
    body::stdio,
};
use zerocopy::{FromZeros as _, IntoBytes as _};

/// When the first record is made.
pub const START_NS: u64 = 1_000_000_000_000;

/// A process, as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub pid: u32,
    pub start_ns: u64,
    pub parent_pid: u32,
    pub parent_start_ns: u64,
    pub cgroup: (u32, u64),
    pub uid: u32,
}

impl Who {
    /// A child of pid 1, in the root cgroup.
    pub fn new(pid: u32) -> Self {
        Self {
            pid,
            start_ns: u64::from(pid) * 1_000,
            parent_pid: 1,
            parent_start_ns: 1_000,
            cgroup: (0, 1),
            uid: 0,
        }
    }

    pub fn child(self, pid: u32) -> Self {
        let own = Self::new(pid);
        Self { parent_pid: self.pid, parent_start_ns: self.start_ns, ..self }.named(own)
    }

    fn named(self, own: Self) -> Self {
        Self { pid: own.pid, start_ns: own.start_ns, ..self }
    }

    pub fn in_cgroup(self, id: u64) -> Self {
        Self { cgroup: (0, id), ..self }
    }
}

/// A record in the making: the header, the body with its sections' lengths, the sections.
#[derive(Clone)]
pub struct Record {
    pub header: Header,
    body: Vec<u8>,
    sections: Vec<u8>,
}

impl Record {
    fn new(kind: RecordKind, program: Program, who: Who, body: &[u8], sections: &[&[u8]]) -> Self {
        let mut header = Header::new_zeroed();
        header.kind = kind as u16;
        header.program = program as u32;
        header.stream = 4;
        header.sequence = 1;
        header.boottime_ns = START_NS;
        (header.pid, header.tid, header.start_ns) = (who.pid, who.pid, who.start_ns);
        header.namespace_pid = who.pid;
        (header.parent_pid, header.parent_start_ns) = (who.parent_pid, who.parent_start_ns);
        (header.uid, header.euid, header.gid, header.egid) = (who.uid, who.uid, who.uid, who.uid);
        header.loginuid = u32::MAX;
        (header.cgroup_hierarchy, header.cgroup_id) = who.cgroup;
        header.mount_namespace = 4_026_531_841;
        header.pid_namespace = 4_026_531_836;
        header.network_namespace = 4_026_531_840;
        header.user_namespace = 4_026_531_837;
        header.session_id = who.pid;
        header.comm[..4].copy_from_slice(b"comm");
        Self { header, body: body.to_vec(), sections: sections.concat() }
    }

    /// The bytes, with the length that the header must say.
    pub fn bytes(&self) -> Vec<u8> {
        let mut header = self.header;
        header.len = u32::try_from(self.len()).unwrap();
        [header.as_bytes(), &self.body, &self.sections].concat()
    }

    pub fn len(&self) -> usize {
        size_of::<Header>() + self.body.len() + self.sections.len()
    }

    /// Later by so much than [`START_NS`].
    pub fn after_ns(mut self, ns: u64) -> Self {
        self.header.boottime_ns = START_NS + ns;
        self
    }

    pub fn numbered(mut self, sequence: u64) -> Self {
        self.header.sequence = sequence;
        self
    }

    pub fn outcome(mut self, outcome: i32) -> Self {
        self.header.outcome = outcome;
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// Bytes behind the last section.
    pub fn trailing(mut self, bytes: &[u8]) -> Self {
        self.sections.extend_from_slice(bytes);
        self
    }
}

/// A file on an ordinary disk.
pub fn file_facts() -> FileFacts {
    FileFacts {
        inode: 4242,
        device: 254 << 20 | 1,
        mode: 0o100_755,
        magic: 0xef53,
        links: 1,
        ..FileFacts::default()
    }
}

/// What is told of a program that was started.
#[derive(Clone, Debug)]
pub struct ProgramStart<'a> {
    pub image: Image,
    pub path: &'a [u8],
    pub filename: &'a [u8],
    pub cwd: &'a [u8],
    pub env: &'a [u8],
    pub args: &'a [u8],
}

impl<'a> ProgramStart<'a> {
    pub fn new(path: &'a str, args: &'a [u8]) -> Self {
        let image = Image {
            file: file_facts(),
            size: 100_000,
            mtime_ns: 1_700_000_000_000_000_000,
            ctime_ns: 1_700_000_000_000_000_000,
            args_total: u32::try_from(args.len()).unwrap(),
            args_count: u32::try_from(args.iter().filter(|byte| **byte == 0).count()).unwrap(),
            stdio: [stdio::CHARACTER, stdio::PIPE, stdio::FILE],
            ..Image::default()
        };
        Self { image, path: path.as_bytes(), filename: path.as_bytes(), cwd: b"/", env: b"", args }
    }

    fn record(&self, kind: RecordKind, program: Program, who: Who) -> Record {
        let length = |section: &[u8]| u32::try_from(section.len()).unwrap();
        let image = Image {
            path_len: length(self.path),
            filename_len: length(self.filename),
            cwd_len: length(self.cwd),
            env_len: length(self.env),
            args_len: length(self.args),
            ..self.image
        };
        let sections = [self.path, self.filename, self.cwd, self.env, self.args];
        Record::new(kind, program, who, image.as_bytes(), &sections)
    }

    pub fn exec(&self, who: Who) -> Record {
        self.record(RecordKind::Exec, Program::ProcessExec, who)
    }

    pub fn task(&self, who: Who) -> Record {
        self.record(RecordKind::Task, Program::TaskIter, who)
    }
}

pub fn exec(who: Who, path: &str, args: &[u8]) -> Record {
    ProgramStart::new(path, args).exec(who)
}

pub fn task(who: Who, path: &str, args: &[u8]) -> Record {
    ProgramStart::new(path, args).task(who)
}

pub fn fork(who: Who, child: Who) -> Record {
    let body = Fork {
        child_start_ns: child.start_ns,
        child_pid: child.pid,
        child_namespace_pid: child.pid,
    };
    Record::new(RecordKind::Fork, Program::ProcessFork, who, body.as_bytes(), &[])
}

pub fn exit(who: Who, status: u32) -> Record {
    let body = Exit { status, ..Exit::default() };
    Record::new(RecordKind::Exit, Program::ProcessExit, who, body.as_bytes(), &[])
}

/// A TCP connection over IPv4.
pub fn tcp4(destination: [u8; 4], port: u16) -> Socket {
    let mut socket = Socket {
        destination_port: port,
        family: 2,
        protocol: 6,
        socket_type: 1,
        ..Socket::default()
    };
    socket.destination[..4].copy_from_slice(&destination);
    socket
}

pub fn connect(who: Who, socket: Socket, unix: &[u8]) -> Record {
    let body = Socket { unix_len: u32::try_from(unix.len()).unwrap(), ..socket };
    let program = Program::SocketConnect;
    Record::new(RecordKind::Connect, program, who, body.as_bytes(), &[unix])
}

pub fn send(who: Who, socket: Socket) -> Record {
    Record::new(RecordKind::Send, Program::SocketSendmsg, who, socket.as_bytes(), &[])
}

/// An open for writing; `cwd` only where the path is a name as it was passed.
pub fn open(who: Who, body: FileOpen, path: &[u8], cwd: &[u8]) -> Record {
    let body = FileOpen {
        path_len: u32::try_from(path.len()).unwrap(),
        cwd_len: u32::try_from(cwd.len()).unwrap(),
        ..body
    };
    let program = Program::FileOpen;
    Record::new(RecordKind::FileOpen, program, who, body.as_bytes(), &[path, cwd])
}

/// An open for writing that reached a file.
pub fn write_to(who: Who, path: &[u8]) -> Record {
    let file = FileFacts { mode: 0o100_644, ..file_facts() };
    open(who, FileOpen { file, open_flags: 0o101, ..FileOpen::default() }, path, b"")
}

pub fn cgroup_mkdir(key: (u32, u64), path: &str) -> Record {
    cgroup(RecordKind::CgroupMkdir, Program::CgroupMkdir, key, path)
}

pub fn cgroup_rmdir(key: (u32, u64), path: &str) -> Record {
    cgroup(RecordKind::CgroupRmdir, Program::CgroupRmdir, key, path)
}

fn cgroup(kind: RecordKind, program: Program, (hierarchy, id): (u32, u64), path: &str) -> Record {
    let path_len = u32::try_from(path.len()).unwrap();
    let body = Cgroup { id, hierarchy, path_len };
    Record::new(kind, program, Who::new(1), body.as_bytes(), &[path.as_bytes()])
}

/// An open for reading that reached a file.
pub fn read_from(who: Who, path: &[u8]) -> Record {
    let body = FileOpen {
        file: FileFacts { mode: 0o100_644, ..file_facts() },
        path_len: u32::try_from(path.len()).unwrap(),
        ..FileOpen::default()
    };
    Record::new(RecordKind::FileRead, Program::FileOpen, who, body.as_bytes(), &[path])
}

/// An act on a socket other than to connect or to send.
pub fn socket_act(kind: RecordKind, who: Who, socket: Socket) -> Record {
    Record::new(kind, Program::Accept, who, socket.as_bytes(), &[])
}

/// Another act: its numbers, its path, the directory of a name, and the same once more.
pub fn act(kind: RecordKind, who: Who, numbers: [u64; 6], sections: [&[u8]; 4]) -> Record {
    let [path, base, other, other_base] = sections;
    let length = |section: &[u8]| u32::try_from(section.len()).unwrap();
    let body = Act {
        file: file_facts(),
        numbers,
        path_len: length(path),
        base_len: length(base),
        other_len: length(other),
        other_base_len: length(other_base),
    };
    Record::new(kind, Program::Rename, who, body.as_bytes(), &sections)
}

/// One record of every kind, with all its sections.
pub fn every_kind() -> Vec<(RecordKind, Record)> {
    let who = Who::new(100);
    let mut program = ProgramStart::new("/usr/bin/dash", b"sh\0-c\0id\0");
    program.filename = b"./run.sh";
    program.cwd = b"/srv";
    program.env = b"PATH=/bin\0SECRET=1\0";
    let mut unix = tcp4([0; 4], 0);
    (unix.family, unix.protocol) = (1, 0);
    let peer = Socket { source: tcp4([10, 0, 0, 1], 0).destination, source_port: 80, ..unix };
    let peer = Socket { family: 2, protocol: 6, descriptor: 1, ..peer };
    let socket_kinds = [RecordKind::Accept, RecordKind::Listen, RecordKind::Bind, RecordKind::Dup];
    let mut all = vec![
        (RecordKind::Task, program.task(who)),
        (RecordKind::Exec, program.exec(who)),
        (RecordKind::Fork, fork(who, who.child(101))),
        (RecordKind::Exit, exit(who, 256)),
        (RecordKind::Connect, connect(who, unix, b"/run/docker.sock")),
        (RecordKind::Send, send(who, Socket { protocol: 17, ..tcp4([192, 0, 2, 1], 53) })),
        (RecordKind::FileOpen, open(who, FileOpen::default(), b"../etc/shadow", b"/tmp")),
        (RecordKind::CgroupMkdir, cgroup_mkdir((0, 77), "/default/n1")),
        (RecordKind::CgroupRmdir, cgroup_rmdir((0, 77), "/default/n1")),
        (RecordKind::FileRead, read_from(who, b"/etc/shadow")),
    ];
    let question = dns::question(7, "example.com", dns::A);
    let told = question.clone().answered(0).v4("example.com", 60, [203, 0, 113, 7]);
    all.push((RecordKind::DnsQuery, dns::query(who, 5, &question)));
    all.push((RecordKind::DnsAnswer, dns::answer(who, 5, &told)));
    all.extend(socket_kinds.map(|kind| (kind, socket_act(kind, who, peer))));
    let sections: [&[u8]; 4] = [b"/srv/one", b"", b"/srv/two", b"ext4"];
    for kind in RecordKind::ALL {
        if !all.iter().any(|(known, _)| *known == kind) {
            all.push((kind, act(kind, who, [1, 2, 3, 4, 5, 6], sections)));
        }
    }
    all
}
