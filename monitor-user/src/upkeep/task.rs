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
use monitor_vulns::pack::Pack;

use super::{
    accepted::{self, Accepted, held},
    assess::{self, Around, Upgrade},
    checks,
    images::Images,
    pack::Data,
    shelf::{Installed, RootKey, Shelf, Sums},
};
use crate::{
    container::Container,
    images::DAY_NS,
    limits::{TOLD_CONTAINERS, UPKEEP_ANSWERS, UPKEEP_PLACES, USAGE_FILES},
    metadata::{RuntimeRoot, Sources},
    packages::Roots,
    posture::{
        Declared,
        in_use::{Live, in_use},
        observed::{Asked, Look, Scope},
    },
    state::{Check, Observation},
    support::{Support, runtimes},
    usage::{self, Exposed, ImageUse, Used},
    vulns::{PackFile, judge},
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
    /// The host, where it is its turn.
    pub host: Option<Arc<Container>>,
    /// The containers, also those that ended since they were started after the round before.
    pub containers: Vec<Looked>,
    /// What is used of images.
    pub used: Vec<ImageUse>,
    /// When images were used before what is new was started: of each the last use.
    pub before: Vec<ImageUse>,
    /// Since when every use is known; None: uses are not noted.
    pub whole_since_ns: Option<i64>,
    /// What was told of these is not what is known any more: they are judged anew.
    pub dropped: Vec<String>,
    /// Now, nanoseconds since 1970.
    pub now_ns: i64,
}

/// What is so of an image, of a container of which no image is known, or of the host.
#[derive(Debug)]
pub struct Place {
    /// What tells it from others: see [`Container::image_key`].
    pub key: String,
    /// One of its containers.
    pub container: Arc<Container>,
    /// All that is to be told of it. None: nothing changed since.
    pub observations: Option<Vec<Observation>>,
    /// The checks and parts of what is accepted.
    pub accepted: Vec<(&'static str, String)>,
    /// What could not be decided.
    pub undecided: Vec<&'static Check>,
    /// Not all packages of languages are known.
    pub is_cut: bool,
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

/// By what it is judged.
#[derive(Clone, Debug)]
pub struct UpkeepBy {
    /// A pack of vulnerability data.
    pub data: Option<PathBuf>,
    /// Until when something is supported.
    pub support: Support,
    /// Days after which an image that nobody used is stale.
    pub stale_days: u32,
    /// What is accepted.
    pub accepted: Vec<Accepted>,
}

/// What looks.
pub struct Eyes {
    roots: Box<dyn Roots>,
    look: Box<dyn Look>,
    data: Option<Data>,
    support: Support,
    accepted: Arc<[Accepted]>,
    images: Images,
    shelf: Shelf,
    /// By place what it was judged by, and how many vulnerabilities that gave.
    judged: HashMap<String, (u64, u64)>,
    /// When processes of the host were looked through, and what they use.
    host_looked: Option<Instant>,
    host_used: BTreeMap<Vec<u8>, Used>,
    /// What those of them have that listen for others.
    host_exposed: Exposed,
    now_s: i64,
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
            accepted: by.accepted.clone().into(),
            images: Images::new(sources, places, by.stale_days),
            shelf: Shelf::default(),
            judged: HashMap::new(),
            host_looked: None,
            host_used: BTreeMap::new(),
            host_exposed: Exposed::new(),
            now_s: 0,
            upgrade: Upgrade::default(),
            refused: 0,
            unread: 0,
        }
    }

    /// Goes through all that runs; `tell` says whether anybody still listens.
    fn go(&mut self, round: &Round, tell: &dyn Fn(Answer) -> bool) -> bool {
        let now = jiff::Timestamp::from_nanosecond(i128::from(round.now_ns));
        self.now_s = round.now_ns.div_euclid(1_000_000_000);
        self.support.today = now.map_or(self.support.today, Date::of);
        let is_running =
            |path: &str| round.containers.iter().any(|it| *it.container.cgroup_path == *path);
        self.shelf.keep(is_running);
        self.unread = 0;
        for key in &round.dropped {
            self.judged.remove(key);
        }
        let places = places(round);
        let is_there = |key: &str| places.iter().any(|(known, _)| known == key);
        self.judged.retain(|key, _| key == Container::HOST || is_there(key));
        self.images.keep(is_there);
        self.images.list(round);
        self.refused += places.len().saturating_sub(UPKEEP_PLACES) as u64;
        for (key, group) in places.into_iter().take(UPKEEP_PLACES) {
            let place = self.place(key, &group, round);
            if !tell(Answer::Place(place)) {
                return false;
            }
        }
        // It takes longest.
        if let Some(host) = &round.host {
            let container = Arc::clone(host);
            let host = Looked { container, inner: vec![], ports: vec![], is_new: false };
            let place = self.place(Container::HOST.to_owned(), &[&host], round);
            if !tell(Answer::Place(place)) {
                return false;
            }
        }
        let trouble = self.data.as_ref().and_then(|data| data.trouble(self.now_s));
        tell(Answer::Done(self.numbers(), trouble))
    }

