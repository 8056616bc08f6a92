//! Whether what runs is kept up: when it is looked, and what is told of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{CountedOutlet, Daemon, now_ns, posture::inner};
use crate::{
    container::Container,
    document::finding,
    fact::{Fact, Reason},
    live::Live,
    state::{Ledger, StateFinding, Subject},
    upkeep::{Answer, Looked, Numbers, Place, Round, key_of},
    usage::Book,
};

/// How long a container that is new is waited for others that start with it, and for the facts
/// about its image.
const SETTLE_NS: u64 = 1_000_000_000;

/// How long it is waited for facts about its image that are late.
const PATIENCE_NS: u64 = 10_000_000_000;

/// For how many rounds what is open about an image stays so without a container of it: what ends
/// is often started anew.
const LINGER: u64 = 5;

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
    ledger: Ledger,
    every_ns: u64,
    /// When the next round is due, on the boot clock.
    due_ns: u64,
    is_asked: bool,
    /// The containers that were looked at, by their cgroups, and by which name of their image.
    looked: HashMap<Box<str>, String>,
    /// Since when there is one that was not.
    new_ns: Option<u64>,
    /// Images of which something may be open, and when somebody had them last.
    places: HashMap<String, u64>,
    numbers: Numbers,
    /// What was told to be wrong with the data.
    trouble: Option<String>,
}

impl Upkeep {
    fn new(ledger: Ledger, every: Duration) -> Self {
        Self {
            ledger,
            every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX),
            due_ns: 0,
            is_asked: false,
            looked: HashMap::new(),
            new_ns: None,
            places: HashMap::new(),
            numbers: Numbers::default(),
            trouble: None,
        }
    }

    /// Whether a round is due: by the clock, or since there is a container that was not looked at.
    fn is_due(&mut self, running: &[Arc<Container>], boottime_ns: u64) -> bool {
        if self.is_asked {
            return false;
        }
        let is_known = |it: &&Arc<Container>| {
            self.looked.get(&it.cgroup_path).is_some_and(|key| key == key_of(it))
        };
        let new: Vec<&Arc<Container>> = running.iter().filter(|it| !is_known(it)).collect();
        if new.is_empty() {
            self.new_ns = None;
            return boottime_ns >= self.due_ns;
        }
        let since_ns = boottime_ns.saturating_sub(*self.new_ns.get_or_insert(boottime_ns));
        let is_told = new.iter().all(|it| !is_pending(it)) && since_ns >= SETTLE_NS;
        is_told || since_ns >= PATIENCE_NS || boottime_ns >= self.due_ns
    }

    /// Whether the container of a cgroup was started since the last round. What ran before the
    /// first one was not started now.
    fn is_new(&self, path: &str) -> bool {
        !self.places.is_empty() && !self.looked.contains_key(path)
    }

    /// Notes that these are looked at.
    fn begin(&mut self, running: &[Arc<Container>], boottime_ns: u64) {
        (self.is_asked, self.new_ns) = (true, None);
        self.due_ns = boottime_ns.saturating_add(self.every_ns);
        let one = |it: &Arc<Container>| (it.cgroup_path.clone(), key_of(it).to_owned());
        self.looked = running.iter().map(one).collect();
        for key in self.looked.values().map(String::as_str).chain([Container::HOST]) {
            self.places.insert(key.to_owned(), boottime_ns);
        }
    }

    /// Takes in what is so of an image.
    fn take(&mut self, place: Place, now_ns: i64) -> Vec<StateFinding> {
        let Place { key, container, observations, undecided } = place;
        let subject = Subject { place: &key, id: &key, container: &container };
        observations
            .map_or_else(Vec::new, |all| self.ledger.replace(subject, all, &undecided, now_ns))
    }

    /// Closes what is open about images that nobody has had for a while.
    fn forget(&mut self, boottime_ns: u64, now_ns: i64) -> Vec<StateFinding> {
        let until = self.every_ns.saturating_mul(LINGER);
        let is_gone = |had: u64| boottime_ns.saturating_sub(had) > until;
        let gone: BTreeSet<String> = self
            .places
            .iter()
            .filter(|(_, had)| is_gone(**had))
            .map(|(key, _)| key.clone())
            .collect();
        let mut told = Vec::new();
        for key in gone {
            self.places.remove(&key);
            told.extend(self.ledger.close_all(&key, "no container of it runs any more", now_ns));
        }
        told
    }
}

/// Whether it is still asked of which image a container is.
fn is_pending(container: &Container) -> bool {
    let is_it = |fact: &Fact<Box<str>>| matches!(fact, Fact::Unknown(Reason::Pending));
    is_it(&container.image_digest) || is_it(&container.image_id)
}

impl<O: CountedOutlet> Daemon<O> {
    /// Has it looked at whether what runs is kept up.
    pub fn inspect_with(&mut self, ledger: Ledger, every: Duration) {
        self.upkeep = Some(Upkeep::new(ledger, every));
    }

