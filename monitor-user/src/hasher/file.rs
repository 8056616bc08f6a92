//! Finds the file that was executed, and reads it: never another one.
//!
//! A process that lives leads to it, also if it has no name any more. Otherwise its path is walked
//! as an ancestor sees it. Either way the inode must be the one that the kernel told of, before and
//! after it is read: what comes out is the hash of what was executed, or none.
//!
//! A copy is also made of one whose inode was changed since, as by who removes the program that it
//! runs: so long as its process runs it, and the time of its content is that of the start.
//!
//! The time of an inode's change moves in ticks, so that a change soon after another one shows in
//! nothing. Of a file that was executed that soon, the hash counts only if its process still runs
//! when it was read: meanwhile the kernel lets nobody write to it.

use std::{
    fs::File,
    io::Read as _,
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::stat::{FileStat, Mode, SFlag, fstat, major, minor},
    time::{ClockId, clock_getres},
};
use sha2::{Digest as _, Sha256};

use crate::{
    enrich::hashes::{FileKey, HashQuestion},
    event::{Fact, FactSource, Reason},
    live::{boottime_ns, clock_offset_ns},
};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Magic numbers of file systems that another machine or a program of anybody's serves: who reads
/// there can be kept waiting for ever. FUSE, NFS, SMB, Ceph, AFS.
const REMOTE: [u32; 6] = [0x6573_5546, 0x6969, 0xff53_4d42, 0xfe53_4d42, 0x00c3_6400, 0x5346_414f];

/// Magic numbers of file systems that tell programs other device numbers than the kernel uses
/// itself: overlayfs, btrfs, bcachefs.
const DEVICES_DIFFER: [u32; 3] = [0x794c_7630, 0x9123_683e, 0xca45_1a4e];

/// Takes what is read of a file; false: it has enough.
pub type Copy<'c> = &'c mut dyn FnMut(&[u8]) -> bool;

/// The hash of the file, which is copied while it is read, if there is where to. `spend` is told
/// how many bytes are about to be read.
pub(super) fn hash(
    question: &HashQuestion,
    bytes_max: u64,
    copy: Option<Copy<'_>>,
    spend: &mut impl FnMut(u64),
) -> Fact<Arc<str>> {
    if question.key.size > bytes_max {
        return Fact::Unknown(Reason::TooLarge);
    }
    if REMOTE.contains(&question.magic) {
        return Fact::Unknown(Reason::Remote);
    }
    let found = find(question, copy.is_some());
    match found.and_then(|found| settled(&found, question, copy, spend)) {
        Ok(hash) => Fact::Known(hash.into(), FactSource::File),
        Err(reason) => Fact::Unknown(reason),
    }
}

/// How much of a file must be as it was executed.
#[derive(Clone, Copy)]
enum Sameness {
    /// Everything.
    Inode,
    /// Its size and the time of its content: of one that runs.
    Content,
}

/// The executed file, opened without a right to its content.
struct Found {
    file: OwnedFd,
    sameness: Sameness,
}

fn find(question: &HashQuestion, is_copied: bool) -> Result<Found, Reason> {
    let look = |opened: nix::Result<OwnedFd>, sameness| {
        let file = opened.map_err(reason_of)?;
        check(&file, question, sameness)?;
        Ok(Found { file, sameness })
    };
    let of_process = if is_copied { Sameness::Content } else { Sameness::Inode };
    let mut why = match look(executed(question.pid), of_process) {
        Ok(found) => return Ok(found),
        Err(reason) => reason,
    };
    let Some(path) = &question.path else { return Err(why) };
    // The host's own view comes last, for who was adopted by a process that is not known.
    let viewers = std::iter::once(question.pid).chain(question.ancestors.iter().copied());
    for pid in viewers.chain([1]) {
        match look(as_seen_by(pid, path), Sameness::Inode) {
            // Whoever asks for another file than a program gets nothing of it.
            Ok(found) if is_copied && !is_program(&found.file) => why = Reason::NotPermitted,
            Ok(found) => return Ok(found),
            Err(Reason::Changed) => why = Reason::Changed,
            // Another one may see it.
            Err(_) => {}
        }
    }
    Err(why)
}

/// What a process runs.
fn executed(pid: u32) -> nix::Result<OwnedFd> {
    let path = format!("/proc/{pid}/exe");
    open(path.as_str(), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}

/// What is at a path in the root of a process. Whoever changes the path meanwhile leads nowhere:
/// links are not followed, since the kernel told a path without any.
fn as_seen_by(pid: u32, path: &[u8]) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root =
        open(format!("/proc/{pid}/root").as_str(), flags | OFlag::O_DIRECTORY, Mode::empty())?;
    let within = ResolveFlag::RESOLVE_IN_ROOT
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let walk = |resolve| openat2(&root, path, OpenHow::new().flags(flags).resolve(resolve));
    // Only what the kernel has in memory: the way to what was just executed is, and no server that
    // somebody put in the way is asked. Linux before 5.12 cannot be told so.
    match walk(within | ResolveFlag::from_bits_retain(RESOLVE_CACHED)) {
        Err(Errno::EINVAL) => walk(within),
        // It may also be that the way changed just now: look again.
        Err(Errno::EAGAIN) => walk(within | ResolveFlag::from_bits_retain(RESOLVE_CACHED)),
        done => done,
    }
}

