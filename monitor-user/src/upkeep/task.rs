//! Looks at what is installed, off the line: a round of all that runs comes in, answers about each
//! image go out as they are known, both queues are bounded.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use monitor_inventory::lifecycle::{Date, State};
use monitor_vulns::pack::{Pack, PackError};

use super::{
    assess::{self, Around, Upgrade},
    checks,
    images::Images,
    pack::Data,
    shelf::{RootKey, Shelf, Sums},
};
use crate::{
    container::Container,
    event::Reason,
    limits::{TOLD_CONTAINERS, UPKEEP_ANSWERS, UPKEEP_PLACES},
    metadata::{RuntimeRoot, Sources},
    packages::Roots,
    posture::{
        Declared,
        in_use::in_use,
        observed::{Asked, Look, Scope},
    },
    state::{Check, Observation},
    support::{Support, runtimes},
    usage::{self, ImageUse, Used},
    vulns::{Judged, PackFile, judge},
};

/// How often processes of the host are looked through for what they have mapped: there are many.
const HOST_EVERY: Duration = Duration::from_secs(5 * 60);

/// A container that runs.
#[derive(Clone, Debug)]
pub struct Looked {
    /// It.
    pub container: Arc<Container>,
    /// The cgroups of the containers inside of it.
    pub inner: Vec<String>,
    /// Where it listens for others, as `443/tcp`.
    pub ports: Vec<String>,
    /// It was started since the round before.
    pub is_new: bool,
}

/// All that runs, to be looked at.
#[derive(Clone, Debug)]
pub struct Round {
    /// The host.
    pub host: Arc<Container>,
    /// The containers.
    pub containers: Vec<Looked>,
    /// What is used of images.
    pub used: Vec<ImageUse>,
    /// When images were used before what is new was started: of each the last use.
    pub before: Vec<ImageUse>,
    /// Since when every use is known; None: uses are not noted.
    pub whole_since_ns: Option<i64>,
    /// Now, nanoseconds since 1970.
    pub now_ns: i64,
}

/// What is so of an image, of a container of which no image is known, or of the host.
#[derive(Debug)]
pub struct Place {
    /// What tells it from others: see [`key_of`].
    pub key: String,
    /// One of its containers.
    pub container: Arc<Container>,
    /// All that is to be told of it. None: nothing changed since.
    pub observations: Option<Vec<Observation>>,
    /// What could not be decided.
    pub undecided: Vec<&'static Check>,
}

/// What comes of a round.
#[derive(Debug)]
pub enum Answer {
    /// What is so of one place.
    Place(Place),
    /// The round is over: numbers, and what is wrong with the data.
    Done(Numbers, Option<String>),
}

/// Numbers of what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Roots whose packages are known.
    pub roots: u64,
    /// Their packages.
    pub packages: u64,
    /// Roots that were read.
    pub reads: u64,
    /// Roots, and places, that found no room.
    pub refused: u64,
    /// Containers whose root could not be read, in the last round.
    pub unread: u64,
    /// Vulnerabilities that are to be acted on, by image and package.
    pub vulnerabilities: u64,
    /// What upgrading the host would mend.
    pub upgrade: Upgrade,
}

/// Files that are used, and where somebody listens.
type InUse = (BTreeMap<Vec<u8>, Used>, Vec<String>);

/// By what it is judged.
#[derive(Clone, Debug)]
pub struct UpkeepBy {
    /// A pack of vulnerability data.
    pub data: Option<PathBuf>,
    /// Until when something is supported.
    pub support: Support,
    /// Days after which an image that nobody used is stale.
    pub stale_days: u32,
}

/// What looks.
pub struct Eyes {
    roots: Box<dyn Roots>,
    look: Box<dyn Look>,
    data: Option<Data>,
    support: Support,
    images: Images,
    shelf: Shelf,
    /// By place what it was judged by, and how many vulnerabilities that gave.
    judged: HashMap<String, (u64, u64)>,
    /// When processes of the host were looked through, and what they use and where they listen.
    host_seen: Option<(Instant, InUse)>,
    upgrade: Upgrade,
    refused: u64,
    unread: u64,
}

impl Eyes {
    /// By who opens roots, who looks at processes, who knows of images and where, and by what it
    /// is judged.
    #[must_use]
    pub fn new(
        roots: Box<dyn Roots>,
        look: Box<dyn Look>,
        (sources, places): (Sources, Vec<RuntimeRoot>),
        by: &UpkeepBy,
    ) -> Self {
        Self {
            roots,
            look,
            data: by.data.as_deref().map(Data::new),
            support: by.support.clone(),
            images: Images::new(sources, places, by.stale_days),
            shelf: Shelf::default(),
            judged: HashMap::new(),
            host_seen: None,
            upgrade: Upgrade::default(),
            refused: 0,
            unread: 0,
        }
    }

