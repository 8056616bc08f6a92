//! [`RawEvent`] → [`Event`]: who and where are added. Owns all state about processes and
//! containers, and never waits: what is not known now says why.

mod acts;
pub mod cgroup_path;
pub mod container;
mod containers;
pub mod hashes;
pub mod history;
pub mod holders;
mod judged;
pub mod names;
pub mod packages;
pub mod peers;
mod place;
pub mod process_table;
pub(crate) mod sockets;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{
    env::EnvKeys,
    event::{
        Action, Address, Container, Event, Fact, FileAct, Knowledge, Node, Process, ProcessKey,
        Reason, SocketAct, WayIn, base_name,
    },
    policy::{Policy, Standing},
    profile::drift::Profiles,
    raw_event::{CgroupKey, RawBody, RawEvent, RawFileOpen, RawImage, Task},
};
use container::{ContainerFacts, Lookup, Registry};
use hashes::Hashes;
use holders::Holder;
use names::Names;
use packages::Packages;
use peers::Peers;
use process_table::{ProcessTable, unknown_process};

/// What came of a record.
#[derive(Debug)]
pub enum Enriched {
    /// An event for the rules.
    Event(Box<Event>),
    /// Only the state changed: a process that was found at start, or a cgroup.
    State,
    /// It was told of before.
    Repeat,
}

/// Adds who and where.
pub struct Enricher {
    processes: ProcessTable,
    containers: Registry,
    names: Names,
    peers: Peers,
    hashes: Hashes,
    packages: Packages,
    profiles: Profiles,
    policy: Option<Arc<Policy>>,
    /// Wall clock minus boot clock, nanoseconds.
    clock_offset_ns: i64,
    env_keys: EnvKeys,
    node: Arc<Node>,
    /// What the metadata task must be asked; emptied by the pipeline.
    lookups: Vec<Lookup>,
}

impl Enricher {
    /// A state that knows nothing.
    #[must_use]
    pub fn new(budget_bytes: usize, clock_offset_ns: i64, env_keys: EnvKeys) -> Self {
        Self {
            processes: ProcessTable::new(budget_bytes),
            containers: Registry::default(),
            names: Names::default(),
            peers: Peers::default(),
            hashes: Hashes::default(),
            packages: Packages::default(),
            profiles: Profiles::default(),
            policy: None,
            clock_offset_ns,
            env_keys,
            node: Arc::default(),
            lookups: Vec::new(),
        }
    }

    /// The time of events, nanoseconds since 1970, at a time since boot.
    #[must_use]
    pub fn timestamp_ns(&self, boottime_ns: u64) -> i64 {
        self.clock_offset_ns.saturating_add_unsigned(boottime_ns)
    }

    /// Wall clock minus boot clock, nanoseconds, as events are told by it.
    #[must_use]
    pub fn clock_offset_ns(&self) -> i64 {
        self.clock_offset_ns
    }

    /// Tells events by a clock that was set, from now on.
    pub fn clock_was_set(&mut self, clock_offset_ns: i64) {
        self.clock_offset_ns = clock_offset_ns;
    }

    /// Changes which environment variables are kept of programs that start from now on.
    pub fn keep_env(&mut self, keys: EnvKeys) {
        self.env_keys = keys;
    }

    /// Says which machine the events are of that come from now on.
    pub fn set_node(&mut self, node: Arc<Node>) {
        self.node = node;
    }