/// `RESOLVE_CACHED` of `openat2`.
const RESOLVE_CACHED: u64 = 0x20;

/// Whether an open file is the one that was executed, as it was then.
fn check(file: impl AsFd, question: &HashQuestion, sameness: Sameness) -> Result<(), Reason> {
    let FileKey { major: of_major, minor: of_minor, inode, ctime_ns, size } = question.key;
    let stat = fstat(file).map_err(reason_of)?;
    let device = (major(stat.st_dev), minor(stat.st_dev));
    let same_device =
        device == (of_major.into(), of_minor.into()) || DEVICES_DIFFER.contains(&question.magic);
    if !same_device || stat.st_ino != inode || !is_regular(&stat) {
        return Err(Reason::Gone);
    }
    let at = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
    let same_time = match sameness {
        Sameness::Inode => at(stat.st_ctime, stat.st_ctime_nsec) == ctime_ns,
        Sameness::Content => at(stat.st_mtime, stat.st_mtime_nsec) == question.mtime_ns,
    };
    let same_size = u64::try_from(stat.st_size) == Ok(size);
    if same_time && same_size { Ok(()) } else { Err(Reason::Changed) }
}

/// Whether anybody may execute a file.
fn is_program(file: impl AsFd) -> bool {
    const EXECUTE: u32 = 0o111;
    fstat(file).is_ok_and(|stat| stat.st_mode & EXECUTE != 0)
}

fn is_regular(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

/// Reads a file, and makes sure that what was read is what was executed.
fn settled(
    found: &Found,
    question: &HashQuestion,
    copy: Option<Copy<'_>>,
    spend: &mut impl FnMut(u64),
) -> Result<String, Reason> {
    let tick_ns = tick_ns();
    let since_change_ns = |boottime_ns: u64| {
        let at = clock_offset_ns().saturating_add_unsigned(boottime_ns);
        at.saturating_sub(question.key.ctime_ns)
    };
    let is_old = since_change_ns(question.exec_ns) > tick_ns;
    if !is_old {
        // From then on every change shows, so that the hash is good for later starts too.
        let rest = tick_ns.saturating_sub(since_change_ns(boottime_ns())).clamp(0, tick_ns);
        std::thread::sleep(Duration::from_nanos(rest.unsigned_abs()));
    }
    let (content, hash) = read(&found.file, question, copy, spend)?;
    if is_old && check(&content, question, Sameness::Inode).is_ok() {
        return Ok(hash);
    }
    check(&content, question, found.sameness)?;
    let still = executed(question.pid).map_err(reason_of);
    let still = still.and_then(|file| check(&file, question, found.sameness));
    still.map_err(|_| Reason::Changed).map(|()| hash)
}

/// How far apart two changes are at most that have the same time: a tick of the clock that inodes
/// take it from, and one more for the clocks' being read one after the other.
fn tick_ns() -> i64 {
    const LONGEST: Duration = Duration::from_millis(10);
    let tick = clock_getres(ClockId::CLOCK_REALTIME_COARSE).map_or(LONGEST, Duration::from);
    i64::try_from(tick.as_nanos().saturating_mul(2)).unwrap_or(i64::MAX)
}

/// Reads a file that was checked, which is to be checked again.
fn read(
    file: &OwnedFd,
    question: &HashQuestion,
    mut copy: Option<Copy<'_>>,
    spend: &mut impl FnMut(u64),
) -> Result<(File, String), Reason> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    // When a file was last read is evidence too, where we may leave it as it is.
    let opened = match open(path.as_str(), flags | OFlag::O_NOATIME, Mode::empty()) {
        Err(Errno::EPERM) => open(path.as_str(), flags, Mode::empty()),
        done => done,
    };
    let mut content = File::from(opened.map_err(reason_of)?);
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut hash, mut left) = (Sha256::new(), question.key.size);
    loop {
        spend(left.min(CHUNK_BYTES as u64));
        let count = match content.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Reason::Gone),
        };
        // One read more than there are bytes says that there are no more.
        left = left.checked_sub(count as u64).ok_or(Reason::Changed)?;
        let piece = chunk.get(..count).unwrap_or_default();
        hash.update(piece);
        // What has enough is given no more.
        copy = copy.filter(|_| count > 0).and_then(|copy| copy(piece).then_some(copy));
        if count == 0 {
            break;
        }
    }
    if left > 0 { Err(Reason::Changed) } else { Ok((content, digits(&hash.finalize()))) }
}

/// Bytes as lower-case hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn reason_of(errno: Errno) -> Reason {
    match errno {
        Errno::EACCES | Errno::EPERM => Reason::NotPermitted,
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => Reason::TooMany,
        _ => Reason::Gone,
    }
}
