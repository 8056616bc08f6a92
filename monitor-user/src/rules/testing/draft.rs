//! An event in the making: what a test said so far, over sensible values for the rest.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use nix::libc;

use super::{acts, dns};
use crate::act::ActKind;
use crate::env::EnvKeys;
use crate::event::{
    Action, Address, Container, Credentials, Event, EventId, FIRST_ACT, Fact, FactSource, FileAct,
    FileFacts, Knowledge, Namespaces, Node, Origin, Outcome, Process, ProcessKey, Reason,
    SocketAct, Stdio, WayIn,
};
use crate::policy::Standing;

const PID: u32 = 1000;

/// The user namespace of the host.
const INITIAL_USER: u32 = 0xefff_fffd;

const START_NS: u64 = 90_000_000_000;
const NOW_NS: u64 = 100_000_000_000;
const NOW_SINCE_1970_NS: i64 = 1_700_000_000_000_000_000;

/// An event in the making.
pub(super) struct Draft {
    /// Everything that needs no finishing. Its action only says the kind.
    pub(super) event: Event,
    pub(super) process: ProcessDraft,
    ancestors: Vec<ProcessDraft>,
    /// None: the host.
    pub(super) container: Option<Container>,
    pub(super) image_tag: Option<String>,
    pub(super) file: FileAct,
    pub(super) facts: FileFacts,
    /// Whether the open is to change the file, and to read it, as far as that was said.
    pub(super) writes: Option<bool>,
    pub(super) reads: Option<bool>,
    pub(super) socket: SocketAct,
    pub(super) server: (IpAddr, u16),
    pub(super) client: SocketAddr,
    /// Protocol and socket type.
    pub(super) protocol: (u16, u16),
}

impl Draft {
    pub(super) fn new(kind: u8) -> Self {
        let (file, socket) = (no_file(), no_socket());
        let action = match kind {
            6 => Action::FileRead(file.clone()),
            7 => Action::Accept(socket.clone()),
            8 => Action::Listen(socket.clone()),
            9 => Action::Bind(socket.clone()),
            10 => Action::Dup { socket: socket.clone(), descriptor: 0 },
            11 => Action::DnsQuery(Box::new(dns::blank(socket.clone(), false))),
            12 => Action::DnsAnswer(Box::new(dns::blank(socket.clone(), true))),
            FIRST_ACT.. => Action::Act(acts::blank(kind - FIRST_ACT)),
            1 => Action::Fork { child: ProcessKey { pid: PID + 1, start_ns: NOW_NS } },
            2 => Action::Exit { status: 0 },
            3 => Action::Connect(socket.clone()),
            4 => Action::Send(socket.clone()),
            5 => Action::FileOpen(file.clone()),
            _ => Action::Exec { previous: None },
        };
        let asks = action.dns().is_some();
        let datagram = asks || matches!(action, Action::Send(_));
        let protocol = if datagram { (17, 2) } else { (6, 1) };
        let port = if asks { 53 } else { 443 };
        Self {
            event: event(action),
            process: ProcessDraft::new("test", PID),
            ancestors: Vec::new(),
            container: None,
            image_tag: None,
            file,
            facts: file_facts(0o644),
            writes: None,
            reads: None,
            socket,
            server: (Ipv4Addr::new(192, 0, 2, 1).into(), port),
            client: SocketAddr::new(Ipv4Addr::new(10, 0, 0, 2).into(), 40_000),
            protocol,
        }
    }

    /// The n-th ancestor, 1 being the parent; those between are made as well.
    pub(super) fn ancestor(&mut self, n: usize) -> &mut ProcessDraft {
        let index = n.saturating_sub(1);
        while self.ancestors.len() <= index {
            let below = u32::try_from(self.ancestors.len()).unwrap_or(0) + 1;
            self.ancestors.push(ProcessDraft::new("systemd", PID.saturating_sub(below)));
        }
        match self.ancestors.get_mut(index) {
            Some(ancestor) => ancestor,
            // Never: the loop made it.
            None => &mut self.process,
        }
    }

    /// The process was started that many nanoseconds ago.
    pub(super) fn set_age(&mut self, age_ns: u64) -> Result<(), String> {
        let start = NOW_NS.checked_sub(age_ns);
        let start = start.ok_or_else(|| format!("a process is {NOW_NS} ns old at most"))?;
        self.process.process.key.start_ns = start;
        Ok(())
    }

    /// Some file, where the act is on one and none was named.
    pub(super) fn name_some_file(&mut self) {
        let file: Box<[u8]> = b"/file".as_slice().into();
        if self.file.path.is_empty() {
            self.file.path.clone_from(&file);
        }
        if let Action::Act(act) = &mut self.event.action
            && matches!(act.kind, ActKind::FileReceive { .. } | ActKind::Map { .. })
            && act.path.is_empty()
        {
            act.path = file;
        }
    }

