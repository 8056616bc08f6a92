//! The processes that are known, with their ancestors. One owner, passed by `&mut`.
//!
//! Bounded in bytes: when it is over its budget, processes that ended go first, then the ones
//! that were entered longest ago; what is then asked for again is `Knowledge::Gone`.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    event::{Knowledge, Process, ProcessKey, WayIn},
    limits::{ANCESTOR_ARGS_BYTES, ANCESTORS, EXITED_LINGER_NS, PROCESS_OVERHEAD_BYTES},
    raw_event::CgroupKey,
};

use super::container::ContainerIndex;

/// A process and what goes with it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The process, as the program that it runs now.
    pub process: Arc<Process>,
    /// Its ancestors, nearest first.
    pub ancestors: Arc<[Arc<Process>]>,
    /// The container that it belongs to; None for the host.
    pub container: Option<ContainerIndex>,
    /// What it was in before that, if that may turn out to be a container.
    pub left: Option<ContainerIndex>,
    /// How it came to run there.
    pub way_in: WayIn,
    /// The cgroup that it was last seen in.
    pub cgroup: CgroupKey,
    /// Its end was told of.
    pub ended: bool,
}

/// What happened to the table, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Entries now.
    pub entries: usize,
    /// Approximate bytes now.
    pub bytes: usize,
    /// Lookups of processes that were not known.
    pub misses: u64,
    /// Entries that went for lack of room.
    pub evicted: u64,
}

/// Processes by key.
#[derive(Debug)]
pub struct ProcessTable {
    entries: HashMap<ProcessKey, Entry, ahash::RandomState>,
    /// Keys in the order in which they were entered.
    order: VecDeque<ProcessKey>,
    /// Processes that ended, and when.
    exited: VecDeque<(u64, ProcessKey)>,
    bytes: usize,
    budget_bytes: usize,
    misses: u64,
    evicted: u64,
    no_ancestors: Arc<[Arc<Process>]>,
}

impl ProcessTable {
    /// An empty table that holds about `budget_bytes`.
    #[must_use]
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            entries: HashMap::default(),
            order: VecDeque::new(),
            exited: VecDeque::new(),
            bytes: 0,
            budget_bytes,
            misses: 0,
            evicted: 0,
            no_ancestors: Arc::new([]),
        }
    }

    /// The entry of a process, if it is known.
    #[must_use]
    pub fn get(&self, key: ProcessKey) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// The entry of a process, to change where it runs.
    pub fn get_mut(&mut self, key: ProcessKey) -> Option<&mut Entry> {
        self.entries.get_mut(&key)
    }

    /// Says of all processes in one container that they are in another. Walks the whole table.
    pub fn move_container(&mut self, from: ContainerIndex, to: Option<ContainerIndex>) {
        let inside = self.entries.values_mut().filter(|entry| entry.container == Some(from));
        inside.for_each(|entry| entry.container = to);
    }

    /// Counts a lookup that found nothing.
    pub fn count_miss(&mut self) {
        self.misses += 1;
    }

    /// Enters a process, or replaces it (an exec).
    pub fn insert(&mut self, entry: Entry) {
        let key = entry.process.key;
        self.bytes += size(&entry.process);
        match self.entries.insert(key, entry) {
            Some(old) => self.bytes = self.bytes.saturating_sub(size(&old.process)),
            None => self.order.push_back(key),
        }
        self.keep_budget();
    }

    /// Marks a process as ended; records about it may still come for a while.
    pub fn exit(&mut self, key: ProcessKey, now_ns: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.ended = true;
        }
        self.exited.push_back((now_ns, key));
        while let Some((at, key)) = self.exited.front().copied() {
            if now_ns.saturating_sub(at) < EXITED_LINGER_NS {
                break;
            }
            self.exited.pop_front();
            self.remove(key);
        }
    }

    /// The ancestors of a child of `parent`: the parent, then the parent's own.
    #[must_use]
    pub fn ancestors_of_child(&self, parent: ProcessKey) -> Arc<[Arc<Process>]> {
        let Some(entry) = self.entries.get(&parent) else { return Arc::clone(&self.no_ancestors) };
        let own = std::iter::once(&entry.process);
        let kept = own.chain(entry.ancestors.iter()).take(ANCESTORS);
        kept.map(slim).collect()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> TableStats {
        TableStats {
            entries: self.entries.len(),
            bytes: self.bytes,
            misses: self.misses,
            evicted: self.evicted,
        }
    }

    fn keep_budget(&mut self) {
        while self.bytes > self.budget_bytes {
            let ended = self.exited.pop_front().map(|(_, key)| key);
            let Some(key) = ended.or_else(|| self.order.pop_front()) else { return };
            if self.remove(key) {
                self.evicted += 1;
            }
        }
        // Keys of entries that are long gone are dropped now and then, so that the order does not
        // outgrow the table.
        if self.order.len() > 2 * self.entries.len() + 1024 {
            let entries = &self.entries;
            self.order.retain(|key| entries.contains_key(key));
        }
    }

    fn remove(&mut self, key: ProcessKey) -> bool {
        let Some(entry) = self.entries.remove(&key) else { return false };
        self.bytes = self.bytes.saturating_sub(size(&entry.process));
        true
    }
}

/// A process as an ancestor: with the start of its arguments, and without an environment. Ancestors
/// are held by every descendant and outlive their own place in the table.
fn slim(process: &Arc<Process>) -> Arc<Process> {
    if process.args.len() <= ANCESTOR_ARGS_BYTES && process.env.is_empty() {
        return Arc::clone(process);
    }
    let mut slim = Process::clone(process);
    slim.env = Box::default();
    slim.args = slim.args.get(..ANCESTOR_ARGS_BYTES).unwrap_or(&slim.args).into();
    Arc::new(slim)
}

/// Approximate bytes of a process and its place in the table.
#[must_use]
pub fn size(process: &Process) -> usize {
    PROCESS_OVERHEAD_BYTES
        + process.args.len()
        + process.env.len()
        + process.cwd.len()
        + process.filename.len()
        + process.executable.as_ref().map_or(0, |path| path.len())
        + process.script.as_ref().map_or(0, |path| path.len())
}

/// A process of which only the act itself told.
#[must_use]
pub fn unknown_process(key: ProcessKey, parent: ProcessKey, namespace_pid: u32) -> Process {
    Process {
        key,
        parent,
        namespace_pid,
        session_id: 0,
        executable: None,
        file: crate::event::FileFacts::default(),
        size: 0,
        mtime_ns: 0,
        ctime_ns: 0,
        script: None,
        filename: Box::default(),
        args: Box::default(),
        args_total: 0,
        args_hash: None,
        env: Box::default(),
        env_keys: crate::env::EnvKeys::default(),
        env_truncated: false,
        cwd: Box::default(),
        tty: None,
        stdio: Default::default(),
        cap_effective: 0,
        cap_permitted: 0,
        seccomp: 0,
        no_new_privs: false,
        comm: [0; 16],
        uid: 0,
        exec_ns: key.start_ns,
        knowledge: Knowledge::Gone,
    }
}
