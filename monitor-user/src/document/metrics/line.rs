//! What the line did: decoding, enriching, judging.

use super::Metric;
use crate::event::Action;

pub(super) const METRICS: &[Metric] = &[
    Metric::counter(
        "runmon_line_records",
        "Records that came in, those of processes found at start included.",
        |now, out| out.one(now.heartbeat.line.records),
    )
    .at(&[("line.records", "")]),
    Metric::counter(
        "runmon_line_seeds",
        "Records of processes that ran before runmon.",
        |now, out| out.one(now.heartbeat.line.seeds),
    )
    .at(&[("line.seeds", "")]),
    Metric::counter(
        "runmon_line_decode_errors",
        "Records that could not be decoded.",
        |now, out| out.one(now.heartbeat.line.decode_errors),
    )
    .at(&[("line.decode_errors", "")]),
    Metric::counter(
        "runmon_line_decoded",
        "Records of the kernel's hooks that could be decoded.",
        |now, out| out.one(now.heartbeat.decoded),
    )
    .at(&[("line.decoded", "")]),
    Metric::counter("runmon_line_events", "Events.", |now, out| {
        let events = Action::KINDS.iter().zip(now.heartbeat.line.events.0);
        events.for_each(|(kind, count)| out.with(&[kind], count));
    })
    .by(&["kind"])
    .at(&[("line.events.*", "Events, by kind.")]),
    Metric::counter(
        "runmon_line_repeated",
        "Records of an end of a process that was told of before.",
        |now, out| out.one(now.heartbeat.line.repeated),
    )
    .at(&[("line.repeated", "")]),
    Metric::counter("runmon_line_own", "Events of runmon's own canary, left out.", |now, out| {
        out.one(now.heartbeat.line.own)
    })
    .at(&[("line.own", "")]),
    Metric::counter("runmon_line_alerts", "Alerts.", |now, out| out.one(now.heartbeat.line.alerts))
        .at(&[("line.alerts", "")]),
    Metric::counter(
        "runmon_line_incomplete",
        "Alerts that left before all facts about their container were there.",
        |now, out| out.one(now.heartbeat.line.incomplete),
    )
    .at(&[("line.incomplete", "")]),
    Metric::counter(
        "runmon_line_updates",
        "Updates of alerts that left before all facts about their container were there.",
        |now, out| out.one(now.heartbeat.line.updates),
    )
    .at(&[("line.updates", "")]),
    Metric::counter(
        "runmon_line_rolled_up",
        "Alerts that repeated another one, and were only counted (`rollup_seconds`).",
        |now, out| out.one(now.heartbeat.line.rolled_up),
    )
    .at(&[("line.rolled_up", "")]),
    Metric::counter("runmon_line_rollups", "Summaries of such repeats.", |now, out| {
        out.one(now.heartbeat.line.rollups);
    })
    .at(&[("line.rollups", "")]),
    Metric::counter(
        "runmon_line_updates_expired",
        "Alerts whose facts came too late for an update, or not at all.",
        |now, out| out.one(now.heartbeat.line.updates_expired),
    )
    .at(&[("line.updates_expired", "")]),
    Metric::counter(
        "runmon_line_parked",
        "Events that waited for a fact that a rule hangs on.",
        |now, out| out.one(now.heartbeat.line.parked),
    )
    .at(&[("line.parked", "")]),
    Metric::counter(
        "runmon_line_parked_expired",
        "Events that waited for a fact that a rule hangs on, and were decided without it.",
        |now, out| out.one(now.heartbeat.line.parked_expired),
    )
    .at(&[("line.parked_expired", "")]),
];
