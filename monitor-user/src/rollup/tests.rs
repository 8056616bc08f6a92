use std::sync::Arc;

use super::*;
use crate::{
    alert::describe,
    decode::decode,
    enrich::{Enriched, Enricher},
    env::EnvKeys,
    records::{ProgramStart, Who},
};

const SECOND: u64 = 1_000_000_000;
const WINDOW: u64 = 60 * SECOND;

/// An alert on the start of a program, so long after the first.
fn alert(program: &str, args: &[u8], after_ns: u64) -> Alert {
    let start = ProgramStart::new(program, args).exec(Who::new(10)).after_ns(after_ns);
    let mut enricher = Enricher::new(1 << 20, 0, EnvKeys::default());
    let bytes = start.bytes();
    let Enriched::Event(event) = enricher.enrich(decode(&bytes).unwrap()) else { panic!() };
    let text =
        "- rule: R\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: info\n";
    let file = monitor_rules::RuleFile { name: "r.yaml", bytes: text.as_bytes() };
    let loaded = crate::rules::load(&[file]);
    let matched = vec![describe(&loaded.rules.rules()[0], &event, None)];
    Alert { event: Arc::from(event), matched, complete: true, changed: false }
}

fn is_first(rollups: &mut RollUps, alert: &Alert) -> bool {
    let (is_first, gone) = rollups.admit(alert);
    assert!(gone.is_none());
    is_first
}

#[test]
fn repeats_are_summed_up_and_what_differs_is_not() {
    let mut rollups = RollUps::new(WINDOW);
    assert!(is_first(&mut rollups, &alert("/bin/a", b"a\0x\0", 0)));
    for second in 1..=3 {
        assert!(!is_first(&mut rollups, &alert("/bin/a", b"a\0x\0", second * SECOND)));
    }
    assert!(is_first(&mut rollups, &alert("/bin/a", b"a\0y\0", 4 * SECOND)), "other arguments");
    assert!(is_first(&mut rollups, &alert("/bin/b", b"a\0x\0", 5 * SECOND)), "another program");
    let start = alert("/bin/a", b"a\0x\0", 0).event.boottime_ns;
    assert!(rollups.take_due(start + WINDOW - 1).is_empty());
    let due = rollups.take_due(start + WINDOW + 10 * SECOND);
    let [summary] = &due[..] else { panic!("{due:?}") };
    assert_eq!((summary.count, summary.number), (3, 1));
    assert_eq!(summary.last_ns - summary.first_ns, 2 * SECOND as i64);
    assert_eq!(summary.alert.event.process.args[..], b"a\0x\0"[..]);
}

#[test]
fn after_a_quiet_window_the_next_leaves_at_once() {
    let mut rollups = RollUps::new(WINDOW);
    let at = |second: u64| alert("/bin/a", b"a\0", second * SECOND);
    let start = at(0).event.boottime_ns;
    assert!(is_first(&mut rollups, &at(0)));
    assert!(!is_first(&mut rollups, &at(30)));
    assert_eq!(rollups.take_due(start + WINDOW).len(), 1);
    // It goes on: another summary of the same alert.
    assert!(!is_first(&mut rollups, &at(90)));
    let again = rollups.take_due(start + 2 * WINDOW);
    assert_eq!((again[0].number, again[0].count), (2, 1));
    assert!(rollups.take_due(start + 3 * WINDOW).is_empty());
    assert!(rollups.is_empty());
    assert!(is_first(&mut rollups, &at(200)));
    assert!(!is_first(&mut rollups, &at(201)));
    let last = rollups.finish();
    assert_eq!((last.len(), last[0].count), (1, 1));
}

#[test]
fn there_is_a_bound_and_nothing_is_lost_at_it() {
    let mut rollups = RollUps::new(WINDOW);
    let of = |number: usize| alert("/bin/a", format!("a\0{number}\0").as_bytes(), 0);
    assert!(is_first(&mut rollups, &of(0)));
    assert!(!is_first(&mut rollups, &of(0)));
    for number in 1..ROLLUPS {
        rollups.admit(&of(number));
    }
    assert_eq!(rollups.len(), ROLLUPS);
    let (is_first, gone) = rollups.admit(&of(ROLLUPS));
    assert!(is_first);
    assert_eq!(gone.map(|gone| gone.count), Some(1));
    assert_eq!((rollups.len(), rollups.evicted()), (ROLLUPS, 1));
}
