//! `dns_query`, `dns_answer`: a message left for port 53 of a name server, or came in from there.
//!
//! The programs see every packet of every socket, so that the port is looked at first, and nothing
//! else of packets that are not about names. What comes in does so on top of a stranger: it is told
//! of as that of who last asked by the same socket.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_cgroup_id, bpf_skb_load_bytes},
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use monitor_common::{
    Dns, DropReason, Header, Member, Program, RecordKind, counter,
    header::{OUTCOME_UNKNOWN, flags},
    limits::{DNS_BYTES, FIXED_BYTES},
};
use zerocopy::FromZeros as _;

use crate::{
    count,
    maps::{DNS_ASKER_WORDS, DNS_ASKERS, cgroup_v1_subsystem, floor, has, offset},
    own,
    read::{self, Kptr, raw},
    record::{self, Record},
    socket::{AF_INET, AF_INET6, IPPROTO_TCP},
    task,
};

const PORT: u16 = 53_u16.to_be();
const IPPROTO_UDP: u16 = 17;
/// The header of a message.
const MESSAGE_HEADER: u32 = 12;
/// kernfs id of the root of a hierarchy.
const ROOT_CGROUP: u64 = 1;

/// Where the transport header of a packet is, and whose it is.
#[derive(Clone, Copy)]
struct Transport {
    v6: bool,
    protocol: u16,
    at: u32,
    source_port: u16,
    destination_port: u16,
}

/// A message within a packet.
#[derive(Clone, Copy)]
struct Message {
    at: u32,
    /// Bytes of it in this packet.
    there: u32,
    total: u32,
}

/// `cgroup_skb/egress`, Linux 4.10: a packet leaves a socket, in the context of who sends it. Where
/// addresses are translated that is done already.
#[cgroup_skb(egress)]
fn rm_dns_egress(ctx: SkBuffContext) -> i32 {
    if !floor() {
        let skb = ctx.skb.skb;
        if let Some(transport) = transport(skb)
            && (transport.destination_port == PORT
                || transport.protocol == IPPROTO_UDP && peer_port(skb) == PORT)
            && let Some(message) = message(skb, transport, false)
        {
            asked(skb, transport, message);
        }
    }
    1
}

/// `cgroup_skb/ingress`, Linux 4.10: a packet reaches a socket.
#[cgroup_skb(ingress)]
fn rm_dns_ingress(ctx: SkBuffContext) -> i32 {
    if !floor() {
        let skb = ctx.skb.skb;
        if let Some(transport) = transport(skb)
            && transport.source_port == PORT
            && let Some(message) = message(skb, transport, true)
        {
            answered(skb, transport, message);
        }
    }
    1
}

/// The ports of a UDP or TCP packet. None of what is no such packet, of a later part of one, and of
/// what is behind further headers of IPv6.
#[inline(always)]
fn transport(skb: *mut __sk_buff) -> Option<Transport> {
    // SAFETY: the kernel hands over a valid context.
    let data = unsafe { (*skb).data } as usize as Kptr;
    // SAFETY: as above.
    let end = unsafe { (*skb).data_end } as usize as Kptr;
    if data.wrapping_add(28) > end {
        return None;
    }
    let first = byte(data);
    if first >> 4 == 4 {
        let protocol = u16::from(byte(data.wrapping_add(9)));
        let length = u32::from(first & 0xf) << 2;
        if !matches!(protocol, IPPROTO_TCP | IPPROTO_UDP)
            || u16::from_be(half(data.wrapping_add(6))) & 0x1fff != 0
        {
            return None;
        }
        let (source_port, destination_port) = if length == 20 {
            (half(data.wrapping_add(20)), half(data.wrapping_add(22)))
        } else {
            let [a, b, c, d] = loaded::<4>(skb, length)?;
            (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]))
        };
        return Some(Transport { v6: false, protocol, at: length, source_port, destination_port });
    }
    let protocol = u16::from(byte(data.wrapping_add(6)));
    if first >> 4 != 6
        || !matches!(protocol, IPPROTO_TCP | IPPROTO_UDP)
        || data.wrapping_add(44) > end
    {
        return None;
    }
    let (source_port, destination_port) =
        (half(data.wrapping_add(40)), half(data.wrapping_add(42)));
    Some(Transport { v6: true, protocol, at: 40, source_port, destination_port })
}

