//! How the host and containers are set up: which is looked at when, and what is told of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{CountedOutlet, Daemon, now_ns};
use crate::{
    container::Container,
    fact::Fact,
    live::Live,
    posture::{Assessed, Assessor, Question, Seen},
    state::{Ledger, StateFinding},
};

/// How soon a container is looked at again of which no program had started.
const SOON_NS: u64 = 100_000_000;

/// How long before a first look is due the daemon stays awake for it.
const AWAKE_NS: u64 = 1_000_000_000;

/// How soon it is looked at again after it was first: what it does at its start is over by then.
const AFTER_START_NS: u64 = 5_000_000_000;

/// Why findings are closed about what ended while nobody looked.
const ENDED_UNSEEN: &str = "the container has ended, while nobody looked";

/// How often it is looked whether containers are gone that were there before.
const GONE_EVERY_NS: u64 = 1_000_000_000;

/// Which containers are looked at, and what is known of them.
#[derive(Debug)]
pub(super) struct Posture {
    pub(super) ledger: Option<Ledger>,
    /// Of which something was open when the daemon came, by the path of the cgroup, until they are
    /// found or are known to be gone.
    before: BTreeMap<Box<str>, Arc<Container>>,
    gone_due_ns: u64,
    /// The host, which is looked at as a container is, if it is told of.
    host: Option<Arc<Container>>,
    every_ns: u64,
    /// By the path of the cgroup that names it.
    tracked: HashMap<Box<str>, Tracked>,
    looks: u64,
}

/// What is known of a container.
#[derive(Debug)]
struct Tracked {
    /// What of it decides what it was declared to be, when it was last asked about.
    declared: (Fact<Box<str>>, Fact<Box<str>>),
    /// When it is looked at next, on the boot clock.
    due_ns: u64,
    /// A look is on its way.
    is_asked: bool,
    /// It was looked at before.
    is_known: bool,
    /// Looks that found nothing of it, before the first that did.
    missed: u32,
    /// Where it listened for others when it was looked at last.
    ports: Vec<String>,
}

impl Posture {
    pub(super) fn new(ledger: Option<Ledger>, every: Duration) -> Self {
        let every_ns = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
        let host = ledger.as_ref().map(|_| Arc::new(Container::host()));
        let before = ledger.as_ref().map(Ledger::places).unwrap_or_default();
        let (tracked, gone_due_ns, looks) = (HashMap::new(), 0, 0);
        Self { ledger, before, gone_due_ns, host, every_ns, tracked, looks }
    }

    /// Finds those again that were there before: by their cgroup, or, where that has another path
    /// now, by their id.
    fn find_again(&mut self, running: &[Arc<Container>], now_ns: i64) -> Vec<StateFinding> {
        let mut told = Vec::new();
        let Some(ledger) = self.ledger.as_mut().filter(|_| !self.before.is_empty()) else {
            return told;
        };
        for it in running {
            if let Some(before) = self.before.remove(&it.cgroup_path)
                && before.id != it.id
            {
                told.extend(ledger.close_all(&it.cgroup_path, ENDED_UNSEEN, now_ns));
            }
        }
        let find = |id: &str| running.iter().find(|it| *it.id == *id);
        self.before.retain(|path, before| {
            let found = find(&before.id);
            if let Some(found) = found {
                ledger.shift(path, &found.cgroup_path);
            }
            found.is_none()
        });
        told
    }

    /// Closes what was open about those that are gone, where all that is there is known.
    fn miss(&mut self, is_gone: impl Fn(&str) -> bool, now_ns: i64) -> Vec<StateFinding> {
        let gone: Vec<Box<str>> = self.before.keys().filter(|it| is_gone(it)).cloned().collect();
        let mut told = Vec::new();
        for path in gone {
            self.before.remove(&path);
            let ledger = self.ledger.iter_mut();
            told.extend(ledger.flat_map(|it| it.close_all(&path, ENDED_UNSEEN, now_ns)));
        }
        told
    }

    /// Whether each of these was looked at.
    pub(super) fn knows(&self, running: &[Arc<Container>]) -> bool {
        let is_known =
            |it: &Arc<Container>| self.tracked.get(&it.cgroup_path).is_some_and(|it| it.is_known);
        running.iter().all(is_known)
    }

    /// Whether one is to be looked at soon that never was: it may not live for long.
    pub(super) fn is_pressing(&self, boottime_ns: u64) -> bool {
        let until_ns = boottime_ns.saturating_add(AWAKE_NS);
        self.tracked.values().any(|it| !it.is_known && !it.is_asked && it.due_ns <= until_ns)
    }

