//! Segments of TCP in packets, from the head of the network's protocol on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// From where.
    pub from: SocketAddr,
    /// To where.
    pub to: SocketAddr,
    /// Number of its first byte in the stream.
    pub sequence: u32,
    /// It begins a connection, or takes one on.
    pub is_first: bool,
    /// It takes note of what came.
    pub is_answer: bool,
    /// It ends one.
    pub is_last: bool,
    /// What it carries, as far as that was taken.
    pub payload: &'a [u8],
    /// Not all of that was.
    pub is_cut: bool,
}

const TCP: u8 = 6;

/// Parses one; None: there is none, or only a part of one.
#[must_use]
pub fn parse(packet: &[u8]) -> Option<Segment<'_>> {
    match packet.first()? >> 4 {
        4 => {
            let length = usize::from(packet.first()? & 15) * 4;
            let (head, rest) = packet.split_at_checked(length)?;
            // Of a packet in parts only the first has a head, and that not for sure.
            let is_part = two(head, 6)? & 0x3fff != 0;
            if *head.get(9)? != TCP || is_part {
                return None;
            }
            let address = |at| Some(IpAddr::from(Ipv4Addr::from(bytes::<4>(head, at)?)));
            // Zero: it is a batch, larger than can be said.
            let whole = usize::from(two(head, 2)?).checked_sub(length);
            of_tcp(rest, whole, (address(12)?, address(16)?))
        }
        6 => {
            let (head, rest) = packet.split_at_checked(40)?;
            if *head.get(6)? != TCP {
                return None;
            }
            let address = |at| Some(Ipv6Addr::from(bytes::<16>(head, at)?).to_canonical());
            let whole = usize::from(two(head, 4)?);
            of_tcp(rest, (whole > 0).then_some(whole), (address(8)?, address(24)?))
        }
        _ => None,
    }
}

fn of_tcp(
    packet: &[u8],
    whole: Option<usize>,
    (from, to): (IpAddr, IpAddr),
) -> Option<Segment<'_>> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    let length = usize::from(*packet.get(12)? >> 4) * 4;
    if length < 20 {
        return None;
    }
    let flags = *packet.get(13)?;
    let (_, payload) = packet.split_at_checked(length)?;
    // A short frame has bytes behind the packet.
    let of_it = whole.map_or(payload.len(), |whole| whole.saturating_sub(length));
    Some(Segment {
        from: SocketAddr::new(from, two(packet, 0)?),
        to: SocketAddr::new(to, two(packet, 2)?),
        sequence: u32::from_be_bytes(bytes::<4>(packet, 4)?),
        is_first: flags & SYN != 0,
        is_answer: flags & ACK != 0,
        is_last: flags & (FIN | RST) != 0,
        payload: payload.get(..of_it).unwrap_or(payload),
        is_cut: of_it > payload.len(),
    })
}

fn bytes<const LENGTH: usize>(packet: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    packet.get(at..at + LENGTH)?.try_into().ok()
}

fn two(packet: &[u8], at: usize) -> Option<u16> {
    bytes(packet, at).map(u16::from_be_bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A packet from one place to another, with flags and what it carries.
    pub(in super::super) fn packet(
        (from, to): (&str, &str),
        sequence: u32,
        flags: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let [from, to]: [SocketAddr; 2] = [from, to].map(|it| it.parse().unwrap());
        let mut tcp = Vec::new();
        tcp.extend(from.port().to_be_bytes());
        tcp.extend(to.port().to_be_bytes());
        tcp.extend(sequence.to_be_bytes());
        tcp.extend([0, 0, 0, 0, 0x60, flags, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
        tcp.extend(payload);
        let length = u16::try_from(tcp.len()).unwrap();
        let mut all = Vec::new();
        match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                all.extend([0x45, 0]);
                all.extend((length + 20).to_be_bytes());
                all.extend([0, 0, 0x40, 0, 64, TCP, 0, 0]);
                all.extend(from.octets());
                all.extend(to.octets());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                all.extend([0x60, 0, 0, 0]);
                all.extend(length.to_be_bytes());
                all.extend([TCP, 64]);
                all.extend(from.octets());
                all.extend(to.octets());
            }
            _ => unreachable!("two families"),
        }
        [all, tcp].concat()
    }

    #[test]
    fn segments_are_read_whatever_the_family() {
        for (from, to) in [("1.2.3.4:5", "6.7.8.9:80"), ("[2001:db8::1]:5", "[::1]:80")] {
            let mut bytes = packet((from, to), 7, 0x12, b"abc");
            let found = parse(&bytes).unwrap();
            assert_eq!((found.from, found.to), (from.parse().unwrap(), to.parse().unwrap()));
            assert_eq!((found.sequence, found.payload, found.is_cut), (7, &b"abc"[..], false));
            assert!(found.is_first && found.is_answer && !found.is_last);
            for length in 0..bytes.len() {
                let cut = parse(&bytes[..length]);
                assert!(cut.is_none_or(|it| it.is_cut && it.payload.len() < 3), "{length}");
            }
            bytes.extend([0; 9]);
            assert_eq!(parse(&bytes).unwrap().payload, b"abc");
        }
        let part = {
            let mut bytes = packet(("1.2.3.4:5", "6.7.8.9:80"), 7, 0x10, b"abc");
            bytes[6] = 0x20;
            bytes
        };
        assert_eq!(parse(&part), None);
    }
}
