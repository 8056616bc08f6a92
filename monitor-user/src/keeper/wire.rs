//! What line and keeper say to each other, and how: a length, and that many bytes of MessagePack.
//! File descriptors come along with the length.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::{
    cmsg_space,
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;

use super::Allowed;
use crate::{
    images::Store,
    limits::{KEEPER_ANSWER, KEEPER_HASH_BYTES_PER_SECOND, KEEPER_LOADS, LIST_WITHIN},
    posture::{
        Observed,
        host::{self, Looked},
        listeners::Listener,
        observed::Asked as LookAsked,
    },
};

/// Bytes of a message at most: the records of all tasks of a large host.
const MESSAGE_BYTES_MAX: u32 = 256 << 20;

/// Bytes that are read of a message at once.
const PIECE_BYTES: usize = 64 << 10;

/// File descriptors of a message at most.
const DESCRIPTORS_MAX: usize = 2;

/// What the line asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Comes first: what is allowed, and bytes of the largest files that are read for their hash,
    /// and copied.
    Allow(Box<Allowed>, (u64, u64)),
    /// Asks for what sinks may have by the configuration as it is now.
    AllowAnew,
    /// Loads and attaches, once.
    Start(Box<Start>),
    /// A further connection, which comes along: for files.
    Connection,
    Numbers,
    Losses,
    SetKinds(Vec<u16>),
    KeepEnv(Vec<String>),
    SetFilter(Box<Filter>),
    /// Looks for the monitors of this host anew.
    OwnPids,
    CheckHooks,
    Plan,
    PutRight,
    WalkTasks,
    DetachAll,
    /// Asks to be woken by the next record, where the line may not write to maps.
    Sleep,
    Read(PathBuf, u64),
    /// Several, each as above.
    ReadAll(Vec<PathBuf>, u64),
    Names(PathBuf),
    Stat(PathBuf),
    /// The process that listens on a socket.
    Listener(PathBuf),
    Append(PathBuf),
    Rotate(PathBuf, u32),
    Hash(Box<Question>),
    /// The same, and the content is written to a pipe that comes along.
    Copy(Box<Question>),
    /// What containerd tells of a container.
    Container(Box<Asked>),
    /// The digest that containerd tells of an image.
    Digest(Box<Asked>),
    /// When containerd says that an image was made.
    Created(Box<Asked>),
    /// The images and containers that the containerd at a socket has.
    Images(PathBuf),
    /// The databases of packages in the root of a process, but for the files of those that are
    /// known by these fingerprints.
    Databases(Box<PackageAsked>, Vec<u64>),
    /// How a container is set up.
    Look(Box<LookAsked>),
    /// Opens the root of a process, or the host's own, for what is asked below.
    Root(Option<u32>),
    /// Directories in that root.
    RootList(Vec<ByteBuf>),
    /// Of each file in that root so many bytes at an offset.
    RootRead(Vec<ByteBuf>, u64, u64),
    /// Of each file in that root so many bytes, each at an offset of its own.
    RootPieces(Vec<(ByteBuf, u64)>, u64),
    /// What is at a path in that root.
    RootStat(ByteBuf),
    /// Opens the root of the host, or the one that was named, for what is asked below.
    Host,
    /// What is at paths in it.
    OfHost(Vec<host::Question>),
    /// Opens a tap in a network, by its number and a process in it, for some ports: one at a time.
    Tap(u64, u32, Vec<u16>),
    /// The packets that came there.
    Packets,
    /// Closes it.
    Untap,
}

/// What the keeper is started with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) kinds: Vec<u16>,
    /// Number of the only family of hooks that may be used.
    pub(super) only: Option<u8>,
    pub(super) ring_bytes: u32,
    /// Records in a second, and at once.
    pub(super) flood: (u32, u32),
    pub(super) kernel_log: bool,
    pub(super) floor: bool,
    pub(super) env_keys: Vec<String>,
    pub(super) filter: Filter,
    pub(super) run_dir: PathBuf,
    /// Name of the line's instance.
    pub(super) instance: String,
}

/// [`crate::rules::filter::KernelFilter`], with kinds as lists.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Filter {
    pub(super) kinds: Vec<u8>,
    pub(super) paths: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) directories: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) names: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) parents: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) ports: Vec<(u16, Vec<u8>)>,
    /// Address and bits of its network.
    pub(super) networks: Vec<((u128, u8), Vec<u8>)>,
    pub(super) users: Vec<((u32, u32), Vec<u8>)>,
}

/// [`crate::enrich::hashes::HashQuestion`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) key: Key,
    pub(super) magic: u32,
    pub(super) path: Option<Vec<u8>>,
    pub(super) pid: u32,
    pub(super) exec_ns: u64,
    pub(super) ancestors: Vec<u32>,
    pub(super) mtime_ns: i64,
}

