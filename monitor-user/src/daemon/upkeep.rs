//! Whether what runs is kept up: when it is looked, and what is told of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{CountedOutlet, Daemon, now_ns, posture::inner};
use crate::{
    container::Container,
    document::finding,
    fact::{Fact, Reason},
    limits::UPKEEP_PLACES,
    live::Live,
    state::{
        Ledger, StateFinding, Subject,
        ledger::{ACCEPTED, NO_MORE},
    },
    upkeep::{Answer, Looked, Numbers, Place, Round, checks},
    usage::Book,
};

/// How long a container that is new is waited for others that start with it, and for the facts
/// about its image.
const SETTLE_NS: u64 = 1_000_000_000;

/// How long it is waited for facts about its image that are late.
const PATIENCE_NS: u64 = 10_000_000_000;

/// The time between two rounds, at least.
const REST_NS: u64 = 2_000_000_000;

/// For how many rounds what is open about an image stays so without a container of it: what ends
/// is often started anew.
const LINGER: u64 = 5;

/// Why findings are closed about what nobody has any more, and about what turned out to be another.
const GONE: &str = "no container of it runs any more";
const GONE_UNSEEN: &str = "no container of it runs any more; they ended while nobody looked";
const NAMED: &str = "its image is known now, and has findings of its own";

/// That nothing is wrong with data of which something was told.
const DATA_AGAIN: &str = "they are new enough and can be used again";

/// The names of its numbers in heartbeats.
pub const NUMBERS: [&str; 12] = [
    "upkeep_roots",
    "upkeep_packages",
    "upkeep_reads",
    "upkeep_refused",
    "upkeep_unread",
    "upkeep_vulnerabilities",
    "upkeep_findings",
    "upkeep_findings_refused",
    "upgrade_packages",
    "upgrade_packages_in_use",
    "upgrade_vulnerabilities",
    "upgrade_exploited",
];

/// What is known of software that is not kept up.
#[derive(Debug)]
pub(super) struct Upkeep {
    pub(super) ledger: Ledger,
    /// Of which something was open when the daemon came, until a container of them is found.
    before: BTreeMap<Box<str>, Arc<Container>>,
    /// By their cgroups, containers as they were known then: the name of an image can mean another
    /// one by now, so that it is not known any more of which one a container that still runs is.
    known: BTreeMap<Box<str>, Arc<Container>>,
    /// The host was not started anew since then: containers of them that run are there already.
    is_same_boot: bool,
    /// Since when the first round was put off, to know what runs.
    awaited_ns: Option<u64>,
    /// All that runs was known when the last round began.
    is_whole: bool,
    every_ns: u64,
    /// When the next round is due, on the boot clock, and when the host is looked at next.
    due_ns: u64,
    host_due_ns: u64,
    /// When the last round began.
    begun_ns: u64,
    is_asked: bool,
    /// The containers that were looked at, by their cgroups, and by which name of their image.
    looked: HashMap<Box<str>, String>,
    /// Those that were started since, until they were looked at with what is known of their image.
    /// They can have ended.
    fresh: BTreeMap<Box<str>, Arc<Container>>,
    /// Since when there is one that was not looked at.
    new_ns: Option<u64>,
    /// Images of which something may be open, and for how many rounds nobody has had them.
    places: HashMap<String, u64>,
    /// Of these what was told is not what is known any more.
    dropped: BTreeSet<String>,
    numbers: Numbers,
    /// What was told to be wrong with the data.
    trouble: Option<String>,
    is_gone_told: bool,
}

