//! The keeper, as the line sees it.

use std::{
    io,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use monitor_common::{DropReason, Program, RecordKind};

use super::{
    Allowed, Kept,
    asking::Asking,
    forms,
    kept::error_of,
    wire::{Answer, Request, Start},
};
use crate::{
    bpf::{
        BpfError,
        counters::Reading,
        kernel_side::{Kernel, Losses, Numbers, SideOptions},
        planner::{Plan, Silence},
        ring::RingMaps,
    },
    env::EnvKeys,
    hasher::Bounds,
    limits::{KEEPER_ANSWER, KEEPER_END},
    reach::Reach,
    rules::filter::KernelFilter,
};

/// How often it is looked whether the process has ended.
const LOOK: Duration = Duration::from_millis(5);

/// The keeper's process. It ends when this is dropped.
pub struct Keeper {
    /// Why there is none any more, where it is so.
    pipe: Result<Asking, String>,
    process: Child,
    plan: Plan,
    canary_pids: Vec<u32>,
}

impl Keeper {
    /// Starts the process, which is this program again.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn spawn(log: &str, allowed: Allowed, bounds: Bounds) -> io::Result<Self> {
        let (own, theirs) = UnixStream::pair()?;
        let process = Command::new(std::env::current_exe()?)
            .args(["--log", log, "keep"])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        let pipe = Asking::new(own);
        let allow = Request::Allow(Box::new(allowed), (bounds.hash, bounds.copy));
        pipe.tell(&allow, KEEPER_ANSWER)?;
        Ok(Self { pipe: Ok(pipe), process, plan: Plan::default(), canary_pids: Vec::new() })
    }

    /// Has the kernel side loaded and attached; so much as the line needs comes back.
    ///
    /// # Errors
    ///
    /// The kernel side cannot be brought up.
    pub fn start(
        &mut self,
        options: &SideOptions,
        run_dir: &Path,
        instance: &str,
    ) -> Result<RingMaps, BpfError> {
        let start = Start {
            kinds: numbers(&options.kinds),
            only: forms::only(options.choice),
            ring_bytes: options.ring_bytes,
            flood: (options.flood.rate, options.flood.burst),
            kernel_log: options.kernel_log,
            floor: options.floor,
            env_keys: options.env_keys.names(),
            filter: (&options.filter).into(),
            run_dir: run_dir.to_owned(),
            instance: instance.to_owned(),
        };
        let (answer, came) = self.ask(&Request::Start(Box::new(start)), &[])?;
        self.done(answer)?;
        RingMaps::from_descriptors(came)
    }

    /// A connection for files. Each is for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone, or has no room.
    pub fn files(&mut self) -> io::Result<Kept> {
        let (own, theirs) = UnixStream::pair()?;
        let (answer, _) =
            self.ask(&Request::Connection, &[theirs.as_fd()]).map_err(io::Error::other)?;
        match answer {
            Answer::Done { .. } => Ok(Kept::new(own)),
            answer => Err(error_of(answer)),
        }
    }

    /// Asks. Who was late, or is gone, is asked nothing more: a late answer would be taken for that
    /// to another question.
    fn ask(
        &mut self,
        request: &Request,
        along: &[BorrowedFd<'_>],
    ) -> Result<(Answer, Vec<OwnedFd>), BpfError> {
        let within = request.within();
        let asked = match &self.pipe {
            Ok(pipe) => pipe.ask(request, along, within),
            Err(why) => return Err(BpfError::Kept(why.clone())),
        };
        asked.map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::TimedOut => self.is_late(within),
                _ => format!("the keeper is gone: {error}"),
            };
            self.pipe = Err(why.clone());
            BpfError::Kept(why)
        })
    }

    fn is_late(&self, within: Duration) -> String {
        let (pid, seconds) = (self.process.id(), within.as_secs());
        format!(
            "the keeper does not answer: process {pid} had {seconds} s\nhint: it was stopped, or \
             hangs in the kernel: /proc/{pid}/status and /proc/{pid}/wchan say which; start the \
             daemon anew, as its supervisor does"
        )
    }

    /// Waits until the process has ended, if that is soon.
    fn await_end(&mut self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        while self.process.try_wait()?.is_none() {
            if Instant::now() >= until {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
        Ok(true)
    }

    /// Ends the process; whether it has ended.
    fn end(&mut self) -> io::Result<bool> {
        // It ends by that. Who does not answer is not waited for.
        let pipe = std::mem::replace(&mut self.pipe, Err("the keeper was ended".to_owned()));
        let patience = if pipe.is_ok() { KEEPER_END } else { Duration::ZERO };
        drop(pipe);
        if self.await_end(patience)? {
            return Ok(true);
        }
        self.process.kill()?;
        self.await_end(KEEPER_END)
    }

    /// Asks for something to be done.
    fn order(&mut self, request: &Request) -> Result<(), BpfError> {
        let (answer, _) = self.ask(request, &[])?;
        self.done(answer)
    }

    fn done(&mut self, answer: Answer) -> Result<(), BpfError> {
        let Answer::Done { plan, canary_pids, error } = answer else {
            return Err(refusal(answer));
        };
        self.canary_pids.extend(canary_pids);
        if let Some(plan) = plan {
            self.plan = forms::plan(plan);
        }
        error.map_or(Ok(()), |why| Err(BpfError::Kept(why)))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Once this process gave its privileges up it may not kill that one, which ends by itself:
        // see `serve`.
        let ended = self.end();
        if !matches!(ended, Ok(true)) {
            tracing::debug!(?ended, "the keeper's end was not seen");
        }
    }
}

impl Kernel for Keeper {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn take_canary_pids(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.canary_pids)
    }

    fn numbers(&mut self) -> Result<Numbers, BpfError> {
        match self.ask(&Request::Numbers, &[])?.0 {
            Answer::Numbers(values, recursion_misses, costs) => Ok(Numbers {
                reading: Reading::of(&values),
                recursion_misses,
                costs: costs
                    .into_iter()
                    .filter_map(|(program, cost)| Some((Program::try_from(program).ok()?, cost)))
                    .collect(),
            }),
            answer => Err(refusal(answer)),
        }
    }

    fn losses(&mut self) -> Result<Vec<Losses>, BpfError> {
        let whole = |(key, counts): (u64, Vec<u64>)| {
            let mut places = [0; DropReason::COUNT];
            places.iter_mut().zip(counts).for_each(|(place, count)| *place = count);
            (key, places)
        };
        match self.ask(&Request::Losses, &[])?.0 {
            Answer::Losses(losses) => Ok(losses.into_iter().map(whole).collect()),
            answer => Err(refusal(answer)),
        }
    }

    fn set_kinds(&mut self, kinds: &[RecordKind]) -> Result<(), BpfError> {
        self.order(&Request::SetKinds(numbers(kinds)))
    }

    fn keep_env(&mut self, keys: &EnvKeys) -> Result<(), BpfError> {
        self.order(&Request::KeepEnv(keys.names()))
    }

    fn set_filter(&mut self, filter: &KernelFilter) -> Result<(), BpfError> {
        self.order(&Request::SetFilter(Box::new(filter.into())))
    }

    /// Which they are the keeper sees better.
    fn set_own_pids(&mut self, _: &[u32]) -> Result<(), BpfError> {
        self.order(&Request::OwnPids)
    }

    fn check_hooks(&mut self) -> Result<Vec<Silence>, BpfError> {
        let (answer, _) = self.ask(&Request::CheckHooks, &[])?;
        // Whether programs fire is part of the plan.
        self.order(&Request::Plan)?;
        let silence = |(kind, program, again): (u16, u32, Option<String>)| {
            let (kind, program) =
                (RecordKind::try_from(kind).ok()?, Program::try_from(program).ok()?);
            Some(Silence { kind, program, again: again.map_or(Ok(()), Err) })
        };
        match answer {
            Answer::Silent(all) => Ok(all.into_iter().filter_map(silence).collect()),
            answer => Err(refusal(answer)),
        }
    }

    fn put_right(&mut self) -> (Vec<String>, Result<(), BpfError>) {
        match self.ask(&Request::PutRight, &[]) {
            Ok((Answer::Maps(maps, error), _)) => {
                (maps, error.map_or(Ok(()), |why| Err(BpfError::Kept(why))))
            }
            Ok((answer, _)) => (Vec::new(), Err(refusal(answer))),
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    fn walk_tasks(&mut self) -> Result<Vec<u8>, BpfError> {
        match self.ask(&Request::WalkTasks, &[])?.0 {
            Answer::Bytes(records) => Ok(records),
            answer => Err(refusal(answer)),
        }
    }

    /// The keeper does so by itself.
    fn flush_log(&mut self) {}

    fn detach_all(&mut self) -> Result<(), BpfError> {
        self.order(&Request::DetachAll)
    }

    fn ask_to_be_woken(&mut self) -> Result<(), BpfError> {
        self.order(&Request::Sleep)
    }

    /// The keeper reads the configuration itself: it takes nobody's word for what may be opened.
    fn reach_anew(&mut self, ways: usize) -> io::Result<Vec<Box<dyn Reach>>> {
        match self.ask(&Request::AllowAnew, &[]).map_err(io::Error::other)?.0 {
            Answer::Done { .. } => {}
            answer => return Err(error_of(answer)),
        }
        let way = || -> io::Result<Box<dyn Reach>> { Ok(Box::new(self.files()?)) };
        std::iter::repeat_with(way).take(ways).collect()
    }
}

fn numbers(kinds: &[RecordKind]) -> Vec<u16> {
    kinds.iter().map(|kind| *kind as u16).collect()
}

/// Why something was refused, or that the answer is none to what was asked.
fn refusal(answer: Answer) -> BpfError {
    BpfError::Kept(match answer {
        Answer::Refused(_, why) => why,
        _ => "the keeper answered something else".to_owned(),
    })
}
