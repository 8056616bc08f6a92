//! SHA-256 of executed files: which are known, and which somebody must read.
//!
//! A file is known by where it is and when its inode last changed: another content is another file.
//! Reading it takes time, so that it is done elsewhere and the answer is a fact that comes late.

mod keep;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    event::{Action, Event, Fact, KeptExecutable, Knowledge, Process, Reason},
    limits::{HASHES, KEPT_AGAIN_NS},
    raw_event::FileFacts,
};
pub use keep::Keep;

/// When the hash of an executed file is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashMode {
    /// Never.
    #[default]
    Off,
    /// Where a rule hangs on it, and for alerts about the start of a program.
    Rules,
    /// At every start of a program.
    Always,
}

impl HashMode {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 3] =
        [("rules", Self::Rules), ("always", Self::Always), ("off", Self::Off)];

    /// How the configuration and recordings name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, mode)| *mode == self).map_or("off", |(name, _)| name)
    }

    /// The mode of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, mode)| mode)
    }
}

/// A file with one content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileKey {
    /// Major device number.
    pub major: u32,
    /// Minor device number.
    pub minor: u32,
    /// Inode number.
    pub inode: u64,
    /// Last change of the inode, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Bytes.
    pub size: u64,
}

impl FileKey {
    /// The file that a process runs.
    ///
    /// # Errors
    ///
    /// Nothing is known of the process, or it is a kernel thread.
    pub fn of(process: &Process) -> Result<Self, Reason> {
        let file = &process.file;
        match process.knowledge {
            Knowledge::Gone => Err(Reason::Gone),
            _ if file.inode == 0 && file.magic == 0 => Err(Reason::NotApplicable),
            _ => Ok(Self {
                major: file.major,
                minor: file.minor,
                inode: file.inode,
                ctime_ns: process.ctime_ns,
                size: process.size,
            }),
        }
    }
}

impl FileKey {
    /// A file that was mapped: of its changes nothing is told.
    ///
    /// # Errors
    ///
    /// No file was reached.
    pub fn of_mapped(file: &FileFacts) -> Result<Self, Reason> {
        let FileFacts { major, minor, inode, .. } = *file;
        let key = Self { major, minor, inode, ctime_ns: 0, size: 0 };
        (inode != 0).then_some(key).ok_or(Reason::NotApplicable)
    }
}

/// A question: what is the SHA-256 of this file?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashQuestion {
    /// The file.
    pub key: FileKey,
    /// Magic number of its file system.
    pub magic: u32,
    /// Its path; None if it has none.
    pub path: Option<Box<[u8]>>,
    /// The process that runs it.
    pub pid: u32,
    /// When it was started, nanoseconds since boot.
    pub exec_ns: u64,
    /// Ancestors of that, nearest first: who may see the file if the process is gone.
    pub ancestors: Vec<u32>,
    /// Last change of its content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Whether it is to be copied as well.
    pub keep: bool,
    /// Its SHA-256, where that is known and only the copy is wanted.
    pub known: Option<Arc<str>>,
}

/// The answer. It is also what a recording holds of hashes; copies it knows nothing of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashAnswer {
    /// The file.
    pub key: FileKey,
    /// Its SHA-256 as lower-case hexadecimal digits, or why there is none.
    pub hash: Fact<Arc<str>>,
    /// Its copy, where that was asked for.
    pub copy: Option<Fact<Arc<KeptExecutable>>>,
}

impl HashAnswer {
    /// Whether an event waits for it.
    #[must_use]
    pub fn is_about(&self, event: &Event) -> bool {
        let waits_for_copy = self.copy.is_some() && event.program_copy == PENDING_COPY;
        (event.program_hash == Fact::Unknown(Reason::Pending) || waits_for_copy)
            && FileKey::of(&event.process) == Ok(self.key)
    }

    /// Tells an event what it waits for.
    pub fn tell(&self, event: &mut Event) {
        if event.program_hash == Fact::Unknown(Reason::Pending) {
            event.program_hash = self.hash.clone();
        }
        if let (Some(copy), Fact::Unknown(Reason::Pending)) = (&self.copy, &event.program_copy) {
            event.program_copy = copy.clone();
        }
    }
}

/// A copy that was asked for.
const PENDING_COPY: Fact<Arc<KeptExecutable>> = Fact::Unknown(Reason::Pending);

