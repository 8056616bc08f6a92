//! Picks, for each kind of record, the first way to see it that loads, attaches and fires.

use monitor_common::{Program, RecordKind};

use super::{
    BpfError,
    attach_point::attach_point,
    canary,
    counters::Counters,
    hooks::{Backend, Candidate, hook},
    object::Object,
};

/// Which hook each kind got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By kind, in the order in which they were asked for.
    pub hooks: Vec<Planned>,
    /// Pids of the canary's children: acts of theirs are the monitor's own.
    pub canary_pids: Vec<u32>,
}

/// The hook of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The kind.
    pub kind: RecordKind,
    /// What was taken; None: this kind is not seen.
    pub chosen: Option<Chosen>,
    /// What was tried before and did not do.
    pub refused: Vec<Refusal>,
}

/// A way that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its family.
    pub backend: Backend,
    /// Its programs, and whether the canary saw each of them fire (None: it has no act for it).
    pub programs: Vec<(Program, Option<bool>)>,
    /// What it cannot see, gaps of missing programs included.
    pub blind: Vec<String>,
}

/// A program that fired, and does not any more.
#[derive(Debug)]
pub struct Silence {
    /// The kind that it is for.
    pub kind: RecordKind,
    /// The program.
    pub program: Program,
    /// Whether it could be attached once more, or why not.
    pub again: Result<(), String>,
}

/// A way that does not work, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Only this one, beside what there is no other way for.
    Only(Backend),
}

impl Choice {
    fn allows(self, backend: Backend) -> bool {
        match self {
            Self::Auto => true,
            Self::Only(only) => {
                backend == only || matches!(backend, Backend::Tracepoint | Backend::Packets)
            }
        }
    }
}

impl Plan {
    /// Attaches hooks for further kinds. A kind without one is in the plan too, with the reasons.
    ///
    /// # Errors
    ///
    /// The kernel side's own counters or programs cannot be used. The kinds before are in the plan.
    pub fn attach(
        &mut self,
        object: &mut Object,
        counters: &Counters,
        kinds: &[RecordKind],
        choice: Choice,
    ) -> Result<(), BpfError> {
        for kind in kinds {
            let planned = attach_kind(object, counters, *kind, choice, &mut self.canary_pids)?;
            self.hooks.push(planned);
        }
        object.tell_own_objects()
    }