    /// Has all that runs looked at when that is due, and tells what changed.
    pub(super) fn watch_upkeep(&mut self, boottime_ns: u64, live: &mut Live) {
        let (Some(upkeep), Some(inspector)) = (&mut self.upkeep, live.upkeep()) else { return };
        let running = self.line.enricher().running();
        let now_ns = now_ns();
        if upkeep.is_due(&running, boottime_ns) {
            let posture = self.posture.as_ref();
            let looked = |it: &Arc<Container>| Looked {
                container: Arc::clone(it),
                inner: inner(it, &running),
                ports: posture.map(|posture| posture.ports(it)).unwrap_or_default(),
                is_new: upkeep.is_new(&it.cgroup_path),
            };
            let containers: Vec<Looked> = running.iter().map(looked).collect();
            let is_new = |path: &str| upkeep.is_new(path);
            let book = self.line.usage();
            let before = book.as_deref().filter(|_| containers.iter().any(|it| it.is_new));
            let round = Round {
                host: Arc::new(Container::host()),
                before: before.map(|book| book.last_uses(now_ns, is_new)).unwrap_or_default(),
                whole_since_ns: book.as_deref().map(Book::whole_since_ns),
                used: book.map(|book| book.images(now_ns)).unwrap_or_default(),
                containers,
                now_ns,
            };
            if inspector.ask(round) {
                upkeep.begin(&running, boottime_ns);
            }
        }
        let (mut told, mut trouble) = (upkeep.forget(boottime_ns, now_ns), None);
        while let Some(answer) = inspector.answer() {
            match answer {
                Answer::Place(place) => told.extend(upkeep.take(place, now_ns)),
                Answer::Done(numbers, wrong) => {
                    (upkeep.numbers, upkeep.is_asked) = (numbers, false);
                    if wrong != upkeep.trouble {
                        trouble.clone_from(&wrong);
                        upkeep.trouble = wrong;
                    }
                }
            }
        }
        self.tell_states(told);
        if let Some(wrong) = trouble {
            self.find(finding::VULNERABILITY_DATA, wrong);
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
mod tests {
    use monitor_rules::Priority;

    use super::*;
    use crate::{fact::FactSource, state::Observation, upkeep::checks};

    const SECOND: u64 = 1_000_000_000;

    fn container(path: &str, digest: Option<&str>) -> Arc<Container> {
        let unknown = Container::unknown(path, Reason::NotInBundle);
        let digest = digest.map_or(Fact::Unknown(Reason::Pending), |digest| {
            Fact::Known(digest.into(), FactSource::Containerd)
        });
        let id = path.trim_start_matches('/').into();
        Arc::new(Container { id, image_digest: digest, ..unknown })
    }

    fn upkeep() -> Upkeep {
        Upkeep::new(Ledger::new(Priority::Debug), Duration::from_secs(60))
    }

    #[test]
    fn what_is_new_is_looked_at_once_its_image_is_known() {
        let mut upkeep = upkeep();
        let (one, pending) = (container("/one", Some("sha256:1")), container("/two", None));
        assert!(upkeep.is_due(&[], SECOND));
        upkeep.begin(&[], SECOND);
        assert!(!upkeep.is_due(std::slice::from_ref(&one), 5 * SECOND), "a round is on its way");
        upkeep.is_asked = false;
        assert!(!upkeep.is_due(std::slice::from_ref(&one), 5 * SECOND), "others may start with it");
        assert!(upkeep.is_due(std::slice::from_ref(&one), 6 * SECOND));
        let both = [Arc::clone(&one), Arc::clone(&pending)];
        assert!(!upkeep.is_due(&both, 7 * SECOND));
        assert!(upkeep.is_due(&both, 15 * SECOND), "what is late is not waited for");
        upkeep.begin(&both, 15 * SECOND);
        upkeep.is_asked = false;
        assert!(!upkeep.is_due(&both, 74 * SECOND) && upkeep.is_due(&both, 75 * SECOND));
        // Its image is known now.
        let told = [one, container("/two", Some("sha256:2"))];
        assert!(!upkeep.is_due(&told, 20 * SECOND) && upkeep.is_due(&told, 21 * SECOND));
    }

    #[test]
    fn what_is_open_of_an_image_stays_while_a_container_of_it_may_come_back() {
        let mut upkeep = upkeep();
        let one = container("/one", Some("sha256:1"));
        upkeep.begin(std::slice::from_ref(&one), 0);
        let observation = Observation::of(&checks::SYSTEM, "debian 10".to_owned(), Vec::new());
        let place = |observations| Place {
            key: "sha256:1".to_owned(),
            container: Arc::clone(&one),
            observations,
            undecided: Vec::new(),
        };
        assert_eq!(upkeep.take(place(Some(vec![observation])), 1).len(), 1);
        assert_eq!(upkeep.take(place(None), 2), []);
        upkeep.begin(&[], 60 * SECOND);
        assert_eq!(upkeep.forget(300 * SECOND, 3), []);
        let told = upkeep.forget(301 * SECOND, 4);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].activity.name(), upkeep.ledger.stats().open), ("close", 0));
        assert!(upkeep.places.contains_key(Container::HOST));
    }
}
