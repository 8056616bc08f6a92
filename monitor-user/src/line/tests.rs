mod policy;

use proptest::prelude::*;

use super::*;
use crate::{
    enrich::hashes::{HashMode, Keep},
    event::{Container, Fact, FactSource, Reason},
    limits::PROCESS_TABLE_BYTES,
    profile::paths::Route,
    profile::{Approval, Behaviour, Mode, Profile, Subject, Thing, differences::Difference},
    records::{self, Record, Who},
    rules,
};

const PATH: &str = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Fires on what is known at once.
const SHELL: &str = "
- rule: Shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: shell in %container.image.repository
  priority: notice
";

/// Hangs on the image.
const IMAGE: &str = "
- rule: Image
  desc: d
  condition: evt.type = execve and proc.name = sh and container.image.repository = shop
  output: shop's shell
  priority: notice
";

/// Documents as text: `event`, or the form of an alert with its rules and whether it is complete.
#[derive(Default)]
struct Kept {
    documents: Vec<Document>,
    events: bool,
    awaits: bool,
}

impl Outlet for Kept {
    fn offer(&mut self, document: Document) {
        self.documents.push(document);
    }

    fn wants_events(&self) -> bool {
        self.events
    }

    fn awaits(&self, _event: &Event) -> bool {
        self.awaits
    }
}

impl Kept {
    fn shown(&self) -> Vec<String> {
        let alert = |form: &str, alert: &Alert| {
            let names: Vec<&str> = alert.matched.iter().map(|m| &*m.about.name).collect();
            let state = if alert.complete { "complete" } else { "pending" };
            format!("{form} {} {} {state}", alert.id().sequence, names.join("+"))
        };
        let one = |document: &Document| match document {
            Document::Event(event) => format!("event {}", event.id.sequence),
            Document::Alert(found) => alert("alert", found),
            Document::Update(found) => alert("update", found),
            Document::RollUp(found) => {
                format!("rollup {} of {}", found.count, found.first.sequence)
            }
            Document::Heartbeat(_) => "heartbeat".to_owned(),
            Document::Finding(_) => "finding".to_owned(),
            Document::State(_) => "state".to_owned(),
        };
        self.documents.iter().map(one).collect()
    }
}

struct Bench {
    line: Line<Kept>,
    sequence: u64,
}

impl Bench {
    fn new(text: &str) -> Self {
        Self::with(text, Vec::new(), false)
    }

    fn with(text: &str, own_pids: Vec<u32>, events: bool) -> Self {
        let loaded =
            rules::load(&[monitor_rules::RuleFile { name: "r.yaml", bytes: text.as_bytes() }]);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        let outlet = Kept { events, ..Kept::default() };
        let enricher = Enricher::new(PROCESS_TABLE_BYTES, 0, crate::env::EnvKeys::default());
        let mut line = Line::new(enricher, Arc::new(loaded.rules), own_pids, outlet);
        line.take(Input::Cgroup(CgroupKey { hierarchy: 0, id: 50 }, PATH));
        Self { line, sequence: 0 }
    }

    /// Takes a record in as the next one.
    fn take(&mut self, record: Record) {
        self.sequence += 1;
        self.line.take(Input::Record(&record.numbered(self.sequence).bytes()));
    }

    /// A shell in the container, so long after the start.
    fn shell(&mut self, after_ns: u64) {
        self.take(records::exec(Who::new(9).in_cgroup(50), "/bin/sh", b"sh\0").after_ns(after_ns));
    }

    fn learn(&mut self, image: &str) {
        self.facts(Fact::Known(image.into(), FactSource::Bundle));
    }

    fn facts(&mut self, image: Fact<Box<str>>) {
        self.know_container(Container { image, ..Container::host() });
    }

    /// The container is of this build of the image.
    fn know(&mut self, digest: &str) {
        let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
        let (image, image_digest) = (known("shop"), known(digest));
        self.know_container(Container { image, image_digest, ..Container::host() });
    }

