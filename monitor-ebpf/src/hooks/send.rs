//! `send`: a datagram left a socket for an address given with it. A stream that is opened by its
//! first data (TCP fast open) is a `connect`.
//!
//! A process that sends to one place again and again is told of once a second, with a count.

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_boot_ns, macros::cgroup_sock_addr, programs::SockAddrContext,
};
use monitor_common::{
    Member, Program, RecordKind, Socket, counter, header::OUTCOME_UNKNOWN, limits::SEND_REPEAT_NS,
};

use crate::{
    attempt, count,
    maps::{LAST_SENT, REPEATS, floor, offset},
    own, peer,
    read::{Kptr, raw},
    record,
    seen::{Seen, pointed, watch},
    socket::{self, AF_INET, AF_INET6, AF_UNSPEC, Peer, SOCK_STREAM},
    task,
};

const MSG_FASTOPEN: u32 = 0x2000_0000;

watch! {
    /// `int security_socket_sendmsg(struct socket *sock, struct msghdr *msg, int size)`,
    /// Linux 2.6; the address in the message is the kernel's copy.
    rm_sendmsg rk_sendmsg => send(SocketSendmsg, SocketSendmsgProbe);
}

#[inline(always)]
fn send<S: Seen>(seen: &S, program: Program) {
    let message = seen.pointer(1);
    let address: Kptr = pointed::<S, _>(message, Member::MsghdrName);
    if address.is_null() {
        return; // a connected socket
    }
    let sock: Kptr = pointed::<S, _>(seen.pointer(0), Member::SocketSk);
    let mut family: u16 = raw(address);
    if family == AF_UNSPEC {
        // UDP and raw sockets take it for the socket's own family.
        family = raw(sock.wrapping_add(offset(Member::SockFamily)));
    }
    if !matches!(family, AF_INET | AF_INET6) {
        return;
    }
    let kind = if raw::<u16>(sock.wrapping_add(offset(Member::SockType))) != SOCK_STREAM {
        RecordKind::Send
    } else if pointed::<S, u32>(message, Member::MsghdrFlags) & MSG_FASTOPEN != 0 {
        RecordKind::Connect
    } else {
        return; // TCP ignores the address
    };
    let process = task::current::<true>();
    let to = socket::named(address, family);
    if own::is_own(program, task::pid::<true>(process)) || !attempt::is_told(kind, sock, to) {
        return;
    }
    let refused = seen.result(program).unwrap_or(0);
    let mut repeats = 0;
    if kind == RecordKind::Send {
        match is_repeat::<true>(process, to, refused != 0) {
            Some(count) => repeats = count,
            None => return,
        }
    }
    record::send::<true>(kind, program, process, |record| {
        let body: &mut Socket = record.body();
        socket::describe(body, sock);
        socket::describe_address(body, address, family);
        body.repeats = repeats;
        if kind == RecordKind::Connect {
            attempt::begin(record, body, refused);
        } else {
            record.header().outcome = if refused == 0 { OUTCOME_UNKNOWN } else { refused };
        }
        Ok(())
    });
}

/// `cgroup/sendmsg4`, Linux 4.18: UDP to an address given with the datagram.
#[cgroup_sock_addr(sendmsg4)]
fn rm_sendmsg4(ctx: SockAddrContext) -> i32 {
    cgroup_send::<false>(&ctx, Program::Sendmsg4)
}

/// `cgroup/sendmsg6`, Linux 4.18.
#[cgroup_sock_addr(sendmsg6)]
fn rm_sendmsg6(ctx: SockAddrContext) -> i32 {
    cgroup_send::<true>(&ctx, Program::Sendmsg6)
}

#[inline(always)]
fn cgroup_send<const V6: bool>(ctx: &SockAddrContext, program: Program) -> i32 {
    if floor() {
        return 1;
    }
    let process = task::current::<false>();
    let to = socket::context_peer::<V6>(ctx);
    if own::is_own(program, task::pid::<false>(process)) || !peer::admits(RecordKind::Send, to) {
        return 1;
    }
    let Some(repeats) = is_repeat::<false>(process, to, false) else { return 1 };
    record::send::<false>(RecordKind::Send, program, process, |record| {
        let body: &mut Socket = record.body();
        socket::from_context::<V6>(body, ctx);
        body.repeats = repeats;
        record.header().outcome = OUTCOME_UNKNOWN;
        Ok(())
    });
    1
}

/// None if the same was told of less than a second ago (then it is counted); else how many
/// repeats went untold since.
///
/// The same is: by one program of one process, to one address, with one result. Two programs that
/// race here may both tell, or miscount a repeat in the record; the counters are exact.
#[inline(always)]
fn is_repeat<const TYPED: bool>(
    process: Kptr,
    Peer { family, port, address }: Peer<impl FnOnce() -> [u8; 16]>,
    refused: bool,
) -> Option<u32> {
    let [high, low]: [u64; 2] = zerocopy::transmute!(address());
    let who = u64::from(task::pid::<TYPED>(process)) << 32
        | u64::from(task::exec_number::<TYPED>(process));
    // A pid that is taken anew within a second has another start.
    let start = task::start::<TYPED>(process) << 32;
    let peer = start | u64::from(refused) << 31 | u64::from(family) << 16 | u64::from(port);
    let key = [who, peer, high, low];
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    let last = LAST_SENT.get_ptr_mut(0)?;
    // SAFETY: map memory of this CPU.
    let [held_by, peer, high, low, told, repeats] = unsafe { &mut *last };
    if [*held_by, *peer, *high, *low] == key && now.wrapping_sub(*told) < SEND_REPEAT_NS {
        *repeats += 1;
        count_repeat();
        return None;
    }
    // What this CPU held goes back to where all CPUs look.
    put_back([*held_by, *peer, *high, *low], *repeats);
    let (told_before, untold) = take(key);
    let is_new = now.wrapping_sub(told_before) >= SEND_REPEAT_NS;
    [*held_by, *peer, *high, *low] = key;
    *told = if is_new { now } else { told_before };
    *repeats = u64::from(!is_new);
    if is_new {
        if REPEATS.insert(key, [now, 0], 0).is_err() {
            count::add(counter::REPEATS_FULL);
        }
        return Some(untold as u32);
    }
    count_repeat();
    None
}

#[inline(always)]
fn count_repeat() {
    count::add(counter::attempted(RecordKind::Send));
    count::add(counter::collapsed(RecordKind::Send));
}

/// Adds repeats that were counted on this CPU to those of all.
#[inline(always)]
fn put_back(key: [u64; 4], repeats: u64) {
    if repeats > 0
        && let Some(seen) = REPEATS.get_ptr_mut(key)
    {
        let untold = seen.cast::<u64>().wrapping_add(1);
        // SAFETY: the second of two aligned words of map memory.
        unsafe { count::atomic_add(untold, repeats as i64) };
    }
}

/// When the datagram was last told of on any CPU, and its repeats since.
#[inline(always)]
fn take(key: [u64; 4]) -> (u64, u64) {
    let Some(seen) = REPEATS.get_ptr_mut(key) else { return (0, 0) };
    // SAFETY: map memory.
    let [told, untold] = unsafe { &mut *seen };
    (*told, *untold)
}