    /// Goes through all that runs; `tell` says whether anybody still listens.
    fn go(&mut self, round: &Round, tell: &dyn Fn(Answer) -> bool) -> bool {
        let now = jiff::Timestamp::from_nanosecond(i128::from(round.now_ns));
        self.support.today = now.map_or(self.support.today, Date::of);
        let is_running =
            |path: &str| round.containers.iter().any(|it| *it.container.cgroup_path == *path);
        self.shelf.keep(is_running);
        self.unread = 0;
        let places = places(round);
        let is_there = |key: &str| places.iter().any(|(known, _)| known == key);
        self.judged.retain(|key, _| is_there(key));
        self.images.keep(is_there);
        self.images.list(round);
        self.refused += places.len().saturating_sub(UPKEEP_PLACES) as u64;
        for (key, group) in places.into_iter().take(UPKEEP_PLACES) {
            let place = self.place(key, &group, round);
            if !tell(Answer::Place(place)) {
                return false;
            }
        }
        let now_s = round.now_ns.div_euclid(1_000_000_000);
        let trouble = self.data.as_ref().and_then(|data| data.trouble(now_s));
        tell(Answer::Done(self.numbers(), trouble))
    }

    /// Looks at those that have one image.
    fn place(&mut self, key: String, group: &[&Looked], round: &Round) -> Place {
        let container = Arc::clone(&round.host);
        let host = Looked { container, inner: vec![], ports: vec![], is_new: false };
        let first = group.first().copied().unwrap_or(&host);
        let container = Arc::clone(&first.container);
        let mut place =
            Place { key, container, observations: None, undecided: vec![&checks::PACKAGE] };
        let mut found = Err(Reason::Gone);
        for it in group.iter().copied().chain(group.is_empty().then_some(&host)) {
            found = self.shelf.of(&mut *self.roots, &it.container, &it.inner);
            if found.is_ok() {
                break;
            }
        }
        let Ok((root, installed)) = found else {
            self.unread += 1;
            return place;
        };
        let (used, ports) = self.used(&place, group, round);
        let of_image = self.images.of(&place.key, group, round, &self.support);
        let texts: Vec<&str> = of_image.iter().map(|it| &*it.text).collect();
        let mark = self.mark(&root, installed.read, &used, (&ports, texts));
        if self.judged.get(&place.key).is_some_and(|(known, _)| *known == mark) {
            return place;
        }
        let inventory = &installed.inventory;
        let verdict = self.support.os(inventory.os.as_ref());
        let around = Around {
            exposed: ports,
            is_out_of_support: verdict.state == State::Eol,
            evidence: evidence(group),
        };
        let now_s = round.now_ns.div_euclid(1_000_000_000);
        let ask = |pack: &Pack<PackFile>| -> Result<Judged, PackError> {
            judge(inventory, installed.files.as_ref(), &used, pack, now_s)
        };
        let judged = self.data.as_mut().and_then(Data::now).map(ask);
        let mut observations = Vec::new();
        let mut number = 0;
        place.undecided.clear();
        match judged {
            Some(Ok(judged)) => {
                observations = assess::packages(&judged, &around);
                let told = observations.iter().filter_map(|it| it.vulnerable.as_ref());
                number = told.map(|it| (it.vulnerabilities.len() + it.more) as u64).sum();
                if place.container.is_host() {
                    let (upgrade, observation) = assess::upgrade(&judged, &observations);
                    self.upgrade = upgrade;
                    observations.extend(observation);
                }
            }
            Some(Err(_)) => place.undecided = vec![&checks::PACKAGE, &checks::HOST_UPDATES],
            None => {}
        }
        observations.extend(assess::system(&verdict, &around));
        let with = |it: Observation| Observation {
            evidence: it.evidence.into_iter().chain(around.evidence.clone()).collect(),
            ..it
        };
        observations.extend(of_image.into_iter().map(with));
        if place.container.is_host() {
            observations.extend(assess::runtimes(&runtimes::of(inventory, &self.support)));
        }
        self.judged.insert(place.key.clone(), (mark, number));
        place.observations = Some(observations);
        place
    }

