//! The keeper, as who opens files sees it, and who asks about them or about containers.

use std::{
    cell::Cell,
    ffi::OsString,
    fs::File,
    io::{self, PipeReader, Read as _},
    net::IpAddr,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_bytes::ByteBuf;

use super::{
    asking::Asking,
    wire::{Answer, Request},
};
use crate::{
    enrich::hashes::HashQuestion,
    event::{Fact, FactSource, Reason},
    hasher::Copy,
    images::{Engine, Store},
    metadata::containerd::{Ask, Question, Record},
    packages::{Databases, Find, PackageQuestion},
    posture::{
        Observed,
        host::{self, HostFacts},
        observed::{Asked, Look},
        traffic::{
            Tap,
            tap::{self, Network},
        },
    },
    reach::{Reach, Stat},
};

/// Bytes of a program that are taken at once: as many as a pipe holds.
const COPY_PIECE_BYTES: usize = 64 << 10;

/// A connection for files. What is late is not answered, and nothing else is until it came.
pub struct Kept {
    asking: Asking,
    /// Whether something was not answered.
    is_unanswered: Cell<bool>,
}

impl Kept {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { asking: Asking::new(stream), is_unanswered: Cell::new(false) }
    }

    /// The hash of an executed file.
    pub fn hash(&self, question: &HashQuestion) -> Fact<Arc<str>> {
        match self.ask(&Request::Hash(Box::new(question.into()))) {
            Ok((Answer::Hash(Ok(hash)), _)) => Fact::Known(hash.into(), FactSource::File),
            Ok((Answer::Hash(Err(reason)), _)) => Fact::Unknown(reason_of(&reason)),
            _ => Fact::Unknown(Reason::NoAnswer),
        }
    }

    /// The same, and its content: piece by piece, as it is read.
    pub fn copy(&self, question: &HashQuestion, copy: Copy<'_>) -> Fact<Arc<str>> {
        let request = Request::Copy(Box::new(question.into()));
        match self.ask_for_content(&request, copy) {
            Ok((Answer::Hash(Ok(hash)), _)) => Fact::Known(hash.into(), FactSource::File),
            Ok((Answer::Hash(Err(reason)), _)) => Fact::Unknown(reason_of(&reason)),
            _ => Fact::Unknown(Reason::NoAnswer),
        }
    }

    /// Asks, and takes what comes out of a pipe meanwhile. Who has enough closes it: the answer
    /// comes all the same.
    fn ask_for_content(
        &self,
        request: &Request,
        copy: Copy<'_>,
    ) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let (content, end) = io::pipe()?;
        let until = self.asking.begin(request, &[end.as_fd()], request.within())?;
        drop(end);
        let mut room = vec![0; COPY_PIECE_BYTES];
        while is_ready(&content, until)? {
            let count = match (&content).read(&mut room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let piece = room.get(..count).unwrap_or_default();
            if piece.is_empty() || !copy(piece) {
                break;
            }
        }
        drop(content);
        self.asking.end(until)
    }

    pub(super) fn ask(&self, request: &Request) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let asked = self.asking.ask(request, &[], request.within());
        if asked.is_err() {
            self.is_unanswered.set(true);
        }
        asked
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

    fn read_all(&self, paths: &[PathBuf], limit: u64) -> Vec<io::Result<Vec<u8>>> {
        let answer = match self.ask(&Request::ReadAll(paths.to_vec(), limit)) {
            Ok((Answer::Several(read), _)) if read.len() == paths.len() => {
                let one = |it: Result<_, i32>| it.map_err(io::Error::from_raw_os_error);
                return read.into_iter().map(one).collect();
            }
            Ok((answer, _)) => error_of(answer).kind(),
            Err(error) => error.kind(),
        };
        paths.iter().map(|_| Err(answer.into())).collect()
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

    fn take_unanswered(&self) -> bool {
        self.is_unanswered.take()
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
        self.of_image(&Request::Digest(Box::new(question.into())))
    }

    fn created(&mut self, question: Question<'_>) -> Result<String, Reason> {
        self.of_image(&Request::Created(Box::new(question.into())))
    }

    fn stores(&mut self, socket: &Path) -> Vec<Store> {
        match self.ask(&Request::Images(socket.to_owned())) {
            Ok((Answer::Images(stores), _)) => stores,
            _ => {
                let mut store = Store::new(Engine::Containerd, "", socket.to_owned());
                store.lacks.push("the keeper does not tell what it has".to_owned());
                vec![store]
            }
        }
    }
}

impl Kept {
    /// What is told of an image.
    fn of_image(&self, request: &Request) -> Result<String, Reason> {
        match self.ask(request) {
            Ok((Answer::Digest(Ok(text)), _)) => Ok(text),
            Ok((Answer::Digest(Err(reason)), _)) => Err(reason_of(&reason)),
            _ => Err(Reason::NoAnswer),
        }
    }
}

impl Find for Kept {
    fn find(&mut self, question: &PackageQuestion, known: &[u64]) -> Result<Databases, Reason> {
        match self.ask(&Request::Databases(Box::new(question.into()), known.to_vec())) {
            Ok((Answer::Databases(Ok(found)), _)) => Ok((*found).into()),
            Ok((Answer::Databases(Err(reason)), _)) => Err(reason_of(&reason)),
            _ => Err(Reason::NoAnswer),
        }
    }
}

impl Look for Kept {
    fn look(&mut self, asked: &Asked) -> Result<Option<Observed>, Reason> {
        match self.ask(&Request::Look(Box::new(asked.clone()))) {
            Ok((Answer::Looked(found), _)) => Ok(found.map(|found| *found)),
            Ok((Answer::Refused(..), _)) => Err(Reason::NotPermitted),
            _ => Err(Reason::NoAnswer),
        }
    }

    fn look_at_host(&mut self, sockets: &[String]) -> Result<HostFacts, Reason> {
        match self.ask(&Request::Host) {
            Ok((Answer::Host(listeners), _)) => {
                Ok(host::read(self, sockets, listeners, host::now()))
            }
            Ok((Answer::Refused(..), _)) => Err(Reason::NotPermitted),
            _ => Err(Reason::NoAnswer),
        }
    }
}

impl Tap for Kept {
    fn open(&mut self, network: Network, ports: &[u16]) -> Result<Vec<IpAddr>, String> {
        match self.ask(&Request::Tap(network.id, network.pid, ports.to_vec())) {
            Ok((Answer::Tapped(Ok([four, six])), _)) => Ok(tap::addresses(&four, &six)),
            Ok((Answer::Tapped(Err(why)), _)) => Err(why),
            Ok((answer, _)) => Err(error_of(answer).to_string()),
            Err(error) => Err(format!("the keeper does not answer: {error}")),
        }
    }

    fn take(&mut self) -> Result<Vec<Vec<u8>>, String> {
        match self.ask(&Request::Packets) {
            Ok((Answer::Packets(all), _)) => Ok(all.into_iter().map(ByteBuf::into_vec).collect()),
            Ok((answer, _)) => Err(error_of(answer).to_string()),
            Err(error) => Err(format!("the keeper does not answer: {error}")),
        }
    }

    fn close(&mut self) {
        if let Err(error) = self.ask(&Request::Untap) {
            tracing::debug!(%error, "a tap was not closed");
        }
    }
}

/// Waits for something to come out of a pipe, or its end; false: it is too late.
fn is_ready(pipe: &PipeReader, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], left) {
            Err(nix::Error::EINTR) => {}
            polled => return Ok(polled? > 0),
        }
    }
}

