//! What ways to see a kind cannot see, in the words that doctor and heartbeats use.

pub(super) const FAILED: &str = "the failure of a TCP connection that was begun";
pub(super) const NO_ROUTE: &str =
    "the failure of a TCP connection that ends before it is begun (no route)";
pub(super) const FAMILIES: &str = "connections of families other than IPv4, IPv6 and AF_UNIX";
pub(super) const ENTRY: &str = "whether the act was refused or failed";
pub(super) const CHECKED: &str = "\
    whether an act that was allowed came about, and one that is refused before the security \
    modules are asked";
pub(super) const NAMES: &str = "\
    the object itself: its name is read from user memory after the act, links in it are not \
    resolved, and a full name of a process in a chroot is told as if it began at the real root";
pub(super) const URING: &str = "acts through io_uring";
pub(super) const UNIX: &str = "AF_UNIX sockets";
pub(super) const COMPAT: &str = "32-bit calls";
pub(super) const BORN: &str = "processes that are made with namespaces of their own";
pub(super) const BEFORE: &str = "what it was before";
pub(super) const REGULAR: &str = "mknod of a regular file";
pub(super) const REACHED: &str = "\
    which program, map or link it was, where another thread rewrites that in user memory before \
    the call returns";
pub(super) const WHICH_MOUNT: &str =
    "by which of several mounts of one file system the file was reached";
pub(super) const DEVICE: &str = "/dev/userfaultfd, but for its being opened";
pub(super) const PORT: &str =
    "name servers on other ports than 53 (multicast DNS among them), and a server's own side";
pub(super) const ENCRYPTED: &str = "DNS over TLS, HTTPS or QUIC";
pub(super) const SEGMENT: &str =
    "a message over TCP that does not start a segment together with its length";
pub(super) const OLDER_FILES: &str = "what is written through a descriptor from before the monitor";
pub(super) const OLDER: &str =
    "connections from before the monitor, and what is sent over a connection";
pub(super) const PIPED: &str = "what an interpreter reads as its script from its standard input";
pub(super) const OTHER_DATAGRAMS: &str = "datagrams on AF_UNIX, packet and netlink sockets";
pub(super) const NETLINK: &str = "netlink sockets";
