//! Finds the file that was executed, and reads it: never another one.
//!
//! A process that lives leads to it, also if it has no name any more. Otherwise its path is walked
//! as an ancestor sees it. Either way the inode must be the one that the kernel told of, before and
//! after it is read: what comes out is the hash of what was executed, or none.
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

/// The hash of the file. `spend` is told how many bytes are about to be read.
pub(super) fn hash(
    question: &HashQuestion,
    bytes_max: u64,
    spend: &mut impl FnMut(u64),
) -> Fact<Arc<str>> {
    if question.key.size > bytes_max {
        return Fact::Unknown(Reason::TooLarge);
    }
    if REMOTE.contains(&question.magic) {
        return Fact::Unknown(Reason::Remote);
    }
    match find(question).and_then(|file| settled(&file, question, spend)) {
        Ok(hash) => Fact::Known(hash.into(), FactSource::File),
        Err(reason) => Fact::Unknown(reason),
    }
}

/// The executed file, opened without a right to its content.
fn find(question: &HashQuestion) -> Result<OwnedFd, Reason> {
    let look = |opened: nix::Result<OwnedFd>| {
        let file = opened.map_err(reason_of)?;
        check(&file, question)?;
        Ok(file)
    };
    let mut why = match look(executed(question.pid)) {
        Ok(file) => return Ok(file),
        Err(reason) => reason,
    };
    let Some(path) = &question.path else { return Err(why) };
    // The host's own view comes last, for who was adopted by a process that is not known.
    let viewers = std::iter::once(question.pid).chain(question.ancestors.iter().copied());
    for pid in viewers.chain([1]) {
        match look(as_seen_by(pid, path)) {
            Ok(file) => return Ok(file),
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
fn check(file: impl AsFd, question: &HashQuestion) -> Result<(), Reason> {
    let FileKey { major: of_major, minor: of_minor, inode, ctime_ns, size } = question.key;
    let stat = fstat(file).map_err(reason_of)?;
    let device = (major(stat.st_dev), minor(stat.st_dev));
    let same_device =
        device == (of_major.into(), of_minor.into()) || DEVICES_DIFFER.contains(&question.magic);
    if !same_device || stat.st_ino != inode || !is_regular(&stat) {
        return Err(Reason::Gone);
    }
    let changed = stat.st_ctime.saturating_mul(1_000_000_000).saturating_add(stat.st_ctime_nsec);
    let same_size = u64::try_from(stat.st_size) == Ok(size);
    if changed == ctime_ns && same_size { Ok(()) } else { Err(Reason::Changed) }
}

fn is_regular(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

/// Reads a file, and makes sure that what was read is what was executed.
fn settled(
    file: &OwnedFd,
    question: &HashQuestion,
    spend: &mut impl FnMut(u64),
) -> Result<String, Reason> {
    let tick_ns = tick_ns();
    let since_change_ns = |boottime_ns: u64| {
        let at = clock_offset_ns().saturating_add_unsigned(boottime_ns);
        at.saturating_sub(question.key.ctime_ns)
    };
    if since_change_ns(question.exec_ns) > tick_ns {
        return read(file, question, spend);
    }
    // From then on every change shows, so that the hash is good for later starts too.
    let rest = tick_ns.saturating_sub(since_change_ns(boottime_ns())).clamp(0, tick_ns);
    std::thread::sleep(Duration::from_nanos(rest.unsigned_abs()));
    let hash = read(file, question, spend)?;
    let still = executed(question.pid).map_err(reason_of);
    let still = still.and_then(|file| check(&file, question));
    still.map_err(|_| Reason::Changed).map(|()| hash)
}

/// How far apart two changes are at most that have the same time: a tick of the clock that inodes
/// take it from, and one more for the clocks' being read one after the other.
fn tick_ns() -> i64 {
    const LONGEST: Duration = Duration::from_millis(10);
    let tick = clock_getres(ClockId::CLOCK_REALTIME_COARSE).map_or(LONGEST, Duration::from);
    i64::try_from(tick.as_nanos().saturating_mul(2)).unwrap_or(i64::MAX)
}

/// Reads a file that was checked, and checks it again.
fn read(
    file: &OwnedFd,
    question: &HashQuestion,
    spend: &mut impl FnMut(u64),
) -> Result<String, Reason> {
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
        hash.update(chunk.get(..count).unwrap_or_default());
        if count == 0 {
            break;
        }
    }
    check(&content, question)?;
    if left > 0 { Err(Reason::Changed) } else { Ok(digits(&hash.finalize())) }
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
