//! `connect`: a socket was connected, or tried to be.
//!
//! An attempt is told of at once. Whether a TCP connection came about is known later, often in a
//! softirq on top of a stranger: the record of the attempt is kept by socket, and sent once more,
//! with the error, if the attempt fails.

use aya_ebpf::{
    macros::{btf_tracepoint, cgroup_sock_addr},
    programs::{BtfTracePointContext, SockAddrContext},
};
use aya_log_ebpf::debug;
use monitor_common::{
    DropReason, Header, Member, Program, RecordKind, Socket,
    limits::{FIXED_BYTES, UNIX_PATH_BYTES},
};

use crate::{
    attempt,
    maps::{PENDING, SOCKET_RECORD_BYTES, floor, offset},
    own,
    read::{Kptr, raw},
    record,
    seen::{Seen, pointed, watch},
    socket::{self, AF_UNIX},
    task,
};

const IPPROTO_MPTCP: u16 = 262;

const TCP_ESTABLISHED: i32 = 1;
const TCP_SYN_SENT: i32 = 2;
const TCP_CLOSE: i32 = 7;
/// How old an attempt may be for a later hook to be about the same one.
const SAME_ATTEMPT_NS: u64 = 1_000_000_000;

watch! {
    /// `int security_socket_connect(struct socket *sock, struct sockaddr *address, int addrlen)`,
    /// Linux 2.6; the address is the kernel's copy.
    rm_connect rk_connect => connect(SocketConnect, SocketConnectProbe);
}

#[inline(always)]
fn connect<S: Seen>(seen: &S, program: Program) {
    let (sock, address) = (seen.pointer(0), seen.pointer(1));
    let length = seen.number(2) as i32;
    let refused = seen.result(program).unwrap_or(0);
    let family: u16 = raw(address);
    // With a shorter address than its family's the call fails, and what lies behind it is not part
    // of the address.
    if !socket::is_whole(family, length) {
        return;
    }
    let process = task::current::<true>();
    let sock: Kptr = pointed::<S, _>(sock, Member::SocketSk);
    if own::is_own(program, task::pid::<true>(process))
        || !attempt::is_told(RecordKind::Connect, sock, socket::named(address, family))
    {
        return;
    }
    record::send::<true>(RecordKind::Connect, program, process, |record| {
        let body: &mut Socket = record.body();
        socket::describe(body, sock);
        socket::describe_address(body, address, family);
        if family == AF_UNIX {
            let (path, length) = socket::unix_path(address, length);
            body.unix_len = record
                .append_kernel::<{ FIXED_BYTES as u64 }, { UNIX_PATH_BYTES as u64 }>(path, length);
        }
        attempt::begin(record, body, refused);
        Ok(())
    });
}

/// `cgroup/connect4`, Linux 4.17: before the connection, with the kernel's copy of the address.
#[cgroup_sock_addr(connect4)]
fn rm_connect4(ctx: SockAddrContext) -> i32 {
    cgroup_connect::<false>(&ctx, Program::Connect4)
}

/// `cgroup/connect6`, Linux 4.17.
#[cgroup_sock_addr(connect6)]
fn rm_connect6(ctx: SockAddrContext) -> i32 {
    cgroup_connect::<true>(&ctx, Program::Connect6)
}

#[inline(always)]
fn cgroup_connect<const V6: bool>(ctx: &SockAddrContext, program: Program) -> i32 {
    if floor() {
        return 1;
    }
    let process = task::current::<false>();
    let (sock, to) = (socket::of_context(ctx), socket::context_peer::<V6>(ctx));
    if own::is_own(program, task::pid::<false>(process))
        || !attempt::is_told(RecordKind::Connect, sock, to)
    {
        return 1;
    }
    record::send::<false>(RecordKind::Connect, program, process, |record| {
        let body: &mut Socket = record.body();
        socket::from_context::<V6>(body, ctx);
        attempt::begin(record, body, 0);
        Ok(())
    });
    1
}

/// `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)`, Linux 4.16
#[btf_tracepoint(function = "inet_sock_set_state")]
fn rm_sock_state(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    let sock: Kptr = ctx.arg(0);
    let (old, new): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    debug!(&ctx, "socket state {} to {}", old, new);
    match (old, new) {
        (_, TCP_SYN_SENT) => begun(sock),
        (TCP_SYN_SENT, TCP_ESTABLISHED) => {
            let _gone = PENDING.remove(sock as u64);
        }
        (TCP_SYN_SENT, TCP_CLOSE) => failed(sock),
        _ => {}
    }
    0
}

/// A connection that is on its way but that no hook told of: it came by another road than
/// `connect`.
#[inline(always)]
fn begun(sock: Kptr) {
    // The parts of a multipath connection are TCP and are told of; the whole has no peer.
    if raw::<u16>(sock.wrapping_add(offset(Member::SockProtocol))) == IPPROTO_MPTCP {
        return;
    }
    let process = task::current::<true>();
    let pid = task::pid::<true>(process);
    if own::is_own(Program::SockState, pid)
        || !attempt::is_told(RecordKind::Connect, sock, socket::peer(sock))
    {
        return;
    }
    if let Some(kept) = PENDING.get_ptr(sock as u64) {
        let kept: *const Header = kept.cast();
        // SAFETY: the kept bytes start with a header; they are map memory.
        let Header { pid: owner, boottime_ns: at, .. } = unsafe { &*kept };
        // SAFETY: a helper without arguments.
        let now = unsafe { aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns() };
        if *owner == pid && now.wrapping_sub(*at) < SAME_ATTEMPT_NS {
            return;
        }
    }
    record::send::<true>(RecordKind::Connect, Program::SockState, process, |record| {
        let body: &mut Socket = record.body();
        socket::describe(body, sock);
        socket::describe_peer(body, sock);
        attempt::begin(record, body, 0);
        Ok(())
    });
}

/// The attempt came to nothing: the kept record is sent again, with the error.
#[inline(always)]
fn failed(sock: Kptr) {
    let error: i32 = raw(sock.wrapping_add(offset(Member::SockErr)));
    let Some(kept) = PENDING.get_ptr(sock as u64) else { return };
    if error != 0 {
        record::send::<true>(
            RecordKind::Connect,
            Program::SockState,
            task::current::<true>(),
            |record| {
                let (stream, sequence, now) = {
                    let header = record.header();
                    (header.stream, header.sequence, header.boottime_ns)
                };
                // SAFETY: the kept bytes are a header and a body; the slot has room for them.
                unsafe {
                    core::ptr::copy_nonoverlapping(
                        kept.cast::<u8>(),
                        record.bytes(),
                        SOCKET_RECORD_BYTES,
                    );
                }
                let header = record.header();
                (header.stream, header.sequence, header.boottime_ns) = (stream, sequence, now);
                header.program = Program::SockState as u32;
                header.outcome = -error;
                let body: &mut Socket = record.body();
                body.unix_len = 0;
                // The place may have been given to another attempt while it was copied.
                if body.socket_id != sock as u64 {
                    return Err(DropReason::ReadFault);
                }
                Ok::<(), DropReason>(())
            },
        );
    }
    let _gone = PENDING.remove(sock as u64);
}
