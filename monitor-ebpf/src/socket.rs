//! Facts of a socket and of the address that it was pointed at.

use aya_ebpf::programs::SockAddrContext;
use monitor_common::{Member, Socket, limits::UNIX_PATH_BYTES};

use crate::{
    maps::offset,
    read::{self, Kptr, raw},
};

/// No family.
pub(crate) const AF_UNSPEC: u16 = 0;
/// Address families that are told of.
pub(crate) const AF_UNIX: u16 = 1;
/// IPv4.
pub(crate) const AF_INET: u16 = 2;
/// IPv6.
pub(crate) const AF_INET6: u16 = 10;

/// Messages to the kernel.
pub(crate) const AF_NETLINK: u16 = 16;

/// A connected byte stream.
pub(crate) const SOCK_STREAM: u16 = 1;
/// Packets with their IP headers.
pub(crate) const SOCK_RAW: u16 = 3;
/// Packets as the device sees them, the old way.
pub(crate) const SOCK_PACKET: u16 = 10;

const S_IFMT: u16 = 0xf000;
const S_IFSOCK: u16 = 0xc000;

/// Transmission Control Protocol.
pub(crate) const IPPROTO_TCP: u16 = 6;

/// Whether a socket is of the internet families.
#[inline(always)]
pub(crate) fn is_ip(sock: Kptr) -> bool {
    matches!(raw::<u16>(sock.wrapping_add(offset(Member::SockFamily))), AF_INET | AF_INET6)
}

/// The socket behind an open file, if it is one.
#[inline(always)]
pub(crate) fn of_file(opened: Kptr) -> Option<Kptr> {
    let inode: Kptr = raw(opened.wrapping_add(offset(Member::FileInode)));
    let mode: u16 = raw(inode.wrapping_add(offset(Member::InodeMode)));
    if mode & S_IFMT != S_IFSOCK {
        return None;
    }
    let socket: Kptr = raw(opened.wrapping_add(offset(Member::FilePrivateData)));
    let sock: Kptr = raw(socket.wrapping_add(offset(Member::SocketSk)));
    if sock.is_null() { None } else { Some(sock) }
}

/// Writes what the socket itself knows: its type, protocol and own address.
#[inline(always)]
pub(crate) fn describe(body: &mut Socket, sock: Kptr) {
    body.socket_id = sock as u64;
    body.repeats = 0;
    body.family = raw(sock.wrapping_add(offset(Member::SockFamily)));
    body.protocol = raw(sock.wrapping_add(offset(Member::SockProtocol)));
    body.socket_type = raw(sock.wrapping_add(offset(Member::SockType)));
    body.unix_len = 0;
    body._reserved = 0;
    body.descriptor = 0;
    body.source = [0; 16];
    body.destination = [0; 16];
    body.source_port = 0;
    body.destination_port = 0;
    match body.family {
        AF_INET => {
            body.source_port = raw(sock.wrapping_add(offset(Member::SockNum)));
            set_v4(&mut body.source, raw(sock.wrapping_add(offset(Member::SockRcvSaddr))));
        }
        AF_INET6 => {
            body.source_port = raw(sock.wrapping_add(offset(Member::SockNum)));
            body.source = raw(sock.wrapping_add(offset(Member::SockV6RcvSaddr)));
        }
        _ => {}
    }
}

/// The end that something goes to. Its address is read when it is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Peer<A> {
    pub(crate) family: u16,
    /// 0 where the family has none.
    pub(crate) port: u16,
    /// The address, IPv4 in the first four bytes; nothing of other families than IP.
    pub(crate) address: A,
}

/// The peer that a socket has been given.
#[inline(always)]
pub(crate) fn peer(sock: Kptr) -> Peer<impl FnOnce() -> [u8; 16]> {
    let family = raw(sock.wrapping_add(offset(Member::SockFamily)));
    Peer { family, port: peer_port(sock), address: move || peer_address(sock, family) }
}

#[inline(always)]
fn peer_port(sock: Kptr) -> u16 {
    u16::from_be(raw(sock.wrapping_add(offset(Member::SockDport))))
}

#[inline(always)]
fn peer_address(sock: Kptr, family: u16) -> [u8; 16] {
    if family == AF_INET6 {
        return raw(sock.wrapping_add(offset(Member::SockV6Daddr)));
    }
    let mut v4 = [0; 16];
    set_v4(&mut v4, raw(sock.wrapping_add(offset(Member::SockDaddr))));
    v4
}