    fn know_container(&mut self, container: Container) {
        let container = Container { id: "n1".into(), cgroup_path: PATH.into(), ..container };
        self.line.take(Input::Facts(ContainerFacts {
            cgroup_path: PATH.into(),
            container: Some(container.into()),
        }));
    }

    fn shown(&self) -> Vec<String> {
        self.line.outlet.shown()
    }
}

#[test]
fn an_event_waits_for_the_fact_that_its_rule_hangs_on() {
    let mut bench = Bench::new(IMAGE);
    bench.shell(0);
    assert!(bench.line.is_waiting());
    assert_eq!(bench.shown(), [""; 0]);
    bench.learn("shop");
    assert_eq!(bench.shown(), ["alert 1 Image complete"]);
    let stats = bench.line.stats();
    assert_eq!((stats.parked, stats.parked_expired, stats.alerts), (1, 0, 1));
    assert!(!bench.line.is_waiting());
}

#[test]
fn a_fact_can_also_say_no() {
    let mut bench = Bench::with(IMAGE, Vec::new(), true);
    bench.shell(0);
    bench.learn("other");
    assert_eq!(bench.shown(), ["event 1"]);
    // From then on it is known, and nothing waits.
    bench.shell(1);
    assert_eq!((bench.shown().len(), bench.line.stats().parked), (2, 1));
}

#[test]
fn waiting_ends_with_the_time_of_events() {
    let mut bench = Bench::with(IMAGE, Vec::new(), true);
    bench.shell(0);
    let other = |after| records::write_to(Who::new(3), b"/x").after_ns(after);
    bench.take(other(PARKED_NS - 1));
    assert!(bench.line.is_waiting());
    assert_eq!(bench.shown(), ["event 2"]);
    bench.take(other(PARKED_NS));
    assert_eq!(bench.shown(), ["event 2", "event 1", "event 3"]);
    assert_eq!(bench.line.stats().parked_expired, 1);
    // Facts that come later change nothing.
    bench.learn("shop");
    assert_eq!(bench.shown().len(), 3);
}

/// Undecided when time runs out: what the rule asks for is then false, so `!=` fires as Falco's
/// would, and names what was not known.
#[test]
fn what_is_never_known_is_named() {
    let mut bench = Bench::new(
        "
- rule: Not shop
  desc: d
  condition: evt.type = execve and not container.image.repository = shop
  output: o
  priority: notice
",
    );
    bench.shell(0);
    bench.line.expire(records::START_NS + PARKED_NS);
    let Document::Alert(alert) = &bench.line.outlet.documents[0] else { panic!("no alert") };
    assert_eq!(alert.matched[0].undecided, ["container.image.repository"]);
    assert!(!alert.complete);
}

#[test]
fn what_waited_is_decided_in_order() {
    let mut bench = Bench::new(IMAGE);
    (0..5).for_each(|at| bench.shell(at));
    bench.learn("shop");
    let expected: Vec<String> = (1..=5).map(|n| format!("alert {n} Image complete")).collect();
    assert_eq!(bench.shown(), expected);
}

#[test]
fn room_for_waiting_is_bounded() {
    let mut bench = Bench::with(IMAGE, Vec::new(), true);
    (0..PARKED).for_each(|_| bench.shell(0));
    assert_eq!(bench.shown(), [""; 0]);
    bench.shell(0);
    assert_eq!(bench.shown(), ["event 1"]);
    let stats = bench.line.stats();
    assert_eq!((stats.parked, stats.parked_expired), (PARKED as u64 + 1, 1));
    bench.line.finish();
    assert_eq!(bench.shown().len(), PARKED + 1);
    assert!(!bench.line.is_waiting());
}

