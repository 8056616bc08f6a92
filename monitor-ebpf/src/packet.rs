//! Packets of sockets: whose they are, and the message of a name server that they carry.

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::bpf_skb_load_bytes,
};

use crate::{read::Kptr, socket::IPPROTO_TCP};

/// User Datagram Protocol.
pub(crate) const IPPROTO_UDP: u16 = 17;

/// Bytes of the header of a message.
pub(crate) const MESSAGE_HEADER: u32 = 12;

/// Where the transport header of a packet is, and whose it is.
#[derive(Clone, Copy)]
pub(crate) struct Transport {
    pub(crate) v6: bool,
    pub(crate) protocol: u16,
    pub(crate) at: u32,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
}

/// A message within a packet.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub(crate) at: u32,
    /// Bytes of it in this packet.
    pub(crate) there: u32,
    pub(crate) total: u32,
}

/// The ports of a UDP or TCP packet. None of what is no such packet, of a later part of one, and of
/// what is behind further headers of IPv6.
#[inline(always)]
pub(crate) fn transport(skb: *mut __sk_buff) -> Option<Transport> {
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
pub(crate) fn message(
    skb: *mut __sk_buff,
    transport: Transport,
    comes_in: bool,
) -> Option<Message> {
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

/// The socket that sends or gets the packet, if it has one: a typed pointer.
#[inline(always)]
pub(crate) fn socket(skb: *mut __sk_buff) -> *mut bpf_sock {
    // SAFETY: the kernel hands over a valid context.
    let socket = unsafe { &(*skb).__bindgen_anon_2 };
    // SAFETY: the union has no other member.
    unsafe { socket.sk }
}

/// The port that the packet's socket is connected to, in network byte order; 0 where it is not.
#[inline(always)]
pub(crate) fn peer_port(skb: *mut __sk_buff) -> u16 {
    let sock = socket(skb);
    if sock.is_null() {
        return 0;
    }
    // SAFETY: only the address is taken.
    let port = unsafe { &raw const (*sock).dst_port };
    // SAFETY: the verifier turns the load into one of the socket's own member.
    unsafe { port.read_volatile() }
}

/// An IPv4 address as an IPv6 address.
#[inline(always)]
pub(crate) fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = v4;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// Bytes of a packet, wherever they are kept. None where it has fewer.
#[inline(always)]
pub(crate) fn loaded<const LENGTH: usize>(skb: *mut __sk_buff, at: u32) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let to = &raw mut bytes;
    // SAFETY: the destination is a local of exactly that size; the helper checks the rest.
    let read = unsafe { bpf_skb_load_bytes(skb.cast(), at, to.cast(), LENGTH as u32) };
    if read == 0 { Some(bytes) } else { None }
}

/// A byte of a packet that was found to have it.
#[inline(always)]
pub(crate) fn byte(at: Kptr) -> u8 {
    // SAFETY: callers have compared the place with the packet's end, as the verifier demands.
    unsafe { at.read_volatile() }
}

/// Two bytes of a packet that was found to have them, in the order of the network.
#[inline(always)]
pub(crate) fn half(at: Kptr) -> u16 {
    // SAFETY: as in `byte`; headers lie at even places.
    unsafe { at.cast::<u16>().read_volatile() }
}
