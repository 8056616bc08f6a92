//! Calls that change nothing of the host: what they do ends with them.

use std::{fs::File, io, thread};

use crate::bpf::own_objects;
use aya::maps::MapInfo;
use nix::{
    errno::Errno,
    sched::{CloneFlags, setns, unshare},
    sys::{
        signal::{Signal, raise},
        socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket},
    },
    unistd::chroot,
};

/// A raw socket.
pub(super) fn raw_socket() -> nix::Result<()> {
    let (family, protocol) = (AddressFamily::Inet, SockProtocol::Icmp);
    socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).map(drop)
}

/// Enters the namespace that this thread is in.
pub(super) fn enter_own_namespace() -> io::Result<()> {
    let own = File::open("/proc/thread-self/ns/uts")?;
    Ok(setns(own, CloneFlags::CLONE_NEWUTS)?)
}

/// A namespace for a thread, which ends with it.
pub(super) fn make_namespace() -> io::Result<()> {
    let made = thread::Builder::new().spawn(|| unshare(CloneFlags::CLONE_NEWUTS))?.join();
    Ok(made.unwrap_or(Err(Errno::EIO))?)
}

/// Makes the root directory the root directory.
pub(super) fn keep_root() -> nix::Result<()> {
    chroot("/")
}

/// A signal that this process does not hear.
pub(super) fn signal() -> nix::Result<()> {
    raise(Signal::SIGURG)
}

/// Reaches a map of this process by its number: one of another monitor would tell of that as an
/// attack.
pub(super) fn reach_own_map() -> bool {
    own_objects::own_map().is_some_and(|id| MapInfo::from_id(id).is_ok())
}