    /// Looks at those that have one image.
    fn place(&mut self, key: String, group: &[&Looked], round: &Round) -> Place {
        let container = group.first().map_or_else(Container::host, |it| (*it.container).clone());
        let is_host = container.is_host();
        let of_image = self.images.of(&key, group, round, &self.support);
        let mut place = Place {
            key,
            container: Arc::new(container),
            observations: None,
            accepted: Vec::new(),
            undecided: Vec::new(),
            is_cut: false,
        };
        let evidence = evidence(group);
        let with = |it: Observation| Observation {
            evidence: it.evidence.into_iter().chain(evidence.clone()).collect(),
            ..it
        };
        let all = Arc::clone(&self.accepted);
        let hold = held(&all, group, self.now_s);
        let Some((root, installed)) = self.installed(&place.key, group) else {
            self.unread += 1;
            place.undecided = checks::OF_ROOTS.to_vec();
            place.tell(of_image.into_iter().map(with).collect(), &hold);
            return place;
        };
        let (used, ports) = self.used(&place, group, round);
        let texts: Vec<&str> = of_image.iter().map(|it| &*it.text).collect();
        let exposed = if is_host { self.host_exposed.clone() } else { Exposed::new() };
        let of_accepted: Vec<usize> =
            hold.iter().map(|it| std::ptr::from_ref(*it).addr()).collect();
        let told = (&ports, &exposed, texts, of_accepted);
        let mark = self.mark(&root, installed.read, &used, told);
        if self.judged.get(&place.key).is_some_and(|(known, _)| *known == mark) {
            return place;
        }
        let inventory = &installed.inventory;
        let verdict = self.support.os(inventory.os.as_ref());
        let around = Around {
            exposed: ports,
            is_out_of_support: verdict.state == State::Eol
                || of_image.iter().any(|it| it.check == &checks::IMAGE),
            evidence: evidence.clone(),
            ..Around::default()
        }
        .with_paths(inventory);
        let by = (&around, &*hold);
        let (mut observations, is_judged) =
            self.packages(&mut place, &installed, (&used, &exposed), by);
        observations.extend(assess::system(&verdict, &around));
        observations.extend(of_image.into_iter().map(with));
        if is_host {
            observations.extend(assess::runtimes(&runtimes::of(inventory, &self.support)));
        }
        if is_judged {
            let told = observations.iter().filter_map(|it| it.vulnerable.as_ref());
            let number = told.map(|it| (it.vulnerabilities.len() + it.more) as u64).sum();
            self.judged.insert(place.key.clone(), (mark, number));
        } else {
            self.judged.remove(&place.key);
        }
        place.tell(observations, &hold);
        place
    }

    /// What is installed in the image that these have: in the root of one of them, or, where all
    /// of them are gone, in one that was read before.
    fn installed(&mut self, key: &str, group: &[&Looked]) -> Option<(RootKey, Arc<Installed>)> {
        let read = group
            .iter()
            .find_map(|it| self.shelf.of(&mut *self.roots, key, &it.container, &it.inner).ok());
        read.or_else(|| self.shelf.of_image(key))
    }

