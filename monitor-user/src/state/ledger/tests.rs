use super::super::Check;
use super::{super::Vulnerable, *};
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
        ledger.replace(subject, vec![seen("a", Priority::Error, "x")], &DECIDED, 1).remove(0).uid
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

const DECIDED: fn(&str, &str) -> Option<&'static str> = |_, _| Some(NO_MORE);

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
    assert_eq!(ledger.replace(subject, Vec::new(), &|_, _| None, 4), []);
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

/// What another daemon had open, as it is after a restart.
fn again(ledger: &mut Ledger, now_ns: i64) -> Vec<Kept> {
    let is_doubtful = |it: &Kept| it.is_recent(now_ns);
    let one = |it: Kept| {
        let open = Open { is_doubtful: is_doubtful(&it), ..(*it.open).clone() };
        Kept { open: Arc::new(open), ..it }
    };
    ledger.kept(now_ns).into_iter().map(one).collect()
}

const LATER: i64 = 100_000_000_000;

#[test]
fn what_was_open_before_is_told_only_if_it_changed() {
    let one = container("one");
    let mut before = Ledger::new(Priority::Debug);
    before.take(&one, said(&GRAVE, Status::Fail, "x"), 1);
    before.take(&one, said(&SMALL, Status::Fail, "y"), 2);
    let kept = again(&mut before, LATER);
    let mut ledger = Ledger::new(Priority::Debug).with(kept.clone());
    assert_eq!(ledger.stats().open, 2);
    assert_eq!(ledger.places().into_keys().collect::<Vec<_>>(), ["/one".into()]);
    assert_eq!(ledger.take(&one, said(&GRAVE, Status::Fail, "x"), LATER), []);
    assert_eq!(ledger.changes(), 0);
    let told = ledger.take(&one, said(&GRAVE, Status::Fail, "z"), LATER);
    assert_eq!(shown(&told), [("update", "z", 1)]);
    let told = ledger.take(&one, said(&SMALL, Status::Pass, ""), LATER);
    assert_eq!(shown(&told), [("close", NO_MORE, 2)]);
    assert_eq!(ledger.changes(), 2);
    // Only what matters more is told of now.
    let mut ledger = Ledger::new(Priority::Warning).with(kept);
    let told = ledger.take(&one, said(&SMALL, Status::Fail, "y"), LATER);
    assert_eq!(shown(&told), [("close", "it matters less now: y", 2)]);
}

#[test]
fn what_was_told_as_the_daemon_ended_is_told_once_more() {
    let one = container("one");
    let mut before = Ledger::new(Priority::Debug);
    before.take(&one, said(&GRAVE, Status::Fail, "x"), 1);
    before.take(&one, said(&SMALL, Status::Fail, "y"), 1);
    before.take(&one, said(&SMALL, Status::Fail, "z"), LATER - 1);
    let mut ledger = Ledger::new(Priority::Debug).with(again(&mut before, LATER));
    assert_eq!(ledger.take(&one, said(&GRAVE, Status::Fail, "x"), LATER), []);
    let told = ledger.take(&one, said(&SMALL, Status::Fail, "z"), LATER);
    assert_eq!(shown(&told), [("update", "z", 1)]);
    assert_eq!(ledger.take(&one, said(&SMALL, Status::Fail, "z"), LATER), []);
    // Of what was created then nobody may know.
    let mut before = Ledger::new(Priority::Debug);
    before.take(&one, said(&GRAVE, Status::Fail, "x"), 1);
    let mut ledger = Ledger::new(Priority::Debug).with(again(&mut before, 1));
    let told = ledger.take(&one, said(&GRAVE, Status::Fail, "y"), 2);
    assert_eq!(shown(&told), [("create", "y", 1)]);
}

#[test]
fn what_was_closed_as_the_daemon_ended_is_closed_once_more() {
    let one = container("one");
    let mut ledger = Ledger::new(Priority::Debug);
    let first = ledger.take(&one, said(&GRAVE, Status::Fail, "x"), 1);
    ledger.take(&one, said(&GRAVE, Status::Pass, ""), LATER);
    let mut kept = ledger.kept(LATER + 1);
    assert_eq!((kept.len(), kept[0].is_over()), (1, true));
    let told = kept[0].close(LATER + 2);
    assert_eq!(shown(std::slice::from_ref(&told)), [("close", NO_MORE, 1)]);
    assert_eq!(told.uid, first[0].uid);
    // What is open again is not, and what was closed long ago is known to be.
    ledger.take(&one, said(&GRAVE, Status::Fail, "x"), LATER + 2);
    assert_eq!(ledger.kept(LATER + 3).iter().filter(|it| it.is_over()).count(), 0);
    ledger.take(&one, said(&GRAVE, Status::Pass, ""), LATER + 4);
    assert_eq!(ledger.kept(2 * LATER).len(), 0);
    for number in 0..=STATE_FINDINGS {
        ledger.take(&container(&number.to_string()), said(&GRAVE, Status::Fail, "x"), LATER);
        ledger.close_all(&format!("/{number}"), "gone", LATER);
    }
    assert_eq!(ledger.kept(LATER).len(), STATE_FINDINGS);
}

#[test]
fn what_is_open_goes_where_its_container_is_now() {
    let mut ledger = Ledger::new(Priority::Debug);
    let one = container("one");
    let first = ledger.take(&one, said(&GRAVE, Status::Fail, "x"), 1);
    ledger.shift("/one", "/elsewhere");
    let moved = Container { cgroup_path: "/elsewhere".into(), ..(*one).clone() };
    assert_eq!(ledger.take(&Arc::new(moved), said(&GRAVE, Status::Fail, "x"), 2), []);
    assert_eq!(ledger.close_all("/one", "gone", 3), []);
    assert_eq!(ledger.close_all("/elsewhere", "gone", 3)[0].uid, first[0].uid);
}