    /// Takes a record in.
    pub fn enrich(&mut self, raw: RawEvent<'_>) -> Enriched {
        let task = &raw.task;
        let action = match raw.body {
            RawBody::Task(image) => {
                self.seed(task, &image);
                return Enriched::State;
            }
            RawBody::CgroupMkdir(cgroup) => {
                self.add_cgroup(cgroup.key, &String::from_utf8_lossy(cgroup.path));
                return Enriched::State;
            }
            RawBody::CgroupRmdir(cgroup) => {
                self.containers.remove_cgroup(cgroup.key);
                return Enriched::State;
            }
            RawBody::Exec(image) => {
                Action::Exec { previous: self.exec(task, &image, raw.boottime_ns) }
            }
            RawBody::Fork { child, namespace_pid } => {
                self.fork(task, child, namespace_pid);
                Action::Fork { child }
            }
            // Two last threads can both find themselves the last.
            RawBody::Exit { .. } if self.processes.get(task.key).is_some_and(|e| e.ended) => {
                return Enriched::Repeat;
            }
            RawBody::Exit { status } => Action::Exit { status },
            RawBody::Connect(socket) => Action::Connect(sockets::outgoing(&socket)),
            RawBody::Send(socket) => Action::Send(sockets::outgoing(&socket)),
            RawBody::FileOpen(open) => Action::FileOpen(file_act(&open)),
            RawBody::FileRead(open) => Action::FileRead(file_act(&open)),
            RawBody::Accept(socket) => Action::Accept(sockets::accepted(&socket)),
            RawBody::Listen(socket) => Action::Listen(sockets::listening(&socket)),
            RawBody::Bind(socket) => {
                Action::Bind(SocketAct { source: None, ..sockets::act(&socket) })
            }
            RawBody::Dup { socket, descriptor } => {
                Action::Dup { socket: sockets::act(&socket), descriptor }
            }
            RawBody::DnsQuery(dns) => Action::DnsQuery(Box::new(sockets::dns(&dns))),
            RawBody::DnsAnswer(dns) => Action::DnsAnswer(Box::new(sockets::dns(&dns))),
            RawBody::Act(act) => Action::Act(acts::act(&act, raw.origin)),
        };
        let mut event = self.event(&raw, action);
        self.follow_names(&mut event, &raw.body);
        self.peers.follow(&mut event, &self.containers);
        self.hashes.follow(&mut event);
        self.packages.follow(&mut event);
        self.expect(&mut event);
        self.stand(&mut event);
        Enriched::Event(Box::new(event))
    }

    /// Names a cgroup that was there before the monitor, or that the kernel told of.
    pub fn add_cgroup(&mut self, key: CgroupKey, path: &str) {
        let added = self.containers.add_cgroup(key, path);
        self.lookups.extend(added.lookup);
        if let Some((from, to)) = added.moved {
            self.processes.move_container(from, to);
            let path = &self.containers.get(to).cgroup_path;
            self.names.rename(&container::unseen_path(key), path);
        }
    }

    /// Takes in what the metadata task found.
    pub fn learn(&mut self, facts: ContainerFacts) -> bool {
        self.containers.learn(facts)
    }

    /// Takes in whose addresses the cluster's API says are.
    pub fn hold(&mut self, holder: Holder) {
        self.peers.hold(holder);
    }

    /// What the metadata task must be asked now.
    pub fn take_lookups(&mut self) -> Vec<Lookup> {
        std::mem::take(&mut self.lookups)
    }

    /// The hashes of executed files.
    pub fn hashes(&mut self) -> &mut Hashes {
        &mut self.hashes
    }

    /// State of the hashes, for the counters.
    #[must_use]
    pub fn hash_stats(&self) -> hashes::HashStats {
        self.hashes.stats()
    }

    /// Gives an event that waited the facts that are known by now.
    pub fn refresh(&self, event: &mut Event) {
        // By the container, not by its process: that may have ended, or moved on.
        if let Some(container) = self.containers.at_path(&event.container.cgroup_path) {
            event.policy.moved(&event.container, container);
            event.container = Arc::clone(container);
            event.way_in.compare_again(&event.process, container);
        }
        self.expect(event);
    }

    /// The approved profiles from now on.
    pub fn set_profiles(&mut self, profiles: Profiles) {
        self.profiles = profiles;
    }

    /// Says how an event stands to the profile of its image.
    fn expect(&self, event: &mut Event) {
        if !self.profiles.is_empty() {
            event.expectation = self.profiles.verdict(event);
        }
    }

    /// Id of the container that a cgroup belongs or belonged to; `host` for the host.
    #[must_use]
    pub fn container_id(&self, cgroup: CgroupKey) -> String {
        self.containers.id_of(cgroup).to_owned()
    }