    /// Does the acts of the canary again, each once, and finds the programs that do not fire any
    /// more. These are attached once more.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn check(
        &mut self,
        object: &mut Object,
        counters: &Counters,
    ) -> Result<Vec<Silence>, BpfError> {
        let before = counters.read()?;
        let mut done: Vec<(canary::Deed, bool)> = Vec::new();
        for (kind, program, _) in self.with_canary() {
            let Some(deed) = canary::deed(program, kind) else { continue };
            if done.iter().any(|(known, _)| *known == deed) {
                continue;
            }
            let act = deed.perform();
            if let canary::Act::Done(Some(pid)) = act {
                self.canary_pids.push(pid);
            }
            done.push((deed, act != canary::Act::Impossible));
        }
        let after = counters.read()?;
        let mut silent = Vec::new();
        for (kind, program, fired) in self.with_canary() {
            let deed = canary::deed(program, kind);
            let was_done = done.iter().any(|(known, done)| Some(*known) == deed && *done);
            let fires = after.own_acts(program) > before.own_acts(program);
            if was_done && !fires && fired {
                // A link that is gone cannot be let go; the program can be attached all the same.
                let again = object.detach(program).and_then(|()| object.attach(program));
                let again = again.map_err(|error| root_cause(&error));
                silent.push(Silence { kind, program, again });
            }
            if was_done {
                self.set_fired(kind, program, fires);
            }
        }
        // Links that were made again have other numbers.
        if !silent.is_empty() {
            object.tell_own_objects()?;
        }
        Ok(silent)
    }

    /// The programs whose firing the canary can see, with the kind that they are for and whether
    /// they fired last.
    fn with_canary(&self) -> Vec<(RecordKind, Program, bool)> {
        let chosen = |hook: &Planned| {
            let kind = hook.kind;
            let programs = hook.chosen.iter().flat_map(|chosen| &chosen.programs);
            let seen =
                programs.filter_map(move |(program, fired)| Some((kind, *program, (*fired)?)));
            seen.collect::<Vec<_>>()
        };
        self.hooks.iter().flat_map(chosen).collect()
    }

    fn set_fired(&mut self, kind: RecordKind, program: Program, fires: bool) {
        let hooks = self.hooks.iter_mut().filter(|hook| hook.kind == kind);
        let programs = hooks.filter_map(|hook| hook.chosen.as_mut());
        for (known, fired) in programs.flat_map(|chosen| &mut chosen.programs) {
            if *known == program {
                *fired = Some(fires);
            }
        }
    }

    /// Asks that at least one kind has a hook: to watch without one is to say that nothing happens.
    ///
    /// # Errors
    ///
    /// No kind has one.
    pub fn require_sight(&self) -> Result<(), BpfError> {
        if self.hooks.iter().any(|planned| planned.chosen.is_some()) {
            return Ok(());
        }
        let names: Vec<_> = self.hooks.iter().map(|planned| planned.kind.name()).collect();
        let mut why = self.hooks.iter().flat_map(|hook| &hook.refused).map(|refusal| &refusal.why);
        let why = why.next_back().cloned().unwrap_or_default();
        Err(BpfError::Blind { kinds: names.join(", "), why })
    }

    /// Takes the hooks of kinds out of the plan that are not needed. Returns these kinds, and the
    /// programs that no other kind shares: they are to be detached.
    pub fn take_unneeded(
        &mut self,
        is_needed: impl Fn(RecordKind) -> bool,
    ) -> (Vec<RecordKind>, Vec<Program>) {
        let (stays, goes): (Vec<Planned>, Vec<Planned>) =
            self.hooks.drain(..).partition(|hook| is_needed(hook.kind));
        self.hooks = stays;
        let shared = programs(&self.hooks);
        let kinds = goes.iter().map(|hook| hook.kind).collect();
        let unshared = programs(&goes).into_iter().filter(|program| !shared.contains(program));
        (kinds, unshared.collect())
    }
}

fn programs(hooks: &[Planned]) -> Vec<Program> {
    let chosen = hooks.iter().filter_map(|hook| hook.chosen.as_ref());
    chosen.flat_map(|chosen| &chosen.programs).map(|(program, _)| *program).collect()
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
        object.want(kind, candidate.programs.contains(&Program::SysExit))?;
        match attach_candidate(object, counters, kind, candidate, canary_pids)? {
            Ok(chosen) => {
                planned.chosen = Some(chosen);
                break;
            }
            Err(why) => {
                object.unwant(kind)?;
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
    kind: RecordKind,
    candidate: &Candidate,
    canary_pids: &mut Vec<u32>,
) -> Result<Result<Chosen, String>, BpfError> {
    let mut attached = Vec::new();
    let mut programs = Vec::new();
    for program in candidate.programs {
        // One that another kind shares stays, whatever comes of this one.
        let is_shared = object.is_attached(*program);
        match attach_program(object, counters, kind, *program, canary_pids) {
            Ok(fired) => {
                if !is_shared {
                    attached.push(*program);
                }
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
        let is_shared = object.is_attached(*program);
        match attach_program(object, counters, kind, *program, canary_pids) {
            Ok(Some(false)) => {
                if !is_shared {
                    detach(object, &[*program])?;
                }
                blind.push(format!("{gap} ({label} was attached, but did not fire)"));
            }
            Ok(fired) => programs.push((*program, fired)),
            Err(error) => {
                blind.push(format!("{gap} ({label}: {})", root_cause(&error)));
                tracing::debug!("{label} cannot be used: {:#}", anyhow::Error::from(error));
            }
        }
    }
    Ok(Ok(Chosen { backend: candidate.backend, programs, blind }))
}

/// Attaches a program and does its canary act. None: there is no act for it.
fn attach_program(
    object: &mut Object,
    counters: &Counters,
    kind: RecordKind,
    program: Program,
    canary_pids: &mut Vec<u32>,
) -> Result<Option<bool>, BpfError> {
    object.attach(program)?;
    if object.is_floor() {
        return Ok(None);
    }
    let Some(deed) = canary::deed(program, kind) else { return Ok(None) };
    let before = counters.read()?.own_acts(program);
    match deed.perform() {
        canary::Act::Impossible => return Ok(None),
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
