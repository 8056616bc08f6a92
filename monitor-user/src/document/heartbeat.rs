//! The state of the monitor at one moment: what it sees, what it lost. It goes through every sink
//! each interval, also when all numbers are zero, numbered without gaps: silence and blindness
//! are told apart by it.

use crate::{
    judge::RuleTally, line::LineStats, profile::differences::Difference, sink::trouble::Trouble,
};

/// The numbers of one interval's end, all since start.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    /// Number of the heartbeat, from 1.
    pub sequence: u64,
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// The last heartbeat: the monitor stops.
    pub last: bool,
    /// Kernel counters, by kind of record.
    pub kinds: Vec<KindCounters>,
    /// Kernel counters that are not of one kind, by name.
    pub kernel: Vec<(&'static str, u64)>,
    /// Losses by container id and reason.
    pub losses: Vec<Loss>,
    /// The line.
    pub line: LineStats,
    /// Records of the kernel that the line took, seeds left out.
    pub decoded: u64,
    /// State of the tables, by name.
    pub tables: Vec<(&'static str, u64)>,
    /// Each sink.
    pub sinks: Vec<SinkCounters>,
    /// The store, if sinks have one.
    pub store: Option<StoreCounters>,
    /// Which hook each kind got.
    pub hooks: Vec<HookState>,
    /// Containers of which this kernel sees nothing, with their runtimes; see
    /// [`crate::limits::BLIND_SHOWN`].
    pub blind: Vec<(String, String)>,
    /// Number of rules that are on.
    pub rules: usize,
    /// What tells them from others.
    pub rules_version: String,
    /// What came of reading rules and sinks again.
    pub reloads: Reloads,
    /// What rules did: those that are off for a time, and those that did most first; see
    /// [`crate::limits::RULES_SHOWN`].
    pub rule_states: Vec<RuleState>,
    /// How what happens compares to each profile that anything was compared to.
    pub profiles: Vec<Difference>,
    /// What became of requests to the web page, if there is one.
    pub web: Option<WebCounters>,
    /// What is not as it should be, in the order of [`Degraded::ALL`].
    pub degraded: Vec<Degraded>,
}

/// What became of requests to the web page, since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebCounters {
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were refused: of a stranger, of another page, or for what is not there.
    pub refused: u64,
    /// Requests that could not be answered.
    pub failed: u64,
    /// Connections that were sent away because as many as may be were open.
    pub too_many: u64,
    /// Connections that were ended because they took too long.
    pub slow: u64,
    /// Connections that ended with an error, as where what came was no request.
    pub broken: u64,
}

/// A reason for which the monitor does less than it should, though it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degraded {
    /// The kernel lost records, of lack of room or because they could not be read.
    RecordsLost,
    /// A container had more of one sort than it may.
    Flood,
    /// A kind of record that is wanted has no hook.
    KindUnseen,
    /// A program did not see the last act of the canary.
    HookSilent,
    /// The counters of the kernel cannot be read: what they would tell is missing.
    CountersUnread,
    /// New rules could not be used: the old ones stay.
    RulesRefused,
    /// New sinks could not be used: the old ones stay.
    SinksRefused,
    /// The policy of what may run that was read last is not in use.
    PolicyRefused,
    /// A sink lost documents.
    SinkLosing,
    /// Documents wait for a sink that has taken none for a while.
    SinkStuck,
    /// The store cannot be written.
    StoreFailing,
    /// The task of a sink or of the store is gone.
    TaskGone,
}

impl Degraded {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::RecordsLost,
        Self::Flood,
        Self::KindUnseen,
        Self::HookSilent,
        Self::CountersUnread,
        Self::RulesRefused,
        Self::SinksRefused,
        Self::PolicyRefused,
        Self::SinkLosing,
        Self::SinkStuck,
        Self::StoreFailing,
        Self::TaskGone,
    ];

    /// What it is called in documents and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RecordsLost => "records_lost",
            Self::Flood => "flood",
            Self::KindUnseen => "kind_unseen",
            Self::HookSilent => "hook_silent",
            Self::CountersUnread => "counters_unread",
            Self::RulesRefused => "rules_refused",
            Self::SinksRefused => "sinks_refused",
            Self::PolicyRefused => "policy_refused",
            Self::SinkLosing => "sink_losing",
            Self::SinkStuck => "sink_stuck",
            Self::StoreFailing => "store_failing",
            Self::TaskGone => "task_gone",
        }
    }

    /// What it means, for the reference.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::RecordsLost => {
                "In the last five minutes the kernel lost records, for another reason than a flood."
            }
            Self::Flood => {
                "In the last five minutes records of a container were left out because it had too \
                 many of one sort (`flood_rate`)."
            }
            Self::KindUnseen => "A kind of record that rules or sinks want is seen by no hook.",
            Self::HookSilent => "A program did not see the last act of runmon's own canary.",
            Self::CountersUnread => {
                "The kernel's counters could not be read: they are missing, and with them what \
                 was lost."
            }
            Self::RulesRefused => "The rules were read again and refused: the old ones are in use.",
            Self::SinksRefused => {
                "The configuration was read again and its sinks refused: the old ones are in use."
            }
            Self::PolicyRefused => {
                "The policy of what may run was read again and refused: the old one is in use."
            }
            Self::SinkLosing => "In the last five minutes a sink lost documents.",
            Self::SinkStuck => {
                "Documents wait for a sink, and for ten seconds it has delivered none."
            }
            Self::StoreFailing => {
                "The store cannot be written: what comes is in memory only until sinks have it."
            }
            Self::TaskGone => {
                "The task of a sink or of the store ended by itself: what it is given is lost, \
                 until runmon is started anew."
            }
        }
    }
}

