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
    hashes.learn(&HashAnswer { key: FileKey::of(&event.process).unwrap(), hash });
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
    let stats = HashStats { files: 2, hits: 2, misses: 2, evicted: 0 };
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
