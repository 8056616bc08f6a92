//! The conservation laws: what the daemon says that it lost, and what it says that it had, add up.

use serde_json::Value;

/// Asserts the laws on a daemon's last heartbeat document.
///
/// - `attempted = submitted + collapsed + dropped(by cause)`
/// - `submitted = decoded + decode errors`
/// - per sink `offered = delivered + spooled + rolled up + filtered + dropped`
pub fn assert_laws(heartbeat: &Value) {
    let counters = &heartbeat["runmon"]["counters"];
    let kept = number(counters, "submitted") + number(counters, "collapsed");
    let attempted = number(counters, "attempted");
    let dropped = sum(&counters["dropped"]);
    assert_eq!(attempted, kept + dropped, "records of the kernel side: {counters:#}");
    let decoded = number(counters, "decoded") + number(counters, "decode_errors");
    assert_eq!(number(counters, "submitted"), decoded, "records read: {counters:#}");
    let sinks = heartbeat["runmon"]["sinks"].as_object();
    for (name, sink) in sinks.expect("a heartbeat names its sinks") {
        let ends = ["delivered", "spooled", "rolled_up", "filtered", "dropped"];
        let accounted: u64 = ends.iter().map(|end| number(sink, end)).sum();
        assert_eq!(number(sink, "offered"), accounted, "documents of the sink {name}: {sink:#}");
    }
}

fn number(counters: &Value, name: &str) -> u64 {
    let number = counters[name].as_u64();
    number.unwrap_or_else(|| panic!("the heartbeat has no number `{name}`: {counters:#}"))
}

fn sum(by_cause: &Value) -> u64 {
    let causes = by_cause.as_object().expect("drops are counted by cause");
    causes.values().filter_map(Value::as_u64).sum()
}