    /// The container that a cgroup belongs to; None where that is not known.
    #[must_use]
    pub fn container_at(&self, cgroup: CgroupKey) -> Option<&Container> {
        self.containers.at(cgroup)
    }

    /// State of the process table, for the counters.
    #[must_use]
    pub fn table_stats(&self) -> process_table::TableStats {
        self.processes.stats()
    }

    /// State of the names of addresses, for the counters.
    #[must_use]
    pub fn name_stats(&self) -> names::NameStats {
        self.names.stats()
    }

    /// State of the addresses of containers, for the counters.
    #[must_use]
    pub fn peer_stats(&self) -> peers::PeerStats {
        self.peers.stats()
    }

    /// State of the addresses that the cluster's API told of, for the counters.
    #[must_use]
    pub fn holder_stats(&self) -> holders::HolderStats {
        self.peers.holder_stats()
    }

    fn event(&mut self, raw: &RawEvent<'_>, action: Action) -> Event {
        let task = &raw.task;
        let key = task.key;
        if key.pid != ProcessKey::NOBODY {
            if self.processes.get(key).is_none() {
                self.processes.count_miss();
                self.enter_unknown(task);
            }
            self.follow_cgroup(task);
            self.follow_way(key, matches!(action, Action::Exec { .. }));
        }
        if matches!(action, Action::Exit { .. }) {
            self.processes.exit(key, raw.boottime_ns);
        }
        let (process, ancestors, container, way_in) = match self.processes.get(key) {
            Some(entry) => (
                Arc::clone(&entry.process),
                Arc::clone(&entry.ancestors),
                entry.container,
                entry.way_in,
            ),
            // Of nobody; else only where the table's budget is smaller than one process.
            None => (
                Arc::new(described(task)),
                Arc::new([]) as Arc<[_]>,
                self.container_of(task.cgroup),
                WayIn::default(),
            ),
        };
        Event {
            id: raw.id,
            boottime_ns: raw.boottime_ns,
            timestamp_ns: self.timestamp_ns(raw.boottime_ns),
            outcome: raw.outcome,
            origin: raw.origin,
            path_truncated: raw.path_truncated,
            read_fault: raw.read_fault,
            io_uring: raw.io_uring,
            hook: raw.hook,
            tid: task.tid,
            comm: task.comm,
            credentials: task.credentials,
            namespaces: task.namespaces,
            session_id: process.session_id,
            process,
            program_hash: Fact::Unknown(Reason::NotWanted),
            program_package: Fact::Unknown(Reason::NotWanted),
            program_copy: Fact::Unknown(Reason::NotWanted),
            ancestors,
            container: Arc::clone(self.containers.get(container)),
            way_in,
            expectation: Err(Reason::NotApplicable),
            policy: Standing::None,
            node: Arc::clone(&self.node),
            action,
        }
    }

    /// Learns the names that a name server told, and gives an act on a socket those that are known.
    fn follow_names(&mut self, event: &mut Event, raw: &RawBody<'_>) {
        let now_ns = event.boottime_ns;
        match (&mut event.action, raw) {
            (Action::DnsQuery(act), RawBody::DnsQuery(raw)) => {
                if let Some(message) = &act.message {
                    self.names.ask(raw.socket_id, message, now_ns);
                }
            }
            (Action::DnsAnswer(act), RawBody::DnsAnswer(raw)) => {
                if let Some(message) = &act.message {
                    let (container, socket) = (&event.container, raw.socket_id);
                    act.asked = self.names.answer(container, socket, message, now_ns);
                }
            }
            (Action::Connect(act) | Action::Send(act) | Action::Dup { socket: act, .. }, _) => {
                if let Address::Ip(ip, _) = act.destination {
                    // Name servers told of the address that was then passed.
                    let told = act.given.unwrap_or(ip);
                    act.names = self.names.of(&event.container, told, now_ns);
                }
            }
            _ => {}
        }
    }

