//! The keeper's process.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::{fs::MetadataExt as _, net::UnixStream},
    },
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use monitor_common::{Program, RecordKind};
use nix::{
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl::{set_no_new_privs, set_pdeathsig},
        signal::Signal,
        stat::{SFlag, fstat},
    },
    unistd::getppid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{
    Allowed, forms,
    shed::shed,
    wire::{Answer, Asked, Pipe, Request, Start},
};
use crate::{
    bpf::{
        BpfError,
        kernel_side::{Kernel, KernelSide, Numbers, SideOptions},
        planner::Silence,
        ring::{Alarm, Map},
    },
    config::{self, Config, RawConfig},
    enrich::hashes::HashQuestion,
    env::EnvKeys,
    event::{Fact, Reason},
    flood::FloodLimit,
    hasher::{self, Bounds, Read},
    host::{More, restricts_probes},
    input,
    instance::Instance,
    limits::{KEEP_RANGE, KEEPER_END, RUNTIME_FILE_BYTES},
    metadata::{
        cgroups,
        containerd::{self, Ask, Question},
    },
    reach::{Direct, Reach as _, Stat, read_each},
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
    let more = More { writes_for_others: allowed.writes_for_others(), probes: false };
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
            return Answer::Refused(libc::EMFILE, "too many connections".to_owned());
        }
        let open = Arc::clone(&self.connections);
        let pipe = Pipe::new(UnixStream::from(socket));
        let (allowed, bounds) = (Arc::clone(&self.allowed), self.bounds);
        let spawned = start_thread("files", self.more, move || {
            let _open = open;
            let (read, containerd) = (hasher::reader(bounds), containerd::direct());
            let copies = bounds.copy > 0;
            let mut archive = Archive { allowed, read, copies, containerd };
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

/// What a connection for files asks about.
struct Archive {
    allowed: Arc<Allowed>,
    read: Read,
    /// Whether the content of programs is handed out.
    copies: bool,
    containerd: Box<dyn Ask>,
}

impl Archive {
    /// Answers what is asked, if that was allowed.
    fn answer(&mut self, request: Request, came: Vec<OwnedFd>) -> (Answer, Option<OwnedFd>) {
        let allowed = &*self.allowed;
        let answer = match request {
            Request::Read(path, limit) => {
                read(allowed, &path, limit).map_or_else(|error| of_io(&error), Answer::Bytes)
            }
            Request::ReadAll(paths, limit) => {
                let limit = limit.min(RUNTIME_FILE_BYTES + 1);
                let read = read_each(&paths, limit, |path| read(allowed, path, limit));
                let told = read.into_iter().map(|it| it.map_err(|error| number_of(&error)));
                Answer::Several(told.collect())
            }
            Request::Names(path) => {
                names(allowed, &path).map_or_else(|error| of_io(&error), Answer::Names)
            }
            Request::Stat(path) => look(allowed, &path).map_or_else(|error| of_io(&error), stat),
            Request::Listener(path) if allowed.asks(&path) => {
                Direct.listener(&path).map_or_else(|error| of_io(&error), Answer::Pid)
            }
            Request::Append(path) if allowed.appends(&path) => match Direct.append(&path) {
                Ok(file) => return (Answer::Opened, Some(file.into())),
                Err(error) => of_io(&error),
            },
            Request::Rotate(path, keep) if allowed.appends(&path) => Direct
                .rotate(&path, keep.min(*KEEP_RANGE.end()))
                .map_or_else(|error| of_io(&error), |()| done()),
            Request::Hash(question) => hash((self.read)(&(*question).into(), None)),
            Request::Copy(question) if self.copies => {
                let content = came.into_iter().next().filter(|fd| is_pipe(fd.as_fd()));
                self.copy(&(*question).into(), content)
            }
            Request::Container(asked) => {
                let told = self.containerd(&asked, |ask, it| ask.container(it));
                Answer::Container(told.map(|record| Box::new(record.into())))
            }
            Request::Digest(asked) => {
                Answer::Digest(self.containerd(&asked, |ask, it| ask.digest(it)))
            }
            Request::Created(asked) => {
                Answer::Digest(self.containerd(&asked, |ask, it| ask.created(it)))
            }
            _ => of_io(&not_allowed()),
        };
        (answer, None)
    }

    /// Writes what is read of a program to a pipe, as long as somebody takes it.
    fn copy(&mut self, question: &HashQuestion, content: Option<OwnedFd>) -> Answer {
        let Some(content) = content.map(File::from) else { return out_of_place() };
        hash((self.read)(question, Some(&mut |piece| (&content).write_all(piece).is_ok())))
    }

    /// Asks containerd; where not, the name of the reason.
    fn containerd<T>(
        &mut self,
        asked: &Asked,
        put: impl FnOnce(&mut dyn Ask, Question<'_>) -> Result<T, Reason>,
    ) -> Result<T, String> {
        let told = match self.allowed.asks(&asked.socket) {
            true => put(&mut *self.containerd, asked.question()),
            false => Err(Reason::NotPermitted),
        };
        told.map_err(|reason| reason.name().to_owned())
    }
}

fn hash(hash: Fact<Arc<str>>) -> Answer {
    match hash {
        Fact::Known(hash, _) => Answer::Hash(Ok(hash.to_string())),
        Fact::Unknown(reason) => Answer::Hash(Err(reason.name().to_owned())),
    }
}

/// Whether a descriptor is that of a pipe: writing to other files can be an act of its own, for
/// which this process has the privileges.
fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    let kind = fstat(fd).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
    kind == Ok(SFlag::S_IFIFO)
}

fn read(allowed: &Allowed, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // The reader asks for one byte more, to see that there is more.
    let limit = limit.min(RUNTIME_FILE_BYTES + 1);
    if allowed.is_named(path) {
        return Direct.read(path, limit);
    }
    match allowed.reads(path) {
        Some(place) => place.read(limit),
        None if Allowed::is_of_user(path) => of_user(path, limit),
        None if Allowed::is_bundle(path) => bundle(path, limit),
        None => Err(not_allowed()),
    }
}

fn names(allowed: &Allowed, path: &Path) -> io::Result<Vec<OsString>> {
    match allowed.looks(path) {
        Some(place) => place.names(),
        None if Allowed::is_of_user(path) => Direct.names(path),
        None => Err(not_allowed()),
    }
}

fn look(allowed: &Allowed, path: &Path) -> io::Result<Stat> {
    match allowed.looks(path) {
        Some(place) => place.stat(),
        None if allowed.stats(path) => Direct.stat(path),
        None => Err(not_allowed()),
    }
}

fn not_allowed() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the keeper was not told to allow that")
}

/// A file that is a user's own, and not one of root's that a user made a link to.
fn of_user(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = input::open(path)?;
    if file.metadata()?.uid() == 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    input::read_opened(file, limit)
}

/// A bundle can be anywhere. What is read of other files of that name are credentials.
fn bundle(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    const MARK: &[u8] = b"\"ociVersion\"";
    let bytes = Direct.read(path, limit)?;
    let is_one = memchr::memmem::find(&bytes, MARK).is_some();
    if is_one { Ok(bytes) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

fn stat(stat: Stat) -> Answer {
    Answer::Stat(stat.identity, stat.is_directory, stat.bytes, stat.modified_ns)
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

fn done() -> Answer {
    Answer::Done { plan: None, canary_pids: Vec::new(), error: None }
}

fn out_of_place() -> Answer {
    Answer::Refused(libc::EPROTO, "the request is out of place".to_owned())
}

fn text(error: &BpfError) -> String {
    let mut text = error.to_string();
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        text.push_str(&format!(": {source}"));
        cause = source;
    }
    text
}

fn refused(error: &BpfError) -> Answer {
    Answer::Refused(0, text(error))
}

fn of_io(error: &io::Error) -> Answer {
    Answer::Refused(number_of(error), error.to_string())
}

fn number_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_else(|| match error.kind() {
        io::ErrorKind::NotFound => libc::ENOENT,
        io::ErrorKind::PermissionDenied => libc::EACCES,
        io::ErrorKind::InvalidInput => libc::EINVAL,
        io::ErrorKind::FileTooLarge => libc::EFBIG,
        _ => libc::EIO,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::wire, *};
    use crate::metadata::containerd::Record;

    /// Answers whoever asks.
    struct Anybody;

    impl Ask for Anybody {
        fn container(&mut self, _: Question<'_>) -> Result<Record, Reason> {
            Ok(Record { image: "shop".to_owned(), ..Record::default() })
        }
        fn digest(&mut self, question: Question<'_>) -> Result<String, Reason> {
            assert_eq!(question.within, Duration::from_millis(9));
            Ok("sha256:1".to_owned())
        }
        fn created(&mut self, _: Question<'_>) -> Result<String, Reason> {
            Ok("2026-01-02T03:04:05Z".to_owned())
        }
    }

    #[test]
    fn containerd_is_asked_only_where_that_was_allowed() {
        let sockets = vec!["/run/containerd/containerd.sock".into()];
        let allowed = Arc::new(Allowed { sockets, ..Allowed::default() });
        let read: Read = Box::new(|_, _| Fact::Unknown(Reason::Gone));
        let containerd = Box::new(Anybody);
        let mut archive = Archive { allowed, read, copies: false, containerd };
        let asked = |socket: &str| {
            let [namespace, name] = ["default", "x"].map(str::to_owned);
            Box::new(Asked { socket: socket.into(), namespace, name, within_ms: 9 })
        };
        let mut answer = |request| archive.answer(request, Vec::new()).0;
        let good = "/run/containerd/containerd.sock";
        let container = answer(Request::Container(asked(good)));
        assert!(matches!(container, Answer::Container(Ok(it)) if it.image == "shop"));
        let digest = answer(Request::Digest(asked(good)));
        assert!(matches!(digest, Answer::Digest(Ok(it)) if it == "sha256:1"));
        for other in ["/run/docker.sock", "/run/containerd/../containerd/containerd.sock", ""] {
            let container = answer(Request::Container(asked(other)));
            assert!(matches!(container, Answer::Container(Err(it)) if it == "not_permitted"));
            let digest = answer(Request::Digest(asked(other)));
            assert!(matches!(digest, Answer::Digest(Err(it)) if it == "not_permitted"));
            let created = answer(Request::Created(asked(other)));
            assert!(matches!(created, Answer::Digest(Err(it)) if it == "not_permitted"));
            let listener = answer(Request::Listener(other.into()));
            assert!(matches!(listener, Answer::Refused(nix::libc::EACCES, _)));
        }
    }

    /// The content goes into pipes only, and only where programs are kept.
    #[test]
    fn content_is_handed_out_only_where_that_was_allowed() {
        let question = || {
            let key = ((0, 0), 0, 0, 0);
            let (pid, ancestors) = (1, Vec::new());
            Box::new(wire::Question {
                key,
                magic: 0,
                path: None,
                pid,
                exec_ns: 0,
                ancestors,
                mtime_ns: 0,
            })
        };
        let folder = crate::records::folder::Folder::new("keeper-content");
        let path = folder.path().join("file");
        for copies in [false, true] {
            let read: Read = Box::new(|_, copy| {
                let taken = copy.is_some_and(|copy| copy(b"content"));
                assert!(taken);
                Fact::Known("ab".into(), crate::event::FactSource::File)
            });
            let (allowed, containerd) = (Arc::default(), Box::new(Anybody));
            let mut archive = Archive { allowed, read, copies, containerd };
            let file = OwnedFd::from(File::create(&path).unwrap());
            for came in [vec![], vec![file]] {
                let (answer, _) = archive.answer(Request::Copy(question()), came);
                assert!(matches!(answer, Answer::Refused(..)), "{answer:?}");
            }
            assert_eq!(std::fs::read(&path).unwrap(), b"");
            let (mut content, end) = io::pipe().unwrap();
            let (answer, _) = archive.answer(Request::Copy(question()), vec![end.into()]);
            assert_eq!(matches!(answer, Answer::Hash(Ok(hash)) if hash == "ab"), copies);
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut content, &mut bytes).unwrap();
            assert_eq!(bytes, if copies { b"content".as_slice() } else { b"" });
        }
    }
}
