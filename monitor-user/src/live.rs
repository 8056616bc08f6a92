//! The live source: the kernel side brought up, and the loop that takes from it.

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use monitor_common::{Program, RecordKind};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
    time::{ClockId, clock_gettime},
};

use crate::{
    bpf::{
        BpfError,
        counters::Counters,
        kernel_log::KernelLog,
        object::{LoadOptions, Object},
        planner::{Choice, Plan, Silence},
        ring::Ring,
    },
    enrich::{container::Lookup, hashes::HashQuestion},
    env::EnvKeys,
    flood::FloodLimit,
    hasher::Hasher,
    instance::Instance,
    line::Input,
    metadata::{Answer, Metadata, RuntimeRoot, cgroups},
    rules::filter::KernelFilter,
    source::seed,
};

/// Records that are taken before anything else is looked at.
const BATCH: u32 = 4096;

/// How long the loop rests between looks while records flow. It bounds how late a record is seen.
const REST: Duration = Duration::from_millis(1);

/// Time between looks at what is due: waiting events, other instances.
const TICK: Duration = Duration::from_millis(100);

/// Longest sleep when nothing happens.
const SLEEP: Duration = Duration::from_secs(1);

/// Kinds without which processes and containers are not known.
pub const STATE_KINDS: [RecordKind; 5] = [
    RecordKind::Exec,
    RecordKind::Fork,
    RecordKind::Exit,
    RecordKind::CgroupMkdir,
    RecordKind::CgroupRmdir,
];

/// What takes the inputs.
pub trait Consumer {
    /// Takes one input.
    fn take(&mut self, input: Input<'_>);
    /// Questions for the metadata task that came of it.
    fn take_lookups(&mut self) -> Vec<Lookup>;
    /// Files that must be read for their hash.
    fn take_hash_questions(&mut self) -> Vec<HashQuestion>;
    /// Called every `TICK` while something happens, else every second. False ends the loop.
    fn tick(&mut self, now_ns: u64, live: &mut Live) -> bool;
    /// Whether something waits for time to pass.
    fn is_waiting(&self) -> bool;
}

/// What the live source is brought up with.
#[derive(Clone, Debug)]
pub struct LiveOptions {
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
    /// Where runtimes keep their containers.
    pub runtime_roots: Vec<RuntimeRoot>,
    /// Bytes of the largest file that is read for its hash.
    pub hash_bytes_max: u64,
    /// Environment variables that are kept.
    pub env_keys: EnvKeys,
    /// Which opens, connections and datagrams are told of.
    pub filter: KernelFilter,
}

/// Ends the loop, or makes it look, from any thread.
#[derive(Clone)]
pub struct Bell {
    event: Arc<EventFd>,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Bell {
    /// A bell that nobody has rung.
    pub fn new() -> nix::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self {
            event: Arc::new(EventFd::from_value_and_flags(0, flags)?),
            stop: Arc::default(),
            reload: Arc::default(),
        })
    }

    /// Makes the loop look.
    pub fn ring(&self) {
        // The only failure is a counter that is already at its highest: it is rung enough.
        let _rung = self.event.write(1);
    }