    /// Containers that are looked at.
    fn containers(&self) -> u64 {
        let has_host = self.tracked.contains_key("");
        self.tracked.len() as u64 - u64::from(has_host)
    }

    /// Has those looked at that are due.
    fn ask(&mut self, running: &[Arc<Container>], boottime_ns: u64, assessor: &mut Assessor) {
        for container in running {
            let declared = (container.bundle.clone(), container.declared_ports.clone());
            let path = &container.cgroup_path;
            let tracked = self.tracked.entry(path.clone()).or_insert_with(|| Tracked {
                declared: declared.clone(),
                due_ns: boottime_ns,
                is_asked: false,
                is_known: false,
                missed: 0,
                ports: Vec::new(),
            });
            if tracked.declared != declared {
                tracked.due_ns = boottime_ns;
            }
            if tracked.is_asked || boottime_ns < tracked.due_ns {
                continue;
            }
            let inner = inner(container, running);
            let question = Question { container: Arc::clone(container), inner };
            if assessor.ask(question) {
                (tracked.declared, tracked.is_asked) = (declared, true);
            }
        }
    }

    /// Takes in what was seen; documents about it.
    fn take(&mut self, assessed: Assessed, boottime_ns: u64, now_ns: i64) -> Vec<StateFinding> {
        let Assessed { container, seen, ports, .. } = assessed;
        self.looks += u64::from(!container.is_host());
        // It may have gone while it was looked at.
        let Some(tracked) = self.tracked.get_mut(&container.cgroup_path) else { return Vec::new() };
        (tracked.is_asked, tracked.ports) = (false, ports);
        let wait_ns = match (&seen, tracked.is_known) {
            (Seen::TooEarly, _) => SOON_NS,
            // Nothing was there: its first process had come to it, and was seen by the kernel side
            // only. One that has a kernel of its own never shows any.
            (Seen::Nothing, false) => {
                tracked.missed = tracked.missed.saturating_add(1);
                SOON_NS.saturating_mul(1 << tracked.missed.min(20)).min(self.every_ns)
            }
            (Seen::Assessed(_), false) => AFTER_START_NS.min(self.every_ns),
            _ => self.every_ns,
        };
        tracked.due_ns = boottime_ns.saturating_add(wait_ns);
        let Seen::Assessed(assessments) = seen else { return Vec::new() };
        tracked.is_known = true;
        let Some(ledger) = &mut self.ledger else { return Vec::new() };
        ledger.take(&container, assessments, now_ns)
    }

    /// Forgets those that do not run any more; documents about what was open.
    fn forget(&mut self, running: &[Arc<Container>], now_ns: i64) -> Vec<StateFinding> {
        let paths: HashSet<&str> = running.iter().map(|it| &*it.cgroup_path).collect();
        let gone: Vec<Box<str>> =
            self.tracked.keys().filter(|path| !paths.contains(&***path)).cloned().collect();
        let mut told = Vec::new();
        for path in gone {
            self.tracked.remove(&path);
            let ledger = self.ledger.iter_mut();
            told.extend(
                ledger.flat_map(|it| it.close_all(&path, "the container has ended", now_ns)),
            );
        }
        told
    }

    /// Where a container listened for others when it was looked at last.
    pub(super) fn ports(&self, container: &Container) -> Vec<String> {
        self.tracked.get(&container.cgroup_path).map(|it| it.ports.clone()).unwrap_or_default()
    }

    /// The container of a cgroup is looked at as soon as can be: it did what can change how it is
    /// set up.
    fn changed(&mut self, path: &str, boottime_ns: u64) {
        if let Some(tracked) = self.tracked.get_mut(path) {
            tracked.due_ns = tracked.due_ns.min(boottime_ns.saturating_add(SOON_NS));
        }
    }
}

