use monitor_common::{Program, RecordKind};

use super::*;
use crate::{
    bpf::planner::{Chosen, Planned, Refusal},
    document::heartbeat::KindCounters,
};

const SECOND: u64 = 1_000_000_000;

fn lost(ring_full: u64, bucket_empty: u64) -> Heartbeat {
    let dropped = vec![("ring_full", ring_full), ("bucket_empty", bucket_empty)];
    let kinds = vec![KindCounters { kind: "exec", dropped, ..KindCounters::default() }];
    Heartbeat { kinds, ..Heartbeat::default() }
}

fn sink(offered: u64, delivered: u64, dropped: u64) -> SinkCounters {
    SinkCounters { offered, delivered, dropped, ..SinkCounters::default() }
}

#[test]
fn loss_is_told_of_for_some_minutes() {
    let mut health = Health::default();
    assert_eq!(health.look(&lost(0, 0), true, SECOND), []);
    assert_eq!(health.look(&lost(1, 0), true, 2 * SECOND), [Degraded::RecordsLost]);
    assert_eq!(
        health.look(&lost(1, 1), true, 290 * SECOND),
        [Degraded::RecordsLost, Degraded::Flood]
    );
    assert_eq!(health.look(&lost(1, 1), true, 302 * SECOND), [Degraded::Flood]);
    assert_eq!(health.look(&lost(1, 1), true, 600 * SECOND), []);
    // What was lost is not lost once more because it could not be read for a while.
    assert_eq!(health.look(&Heartbeat::default(), false, 601 * SECOND), [Degraded::CountersUnread]);
    assert_eq!(health.look(&lost(1, 1), true, 602 * SECOND), []);
}

#[test]
fn a_sink_that_takes_nothing_is_stuck() {
    let mut health = Health::default();
    let mut look = |counters: SinkCounters, at: u64| {
        let other = SinkCounters { name: "other".to_owned(), ..sink(1, 1, 0) };
        // Whatever their order is: it changes with the sinks.
        let mut sinks = [other, counters];
        if at.is_multiple_of(2) && at > 100 {
            sinks.reverse();
        }
        health.look_at_sinks(&sinks, at * SECOND);
        (health.sinks[1].is_stuck, health.sinks[1].is_losing)
    };
    // One that has been quiet for long was just given something.
    assert_eq!(look(sink(0, 0, 0), 1), (false, false));
    assert_eq!(look(sink(0, 0, 0), 100), (false, false));
    assert_eq!(look(sink(5, 0, 0), 101), (false, false));
    assert_eq!(look(sink(5, 0, 0), 109), (false, false));
    assert_eq!(look(sink(6, 0, 0), 110), (true, false));
    // To drop is not to deliver.
    assert_eq!(look(sink(9, 0, 3), 111), (true, true));
    assert_eq!(look(sink(9, 1, 3), 112), (false, true));
    assert_eq!(look(sink(9, 6, 3), 130), (false, true));
    assert_eq!(look(sink(9, 6, 3), 500), (false, false));
}

#[test]
fn rules_that_are_refused_are_told_of() {
    let mut health = Health { rules_refused: true, ..Health::default() };
    assert_eq!(health.look(&lost(0, 0), true, SECOND), [Degraded::RulesRefused]);
}

fn planned(chosen: Option<Option<bool>>, refused: &[Backend]) -> Plan {
    let chosen = chosen.map(|fired| Chosen {
        backend: Backend::Fentry,
        programs: vec![(Program::ALL[0], fired)],
        blind: Vec::new(),
    });
    let refusal = |backend: &Backend| Refusal { backend: *backend, why: "it is refused".into() };
    let refused = refused.iter().map(refusal).collect();
    let hooks = vec![Planned { kind: RecordKind::Exec, chosen, refused }];
    Plan { hooks, ..Plan::default() }
}

#[test]
fn who_sees_what_rules_are_about_is_ready() {
    let none: [String; 0] = [];
    for fired in [None, Some(true)] {
        assert_eq!(missing_hooks(&planned(Some(fired), &[Backend::Kprobe])), none);
    }
    let silent = missing_hooks(&planned(Some(Some(false)), &[]));
    assert!(silent.len() == 1 && silent[0].contains("did not see the last act"), "{silent:?}");
    let unseen = missing_hooks(&planned(None, &[Backend::Fentry, Backend::Kprobe]));
    assert_eq!(unseen, ["exec is not seen: it is refused; it is refused"]);
    // Not on any host without the hierarchy that it needs.
    assert_eq!(missing_hooks(&planned(None, &[Backend::Packets])), none);
}