/// What happened so far, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashStats {
    /// Files that are known or asked for.
    pub files: usize,
    /// Hashes that were wanted and known, or asked for already.
    pub hits: u64,
    /// Hashes that had to be asked for.
    pub misses: u64,
    /// Files that were forgotten for lack of room.
    pub evicted: u64,
    /// Programs of alerts that were too large to be copied.
    pub too_large: u64,
}

/// The hashes that are known.
pub struct Hashes {
    mode: HashMode,
    /// Whether a rule names the hash.
    rules_ask: bool,
    /// Which programs of alerts are copied; None: none is.
    keep: Option<Keep>,
    slots: HashMap<FileKey, Slot, ahash::RandomState>,
    /// The files by when they were last asked for.
    order: BTreeMap<u64, FileKey>,
    uses: u64,
    limit: usize,
    questions: Vec<HashQuestion>,
    stats: HashStats,
}

struct Slot {
    used: u64,
    hash: Fact<Arc<str>>,
    /// What came of the last wish for a copy, and when that was, nanoseconds since boot.
    copy: Option<(u64, Fact<Arc<KeptExecutable>>)>,
}

impl Default for Hashes {
    fn default() -> Self {
        Self::with_limit(HASHES)
    }
}

impl Hashes {
    /// Hashes of so many files at most.
    #[must_use]
    fn with_limit(limit: usize) -> Self {
        Self {
            mode: HashMode::Off,
            rules_ask: false,
            keep: None,
            slots: HashMap::default(),
            order: BTreeMap::new(),
            uses: 0,
            limit,
            questions: Vec::new(),
            stats: HashStats::default(),
        }
    }

    /// When hashes are asked for.
    pub fn set_mode(&mut self, mode: HashMode) {
        self.mode = mode;
    }

    /// Has programs of alerts copied.
    pub fn set_keep(&mut self, keep: Option<Keep>) {
        self.keep = keep;
    }

    /// Whether every start of a program asks.
    #[must_use]
    pub fn asks_always(&self) -> bool {
        self.mode == HashMode::Always
    }

    /// Whether a rule names the hash: it is then looked up for events of all kinds.
    pub fn set_rules_ask(&mut self, rules_ask: bool) {
        self.rules_ask = rules_ask;
    }

    /// Whether a rule names the hash, and it is never taken.
    #[must_use]
    pub fn is_asked_in_vain(&self) -> bool {
        self.rules_ask && self.mode == HashMode::Off
    }

    /// Gives an event the hash as far as it is known. Where a rule may hang on it, it is pending
    /// and not yet asked for: most rules are decided without it.
    pub fn follow(&mut self, event: &mut Event) {
        let starts = matches!(event.action, Action::Exec { .. });
        if self.mode == HashMode::Off || !(starts || self.rules_ask) {
            return;
        }
        if starts && self.mode == HashMode::Always {
            return self.ask(event);
        }
        let otherwise = if self.rules_ask { Reason::Pending } else { Reason::NotWanted };
        event.program_hash = match FileKey::of(&event.process) {
            Err(reason) => Fact::Unknown(reason),
            Ok(key) => match self.slots.get(&key) {
                Some(slot) if slot.hash != Fact::Unknown(Reason::Pending) => slot.hash.clone(),
                _ => Fact::Unknown(otherwise),
            },
        };
    }

    /// Gives the event of an alert the hash: that of a start is wanted in any case, and one that
    /// is pending must be asked for. What could not be read a moment ago is not tried again.
    pub fn follow_alert(&mut self, event: &mut Event) {
        // First: what is read for the copy gives the hash as well.
        self.follow_copy(event);
        let starts = matches!(event.action, Action::Exec { .. });
        let wanted = match event.program_hash {
            Fact::Known(..) | Fact::Unknown(Reason::NotWanted) => starts,
            Fact::Unknown(reason) => reason == Reason::Pending,
        };
        if self.mode != HashMode::Off && wanted {
            self.ask(event);
        }
    }