/// The message that a packet carries, or starts. Over TCP its length stands before it; a segment
/// from the middle of one is none.
#[inline(always)]
fn message(skb: *mut __sk_buff, transport: Transport, comes_in: bool) -> Option<Message> {
    // SAFETY: the kernel hands over a valid context.
    let length = unsafe { (*skb).len };
    if transport.protocol == IPPROTO_UDP {
        let at = transport.at + 8;
        if length < at + MESSAGE_HEADER {
            return None;
        }
        return Some(Message { at, there: length - at, total: length - at });
    }
    let [words] = loaded::<1>(skb, transport.at + 12)?;
    let at = transport.at + (u32::from(words >> 4) << 2) + 2;
    if length < at + MESSAGE_HEADER {
        return None;
    }
    let there = length - at;
    // Length, id, flags, number of questions.
    let [a, b, _, _, flags, _, c, d] = loaded::<8>(skb, at - 2)?;
    let total = u32::from(u16::from_be_bytes([a, b]));
    let is_response = flags & 0x80 != 0;
    if total < there || is_response != comes_in || u16::from_be_bytes([c, d]) != 1 {
        return None;
    }
    Some(Message { at, there, total })
}

/// A message leaves: who runs now sends it.
#[inline(always)]
fn asked(skb: *mut __sk_buff, transport: Transport, message: Message) {
    let process = task::current::<false>();
    let pid = task::pid::<false>(process);
    // SAFETY: a helper that takes the context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    if own::is_own(Program::DnsEgress, pid) {
        let mut words = [0_u64; DNS_ASKER_WORDS];
        let at = (&raw mut words).cast::<Header>();
        // SAFETY: the words start with a header.
        unsafe { (*at).pid = pid };
        words[DNS_ASKER_WORDS - 1] = cookie;
        return keep(cookie, &words);
    }
    record::send_apart(
        RecordKind::DnsQuery,
        Program::DnsEgress,
        || task::cgroup::<false>(process),
        |record| {
            let body: &mut Dns = record.body();
            let sock = plain_socket(body, skb);
            // What waits in a TCP socket is also sent by whoever is interrupted by the other end's
            // assent; only who works on a socket has taken it.
            if transport.protocol == IPPROTO_TCP && !is_taken(sock) {
                stranger(record, skb);
            } else {
                task::describe::<false>(record.header(), process);
            }
            record.header().outcome = OUTCOME_UNKNOWN;
            describe(body, skb, transport)?;
            if !sock.is_null() && transport.protocol == IPPROTO_UDP {
                describe_peer(body, sock);
            }
            body.socket_id = cookie;
            append(record, body, skb, message)?;
            record.finish();
            // SAFETY: the fixed part of the record, within the slot.
            keep(cookie, unsafe { &*record.bytes().cast() });
            Ok(())
        },
    );
}