impl Upkeep {
    fn new(ledger: Ledger, every: Duration) -> Self {
        let before = ledger.places();
        let places = before.keys().map(|key| (key.to_string(), 0)).collect();
        Self {
            ledger,
            known: before.values().map(|it| (it.cgroup_path.clone(), Arc::clone(it))).collect(),
            before,
            is_same_boot: true,
            awaited_ns: None,
            is_whole: false,
            every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX),
            due_ns: 0,
            host_due_ns: 0,
            begun_ns: 0,
            is_asked: false,
            looked: HashMap::new(),
            fresh: BTreeMap::new(),
            new_ns: None,
            places,
            dropped: BTreeSet::new(),
            numbers: Numbers::default(),
            trouble: None,
            is_gone_told: false,
        }
    }

    /// Notes those that were started. What ran before the first round was not started now.
    fn note(&mut self, running: &[Arc<Container>]) {
        if self.begun_ns == 0 {
            return;
        }
        for it in running {
            let path = &it.cgroup_path;
            let has_room = self.fresh.len() < UPKEEP_PLACES || self.fresh.contains_key(path);
            let is_fresh = self.fresh.contains_key(path) || !self.looked.contains_key(path);
            if is_fresh && has_room {
                self.fresh.insert(path.clone(), Arc::clone(it));
            }
        }
    }

    /// A container as it is known, with what was known before of which image it is.
    fn named(&self, container: Arc<Container>) -> Arc<Container> {
        let is_of_it = |before: &&Arc<Container>| self.is_same_boot && before.id == container.id;
        let before = self.known.get(&container.cgroup_path).filter(is_of_it);
        match before.filter(|_| container.image_key() == &*container.id) {
            Some(before) if !is_pending(&container) => Arc::new(Container {
                image_digest: before.image_digest.clone(),
                image_id: before.image_id.clone(),
                ..(*container).clone()
            }),
            _ => container,
        }
    }

    /// All that is looked at: those that run, and those that have ended since they were started.
    fn all(&self, running: &[Arc<Container>]) -> Vec<Arc<Container>> {
        let paths: BTreeSet<&str> = running.iter().map(|it| &*it.cgroup_path).collect();
        let ended = self.fresh.values().filter(|it| !paths.contains(&*it.cgroup_path));
        running.iter().chain(ended).cloned().collect()
    }

    /// Whether the first round is put off: what was open before is not to be told in another way
    /// only because not all is known yet.
    fn is_early(&mut self, is_known: bool, boottime_ns: u64) -> bool {
        let is_asked = self.begun_ns == 0 && !self.before.is_empty() && !is_known;
        let since_ns = *self.awaited_ns.get_or_insert(boottime_ns);
        is_asked && boottime_ns.saturating_sub(since_ns) < PATIENCE_NS
    }

    /// Whether a round is due: by the clock, or since there is a container that was not looked at.
    fn is_due(&mut self, all: &[Arc<Container>], boottime_ns: u64) -> bool {
        if self.is_asked || boottime_ns < self.begun_ns.saturating_add(REST_NS) {
            return false;
        }
        let is_known = |it: &&Arc<Container>| {
            self.looked.get(&it.cgroup_path).is_some_and(|key| key == it.image_key())
        };
        let new: Vec<&Arc<Container>> = all.iter().filter(|it| !is_known(it)).collect();
        if new.is_empty() {
            self.new_ns = None;
            return boottime_ns >= self.due_ns;
        }
        let since_ns = boottime_ns.saturating_sub(*self.new_ns.get_or_insert(boottime_ns));
        let is_told = new.iter().all(|it| !is_pending(it)) && since_ns >= SETTLE_NS;
        is_told || since_ns >= PATIENCE_NS || boottime_ns >= self.due_ns
    }

    /// Notes that these are looked at, and whether the host is.
    fn begin(&mut self, all: &[Arc<Container>], with_host: bool, boottime_ns: u64) {
        (self.is_asked, self.new_ns, self.begun_ns) = (true, None, boottime_ns.max(1));
        self.due_ns = boottime_ns.saturating_add(self.every_ns);
        if with_host {
            self.host_due_ns = self.due_ns;
        }
        let one = |it: &Arc<Container>| (it.cgroup_path.clone(), it.image_key().to_owned());
        self.looked = all.iter().map(one).collect();
        self.fresh.retain(|_, it| is_pending(it));
        self.dropped.clear();
        for key in self.looked.values().map(String::as_str).chain([Container::HOST]) {
            self.places.insert(key.to_owned(), 0);
        }
    }

    /// Takes in what is so of an image.
    fn take(&mut self, place: Place, now_ns: i64) -> Vec<StateFinding> {
        let Place { key, container, observations, accepted, undecided, is_cut } = place;
        let subject = Subject { place: &key, id: &key, container: &container };
        let (Some(all), true) = (observations, self.places.contains_key(&key)) else {
            return Vec::new();
        };
        // Ecosystems of systems have a release: the others are those of languages.
        let is_of_language =
            |part: &str| part.split('/').next().is_some_and(|it| !it.contains(':'));
        let why_over = |check: &str, part: &str| {
            let is_undecided = undecided.iter().any(|it| it.id == check)
                || is_cut && check == checks::PACKAGE.id && is_of_language(part);
            let is_accepted = accepted.iter().any(|(of, its)| *of == check && its == part);
            match (is_accepted, is_undecided) {
                (true, _) => Some(ACCEPTED),
                (false, true) => None,
                (false, false) => Some(NO_MORE),
            }
        };
        let refused = self.ledger.stats().refused;
        let told = self.ledger.replace(subject, all, &why_over, now_ns);
        if self.ledger.stats().refused > refused {
            // There may be room for it the next time.
            self.dropped.insert(key);
        }
        told
    }

    /// A round is over: closes what is open about images that nobody has had for a while.
    fn end(&mut self, now_ns: i64) -> Vec<StateFinding> {
        self.is_asked = false;
        let held: BTreeSet<&str> = self.looked.values().map(String::as_str).collect();
        self.before.retain(|key, _| !held.contains(&**key) && **key != *Container::HOST);
        let mut gone = Vec::new();
        for (key, rounds) in &mut self.places {
            if let Some(container) = self.before.get(&**key) {
                // One whose image was not known before.
                let now = self.looked.get(&container.cgroup_path);
                if **key == *container.id && now.is_some_and(|now| now != key) {
                    gone.push((key.clone(), NAMED));
                    continue;
                }
                // One that runs of which no image is known any more may be of this one.
                let is_named = self.looked.values().any(|of| **of == *container.id);
                if self.is_whole && !is_named {
                    *rounds += 1;
                    if self.is_same_boot || *rounds > LINGER {
                        gone.push((key.clone(), GONE_UNSEEN));
                    }
                }
            } else if *key != *Container::HOST && !held.contains(&**key) {
                *rounds += 1;
                if *rounds > LINGER {
                    gone.push((key.clone(), GONE));
                }
            }
        }
        self.close(gone, now_ns)
    }

    /// Closes what is open about containers whose image was not known, and is now.
    fn rename(&mut self, all: &[Arc<Container>], now_ns: i64) -> Vec<StateFinding> {
        let mut gone = Vec::new();
        for it in all {
            let before = self.looked.get(&it.cgroup_path);
            if let Some(before) = before.filter(|key| **key == *it.id && *key != it.image_key()) {
                gone.push((before.clone(), NAMED));
            }
        }
        self.close(gone, now_ns)
    }

    fn close(&mut self, gone: Vec<(String, &str)>, now_ns: i64) -> Vec<StateFinding> {
        let mut told = Vec::new();
        for (key, why) in gone {
            told.extend(self.ledger.close_all(&key, why, now_ns));
            self.places.remove(&key);
            self.before.remove(&*key);
            self.dropped.insert(key);
        }
        told
    }
}