#[test]
fn an_alert_does_not_wait_and_is_updated_once() {
    let mut bench = Bench::new(SHELL);
    bench.shell(0);
    assert_eq!(bench.shown(), ["alert 1 Shell pending"]);
    bench.learn("shop");
    assert_eq!(bench.shown(), ["alert 1 Shell pending", "update 1 Shell complete"]);
    let Document::Update(update) = &bench.line.outlet.documents[1] else { panic!("no update") };
    assert_eq!(update.matched[0].output, b"shell in shop");
    bench.learn("shop");
    assert_eq!(bench.shown().len(), 2);
    let stats = bench.line.stats();
    assert_eq!((stats.alerts, stats.incomplete, stats.updates, stats.parked), (1, 1, 1, 0));
}

#[test]
fn facts_that_never_come_leave_the_alert_as_it_was() {
    let mut bench = Bench::new(SHELL);
    bench.shell(0);
    bench.line.finish();
    assert_eq!(bench.shown(), ["alert 1 Shell pending"]);
    assert_eq!(bench.line.stats().parked_expired, 0);
    let mut bench = Bench::new(SHELL);
    bench.shell(0);
    bench.facts(Fact::Unknown(Reason::NoAnswer));
    assert_eq!(bench.shown(), ["alert 1 Shell pending", "update 1 Shell complete"]);
}

/// One rule matches at once, another hangs on a fact: the event waits, and both are in one alert.
#[test]
fn all_rules_of_an_event_are_in_one_alert() {
    let mut bench = Bench::new(&format!("{SHELL}{IMAGE}"));
    bench.shell(0);
    assert_eq!(bench.shown(), [""; 0]);
    bench.learn("shop");
    assert_eq!(bench.shown(), ["alert 1 Shell+Image complete"]);
}

#[test]
fn rules_can_change_between_two_events() {
    let mut bench = Bench::new(SHELL);
    bench.learn("shop");
    bench.shell(0);
    bench.line.set_rules(Arc::new(rules::load(&[]).rules));
    bench.shell(1);
    assert_eq!(bench.shown(), ["alert 1 Shell complete"]);
}

#[test]
fn the_canary_is_left_out_until_it_ends() {
    let mut bench = Bench::with(SHELL, vec![9], true);
    let canary = Who::new(9);
    bench.take(records::fork(Who::new(2), canary));
    bench.take(records::exec(canary, "/bin/sh", b"sh\0"));
    bench.take(records::exit(canary, 0));
    assert_eq!((bench.shown(), bench.line.stats().own), (vec![], 3));
    // Its number is given to another process later.
    bench.take(records::exec(canary, "/bin/sh", b"sh\0"));
    assert_eq!(bench.shown(), ["event 4", "alert 4 Shell complete"]);
}

#[test]
fn what_is_no_record_is_counted() {
    let mut bench = Bench::new(SHELL);
    for bytes in [&b""[..], b"not a record", &[0; 200]] {
        bench.line.take(Input::Record(bytes));
    }
    assert_eq!((bench.line.stats().records, bench.line.stats().decode_errors), (3, 3));
}