/// A message comes in: it is that of who last asked by this socket.
#[inline(always)]
fn answered(skb: *mut __sk_buff, transport: Transport, message: Message) {
    // SAFETY: a helper that takes the context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    let asker = DNS_ASKERS.get_ptr(cookie);
    if let Some(asker) = asker {
        let header: *const Header = asker.cast();
        // SAFETY: the kept words start with a header; they are map memory.
        let pid = unsafe { (*header).pid };
        if own::is_own(Program::DnsIngress, pid) {
            return;
        }
    }
    record::send_apart(
        RecordKind::DnsAnswer,
        Program::DnsIngress,
        || socket_cgroup(skb),
        |record| {
            let body: &mut Dns = record.body();
            stranger(record, skb);
            if let Some(asker) = asker {
                let [stream, program] = [record.header().stream, record.header().program];
                let (kind, sequence) = (record.header().kind, record.header().sequence);
                let now = record.header().boottime_ns;
                // SAFETY: the kept words are a header and the start of a body; the slot has room.
                unsafe {
                    core::ptr::copy_nonoverlapping(
                        asker.cast::<u64>(),
                        record.bytes().cast::<u64>(),
                        DNS_ASKER_WORDS,
                    );
                }
                let header = record.header();
                (header.stream, header.program, header.kind) = (stream, program, kind);
                (header.sequence, header.boottime_ns, header.flags) = (sequence, now, 0);
                // The place may have been given to another socket while it was copied.
                if body.socket_id != cookie {
                    stranger(record, skb);
                }
            }
            record.header().outcome = 0;
            describe(body, skb, transport)?;
            body.socket_id = cookie;
            append(record, body, skb, message)
        },
    );
}

/// Remembers who asked. A full table forgets who asked longest ago.
#[inline(always)]
fn keep(cookie: u64, words: &[u64; DNS_ASKER_WORDS]) {
    if DNS_ASKERS.insert(cookie, words, 0).is_err() {
        count::add(counter::DNS_SOCKETS_FULL);
    }
}

/// Writes that nobody is known to have acted, and the cgroup that the socket was made in.
#[inline(always)]
fn stranger(record: &Record, skb: *mut __sk_buff) {
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
fn socket_cgroup(skb: *mut __sk_buff) -> (u64, u32) {
    // SAFETY: a helper that takes the context.
    let id = unsafe { bpf_skb_cgroup_id(skb) };
    if id == ROOT_CGROUP && cgroup_v1_subsystem().is_some() { (0, 0) } else { (id, 0) }
}

/// Writes the ends of a packet.
#[inline(always)]
fn describe(body: &mut Dns, skb: *mut __sk_buff, transport: Transport) -> Result<(), DropReason> {
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
fn describe_peer(body: &mut Dns, sock: Kptr) {
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
fn append(
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
fn plain_socket(body: &mut Dns, skb: *mut __sk_buff) -> Kptr {
    // SAFETY: the kernel hands over a valid context; the union has no other member.
    let sock = unsafe { (*skb).__bindgen_anon_2.sk };
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
fn is_taken(sock: Kptr) -> bool {
    has(Member::SockLockOwned) && raw::<i32>(sock.wrapping_add(offset(Member::SockLockOwned))) != 0
}

/// The port that the packet's socket is connected to, in network byte order; 0 where it is not.
#[inline(always)]
fn peer_port(skb: *mut __sk_buff) -> u16 {
    // SAFETY: as in `plain_socket`.
    let sock = unsafe { (*skb).__bindgen_anon_2.sk };
    if sock.is_null() {
        return 0;
    }
    // SAFETY: the verifier turns the load into one of the socket's own member.
    unsafe { (&raw const (*sock).dst_port).read_volatile() }
}

/// An IPv4 address as an IPv6 address.
#[inline(always)]
fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = v4;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// Bytes of a packet, wherever they are kept. None where it has fewer.
#[inline(always)]
fn loaded<const LENGTH: usize>(skb: *mut __sk_buff, at: u32) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let to = &raw mut bytes;
    // SAFETY: the destination is a local of exactly that size; the helper checks the rest.
    let read = unsafe { bpf_skb_load_bytes(skb.cast(), at, to.cast(), LENGTH as u32) };
    if read == 0 { Some(bytes) } else { None }
}

/// A byte of a packet that was found to have it.
#[inline(always)]
fn byte(at: Kptr) -> u8 {
    // SAFETY: callers have compared the place with the packet's end, as the verifier demands.
    unsafe { at.read_volatile() }
}

/// Two bytes of a packet that was found to have them, in the order of the network.
#[inline(always)]
fn half(at: Kptr) -> u16 {
    // SAFETY: as in `byte`; headers lie at even places.
    unsafe { at.cast::<u16>().read_volatile() }
}
