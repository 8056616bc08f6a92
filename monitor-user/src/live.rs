//! The live source: the kernel side brought up, and the loop that takes from it.

mod bell;

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    time::{ClockId, clock_gettime},
};

use crate::{
    bpf::{
        BpfError,
        kernel_side::{Kernel, KernelSide, SideOptions},
        planner::Plan,
        ring::Ring,
    },
    enrich::{
        container::Lookup,
        hashes::{HashAnswer, HashQuestion},
    },
    executables::{Executables, ExecutablesOptions, ExecutablesState},
    hasher::{Bounds, Hasher},
    instance::Instance,
    keeper::Privileges,
    kubernetes::{KubernetesOptions, told::Stats},
    line::Input,
    metadata::{Answer, Metadata, RuntimeRoot, cgroups},
    packages::{Librarian, PackageQuestion, PackageTask},
    posture::{Assessor, accepted::Exception},
    source::seed,
    upkeep::{self, Inspector, UpkeepBy},
};

pub use bell::Bell;

/// Records that are taken before anything else is looked at.
const BATCH: u32 = 4096;

/// How long the loop rests between looks while records flow. It bounds how late a record is seen.
const REST: Duration = Duration::from_millis(1);

/// Time between looks at what is due: waiting events, other instances.
const TICK: Duration = Duration::from_millis(100);

/// Longest sleep when nothing happens.
const SLEEP: Duration = Duration::from_secs(1);

/// What takes the inputs.
pub trait Consumer {
    /// Takes one input.
    fn take(&mut self, input: Input<'_>);
    /// Not all cgroups could be told of that were there before.
    fn miss_cgroups(&mut self) {}
    /// Questions for the metadata task that came of it.
    fn take_lookups(&mut self) -> Vec<Lookup>;
    /// Files that must be read for their hash.
    fn take_hash_questions(&mut self) -> Vec<HashQuestion>;
    /// Files of which the package must be looked up.
    fn take_package_questions(&mut self) -> Vec<PackageQuestion> {
        Vec::new()
    }
    /// Called every `TICK` while something happens, else every second. False ends the loop.
    fn tick(&mut self, now_ns: u64, live: &mut Live) -> bool;
    /// Whether something waits for time to pass.
    fn is_waiting(&self) -> bool;
}

/// What the live source is brought up with.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// The kernel side.
    pub side: SideOptions,
    /// Where runtimes keep their containers.
    pub runtime_roots: Vec<RuntimeRoot>,
    /// How large executed files are that are read.
    pub bounds: Bounds,
    /// Where copies of programs behind alerts are kept; None: nowhere.
    pub keep: Option<ExecutablesOptions>,
    /// Whether it is looked at how containers are set up.
    pub assesses: bool,
    /// Whether it is looked at how their listeners are spoken to, too.
    pub listens: bool,
    /// What of how they are set up is accepted.
    pub accepted: Vec<Exception>,
    /// By what it is judged whether what runs is kept up; None: it is not looked at.
    pub upkeep: Option<UpkeepBy>,
    /// Which API of a cluster is asked; None: none is.
    pub kubernetes: Option<KubernetesOptions>,
}

/// The kernel side, attached, and the tasks that find out about containers and files.
pub struct Live {
    kernel: Box<dyn Kernel>,
    ring: Option<Ring>,
    metadata: Metadata,
    hasher: Hasher,
    copier: Option<Hasher>,
    packages: PackageTask,
    posture: Option<Assessor>,
    upkeep: Option<Inspector>,
    kept: Arc<ExecutablesState>,
    controller: Option<&'static str>,
    bell: Bell,
    instance: Instance,
}

