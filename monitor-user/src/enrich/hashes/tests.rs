use super::*;
use crate::{
    enrich::{Enriched, Enricher},
    event::FactSource,
    records::{ProgramStart, Who},
};

/// The start of a program whose file has this inode.
fn start(inode: u64) -> Event {
    let mut program = ProgramStart::new("/bin/sh", b"sh\0");
    program.image.file.inode = inode;
    let record = program.exec(Who::new(9)).bytes();
    let raw = crate::decode::decode(&record).unwrap();
    let mut enricher = Enricher::new(1 << 20, 0, crate::env::EnvKeys::default());
    match enricher.enrich(raw) {
        Enriched::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn hashes(mode: HashMode, rules_ask: bool) -> Hashes {
    let mut hashes = Hashes::with_limit(2);
    hashes.set_mode(mode);
    hashes.set_rules_ask(rules_ask);
    hashes
}

fn known(event: &Event) -> Fact<Arc<str>> {
    Fact::Known(event.process.file.inode.to_string().into(), FactSource::File)
}

fn learn(hashes: &mut Hashes, event: &Event, hash: Fact<Arc<str>>) {
    hashes.learn(&HashAnswer { key: FileKey::of(&event.process).unwrap(), hash, copy: None });
}

const PENDING: Fact<Arc<str>> = Fact::Unknown(Reason::Pending);
const NOT_WANTED: Fact<Arc<str>> = Fact::Unknown(Reason::NotWanted);

#[test]
fn who_asks_depends_on_the_mode() {
    for (mode, rules_ask, at_start, questions) in [
        (HashMode::Off, true, NOT_WANTED, 0),
        (HashMode::Rules, false, NOT_WANTED, 0),
        (HashMode::Rules, true, PENDING, 0),
        (HashMode::Always, false, PENDING, 1),
    ] {
        let (mut hashes, mut event) = (hashes(mode, rules_ask), start(1));
        hashes.follow(&mut event);
        assert_eq!(event.program_hash, at_start, "{mode:?}");
        assert_eq!(hashes.take_questions().len(), questions, "{mode:?}");
        // An alert about a start asks, and once is enough.
        hashes.follow_alert(&mut event);
        let in_alert = if mode == HashMode::Off { NOT_WANTED } else { PENDING };
        assert_eq!(event.program_hash, in_alert, "{mode:?}");
        let all = if mode == HashMode::Off { 0 } else { 1 };
        assert_eq!(questions + hashes.take_questions().len(), all, "{mode:?}");
    }
}

#[test]
fn a_file_is_asked_for_once_and_a_changed_one_again() {
    let (mut hashes, mut event) = (hashes(HashMode::Rules, false), start(1));
    hashes.ask(&mut event);
    hashes.ask(&mut event.clone());
    assert_eq!(hashes.take_questions().len(), 1);
    learn(&mut hashes, &event, known(&event));
    hashes.ask(&mut event);
    assert_eq!(event.program_hash, known(&event));
    let mut changed = event.clone();
    let mut process = Process::clone(&event.process);
    process.ctime_ns += 1;
    changed.process = Arc::new(process);
    hashes.ask(&mut changed);
    assert_eq!(changed.program_hash, PENDING);
    let stats = HashStats { files: 2, hits: 2, misses: 2, evicted: 0, too_large: 0 };
    assert_eq!(hashes.stats(), stats);
}

#[test]
fn the_file_that_was_executed_longest_ago_goes_first() {
    let mut hashes = hashes(HashMode::Rules, false);
    let mut events = [start(1), start(2), start(3)];
    for number in [0, 1, 0, 2] {
        let event = &mut events[number];
        hashes.ask(event);
        if event.program_hash == PENDING {
            learn(&mut hashes, event, known(event));
        }
    }
    assert_eq!(hashes.stats().evicted, 1);
    assert_eq!(hashes.take_questions().len(), 3);
    hashes.ask(&mut events[0]);
    assert_eq!(hashes.take_questions(), []);
    hashes.ask(&mut events[1]);
    assert_eq!(hashes.take_questions().len(), 1);
    assert_eq!((hashes.slots.len(), hashes.order.len()), (2, 2));
}

#[test]
fn what_may_pass_is_asked_again() {
    for (reason, again) in [
        (Reason::Gone, 1),
        (Reason::Changed, 1),
        (Reason::TooMany, 1),
        (Reason::NotPermitted, 1),
        (Reason::TooLarge, 0),
    ] {
        let (mut hashes, mut event) = (hashes(HashMode::Always, false), start(1));
        hashes.follow(&mut event);
        drop(hashes.take_questions());
        learn(&mut hashes, &event, Fact::Unknown(reason));
        hashes.follow(&mut event);
        assert_eq!(hashes.take_questions().len(), again, "{reason:?}");
        assert_eq!(hashes.slots.len(), hashes.order.len());
    }
}

#[test]
fn an_alert_does_not_try_again_what_just_failed() {
    let (mut hashes, mut event) = (hashes(HashMode::Rules, true), start(1));
    event.program_hash = Fact::Unknown(Reason::Gone);
    hashes.follow_alert(&mut event);
    assert_eq!(
        (hashes.take_questions(), event.program_hash),
        (vec![], Fact::Unknown(Reason::Gone))
    );
}

#[test]
fn a_file_without_a_name_has_no_path() {
    let mut hashes = hashes(HashMode::Always, false);
    let mut path_of = |links, internal| {
        let (mut event, mut hashed) = (start(1), start(1));
        let mut process = Process::clone(&event.process);
        (process.file.links, process.file.internal_mount) = (links, internal);
        process.file.inode += u64::from(links) * 2 + u64::from(internal) * 7;
        event.process = Arc::new(process);
        hashes.follow(&mut event);
        hashed.process = event.process;
        hashes.take_questions().remove(0).path.is_some()
    };
    assert!(path_of(1, false));
    assert!(!path_of(0, false));
    assert!(!path_of(1, true));
}

#[test]
fn modes_have_names() {
    for (name, mode) in HashMode::ALL {
        assert_eq!((HashMode::from_name(name), mode.name()), (Some(mode), name));
    }
    assert_eq!(HashMode::from_name(""), None);
}

const DAY_NS: i64 = 86_400_000_000_000;

/// A program as one finds it on any host, in an alert so long after the monitor was started.
fn alerted(inode: u64, boottime_ns: u64) -> Event {
    let mut event = start(inode);
    (event.boottime_ns, event.timestamp_ns) = (boottime_ns, 9 * DAY_NS);
    let mut process = Process::clone(&event.process);
    (process.ctime_ns, process.size, process.file.links) = (DAY_NS, 100, 1);
    (process.file.upper_layer, process.file.internal_mount) = (false, false);
    process.file.magic = 0xef53;
    event.process = Arc::new(process);
    event
}

fn with(mut event: Event, change: impl FnOnce(&mut Process)) -> Event {
    let mut process = Process::clone(&event.process);
    change(&mut process);
    event.process = Arc::new(process);
    event
}

const KEEP: Keep = Keep { bytes_max: 1000, since_ns: 5 * DAY_NS };

fn keeping(mode: HashMode) -> Hashes {
    let mut hashes = hashes(mode, false);
    hashes.set_keep(Some(KEEP));
    hashes
}

#[test]
fn what_neither_a_package_nor_an_image_brought_is_kept() {
    let event = || alerted(1, 0);
    let started = |mut event: Event, started_ns| {
        let mut container = crate::event::Container::clone(&event.container);
        container.started_ns = Fact::Known(started_ns, FactSource::Bundle);
        event.container = Arc::new(container);
        event
    };
    let overlay = |process: &mut Process| process.file.magic = 0x794c_7630;
    for (what, event, wanted) in [
        ("of a package", event(), false),
        ("deleted", with(event(), |it| it.file.links = 0), true),
        (
            "in memory",
            with(event(), |it| {
                it.file.internal_mount = true;
                it.executable = Some(b"/memfd:x".as_slice().into());
            }),
            true,
        ),
        ("the kernel's", with(event(), |it| it.file.internal_mount = true), false),
        ("of the image", with(with(event(), overlay), |it| it.ctime_ns = 8 * DAY_NS), false),
        ("dropped", with(with(event(), overlay), |it| it.file.upper_layer = true), true),
        ("written since the monitor is there", with(event(), |it| it.ctime_ns = 6 * DAY_NS), true),
        (
            "before the container",
            started(with(event(), |it| it.ctime_ns = 6 * DAY_NS), 7 * DAY_NS),
            false,
        ),
        ("since the container", started(event(), DAY_NS / 2), true),
    ] {
        assert_eq!(KEEP.wants(&event), wanted, "{what}");
    }
}

#[test]
fn any_alert_about_such_a_program_asks_for_its_copy_once() {
    for (mode, hash) in [(HashMode::Off, NOT_WANTED), (HashMode::Rules, PENDING)] {
        let mut hashes = keeping(mode);
        let mut event = with(alerted(1, 0), |it| it.file.links = 0);
        hashes.follow_alert(&mut event);
        assert_eq!((&event.program_copy, &event.program_hash), (&PENDING_COPY, &hash));
        hashes.follow_alert(&mut event.clone());
        // An act of another kind, of which no hash is wanted.
        let mut other = event.clone();
        other.action = Action::Exit { status: 0 };
        other.program_hash = NOT_WANTED;
        hashes.follow_alert(&mut other);
        assert_eq!((&other.program_copy, &other.program_hash), (&PENDING_COPY, &NOT_WANTED));
        let questions = hashes.take_questions();
        assert!(matches!(&questions[..], [one] if one.keep && one.known.is_none()));
        // Of one that a package brought nothing is asked but the hash.
        let mut usual = alerted(2, 0);
        hashes.follow_alert(&mut usual);
        assert_eq!(usual.program_copy, Fact::Unknown(Reason::NotWanted));
        assert!(hashes.take_questions().iter().all(|question| !question.keep));
    }
}

#[test]
fn a_question_that_has_not_left_is_asked_for_the_copy_as_well() {
    let mut hashes = keeping(HashMode::Always);
    let mut event = with(alerted(1, 0), |it| it.file.links = 0);
    hashes.follow(&mut event);
    hashes.follow_alert(&mut event);
    let questions = hashes.take_questions();
    assert!(matches!(&questions[..], [one] if one.keep));
}

#[test]
fn what_came_of_a_copy_stands_for_a_while() {
    for copy in [
        Fact::Unknown(Reason::NotWritten),
        Fact::Known(
            Arc::new(KeptExecutable { path: "/k".into(), sha256: "1".into(), bytes: 1 }),
            FactSource::File,
        ),
    ] {
        let mut hashes = keeping(HashMode::Off);
        let mut event = with(alerted(1, 7), |it| it.file.links = 0);
        hashes.follow_alert(&mut event);
        drop(hashes.take_questions());
        let (key, hash) = (FileKey::of(&event.process).unwrap(), known(&event));
        let answer = HashAnswer { key, hash, copy: Some(copy.clone()) };
        assert!(answer.is_about(&event));
        answer.tell(&mut event);
        hashes.learn(&answer);
        assert_eq!((&event.program_copy, &event.program_hash), (&copy, &NOT_WANTED));
        let again = |hashes: &mut Hashes, at| {
            let mut event = with(alerted(1, at), |it| it.file.links = 0);
            hashes.follow_alert(&mut event);
            (event.program_copy, hashes.take_questions())
        };
        assert_eq!(again(&mut hashes, 6 + KEPT_AGAIN_NS), (copy, vec![]));
        // Then it is looked whether it is there, or can be.
        let (told, questions) = again(&mut hashes, 7 + KEPT_AGAIN_NS);
        assert_eq!(told, PENDING_COPY);
        assert!(matches!(&questions[..], [one] if one.known.as_deref() == Some("1")));
    }
}

#[test]
fn what_could_not_be_read_is_asked_for_again_and_what_is_too_large_is_not() {
    let mut hashes = keeping(HashMode::Off);
    let mut event = with(alerted(1, 0), |it| it.file.links = 0);
    for _ in 0..2 {
        hashes.follow_alert(&mut event);
        assert_eq!(hashes.take_questions().len(), 1);
        let key = FileKey::of(&event.process).unwrap();
        let (hash, copy) = (Fact::Unknown(Reason::Gone), Some(Fact::Unknown(Reason::Gone)));
        hashes.learn(&HashAnswer { key, hash, copy });
    }
    let mut large = with(event, |it| it.size = 1001);
    hashes.follow_alert(&mut large);
    assert_eq!(large.program_copy, Fact::Unknown(Reason::TooLarge));
    assert_eq!((hashes.take_questions(), hashes.stats().too_large), (vec![], 1));
}
