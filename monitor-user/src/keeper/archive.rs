//! Files and runtimes, as the keeper's connections for them are asked: what was allowed is opened,
//! read and handed out.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Component, Path},
    sync::Arc,
};

use nix::sys::stat::{SFlag, fstat};

use super::{
    Allowed,
    answers::{done, number_of, of_io, out_of_place},
    forms, hosts, roots,
    wire::{Answer, Asked, Request},
};
use crate::{
    enrich::hashes::HashQuestion,
    event::{Fact, Reason},
    hasher::Read,
    input,
    limits::{KEEP_RANGE, RUNTIME_FILE_BYTES},
    metadata::containerd::{Ask, Question},
    packages::Opened,
    posture::{
        host::Directory,
        observed::{Asked as LookAsked, Look as _, Thorough},
        traffic::{Direct, Tap as _, tap::Network},
    },
    reach::{self, Reach as _, Stat, read_each},
};

/// What a connection for files asks about.
pub(super) struct Archive {
    pub(super) allowed: Arc<Allowed>,
    pub(super) read: Read,
    /// Whether the content of programs is handed out.
    pub(super) copies: bool,
    pub(super) containerd: Box<dyn Ask>,
    /// The root that is read for an inventory.
    pub(super) root: Option<Opened>,
    /// The root of the host, as it was opened for one look.
    pub(super) host: Option<Directory>,
    /// What is listened to.
    pub(super) tap: Direct,
    /// Who looks at containers.
    pub(super) look: Thorough,
}

impl Archive {
    /// Answers what is asked, if that was allowed.
    pub(super) fn answer(
        &mut self,
        request: Request,
        came: Vec<OwnedFd>,
    ) -> (Answer, Option<OwnedFd>) {
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
                reach::Direct.listener(&path).map_or_else(|error| of_io(&error), Answer::Pid)
            }
            Request::Append(path) if allowed.appends(&path) => match reach::Direct.append(&path) {
                Ok(file) => return (Answer::Opened, Some(file.into())),
                Err(error) => of_io(&error),
            },
            Request::Rotate(path, keep) if allowed.appends(&path) => reach::Direct
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
            Request::Images(socket) if allowed.images && allowed.asks(&socket) => {
                Answer::Images(self.containerd.stores(&socket))
            }
            Request::Look(asked) => look_at(allowed, &mut self.look, *asked),
            Request::Host if allowed.host => hosts::open(&mut self.host, allowed),
            Request::OfHost(asked) => hosts::answer(self.host.as_ref(), &asked),
            Request::Databases(asked, known) => forms::databases(&(*asked).into(), &known),
            Request::Root(pid) if allowed.inventory => roots::open(&mut self.root, pid),
            Request::Tap(id, pid, ports) if allowed.traffic => {
                let begun = self.tap.begin(Network { id, pid }, &ports);
                Answer::Tapped(begun.map(|texts| texts.map(Into::into)))
            }
            Request::Packets => packets(&self.tap),
            Request::Untap => {
                self.tap.close();
                done()
            }
            request => match &self.root {
                Some(root) => roots::answer(root, request),
                None => of_io(&not_allowed()),
            },
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

/// Looks at a container. Of namespaces that it was to join only those are looked at that may be.
fn look_at(allowed: &Allowed, look: &mut Thorough, mut asked: LookAsked) -> Answer {
    asked.is_thorough &= allowed.thorough;
    let mut cgroups = asked.others.iter().chain([&asked.cgroup]);
    if cgroups.any(|path| Path::new(path).components().any(|it| it == Component::ParentDir)) {
        return of_io(&not_allowed());
    }
    asked
        .declared
        .namespaces
        .retain(|(_, path)| path.as_ref().is_none_or(|path| allowed.stats(Path::new(path))));
    asked.sockets.retain(|path| allowed.asks(Path::new(path)));
    match look.look(&asked) {
        Ok(found) => Answer::Looked(found.map(Box::new)),
        Err(_) => of_io(&io::ErrorKind::PermissionDenied.into()),
    }
}

fn packets(tap: &Direct) -> Answer {
    let answer = |all: Vec<Vec<u8>>| Answer::Packets(all.into_iter().map(Into::into).collect());
    tap.packets().map_or_else(|error| of_io(&error), answer)
}

fn hash(hash: Fact<Arc<str>>) -> Answer {
    match hash {
        Fact::Known(hash, _) => Answer::Hash(Ok(hash.to_string())),
        Fact::Unknown(reason) => Answer::Hash(Err(reason.name().to_owned())),
    }
}

/// Whether a descriptor is that of a pipe: writing to other files can be an act of its own.
fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    let kind = fstat(fd).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
    kind == Ok(SFlag::S_IFIFO)
}

fn read(allowed: &Allowed, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // The reader asks for one byte more, to see that there is more.
    let limit = limit.min(RUNTIME_FILE_BYTES + 1);
    if allowed.is_named(path) {
        return reach::Direct.read(path, limit);
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
        None if Allowed::is_of_user(path) => reach::Direct.names(path),
        None => Err(not_allowed()),
    }
}

fn look(allowed: &Allowed, path: &Path) -> io::Result<Stat> {
    match allowed.looks(path) {
        Some(place) => place.stat(),
        None if allowed.stats(path) => reach::Direct.stat(path),
        None => Err(not_allowed()),
    }
}

pub(super) fn not_allowed() -> io::Error {
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
    let bytes = reach::Direct.read(path, limit)?;
    let is_one = memchr::memmem::find(&bytes, MARK).is_some();
    if is_one { Ok(bytes) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

fn stat(stat: Stat) -> Answer {
    Answer::Stat(stat.identity, stat.is_directory, stat.bytes, stat.modified_ns)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::wire, *};
    use crate::{
        images::{Engine, Store},
        metadata::containerd::Record,
    };

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
        fn stores(&mut self, socket: &Path) -> Vec<Store> {
            vec![Store::new(Engine::Containerd, "default", socket.to_owned())]
        }
    }

    #[test]
    fn containerd_is_asked_only_where_that_was_allowed() {
        let sockets = vec!["/run/containerd/containerd.sock".into()];
        let allowed = Arc::new(Allowed { sockets, ..Allowed::default() });
        let read: Read = Box::new(|_, _| Fact::Unknown(Reason::Gone));
        let containerd = Box::new(Anybody);
        let (root, host, tap) = (None, None, Direct::default());
        let (copies, look) = (false, Thorough::default());
        let mut archive = Archive { allowed, read, copies, containerd, root, host, tap, look };
        let images = |archive: &mut Archive, socket: &str| match archive
            .answer(Request::Images(socket.into()), Vec::new())
            .0
        {
            Answer::Images(stores) => stores.len(),
            _ => 0,
        };
        let good = "/run/containerd/containerd.sock";
        assert_eq!(images(&mut archive, good), 0, "nobody said that images are listed");
        archive.allowed = Arc::new(Allowed { images: true, ..(*archive.allowed).clone() });
        assert_eq!([good, "/run/docker.sock"].map(|it| images(&mut archive, it)), [1, 0]);
        let asked = |socket: &str| {
            let [namespace, name] = ["default", "x"].map(str::to_owned);
            Box::new(Asked {
                socket: socket.into(),
                namespace,
                name,
                layers: String::new(),
                within_ms: 9,
            })
        };
        let mut answer = |request| archive.answer(request, Vec::new()).0;
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
            let (root, host, tap) = (None, None, Direct::default());
            let look = Thorough::default();
            let mut archive = Archive { allowed, read, copies, containerd, root, host, tap, look };
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