impl Live {
    /// Loads and attaches, in this process or in the keeper. From here on records flow into the
    /// ring.
    ///
    /// # Errors
    ///
    /// The kernel side cannot be brought up, or sees nothing.
    pub fn start(
        options: &LiveOptions,
        instance: Instance,
        bell: Bell,
        mut privileges: Privileges,
    ) -> Result<Self, BpfError> {
        let controller = cgroups::v1_controller();
        let no_room = |source| BpfError::Open { path: "/proc/self/task".into(), source };
        let sources = privileges.sources().map_err(no_room)?;
        let (roots, ringer) = (options.runtime_roots.clone(), bell.clone());
        let asks = options.kubernetes.is_some();
        let metadata = Metadata::start(sources, roots, controller, asks, move || ringer.ring());
        let metadata = metadata.map_err(no_room)?;
        #[cfg(feature = "kubernetes")]
        if let Some(cluster) = &options.kubernetes {
            crate::kubernetes::start(cluster, metadata.intake(), || privileges.files())
                .map_err(no_room)?;
        }
        let mut read = privileges.reader(options.bounds).map_err(no_room)?;
        let (ringer, others) = (bell.clone(), bell.clone());
        let hash = move |question: &HashQuestion| HashAnswer {
            key: question.key,
            hash: read(question, None),
            copy: None,
        };
        let hasher = Hasher::start("hasher", hash, move || ringer.ring());
        let (librarian, ringer) =
            (Librarian::new(privileges.databases().map_err(no_room)?), bell.clone());
        let packages = PackageTask::start(librarian, move || ringer.ring()).map_err(no_room)?;
        let posture = assessor(options, &mut privileges, bell.clone()).map_err(no_room)?;
        let upkeep = inspector(options, &mut privileges, bell.clone()).map_err(no_room)?;
        let (mut copier, mut kept) = (None, Arc::default());
        if let Some(keep) = options.keep.clone() {
            let mut executables = Executables::open(keep);
            kept = executables.state();
            // By itself: what rules wait for is not to wait for a disk.
            let mut read = privileges.reader(options.bounds).map_err(no_room)?;
            let keep = move |question: &HashQuestion| {
                executables.keep(question, |copy| read(question, copy))
            };
            copier = Some(Hasher::start("copier", keep, move || others.ring()).map_err(no_room)?);
        }
        let (kernel, ring): (Box<dyn Kernel>, _) = match privileges {
            Privileges::Here => {
                let (kernel, ring) =
                    KernelSide::start(&options.side, &instance.pids(), controller)?;
                (Box::new(kernel), ring)
            }
            Privileges::Apart(mut keeper) => {
                let ring = keeper.start(&options.side, instance.run_dir(), instance.name())?;
                (keeper, ring)
            }
        };
        Ok(Self {
            kernel,
            ring: Some(Ring::new(ring)?),
            metadata,
            hasher: hasher.map_err(no_room)?,
            copier,
            packages,
            posture,
            upkeep,
            kept,
            controller,
            bell,
            instance,
        })
    }

    /// Hands over what was there before: cgroups first, then the processes in them.
    pub fn seed(&mut self, consumer: &mut impl Consumer) -> Result<(), BpfError> {
        for hierarchy in cgroups::hierarchies(self.controller) {
            let mut each = |key, path: &str| consumer.take(Input::Cgroup(key, path));
            if !cgroups::walk(&hierarchy, &mut each) {
                tracing::warn!(root = %hierarchy.root.display(), "not all cgroups are looked at");
                consumer.miss_cgroups();
            }
        }
        self.ask(consumer);
        let records = self.kernel.walk_tasks()?;
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
        let (mut rested, mut rung) = (false, false);
        loop {
            let taken = drain(&mut ring, consumer);
            self.ask(consumer);
            let now = Instant::now();
            if now >= next_tick {
                next_tick = now + TICK;
                rung = false;
                self.refresh_own_pids()?;
                self.kernel.flush_log();
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
                // What the bell was rung for is looked at when the next tick is due.
                let limit = if rung || consumer.is_waiting() { TICK } else { SLEEP };
                rung |= self.sleep(&mut ring, consumer, limit)?;
            }
        }
        self.stop(&mut ring, consumer)
    }

    /// Sleeps until something happens; whether the bell was rung.
    fn sleep(
        &mut self,
        ring: &mut Ring,
        consumer: &mut impl Consumer,
        limit: Duration,
    ) -> Result<bool, BpfError> {
        // Before Linux 5.19 only the privileged may write to maps.
        if ring.ask_to_be_woken().is_err() {
            self.kernel.ask_to_be_woken()?;
        }
        if drain(ring, consumer) > 0 {
            return Ok(false);
        }
        wait(&[ring.as_fd(), self.bell.as_fd()], limit);
        Ok(self.bell.take())
    }