proptest! {
    /// Every record is a seed, an event, a change of state or an error; and every event that is
    /// wanted leaves once, whatever waited.
    #[test]
    fn nothing_is_lost(
        acts in prop::collection::vec((0..11_u8, 1..6_u32, any::<bool>()), 0..60),
        learned in prop::option::of(0..60_usize),
    ) {
        let mut bench = Bench::with(&format!("{SHELL}{IMAGE}"), Vec::new(), true);
        let (mut states, mut broken) = (0, 0);
        for (at, (what, pid, inside)) in acts.into_iter().enumerate() {
            if Some(at) == learned {
                bench.learn("shop");
            }
            let who = Who::new(pid).in_cgroup(if inside { 50 } else { 1 });
            let record = match what {
                0 => records::task(who, "/bin/x", b"x\0"),
                1 => records::fork(who, who.child(pid + 1)),
                2 => records::exit(who, 0),
                3 => records::cgroup_mkdir((0, 100 + u64::from(pid)), "/a/b"),
                4 => records::cgroup_rmdir((0, 100 + u64::from(pid)), "/a/b"),
                5 => records::exit(who, 0).with(|header| header.kind = 99),
                6 => records::write_to(who, b"/etc/passwd"),
                7 => records::connect(who, records::tcp4([10, 0, 0, 1], 80), b""),
                _ => records::exec(who, "/bin/sh", b"sh\0"),
            };
            states += u64::from(matches!(what, 3 | 4));
            broken += u64::from(what == 5);
            bench.take(record.after_ns(at as u64 * 20_000_000));
        }
        bench.line.finish();
        let stats = bench.line.stats();
        let events = stats.events.sum();
        prop_assert_eq!(stats.decode_errors, broken);
        prop_assert_eq!(stats.records, stats.seeds + events + states + broken + stats.repeated);
        let left = bench.shown().iter().filter(|text| text.starts_with("event")).count();
        prop_assert_eq!(left as u64, events);
        let alerts = bench.shown().iter().filter(|text| text.starts_with("alert")).count();
        prop_assert_eq!(alerts as u64, stats.alerts);
    }
}

/// Hangs on the hash of the program, of shells alone.
const HASH: &str = "
- rule: Hash
  desc: d
  condition: evt.type = execve and proc.name = sh and proc.exe_sha256 in (good, bad)
  output: hash %proc.exe_sha256
  priority: notice
";

impl Bench {
    fn hashing(text: &str, mode: HashMode, events: bool) -> Self {
        let mut bench = Self::with(text, Vec::new(), events);
        bench.line.enricher.hashes().set_mode(mode);
        bench.facts(Fact::Unknown(Reason::NotInBundle));
        bench
    }

    /// The answer to each question that there is.
    fn answer(&mut self, hash: Fact<Arc<str>>) -> usize {
        let questions = self.line.take_hash_questions();
        for question in &questions {
            let answer = HashAnswer { key: question.key, hash: hash.clone(), copy: None };
            self.line.take(Input::Hash(answer));
        }
        questions.len()
    }

    fn updates_that_say_more(&self) -> Vec<bool> {
        let changed = |document: &Document| match document {
            Document::Update(alert) => Some(alert.changed),
            _ => None,
        };
        self.line.outlet.documents.iter().filter_map(changed).collect()
    }

    fn outputs(&self) -> Vec<String> {
        let output = |document: &Document| match document {
            Document::Alert(alert) | Document::Update(alert) => {
                Some(String::from_utf8_lossy(&alert.leader()?.output).into_owned())
            }
            _ => None,
        };
        self.line.outlet.documents.iter().filter_map(output).collect()
    }
}

fn is(hash: &str) -> Fact<Arc<str>> {
    Fact::Known(hash.into(), FactSource::File)
}

#[test]
fn a_rule_waits_for_the_hash_that_it_hangs_on() {
    let mut bench = Bench::hashing(HASH, HashMode::Rules, false);
    bench.take(records::exec(Who::new(8), "/bin/true", b"true\0"));
    // Nothing hangs on it.
    assert_eq!(bench.answer(is("bad")), 0);
    bench.shell(1);
    assert!(bench.line.is_waiting());
    assert_eq!(bench.answer(is("bad")), 1);
    assert_eq!(bench.shown(), ["alert 2 Hash complete"]);
    assert_eq!(bench.outputs(), ["hash bad"]);
    // The same file again is known.
    bench.shell(2);
    assert_eq!(bench.shown().len(), 2);
    assert_eq!((bench.answer(is("bad")), bench.line.stats().parked), (0, 1));
}

