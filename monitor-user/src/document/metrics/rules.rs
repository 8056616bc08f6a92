//! Rules: of those that did something, the 64 that matched most. Profiles: those that anything was
//! compared to.

use super::Metric;

pub(super) const METRICS: &[Metric] = &[
    Metric::gauge("runmon_rules", "Rules that are on.", |now, out| {
        out.one(now.heartbeat.rules as u64);
    })
    .at(&[("rules", "")]),
    Metric::counter("runmon_rule_matches", "Events that a rule matched.", |now, out| {
        let states = now.heartbeat.rule_states.iter();
        states.for_each(|it| out.with(&[&it.id], it.tally.matches));
    })
    .by(&["rule"])
    .at(&[("rule_states.matches", "")]),
    Metric::counter("runmon_rule_alerts", "Alerts that the rule is in.", |now, out| {
        let states = now.heartbeat.rule_states.iter();
        states.for_each(|it| out.with(&[&it.id], it.tally.alerts));
    })
    .by(&["rule"])
    .at(&[("rule_states.alerts", "")]),
    Metric::counter(
        "runmon_rule_shadowed",
        "Matches of a rule in shadow mode: they were only counted.",
        |now, out| {
            let states = now.heartbeat.rule_states.iter();
            states.for_each(|it| out.with(&[&it.id], it.tally.shadowed));
        },
    )
    .by(&["rule"])
    .at(&[("rule_states.shadowed", "")]),
    Metric::counter(
        "runmon_rule_gathered",
        "Matches that were gathered with others, or are still.",
        |now, out| {
            let states = now.heartbeat.rule_states.iter();
            states.for_each(|it| out.with(&[&it.id], it.tally.gathered));
        },
    )
    .by(&["rule"])
    .at(&[("rule_states.gathered", "")]),
    Metric::counter(
        "runmon_rule_switched_off",
        "Matches while the rule was switched off for a time.",
        |now, out| {
            let states = now.heartbeat.rule_states.iter();
            states.for_each(|it| out.with(&[&it.id], it.tally.switched_off));
        },
    )
    .by(&["rule"])
    .at(&[("rule_states.switched_off", "")]),
    Metric::counter(
        "runmon_rule_excepted",
        "Events that an exception of the rule kept quiet.",
        |now, out| {
            for state in &now.heartbeat.rule_states {
                let each = state.tally.excepted.iter();
                each.for_each(|(name, count)| out.with(&[&state.id, name], *count));
            }
        },
    )
    .by(&["rule", "exception"])
    .at(&[("rule_states.excepted.count", "")]),
    Metric::gauge("runmon_rule_off", "1 where the rule is switched off for a time.", |now, out| {
        let states = now.heartbeat.rule_states.iter();
        states.for_each(|it| out.with(&[&it.id], it.off_until_ns.is_some().into()));
    })
    .by(&["rule"]),
    Metric::counter(
        "runmon_profile_expected",
        "Events of which a profile expects all, since profiles were read.",
        |now, out| {
            let states = now.heartbeat.profiles.iter();
            states.for_each(|it| out.with(&[&it.profile, it.mode.name()], it.expected));
        },
    )
    .by(&["profile", "mode"])
    .at(&[("profiles.expected", "")]),
    Metric::counter(
        "runmon_profile_unexpected",
        "Events of which a profile does not expect something, since profiles were read; other \
         builds of the image are told of with mode `shadow`.",
        |now, out| {
            let states = now.heartbeat.profiles.iter();
            states.for_each(|it| out.with(&[&it.profile, it.mode.name()], it.unexpected));
        },
    )
    .by(&["profile", "mode"])
    .at(&[("profiles.unexpected", "")]),
];