    fn stop(&mut self, ring: &mut Ring, consumer: &mut impl Consumer) -> Result<(), BpfError> {
        self.kernel.detach_all()?;
        while drain(ring, consumer) > 0 {}
        self.ask(consumer);
        Ok(())
    }

    /// Passes questions on and takes answers in.
    fn ask(&mut self, consumer: &mut impl Consumer) {
        // Files first: a program that ends at once takes them with it.
        for question in consumer.take_hash_questions() {
            let reader = match &mut self.copier {
                Some(copier) if question.keep => copier,
                _ => &mut self.hasher,
            };
            if let Some(answer) = reader.ask(question) {
                consumer.take(Input::Hash(answer));
            }
        }
        let readers = || self.copier.iter().chain([&self.hasher]);
        while let Some(answer) = readers().find_map(Hasher::answer) {
            consumer.take(Input::Hash(answer));
        }
        for question in consumer.take_package_questions() {
            if let Some(answer) = self.packages.ask(question) {
                consumer.take(Input::Package(answer));
            }
        }
        while let Some(answer) = self.packages.answer() {
            consumer.take(Input::Package(answer));
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
                Answer::Holder(holder) => consumer.take(Input::Holder(holder)),
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
        self.kernel.set_own_pids(&pids)
    }

    /// The kernel side.
    pub fn kernel(&mut self) -> &mut dyn Kernel {
        &mut *self.kernel
    }

    /// Which hook each kind got.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.kernel.plan()
    }

    /// Questions that the metadata task had no room for.
    #[must_use]
    pub fn lookups_refused(&self) -> u64 {
        self.metadata.refused()
    }

    /// Numbers of what the cluster's API told.
    #[must_use]
    pub fn kubernetes_stats(&self) -> &Stats {
        &self.metadata.intake().stats
    }

    /// Questions about packages that found no room.
    #[must_use]
    pub fn packages_refused(&self) -> u64 {
        self.packages.refused()
    }

    /// Who looks at how containers are set up, where that is asked for.
    pub fn posture(&mut self) -> Option<&mut Assessor> {
        self.posture.as_mut()
    }

    /// Who looks at what is installed, where that is asked for.
    pub fn upkeep(&mut self) -> Option<&mut Inspector> {
        self.upkeep.as_mut()
    }

    /// Files that found no room among those that are to be read.
    #[must_use]
    pub fn hashes_refused(&self) -> u64 {
        self.hasher.refused()
    }

    /// Copies of programs behind alerts, and those that were not made, by their names in
    /// heartbeats.
    #[must_use]
    pub fn kept(&self) -> [(&'static str, u64); 7] {
        self.kept.named(self.copier.as_ref().map_or(0, Hasher::refused))
    }

    /// Whether the rules are to be read again; asks once.
    #[must_use]
    pub fn wants_reload(&self) -> bool {
        self.bell.wants_reload()
    }
}

/// Who looks at how containers are set up, if anybody does.
fn assessor(
    options: &LiveOptions,
    privileges: &mut Privileges,
    bell: Bell,
) -> std::io::Result<Option<Assessor>> {
    let eyes = options.assesses.then(|| privileges.eyes(options.listens)).transpose()?;
    let eyes = eyes.map(|it| it.accepting(&options.accepted).knowing(&options.runtime_roots));
    eyes.map(|it| Assessor::start(it, move || bell.ring())).transpose()
}

/// Starts what looks at what is installed, if that is asked for.
fn inspector(
    options: &LiveOptions,
    privileges: &mut Privileges,
    bell: Bell,
) -> std::io::Result<Option<Inspector>> {
    let Some(by) = &options.upkeep else { return Ok(None) };
    let (roots, look, sources) = (privileges.roots()?, privileges.look()?, privileges.sources()?);
    let eyes = upkeep::Eyes::new(roots, look, (sources, options.runtime_roots.clone()), by);
    Inspector::start(eyes, move || bell.ring()).map(Some)
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
