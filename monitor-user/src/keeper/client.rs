//! The keeper, as the line sees it.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use monitor_common::{DropReason, Program, RecordKind};

use super::{
    Allowed, forms,
    wire::{Answer, Pipe, Request, Start},
};
use crate::{
    bpf::{
        BpfError,
        counters::Reading,
        kernel_side::{Kernel, Losses, Numbers, SideOptions},
        planner::{Plan, Silence},
        ring::RingMaps,
    },
    enrich::hashes::HashQuestion,
    env::EnvKeys,
    event::{Fact, FactSource, Reason},
    metadata::containerd::{Ask, Question, Record},
    reach::{Reach, Stat},
    rules::filter::KernelFilter,
};

/// The keeper's process. It ends when this is dropped.
pub struct Keeper {
    /// None once it is at its end.
    pipe: Option<Pipe>,
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
    pub fn spawn(log: &str, allowed: Allowed, hash_bytes_max: u64) -> io::Result<Self> {
        let (own, theirs) = UnixStream::pair()?;
        let process = Command::new(std::env::current_exe()?)
            .args(["--log", log, "keep"])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        let pipe = Pipe::new(own);
        pipe.send(&Request::Allow(Box::new(allowed), hash_bytes_max), &[])?;
        Ok(Self { pipe: Some(pipe), process, plan: Plan::default(), canary_pids: Vec::new() })
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
            Answer::Done { .. } => Ok(Kept { pipe: Pipe::new(own) }),
            answer => Err(error_of(answer)),
        }
    }

    fn ask(
        &self,
        request: &Request,
        along: &[BorrowedFd<'_>],
    ) -> Result<(Answer, Vec<OwnedFd>), BpfError> {
        let gone = |why: &str| BpfError::Kept(format!("the keeper is gone: {why}"));
        let pipe = self.pipe.as_ref().ok_or_else(|| gone("it was ended"))?;
        let asked = pipe.send(request, along).and_then(|()| pipe.receive());
        asked.map_err(|error| gone(&error.to_string()))?.ok_or_else(|| gone("it ended"))
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
        // It ends by that.
        self.pipe = None;
        if let Err(error) = self.process.wait() {
            tracing::debug!(%error, "the keeper's end was not seen");
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
}

/// A connection for files.
pub struct Kept {
    pipe: Pipe,
}

impl Kept {
    /// The hash of an executed file.
    pub fn hash(&self, question: &HashQuestion) -> Fact<Arc<str>> {
        match self.ask(&Request::Hash(Box::new(question.into()))) {
            Ok((Answer::Hash(Ok(hash)), _)) => Fact::Known(hash.into(), FactSource::File),
            Ok((Answer::Hash(Err(reason)), _)) => Fact::Unknown(reason_of(&reason)),
            _ => Fact::Unknown(Reason::NoAnswer),
        }
    }

    fn ask(&self, request: &Request) -> io::Result<(Answer, Vec<OwnedFd>)> {
        self.pipe.send(request, &[])?;
        self.pipe.receive()?.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// A file that the keeper opens.
    fn opened(&self, request: &Request) -> io::Result<OwnedFd> {
        match self.ask(request)? {
            (Answer::Opened, came) => {
                came.into_iter().next().ok_or_else(|| io::ErrorKind::InvalidData.into())
            }
            (answer, _) => Err(error_of(answer)),
        }
    }
}

impl Reach for Kept {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        match self.ask(&Request::Read(path.to_owned(), limit))?.0 {
            Answer::Bytes(bytes) => Ok(bytes),
            answer => Err(error_of(answer)),
        }
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        match self.ask(&Request::Names(directory.to_owned()))?.0 {
            Answer::Names(names) => Ok(names),
            answer => Err(error_of(answer)),
        }
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        match self.ask(&Request::Stat(path.to_owned()))?.0 {
            Answer::Stat(identity, is_directory, bytes, modified_ns) => {
                Ok(Stat { identity, is_directory, bytes, modified_ns })
            }
            answer => Err(error_of(answer)),
        }
    }

    fn listener(&self, socket: &Path) -> io::Result<i32> {
        match self.ask(&Request::Listener(socket.to_owned()))?.0 {
            Answer::Pid(pid) => Ok(pid),
            answer => Err(error_of(answer)),
        }
    }

    fn append(&self, path: &Path) -> io::Result<File> {
        self.opened(&Request::Append(path.to_owned())).map(File::from)
    }

    fn rotate(&self, path: &Path, keep: u32) -> io::Result<()> {
        match self.ask(&Request::Rotate(path.to_owned(), keep))?.0 {
            Answer::Done { .. } => Ok(()),
            answer => Err(error_of(answer)),
        }
    }
}

impl Ask for Kept {
    fn container(&mut self, question: Question<'_>) -> Result<Record, Reason> {
        match self.ask(&Request::Container(Box::new(question.into()))) {
            Ok((Answer::Container(Ok(record)), _)) => Ok((*record).into()),
            Ok((Answer::Container(Err(reason)), _)) => Err(reason_of(&reason)),
            _ => Err(Reason::NoAnswer),
        }
    }

    fn digest(&mut self, question: Question<'_>) -> Result<String, Reason> {
        match self.ask(&Request::Digest(Box::new(question.into()))) {
            Ok((Answer::Digest(Ok(digest)), _)) => Ok(digest),
            Ok((Answer::Digest(Err(reason)), _)) => Err(reason_of(&reason)),
            _ => Err(Reason::NoAnswer),
        }
    }
}

fn reason_of(name: &str) -> Reason {
    Reason::from_name(name).unwrap_or(Reason::NoAnswer)
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

fn error_of(answer: Answer) -> io::Error {
    match answer {
        Answer::Refused(number, _) if number != 0 => io::Error::from_raw_os_error(number),
        Answer::Refused(_, why) => io::Error::other(why),
        _ => io::ErrorKind::InvalidData.into(),
    }
}