/// [`crate::metadata::containerd::Question`], with the time in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) socket: PathBuf,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) layers: String,
    pub(super) within_ms: u32,
}

/// [`crate::metadata::containerd::Record`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) image: String,
    pub(super) runtime: String,
    pub(super) name: String,
    pub(super) layers: String,
    pub(super) labels: Option<BTreeMap<String, String>>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// [`crate::packages::PackageQuestion`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PackageAsked {
    pub(super) key: Key,
    pub(super) magic: u32,
    pub(super) path: Vec<u8>,
    pub(super) viewers: Vec<u32>,
    pub(super) since_ns: Option<i64>,
}

/// [`crate::packages::Databases`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Databases {
    pub(super) fingerprint: u64,
    pub(super) is_changed: bool,
    pub(super) has_unread: bool,
    /// Names, and what is in each.
    pub(super) files: Option<Vec<(String, String)>>,
}

/// [`crate::enrich::hashes::FileKey`]: device, inode number, change in nanoseconds, and bytes.
pub(super) type Key = ((u32, u32), u64, i64, u64);

/// [`crate::bpf::planner::Plan`], by kind.
pub(super) type Plan = Vec<Planned>;

/// [`crate::bpf::planner::Planned`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) kind: u16,
    pub(super) chosen: Option<Chosen>,
    /// By number of the family why it does not do.
    pub(super) refused: Vec<(u8, String)>,
}

/// [`crate::bpf::planner::Chosen`]: number of the family, programs with whether they fired, and
/// what they do not see.
pub(super) type Chosen = (u8, Vec<(u32, Option<bool>)>, Vec<String>);

/// A name in a directory: with kind, bytes and permissions of what is there.
pub(super) type Entry = (ByteBuf, u8, u64, u32);

/// What the keeper answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// It is done. What changed of the plan, and why something could not be done.
    Done {
        plan: Option<Plan>,
        canary_pids: Vec<u32>,
        error: Option<String>,
    },
    /// Counters, recursion misses, and run count and time by program.
    Numbers(Vec<u64>, u64, Vec<(u32, (u64, u64))>),
    Losses(Vec<(u64, Vec<u64>)>),
    Silent(Vec<(u16, u32, Option<String>)>),
    /// Names of maps, and why not all could be looked at.
    Maps(Vec<String>, Option<String>),
    Bytes(Vec<u8>),
    /// Of each what was read, or the number of the error.
    Several(Vec<Result<Vec<u8>, i32>>),
    Names(Vec<std::ffi::OsString>),
    /// Device and inode number, whether it is a directory, bytes, and change in nanoseconds.
    Stat((u64, u64), bool, u64, i64),
    /// A process id.
    Pid(i32),
    /// A file comes along.
    Opened,
    /// SHA-256, or the name of the reason why there is none.
    Hash(Result<String, String>),
    /// A container, or the name of a reason as above.
    Container(Result<Box<Record>, String>),
    /// What is told of an image, or the name of a reason as above.
    Digest(Result<String, String>),
    /// Images and containers, by namespace.
    Images(Vec<Store>),
    /// Databases, or the name of a reason as above.
    Databases(Result<Box<Databases>, String>),
    /// A container; None if it has ended.
    Looked(Option<Box<Observed>>),
    /// How a root is read, what tells its layers, and whether a database was changed; or the name
    /// of a reason as above.
    Root(Result<(u8, Option<u64>, bool), String>),
    /// Directories, each with whether there are more names; or the number of a root's error.
    Listings(Vec<Result<(Vec<Entry>, bool), u8>>),
    /// Bytes of files, or as above.
    Pieces(Vec<Result<ByteBuf, u8>>),
    /// Kind, bytes and permissions, or as above.
    RootStat(Result<(u8, u64, u32), u8>),
    /// Where the host listens; None where it is not the one that runs here.
    Host(Looked<Vec<Listener>>),
    /// What is at paths of its.
    OfHost(Vec<Looked<host::Answer>>),
    /// What the kernel tells of a network's own addresses, or why there is no tap there.
    Tapped(Result<[ByteBuf; 2], String>),
    Packets(Vec<ByteBuf>),
    /// It cannot be done: the number of the error, and what it says.
    Refused(i32, String),
}