    /// Gives the event of an alert the copy of its program, and asks for it if there is none: of
    /// each file once in a while at most, however many alerts it is behind.
    fn follow_copy(&mut self, event: &mut Event) {
        let Some(keep) = self.keep.filter(|keep| keep.wants(event)) else { return };
        let key = match FileKey::of(&event.process) {
            Ok(key) => key,
            Err(reason) => {
                event.program_copy = Fact::Unknown(reason);
                return;
            }
        };
        if key.size > keep.bytes_max {
            self.stats.too_large += 1;
            event.program_copy = Fact::Unknown(Reason::TooLarge);
            return;
        }
        let now_ns = event.boottime_ns;
        let hash = self.used(key);
        if hash.is_none() {
            self.insert(key, Fact::Unknown(Reason::Pending));
        }
        let Some(slot) = self.slots.get_mut(&key) else { return };
        if let Some((asked_ns, copy)) = &slot.copy {
            let is_late = now_ns.saturating_sub(*asked_ns) >= KEPT_AGAIN_NS;
            if *copy == PENDING_COPY || !is_late {
                event.program_copy = copy.clone();
                return;
            }
        }
        slot.copy = Some((now_ns, PENDING_COPY));
        event.program_copy = PENDING_COPY;
        // One that is only to be read has not left yet.
        if let Some(asked) = self.questions.iter_mut().find(|asked| asked.key == key) {
            asked.keep = true;
            return;
        }
        let known = hash.and_then(|hash| hash.known().cloned());
        self.questions.push(HashQuestion { keep: true, known, ..question(key, event) });
    }

    /// Gives an event the hash, and asks for it if it is not known.
    pub fn ask(&mut self, event: &mut Event) {
        if self.mode == HashMode::Off {
            return;
        }
        let key = match FileKey::of(&event.process) {
            Ok(key) => key,
            Err(reason) => {
                event.program_hash = Fact::Unknown(reason);
                return;
            }
        };
        if let Some(hash) = self.used(key) {
            self.stats.hits += 1;
            event.program_hash = hash;
            return;
        }
        self.stats.misses += 1;
        event.program_hash = Fact::Unknown(Reason::Pending);
        self.insert(key, event.program_hash.clone());
        self.questions.push(question(key, event));
    }

    /// Takes an answer in. Why a file could not be read may pass; that it is too large does not.
    pub fn learn(&mut self, answer: &HashAnswer) {
        if let (Some(copy), Some(slot)) = (&answer.copy, self.slots.get_mut(&answer.key)) {
            slot.copy = slot.copy.take().map(|(asked_ns, _)| (asked_ns, copy.clone()));
        }
        match answer.hash {
            Fact::Known(..) | Fact::Unknown(Reason::TooLarge) => {
                self.insert(answer.key, answer.hash.clone());
            }
            Fact::Unknown(_) => {
                if let Some(slot) = self.slots.remove(&answer.key) {
                    self.order.remove(&slot.used);
                }
            }
        }
    }

    /// What must be asked now.
    pub fn take_questions(&mut self) -> Vec<HashQuestion> {
        std::mem::take(&mut self.questions)
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> HashStats {
        HashStats { files: self.slots.len(), ..self.stats }
    }

    /// The hash of a file that is known, which is used now.
    fn used(&mut self, key: FileKey) -> Option<Fact<Arc<str>>> {
        let slot = self.slots.get_mut(&key)?;
        self.order.remove(&slot.used);
        self.uses += 1;
        slot.used = self.uses;
        self.order.insert(slot.used, key);
        Some(slot.hash.clone())
    }

    fn insert(&mut self, key: FileKey, hash: Fact<Arc<str>>) {
        self.uses += 1;
        let mut copy = None;
        if let Some(old) = self.slots.remove(&key) {
            self.order.remove(&old.used);
            copy = old.copy;
        }
        self.slots.insert(key, Slot { used: self.uses, hash, copy });
        self.order.insert(self.uses, key);
        while self.slots.len() > self.limit {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.slots.remove(&oldest);
            self.stats.evicted += 1;
        }
    }
}

fn question(key: FileKey, event: &Event) -> HashQuestion {
    let process = &event.process;
    let is_named = process.file.links > 0 && !process.file.internal_mount;
    let path = process.executable.clone().filter(|path| is_named && path.starts_with(b"/"));
    HashQuestion {
        key,
        magic: process.file.magic,
        path,
        pid: process.key.pid,
        exec_ns: process.exec_ns,
        ancestors: event.ancestors.iter().map(|ancestor| ancestor.key.pid).collect(),
        mtime_ns: process.mtime_ns,
        keep: false,
        known: None,
    }
}
