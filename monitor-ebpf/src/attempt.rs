//! Attempts to connect: what is told of them at once, and kept until their fate is known.

use monitor_common::{RecordKind, Socket, counter, header::OUTCOME_UNKNOWN};

use crate::{
    count,
    maps::{PENDING, SOCKET_RECORD_BYTES},
    peer,
    read::Kptr,
    record::Record,
    socket::{IPPROTO_TCP, Peer},
};

const EINPROGRESS: i32 = 115;

/// Whether some rule may be about a connection, or a datagram, of a socket. If not, an earlier
/// attempt to connect it is forgotten: what becomes of this one is not the fate of that.
#[inline(always)]
pub(crate) fn is_told(kind: RecordKind, sock: Kptr, peer: Peer<impl FnOnce() -> [u8; 16]>) -> bool {
    if peer::admits(kind, peer) {
        return true;
    }
    if matches!(kind, RecordKind::Connect) {
        let _gone = PENDING.remove(sock as u64);
    }
    false
}

/// Sets the outcome of an attempt and, for TCP, keeps it until its fate is known.
#[inline(always)]
pub(crate) fn begin(record: &Record, body: &Socket, refused: i32) {
    let header = record.header();
    header.outcome = OUTCOME_UNKNOWN;
    if refused != 0 {
        header.outcome = refused;
    } else if body.protocol == IPPROTO_TCP {
        header.outcome = -EINPROGRESS;
        keep(record, body.socket_id);
    }
}

#[inline(always)]
fn keep(record: &Record, socket_id: u64) {
    record.finish();
    // SAFETY: the fixed part of the record, within the slot.
    let fixed = unsafe { &*record.bytes().cast::<[u8; SOCKET_RECORD_BYTES]>() };
    // A full table forgets the oldest attempt: then its failure is not told of.
    if PENDING.insert(socket_id, fixed, 0).is_err() {
        count::add(counter::PENDING_FULL);
    }
}