/// How often rules, sinks and profiles were read again, since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Rules that were taken.
    pub rules_taken: u64,
    /// Rules that were refused.
    pub rules_refused: u64,
    /// Other sinks that were taken.
    pub sinks_taken: u64,
    /// Other sinks, or configurations, that were refused.
    pub sinks_refused: u64,
    /// Profiles that were taken.
    pub profiles_taken: u64,
    /// Profiles that were refused.
    pub profiles_refused: u64,
    /// Policies of what may run that were taken.
    pub policy_taken: u64,
    /// Such policies that were refused.
    pub policy_refused: u64,
}

/// What a rule did.
#[derive(Clone, Debug, Default)]
pub struct RuleState {
    /// Id of the rule.
    pub id: String,
    /// Its counters.
    pub tally: RuleTally,
    /// It alerts more often than its author expects on a healthy host.
    pub noisy: bool,
    /// When it comes on again, if it is switched off for a time: nanoseconds since 1970.
    pub off_until_ns: Option<i64>,
    /// Exceptions that have ended: they keep nothing quiet any more.
    pub expired: Vec<String>,
}

/// Counters of one kind of record, in the kernel.
#[derive(Clone, Debug, Default)]
pub struct KindCounters {
    /// The kind.
    pub kind: &'static str,
    /// Acts that a hook decided to tell of.
    pub attempted: u64,
    /// Records that went into the ring buffer.
    pub submitted: u64,
    /// Repeats that were only counted.
    pub collapsed: u64,
    /// Acts that no rule can be about, left out in the kernel.
    pub filtered: u64,
    /// Records that were lost, by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

/// Losses of one container.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Id of the container, or `host`.
    pub container: String,
    /// Records that were lost, by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

/// Counters of one sink.
#[derive(Clone, Debug, Default)]
pub struct SinkCounters {
    /// Its name.
    pub name: String,
    /// Documents that it was offered.
    pub offered: u64,
    /// Documents that it delivered (for a network sink: that were acknowledged).
    pub delivered: u64,
    /// Documents that it did not want.
    pub filtered: u64,
    /// Documents that were lost, for lack of room or after the last try.
    pub dropped: u64,
    /// Tries that failed.
    pub retries: u64,
    /// Why it delivers nothing at present, if the last try failed.
    pub trouble: Option<Trouble>,
    /// Number of the last document that it is to get.
    pub number: u64,
    /// The same when the heartbeat before this one was made: what lies between belongs to the
    /// interval.
    pub number_before: u64,
}

impl SinkCounters {
    /// Documents that are still on their way.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.offered.saturating_sub(self.delivered + self.filtered + self.dropped)
    }
}

/// The store, where documents wait for sinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounters {
    /// Documents and events that were kept as history.
    pub history: u64,
    /// Those of history that were lost.
    pub history_lost: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes that it may take there.
    pub bytes_max: u64,
    /// Documents that gave way to others before all sinks had them.
    pub evicted: u64,
    /// Documents that could not be written for so long that others took their place.
    pub unwritten: u64,
    /// Bytes in which nothing could be read.
    pub broken_bytes: u64,
    /// Writes that failed.
    pub failures: u64,
    /// Whether the last write failed.
    pub is_failing: bool,
}

/// The hook of one kind.
#[derive(Clone, Debug)]
pub struct HookState {
    /// The kind.
    pub kind: &'static str,
    /// The backend that was taken; None: this kind is not seen.
    pub backend: Option<&'static str>,
    /// Its programs.
    pub programs: Vec<ProgramState>,
    /// What it cannot see.
    pub blind: Vec<String>,
}

/// A program that serves a hook.
#[derive(Clone, Debug)]
pub struct ProgramState {
    /// Where it is attached.
    pub attach: String,
    /// Whether it saw the last act of the canary; None: there is no act for it.
    pub fires: Option<bool>,
    /// How often it ran and how many nanoseconds that took, while the kernel's run-time statistics
    /// were on (`kernel.bpf_stats_enabled`).
    pub cost: Option<(u64, u64)>,
}

impl Heartbeat {
    /// Records that were lost in the kernel, of all kinds and reasons.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.kinds.iter().flat_map(|kind| &kind.dropped).map(|(_, count)| count).sum()
    }

    /// What it says, for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let (records, lost) = (self.line.records, self.lost());
        format!("heartbeat {}: {records} records, {lost} lost", self.sequence)
    }
}