#[test]
fn a_hash_that_does_not_come_decides_nothing() {
    let mut bench = Bench::hashing(HASH, HashMode::Rules, false);
    bench.shell(0);
    assert_eq!(bench.answer(Fact::Unknown(Reason::Gone)), 1);
    assert!(!bench.line.is_waiting());
    bench.shell(1);
    bench.line.take(Input::Time(records::START_NS + 1 + PARKED_NS));
    assert_eq!((bench.shown(), bench.line.stats().parked_expired), (vec![], 1));
    // Too late for the rule, in time for the next one.
    assert_eq!(bench.answer(is("good")), 1);
    bench.shell(2 + PARKED_NS);
    assert_eq!(bench.shown(), ["alert 3 Hash complete"]);
}

#[test]
fn without_hashes_a_rule_about_them_matches_nothing_and_waits_for_nothing() {
    let mut bench = Bench::hashing(HASH, HashMode::Off, false);
    bench.shell(0);
    assert!(!bench.line.is_waiting());
    assert_eq!((bench.shown(), bench.answer(is("bad"))), (vec![], 0));
}

#[test]
fn an_alert_does_not_wait_for_the_copy_of_its_program() {
    let mut bench = Bench::hashing(SHELL, HashMode::Off, false);
    // As if all files were written since.
    let keep = Keep { bytes_max: u64::MAX, since_ns: i64::MIN };
    bench.line.enricher.hashes().set_keep(Some(keep));
    bench.shell(0);
    assert_eq!(bench.shown(), ["alert 1 Shell pending"]);
    let questions = bench.line.take_hash_questions();
    let [question] = &questions[..] else { panic!("{questions:?}") };
    assert!(question.keep);
    let answer = |copy| HashAnswer { key: question.key, hash: is("ab"), copy };
    // The hash alone is not what it lacks.
    bench.line.take(Input::Hash(answer(None)));
    assert_eq!(bench.shown().len(), 1);
    let copy = Fact::Unknown(Reason::NotWritten);
    bench.line.take(Input::Hash(answer(Some(copy.clone()))));
    assert_eq!(bench.shown(), ["alert 1 Shell pending", "update 1 Shell complete"]);
    let Some(Document::Update(update)) = bench.line.outlet.documents.last() else { panic!() };
    assert_eq!((&update.event.program_copy, update.changed), (&copy, false));
    assert_eq!(update.event.program_hash, Fact::Unknown(Reason::NotWanted));
}

#[test]
fn an_alert_about_a_start_is_followed_by_the_hash() {
    let mut bench = Bench::hashing(SHELL, HashMode::Rules, false);
    bench.shell(0);
    assert_eq!(bench.shown(), ["alert 1 Shell pending"]);
    assert_eq!(bench.answer(is("bad")), 1);
    bench.shell(1);
    assert_eq!(
        bench.shown(),
        ["alert 1 Shell pending", "update 1 Shell complete", "alert 2 Shell complete"]
    );
    let hashes = |document: &Document| match document {
        Document::Alert(alert) | Document::Update(alert) => alert.event.program_hash.clone(),
        _ => Fact::Unknown(Reason::Gone),
    };
    let hashes: Vec<_> = bench.line.outlet.documents.iter().map(hashes).collect();
    assert_eq!(hashes, [Fact::Unknown(Reason::Pending), is("bad"), is("bad")]);
    assert_eq!(bench.updates_that_say_more(), [false]);
    assert!(!bench.line.is_waiting());
}

#[test]
fn a_hash_and_a_container_may_come_in_any_order() {
    for hash_first in [true, false] {
        let text = HASH.replace("good, bad", "bad") + IMAGE;
        let mut bench = Bench::with(&text, Vec::new(), false);
        bench.line.enricher.hashes().set_mode(HashMode::Rules);
        bench.shell(0);
        let mut learn = |hash: bool| {
            if hash { assert_eq!(bench.answer(is("bad")), 1) } else { bench.learn("shop") }
        };
        learn(hash_first);
        learn(!hash_first);
        assert_eq!(bench.shown(), ["alert 1 Hash+Image complete"], "{hash_first}");
        assert!(!bench.line.is_waiting());
    }
}