/// Writes the peer that the socket has been given.
#[inline(always)]
pub(crate) fn describe_peer(body: &mut Socket, sock: Kptr) {
    body.destination_port = peer_port(sock);
    if body.family == AF_INET6 {
        body.destination = raw(sock.wrapping_add(offset(Member::SockV6Daddr)));
    } else {
        set_v4(&mut body.destination, raw(sock.wrapping_add(offset(Member::SockDaddr))));
    }
}

/// Whether an address of `length` bytes holds what its family needs; false for families that are
/// not told of.
#[inline(always)]
pub(crate) fn is_whole(family: u16, length: i32) -> bool {
    match family {
        AF_UNIX => true,
        AF_INET => length >= 16,
        AF_INET6 => length >= 24,
        _ => false,
    }
}

/// Writes the peer of a kernel copy of a `struct sockaddr`.
#[inline(always)]
pub(crate) fn describe_address(body: &mut Socket, address: Kptr, family: u16) {
    match family {
        AF_INET | AF_INET6 => {
            body.destination_port = named(address, family).port;
            body.destination = address_of(address, family);
        }
        _ => {}
    }
    body.family = family;
}

/// The peer that a kernel copy of a `struct sockaddr` names.
#[inline(always)]
pub(crate) fn named(address: Kptr, family: u16) -> Peer<impl FnOnce() -> [u8; 16] + Copy> {
    let is_ip = family == AF_INET || family == AF_INET6;
    let port = if is_ip { u16::from_be(raw(address.wrapping_add(2))) } else { 0 };
    Peer { family, port, address: move || address_of(address, family) }
}

#[inline(always)]
fn address_of(address: Kptr, family: u16) -> [u8; 16] {
    if family == AF_INET6 {
        return raw(address.wrapping_add(8));
    }
    let mut v4 = [0; 16];
    set_v4(&mut v4, raw(address.wrapping_add(4)));
    v4
}

/// Where the path of a `struct sockaddr_un` of `length` bytes is, and how long it is.
#[inline(always)]
pub(crate) fn unix_path(address: Kptr, length: i32) -> (Kptr, u64) {
    let length = if length < 2 { 0 } else { (length - 2) as u64 };
    let length = if length > UNIX_PATH_BYTES as u64 { UNIX_PATH_BYTES as u64 } else { length };
    (address.wrapping_add(2), length)
}

/// An IPv4 address in network byte order, in the first four bytes.
#[inline(always)]
pub(crate) fn set_v4(address: &mut [u8; 16], value: u32) {
    let [a, b, c, d] = value.to_ne_bytes();
    [address[0], address[1], address[2], address[3]] = [a, b, c, d];
}

/// The peer in a cgroup program's context.
#[inline(always)]
pub(crate) fn context_peer<const V6: bool>(
    ctx: &SockAddrContext,
) -> Peer<impl FnOnce() -> [u8; 16] + Copy> {
    // SAFETY: the kernel hands over a valid context.
    let context = unsafe { &*ctx.sock_addr };
    let port = word(&raw const context.user_port) as u16;
    let mut address = [0; 16];
    if V6 {
        let words = (&raw const context.user_ip6).cast::<u32>();
        address = zerocopy::transmute!([
            word(words),
            word(words.wrapping_add(1)),
            word(words.wrapping_add(2)),
            word(words.wrapping_add(3)),
        ]);
    } else {
        set_v4(&mut address, word(&raw const context.user_ip4));
    }
    let family = if V6 { AF_INET6 } else { AF_INET };
    Peer { family, port: u16::from_be(port), address: move || address }
}

/// A word of a context. Each is read by itself, as the kernel demands.
#[inline(always)]
fn word(at: *const u32) -> u32 {
    // SAFETY: a member of the context that the kernel handed over.
    unsafe { at.read_volatile() }
}

/// The socket of a cgroup program's context.
#[inline(always)]
pub(crate) fn of_context(ctx: &SockAddrContext) -> Kptr {
    // SAFETY: the kernel hands over a valid context.
    let context = unsafe { &*ctx.sock_addr };
    // SAFETY: the union has no other member.
    let sock = unsafe { context.__bindgen_anon_1.sk };
    // A typed pointer, which must not be calculated with.
    read::plain(sock.cast_const().cast())
}

/// Writes the socket and the address of a cgroup program's context.
#[inline(always)]
pub(crate) fn from_context<const V6: bool>(body: &mut Socket, ctx: &SockAddrContext) {
    describe(body, of_context(ctx));
    let Peer { family, port, address } = context_peer::<V6>(ctx);
    body.destination = address();
    body.destination_port = port;
    body.family = family;
}
