//! Records of talk with name servers: who and which socket, from where to where, what is said.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_skb_cgroup_id, bpf_skb_load_bytes},
};
use monitor_common::{
    Dns, DropReason, Header, Member,
    header::flags,
    limits::{DNS_BYTES, FIXED_BYTES},
};
use zerocopy::FromZeros as _;

use crate::{
    maps::{cgroup_v1_subsystem, has, offset},
    packet::{self, MESSAGE_HEADER, Message, Transport, loaded, mapped},
    read::{self, Kptr, raw},
    record::Record,
    socket::{AF_INET, AF_INET6},
};

/// kernfs id of the root of a hierarchy.
const ROOT_CGROUP: u64 = 1;

/// Writes that nobody is known to have acted, and the cgroup that the socket was made in.
#[inline(always)]
pub(crate) fn stranger(record: &Record, skb: *mut __sk_buff) {
    let header = record.header();
    let whole = Header::new_zeroed();
    let kept = Header {
        len: header.len,
        kind: header.kind,
        origin: header.origin,
        flags: header.flags,
        stream: header.stream,
        program: header.program,
        sequence: header.sequence,
        boottime_ns: header.boottime_ns,
        uid: u32::MAX,
        gid: u32::MAX,
        euid: u32::MAX,
        egid: u32::MAX,
        loginuid: u32::MAX,
        ..whole
    };
    *header = kept;
    (header.cgroup_id, header.cgroup_hierarchy) = socket_cgroup(skb);
}

/// Cgroup of the socket. Where v1 names cgroups, the root of v2 says nothing.
#[inline(always)]
pub(crate) fn socket_cgroup(skb: *mut __sk_buff) -> (u64, u32) {
    // SAFETY: a helper that takes the context.
    let id = unsafe { bpf_skb_cgroup_id(skb) };
    if id == ROOT_CGROUP && cgroup_v1_subsystem().is_some() { (0, 0) } else { (id, 0) }
}

/// Writes the ends of a packet.
#[inline(always)]
pub(crate) fn describe(
    body: &mut Dns,
    skb: *mut __sk_buff,
    transport: Transport,
) -> Result<(), DropReason> {
    body.protocol = transport.protocol;
    body._reserved = 0;
    body.source_port = u16::from_be(transport.source_port);
    body.destination_port = u16::from_be(transport.destination_port);
    if transport.v6 {
        body.source = loaded(skb, 8).ok_or(DropReason::ReadFault)?;
        body.destination = loaded(skb, 24).ok_or(DropReason::ReadFault)?;
    } else {
        let [source, destination] = [12, 16].map(|at| loaded::<4>(skb, at));
        body.source = mapped(source.ok_or(DropReason::ReadFault)?);
        body.destination = mapped(destination.ok_or(DropReason::ReadFault)?);
    }
    Ok(())
}

/// Writes the peer that a socket was given in place of the packet's: of an address that is
/// translated on the way, what the process asked for.
#[inline(always)]
pub(crate) fn describe_peer(body: &mut Dns, sock: Kptr) {
    let port: u16 = raw(sock.wrapping_add(offset(Member::SockDport)));
    if port == 0 {
        return;
    }
    match raw(sock.wrapping_add(offset(Member::SockFamily))) {
        AF_INET => {
            let address: u32 = raw(sock.wrapping_add(offset(Member::SockDaddr)));
            body.destination = mapped(address.to_ne_bytes());
        }
        AF_INET6 if has(Member::SockV6Daddr) => {
            body.destination = raw(sock.wrapping_add(offset(Member::SockV6Daddr)));
        }
        _ => return,
    }
    body.destination_port = u16::from_be(port);
}

/// Appends the message, or its start.
#[inline(always)]
pub(crate) fn append(
    record: &Record,
    body: &mut Dns,
    skb: *mut __sk_buff,
    message: Message,
) -> Result<(), DropReason> {
    const HEADER: u64 = MESSAGE_HEADER as u64;
    body.message_total = message.total;
    let end = read::bounded(record.end(), FIXED_BYTES as u64).ok_or(DropReason::ReadFault)?;
    let behind = u64::from(message.there) - HEADER;
    let length = HEADER + read::at_most(behind, DNS_BYTES as u64 - HEADER);
    let to = record.bytes().wrapping_add(end as usize);
    // SAFETY: `end + length` is at most `FIXED_BYTES + DNS_BYTES`, which the slot has; the verifier
    // checks the same.
    let read = unsafe { bpf_skb_load_bytes(skb.cast(), message.at, to.cast(), length as u32) };
    if read != 0 {
        record.header().flags |= flags::READ_FAULT;
        return Err(DropReason::ReadFault);
    }
    body.message_len = length as u32;
    record.set_end(end + length);
    Ok(())
}

/// The address of the packet's socket, for reading its members; null where it has none.
#[inline(always)]
pub(crate) fn plain_socket(body: &mut Dns, skb: *mut __sk_buff) -> Kptr {
    let sock = packet::socket(skb);
    if sock.is_null() {
        return core::ptr::null();
    }
    // The context's socket is a typed pointer that must not be calculated with; through the
    // record's memory it becomes the plain address that it is.
    let plain = &raw mut body.socket_id;
    // SAFETY: the body is record memory.
    unsafe { plain.write_volatile(sock as u64) };
    // SAFETY: as above.
    (unsafe { plain.read_volatile() }) as Kptr
}

/// Whether a process works on the socket now.
#[inline(always)]
pub(crate) fn is_taken(sock: Kptr) -> bool {
    has(Member::SockLockOwned) && raw::<i32>(sock.wrapping_add(offset(Member::SockLockOwned))) != 0
}
