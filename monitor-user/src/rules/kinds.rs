//! Sets of kinds of event, by the names of the kinds.

use monitor_rules::KindSet;

use crate::event::Action;

/// Every kind of event.
pub(super) const ALL: KindSet = KindSet::first(Action::KINDS.len());
/// A program was started.
pub(super) const EXEC: KindSet = named("exec");
/// A process was created.
pub(super) const FORK: KindSet = named("fork");
/// A process ended.
pub(super) const EXIT: KindSet = named("exit");
/// A socket was connected.
pub(super) const CONNECT: KindSet = named("connect");
/// A datagram left.
pub(super) const SEND: KindSet = named("send");
/// A connection was accepted.
pub(super) const ACCEPT: KindSet = named("accept");
/// A socket waits for connections.
pub(super) const LISTEN: KindSet = named("listen");
/// A socket was given an address.
pub(super) const BIND: KindSet = named("bind");
/// A socket became a standard stream.
pub(super) const DUP: KindSet = named("dup");
/// A name server was asked.
pub(super) const DNS_QUERY: KindSet = named("dns_query");
/// A name server answered.
pub(super) const DNS_ANSWER: KindSet = named("dns_answer");
/// A file was opened to change it.
pub(super) const OPEN_WRITE: KindSet = named("file_open");
/// A file was opened to read it.
pub(super) const OPEN_READ: KindSet = named("file_read");
/// A descriptor came in.
pub(super) const RECEIVE: KindSet = named("file_receive");
pub(super) const RENAME: KindSet = named("rename");
pub(super) const LINK: KindSet = named("link");
pub(super) const SYMLINK: KindSet = named("symlink");
pub(super) const UNLINK: KindSet = named("unlink");
pub(super) const MKDIR: KindSet = named("mkdir");
pub(super) const RMDIR: KindSet = named("rmdir");
pub(super) const MKNOD: KindSet = named("mknod");
pub(super) const TRUNCATE: KindSet = named("truncate");
pub(super) const CHMOD: KindSet = named("chmod");
pub(super) const CHOWN: KindSet = named("chown");
pub(super) const UTIMES: KindSet = named("utimes");
pub(super) const XATTR: KindSet = named("xattr");
pub(super) const MAP: KindSet = named("map");
pub(super) const PROTECT: KindSet = named("protect");
pub(super) const SOCKET_CREATE: KindSet = named("socket");
pub(super) const PTRACE: KindSet = named("ptrace");
pub(super) const BPF: KindSet = named("bpf");
pub(super) const MODULE: KindSet = named("module");
pub(super) const MOUNT: KindSet = named("mount");
pub(super) const UMOUNT: KindSet = named("umount");
pub(super) const SETNS: KindSet = named("setns");
pub(super) const UNSHARE: KindSet = named("unshare");
pub(super) const PIVOT_ROOT: KindSet = named("pivot_root");
pub(super) const CHROOT: KindSet = named("chroot");
pub(super) const SETUID: KindSet = named("setuid");
pub(super) const SETGID: KindSet = named("setgid");
pub(super) const CAPSET: KindSet = named("capset");
pub(super) const MEMFD: KindSet = named("memfd");
pub(super) const USERFAULTFD: KindSet = named("userfaultfd");
pub(super) const SIGNAL: KindSet = named("signal");

/// A file was opened.
pub(super) const FILE: KindSet = OPEN_WRITE.union(OPEN_READ);
/// Talk with name servers.
pub(super) const DNS: KindSet = DNS_QUERY.union(DNS_ANSWER);
/// Acts on sockets.
pub(super) const SOCKET: KindSet = union(&[CONNECT, SEND, ACCEPT, LISTEN, BIND, DUP, DNS]);
/// Acts on sockets whose other end may have a name.
pub(super) const NAMED: KindSet = union(&[CONNECT, SEND, DUP]);
/// Acts that tell which address a process's own is: connections, as far as the hooks tell where
/// from, and questions to name servers, which nearly everybody asks.
pub(super) const ADDRESSED: KindSet = union(&[CONNECT, SEND, ACCEPT, LISTEN, BIND, DNS]);
/// Acts on file descriptors.
pub(super) const DESCRIPTOR: KindSet = union(&[SOCKET, FILE, RECEIVE, MAP]);
/// Acts that leave one path for another.
pub(super) const TWO_PATHS: KindSet = union(&[RENAME, LINK, SYMLINK]);
/// Acts that have a path.
pub(super) const PATH: KindSet = union(&[
    FILE, RECEIVE, TWO_PATHS, UNLINK, MKDIR, RMDIR, MKNOD, TRUNCATE, CHMOD, CHOWN, UTIMES, XATTR,
    MAP, PROTECT, MODULE, MOUNT, UMOUNT, PIVOT_ROOT, CHROOT, MEMFD,
]);

/// The kinds of any of the sets.
pub(super) const fn union(sets: &[KindSet]) -> KindSet {
    let mut all = KindSet::EMPTY;
    let mut rest = sets;
    while let [first, tail @ ..] = rest {
        all = all.union(*first);
        rest = tail;
    }
    all
}

/// The kind of that name; none where there is no such kind, which a test looks for.
const fn named(name: &str) -> KindSet {
    let mut number = 0;
    let mut rest: &[&str] = &Action::KINDS;
    while let [first, tail @ ..] = rest {
        if same(first.as_bytes(), name.as_bytes()) {
            return KindSet::of(&[number]);
        }
        number += 1;
        rest = tail;
    }
    KindSet::EMPTY
}

const fn same(mut left: &[u8], mut right: &[u8]) -> bool {
    while let ([a, left_tail @ ..], [b, right_tail @ ..]) = (left, right) {
        if *a != *b {
            return false;
        }
        (left, right) = (left_tail, right_tail);
    }
    left.is_empty() && right.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_kinds_are_all_that_there_are() {
        let named = union(&[
            PATH,
            DESCRIPTOR,
            EXEC,
            FORK,
            EXIT,
            SOCKET_CREATE,
            PTRACE,
            BPF,
            SETNS,
            UNSHARE,
            SETUID,
            SETGID,
            CAPSET,
            USERFAULTFD,
            SIGNAL,
        ]);
        assert_eq!(named, ALL);
    }
}
