use super::{
    super::{Ledger, Observation, Subject},
    *,
};
use crate::{
    container::Label,
    fact::{Fact, FactSource, Reason},
    limits::STATE_DOUBT_NS,
};

static CHECK: Check =
    Check { id: "a.check", title: "", priority: Priority::Error, standards: &[], cure: "" };

const NOW: i64 = 1_000_000_000_000;

fn writer(node: &str, boot_id: &str) -> Writer {
    Writer { node: node.to_owned(), boot_id: boot_id.to_owned() }
}

fn container() -> Arc<Container> {
    let label = Label { key: "team".into(), value: "a b".into() };
    Arc::new(Container {
        id: "c1".into(),
        image: Fact::Known("nginx:1".into(), FactSource::Docker),
        labels: Fact::Known([label].into(), FactSource::Docker),
        ..Container::unknown("/kubepods/c1", Reason::NotInBundle)
    })
}

fn package() -> Arc<Vulnerable> {
    let one = Vulnerability {
        id: "CVE-1".into(),
        severity: "high",
        tenths: Some(78),
        vector: "CVSS:3.1/AV:N".into(),
        fixed: Some("2".into()),
        exploited: Some("2024-05-30".into()),
        likelihood: Some(5),
    };
    Arc::new(Vulnerable {
        package: "tool".into(),
        version: "1".into(),
        ecosystem: "Debian:12".into(),
        installed: vec![("libtool".into(), "1".into())],
        paths: vec!["/opt/x".into()],
        fixed: None,
        in_use: "not observed",
        exposed: vec!["80/tcp".into()],
        vulnerabilities: vec![one],
        more: 3,
        data_made_on: 9,
    })
}

fn seen(text: &str) -> Observation {
    let observation = Observation::of(&CHECK, text.to_owned(), Vec::new());
    Observation { part: "p".into(), vulnerable: Some(package()), ..observation }
}

/// A file with one finding, which was told then.
fn file(told_ns: i64, is_last: bool) -> String {
    let (container, mut ledger) = (container(), Ledger::new(Priority::Debug).on("n1"));
    let subject = Subject { place: "sha256:1", id: "sha256:1", container: &container };
    ledger.replace(subject, vec![seen("x")], &|_, _| Some(""), told_ns);
    let page = Page { findings: ledger.kept(NOW), now_ns: NOW, is_last };
    write(&writer("n1", "b1"), &page)
}

fn read_by(text: &str, node: &str, boot_id: &str) -> Before {
    read(text, &writer(node, boot_id), &[&CHECK]).unwrap()
}

#[test]
fn what_was_written_is_read_again() {
    let before = read_by(&file(1, false), "n1", "b2");
    assert_eq!((before.is_same_boot, &before.said), (false, &None));
    let [kept] = &before.findings[..] else { panic!("{before:?}") };
    assert!(!kept.is_over());
    let open = &kept.open;
    assert_eq!((&*open.text, open.first_ns, open.priority), ("x", 1, Priority::Error));
    assert_eq!((&open.container, &open.vulnerable), (&container(), &Some(package())));
    let container = container();
    let subject = Subject { place: "sha256:1", id: "sha256:1", container: &container };
    let mut ledger = Ledger::new(Priority::Debug).on("n1").with(before.findings.clone());
    assert_eq!(ledger.replace(subject, vec![seen("x")], &|_, _| Some(""), NOW), []);
    let closed = ledger.replace(subject, Vec::new(), &|_, _| Some(""), NOW);
    let mut other = Ledger::new(Priority::Debug).on("n1");
    let opened = other.replace(subject, vec![seen("x")], &|_, _| Some(""), NOW);
    assert_eq!((closed.len(), &closed[0].uid), (1, &opened[0].uid));
}

#[test]
fn only_what_was_told_just_then_is_doubtful() {
    let doubt = |text: &str| read_by(text, "n1", "b1").findings[0].open.is_doubtful;
    assert!(doubt(&file(NOW - STATE_DOUBT_NS + 1, false)));
    assert!(!doubt(&file(NOW - STATE_DOUBT_NS, false)));
    assert!(!doubt(&file(NOW, true)), "sinks had it before it was written");
    assert_eq!(read_by(&file(NOW, false), "n1", "b1").findings[0].open.last, Activity::Create);
}

/// Whose finding it is, is in its id.
#[test]
fn findings_of_a_node_are_closed_by_no_other() {
    let text = file(1, true);
    let copied = read_by(&text, "n2", "b2");
    assert!(copied.findings.is_empty());
    assert!(copied.said.unwrap().contains("are of the node n1, and this one is n2"));
    let renamed = read_by(&text, "n2", "b1");
    let mut over = renamed.findings;
    assert_eq!((over.len(), over[0].is_over()), (1, true));
    assert_eq!(over[0].close(NOW).text, RENAMED);
}

#[test]
fn what_this_version_does_not_look_for_is_closed() {
    let before = read(&file(1, true), &writer("n1", "b1"), &[]).unwrap();
    let mut over = before.findings;
    let known = read_by(&file(1, true), "n1", "b1").findings;
    let told = over[0].close(NOW);
    assert_eq!((&*told.text, told.check.id), (NOT_MADE, "retired"));
    assert_eq!(told.uid, known[0].open.uid);
}

#[test]
fn what_is_none_is_refused() {
    let whole = file(1, true);
    let wrong = |text: &str| read(text, &writer("n1", "b1"), &[&CHECK]).unwrap_err();
    assert_eq!(wrong("{\"version\":2}"), "it has version 2, and not 1");
    for text in ["", "[]", "{}", &whole[..whole.len() / 2], "{\"version\":1}"] {
        wrong(text);
    }
    // What is said of one of them is no reason to leave the others out.
    let text = whole.replace("\"priority\":\"Error\"", "\"priority\":\"Much\"");
    let before = read_by(&text, "n1", "b1");
    assert!(before.findings.is_empty() && before.said.unwrap().starts_with("1 findings"));
    let text = whole.replace("\"container\":0", "\"container\":7");
    assert!(read_by(&text, "n1", "b1").findings.is_empty());
}

/// Each word that documents have is one that is read again.
#[test]
fn no_word_is_lost() {
    use crate::{usage::How, vulns::InUse};
    let levels = monitor_vulns::severity::Level::ALL.map(monitor_vulns::severity::Level::name);
    let uses = How::ALL.map(How::name).into_iter();
    let unknown = InUse::Unknown(String::new());
    for it in levels.into_iter().chain(uses).chain([InUse::NotObserved.name(), unknown.name()]) {
        assert_eq!(word(it), it);
    }
    assert_eq!(word("of the future"), "unknown");
}

#[test]
fn what_was_closed_before_a_clean_end_is_not_closed_once_more() {
    let (container, mut ledger) = (container(), Ledger::new(Priority::Debug).on("n1"));
    let subject = Subject { place: "sha256:1", id: "sha256:1", container: &container };
    ledger.replace(subject, vec![seen("x")], &|_, _| Some(""), NOW - 2);
    assert_eq!(ledger.replace(subject, Vec::new(), &|_, _| Some(""), NOW - 1).len(), 1);
    for (is_last, left) in [(true, 0), (false, 1)] {
        let page = Page { findings: ledger.kept(NOW), now_ns: NOW, is_last };
        let before = read_by(&write(&writer("n1", "b1"), &page), "n1", "b1");
        assert_eq!(before.findings.len(), left, "{is_last}");
    }
}