/// Whether it is still asked of which image a container is.
fn is_pending(container: &Container) -> bool {
    let is_it = |fact: &Fact<Box<str>>| matches!(fact, Fact::Unknown(Reason::Pending));
    is_it(&container.image_digest) || is_it(&container.image_id)
}

/// Whether it is known that a container has no image that is known, as opposed to that nobody could
/// be asked.
fn has_no_image(container: &Container) -> bool {
    let is_none = |fact: &Fact<Box<str>>| {
        matches!(fact, Fact::Unknown(Reason::NotApplicable | Reason::NotInBundle))
    };
    is_none(&container.image_digest) && is_none(&container.image_id)
}

impl<O: CountedOutlet> Daemon<O> {
    /// Has it looked at whether what runs is kept up; whether the host was not started anew since
    /// what is in the ledger was open.
    pub fn inspect_with(&mut self, ledger: Ledger, every: Duration, is_same_boot: bool) {
        self.upkeep = Some(Upkeep { is_same_boot, ..Upkeep::new(ledger, every) });
    }

    /// Has all that runs looked at when that is due, and tells what changed.
    pub(super) fn watch_upkeep(&mut self, boottime_ns: u64, live: &mut Live) {
        let (Some(upkeep), Some(inspector)) = (&mut self.upkeep, live.upkeep()) else { return };
        let running = self.line.enricher().running().into_iter();
        let running: Vec<Arc<Container>> = running.map(|it| upkeep.named(it)).collect();
        let now_ns = now_ns();
        upkeep.note(&running);
        let all = upkeep.all(&running);
        let (mut told, mut wrong) = (Vec::new(), Vec::new());
        let enricher = self.line.enricher();
        let is_whole = !self.misses_cgroups
            && enricher.has_all_cgroups()
            && !enricher.is_asking()
            && running.iter().all(|it| it.image_key() != &*it.id || has_no_image(it));
        let is_seen = self.posture.as_ref().is_none_or(|posture| posture.knows(&running));
        if !upkeep.is_early(is_whole && is_seen, boottime_ns) && upkeep.is_due(&all, boottime_ns) {
            told.extend(upkeep.rename(&all, now_ns));
            let with_host = boottime_ns >= upkeep.host_due_ns;
            let posture = self.posture.as_ref();
            let looked = |it: &Arc<Container>| Looked {
                container: Arc::clone(it),
                inner: inner(it, &running),
                ports: posture.map(|posture| posture.ports(it)).unwrap_or_default(),
                is_new: upkeep.fresh.contains_key(&it.cgroup_path),
            };
            let book = self.line.usage();
            let is_new = |path: &str| upkeep.fresh.contains_key(path);
            let before = book.as_deref().filter(|_| !upkeep.fresh.is_empty());
            let round = Round {
                host: with_host.then(|| Arc::new(Container::host())),
                before: before.map(|book| book.last_uses(now_ns, is_new)).unwrap_or_default(),
                whole_since_ns: book.as_deref().map(Book::whole_since_ns),
                used: book.map(|book| book.images(now_ns)).unwrap_or_default(),
                containers: all.iter().map(looked).collect(),
                dropped: upkeep.dropped.iter().cloned().collect(),
                now_ns,
            };
            if inspector.ask(round) {
                upkeep.is_whole = is_whole;
                upkeep.begin(&all, with_host, boottime_ns);
            }
        }
        while let Some(answer) = inspector.answer() {
            match answer {
                Answer::Place(place) => told.extend(upkeep.take(place, now_ns)),
                Answer::Done(numbers, trouble) => {
                    upkeep.numbers = numbers;
                    told.extend(upkeep.end(now_ns));
                    if trouble != upkeep.trouble {
                        let text = trouble.clone().unwrap_or_else(|| DATA_AGAIN.to_owned());
                        upkeep.trouble = trouble;
                        wrong.push((finding::VULNERABILITY_DATA, text));
                    }
                }
            }
        }
        if inspector.is_gone() && !std::mem::replace(&mut upkeep.is_gone_told, true) {
            let text = "what looks at installed software ended by itself, which is a fault of \
                        runmon: nothing more is told of that until runmon is started anew";
            wrong.push((finding::TASK_GONE, text.to_owned()));
        }
        self.tell_states(told);
        for (name, text) in wrong {
            self.find(name, text);
        }
    }

    /// What is known of it, in numbers, by their names in heartbeats.
    pub(super) fn upkeep_numbers(&self) -> [(&'static str, u64); 12] {
        let upkeep = self.upkeep.as_ref();
        let Numbers { roots, packages, reads, refused, unread, vulnerabilities, upgrade } =
            upkeep.map(|it| it.numbers).unwrap_or_default();
        let stats = upkeep.map(|it| it.ledger.stats()).unwrap_or_default();
        let numbers = [
            roots,
            packages,
            reads,
            refused,
            unread,
            vulnerabilities,
            stats.open as u64,
            stats.refused,
            upgrade.packages,
            upgrade.in_use,
            upgrade.vulnerabilities,
            upgrade.exploited,
        ];
        let mut named = NUMBERS.map(|name| (name, 0));
        named.iter_mut().zip(numbers).for_each(|((_, value), number)| *value = number);
        named
    }
}

#[cfg(test)]
mod tests;
