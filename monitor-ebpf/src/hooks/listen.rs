//! `accept`, `listen`, `bind`: the acts of a server's socket; and `socket`, of uncommon sorts.

use aya_ebpf::{
    macros::{btf_tracepoint, cgroup_sock_addr},
    programs::{BtfTracePointContext, SockAddrContext},
};
use monitor_common::{Member, Program, RecordKind, header::OUTCOME_UNKNOWN};

use crate::{
    act,
    call::Call,
    maps::{floor, offset},
    opening::is_refusal,
    read::{Kptr, raw},
    seen::{Seen, verdict, watch},
    socket::{self, AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SOCK_PACKET, SOCK_RAW},
    task,
};

const TCP_LISTEN: i32 = 10;
/// The bits of a socket's type that are no flags.
const SORT: u16 = 0xf;

watch! {
    /// `void security_sock_graft(struct sock *sk, struct socket *parent)`, Linux 2.6: the
    /// connection that `accept` is about to hand out, in the context of who accepts
    rm_accept rk_accept => accept(Accept, AcceptProbe);
    /// `int security_socket_listen(struct socket *sock, int backlog)`, Linux 2.6
    rm_listen rk_listen => listen(Listen, ListenProbe);
    /// `int security_socket_bind(struct socket *sock, struct sockaddr *address, int addrlen)`,
    /// Linux 2.6; the address is the kernel's copy
    rm_bind rk_bind => bind(Bind, BindProbe);
    /// `int security_socket_create(int family, int type, int protocol, int kern)`, Linux 2.6
    rm_socket rk_socket => create(SocketCreate, SocketCreateProbe);
}

#[inline(always)]
fn accept(seen: &impl Seen, program: Program) {
    accepted(seen.pointer(0), program, OUTCOME_UNKNOWN);
}

#[inline(always)]
fn accepted(sock: Kptr, program: Program, outcome: i32) {
    if socket::is_ip(sock) {
        act::tell_socket(RecordKind::Accept, program, outcome, |_, body| {
            socket::describe(body, sock);
            socket::describe_peer(body, sock);
        });
    }
}

#[inline(always)]
fn listen(seen: &impl Seen, program: Program) {
    let sock: Kptr = raw(seen.pointer(0).wrapping_add(offset(Member::SocketSk)));
    if socket::is_ip(sock) {
        let outcome = verdict(seen.result(program));
        act::tell_socket(RecordKind::Listen, program, outcome, |_, body| {
            socket::describe(body, sock);
        });
    }
}

/// `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)`, Linux 4.16
#[btf_tracepoint]
fn rm_listen_state(ctx: BtfTracePointContext) -> i32 {
    let new: i32 = ctx.arg(2);
    if floor() || new != TCP_LISTEN {
        return 0;
    }
    let sock: Kptr = ctx.arg(0);
    act::tell_socket(RecordKind::Listen, Program::ListenState, 0, |_, body| {
        socket::describe(body, sock);
    });
    0
}

#[inline(always)]
fn bind(seen: &impl Seen, program: Program) {
    let (sock, address) = (seen.pointer(0), seen.pointer(1));
    let family: u16 = raw(address);
    let length = seen.number(2) as i32;
    // Of a port that the kernel shall choose there is nothing to tell.
    if family == AF_UNIX
        || !socket::is_whole(family, length)
        || raw::<u16>(address.wrapping_add(2)) == 0
    {
        return;
    }
    let outcome = verdict(seen.result(program));
    act::tell_socket(RecordKind::Bind, program, outcome, |_, body| {
        socket::describe(body, raw(sock.wrapping_add(offset(Member::SocketSk))));
        socket::describe_address(body, address, family);
    });
}

/// `cgroup/bind4`, Linux 4.17
#[cgroup_sock_addr(bind4)]
fn rm_bind4(ctx: SockAddrContext) -> i32 {
    cgroup_bind::<false>(&ctx, Program::Bind4)
}

/// `cgroup/bind6`, Linux 4.17
#[cgroup_sock_addr(bind6)]
fn rm_bind6(ctx: SockAddrContext) -> i32 {
    cgroup_bind::<true>(&ctx, Program::Bind6)
}

#[inline(always)]
fn cgroup_bind<const V6: bool>(ctx: &SockAddrContext, program: Program) -> i32 {
    if floor() {
        return 1;
    }
    if socket::context_peer::<V6>(ctx).port != 0 {
        act::tell_socket(RecordKind::Bind, program, OUTCOME_UNKNOWN, |_, body| {
            socket::from_context::<V6>(body, ctx);
        });
    }
    1
}

#[inline(always)]
fn create(seen: &impl Seen, program: Program) {
    // Sockets of the kernel's own are nobody's act.
    if seen.number(3) as u32 != 0 {
        return;
    }
    let numbers = [seen.number(0), seen.number(1), seen.number(2)];
    created(program, verdict(seen.result(program)), numbers);
}

/// Entered from `rs_dispatch`: `socket`.
#[btf_tracepoint]
fn rs_socket(ctx: BtfTracePointContext) -> i32 {
    let Some(call) = Call::read(ctx.arg(0), task::current::<false>()) else { return 0 };
    let result: i64 = ctx.arg(1);
    if result < 0 && !is_refusal(result) {
        return 0;
    }
    let outcome = if result < 0 { result as i32 } else { 0 };
    let numbers = call.spec().numbers;
    let [family, sort, protocol, ..] = numbers;
    let numbers = [family, sort, protocol].map(|source| call.argument(source, 0));
    created(Program::SysExitSocket, outcome, numbers);
    0
}

/// Tells of a socket that is not what every program makes.
#[inline(always)]
fn created(program: Program, outcome: i32, [family, sort, protocol]: [u64; 3]) {
    let (family, sort) = (family as u16, sort as u16 & SORT);
    let common = matches!(family, AF_INET | AF_INET6 | AF_UNIX | AF_NETLINK);
    let direct = family != AF_NETLINK && matches!(sort, SOCK_RAW | SOCK_PACKET);
    if common && !direct {
        return;
    }
    act::tell(RecordKind::SocketCreate, program, outcome, |_, body| {
        body.numbers[0] = family.into();
        body.numbers[1] = sort.into();
        body.numbers[2] = protocol & 0xffff_ffff;
    });
}