    /// The container, made if the process was on the host so far.
    pub(super) fn container(&mut self) -> &mut Container {
        self.container.get_or_insert_with(|| {
            let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
            Container {
                id: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(),
                cgroup_path: "/test".into(),
                runtime: known("containerd"),
                name: known("test"),
                image: known("registry.example/test"),
                ..Container::host()
            }
        })
    }

    /// The event, or why what was said does not go together.
    pub(super) fn finish(mut self) -> Result<Event, String> {
        self.ancestor(1);
        let failed = matches!(self.event.outcome, Outcome::Failure(_));
        self.finish_act(failed)?;
        self.finish_container()?;
        let mut ancestors = Vec::new();
        let mut parent = ProcessKey { pid: 0, start_ns: 0 };
        for draft in self.ancestors.into_iter().rev() {
            let mut process = draft.finish()?;
            process.parent = parent;
            parent = process.key;
            ancestors.insert(0, Arc::new(process));
        }
        let mut process = self.process.finish()?;
        process.parent = parent;
        process.uid = self.event.credentials.uid;
        process.session_id = self.event.session_id;
        let mut event = self.event;
        event.process = Arc::new(process);
        event.ancestors = ancestors.into();
        event.container = Arc::new(self.container.unwrap_or_else(Container::host));
        Ok(event)
    }

    fn finish_act(&mut self, failed: bool) -> Result<(), String> {
        match &mut self.event.action {
            Action::Exec { .. } | Action::Fork { .. } | Action::Exit { .. } => {}
            Action::Act(act) => {
                acts::finish(act, (!failed).then_some(self.facts))?;
            }
            Action::FileOpen(_) | Action::FileRead(_) => {
                self.event.action = self.finish_open(failed)?;
            }
            Action::Connect(act)
            | Action::Send(act)
            | Action::Accept(act)
            | Action::Listen(act)
            | Action::Bind(act)
            | Action::Dup { socket: act, .. } => {
                *act = finish_socket(&self.socket, self.server, self.client, self.protocol);
            }
            Action::DnsQuery(act) | Action::DnsAnswer(act) => {
                act.socket = finish_socket(&self.socket, self.server, self.client, self.protocol);
            }
        }
        Ok(())
    }

    /// An open to change the file, unless it was said to be for reading alone.
    fn finish_open(&mut self, failed: bool) -> Result<Action, String> {
        if self.file.path.is_empty() {
            return Err("the event has no `fd.name`: say which file is opened".to_owned());
        }
        let reads = self.reads.unwrap_or(self.writes == Some(false));
        // What is created is changed.
        let writes = self.file.created || self.writes.unwrap_or(!reads);
        let access = match (writes, reads) {
            (true, true) => libc::O_RDWR,
            (true, false) => libc::O_WRONLY,
            (false, _) => libc::O_RDONLY,
        };
        let create = if self.file.created { libc::O_CREAT } else { 0 };
        self.file.open_flags = (access | create).unsigned_abs();
        self.file.file = (!failed).then_some(self.facts);
        let act = self.file.clone();
        Ok(if writes { Action::FileOpen(act) } else { Action::FileRead(act) })
    }

    fn finish_container(&mut self) -> Result<(), String> {
        let Some(tag) = self.image_tag.take() else { return Ok(()) };
        match &mut self.container().image {
            Fact::Known(image, _) => {
                *image = format!("{image}:{tag}").into();
                Ok(())
            }
            Fact::Unknown(_) => Err("an image that is not known has no tag".to_owned()),
        }
    }
}

/// A process in the making.
pub(super) struct ProcessDraft {
    pub(super) process: Process,
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    /// First argument.
    pub(super) exe: Option<String>,
    /// Further arguments.
    pub(super) args: Option<Vec<String>>,
    pub(super) command_line: Option<String>,
    pub(super) env: Vec<u8>,
    pub(super) memfd: bool,
    default_name: &'static str,
}

impl ProcessDraft {
    fn new(default_name: &'static str, pid: u32) -> Self {
        Self {
            process: process(pid),
            name: None,
            path: None,
            exe: None,
            args: None,
            command_line: None,
            env: Vec::new(),
            memfd: false,
            default_name,
        }
    }

