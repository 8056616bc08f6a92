//! The numbers of a heartbeat: no schema has names for them.

use serde_json::{Map, Value, json};

use crate::{
    document::{
        Heartbeat,
        heartbeat::{
            HookState, ProgramState, Reloads, RuleState, SinkCounters, StoreCounters, WebCounters,
        },
        text::rfc3339,
    },
    event::Action,
    profile::differences::Difference,
    sink::trouble::Trouble,
};

/// All of them.
pub(in crate::document) fn heartbeat(heartbeat: &Heartbeat) -> Value {
    let counts = |counts: &[(&'static str, u64)]| -> Map<String, Value> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect()
    };
    let kinds: Map<String, Value> = heartbeat
        .kinds
        .iter()
        .map(|kind| {
            let value = json!({
                "attempted": kind.attempted, "submitted": kind.submitted,
                "collapsed": kind.collapsed, "filtered": kind.filtered,
                "dropped": counts(&kind.dropped),
            });
            (kind.kind.to_owned(), value)
        })
        .collect();
    let losses: Vec<Value> = heartbeat
        .losses
        .iter()
        .map(|loss| json!({ "container": loss.container, "dropped": counts(&loss.dropped) }))
        .collect();
    json!({
        "document": "heartbeat",
        "last": heartbeat.last,
        "lost": heartbeat.lost(),
        "degraded": heartbeat.degraded.iter().map(|it| it.name()).collect::<Vec<_>>(),
        "kernel": { "kinds": kinds, "counters": counts(&heartbeat.kernel), "losses": losses },
        "line": line(heartbeat),
        "tables": counts(&heartbeat.tables),
        "sinks": sinks(heartbeat),
        "store": heartbeat.store.map(store),
        "web": heartbeat.web.map(web),
        "hooks": hooks(heartbeat),
        "blind": heartbeat.blind.iter().map(blind).collect::<Vec<_>>(),
        "rules": heartbeat.rules,
        "rules_version": heartbeat.rules_version,
        "reloads": reloads(heartbeat.reloads),
        "profiles": heartbeat.profiles.iter().map(profile).collect::<Vec<_>>(),
        "rule_states": heartbeat.rule_states.iter().map(rule_state).collect::<Vec<_>>(),
    })
}

fn blind((container, runtime): &(String, String)) -> Value {
    json!({ "container": container, "runtime": runtime, "visibility": "none" })
}

fn reloads(reloads: Reloads) -> Value {
    json!({
        "rules": { "taken": reloads.rules_taken, "refused": reloads.rules_refused },
        "sinks": { "taken": reloads.sinks_taken, "refused": reloads.sinks_refused },
        "profiles": { "taken": reloads.profiles_taken, "refused": reloads.profiles_refused },
        "policy": { "taken": reloads.policy_taken, "refused": reloads.policy_refused },
    })
}

fn line(heartbeat: &Heartbeat) -> Value {
    let line = &heartbeat.line;
    let events: Map<String, Value> = Action::KINDS
        .iter()
        .zip(line.events.0)
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect();
    json!({
        "records": line.records, "seeds": line.seeds, "decode_errors": line.decode_errors,
        "decoded": heartbeat.decoded, "events": events, "repeated": line.repeated,
        "own": line.own, "alerts": line.alerts, "incomplete": line.incomplete,
        "updates": line.updates, "rolled_up": line.rolled_up, "rollups": line.rollups,
        "parked": line.parked,
        "parked_expired": line.parked_expired, "updates_expired": line.updates_expired,
    })
}

fn rule_state(state: &RuleState) -> Value {
    let tally = &state.tally;
    let excepted = |(name, count): &(String, u64)| json!({ "name": name, "count": count });
    json!({
        "id": state.id, "matches": tally.matches, "alerts": tally.alerts,
        "shadowed": tally.shadowed, "gathered": tally.gathered,
        "switched_off": tally.switched_off, "noisy": state.noisy,
        "off": state.off_until_ns.is_some(), "off_until": state.off_until_ns.map(rfc3339),
        "excepted": tally.excepted.iter().map(excepted).collect::<Vec<_>>(),
        "expired_exceptions": state.expired,
    })
}

fn profile(difference: &Difference) -> Value {
    json!({
        "name": difference.profile, "mode": difference.mode.name(),
        "expected": difference.expected, "unexpected": difference.unexpected,
        "found": difference.found,
    })
}

fn sinks(heartbeat: &Heartbeat) -> Vec<Value> {
    let one = |sink: &SinkCounters| {
        json!({
            "name": sink.name, "offered": sink.offered, "delivered": sink.delivered,
            "filtered": sink.filtered, "dropped": sink.dropped, "retries": sink.retries,
            "queued": sink.queued(), "trouble": sink.trouble.map(Trouble::name),
            "number": sink.number, "number_before": sink.number_before,
        })
    };
    heartbeat.sinks.iter().map(one).collect()
}

fn store(store: StoreCounters) -> Value {
    json!({
        "bytes": store.bytes, "bytes_max": store.bytes_max, "evicted": store.evicted,
        "unwritten": store.unwritten, "broken_bytes": store.broken_bytes,
        "failures": store.failures, "failing": store.is_failing,
        "history": store.history, "history_lost": store.history_lost,
    })
}

fn web(web: WebCounters) -> Value {
    json!({
        "answered": web.answered, "refused": web.refused, "failed": web.failed,
        "too_many": web.too_many, "slow": web.slow, "broken": web.broken,
    })
}

fn hooks(heartbeat: &Heartbeat) -> Vec<Value> {
    let one = |hook: &HookState| {
        json!({
            "kind": hook.kind, "backend": hook.backend, "blind": hook.blind,
            "programs": hook.programs.iter().map(program).collect::<Vec<_>>(),
        })
    };
    heartbeat.hooks.iter().map(one).collect()
}

fn program(program: &ProgramState) -> Value {
    let (runs, nanoseconds) = program.cost.unwrap_or_default();
    json!({
        "attach": program.attach, "fires": program.fires, "runs": runs, "run_ns": nanoseconds,
    })
}
