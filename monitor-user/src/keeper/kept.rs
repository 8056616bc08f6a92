//! The keeper, as who opens files sees it, and who asks about them or about containers.

use std::{
    cell::Cell,
    ffi::OsString,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    sync::Arc,
};

use super::{
    asking::Asking,
    wire::{Answer, Request},
};
use crate::{
    enrich::hashes::HashQuestion,
    event::{Fact, FactSource, Reason},
    metadata::containerd::{Ask, Question, Record},
    reach::{Reach, Stat},
};

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

    fn ask(&self, request: &Request) -> io::Result<(Answer, Vec<OwnedFd>)> {
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

/// What a refusal says.
pub(super) fn error_of(answer: Answer) -> io::Error {
    match answer {
        Answer::Refused(number, _) if number != 0 => io::Error::from_raw_os_error(number),
        Answer::Refused(_, why) => io::Error::other(why),
        _ => io::ErrorKind::InvalidData.into(),
    }
}
