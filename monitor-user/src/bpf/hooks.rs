//! The table of hooks: for each kind of record the ways to see it, best first, and what each of
//! them cannot see. The planner takes the first that loads, attaches and fires.

mod blind;
mod table;

use monitor_common::{Program, RecordKind};

pub use table::HOOKS;

/// A family of attach points, as `--hooks` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Typed tracepoints that every supported kernel has: the only way, and the best one.
    Tracepoint,
    /// Programs on the packets of all cgroups, which every supported kernel has: the only way to
    /// see what is in them.
    Packets,
    /// fentry and fexit.
    Fentry,
    /// kprobes.
    Kprobe,
    /// No trampolines and no kprobes.
    Fallback,
}

impl Backend {
    /// Every family.
    pub const ALL: [Self; 5] =
        [Self::Tracepoint, Self::Packets, Self::Fentry, Self::Kprobe, Self::Fallback];

    /// How reports and `--hooks` name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracepoint => "tracepoint",
            Self::Packets => "packets",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Fallback => "fallback",
        }
    }
}

/// One way to see a kind of record.
#[derive(Debug)]
pub struct Candidate {
    /// Its family.
    pub backend: Backend,
    /// The programs without which it is no way at all.
    pub programs: &'static [Program],
    /// Programs that close a gap and may be missing, with the gap.
    pub optional: &'static [(Program, &'static str)],
    /// What it cannot see even when all of it is attached.
    pub blind: &'static [&'static str],
}

/// The ways to see one kind of record, best first.
#[derive(Debug)]
pub struct Hook {
    /// The kind.
    pub kind: RecordKind,
    /// The ways.
    pub candidates: &'static [Candidate],
}

/// The hook of a kind, if it has one.
#[must_use]
pub fn hook(kind: RecordKind) -> Option<&'static Hook> {
    HOOKS.iter().find(|hook| hook.kind == kind)
}
