//! Which findings are open, and what a look changes of that.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use monitor_rules::Priority;

use super::{Activity, Assessment, Check, Observation, StateFinding, Status, Vulnerable, uid};
use crate::{container::Container, limits::STATE_FINDINGS};

/// What a look is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// What all of its findings are closed by.
    pub place: &'s str,
    /// What tells it from all others, in later runs, too.
    pub id: &'s str,
    /// The container; of an image, one of its containers.
    pub container: &'s Arc<Container>,
}

impl<'s> Subject<'s> {
    /// A container.
    #[must_use]
    pub fn of(container: &'s Arc<Container>) -> Self {
        Self { place: &container.cgroup_path, id: &container.id, container }
    }
}

/// Where a finding is: the place, the check, and which part it is about.
type Key = (Box<str>, &'static str, Box<str>);

/// What is known of an open finding.
#[derive(Debug)]
struct Open {
    check: &'static Check,
    uid: String,
    priority: Priority,
    text: String,
    first_ns: i64,
    vulnerable: Option<Arc<Vulnerable>>,
    container: Arc<Container>,
}

impl Open {
    /// Whether this is what was told of it.
    fn is_told(&self, observation: &Observation) -> bool {
        let is_same = match (&self.vulnerable, &observation.vulnerable) {
            (Some(known), Some(seen)) => known.is_same(seen),
            (known, seen) => known.is_none() && seen.is_none(),
        };
        is_same && self.text == observation.text && self.priority == observation.priority
    }

    fn told(
        &self,
        activity: Activity,
        text: String,
        evidence: Vec<(&'static str, String)>,
        now_ns: i64,
    ) -> StateFinding {
        StateFinding {
            sequence: 0,
            timestamp_ns: now_ns,
            first_ns: self.first_ns,
            activity,
            uid: self.uid.clone(),
            check: self.check,
            priority: self.priority,
            text,
            evidence,
            vulnerable: self.vulnerable.clone(),
            container: Arc::clone(&self.container),
        }
    }
}

/// Numbers of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Findings that are open.
    pub open: usize,
    /// Findings that found no room, each counted at each look.
    pub refused: u64,
}

/// Why a finding is closed that is not seen any more.
const NO_MORE: &str = "it is so no more";

/// Why one is closed of which it was said that it is as it is to be.
const ACCEPTED: &str = "it was accepted";

/// Remembers which findings are open.
#[derive(Debug)]
pub struct Ledger {
    /// What matters less is not told of.
    least: Priority,
    /// The name of this node: each has a host of its own.
    node: Box<str>,
    open: BTreeMap<Key, Open>,
    refused: u64,
}

impl Ledger {
    /// One that tells of what matters at least so much.
    #[must_use]
    pub fn new(least: Priority) -> Self {
        Self { least, node: "".into(), open: BTreeMap::new(), refused: 0 }
    }

    /// The same, on the node of that name.
    #[must_use]
    pub fn on(self, node: &str) -> Self {
        Self { node: node.into(), ..self }
    }

    /// Numbers of it.
    #[must_use]
    pub fn stats(&self) -> LedgerStats {
        LedgerStats { open: self.open.len(), refused: self.refused }
    }

    /// Takes in what a look at a container answered, and says what changed. What cannot be seen
    /// changes nothing.
    pub fn take(
        &mut self,
        container: &Arc<Container>,
        assessments: Vec<Assessment>,
        now_ns: i64,
    ) -> Vec<StateFinding> {
        let subject = Subject::of(container);
        let mut told = Vec::new();
        for assessment in assessments {
            let Assessment { check, status, text, evidence } = assessment;
            match status {
                Status::Fail => {
                    told.extend(self.see(subject, Observation::of(check, text, evidence), now_ns));
                }
                // What is not here any more is not wrong any more, and what was accepted is told
                // to nobody.
                Status::Pass | Status::NotApplicable | Status::Accepted => {
                    let why = if status == Status::Accepted { ACCEPTED } else { NO_MORE };
                    let key = (subject.place.into(), check.id, "".into());
                    told.extend(self.close(&key, why, now_ns));
                }
                Status::Unknown | Status::NotDecidable => {}
            }
        }
        told
    }

    /// Takes in all that is so of a subject, and says what changed: what is open and not among it
    /// is so no more, but for what could not be decided, of which check and part are told.
    pub fn replace(
        &mut self,
        subject: Subject<'_>,
        observations: Vec<Observation>,
        is_undecided: &dyn Fn(&str, &str) -> bool,
        now_ns: i64,
    ) -> Vec<StateFinding> {
        let seen: BTreeSet<(&str, &str)> =
            observations.iter().map(|it| (it.check.id, &*it.part)).collect();
        let is_over = |(_, check, part): &&Key| !seen.contains(&(check, part));
        let at_place = self.at(subject.place);
        let is_over = |key: &&Key| is_over(key) && !is_undecided(key.1, &key.2);
        let over: Vec<Key> = at_place.filter(is_over).cloned().collect();
        let mut told: Vec<StateFinding> =
            over.iter().filter_map(|key| self.close(key, NO_MORE, now_ns)).collect();
        for observation in observations {
            told.extend(self.see(subject, observation, now_ns));
        }
        told
    }

    /// Closes all that is open at a place, for this reason.
    pub fn close_all(&mut self, place: &str, why: &str, now_ns: i64) -> Vec<StateFinding> {
        let keys: Vec<Key> = self.at(place).cloned().collect();
        keys.iter().filter_map(|key| self.close(key, why, now_ns)).collect()
    }

    fn at(&self, place: &str) -> impl Iterator<Item = &Key> {
        let from: Key = (place.into(), "", "".into());
        let is_there = move |key: &&Key| key.0 == from.0;
        self.open.range((place.into(), "", "".into())..).map(|(key, _)| key).take_while(is_there)
    }

    fn see(
        &mut self,
        subject: Subject<'_>,
        seen: Observation,
        now_ns: i64,
    ) -> Option<StateFinding> {
        let key: Key = (subject.place.into(), seen.check.id, seen.part.as_str().into());
        // Priorities sort from the gravest.
        if seen.priority > self.least {
            return self.close(&key, &format!("it matters less now: {}", seen.text), now_ns);
        }
        let room = self.open.len() < STATE_FINDINGS;
        // The host has the same name everywhere, images have, and containers can have.
        let id = format!("{}\0{}", subject.id, self.node);
        let (activity, open) = match self.open.entry(key) {
            Entry::Occupied(entry) => {
                let open = entry.into_mut();
                // Facts about the container that came since are told with what is told next.
                open.container = Arc::clone(subject.container);
                if open.is_told(&seen) {
                    return None;
                }
                open.text.clone_from(&seen.text);
                (open.priority, open.vulnerable) = (seen.priority, seen.vulnerable.clone());
                (Activity::Update, open)
            }
            Entry::Vacant(entry) if room => {
                let open = entry.insert(Open {
                    check: seen.check,
                    uid: uid(seen.check.id, &id, &seen.part),
                    priority: seen.priority,
                    text: seen.text.clone(),
                    first_ns: now_ns,
                    vulnerable: seen.vulnerable.clone(),
                    container: Arc::clone(subject.container),
                });
                (Activity::Create, open)
            }
            Entry::Vacant(_) => {
                self.refused += 1;
                return None;
            }
        };
        Some(open.told(activity, seen.text, seen.evidence, now_ns))
    }

    fn close(&mut self, key: &Key, why: &str, now_ns: i64) -> Option<StateFinding> {
        let open = self.open.remove(key)?;
        Some(open.told(Activity::Close, why.to_owned(), Vec::new(), now_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Reason;

    const fn check(id: &'static str, priority: Priority) -> Check {
        Check { id, title: "", priority, standards: &[], cure: "" }
    }

    static GRAVE: Check = check("a.grave", Priority::Warning);
    static SMALL: Check = check("a.small", Priority::Debug);

    fn container(id: &str) -> Arc<Container> {
        let unknown = Container::unknown(&format!("/{id}"), Reason::Pending);
        Arc::new(Container { id: id.into(), ..unknown })
    }

    fn said(check: &'static Check, status: Status, text: &str) -> Vec<Assessment> {
        vec![Assessment { check, status, text: text.to_owned(), evidence: Vec::new() }]
    }

    fn shown(told: &[StateFinding]) -> Vec<(&'static str, &str, i64)> {
        told.iter().map(|it| (it.activity.name(), &*it.text, it.first_ns)).collect()
    }

    #[test]
    fn a_finding_is_told_of_when_it_comes_changes_and_goes() {
        let mut ledger = Ledger::new(Priority::Notice);
        let one = container("one");
        let first = ledger.take(&one, said(&GRAVE, Status::Fail, "x"), 5);
        assert_eq!(shown(&first), [("create", "x", 5)]);
        assert_eq!(ledger.take(&one, said(&GRAVE, Status::Fail, "x"), 6), []);
        let second = ledger.take(&one, said(&GRAVE, Status::Fail, "y"), 7);
        assert_eq!(shown(&second), [("update", "y", 5)]);
        assert_eq!(ledger.take(&one, said(&GRAVE, Status::Unknown, "?"), 8), []);
        let third = ledger.take(&one, said(&GRAVE, Status::Pass, ""), 9);
        assert_eq!(shown(&third), [("close", "it is so no more", 5)]);
        assert_eq!(ledger.take(&one, said(&GRAVE, Status::Pass, ""), 10), []);
        let ids: Vec<_> = [&first, &second, &third].map(|it| it[0].uid.clone()).into();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!([first[0].status(), third[0].status()], [Status::Fail, Status::Pass]);
    }

    #[test]
    fn findings_of_each_node_are_its_own() {
        let uid = |node: &str, of: Arc<Container>| {
            let mut ledger = Ledger::new(Priority::Debug).on(node);
            ledger.take(&of, said(&GRAVE, Status::Fail, "x"), 1).remove(0).uid
        };
        let host = || Arc::new(Container::host());
        assert_eq!(uid("n1", host()), uid("n1", host()));
        assert_ne!(uid("n1", host()), uid("n2", host()));
        assert_ne!(uid("n1", container("one")), uid("n2", container("one")));
        let of_image = |node: &str| {
            let one = container("one");
            let subject = Subject { place: "sha256:1", id: "sha256:1", container: &one };
            let mut ledger = Ledger::new(Priority::Debug).on(node);
            ledger
                .replace(subject, vec![seen("a", Priority::Error, "x")], &DECIDED, 1)
                .remove(0)
                .uid
        };
        assert_eq!(of_image("n1"), of_image("n1"));
        assert_ne!(of_image("n1"), of_image("n2"));
    }

    #[test]
    fn what_is_accepted_is_told_of_no_more() {
        let (mut ledger, one) = (Ledger::new(Priority::Debug), container("one"));
        assert_eq!(ledger.take(&one, said(&GRAVE, Status::Accepted, "x"), 1), []);
        ledger.take(&one, said(&GRAVE, Status::Fail, "x"), 2);
        let closed = ledger.take(&one, said(&GRAVE, Status::Accepted, "x"), 3);
        assert_eq!(shown(&closed), [("close", "it was accepted", 2)]);
    }

    #[test]
    fn what_is_not_here_any_more_is_closed() {
        let mut ledger = Ledger::new(Priority::Debug);
        let one = container("one");
        ledger.take(&one, said(&GRAVE, Status::Fail, "x"), 1);
        assert_eq!(ledger.take(&one, said(&GRAVE, Status::NotDecidable, ""), 2), []);
        let closed = ledger.take(&one, said(&GRAVE, Status::NotApplicable, "no such"), 3);
        assert_eq!(shown(&closed), [("close", "it is so no more", 1)]);
    }

    #[test]
    fn what_matters_less_is_not_told_of() {
        let mut ledger = Ledger::new(Priority::Notice);
        assert_eq!(ledger.take(&container("one"), said(&SMALL, Status::Fail, "x"), 5), []);
        assert_eq!(ledger.stats(), LedgerStats::default());
    }

    #[test]
    fn what_ends_closes_its_own_findings_only() {
        let mut ledger = Ledger::new(Priority::Debug);
        for id in ["one", "one2", "on"] {
            let mut both = said(&GRAVE, Status::Fail, id);
            both.extend(said(&SMALL, Status::Fail, id));
            assert_eq!(ledger.take(&container(id), both, 1).len(), 2);
        }
        let closed = ledger.close_all("/one", "it ended", 2);
        assert_eq!(shown(&closed), [("close", "it ended", 1); 2]);
        assert!(closed.iter().all(|it| *it.container.id == *"one"));
        assert_eq!(ledger.stats().open, 4);
    }

    const DECIDED: fn(&str, &str) -> bool = |_, _| false;

    fn seen(part: &str, priority: Priority, text: &str) -> Observation {
        let observation = Observation::of(&GRAVE, text.to_owned(), Vec::new());
        Observation { part: part.to_owned(), priority, ..observation }
    }

    #[test]
    fn what_is_not_among_all_that_is_so_is_so_no_more() {
        let mut ledger = Ledger::new(Priority::Warning);
        let one = container("one");
        let subject = Subject { place: "sha256:1", id: "sha256:1", container: &one };
        let all = vec![
            seen("a", Priority::Warning, "x"),
            seen("b", Priority::Error, "y"),
            seen("c", Priority::Notice, "z"),
        ];
        let told = ledger.replace(subject, all.clone(), &DECIDED, 1);
        assert_eq!(shown(&told), [("create", "x", 1), ("create", "y", 1)]);
        assert_ne!(told[0].uid, told[1].uid);
        assert_eq!(ledger.replace(subject, all, &DECIDED, 2), []);
        let less = vec![seen("b", Priority::Critical, "y"), seen("c", Priority::Error, "z")];
        let told = ledger.replace(subject, less, &DECIDED, 3);
        let expected = [("close", NO_MORE, 1), ("update", "y", 1), ("create", "z", 3)];
        assert_eq!(shown(&told), expected);
        assert_eq!(told[1].priority, Priority::Critical);
        // What could not be decided stays as it was.
        assert_eq!(ledger.replace(subject, Vec::new(), &|_, _| true, 4), []);
        let faded = vec![seen("b", Priority::Notice, "y"), seen("c", Priority::Error, "z")];
        let told = ledger.replace(subject, faded, &DECIDED, 5);
        assert_eq!(shown(&told), [("close", "it matters less now: y", 1)]);
        let closed = ledger.close_all("sha256:1", "gone", 6);
        assert_eq!(shown(&closed), [("close", "gone", 3)]);
        assert_eq!(ledger.stats().open, 0);
    }

    #[test]
    fn other_vulnerabilities_of_a_package_are_news_and_newer_data_are_none() {
        let mut ledger = Ledger::new(Priority::Debug);
        let one = container("one");
        let with = |id: &str, data_made_on| {
            let one = super::super::Vulnerability { id: id.to_owned(), ..Default::default() };
            let vulnerabilities = vec![one];
            let vulnerable = Vulnerable { vulnerabilities, data_made_on, ..Vulnerable::default() };
            let vulnerable = Some(Arc::new(vulnerable));
            vec![Observation { vulnerable, ..seen("a", Priority::Error, "x") }]
        };
        let mut told = |observations, at| {
            let told = ledger.replace(Subject::of(&one), observations, &DECIDED, at);
            told.iter().map(|it| it.activity.name()).collect::<Vec<_>>()
        };
        assert_eq!(told(with("CVE-1", 1), 1), ["create"]);
        assert!(told(with("CVE-1", 2), 2).is_empty());
        assert_eq!(told(with("CVE-2", 2), 3), ["update"]);
    }

    #[test]
    fn over_the_bound_it_is_counted() {
        let mut ledger = Ledger::new(Priority::Debug);
        for number in 0..=STATE_FINDINGS {
            ledger.take(&container(&number.to_string()), said(&GRAVE, Status::Fail, "x"), 1);
        }
        assert_eq!(ledger.stats(), LedgerStats { open: STATE_FINDINGS, refused: 1 });
    }
}
