//! The keeper's process.

use std::{
    io,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use monitor_common::{Program, RecordKind};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl::{set_no_new_privs, set_pdeathsig},
        signal::Signal,
    },
    unistd::getppid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{
    Allowed,
    answers::{done, of_io, out_of_place, refused, text},
    archive::Archive,
    forms,
    shed::shed,
    wire::{Answer, Pipe, Request, Start},
};
use crate::{
    bpf::{
        BpfError,
        kernel_side::{Kernel, KernelSide, Numbers, SideOptions},
        planner::Silence,
        ring::{Alarm, Map},
    },
    config::{self, Config, RawConfig},
    env::EnvKeys,
    flood::FloodLimit,
    hasher::{self, Bounds},
    host::{More, restricts_probes},
    instance::Instance,
    limits::KEEPER_END,
    metadata::{cgroups, containerd},
    posture::{observed::Thorough, traffic},
    reach::Direct,
};

/// Connections for files at most: the line opens a handful, and one for each sink; when sinks are
/// changed there are those of the old ones, too.
const CONNECTIONS_MAX: usize = 128;

/// Characters of the line's name that are part of the keeper's: names are no longer than 64.
const INSTANCE_CHARS: usize = 57;

/// Does what the line asks for over standard input, until it is gone.
///
/// # Errors
///
/// The connection broke, or the line asked for something before it said what is allowed.
pub fn serve() -> anyhow::Result<ExitCode> {
    // Nothing that it starts, by whatever mistake, has more than it has.
    set_no_new_privs()?;
    // The line may be gone while this process is stopped: then it is woken, and sees so. Of what a
    // process may send to one with more privileges in its session, this is all.
    set_pdeathsig(Signal::SIGCONT)?;
    // A terminal sends these to both processes: the line says when it ends.
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let seen_by_watch = stream.try_clone()?;
    let line = Pipe::new(stream);
    let Some((Request::Allow(allowed, (hash, copy)), _)) = line.receive()? else {
        anyhow::bail!("it was not said what is allowed");
    };
    let (allowed, line_pid) = (Arc::new(*allowed), getppid());
    // Only this thread attaches.
    let (writes_for_others, layers) = (allowed.writes_for_others(), allowed.inventory);
    let more = More { writes_for_others, probes: false, layers, traffic: allowed.traffic };
    start_thread("watch", more, move || end_with(&seen_by_watch))?;
    let bounds = Bounds { hash, copy };
    let mut desk = Desk { allowed, more, bounds, connections: Arc::default(), side: None };
    let served = desk.serve(&line);
    if let Some(Side { line, instance, .. }) = &desk.side {
        // It gave up the right to do so, or was killed.
        Instance::clean_up(instance.run_dir(), line, line_pid.as_raw().unsigned_abs());
    }
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Starts a thread that never has more capabilities than are used in the long run.
fn start_thread(name: &str, more: More, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let run = move || match shed(more) {
        Ok(()) => run(),
        Err(error) => tracing::error!(%error, "cannot give capabilities up"),
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Ends this process some time after the line is gone, whatever hangs by then: programs are not to
/// outlive who looks at what they tell.
fn end_with(line: &UnixStream) {
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
    loop {
        // Errors and the end are told of unasked.
        let mut looked = [PollFd::new(line.as_fd(), PollFlags::empty())];
        let polled = poll(&mut looked, PollTimeout::NONE);
        let [line] = looked;
        if polled.is_ok() && line.revents().is_some_and(|it| it.intersects(gone)) {
            break;
        }
    }
    std::thread::sleep(KEEPER_END);
    std::process::exit(1);
}

/// What the line's own requests are about.
struct Desk {
    allowed: Arc<Allowed>,
    more: More,
    bounds: Bounds,
    /// Connections that are open: each has one of these.
    connections: Arc<()>,
    side: Option<Side>,
}

/// The kernel side, once it was started.
struct Side {
    kernel: KernelSide,
    /// Programs that are loaded later know it by its descriptor.
    _ring: Map,
    alarm: Alarm,
    /// The keeper's own place among the monitors of this host.
    instance: Instance,
    /// Name of the line's instance.
    line: String,
}

impl Desk {
    /// Answers until the line is gone.
    fn serve(&mut self, line: &Pipe) -> io::Result<()> {
        while let Some((request, came)) = line.receive::<Request>()? {
            let (answer, maps) = self.answer(request, came);
            let along: Vec<BorrowedFd<'_>> = maps.iter().map(|fd| fd.as_fd()).collect();
            line.send(&answer, &along, None)?;
        }
        Ok(())
    }

    fn answer(&mut self, request: Request, came: Vec<OwnedFd>) -> (Answer, Vec<OwnedFd>) {
        match (request, &mut self.side) {
            (Request::Start(start), None) => match self.start(&start) {
                Ok((side, maps)) => {
                    let side = self.side.insert(side);
                    (side.done(Ok(())), maps)
                }
                Err(error) => (refused(&error), Vec::new()),
            },
            (Request::Connection, _) => (self.connect(came), Vec::new()),
            (Request::AllowAnew, _) => (self.allow_anew(), Vec::new()),
            (request, Some(side)) => (side.answer(request), Vec::new()),
            (_, None) => (out_of_place(), Vec::new()),
        }
    }

    /// Loads and attaches, and gives up what was needed only for this, or for trying what fires.
    fn start(&self, start: &Start) -> Result<(Side, Vec<OwnedFd>), BpfError> {
        let started = Side::start(start)?;
        shed(More { probes: restricts_probes(), ..self.more }).map_err(BpfError::Capabilities)?;
        Ok(started)
    }

    /// Reads the configuration again, and allows what its sinks have. Connections that are there
    /// keep to what was allowed when they were made.
    fn allow_anew(&mut self) -> Answer {
        let path = &self.allowed.config;
        let raw = RawConfig::load_by(path, &Direct);
        match raw.and_then(|raw| Config::of(raw, path, config::Asked::default())) {
            Ok(config) => {
                self.allowed = Arc::new(self.allowed.with_sinks(&config));
                done()
            }
            Err(error) => of_io(&io::Error::other(format!("{:#}", anyhow::Error::from(error)))),
        }
    }

    /// Serves a further connection on a thread of its own.
    fn connect(&mut self, came: Vec<OwnedFd>) -> Answer {
        let Some(socket) = came.into_iter().next() else { return out_of_place() };
        if Arc::strong_count(&self.connections) > CONNECTIONS_MAX {
            return Answer::Refused(nix::libc::EMFILE, "too many connections".to_owned());
        }
        let open = Arc::clone(&self.connections);
        let pipe = Pipe::new(UnixStream::from(socket));
        let (allowed, bounds) = (Arc::clone(&self.allowed), self.bounds);
        let spawned = start_thread("files", self.more, move || {
            let _open = open;
            let (read, containerd) = (hasher::reader(bounds), containerd::direct());
            let copies = bounds.copy > 0;
            let mut archive = Archive {
                allowed,
                read,
                copies,
                containerd,
                root: None,
                host: None,
                tap: traffic::Direct::default(),
                look: Thorough::default(),
            };
            // A connection that breaks is at its end.
            while let Ok(Some((request, came))) = pipe.receive::<Request>() {
                let (answer, opened) = archive.answer(request, came);
                let along: Vec<BorrowedFd<'_>> = opened.iter().map(|fd| fd.as_fd()).collect();
                if pipe.send(&answer, &along, None).is_err() {
                    return;
                }
            }
        });
        match spawned {
            Ok(()) => done(),
            Err(error) => of_io(&error),
        }
    }
}

impl Side {
    fn start(start: &Start) -> Result<(Self, Vec<OwnedFd>), BpfError> {
        let open = |source| BpfError::Open { path: start.run_dir.clone(), source };
        let short: String = start.instance.chars().take(INSTANCE_CHARS).collect();
        let name = format!("{short}-keeper");
        let instance = Instance::register(&start.run_dir, &name)
            .map_err(|error| open(io::Error::other(error)))?;
        let options = SideOptions {
            kinds: kinds(&start.kinds),
            choice: forms::choice(start.only),
            ring_bytes: start.ring_bytes,
            flood: FloodLimit { rate: start.flood.0, burst: start.flood.1 },
            kernel_log: start.kernel_log,
            floor: start.floor,
            env_keys: EnvKeys::new(&start.env_keys),
            filter: start.filter.clone().into(),
            // Whoever records them is one process.
            syscalls: false,
        };
        let controller = cgroups::v1_controller();
        let (kernel, maps) = KernelSide::start(&options, &instance.pids(), controller)?;
        let descriptors = maps.descriptors().map_err(open)?;
        let (ring, alarm) = (maps.ring, Alarm::new(maps.sleeps)?);
        let line = start.instance.clone();
        Ok((Self { kernel, _ring: ring, alarm, instance, line }, descriptors.into()))
    }

    fn answer(&mut self, request: Request) -> Answer {
        let kernel = &mut self.kernel;
        match request {
            Request::Numbers => kernel.numbers().map_or_else(|error| refused(&error), numbers),
            Request::Losses => match kernel.losses() {
                Ok(losses) => Answer::Losses(
                    losses.into_iter().map(|(key, counts)| (key, counts.to_vec())).collect(),
                ),
                Err(error) => refused(&error),
            },
            Request::SetKinds(numbers) => {
                let result = kernel.set_kinds(&kinds(&numbers));
                self.done(result)
            }
            Request::KeepEnv(keys) => {
                let result = kernel.keep_env(&EnvKeys::new(&keys));
                self.done(result)
            }
            Request::SetFilter(filter) => {
                let result = kernel.set_filter(&(*filter).into());
                self.done(result)
            }
            Request::OwnPids => {
                let result = kernel.set_own_pids(&self.instance.pids());
                kernel.flush_log();
                self.done(result)
            }
            Request::CheckHooks => match kernel.check_hooks() {
                Ok(silent) => Answer::Silent(silent.into_iter().map(silence).collect()),
                Err(error) => refused(&error),
            },
            Request::PutRight => {
                let (maps, result) = kernel.put_right();
                Answer::Maps(maps, result.err().map(|error| text(&error)))
            }
            Request::WalkTasks => {
                kernel.walk_tasks().map_or_else(|error| refused(&error), Answer::Bytes)
            }
            Request::DetachAll => {
                let result = kernel.detach_all();
                self.done(result)
            }
            Request::Sleep => {
                let result = self.alarm.set();
                self.done(result)
            }
            Request::Plan => self.done(Ok(())),
            _ => out_of_place(),
        }
    }

    /// What became of something, with the plan as it is now.
    fn done(&mut self, result: Result<(), BpfError>) -> Answer {
        Answer::Done {
            plan: Some(self.kernel.plan().into()),
            canary_pids: self.kernel.take_canary_pids(),
            error: result.err().map(|error| text(&error)),
        }
    }
}

fn kinds(numbers: &[u16]) -> Vec<RecordKind> {
    numbers.iter().filter_map(|number| RecordKind::try_from(*number).ok()).collect()
}

fn numbers(numbers: Numbers) -> Answer {
    let costs = numbers.costs.into_iter().map(|(program, cost)| (program as u32, cost));
    Answer::Numbers(numbers.reading.values().to_vec(), numbers.recursion_misses, costs.collect())
}

fn silence(silence: Silence) -> (u16, u32, Option<String>) {
    let program: Program = silence.program;
    (silence.kind as u16, program as u32, silence.again.err())
}
