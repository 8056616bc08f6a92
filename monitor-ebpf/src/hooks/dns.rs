//! `dns_query`, `dns_answer`: a message left for port 53 of a name server, or came in from there.
//!
//! The programs see every packet of every socket, so that the port is looked at first, and nothing
//! else of packets that are not about names. What comes in does so on top of a stranger: it is told
//! of as that of who last asked by the same socket.

use aya_ebpf::{
    bindings::__sk_buff, helpers::generated::bpf_get_socket_cookie, macros::cgroup_skb,
    programs::SkBuffContext,
};
use monitor_common::{Dns, Header, Program, RecordKind, counter, header::OUTCOME_UNKNOWN};

use crate::{
    count,
    dns::{append, describe, describe_peer, is_taken, plain_socket, socket_cgroup, stranger},
    maps::{DNS_ASKER_WORDS, DNS_ASKERS, floor},
    own,
    packet::{IPPROTO_UDP, Message, Transport, message, peer_port, transport},
    record,
    socket::IPPROTO_TCP,
    task,
};

const PORT: u16 = 53_u16.to_be();

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
