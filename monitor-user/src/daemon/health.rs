//! Whether the monitor is ready, and what is not as it should be.
//!
//! Ready is who sees what the rules are about. Loss and sinks have no part in that: a pod that is
//! not ready holds up updates, and neither a flood nor a receiver that is down may do so.

use serde_json::Value;

use super::{CountedOutlet, Daemon};
use crate::{
    bpf::{attach_point::attach_point, hooks::Backend, planner::Plan},
    document::{
        self, Heartbeat,
        heartbeat::{Degraded, SinkCounters},
    },
    endpoint::Signs,
    limits::{DEGRADED_NS, SINK_STUCK_NS},
    live::Live,
};

impl<O: CountedOutlet> Daemon<O> {
    /// How it is, for who asks on this host.
    pub(super) fn status(&mut self, boottime_ns: u64, live: &mut Live) -> Value {
        let up_ns = boottime_ns.saturating_sub(*self.begun_ns.get_or_insert(boottime_ns));
        let missing = self.missing(live);
        document::status(&self.state(live, false), &missing, up_ns)
    }

    /// What does not work without which the monitor is not ready.
    pub(super) fn missing(&mut self, live: &Live) -> Signs {
        let mut missing = missing_hooks(live.plan());
        missing.extend_from_slice(&self.health.hooks_refused);
        if self.rules == 0 && !self.line.outlet().inner().wants_events() {
            missing.push("no rule is on, and no sink wants events".to_owned());
        }
        missing
    }
}

/// Hooks that are not there, or do not fire.
fn missing_hooks(plan: &Plan) -> Signs {
    let mut missing = Vec::new();
    for hook in &plan.hooks {
        let kind = hook.kind.name();
        // What is seen in packets only needs a cgroup v2 hierarchy, which older hosts do not have:
        // nobody could ever be ready there.
        let is_extra = hook.refused.iter().all(|refusal| refusal.backend == Backend::Packets);
        if hook.chosen.is_none() && !is_extra {
            let why: Vec<&str> = hook.refused.iter().map(|refusal| &*refusal.why).collect();
            missing.push(format!("{kind} is not seen: {}", why.join("; ")));
        }
        let programs = hook.chosen.iter().flat_map(|chosen| &chosen.programs);
        for (program, _) in programs.filter(|(_, fired)| *fired == Some(false)) {
            let label = attach_point(*program).label();
            missing.push(format!("{kind}: {label} did not see the last act of runmon's own"));
        }
    }
    missing
}

/// What is remembered to tell what is not as it should be.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The rules that were read last are not in use.
    pub(super) rules_refused: bool,
    /// The sinks of the configuration that was read last are not in use.
    pub(super) sinks_refused: bool,
    /// The policy of what may run that was read last is not in use.
    pub(super) policy_refused: bool,
    /// Why hooks that the rules need could not be attached when they were read last.
    pub(super) hooks_refused: Vec<String>,
    /// Tasks of sinks and of the store that are gone.
    pub(super) tasks_gone: Vec<String>,
    lost: Grown,
    left_out: Grown,
    sinks: Vec<SinkHealth>,
}

/// A counter that had better not grow.
#[derive(Debug, Default)]
struct Grown {
    count: u64,
    at_ns: Option<u64>,
}

impl Grown {
    /// Whether it has grown of late.
    fn look(&mut self, count: u64, now_ns: u64) -> bool {
        if count > self.count {
            self.at_ns = Some(now_ns);
        }
        self.count = count;
        self.at_ns.is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < DEGRADED_NS)
    }
}

/// A sink.
#[derive(Debug, Default)]
struct SinkHealth {
    name: String,
    dropped: Grown,
    delivered: u64,
    /// When it last delivered something, or had nothing to deliver.
    moved_ns: Option<u64>,
    is_losing: bool,
    is_stuck: bool,
}

impl SinkHealth {
    fn look(&mut self, sink: &SinkCounters, now_ns: u64) {
        self.is_losing = self.dropped.look(sink.dropped, now_ns);
        if sink.queued() == 0 || sink.delivered != self.delivered {
            self.moved_ns = Some(now_ns);
        }
        self.delivered = sink.delivered;
        let moved_ns = *self.moved_ns.get_or_insert(now_ns);
        self.is_stuck = now_ns.saturating_sub(moved_ns) >= SINK_STUCK_NS;
    }
}

impl Health {
    /// Looks at the sinks. Only who looks often can tell one that is stuck from one that has just
    /// been given something.
    pub(super) fn look_at_sinks(&mut self, sinks: &[SinkCounters], now_ns: u64) {
        self.sinks.retain(|health| sinks.iter().any(|sink| sink.name == health.name));
        for sink in sinks {
            let known = self.sinks.iter().position(|health| health.name == sink.name);
            let place = known.unwrap_or_else(|| {
                self.sinks.push(SinkHealth { name: sink.name.clone(), ..SinkHealth::default() });
                self.sinks.len() - 1
            });
            if let Some(health) = self.sinks.get_mut(place) {
                health.look(sink, now_ns);
            }
        }
    }

    /// What is not as it should be, by the numbers of this moment.
    pub(super) fn look(
        &mut self,
        heartbeat: &Heartbeat,
        kernel_is_read: bool,
        now_ns: u64,
    ) -> Vec<Degraded> {
        self.look_at_sinks(&heartbeat.sinks, now_ns);
        let dropped = heartbeat.kinds.iter().flat_map(|kind| &kind.dropped);
        let left_out = dropped.filter(|(reason, _)| *reason == LEFT_OUT).map(|(_, count)| count);
        let left_out: u64 = left_out.sum();
        let lost = heartbeat.lost().saturating_sub(left_out);
        // Counters that were not read are no smaller ones.
        let (lost, left_out) =
            if kernel_is_read { (lost, left_out) } else { (self.lost.count, self.left_out.count) };
        let mut programs = heartbeat.hooks.iter().flat_map(|hook| &hook.programs);
        let is_so = [
            (Degraded::RecordsLost, self.lost.look(lost, now_ns)),
            (Degraded::Flood, self.left_out.look(left_out, now_ns)),
            (Degraded::KindUnseen, heartbeat.hooks.iter().any(|hook| hook.backend.is_none())),
            (Degraded::HookSilent, programs.any(|program| program.fires == Some(false))),
            (Degraded::CountersUnread, !kernel_is_read),
            (Degraded::RulesRefused, self.rules_refused),
            (Degraded::SinksRefused, self.sinks_refused),
            (Degraded::PolicyRefused, self.policy_refused),
            (Degraded::SinkLosing, self.sinks.iter().any(|sink| sink.is_losing)),
            (Degraded::SinkStuck, self.sinks.iter().any(|sink| sink.is_stuck)),
            (Degraded::StoreFailing, heartbeat.store.is_some_and(|store| store.is_failing)),
            (Degraded::TaskGone, !self.tasks_gone.is_empty()),
        ];
        is_so.into_iter().filter_map(|(reason, is_so)| is_so.then_some(reason)).collect()
    }
}

/// The reason of records that a flood made the kernel leave out.
const LEFT_OUT: &str = "bucket_empty";

#[cfg(test)]
mod tests;