    /// Ends the loop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.ring();
    }

    /// Asks for the rules to be read again.
    pub fn reload(&self) {
        self.reload.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether the rules are to be read again; asks once.
    #[must_use]
    pub fn wants_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// The kernel side, attached, and the tasks that find out about containers and files.
pub struct Live {
    object: Object,
    ring: Option<Ring>,
    counters: Counters,
    plan: Plan,
    choice: Choice,
    metadata: Metadata,
    hasher: Hasher,
    controller: Option<&'static str>,
    bell: Bell,
    instance: Instance,
    kernel_log: Option<KernelLog>,
}

impl Live {
    /// Loads and attaches. From here on records flow into the ring.
    pub fn start(options: &LiveOptions, instance: Instance, bell: Bell) -> Result<Self, BpfError> {
        let controller = cgroups::v1_controller();
        let mut object = Object::load(&LoadOptions {
            ring_bytes: options.ring_bytes,
            flood: options.flood,
            kernel_log: options.kernel_log,
            floor: options.floor,
            cgroup_v1_controller: controller,
        })?;
        object.set_own_pids(&instance.pids())?;
        object.set_env_keys(&options.env_keys)?;
        object.set_filter(&options.filter)?;
        let kernel_log = if options.kernel_log { Some(object.take_kernel_log()?) } else { None };
        let counters = object.take_counters()?;
        let ring = object.take_ring()?;
        let mut kinds = STATE_KINDS.to_vec();
        kinds.extend(options.kinds.iter().filter(|kind| !STATE_KINDS.contains(kind)));
        let mut plan = Plan::default();
        plan.attach(&mut object, &counters, &kinds, options.choice)?;
        plan.require_sight()?;
        let no_thread = |source| BpfError::Open { path: "/proc/self/task".into(), source };
        let ringer = bell.clone();
        let metadata =
            Metadata::start(options.runtime_roots.clone(), controller, move || ringer.ring())
                .map_err(no_thread)?;
        let ringer = bell.clone();
        let hasher = Hasher::start(options.hash_bytes_max, move || ringer.ring());
        let hasher = hasher.map_err(no_thread)?;
        let ring = Some(ring);
        let choice = options.choice;
        Ok(Self {
            object,
            ring,
            counters,
            plan,
            choice,
            metadata,
            hasher,
            controller,
            bell,
            instance,
            kernel_log,
        })
    }

    /// Hands over what was there before: cgroups first, then the processes in them.
    pub fn seed(&mut self, consumer: &mut impl Consumer) -> Result<(), BpfError> {
        for hierarchy in cgroups::hierarchies(self.controller) {
            let mut each = |key, path: &str| consumer.take(Input::Cgroup(key, path));
            if let Err(error) = cgroups::walk(&hierarchy, &mut each) {
                tracing::warn!(root = %hierarchy.root.display(), %error, "cannot walk cgroups");
            }
        }
        self.ask(consumer);
        let records = self.object.walk_tasks()?;
        // The walk has a program too.
        self.object.tell_own_objects()?;
        // Before the process table is filled, which then takes that room.
        self.object.forget_types();
        for record in seed::complete(&records) {
            consumer.take(Input::Record(&record));
        }
        Ok(())
    }

    /// Takes records until the bell stops it or the consumer has enough. Then detaches, and takes
    /// what was still in the ring.
    pub fn run(&mut self, consumer: &mut impl Consumer) -> Result<(), BpfError> {
        let Some(mut ring) = self.ring.take() else { return Ok(()) };
        let mut next_tick = Instant::now();
        let mut rested = false;
        loop {
            let taken = drain(&mut ring, consumer);
            self.ask(consumer);
            let now = Instant::now();
            if now >= next_tick {
                next_tick = now + TICK;
                self.refresh_own_pids()?;
                if let Some(log) = &mut self.kernel_log {
                    log.flush();
                }
                if !consumer.tick(boottime_ns(), self) {
                    break;
                }
            }
            if self.bell.is_stopped() {
                break;
            }
            if taken > 0 {
                rested = false;
                if taken < BATCH {
                    std::thread::sleep(REST);
                }
            } else if !rested {
                // One more look before asking to be woken: records tend to come in company.
                rested = true;
                std::thread::sleep(REST);
            } else {
                rested = false;
                self.sleep(&mut ring, consumer)?;
            }
        }
        self.stop(&mut ring, consumer)
    }

    fn sleep(&self, ring: &mut Ring, consumer: &mut impl Consumer) -> Result<(), BpfError> {
        ring.ask_to_be_woken()?;
        if drain(ring, consumer) > 0 {
            return Ok(());
        }
        let limit = if consumer.is_waiting() { TICK } else { SLEEP };
        wait(&[ring.as_fd(), self.bell.event.as_fd()], limit);
        // Read so that it does not ring again; an empty one has nothing to read.
        let _rung = self.bell.event.read();
        Ok(())
    }

    fn stop(&mut self, ring: &mut Ring, consumer: &mut impl Consumer) -> Result<(), BpfError> {
        for program in Program::ALL {
            self.object.detach(program)?;
        }
        while drain(ring, consumer) > 0 {}
        self.ask(consumer);
        Ok(())
    }

    /// Passes questions on and takes answers in.
    fn ask(&mut self, consumer: &mut impl Consumer) {
        // Files first: a program that ends at once takes them with it.
        for question in consumer.take_hash_questions() {
            if let Some(answer) = self.hasher.ask(question) {
                consumer.take(Input::Hash(answer));
            }
        }
        while let Some(answer) = self.hasher.answer() {
            consumer.take(Input::Hash(answer));
        }
        self.ask_metadata(consumer);
    }

    fn ask_metadata(&mut self, consumer: &mut impl Consumer) {
        for lookup in consumer.take_lookups() {
            if let Some(facts) = self.metadata.ask(lookup) {
                consumer.take(Input::Facts(facts));
            }
        }
        while let Some(answer) = self.metadata.answer() {
            match answer {
                Answer::Facts(facts) => consumer.take(Input::Facts(facts)),
                Answer::Cgroup(key, path) => consumer.take(Input::Cgroup(key, &path)),
            }
            // What was found may raise the next question.
            for lookup in consumer.take_lookups() {
                if let Some(facts) = self.metadata.ask(lookup) {
                    consumer.take(Input::Facts(facts));
                }
            }
        }
    }

    fn refresh_own_pids(&mut self) -> Result<(), BpfError> {
        let pids = self.instance.pids();
        self.object.set_own_pids(&pids)
    }

    /// Changes which environment variables are looked for.
    pub fn keep_env(&mut self, keys: &EnvKeys) -> Result<(), BpfError> {
        self.object.set_env_keys(keys)
    }

    /// Changes which opens, connections and datagrams are told of.
    pub fn set_filter(&mut self, filter: &KernelFilter) -> Result<(), BpfError> {
        self.object.set_filter(filter)
    }

    /// Attaches what further kinds need, and lets go what none of these kinds and no state needs.
    ///
    /// # Errors
    ///
    /// The first thing that could not be done; the rest is done all the same. A kind that no hook
    /// sees is none: the plan says so.
    pub fn set_kinds(&mut self, kinds: &[RecordKind]) -> Result<(), BpfError> {
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

    /// Looks whether every hook still fires, as far as the canary can make it. Returns those that
    /// do not, and the processes that the canary made.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn check_hooks(&mut self) -> Result<(Vec<Silence>, Vec<u32>), BpfError> {
        self.plan.canary_pids.clear();
        let silent = self.plan.check(&mut self.object, &self.counters)?;
        // What was read to attach a program again.
        self.object.forget_types();
        Ok((silent, std::mem::take(&mut self.plan.canary_pids)))
    }

    /// Looks whether another has changed what the programs were told, which is then put right.
    /// Returns the names of the maps.
    ///
    /// # Errors
    ///
    /// The first of what could not be read or written; the rest was looked at all the same.
    pub fn put_right(&mut self) -> (Vec<&'static str>, Result<(), BpfError>) {
        self.object.put_right()
    }

    /// Which hook each kind got.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The kernel side's counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The programs.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Questions that the metadata task had no room for.
    #[must_use]
    pub fn lookups_refused(&self) -> u64 {
        self.metadata.refused()
    }

    /// Files that found no room among those that are to be read.
    #[must_use]
    pub fn hashes_refused(&self) -> u64 {
        self.hasher.refused()
    }

    /// Whether the rules are to be read again; asks once.
    #[must_use]
    pub fn wants_reload(&self) -> bool {
        self.bell.wants_reload()
    }
}

fn drain(ring: &mut Ring, consumer: &mut impl Consumer) -> u32 {
    let mut taken = 0;
    while taken < BATCH && ring.next(|record| consumer.take(Input::Record(record))) {
        taken += 1;
    }
    taken
}

/// Waits for any of the descriptors. An interrupted wait is a look too many, nothing more.
fn wait(descriptors: &[BorrowedFd<'_>], limit: Duration) {
    let mut waited: Vec<PollFd<'_>> =
        descriptors.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::from(1000_u16));
    let _woken = poll(&mut waited, limit);
}

/// Nanoseconds since boot, suspend included.
#[must_use]
pub fn boottime_ns() -> u64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME)
}

/// Wall clock minus boot clock, nanoseconds.
#[must_use]
pub fn clock_offset_ns() -> i64 {
    let (wall, boot) = (nanoseconds(ClockId::CLOCK_REALTIME), boottime_ns());
    i64::try_from(wall.saturating_sub(boot)).unwrap_or(0)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).map(Duration::from).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