/// The cgroups of the containers inside of one.
pub(super) fn inner(container: &Container, running: &[Arc<Container>]) -> Vec<String> {
    let is_inner = |other: &&Arc<Container>| {
        !container.is_host() && is_below(&other.cgroup_path, &container.cgroup_path)
    };
    running.iter().filter(is_inner).map(|it| it.cgroup_path.to_string()).collect()
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

impl<O: CountedOutlet> Daemon<O> {
    /// Has it looked at how containers are set up.
    ///
    /// Without a ledger nothing is told of that: then it is only looked at what they use.
    pub fn assess_with(&mut self, ledger: Option<Ledger>, every: Duration) {
        self.line.note_changes(true);
        self.posture = Some(Posture::new(ledger, every));
    }

    /// Looks at how containers are set up, those that are due, and tells what changed.
    pub(super) fn watch_posture(&mut self, boottime_ns: u64, live: &mut Live) {
        let (Some(posture), Some(assessor)) = (&mut self.posture, live.posture()) else { return };
        for path in self.line.take_changes() {
            posture.changed(&path, boottime_ns);
        }
        let mut running = self.line.enricher().running();
        running.extend(posture.host.clone());
        posture.ask(&running, boottime_ns, assessor);
        let now_ns = now_ns();
        let mut told = posture.find_again(&running, now_ns);
        let is_due = !posture.before.is_empty() && boottime_ns >= posture.gone_due_ns;
        if is_due && !self.misses_cgroups && self.line.enricher().has_all_cgroups() {
            posture.gone_due_ns = boottime_ns.saturating_add(GONE_EVERY_NS);
            let live = self.line.enricher().live_paths();
            told.extend(posture.miss(|path| !live.contains(path), now_ns));
        }
        told.extend(posture.forget(&running, now_ns));
        while let Some(assessed) = assessor.answer() {
            if let Some(book) = self.line.usage().filter(|_| !assessed.container.is_host()) {
                book.note_mapped(&assessed.container, &assessed.mapped, now_ns);
            }
            told.extend(posture.take(assessed, boottime_ns, now_ns));
        }
        self.tell_states(told);
    }

    /// What is known of how containers are set up, in numbers, by their names in heartbeats.
    pub(super) fn posture_numbers(&self, refused: u64) -> [(&'static str, u64); 6] {
        let stats = self
            .posture
            .as_ref()
            .and_then(|it| it.ledger.as_ref())
            .map(Ledger::stats)
            .unwrap_or_default();
        let (containers, looks) =
            self.posture.as_ref().map_or((0, 0), |it| (it.containers(), it.looks));
        [
            ("posture_containers", containers),
            ("posture_looks", looks),
            ("posture_refused", refused),
            ("state_findings", stats.open as u64),
            ("state_findings_refused", stats.refused),
            ("state_findings_unwritten", self.states_unwritten()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use monitor_rules::Priority;

    use super::*;
    use crate::{
        fact::Reason,
        posture::checks,
        state::{Assessment, Status},
    };

    fn container(path: &str) -> Arc<Container> {
        let unknown = Container::unknown(path, Reason::Pending);
        Arc::new(Container { id: path.trim_start_matches('/').into(), ..unknown })
    }

    fn posture() -> Posture {
        Posture::new(Some(Ledger::new(Priority::Debug)), Duration::from_secs(60))
    }

    fn seen(container: &Arc<Container>, status: Status) -> Assessed {
        let check = checks::ALL[0];
        let assessment = Assessment { check, status, text: "x".into(), evidence: Vec::new() };
        let seen = Seen::Assessed(vec![assessment]);
        let (container, mapped) = (Arc::clone(container), Vec::new());
        Assessed { container, seen, mapped, ports: vec!["80/tcp".to_owned()] }
    }

    fn tracked(posture: &mut Posture, container: &Arc<Container>) {
        let declared = (container.bundle.clone(), container.declared_ports.clone());
        let (due_ns, ports) = (0, Vec::new());
        let tracked =
            Tracked { declared, due_ns, is_asked: true, is_known: false, missed: 0, ports };
        posture.tracked.insert(container.cgroup_path.clone(), tracked);
    }

    fn activities(told: &[StateFinding]) -> Vec<&'static str> {
        told.iter().map(|finding| finding.activity.name()).collect()
    }

    #[test]
    fn the_host_is_told_of_as_containers_are_and_counts_as_none() {
        let mut posture = posture();
        let host = posture.host.clone().unwrap();
        tracked(&mut posture, &host);
        assert_eq!(activities(&posture.take(seen(&host, Status::Fail), 1, 1)), ["create"]);
        assert_eq!((posture.containers(), posture.looks), (0, 0));
        assert_eq!(posture.forget(&[Arc::clone(&host)], 2).len(), 0);
        assert_eq!(activities(&posture.take(seen(&host, Status::Pass), 3, 3)), ["close"]);
        assert!(Posture::new(None, Duration::from_secs(60)).host.is_none());
    }

    #[test]
    fn the_daemon_stays_awake_for_a_first_look_only() {
        let (mut posture, one) = (posture(), container("/one"));
        tracked(&mut posture, &one);
        let is_pressing = |posture: &Posture| posture.is_pressing(0);
        assert!(!is_pressing(&posture), "who looks rings");
        let early = Assessed { seen: Seen::TooEarly, ..seen(&one, Status::Fail) };
        posture.take(early, 0, 1);
        assert!(is_pressing(&posture));
        posture.take(seen(&one, Status::Fail), 0, 1);
        assert!(!is_pressing(&posture));
    }

    #[test]
    fn findings_close_when_their_container_ends() {
        let (mut posture, one) = (posture(), container("/one"));
        tracked(&mut posture, &one);
        let told = posture.take(seen(&one, Status::Fail), 1, 1);
        assert_eq!(activities(&told), ["create"]);
        assert_eq!(posture.forget(&[Arc::clone(&one)], 2).len(), 0);
        assert_eq!(activities(&posture.forget(&[], 3)), ["close"]);
        // What was still on its way about it opens nothing.
        assert_eq!(posture.take(seen(&one, Status::Fail), 4, 4).len(), 0);
        assert_eq!(posture.ledger.unwrap().stats().open, 0);
    }

    /// One that knows of what was open before: about the host, and about these.
    fn after_restart(containers: &[Arc<Container>]) -> Posture {
        let mut before = posture();
        for it in containers.iter().chain(&before.host.clone()) {
            tracked(&mut before, it);
            before.take(seen(it, Status::Fail), 1, 1);
        }
        let kept = before.ledger.unwrap().kept(i64::MAX);
        let ledger = Ledger::new(Priority::Debug).with(kept);
        Posture::new(Some(ledger), Duration::from_secs(60))
    }

    #[test]
    fn what_was_open_before_stays_open_where_its_container_is() {
        let (one, moved, other) = (container("/one"), container("/moved"), container("/other"));
        let mut posture = after_restart(&[Arc::clone(&one), moved, Arc::clone(&other)]);
        let elsewhere = Arc::new(Container { id: "moved".into(), ..(*container("/new")).clone() });
        let another = Arc::new(Container { id: "another".into(), ..(*other).clone() });
        let host = posture.host.clone().unwrap();
        let running = [host, one, elsewhere, another];
        let told = posture.find_again(&running, 2);
        assert_eq!((activities(&told), &*told[0].text), (vec!["close"], ENDED_UNSEEN));
        assert_eq!(*told[0].container.id, *"other");
        assert_eq!(activities(&posture.miss(|_| true, 3)), [""; 0]);
        for it in &running[..3] {
            tracked(&mut posture, it);
            assert_eq!(posture.take(seen(it, Status::Fail), 4, 4), [], "{}", it.id);
        }
        assert_eq!(posture.ledger.as_ref().unwrap().stats().open, 3);
        assert_eq!(activities(&posture.take(seen(&running[2], Status::Pass), 5, 5)), ["close"]);
    }

    #[test]
    fn what_ended_while_nobody_looked_is_closed_once_it_is_known_to_be_gone() {
        let mut posture = after_restart(&[container("/one"), container("/hidden")]);
        assert_eq!(posture.find_again(&[], 2), []);
        // Its cgroup is there: it is only not known yet.
        let told = posture.miss(|path| path == "/one", 3);
        assert_eq!((activities(&told), &*told[0].text), (vec!["close"], ENDED_UNSEEN));
        let hidden = [container("/hidden")];
        assert_eq!(posture.find_again(&hidden, 4), []);
        tracked(&mut posture, &hidden[0]);
        assert_eq!(activities(&posture.forget(&[], 5)), ["close"]);
    }

    #[test]
    fn it_is_looked_at_soon_at_first_and_then_now_and_again() {
        let (mut posture, one) = (posture(), container("/one"));
        tracked(&mut posture, &one);
        let mut due = |assessed: Assessed| {
            posture.take(assessed, 100, 1);
            posture.tracked["/one"].due_ns - 100
        };
        let container = Arc::clone(&one);
        let (mapped, ports) = (Vec::new(), Vec::new());
        let early = Assessed { container, seen: Seen::TooEarly, mapped, ports };
        assert_eq!(due(early), SOON_NS);
        let nothing = || Assessed { seen: Seen::Nothing, ..seen(&one, Status::Pass) };
        assert_eq!([due(nothing()), due(nothing())], [2 * SOON_NS, 4 * SOON_NS]);
        assert_eq!((0..20).map(|_| due(nothing())).max(), Some(60_000_000_000));
        assert_eq!(due(seen(&one, Status::Pass)), AFTER_START_NS);
        assert_eq!(due(seen(&one, Status::Pass)), 60_000_000_000);
        assert_eq!(due(nothing()), 60_000_000_000);
        posture.changed("/one", 100);
        posture.changed("/other", 100);
        assert_eq!(posture.tracked["/one"].due_ns, 100 + SOON_NS);
    }
}