#[test]
fn who_wants_events_gets_starts_with_their_hash_if_that_is_always_taken() {
    let mut bench = Bench::hashing("", HashMode::Always, true);
    bench.shell(0);
    bench.take(records::exit(Who::new(9), 0).after_ns(1));
    assert_eq!(bench.shown(), ["event 2"]);
    assert_eq!(bench.answer(is("bad")), 1);
    assert_eq!(bench.shown(), ["event 2", "event 1"]);
    bench.shell(2);
    let last = bench.line.outlet.documents.last();
    assert!(matches!(last, Some(Document::Event(event)) if event.program_hash == is("bad")));
    let mut bench = Bench::hashing("", HashMode::Rules, true);
    bench.shell(0);
    assert_eq!((bench.shown(), bench.answer(is("bad"))), (vec!["event 1".to_owned()], 0));
}

#[test]
fn an_update_says_more_if_a_text_has_the_hash_or_the_container_is_known() {
    let text = SHELL.replace("shell in", "hash %proc.exe_sha256 in");
    let mut bench = Bench::hashing(&text, HashMode::Rules, false);
    bench.shell(0);
    assert_eq!(bench.answer(is("bad")), 1);
    assert!(bench.outputs().last().is_some_and(|output| output.starts_with("hash bad in")));
    assert_eq!(bench.updates_that_say_more(), [true]);
    let mut bench = Bench::with(SHELL, Vec::new(), false);
    bench.line.enricher.hashes().set_mode(HashMode::Rules);
    bench.shell(0);
    bench.learn("shop");
    assert_eq!(bench.answer(is("bad")), 1);
    assert_eq!((bench.shown().len(), bench.updates_that_say_more()), (2, vec![true]));
}

#[test]
fn repeats_leave_as_one_summary() {
    let second = 1_000_000_000;
    let mut bench = Bench::new(SHELL);
    bench.line.roll_up(60 * second);
    (0..5).for_each(|number| bench.shell(number * second));
    assert_eq!(bench.shown(), ["alert 1 Shell pending"]);
    bench.shell(61 * second);
    assert_eq!(bench.shown()[1..], ["rollup 4 of 1"]);
    bench.line.finish();
    assert_eq!(bench.shown()[2..], ["rollup 1 of 1"]);
    let stats = bench.line.stats();
    assert_eq!((stats.alerts, stats.rolled_up, stats.rollups), (1, 5, 2));
}

/// System calls come as they are read: before it is known whose they are, and behind the removal of
/// the cgroup that they were made in.
#[test]
fn system_calls_are_learned_of_whom_they_are() {
    let mut bench = Bench::new(SHELL);
    bench.line.learn(Some(Learner::default()));
    let key = CgroupKey { hierarchy: 0, id: 50 };
    let calls = |bench: &mut Bench, names| bench.line.take(Input::Syscalls(key, names));
    calls(&mut bench, "read");
    bench.take(records::exec(Who::new(9).in_cgroup(50), "/bin/web", b"web\0"));
    let image = Fact::Known("shop/web:1".into(), FactSource::Bundle);
    let id = PATH.trim_start_matches("/docker/").into();
    let container = Container { id, cgroup_path: PATH.into(), image, ..Container::host() };
    let container = Some(container.into());
    bench.line.take(Input::Facts(ContainerFacts { cgroup_path: PATH.into(), container }));
    bench.take(records::exec(Who::new(9).in_cgroup(50), "/bin/web", b"web\0").after_ns(1));
    calls(&mut bench, "openat write");
    bench.take(records::cgroup_rmdir((0, 50), PATH));
    calls(&mut bench, "exit_group no-call read");
    // On the host nothing is learned.
    bench.line.take(Input::Syscalls(CgroupKey { hierarchy: 0, id: 1 }, "reboot"));
    bench.line.finish();
    let profiles = bench.line.learner().unwrap().profiles(&[], &|_| 0, true);
    let [profile] = &profiles[..] else { panic!("{profiles:#?}") };
    assert_eq!(&*profile.name, "web-1");
    let things = profile.behaviour.things();
    let calls = things.iter().filter(|it| it.part() == crate::profile::Part::Syscalls);
    let names: Vec<String> = calls.map(ToString::to_string).collect();
    assert_eq!(names, ["exit_group", "openat", "read", "write"]);
}

