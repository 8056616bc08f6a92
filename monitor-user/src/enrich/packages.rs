//! To which packages executed and mapped files belong: which are known, and which somebody must
//! look up. Only where a rule asks for it anything is looked up at all.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{Enricher, hashes::FileKey};
use crate::{
    act::ActKind,
    event::{Action, Event, Fact, FactSource, Reason},
    limits::{PACKAGE_AGAIN_NS, PACKAGED_FILES},
    packages::{Belonging, PackageAnswer, PackageQuestion},
    raw_event::FileFacts,
};

/// What happened so far, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageStats {
    /// Files that are known or asked for.
    pub files: usize,
    /// Files that had to be asked for.
    pub asked: u64,
    /// Files that were forgotten for lack of room.
    pub evicted: u64,
}

/// What is known of executed files.
#[derive(Default)]
pub struct Packages {
    rules_ask: bool,
    slots: HashMap<FileKey, Slot, ahash::RandomState>,
    /// The files, the one that came first before all others.
    order: VecDeque<FileKey>,
    questions: Vec<PackageQuestion>,
    stats: PackageStats,
}

struct Slot {
    /// When it was asked for, nanoseconds since boot.
    asked_ns: u64,
    package: Fact<Arc<Belonging>>,
}

/// It was asked for, or will be where somebody hangs on it.
const PENDING: Fact<Arc<Belonging>> = Fact::Unknown(Reason::Pending);

impl Packages {
    /// Whether a rule names the package of an executed file.
    pub fn set_rules_ask(&mut self, rules_ask: bool) {
        self.rules_ask = rules_ask;
    }

    /// Gives an event what is known. Where a rule may hang on it, it is pending and not yet asked
    /// for: most rules are decided without it.
    pub fn follow(&self, event: &mut Event) {
        if !self.rules_ask || file(event).is_none() {
            return;
        }
        event.program_package = match place(event) {
            Err(reason) => Fact::Unknown(reason),
            // What has no name is of no package, and nobody needs to look.
            Ok((_, None)) => {
                let none = Belonging { name: None, is_database_changed: false };
                Fact::Known(Arc::new(none), FactSource::File)
            }
            Ok((key, Some(_))) => self.known(&key, event.boottime_ns).cloned().unwrap_or(PENDING),
        };
    }

    /// What counts now of what is known of a file.
    fn known(&self, key: &FileKey, now_ns: u64) -> Option<&Fact<Arc<Belonging>>> {
        let slot = self.slots.get(key)?;
        let is_late = now_ns.saturating_sub(slot.asked_ns) >= PACKAGE_AGAIN_NS;
        (!is_late && slot.package != PENDING).then_some(&slot.package)
    }

    /// Asks for what an event hangs on, if nobody did.
    pub fn ask(&mut self, event: &Event) {
        if event.program_package != PENDING {
            return;
        }
        let Ok((key, Some(path))) = place(event) else { return };
        let now_ns = event.boottime_ns;
        if let Some(slot) = self.slots.get_mut(&key) {
            let is_late = now_ns.saturating_sub(slot.asked_ns) >= PACKAGE_AGAIN_NS;
            if !is_late {
                return;
            }
            *slot = Slot { asked_ns: now_ns, package: PENDING };
        } else {
            while self.slots.len() >= PACKAGED_FILES {
                let Some(oldest) = self.order.pop_front() else { break };
                self.slots.remove(&oldest);
                self.stats.evicted += 1;
            }
            self.slots.insert(key, Slot { asked_ns: now_ns, package: PENDING });
            self.order.push_back(key);
        }
        self.stats.asked += 1;
        let ancestors = event.ancestors.iter().map(|ancestor| ancestor.key.pid);
        let since_ns = (!event.container.is_host())
            .then(|| event.container.started_ns.known().copied().unwrap_or(event.timestamp_ns));
        self.questions.push(PackageQuestion {
            key,
            magic: file(event).map_or(0, |file| file.magic),
            path,
            viewers: std::iter::once(event.process.key.pid).chain(ancestors).collect(),
            since_ns,
        });
    }

    /// Takes an answer in.
    pub fn learn(&mut self, answer: &PackageAnswer) {
        if let Some(slot) = self.slots.get_mut(&answer.key) {
            slot.package = answer.package.clone();
        }
    }

    /// What must be asked now.
    pub fn take_questions(&mut self) -> Vec<PackageQuestion> {
        std::mem::take(&mut self.questions)
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> PackageStats {
        PackageStats { files: self.slots.len(), ..self.stats }
    }
}

impl PackageAnswer {
    /// Whether an event waits for it.
    #[must_use]
    pub fn is_about(&self, event: &Event) -> bool {
        event.program_package == PENDING && place(event).is_ok_and(|(key, _)| key == self.key)
    }
}

impl Enricher {
    /// To which packages executed files belong.
    pub fn packages(&mut self) -> &mut Packages {
        &mut self.packages
    }

    /// State of these, for the counters.
    #[must_use]
    pub fn package_stats(&self) -> PackageStats {
        self.packages.stats()
    }

    /// Asks for the facts about the executed file that somebody hangs on.
    pub fn ask_late(&mut self, event: &mut Event) {
        if event.program_hash == Fact::Unknown(Reason::Pending) {
            self.hashes.ask(event);
        }
        self.packages.ask(event);
    }
}

/// What is known of the file that is executed or mapped by an event; None: it is another event.
fn file(event: &Event) -> Option<&FileFacts> {
    match &event.action {
        Action::Exec { .. } => Some(&event.process.file),
        Action::Act(act) if matches!(act.kind, ActKind::Map { .. }) => act.file.as_ref(),
        _ => None,
    }
}

/// The file, and its path in its root; None: it has no name.
type Place = (FileKey, Option<Box<[u8]>>);

/// The executed or mapped file of an event.
fn place(event: &Event) -> Result<Place, Reason> {
    let file = file(event).ok_or(Reason::NotApplicable)?;
    let (key, path) = match &event.action {
        Action::Act(act) => (FileKey::of_mapped(file)?, Some(act.path.clone())),
        _ => (FileKey::of(&event.process)?, event.process.executable.clone()),
    };
    let is_named = file.links > 0 && !file.internal_mount;
    Ok((key, path.filter(|path| is_named && path.starts_with(b"/"))))
}
