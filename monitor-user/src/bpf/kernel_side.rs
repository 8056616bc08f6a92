//! The kernel side while it runs: the programs, the plan of which sees what, and what is asked of
//! both.

use std::io;

use monitor_common::{DropReason, Program, RecordKind};

use super::{
    BpfError,
    counters::{Counters, Reading},
    kernel_log::KernelLog,
    object::{LoadOptions, Object},
    planner::{Choice, Plan, Silence},
    ring::RingMaps,
    syscalls::{Calls, Syscalls},
};
use crate::{
    env::EnvKeys,
    flood::FloodLimit,
    reach::{Direct, Reach},
    rules::filter::KernelFilter,
};

/// Kinds without which processes and containers are not known.
pub const STATE_KINDS: [RecordKind; 5] = [
    RecordKind::Exec,
    RecordKind::Fork,
    RecordKind::Exit,
    RecordKind::CgroupMkdir,
    RecordKind::CgroupRmdir,
];

/// What the kernel side is brought up with.
#[derive(Clone, Debug)]
pub struct SideOptions {
    /// Kinds to see besides those that the state needs.
    pub kinds: Vec<RecordKind>,
    /// Which hooks may be used.
    pub choice: Choice,
    /// Size of the ring buffer.
    pub ring_bytes: u32,
    /// What one container can make the kernel tell of.
    pub flood: FloodLimit,
    /// Whether the programs' own debug messages are wanted.
    pub kernel_log: bool,
    /// Whether programs return at once, to measure their attach points alone.
    pub floor: bool,
    /// Environment variables that are kept.
    pub env_keys: EnvKeys,
    /// Which opens, connections and datagrams are told of.
    pub filter: KernelFilter,
    /// Whether it is noted which system calls each cgroup makes.
    pub syscalls: bool,
}

/// Losses of a cgroup, by [`monitor_common::counter::loss_cgroup`]'s key, in the order of
/// [`DropReason::ALL`].
pub type Losses = (u64, [u64; DropReason::COUNT]);

/// The numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The counters.
    pub reading: Reading,
    /// Runs that the kernel skipped: acts that no hook could count.
    pub recursion_misses: u64,
    /// Run count and total run time in nanoseconds, where the kernel's run-time statistics are on.
    pub costs: Vec<(Program, (u64, u64))>,
}

/// What is asked of the kernel side, here or in another process.
pub trait Kernel {
    /// Which hook each kind got.
    fn plan(&self) -> &Plan;

    /// The processes that the canary made since this was asked last: acts of theirs are the
    /// monitor's own.
    fn take_canary_pids(&mut self) -> Vec<u32>;

    /// The numbers of this moment.
    ///
    /// # Errors
    ///
    /// The counters cannot be read; so below.
    fn numbers(&mut self) -> Result<Numbers, BpfError>;

    /// Losses by cgroup.
    ///
    /// # Errors
    ///
    /// As above.
    fn losses(&mut self) -> Result<Vec<Losses>, BpfError>;

    /// Attaches what further kinds need, and lets go what none of these kinds and no state needs.
    ///
    /// # Errors
    ///
    /// The first thing that could not be done; the rest is done all the same. A kind that no hook
    /// sees is none: the plan says so.
    fn set_kinds(&mut self, kinds: &[RecordKind]) -> Result<(), BpfError>;

    /// Changes which environment variables are looked for.
    ///
    /// # Errors
    ///
    /// The programs cannot be told; so below.
    fn keep_env(&mut self, keys: &EnvKeys) -> Result<(), BpfError>;

    /// Changes which opens, connections and datagrams are told of.
    ///
    /// # Errors
    ///
    /// As above.
    fn set_filter(&mut self, filter: &KernelFilter) -> Result<(), BpfError>;

    /// Says which processes are monitors.
    ///
    /// # Errors
    ///
    /// As above.
    fn set_own_pids(&mut self, pids: &[u32]) -> Result<(), BpfError>;

    /// Looks whether every hook still fires, as far as the canary can make it. Returns those that
    /// do not.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    fn check_hooks(&mut self) -> Result<Vec<Silence>, BpfError>;

    /// System calls that cgroups make, where that is noted: what was not told before, or all.
    fn take_syscalls(&mut self, _all: bool) -> Vec<Calls> {
        Vec::new()
    }

    /// Looks whether another has changed what the programs were told, which is then put right.
    /// Returns the names of the maps.
    ///
    /// # Errors
    ///
    /// The first of what could not be read or written; the rest was looked at all the same.
    fn put_right(&mut self) -> (Vec<String>, Result<(), BpfError>);

    /// Records of the processes that run now, back to back. It is asked once.
    ///
    /// # Errors
    ///
    /// The program that walks them cannot be used.
    fn walk_tasks(&mut self) -> Result<Vec<u8>, BpfError>;

    /// Writes the programs' debug messages into the log, where they are wanted.
    fn flush_log(&mut self);

    /// Asks to be woken by the next record, where the reader of the ring may not do so itself.
    ///
    /// # Errors
    ///
    /// The programs cannot be told.
    fn ask_to_be_woken(&mut self) -> Result<(), BpfError>;

    /// Detaches every program.
    ///
    /// # Errors
    ///
    /// The first that could not be detached.
    fn detach_all(&mut self) -> Result<(), BpfError>;

    /// Ways to the files that sinks have by the configuration as it is now, one for each thread.
    ///
    /// # Errors
    ///
    /// The configuration cannot be used, or there is no room.
    fn reach_anew(&mut self, ways: usize) -> io::Result<Vec<Box<dyn Reach>>>;
}