/// Facts can come behind all that a container did.
#[test]
fn what_was_learned_before_the_image_was_known_is_the_images() {
    let mut bench = Bench::new(SHELL);
    bench.line.learn(Some(Learner::default()));
    let who = Who::new(9).in_cgroup(50);
    bench.take(records::exec(who, "/bin/web", b"web\0"));
    bench.take(records::exec(who, "/bin/web", b"web\0").after_ns(60_000_000_000));
    let told = |bench: &Bench, is_end| {
        let profiles = bench.line.learner().unwrap().profiles(&[], &|_| 0, is_end);
        profiles.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(&bench, false), [""; 0]);
    assert_eq!(told(&bench, true).len(), 1);
    bench.learn("shop");
    assert_eq!(told(&bench, false), ["shop"]);
    assert_eq!(told(&bench, true), ["shop"]);
}

/// A large program's hash can take longer than anyone waits.
#[test]
fn a_hash_that_is_late_takes_no_container_with_it() {
    let text = SHELL.replace("shell in", "hash %proc.exe_sha256 in");
    let mut bench = Bench::hashing(&text, HashMode::Rules, false);
    bench.shell(0);
    bench.learn("shop");
    assert_eq!(bench.shown(), ["alert 1 Shell pending"]);
    bench.shell(crate::limits::INCOMPLETE_NS);
    assert_eq!(bench.shown()[1], "update 1 Shell complete");
    assert!(bench.outputs()[1].ends_with("in shop"), "{:?}", bench.outputs());
    assert_eq!(bench.line.stats().updates_expired, 1);
}

/// A profile that somebody approved, of an image with this digest.
fn approved(digest: &str, mode: Mode) -> Profile {
    let mut behaviour = Behaviour::default();
    behaviour.put(&Thing::File(Route::of_path(b"/data/a", &[])));
    Profile {
        name: "shop".into(),
        subject: Subject { image: "shop".into(), digest: Some(digest.into()), workload: None },
        mode,
        approved: Some(Approval { by: "shop team".into(), on: "2026-11-29".into() }),
        behaviour,
        ..Profile::default()
    }
}

/// Another build of an image has the profile of the one before as its shadow: how it differs is
/// told once, and counted.
#[test]
fn a_new_build_is_compared_to_the_profile_of_the_old_one() {
    let write = |path: &[u8]| records::write_to(Who::new(9).in_cgroup(50), path);
    for (digest, mode, remarks) in [("sha256:old", "alert", 0), ("sha256:new", "shadow", 1)] {
        let mut bench = Bench::new("");
        bench.line.expect(Profiles::new([approved("sha256:old", Mode::Alert)]));
        bench.know(digest);
        for path in [&b"/data/a"[..], b"/data/a", b"/data/b", b"/data/c"] {
            bench.take(write(path));
        }
        let states: Vec<Difference> = bench.line.differences().states().cloned().collect();
        let [state] = &states[..] else { panic!("{states:?}") };
        assert_eq!((&*state.profile, state.mode.name()), ("shop", mode));
        assert_eq!((state.expected, state.unexpected), (2, 2));
        assert_eq!(state.found, ["files: /data/b", "files: /data/c"]);
        let told = bench.line.take_remarks();
        assert_eq!(told.len(), remarks, "{told:?}");
        if let [remark] = &told[..] {
            let expected = "shop (sha256:new) differs from profile shop, which is its shadow: \
                            files /data/b (nearest expected: /data/a)";
            assert!(remark.text.starts_with(expected), "{}", remark.text);
        }
        assert_eq!(bench.line.take_remarks(), []);
    }
}