impl Request {
    /// How long its answer may take.
    pub(super) fn within(&self) -> Duration {
        match self {
            Self::Start(_) | Self::SetKinds(_) | Self::CheckHooks | Self::WalkTasks => KEEPER_LOADS,
            Self::Hash(question) | Self::Copy(question) => {
                let (.., bytes) = question.key;
                KEEPER_ANSWER + Duration::from_secs(bytes / KEEPER_HASH_BYTES_PER_SECOND)
            }
            Self::Images(_) => KEEPER_ANSWER + LIST_WITHIN,
            // A root can be large, and is looked through twice where a container wrote to it.
            Self::Look(asked) if asked.is_thorough => KEEPER_LOADS,
            _ => KEEPER_ANSWER,
        }
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: UnixStream,
}

impl Pipe {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Sends a message, if it is taken in time.
    pub(super) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
        until: Option<Instant>,
    ) -> io::Result<()> {
        let bytes = rmp_serde::to_vec(message).map_err(io::Error::other)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut along = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !along.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let head = length.to_ne_bytes();
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::DONTWAIT, until.is_some());
        self.await_ready(PollFlags::POLLOUT, until)?;
        // The head is taken whole, or not at all; most messages are, and wake the other end once.
        let whole = [io::IoSlice::new(&head), io::IoSlice::new(&bytes)];
        let sent = sendmsg(&self.stream, &whole, &mut along, flags)?;
        let begun = sent.checked_sub(head.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut rest = bytes.get(begun..).unwrap_or_default();
        while !rest.is_empty() {
            self.await_ready(PollFlags::POLLOUT, until)?;
            match send(&self.stream, rest, flags) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                // There is room, but not for a piece.
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits for a message; None where the other end is gone.
    pub(super) fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some((mut left, descriptors)) = self.head(None)? else { return Ok(None) };
        let mut bytes = Vec::new();
        self.body(&mut left, None, |piece| bytes.extend_from_slice(piece))?;
        Ok(Some((read(&bytes)?, descriptors)))
    }

    /// The length of the next message, and what came along with it; None where the other end is
    /// gone.
    pub(super) fn head(&self, until: Option<Instant>) -> io::Result<Option<(u64, Vec<OwnedFd>)>> {
        let mut head = [0; size_of::<u32>()];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut along = RecvAncillaryBuffer::new(&mut space);
        self.await_ready(PollFlags::POLLIN, until)?;
        let came = recvmsg(
            &self.stream,
            &mut [io::IoSliceMut::new(&mut head)],
            &mut along,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL,
        )?;
        let mut descriptors = Vec::new();
        for message in along.drain() {
            if let RecvAncillaryMessage::ScmRights(came) = message {
                descriptors.extend(came);
            }
        }
        match came.bytes {
            0 => return Ok(None),
            4 => {}
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        let length = u32::from_ne_bytes(head);
        if length > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some((length.into(), descriptors)))
    }

    /// The rest of a message, piece by piece; `left` says how much of it is still to come.
    pub(super) fn body(
        &self,
        left: &mut u64,
        until: Option<Instant>,
        mut keep: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut room = [0; PIECE_BYTES];
        while *left > 0 {
            self.await_ready(PollFlags::POLLIN, until)?;
            let piece = (&self.stream).take(*left).read(&mut room);
            let piece = match piece {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => room.get(..length).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            keep(piece);
            *left = left.saturating_sub(piece.len() as u64);
        }
        Ok(())
    }

    /// Waits until a call on the connection does not wait, if only until some time.
    fn await_ready(&self, what: PollFlags, until: Option<Instant>) -> io::Result<()> {
        let Some(until) = until else { return Ok(()) };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.stream.as_fd(), what)], left) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A message of these bytes.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _};

    use super::*;

    fn pair() -> (Pipe, Pipe) {
        let (one, other) = UnixStream::pair().unwrap();
        (Pipe::new(one), Pipe::new(other))
    }

    #[test]
    fn messages_come_whole_and_with_their_descriptors() {
        let (one, other) = pair();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let bytes = vec![7; 3 << 20];
        let sent = bytes.clone();
        let sending = std::thread::spawn(move || {
            one.send(&Request::Read("/a".into(), 9), &[], None).unwrap();
            one.send(&Answer::Bytes(sent), &[reader.as_fd()], None).unwrap();
        });
        let (first, none) = other.receive::<Request>().unwrap().unwrap();
        assert!(matches!(first, Request::Read(path, 9) if path == *"/a") && none.is_empty());
        let (second, came) = other.receive::<Answer>().unwrap().unwrap();
        assert!(matches!(second, Answer::Bytes(found) if found == bytes));
        sending.join().unwrap();
        writer.write_all(b"x").unwrap();
        drop(writer);
        let mut text = String::new();
        let [reader] = <[OwnedFd; 1]>::try_from(came).unwrap();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert!(other.receive::<Request>().unwrap().is_none(), "the other end is gone");
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let (one, other) = pair();
        (&one.stream).write_all(&u32::MAX.to_ne_bytes()).unwrap();
        assert!(other.receive::<Request>().is_err(), "too long");
        let (one, other) = pair();
        (&one.stream).write_all(&[3, 0, 0, 0, 0xc1, 2, 3]).unwrap();
        assert!(other.receive::<Request>().is_err(), "nonsense");
        let (one, other) = pair();
        (&one.stream).write_all(&[9, 0]).unwrap();
        drop(one);
        assert!(other.receive::<Request>().is_err(), "cut");
    }
}
