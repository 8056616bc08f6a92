//! The conservation laws: what the daemon says that it lost, and what it says that it had, add up.

use serde_json::Value;

/// Asserts the laws on every heartbeat of a daemon's life, oldest first; the last one stands for
/// the whole life. `may_lose`: the case itself makes the daemon lose records.
pub fn assert_laws(heartbeats: &[&Value], may_lose: bool) {
    for (index, heartbeat) in heartbeats.iter().enumerate() {
        let sequence = heartbeat["event"]["sequence"].as_u64();
        assert_eq!(sequence, Some(index as u64 + 1), "heartbeats are numbered without gaps");
    }
    let last = heartbeats.last().expect("a daemon that ends well says so in a heartbeat");
    assert_eq!(last["runmon"]["last"], true, "the last heartbeat says that it is the last");
    kernel(last, may_lose);
    sinks(last);
}

/// - per kind `attempted = submitted + collapsed + dropped(by cause)`
/// - `submitted = decoded + decode errors`
fn kernel(heartbeat: &Value, may_lose: bool) {
    let kinds = &heartbeat["runmon"]["kernel"]["kinds"];
    let kinds = kinds.as_object().expect("a heartbeat has counters by kind");
    let mut submitted = 0;
    for (kind, counters) in kinds {
        let kept = number(counters, "submitted") + number(counters, "collapsed");
        let all = kept + sum(&counters["dropped"]);
        assert_eq!(number(counters, "attempted"), all, "records of {kind}: {counters:#}");
        submitted += number(counters, "submitted");
    }
    let line = &heartbeat["runmon"]["line"];
    let read = number(line, "decoded") + number(line, "decode_errors");
    assert_eq!(submitted, read, "records that came through: {line:#}");
    assert_eq!(number(line, "decode_errors"), 0, "{line:#}");
    let misses = number(&heartbeat["runmon"]["kernel"]["counters"], "recursion_misses");
    assert_eq!(misses, 0, "runs of programs that the kernel skipped");
    if !may_lose {
        assert_eq!(number(&heartbeat["runmon"], "lost"), 0, "lost records: {kinds:#?}");
    }
}

/// Per sink `offered = delivered + filtered + dropped + queued`.
fn sinks(heartbeat: &Value) {
    let sinks = heartbeat["runmon"]["sinks"].as_array().expect("a heartbeat names its sinks");
    for sink in sinks {
        let ends = ["delivered", "filtered", "dropped", "queued"];
        let accounted: u64 = ends.iter().map(|end| number(sink, end)).sum();
        assert_eq!(number(sink, "offered"), accounted, "documents of a sink: {sink:#}");
    }
}

/// A number that must be there.
pub fn number(counters: &Value, name: &str) -> u64 {
    let number = counters[name].as_u64();
    number.unwrap_or_else(|| panic!("there is no number `{name}`: {counters:#}"))
}

fn sum(by_cause: &Value) -> u64 {
    let causes = by_cause.as_object().expect("drops are counted by cause");
    causes.values().filter_map(Value::as_u64).sum()
}