pub(super) fn reason_of(name: &str) -> Reason {
    Reason::from_name(name).unwrap_or(Reason::NoAnswer)
}

/// What a refusal says.
pub(super) fn error_of(answer: Answer) -> io::Error {
    match answer {
        Answer::Refused(number, _) if number != 0 => io::Error::from_raw_os_error(number),
        Answer::Refused(_, why) => io::Error::other(why),
        _ => io::ErrorKind::InvalidData.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _, thread};

    use super::{super::wire::Pipe, *};
    use crate::enrich::hashes::FileKey;

    fn question() -> HashQuestion {
        HashQuestion {
            key: FileKey { major: 0, minor: 0, inode: 0, ctime_ns: 0, size: 1 << 20 },
            magic: 0,
            path: None,
            pid: 1,
            exec_ns: 0,
            ancestors: Vec::new(),
            mtime_ns: 0,
            keep: true,
            known: None,
        }
    }

    /// A keeper that answers one question: how much of a content it could hand out.
    fn keeper(content: Vec<u8>) -> (Kept, thread::JoinHandle<bool>) {
        let (one, other) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let pipe = Pipe::new(other);
            let (request, mut came) = pipe.receive::<Request>().unwrap().unwrap();
            assert!(matches!(request, Request::Copy(_)));
            let whole = File::from(came.remove(0)).write_all(&content).is_ok();
            pipe.send(&Answer::Hash(Ok("ab".to_owned())), &[], None).unwrap();
            whole
        });
        (Kept::new(one), serving)
    }

    #[test]
    fn content_comes_whole_before_its_hash() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        let (kept, serving) = keeper(content.clone());
        let mut came = Vec::new();
        let hash = kept.copy(&question(), &mut |piece| {
            came.extend_from_slice(piece);
            true
        });
        assert_eq!(hash, Fact::Known("ab".into(), FactSource::File));
        assert!(serving.join().unwrap() && came == content);
    }

    #[test]
    fn who_has_enough_gets_the_hash_all_the_same() {
        let (kept, serving) = keeper(vec![1; 3_000_000]);
        let hash = kept.copy(&question(), &mut |_| false);
        assert_eq!(hash, Fact::Known("ab".into(), FactSource::File));
        assert!(!serving.join().unwrap(), "nobody took the rest");
    }
}