    /// What is used of a place, and where it listens.
    fn used(&mut self, place: &Place, group: &[&Looked], round: &Round) -> (ImageUse, Vec<String>) {
        let ids = group.iter().map(|it| &*it.container.id);
        let keys: Vec<&str> = std::iter::once(place.key.as_str()).chain(ids).collect();
        let mut ports: Vec<String> = group.iter().flat_map(|it| it.ports.clone()).collect();
        if !group.is_empty() {
            ports.sort();
            ports.dedup();
            return (usage::of(&round.used, &keys).unwrap_or_default(), ports);
        }
        let mut used = usage::of(&round.used, &[Container::HOST]).unwrap_or_default();
        let is_due = self.host_seen.as_ref().is_none_or(|(at, ..)| at.elapsed() >= HOST_EVERY);
        if is_due {
            let seen = host_in_use(&mut *self.look, round.now_ns);
            self.host_seen = Some((Instant::now(), seen));
        }
        if let Some((_, (files, listens))) = &self.host_seen {
            for (path, seen) in files {
                let known = used.files.entry(path.clone());
                known.and_modify(|it| *it = it.and(*seen)).or_insert(*seen);
            }
            ports.clone_from(listens);
        }
        (used, ports)
    }

    /// What all that is told of a place hangs on.
    fn mark(
        &mut self,
        root: &RootKey,
        read: Instant,
        used: &ImageUse,
        told: impl std::hash::Hash,
    ) -> u64 {
        let mut state = DefaultHasher::new();
        let sum = self.data.as_mut().and_then(Data::now).map(Pack::sum);
        (root, read, sum, told, self.support.today).hash(&mut state);
        used.coverage.lacks().is_some().hash(&mut state);
        for (path, used) in &used.files {
            (path, used.how.name(), used.by_root).hash(&mut state);
        }
        state.finish()
    }

    fn numbers(&self) -> Numbers {
        let Sums { roots, packages, reads, refused, .. } = self.shelf.sums();
        Numbers {
            roots: roots as u64,
            packages: packages as u64,
            reads,
            refused: refused + self.refused,
            unread: self.unread,
            vulnerabilities: self.judged.values().map(|(_, number)| number).sum(),
            upgrade: self.upgrade,
        }
    }
}

/// What tells an image from others: its digest, or its id; of a container of which neither is
/// known, its own id. The host has its name.
#[must_use]
pub fn key_of(container: &Container) -> &str {
    if container.is_host() {
        return Container::HOST;
    }
    let known = [&container.image_digest, &container.image_id].into_iter();
    known.filter_map(|fact| fact.known()).next().unwrap_or(&container.id)
}

/// Those that have one image, together; the host, which takes longest, comes last, and has nobody.
fn places(round: &Round) -> Vec<(String, Vec<&Looked>)> {
    let mut of: BTreeMap<&str, Vec<&Looked>> = BTreeMap::new();
    for it in &round.containers {
        of.entry(key_of(&it.container)).or_default().push(it);
    }
    let host = (Container::HOST.to_owned(), Vec::new());
    let containers = of.into_iter().map(|(key, group)| (key.to_owned(), group));
    containers.chain([host]).collect()
}

/// Who has an image.
fn evidence(group: &[&Looked]) -> Vec<(&'static str, String)> {
    if group.is_empty() {
        return Vec::new();
    }
    let name = |it: &&Looked| {
        let container = &it.container;
        container.name.known().map_or(container.short_id(), |name| name).to_owned()
    };
    let names: Vec<String> = group.iter().take(TOLD_CONTAINERS).map(name).collect();
    let number = group.len();
    vec![("containers", names.join(", ")), ("number_of_containers", number.to_string())]
}

/// What processes of the host have mapped and run, and where it listens.
fn host_in_use(look: &mut dyn Look, now_ns: i64) -> InUse {
    let declared = Declared::default();
    let (cgroup, others, scope) = (String::new(), vec![], Scope::Host);
    let asked = Asked { cgroup, others, declared, scope, is_thorough: false };
    match look.look(&asked) {
        Ok(Some(observed)) => in_use(observed, now_ns),
        Ok(None) | Err(_) => InUse::default(),
    }
}

/// The task, as the daemon sees it. It ends when this is dropped.
#[derive(Debug)]
pub struct Inspector {
    rounds: SyncSender<Round>,
    answers: Receiver<Answer>,
}

impl Inspector {
    /// Starts it. `wake` is called after each answer.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(mut eyes: Eyes, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (rounds, asked) = sync_channel::<Round>(1);
        let (answer, answers) = sync_channel(UPKEEP_ANSWERS);
        let tell = move |it| {
            let is_taken = answer.send(it).is_ok();
            wake();
            is_taken
        };
        let run = move || {
            while let Ok(round) = asked.recv() {
                if !eyes.go(&round, &tell) {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("upkeep".into()).spawn(run)?;
        Ok(Self { rounds, answers })
    }

    /// Asks; false where the round before is not over.
    pub fn ask(&self, round: Round) -> bool {
        match self.rounds.try_send(round) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}
