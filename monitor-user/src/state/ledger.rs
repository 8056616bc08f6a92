//! Which findings are open, and what a look changes of that.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use monitor_rules::Priority;

use super::{Activity, Assessment, Check, StateFinding, Status, uid};
use crate::{container::Container, limits::STATE_FINDINGS};

/// What is known of an open finding.
#[derive(Debug)]
struct Open {
    text: String,
    first_ns: i64,
    container: Arc<Container>,
}

/// Numbers of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Findings that are open.
    pub open: usize,
    /// Findings that found no room, each counted at each look.
    pub refused: u64,
}

/// Remembers which findings are open.
#[derive(Debug)]
pub struct Ledger {
    /// What matters less is not told of.
    least: Priority,
    /// The name of this node: each has a host of its own.
    node: Box<str>,
    /// By cgroup of the container, and check.
    open: BTreeMap<(Box<str>, &'static str), (&'static Check, Open)>,
    sequence: u64,
    refused: u64,
}

impl Ledger {
    /// One that tells of what matters at least so much.
    #[must_use]
    pub fn new(least: Priority) -> Self {
        Self { least, node: "".into(), open: BTreeMap::new(), sequence: 0, refused: 0 }
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
        let mut told = Vec::new();
        for assessment in assessments {
            match assessment.status {
                Status::Fail => told.extend(self.fail(container, assessment, now_ns)),
                // What is not here any more is not wrong any more, and what was accepted is told
                // to nobody.
                Status::Pass | Status::NotApplicable | Status::Accepted => {
                    let why = match assessment.status {
                        Status::Accepted => "it was accepted",
                        _ => "it is so no more",
                    };
                    let key = (container.cgroup_path.clone(), assessment.check.id);
                    if let Some((check, open)) = self.open.remove(&key) {
                        told.push(self.close(check, open, why, now_ns));
                    }
                }
                Status::Unknown | Status::NotDecidable => {}
            }
        }
        told
    }

    /// Closes all that is open about the container of a cgroup, for this reason.
    pub fn close_all(&mut self, cgroup: &str, why: &str, now_ns: i64) -> Vec<StateFinding> {
        let of = |key: &(Box<str>, &'static str)| *key.0 == *cgroup;
        let from = (Box::from(cgroup), "");
        let keys: Vec<_> = self
            .open
            .range(from..)
            .map(|(key, _)| key)
            .take_while(|key| of(key))
            .cloned()
            .collect();
        let open: Vec<_> = keys.iter().filter_map(|key| self.open.remove(key)).collect();
        open.into_iter().map(|(check, open)| self.close(check, open, why, now_ns)).collect()
    }

    fn fail(
        &mut self,
        container: &Arc<Container>,
        assessment: Assessment,
        now_ns: i64,
    ) -> Option<StateFinding> {
        let Assessment { check, text, evidence, .. } = assessment;
        // Priorities sort from the gravest.
        if check.priority > self.least {
            return None;
        }
        let room = self.open.len() < STATE_FINDINGS;
        let (activity, first_ns) = match self.open.entry((container.cgroup_path.clone(), check.id))
        {
            Entry::Occupied(mut entry) => {
                let (_, open) = entry.get_mut();
                // Facts about the container that came since are told with what is told next.
                open.container = Arc::clone(container);
                if open.text == text {
                    return None;
                }
                open.text.clone_from(&text);
                (Activity::Update, open.first_ns)
            }
            Entry::Vacant(entry) if room => {
                let container = Arc::clone(container);
                let open = Open { text: text.clone(), first_ns: now_ns, container };
                entry.insert((check, open));
                (Activity::Create, now_ns)
            }
            Entry::Vacant(_) => {
                self.refused += 1;
                return None;
            }
        };
        let container = Arc::clone(container);
        Some(self.told(StateFinding {
            activity,
            text,
            evidence,
            first_ns,
            ..StateFinding::begun(check, container, now_ns)
        }))
    }

    fn close(&mut self, check: &'static Check, open: Open, why: &str, now_ns: i64) -> StateFinding {
        let Open { first_ns, container, .. } = open;
        self.told(StateFinding {
            activity: Activity::Close,
            text: why.to_owned(),
            first_ns,
            ..StateFinding::begun(check, container, now_ns)
        })
    }

    fn told(&mut self, finding: StateFinding) -> StateFinding {
        self.sequence += 1;
        let id = &finding.container.id;
        let uid = match finding.container.is_host() {
            true => uid(finding.check.id, &format!("{id}\0{}", self.node)),
            false => uid(finding.check.id, id),
        };
        StateFinding { sequence: self.sequence, uid, ..finding }
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
        assert_eq!([first[0].sequence, second[0].sequence, third[0].sequence], [1, 2, 3]);
        assert_eq!([first[0].status(), third[0].status()], [Status::Fail, Status::Pass]);
    }

    #[test]
    fn each_node_has_a_host_of_its_own_and_containers_are_the_same_anywhere() {
        let uid = |node: &str, of: Arc<Container>| {
            let mut ledger = Ledger::new(Priority::Debug).on(node);
            ledger.take(&of, said(&GRAVE, Status::Fail, "x"), 1).remove(0).uid
        };
        let host = || Arc::new(Container::host());
        assert_eq!(uid("n1", host()), uid("n1", host()));
        assert_ne!(uid("n1", host()), uid("n2", host()));
        assert_eq!(uid("n1", container("one")), uid("n2", container("one")));
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

    #[test]
    fn over_the_bound_it_is_counted() {
        let mut ledger = Ledger::new(Priority::Debug);
        for number in 0..=STATE_FINDINGS {
            ledger.take(&container(&number.to_string()), said(&GRAVE, Status::Fail, "x"), 1);
        }
        assert_eq!(ledger.stats(), LedgerStats { open: STATE_FINDINGS, refused: 1 });
    }
}