    /// A process that ran before the monitor. What the kernel told since is newer and stays.
    fn seed(&mut self, task: &Task, image: &RawImage<'_>) {
        if self.processes.get(task.key).is_some() {
            return;
        }
        let mut process = self.image(task, image, task.key.start_ns);
        process.knowledge = Knowledge::Procfs;
        self.enter(task, process);
        self.start(task.key, false);
    }

    fn exec(&mut self, task: &Task, image: &RawImage<'_>, now_ns: u64) -> Option<Arc<Process>> {
        let mut process = self.image(task, image, now_ns);
        let Some(entry) = self.processes.get(task.key) else {
            self.enter(task, process);
            return None;
        };
        let mut entry = entry.clone();
        process.parent = entry.process.parent;
        let previous = std::mem::replace(&mut entry.process, Arc::new(process));
        self.processes.insert(entry);
        Some(previous)
    }

    fn image(&self, task: &Task, image: &RawImage<'_>, exec_ns: u64) -> Process {
        let script = image.script.then(|| absolute(image.filename, image.cwd));
        Process {
            key: task.key,
            parent: task.parent,
            namespace_pid: task.namespace_pid,
            session_id: task.session_id,
            executable: (!image.path.is_empty()).then(|| rooted(image.path)),
            file: image.file,
            size: image.size,
            mtime_ns: image.mtime_ns,
            ctime_ns: image.ctime_ns,
            script,
            filename: image.filename.into(),
            args: image.args.into(),
            args_total: image.args_total,
            args_hash: (image.args_hash != 0).then_some(image.args_hash),
            env: self.env_keys.select(image.env).into(),
            env_keys: self.env_keys.clone(),
            env_truncated: image.env_truncated,
            cwd: rooted(image.cwd),
            tty: image.tty,
            stdio: image.stdio,
            cap_effective: image.cap_effective,
            cap_permitted: image.cap_permitted,
            seccomp: image.seccomp,
            no_new_privs: image.no_new_privs,
            comm: task.comm,
            uid: task.credentials.uid,
            exec_ns,
            knowledge: Knowledge::Observed,
        }
    }
}

/// A process of which only its act tells.
fn described(task: &Task) -> Process {
    let mut process = unknown_process(task.key, task.parent, task.namespace_pid);
    process.comm = task.comm;
    process.uid = task.credentials.uid;
    process
}

fn file_act(raw: &RawFileOpen<'_>) -> FileAct {
    let reached = raw.file.inode != 0 || raw.file.magic != 0;
    // Refused before there was a file; or it was gone from its descriptor before it could be seen.
    let by_name = !reached;
    FileAct {
        path: if by_name { absolute(raw.path, raw.cwd) } else { rooted(raw.path) },
        name: by_name.then(|| raw.path.into()),
        file: reached.then_some(raw.file),
        open_flags: raw.open_flags,
        created: raw.created,
    }
}

/// A path that the kernel walked. One that was cut does not start at the root, and is marked so
/// that it does not look as if it did.
fn rooted(path: &[u8]) -> Box<[u8]> {
    if path.is_empty() || path.starts_with(b"/") {
        return path.into();
    }
    ["…/".as_bytes(), path].concat().into()
}

/// A name as a path from the root, as far as text alone can tell: `.` and `..` are worked out.
fn absolute(name: &[u8], cwd: &[u8]) -> Box<[u8]> {
    if name.starts_with(b"/") && !name.windows(2).any(|pair| pair == b"/." || pair == b"//") {
        return name.into();
    }
    let base: &[u8] = if name.starts_with(b"/") { b"" } else { cwd };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in base.split(|byte| *byte == b'/').chain(name.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut path = Vec::with_capacity(base.len() + name.len() + 1);
    for part in parts {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path.into()
}

/// The name of a process, as people know it: the file name of its program.
#[must_use]
pub fn process_name(process: &Process) -> &[u8] {
    // A file of a mount that is nowhere, as runc starts itself from, is `/`.
    let name = process.executable.as_deref().map(base_name).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| crate::event::comm_bytes(&process.comm))
}

/// The host, for events that are made without a registry.
#[must_use]
pub fn host() -> Arc<Container> {
    Arc::new(Container::host())
}
