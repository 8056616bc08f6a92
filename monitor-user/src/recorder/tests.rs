use super::*;
use crate::{
    alert::RulesThen,
    decode::decode,
    enrich::{Enriched, Enricher},
    env::EnvKeys,
    records::{Record, Who, exec, fork},
};

const SECOND: u64 = 1_000_000_000;

/// A host where programs start: each knows whom it comes from.
struct Host {
    enricher: Enricher,
    number: u64,
}

impl Host {
    fn new() -> Self {
        Self { enricher: Enricher::new(1 << 20, 0, EnvKeys::default()), number: 0 }
    }

    fn take(&mut self, record: Record, after_ns: u64) -> Option<Arc<Event>> {
        self.number += 1;
        let record = record.after_ns(after_ns).numbered(self.number).bytes();
        match self.enricher.enrich(decode(&record).unwrap()) {
            Enriched::Event(event) => Some(Arc::from(event)),
            Enriched::State | Enriched::Repeat => None,
        }
    }

    /// A process starts a program, so many nanoseconds after the beginning.
    fn start(&mut self, who: Who, after_ns: u64) -> Arc<Event> {
        self.take(exec(who, "/bin/x", b"x\0"), after_ns).unwrap()
    }

    /// A child that starts a program.
    fn child(&mut self, parent: Who, pid: u32, after_ns: u64) -> (Who, Arc<Event>) {
        let child = parent.child(pid);
        self.take(fork(parent, child), after_ns);
        (child, self.start(child, after_ns))
    }
}

fn recorder(bytes_max: usize) -> Recorder {
    Recorder::new(RecorderOptions { window_ns: 10 * SECOND, bytes_max })
}

fn alert_on(event: &Arc<Event>) -> Alert {
    let (event, rules) = (Arc::clone(event), RulesThen::default());
    Alert { event, matched: Vec::new(), complete: true, changed: false, rules }
}

fn pids(recalled: Option<Recalled>) -> Vec<u32> {
    recalled.iter().flat_map(|it| &it.events).map(|event| event.process.key.pid).collect()
}

#[test]
fn what_the_tree_did_before_and_after_is_kept_once() {
    let (mut host, mut recorder) = (Host::new(), recorder(1 << 20));
    let shell = Who::new(100);
    let stranger = Who::new(900);
    for event in [host.start(shell, 0), host.start(stranger, SECOND)] {
        assert!(recorder.take(&event).is_none());
    }
    let (_, brother) = host.child(shell, 101, 2 * SECOND);
    assert!(recorder.take(&brother).is_none());
    let (_, bad) = host.child(shell, 102, 3 * SECOND);
    assert_eq!(pids(recorder.alert(&alert_on(&bad))), [100, 101], "not the stranger");
    let (_, late) = host.child(shell, 103, 4 * SECOND);
    assert_eq!(pids(recorder.take(&late)), [103]);
    assert!(recorder.take(&host.start(stranger, 5 * SECOND)).is_none());
    // Another alert of the tree: all of it is kept already.
    let (_, worse) = host.child(shell, 104, 6 * SECOND);
    assert!(recorder.alert(&alert_on(&worse)).is_none());
    let (_, over) = host.child(shell, 105, 17 * SECOND);
    assert!(recorder.take(&over).is_none(), "the time of both is over");
    assert_eq!(recorder.stats().left_out, 0);
}

#[test]
fn what_is_long_past_is_not_kept() {
    let (mut host, mut recorder) = (Host::new(), recorder(1 << 20));
    let shell = Who::new(100);
    recorder.take(&host.start(shell, 0));
    let (_, bad) = host.child(shell, 101, 10 * SECOND + 1);
    assert!(recorder.alert(&alert_on(&bad)).is_none());
    assert_eq!(recorder.stats().events, 1);
    assert_eq!(recorder.stats().evicted, 0, "its time was over");
}

#[test]
fn there_is_a_bound_in_bytes_and_what_goes_is_counted() {
    let (mut host, mut recorder) = (Host::new(), recorder(8 << 10));
    let shell = Who::new(100);
    for number in 0..100 {
        recorder.take(&host.start(shell, number));
    }
    let stats = recorder.stats();
    assert!(stats.bytes <= 8 << 10, "{stats:?}");
    assert!(stats.events >= 1, "{stats:?}");
    assert_eq!(stats.events + stats.evicted, 100);
}

#[test]
fn one_alert_keeps_no_more_than_it_may_and_the_newest_of_it() {
    let (mut host, mut recorder) = (Host::new(), recorder(64 << 20));
    let shell = Who::new(100);
    let number = STORY_EVENTS as u64 + 10;
    for at in 0..number {
        recorder.take(&host.start(shell, at));
    }
    let (_, bad) = host.child(shell, 101, number);
    let recalled = recorder.alert(&alert_on(&bad)).unwrap();
    assert_eq!(recalled.events.len(), STORY_EVENTS);
    assert_eq!(recalled.events[0].boottime_ns + number - 10, bad.boottime_ns);
    assert_eq!(recorder.stats().left_out, 10);
}

#[test]
fn a_storm_of_alerts_does_not_have_all_searched_each_time() {
    let (mut host, mut recorder) = (Host::new(), recorder(1 << 20));
    let shell = Who::new(100);
    for at in 0..STORY_BURST + 5 {
        let (_, bad) = host.child(shell, 101 + u32::try_from(at).unwrap(), at);
        recorder.alert(&alert_on(&bad));
    }
    let stats = recorder.stats();
    assert_eq!(stats.refused, 5);
    assert_eq!(stats.cut, STORY_BURST - STORIES as u64);
    let (_, bad) = host.child(shell, 999, SECOND);
    recorder.alert(&alert_on(&bad));
    assert_eq!(recorder.stats().refused, 5, "a second later there is room again");
}