/// The kernel side in this process.
pub struct KernelSide {
    object: Object,
    counters: Counters,
    plan: Plan,
    choice: Choice,
    kernel_log: Option<KernelLog>,
    syscalls: Option<Syscalls>,
}

impl KernelSide {
    /// Loads and attaches. From here on records flow into the ring.
    ///
    /// # Errors
    ///
    /// The kernel side cannot be brought up, or sees nothing.
    pub fn start(
        options: &SideOptions,
        own_pids: &[u32],
        cgroup_v1_controller: Option<&'static str>,
    ) -> Result<(Self, RingMaps), BpfError> {
        let mut object = Object::load(&LoadOptions {
            ring_bytes: options.ring_bytes,
            flood: options.flood,
            kernel_log: options.kernel_log,
            floor: options.floor,
            cgroup_v1_controller,
        })?;
        object.set_own_pids(own_pids)?;
        object.set_env_keys(&options.env_keys)?;
        object.set_filter(&options.filter)?;
        let kernel_log = if options.kernel_log { Some(object.take_kernel_log()?) } else { None };
        let counters = object.take_counters()?;
        let ring = object.take_ring()?;
        let mut kinds = STATE_KINDS.to_vec();
        kinds.extend(options.kinds.iter().filter(|kind| !STATE_KINDS.contains(kind)));
        let choice = options.choice;
        let mut plan = Plan::default();
        plan.attach(&mut object, &counters, &kinds, choice)?;
        plan.require_sight()?;
        let syscalls = if options.syscalls { Some(object.note_syscalls()?) } else { None };
        Ok((Self { object, counters, plan, choice, kernel_log, syscalls }, ring))
    }
}

impl Kernel for KernelSide {
    fn reach_anew(&mut self, ways: usize) -> io::Result<Vec<Box<dyn Reach>>> {
        let direct = || -> Box<dyn Reach> { Box::new(Direct) };
        Ok(std::iter::repeat_with(direct).take(ways).collect())
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn take_canary_pids(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.plan.canary_pids)
    }

    fn numbers(&mut self) -> Result<Numbers, BpfError> {
        let object = &self.object;
        // Of every program: not each belongs to a kind.
        let misses = Program::ALL.iter().filter_map(|program| object.recursion_misses(*program));
        let chosen = self.plan.hooks.iter().filter_map(|hook| hook.chosen.as_ref());
        let programs = chosen.flat_map(|chosen| &chosen.programs).map(|(program, _)| *program);
        let costs = programs.filter_map(|program| Some((program, object.run_stats(program)?)));
        Ok(Numbers {
            reading: self.counters.read()?,
            recursion_misses: misses.sum(),
            costs: costs.collect(),
        })
    }

    fn losses(&mut self) -> Result<Vec<Losses>, BpfError> {
        Ok(self.counters.losses().collect())
    }

    fn set_kinds(&mut self, kinds: &[RecordKind]) -> Result<(), BpfError> {
        let (unneeded, programs) =
            self.plan.take_unneeded(|kind| kinds.contains(&kind) || STATE_KINDS.contains(&kind));
        let mut detached = Ok(());
        for kind in unneeded {
            detached = detached.and(self.object.unwant(kind));
        }
        for program in programs {
            detached = detached.and(self.object.detach(program));
        }
        let known = |kind: &RecordKind| self.plan.hooks.iter().any(|hook| hook.kind == *kind);
        let new: Vec<RecordKind> = kinds.iter().copied().filter(|kind| !known(kind)).collect();
        let attached = self.plan.attach(&mut self.object, &self.counters, &new, self.choice);
        detached.and(attached)
    }

    fn keep_env(&mut self, keys: &EnvKeys) -> Result<(), BpfError> {
        self.object.set_env_keys(keys)
    }

    fn set_filter(&mut self, filter: &KernelFilter) -> Result<(), BpfError> {
        self.object.set_filter(filter)
    }

    fn set_own_pids(&mut self, pids: &[u32]) -> Result<(), BpfError> {
        self.object.set_own_pids(pids)
    }

    fn check_hooks(&mut self) -> Result<Vec<Silence>, BpfError> {
        let silent = self.plan.check(&mut self.object, &self.counters)?;
        // What was read to attach a program again.
        self.object.forget_types();
        Ok(silent)
    }

    fn take_syscalls(&mut self, all: bool) -> Vec<Calls> {
        self.syscalls.as_mut().map(|it| it.take(all)).unwrap_or_default()
    }

    fn put_right(&mut self) -> (Vec<String>, Result<(), BpfError>) {
        let (maps, result) = self.object.put_right();
        (maps.into_iter().map(str::to_owned).collect(), result)
    }

    fn walk_tasks(&mut self) -> Result<Vec<u8>, BpfError> {
        let records = self.object.walk_tasks()?;
        // The walk has a program too.
        self.object.tell_own_objects()?;
        // Before the process table is filled, which then takes that room.
        self.object.forget_types();
        Ok(records)
    }

    fn flush_log(&mut self) {
        if let Some(log) = &mut self.kernel_log {
            log.flush();
        }
    }

    /// Who has the programs may write to their maps.
    fn ask_to_be_woken(&mut self) -> Result<(), BpfError> {
        Ok(())
    }

    fn detach_all(&mut self) -> Result<(), BpfError> {
        Program::ALL.iter().try_for_each(|program| self.object.detach(*program))
    }
}