/// What comes at once of an image that was quiet for long is not learned, and told once.
#[test]
fn a_burst_is_told_of_once() {
    let mut bench = Bench::new("");
    bench.line.learn(Some(Learner::default()));
    bench.know("sha256:old");
    let mut write = |name: &str, after_s: u64| {
        let path = format!("/{name}/{name}");
        let record = records::write_to(Who::new(9).in_cgroup(50), path.as_bytes());
        bench.take(record.after_ns(after_s * 1_000_000_000));
    };
    write("data", 0);
    let letters: Vec<String> = ('a'..='z').map(|letter| format!("x{letter}")).collect();
    letters.iter().for_each(|name| write(name, 700));
    let told = bench.line.take_remarks();
    let [remark] = &told[..] else { panic!("{told:?}") };
    assert!(remark.text.contains("files /xu/xu, and what comes"), "{}", remark.text);
    assert_eq!(bench.line.learner().unwrap().stats().held_back, 6);
}

/// Who wants events under a condition gets that of an alert later: it is not learned by that.
#[test]
fn what_alerted_is_not_learned_though_its_event_leaves_later() {
    let mut bench = Bench::with(SHELL, Vec::new(), true);
    bench.line.outlet.awaits = true;
    bench.line.learn(Some(Learner::default()));
    bench.shell(0);
    bench.line.outlet.awaits = false;
    bench.know("sha256:old");
    assert_eq!(bench.shown(), ["alert 1 Shell pending", "event 1", "update 1 Shell complete"]);
    let profiles = bench.line.learner().unwrap().profiles(&[], &|_| 0, true);
    assert_eq!(profiles[0].coverage.alerted, 1);
    assert!(profiles[0].behaviour.is_empty(), "{profiles:?}");
}

/// Two workloads that run one image have a profile each, and one that has none has that of all.
#[test]
fn workloads_have_profiles_of_their_own() {
    let mut bench = Bench::new("");
    bench.line.learn(Some(Learner::new(true)));
    let name = |name: &str| Fact::Known(name.into(), FactSource::Bundle);
    let web = Container { name: name("web"), ..Container::unknown(PATH, Reason::NotApplicable) };
    let (image, digest) = (name("shop"), name("sha256:one"));
    let web = Container { image, image_digest: digest, ..web };
    bench.know_container(web.clone());
    bench.take(records::write_to(Who::new(9).in_cgroup(50), b"/data/web"));
    bench.know_container(Container { name: name("job"), ..web.clone() });
    bench.take(records::write_to(Who::new(9).in_cgroup(50), b"/data/job"));
    let learned = bench.line.learner().unwrap().profiles(&[], &|_| 0, true);
    let names: Vec<&str> = learned.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["shop-job", "shop-web"]);
    let approved = Some(Approval { by: "shop team".into(), on: "2026-11-29".into() });
    let approve = |profile| Profile { approved: approved.clone(), mode: Mode::Alert, ..profile };
    let of_all = Profile {
        name: "of-all".into(),
        subject: Subject { workload: None, ..learned[0].subject.clone() },
        ..Profile::default()
    };
    let all = learned.into_iter().chain([of_all]).map(approve);
    bench.line.learn(None);
    bench.line.expect(Profiles::new(all));
    for (of, expected) in [("web", 1), ("job", 0), ("other", 0)] {
        bench.know_container(Container { name: name(of), ..web.clone() });
        bench.take(records::write_to(Who::new(9).in_cgroup(50), b"/data/web"));
        let profile = if of == "other" { "of-all".to_owned() } else { format!("shop-{of}") };
        let mut states = bench.line.differences().states();
        let state = states.find(|it| *it.profile == *profile).expect("it was compared to that");
        assert_eq!((state.expected, state.unexpected), (expected, 1 - expected), "{of}");
    }
}