    /// What is to be told of packages, and whether the data could be asked.
    fn packages(
        &mut self,
        place: &mut Place,
        installed: &Installed,
        used: (&ImageUse, &Exposed),
        (around, hold): (&Around, &[&Accepted]),
    ) -> (Vec<Observation>, bool) {
        let Installed { inventory, files, is_partial, is_cut, .. } = installed;
        if *is_partial {
            self.unread += 1;
            place.undecided = checks::OF_PACKAGES.to_vec();
        }
        place.is_cut = *is_cut;
        let now_s = self.now_s;
        let ask = |pack: &Pack<PackFile>| judge(inventory, files.as_ref(), used, pack, now_s);
        let Some(data) = &mut self.data else { return (Vec::new(), true) };
        match data.now().map(ask) {
            Some(Ok(mut judged)) => {
                accepted::mark(&mut judged, hold);
                place.accepted = assess::accepted(&judged);
                let mut observations = assess::packages(&judged, around);
                if place.container.is_host() {
                    let (upgrade, observation) = assess::upgrade(&judged, &observations);
                    self.upgrade = upgrade;
                    observations.extend(observation);
                }
                (observations, true)
            }
            Some(Err(error)) => {
                data.fail(&error);
                place.undecided = checks::OF_PACKAGES.to_vec();
                (Vec::new(), false)
            }
            // What the data said before they could not be used any more is still so.
            None => {
                place.undecided = checks::OF_PACKAGES.to_vec();
                (Vec::new(), false)
            }
        }
    }

    /// What is used of a place, and where it listens.
    fn used(&mut self, place: &Place, group: &[&Looked], round: &Round) -> (ImageUse, Vec<String>) {
        let ids = group.iter().map(|it| &*it.container.id);
        let keys: Vec<&str> = std::iter::once(place.key.as_str()).chain(ids).collect();
        let mut ports: Vec<String> = group.iter().flat_map(|it| it.ports.clone()).collect();
        ports.sort();
        ports.dedup();
        let mut used =
            usage::of(&round.used, &keys).unwrap_or_else(|| ImageUse::nothing(&place.key));
        if place.container.is_host() {
            self.look_at_host(round.now_ns);
            for (path, seen) in &self.host_used {
                let known = used.files.entry(path.clone());
                known.and_modify(|it| *it = it.and(*seen)).or_insert(*seen);
            }
        }
        (used, ports)
    }

    /// Looks, now and then, at what processes of the host have mapped and run. What one look does
    /// not find is in use for a day: many programs run for a moment. Who listens does so at each.
    fn look_at_host(&mut self, now_ns: i64) {
        if self.host_looked.is_some_and(|at| at.elapsed() < HOST_EVERY) {
            return;
        }
        let declared = Declared::default();
        let (cgroup, others, scope) = (String::new(), vec![], Scope::Host);
        let sockets = Vec::new();
        let asked = Asked { cgroup, others, declared, sockets, scope, is_thorough: false };
        let Ok(Some(observed)) = self.look.look(&asked) else { return };
        self.host_looked = Some(Instant::now());
        self.host_used.retain(|_, used| now_ns.saturating_sub(used.last_ns) < DAY_NS);
        let is_heard = observed.listeners.is_ok();
        let Live { files, exposed, .. } = in_use(observed, now_ns);
        // Who could not be seen to listen is not seen to have stopped.
        if is_heard {
            self.host_exposed = exposed;
        }
        for (path, seen) in files {
            if self.host_used.len() < USAGE_FILES || self.host_used.contains_key(&path) {
                let known = self.host_used.entry(path);
                known.and_modify(|it| *it = it.and(seen)).or_insert(seen);
            }
        }
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

/// Those that have one image, together.
fn places(round: &Round) -> Vec<(String, Vec<&Looked>)> {
    let mut of: BTreeMap<&str, Vec<&Looked>> = BTreeMap::new();
    for it in &round.containers {
        of.entry(it.container.image_key()).or_default().push(it);
    }
    of.into_iter().map(|(key, group)| (key.to_owned(), group)).collect()
}

/// Who has an image.
fn evidence(group: &[&Looked]) -> Vec<(&'static str, String)> {
    if group.iter().any(|it| it.container.is_host()) {
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

/// The task, as the daemon sees it. It ends when this is dropped.
#[derive(Debug)]
pub struct Inspector {
    rounds: SyncSender<Round>,
    answers: Receiver<Answer>,
    is_gone: bool,
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
        Ok(Self { rounds, answers, is_gone: false })
    }

    /// Asks; false where the round before is not over.
    pub fn ask(&mut self, round: Round) -> bool {
        let sent = self.rounds.try_send(round);
        self.is_gone |= matches!(sent, Err(TrySendError::Disconnected(_)));
        sent.is_ok()
    }

    /// Whether it ended by itself.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}
