//! Picks, for each kind of record, the first way to see it that loads, attaches and fires.

use monitor_common::{Program, RecordKind};

use super::{
    BpfError, canary,
    counters::Counters,
    hooks::{Backend, Candidate, attach_point, hook},
    object::Object,
};

/// Which hook each kind got.
#[derive(Debug, Default)]
pub struct Plan {
    /// By kind, in the order in which they were asked for.
    pub hooks: Vec<Planned>,
    /// Pids of the canary's children: acts of theirs are the monitor's own.
    pub canary_pids: Vec<u32>,
}

/// The hook of one kind.
#[derive(Debug)]
pub struct Planned {
    /// The kind.
    pub kind: RecordKind,
    /// What was taken; None: this kind is not seen.
    pub chosen: Option<Chosen>,
    /// What was tried before and did not do.
    pub refused: Vec<Refusal>,
}

/// A way that works.
#[derive(Debug)]
pub struct Chosen {
    /// Its family.
    pub backend: Backend,
    /// Its programs, and whether the canary saw each of them fire (None: it has no act for it).
    pub programs: Vec<(Program, Option<bool>)>,
    /// What it cannot see, gaps of missing programs included.
    pub blind: Vec<String>,
}

/// A way that does not work, and why.
#[derive(Debug)]
pub struct Refusal {
    /// Its family.
    pub backend: Backend,
    /// Why, for people.
    pub why: String,
}

/// Which backends may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best that works.
    #[default]
    Auto,
    /// Only this one, beside the tracepoints that have no other way.
    Only(Backend),
}

impl Choice {
    fn allows(self, backend: Backend) -> bool {
        match self {
            Self::Auto => true,
            Self::Only(only) => backend == only || backend == Backend::Tracepoint,
        }
    }
}

/// Attaches hooks for `kinds`. A kind without a hook is no error unless no kind has one.
pub fn attach(
    object: &mut Object,
    counters: &Counters,
    kinds: &[RecordKind],
    choice: Choice,
) -> Result<Plan, BpfError> {
    let mut plan = Plan::default();
    for kind in kinds {
        let planned = attach_kind(object, counters, *kind, choice, &mut plan.canary_pids)?;
        plan.hooks.push(planned);
    }
    if !kinds.is_empty() && plan.hooks.iter().all(|planned| planned.chosen.is_none()) {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let mut why = plan.hooks.iter().flat_map(|hook| &hook.refused).map(|refusal| &refusal.why);
        let why = why.next_back().cloned().unwrap_or_default();
        return Err(BpfError::Blind { kinds: names.join(", "), why });
    }
    Ok(plan)
}

fn attach_kind(
    object: &mut Object,
    counters: &Counters,
    kind: RecordKind,
    choice: Choice,
    canary_pids: &mut Vec<u32>,
) -> Result<Planned, BpfError> {
    let mut planned = Planned { kind, chosen: None, refused: Vec::new() };
    let candidates = hook(kind).map_or(&[][..], |hook| hook.candidates);
    for candidate in candidates.iter().filter(|candidate| choice.allows(candidate.backend)) {
        match attach_candidate(object, counters, candidate, canary_pids)? {
            Ok(chosen) => {
                planned.chosen = Some(chosen);
                break;
            }
            Err(why) => {
                planned.refused.push(Refusal { backend: candidate.backend, why });
            }
        }
    }
    Ok(planned)
}

/// Attaches one candidate whole, or not at all; the inner error says why not.
fn attach_candidate(
    object: &mut Object,
    counters: &Counters,
    candidate: &Candidate,
    canary_pids: &mut Vec<u32>,
) -> Result<Result<Chosen, String>, BpfError> {
    let mut attached = Vec::new();
    let mut programs = Vec::new();
    for program in candidate.programs {
        match attach_program(object, counters, *program, canary_pids) {
            Ok(fired) => {
                attached.push(*program);
                if fired == Some(false) {
                    detach(object, &attached)?;
                    let label = attach_point(*program).label();
                    return Ok(Err(format!("{label} was attached, but did not fire")));
                }
                programs.push((*program, fired));
            }
            Err(error) => {
                detach(object, &attached)?;
                let label = attach_point(*program).label();
                // With the verifier's log, where there is one.
                let why = format!("{label}: {}", root_cause(&error));
                tracing::debug!("{label} cannot be used: {:#}", anyhow::Error::from(error));
                return Ok(Err(why));
            }
        }
    }
    let mut blind: Vec<String> = candidate.blind.iter().map(|gap| (*gap).to_owned()).collect();
    for (program, gap) in candidate.optional {
        let label = attach_point(*program).label();
        match attach_program(object, counters, *program, canary_pids) {
            Ok(Some(false)) => {
                detach(object, &[*program])?;
                blind.push(format!("{gap} ({label} was attached, but did not fire)"));
            }
            Ok(fired) => programs.push((*program, fired)),
            Err(error) => blind.push(format!("{gap} ({label}: {})", root_cause(&error))),
        }
    }
    Ok(Ok(Chosen { backend: candidate.backend, programs, blind }))
}

/// Attaches a program and does its canary act. None: there is no act for it.
fn attach_program(
    object: &mut Object,
    counters: &Counters,
    program: Program,
    canary_pids: &mut Vec<u32>,
) -> Result<Option<bool>, BpfError> {
    object.attach(program)?;
    if object.is_floor() {
        return Ok(None);
    }
    let before = counters.read()?.own_acts(program);
    match canary::act(program) {
        canary::Act::None => return Ok(None),
        canary::Act::Done(Some(pid)) => canary_pids.push(pid),
        canary::Act::Done(None) => {}
    }
    Ok(Some(counters.read()?.own_acts(program) > before))
}

fn detach(object: &mut Object, programs: &[Program]) -> Result<(), BpfError> {
    programs.iter().try_for_each(|program| object.detach(*program))
}

/// The innermost reason of an error, in one line: what the kernel said.
fn root_cause(error: &BpfError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}
