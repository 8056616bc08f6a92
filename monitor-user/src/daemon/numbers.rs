//! Numbers of what is known and of what rules did, for heartbeats.

use monitor_rules::Rule;

use super::{CountedOutlet, Daemon};
use crate::{
    document::heartbeat::{RuleState, SinkCounters},
    enrich::Enricher,
    event::Event,
    judge::{Judge, RuleTally},
    kubernetes::told::Stats,
    limits::RULES_SHOWN,
};

/// Questions that found no room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refused {
    /// About containers.
    pub lookups: u64,
    /// About the hashes of files.
    pub hashes: u64,
    /// About packages.
    pub packages: u64,
}

/// The state of the tables, by name.
#[must_use]
pub fn tables(
    enricher: &Enricher,
    (windows, windows_evicted): (u64, u64),
    (rollups, rollups_evicted): (usize, u64),
    refused: Refused,
    kubernetes: &Stats,
) -> Vec<(&'static str, u64)> {
    let (processes, registry) = (enricher.table_stats(), enricher.registry_stats());
    let (names, hashes) = (enricher.name_stats(), enricher.hash_stats());
    let packages = enricher.package_stats();
    let (peers, holders) = (enricher.peer_stats(), enricher.holder_stats());
    let mut tables = vec![
        ("rollups", rollups as u64),
        ("rollups_evicted", rollups_evicted),
        ("processes", processes.entries as u64),
        ("process_bytes", processes.bytes as u64),
        ("process_misses", processes.misses),
        ("processes_evicted", processes.evicted),
        ("containers", registry.containers as u64),
        ("containers_blind", registry.blind as u64),
        ("cgroups", registry.cgroups as u64),
        ("cgroups_refused", registry.refused),
        ("cgroups_over_share", registry.over_share),
        ("cgroups_unseen", registry.unseen),
        ("lookups_refused", refused.lookups),
        ("named_addresses", names.addresses as u64),
        ("named_addresses_evicted", names.evicted),
        ("peer_addresses", peers.addresses as u64),
        ("peer_addresses_evicted", peers.evicted),
        ("told_addresses", holders.addresses as u64),
        ("told_addresses_refused", holders.refused),
        ("dns_questions_evicted", names.questions_evicted),
        ("dns_answers_unasked", names.unasked),
        ("hashes", hashes.files as u64),
        ("hashes_hit", hashes.hits),
        ("hashes_missed", hashes.misses),
        ("hashes_evicted", hashes.evicted),
        ("hashes_refused", refused.hashes),
        ("packaged_files", packages.files as u64),
        ("packages_asked", packages.asked),
        ("packages_evicted", packages.evicted),
        ("packages_refused", refused.packages),
        ("kept_executables_too_large", hashes.too_large),
        ("windows", windows),
        ("windows_evicted", windows_evicted),
    ];
    tables.extend(kubernetes.named());
    tables
}

/// What rules did: those that are switched off, then those with the most matches.
pub(super) fn rule_states(judge: &Judge, now_ns: i64) -> Vec<RuleState> {
    let judged_ns = judge.judged_ns();
    let state = |(rule, tally): (&Rule<Event>, &RuleTally)| {
        let expired = rule.exceptions.iter().filter(|exception| !exception.is_active(now_ns));
        let rate = rule.about.expected_rate;
        RuleState {
            id: rule.about.id.clone(),
            tally: tally.clone(),
            noisy: rate.is_some_and(|rate| rate.is_exceeded(tally.alerts, judged_ns)),
            off_until_ns: judge.off_until(&rule.about.id, now_ns),
            expired: expired.map(|exception| exception.name.clone()).collect(),
        }
    };
    let says_something = |state: &RuleState| {
        state.tally != RuleTally::default()
            || state.off_until_ns.is_some()
            || !state.expired.is_empty()
    };
    let mut states: Vec<RuleState> = judge.tallies().map(state).filter(says_something).collect();
    states.sort_by_key(|state| {
        (state.off_until_ns.is_none(), std::cmp::Reverse(state.tally.matches))
    });
    states.truncate(RULES_SHOWN);
    states
}

impl<O: CountedOutlet> Daemon<O> {
    /// The sinks, each with what it was at when the last heartbeat was made.
    pub(super) fn sinks(&mut self) -> Vec<SinkCounters> {
        let mut sinks = self.line.outlet().inner().sinks();
        for sink in &mut sinks {
            let told = self.numbers_told.iter().find(|(name, _)| *name == sink.name);
            sink.number_before = told.map_or(0, |(_, number)| *number);
        }
        sinks
    }
}