    fn finish(self) -> Result<Process, String> {
        let mut process = self.process;
        if process.knowledge == Knowledge::Gone {
            return Ok(process);
        }
        let words = self
            .command_line
            .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let first = words.as_ref().and_then(|words| words.first().cloned());
        let rest = words.map(|words| words.into_iter().skip(1).collect());
        let name = match (&self.name, &self.path) {
            (Some(name), Some(path)) if path.rsplit('/').next() != Some(name) => {
                return Err(format!("`{name}` is not the file name of `{path}`"));
            }
            (Some(name), _) => name.clone(),
            (None, Some(path)) => path.rsplit('/').next().unwrap_or(path).to_owned(),
            (None, None) => first.clone().unwrap_or_else(|| self.default_name.to_owned()),
        };
        let folder = match self.memfd {
            true if name.starts_with("memfd:") => "/",
            true => "/memfd:",
            false => "/usr/bin/",
        };
        let path = self.path.unwrap_or_else(|| format!("{folder}{name}"));
        if self.memfd {
            if !path.starts_with("/memfd:") {
                return Err(format!("the path of a memfd starts with `/memfd:`, not so `{path}`"));
            }
            process.file.internal_mount = true;
            process.file.links = 0;
        }
        let first = self.exe.or(first).unwrap_or(name);
        let args: Vec<String> = self.args.or(rest).unwrap_or_default();
        let args = std::iter::once(first).chain(args);
        process.args = args.flat_map(|arg| arg.into_bytes().into_iter().chain([0])).collect();
        process.args_total = u32::try_from(process.args.len()).unwrap_or(u32::MAX);
        process.filename = path.clone().into_bytes().into();
        process.executable = Some(path.into_bytes().into());
        process.env = self.env.into();
        Ok(process)
    }
}

fn event(action: Action) -> Event {
    Event {
        id: EventId { stream: 0, sequence: 1 },
        boottime_ns: NOW_NS,
        timestamp_ns: NOW_SINCE_1970_NS,
        outcome: Outcome::Success,
        origin: Origin::KernelObject,
        path_truncated: false,
        read_fault: false,
        io_uring: false,
        hook: "test",
        tid: PID,
        comm: [0; 16],
        credentials: Credentials { uid: 0, gid: 0, euid: 0, egid: 0, loginuid: None },
        namespaces: Namespaces { mount: 1, pid: 1, network: 1, user: INITIAL_USER },
        session_id: PID,
        process: Arc::new(process(PID)),
        program_hash: Fact::Unknown(Reason::NotWanted),
        program_package: Fact::Unknown(Reason::NotWanted),
        program_copy: Fact::Unknown(Reason::NotWanted),
        ancestors: Arc::new([]),
        container: Arc::new(Container::host()),
        way_in: WayIn::default(),
        expectation: Err(Reason::NotApplicable),
        policy: Standing::None,
        node: Arc::new(Node::named("host")),
        action,
    }
}

fn process(pid: u32) -> Process {
    Process {
        key: ProcessKey { pid, start_ns: START_NS },
        parent: ProcessKey { pid: 0, start_ns: 0 },
        namespace_pid: pid,
        session_id: pid,
        executable: None,
        file: file_facts(0o755),
        size: 4096,
        mtime_ns: NOW_SINCE_1970_NS - 86_400_000_000_000,
        ctime_ns: NOW_SINCE_1970_NS - 86_400_000_000_000,
        script: None,
        filename: Box::default(),
        args: Box::default(),
        args_total: 0,
        args_hash: None,
        env_keys: EnvKeys::new(["*"]),
        env: Box::default(),
        env_truncated: false,
        cwd: b"/".as_slice().into(),
        tty: None,
        stdio: [Stdio::Character; 3],
        cap_effective: 0,
        cap_permitted: 0,
        seccomp: 0,
        no_new_privs: false,
        comm: [0; 16],
        uid: 0,
        exec_ns: START_NS,
        knowledge: Knowledge::Observed,
    }
}

fn file_facts(mode: u32) -> FileFacts {
    FileFacts {
        inode: 1234,
        major: 8,
        minor: 1,
        mode: libc::S_IFREG | mode,
        magic: 0xef53,
        links: 1,
        uid: 0,
        upper_layer: false,
        internal_mount: false,
        of_monitor: false,
    }
}

fn no_file() -> FileAct {
    FileAct { path: Box::default(), name: None, file: None, open_flags: 0, created: false }
}

fn finish_socket(
    draft: &SocketAct,
    server: (IpAddr, u16),
    client: SocketAddr,
    (protocol, socket_type): (u16, u16),
) -> SocketAct {
    let mut socket = SocketAct { socket_type, ..draft.clone() };
    if let Address::Ip(ip, port) = &mut socket.destination {
        (*ip, *port) = server;
        (socket.source, socket.protocol) = (Some(client), protocol);
    }
    socket
}

fn no_socket() -> SocketAct {
    SocketAct {
        destination: Address::Ip(Ipv4Addr::UNSPECIFIED.into(), 0),
        given: None,
        source: None,
        protocol: 0,
        socket_type: 0,
        repeats: 0,
        names: Fact::Unknown(Reason::NotLearned),
        peer: Fact::Unknown(Reason::NotLearned),
        service: Fact::Unknown(Reason::NotLearned),
    }
}
