//! The filter for connections and datagrams, by the remote end: see `filter.rs`.

use aya_ebpf::maps::lpm_trie::Key;
use monitor_common::{
    RecordKind, counter,
    filter::{NUMBERS, NetworkKey, PORT_WORDS},
};

use crate::{
    count, filter,
    maps::{FILTER, FILTER_NETWORKS, FILTER_PORTS},
    read,
    socket::{AF_INET, AF_INET6, Peer},
};

/// Whether some rule may be about a connection, or a datagram, to a peer. Counts the act if not.
/// The address is only asked for where rules name some.
#[inline(always)]
pub(crate) fn admits(kind: RecordKind, to: Peer<impl FnOnce() -> [u8; 16]>) -> bool {
    if !filter::is_for(kind)
        || is_port_named(kind, to.port)
        || FILTER.at(3) >> kind as u64 & 1 != 0
            && matches!(to.family, AF_INET | AF_INET6)
            && is_address_named(kind, to.family, &(to.address)())
        || filter::asks_for_user(kind)
    {
        return true;
    }
    count::add(counter::filtered(kind));
    false
}

#[inline(always)]
fn is_port_named(kind: RecordKind, port: u16) -> bool {
    let Some(ports) = FILTER_PORTS.get(FILTER.at(0) as u32 & u32::from(NUMBERS)) else {
        return true;
    };
    let first = if matches!(kind, RecordKind::Send) { PORT_WORDS } else { 0 };
    let Some(word) = read::bounded(u64::from(port) / 64, PORT_WORDS as u64 - 1) else {
        return true;
    };
    let place = (&raw const *ports).cast::<u64>().wrapping_add(first + word as usize);
    // SAFETY: one of the words of either half, by a number that was checked.
    unsafe { place.read_volatile() >> (port & 63) & 1 != 0 }
}

#[inline(always)]
fn is_address_named(kind: RecordKind, family: u16, address: &[u8; 16]) -> bool {
    let mut key: NetworkKey = [0; _];
    key[0] = FILTER.at(0) as u8;
    if family == AF_INET6 {
        key[1..].copy_from_slice(address);
    } else {
        [key[11], key[12]] = [0xff; 2];
        [key[13], key[14], key[15], key[16]] = [address[0], address[1], address[2], address[3]];
    }
    let key = Key::new(8 * size_of::<NetworkKey>() as u32, key);
    let found = FILTER_NETWORKS.get(&key);
    found.is_some_and(|kinds| kinds >> kind as u64 & 1 != 0)
}
