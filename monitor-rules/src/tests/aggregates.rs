//! Several events that make one alert.

use super::toy::{self, CONNECT, EXEC, Fact, Toy};
use crate::{Gathered, Loaded, Mode, Outcome, Windows};

const SECOND_NS: i64 = 1_000_000_000;

fn load(aggregate: &str) -> Loaded<Toy> {
    toy::load_condition("evt.type = connect", &format!("  aggregate:\n{aggregate}"))
}

fn rules(aggregate: &str) -> Loaded<Toy> {
    let loaded = load(aggregate);
    assert!(!loaded.has_errors(), "{:?}", toy::lines(&loaded.diagnostics));
    loaded
}

/// A connection by a container to a port, at a second.
fn connect(second: i64, container: &'static str, port: i64) -> Toy {
    let facts = [("container.id", Fact::Str(container)), ("fd.port", Fact::Int(port))];
    let mut event = toy::event(CONNECT, &facts);
    event.time_ns = second * SECOND_NS;
    event
}

/// Feeds events; what each of them completed.
fn feed(loaded: &Loaded<Toy>, windows: &mut Windows, events: &[Toy]) -> Vec<Option<Gathered>> {
    let aggregate = loaded.rules.rules()[0].aggregate.as_ref().unwrap();
    events.iter().map(|event| windows.take(0, aggregate, event, event.time_ns)).collect()
}

fn fired(loaded: &Loaded<Toy>, events: &[Toy]) -> Vec<bool> {
    feed(loaded, &mut Windows::default(), events).iter().map(Option::is_some).collect()
}

#[test]
fn a_count_within_a_time_by_a_key() {
    let loaded = rules("    count: 3\n    within: 10s\n    by: [container.id]\n");
    let at = |second, container| connect(second, container, 1);
    let events = [at(0, "a"), at(1, "b"), at(2, "a"), at(3, "b"), at(4, "a"), at(5, "a")];
    let found = feed(&loaded, &mut Windows::default(), &events);
    let shown: Vec<bool> = found.iter().map(Option::is_some).collect();
    // Gathering starts anew after the fifth.
    assert_eq!(shown, [false, false, false, false, true, false]);
    let gathered = Gathered {
        count: 3,
        first_ns: 0,
        last_ns: 4 * SECOND_NS,
        key: vec![("container.id".into(), b"a".to_vec())],
    };
    assert_eq!(found[4], Some(gathered));
    // The first is too long ago.
    assert_eq!(fired(&loaded, &[at(0, "a"), at(5, "a"), at(10, "a")]), [false; 3]);
    assert_eq!(fired(&loaded, &[at(0, "a"), at(5, "a"), at(9, "a")]), [false, false, true]);
}

#[test]
fn different_values_within_a_time() {
    let loaded = rules("    count: 3\n    distinct: fd.port\n    within: 10s\n");
    let ports = |ports: &[i64]| -> Vec<bool> {
        let events = ports.iter().enumerate().map(|(at, port)| connect(at as i64, "a", *port));
        fired(&loaded, &events.collect::<Vec<_>>())
    };
    assert_eq!(ports(&[1, 1, 1, 2, 2, 3]), [false, false, false, false, false, true]);
    assert_eq!(ports(&[1; 9]), [false; 9]);
}

#[test]
fn one_after_another() {
    let steps = "    sequence:\n    - evt.type = execve and proc.name = curl\n    \
                 - evt.type = connect\n    - evt.type = execve and proc.name = sh\n    \
                 within: 10s\n    by: container.id\n";
    let rule = format!(
        "- rule: r\n  desc: d\n  output: o\n  priority: info\n  mode: shadow\n  aggregate:\n{steps}"
    );
    let loaded = toy::load(&[("f", &rule)]);
    assert!(!loaded.has_errors(), "{:?}", toy::lines(&loaded.diagnostics));
    assert_eq!(loaded.rules.rules()[0].mode, Mode::Shadow);
    let run = |second: i64, name| {
        let mut event =
            toy::event(EXEC, &[("proc.name", Fact::Str(name)), ("container.id", Fact::Str("a"))]);
        event.time_ns = second * SECOND_NS;
        event
    };
    // Without a condition the steps are the condition.
    assert_eq!(toy::found(&loaded.rules, &run(0, "sh")), [("r".to_owned(), Outcome::Matches)]);
    assert!(toy::found(&loaded.rules, &run(0, "ls")).is_empty());
    let to = |second| connect(second, "a", 1);
    assert_eq!(fired(&loaded, &[run(0, "curl"), to(1), run(2, "sh")]), [false, false, true]);
    assert_eq!(fired(&loaded, &[to(0), run(1, "sh"), run(2, "curl")]), [false; 3]);
    assert_eq!(fired(&loaded, &[run(0, "curl"), to(1), run(20, "sh")]), [false; 3]);
    // What was done long before does not keep the sequence from being seen.
    let stale = [run(0, "curl"), to(1), run(9, "curl"), to(10), run(11, "sh")];
    assert_eq!(fired(&loaded, &stale), [false, false, false, false, true]);
    let again = [run(0, "curl"), run(8, "curl"), to(12), run(13, "sh")];
    assert_eq!(fired(&loaded, &again), [false, false, false, true]);
}

#[test]
fn the_state_is_bounded() {
    let loaded = rules("    count: 2\n    within: 1h\n    by: [fd.port]\n");
    let mut windows = Windows::default();
    let aggregate = loaded.rules.rules()[0].aggregate.as_ref().unwrap();
    let most = crate::limits::AGGREGATE_KEYS_MAX;
    for port in 0..2 * most as i64 {
        let event = connect(port, "a", port);
        assert!(windows.take(0, aggregate, &event, port).is_none());
    }
    assert!(windows.open() <= most);
    assert_eq!(windows.evicted() as usize + windows.open(), 2 * most);
    // The newest are there still.
    let newest = connect(0, "a", 2 * most as i64 - 1);
    assert!(windows.take(0, aggregate, &newest, 2 * most as i64).is_some());
}

#[test]
fn what_is_wrong_is_said() {
    for (aggregate, expected) in [
        ("    count: 3\n", "`within` must be a time span"),
        ("    count: 3\n    within: 10\n", "`within` must be a time span"),
        ("    count: 0\n    within: 1s\n", "`count` is a number from 1 to 10000"),
        ("    within: 1s\n", "`aggregate` must say what is gathered"),
        ("    count: 2\n    sequence: [a]\n    within: 1s\n", "must say what is gathered"),
        ("    sequence: [evt.type = open]\n    within: 1s\n", "`sequence` has 2 to 16 steps"),
        ("    count: 2\n    within: 1s\n    by: [fd.prt]\n", "unknown field `fd.prt`"),
        ("    count: 2\n    within: 1s\n    by: [nothing]\n", "`nothing` is no field"),
        ("    count: 2\n    within: 1s\n    wihtin: 1s\n", "unknown key `wihtin`"),
    ] {
        let lines = toy::lines(&load(aggregate).diagnostics);
        assert!(lines.iter().any(|line| line.contains(expected)), "{aggregate}: {lines:?}");
    }
}
