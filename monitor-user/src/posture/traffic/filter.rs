//! What the kernel lets through to a tap: of IPv4 and IPv6 the segments of TCP from and to some
//! ports that begin a connection or carry something.

use nix::libc;

use crate::limits::{TAP_PACKET_BYTES, TAP_PORTS};

/// An instruction of a classic filter: code, how far to go if it holds and if not, and its number.
pub(super) type Instruction = (u16, u8, u8, u32);

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const LOAD_HALF_AT: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
const LOAD_BYTE_AT: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_IND) as u16;
const LOAD_KEPT: u16 = (libc::BPF_LD | libc::BPF_MEM) as u16;
const PLACE: u16 = (libc::BPF_LDX | libc::BPF_IMM) as u16;
const PLACE_BEHIND_IPV4: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
const PLACE_KEPT: u16 = (libc::BPF_LDX | libc::BPF_MEM) as u16;
const KEEP: u16 = libc::BPF_ST as u16;
const KEEP_PLACE: u16 = libc::BPF_STX as u16;
const LESS_PLACE: u16 = (libc::BPF_ALU | libc::BPF_SUB | libc::BPF_X) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND) as u16;
const SHIFT_RIGHT: u16 = (libc::BPF_ALU | libc::BPF_RSH) as u16;
const SHIFT_LEFT: u16 = (libc::BPF_ALU | libc::BPF_LSH) as u16;
const IS: u16 = (libc::BPF_JMP | libc::BPF_JEQ) as u16;
const HAS: u16 = (libc::BPF_JMP | libc::BPF_JSET) as u16;
const IS_MORE: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_X) as u16;
const GO: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const RETURN: u16 = libc::BPF_RET as u16;

/// What is asked about a packet beside its bytes.
const OF_KERNEL: u32 = 0xffff_f000;
const SORT: u32 = OF_KERNEL + 4;
const INTERFACE: u32 = OF_KERNEL + 8;
const LOOPBACK: u32 = 1;
const OUTGOING: u32 = 4;
const TCP: u32 = 6;
const SYN: u32 = 2;

/// Instructions behind those of the ports, and of each port.
const END: usize = 2;
const OF_PORTS: usize = 2;

/// Instructions before those of the ports.
const HEAD: usize = 33;

/// The filter for some ports.
pub(super) fn of_ports(ports: &[u16]) -> Vec<Instruction> {
    let ports = ports.get(..TAP_PORTS).unwrap_or(ports);
    let count = ports.len();
    let refuse = HEAD + OF_PORTS + 2 * count;
    // Jumps are counted from the next instruction; by the bound of ports they are short.
    let to = |from: usize, target: usize| u8::try_from(target - from - 1).unwrap_or(u8::MAX);
    let no = |from: usize| to(from, refuse);
    let mut all = vec![
        // What this host sends to itself is seen when it comes, and not when it goes, too.
        (LOAD_WORD, 0, 0, INTERFACE),
        (IS, 0, 2, LOOPBACK),
        (LOAD_WORD, 0, 0, SORT),
        (IS, no(3), 0, OUTGOING),
        (LOAD_BYTE, 0, 0, 0),
        (AND, 0, 0, 0xf0),
        (IS, to(6, 8), 0, 0x40),
        (IS, to(7, 17), no(7), 0x60),
        // IPv4: of a packet in parts none.
        (LOAD_BYTE, 0, 0, 9),
        (IS, 0, no(9), TCP),
        (LOAD_HALF, 0, 0, 6),
        (HAS, no(11), 0, 0x3fff),
        (PLACE_BEHIND_IPV4, 0, 0, 0),
        (LOAD_HALF, 0, 0, 2),
        (LESS_PLACE, 0, 0, 0),
        (KEEP, 0, 0, 0),
        (GO, 0, 0, 5),
        // IPv6, without heads between.
        (LOAD_BYTE, 0, 0, 6),
        (IS, 0, no(18), TCP),
        (PLACE, 0, 0, 40),
        (LOAD_HALF, 0, 0, 4),
        (KEEP, 0, 0, 0),
        // TCP: what begins, or is longer than its head.
        (LOAD_BYTE_AT, 0, 0, 13),
        (HAS, to(23, HEAD), 0, SYN),
        (KEEP_PLACE, 0, 0, 1),
        (LOAD_BYTE_AT, 0, 0, 12),
        (SHIFT_RIGHT, 0, 0, 4),
        (SHIFT_LEFT, 0, 0, 2),
        (KEEP, 0, 0, 2),
        (LOAD_KEPT, 0, 0, 0),
        (PLACE_KEPT, 0, 0, 2),
        (IS_MORE, 0, no(31), 0),
        (PLACE_KEPT, 0, 0, 1),
    ];
    for at in [2_u32, 0] {
        all.push((LOAD_HALF_AT, 0, 0, at));
        for port in ports {
            let here = all.len();
            all.push((IS, to(here, refuse + 1), 0, u32::from(*port)));
        }
    }
    all.push((RETURN, 0, 0, 0));
    all.push((RETURN, 0, 0, u32::try_from(TAP_PACKET_BYTES).unwrap_or(u32::MAX)));
    debug_assert_eq!(all.len(), refuse + END, "jumps lead to the end");
    all
}

#[cfg(test)]
mod tests {
    use super::{super::packet::tests::packet, *};

    /// What the kernel would do with a packet: bytes that it takes.
    fn run(filter: &[Instruction], packet: &[u8], interface: u32, sort: u32) -> u32 {
        let (mut value, mut place, mut kept, mut at) = (0_u32, 0_u32, [0_u32; 16], 0_usize);
        let load = |from: u32, size: usize| {
            let from = usize::try_from(from).unwrap();
            let bytes = packet.get(from..from + size)?;
            Some(bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)))
        };
        loop {
            let (code, yes, no, number) = filter[at];
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            at += 1;
            let mut jump = |holds: bool| at += usize::from(if holds { yes } else { no });
            let loaded = match code {
                LOAD_WORD => Some(if number == INTERFACE { interface } else { sort }),
                LOAD_HALF => load(number, 2),
                LOAD_BYTE => load(number, 1),
                LOAD_HALF_AT => load(place + number, 2),
                LOAD_BYTE_AT => load(place + number, 1),
                LOAD_KEPT => Some(kept[index]),
                LESS_PLACE => Some(value.wrapping_sub(place)),
                AND => Some(value & number),
                SHIFT_RIGHT => Some(value >> number),
                SHIFT_LEFT => Some(value << number),
                _ => Some(value),
            };
            let Some(loaded) = loaded else { return 0 };
            value = loaded;
            match code {
                PLACE => place = number,
                PLACE_BEHIND_IPV4 => place = u32::from(packet[0] & 15) * 4,
                PLACE_KEPT => place = kept[index],
                KEEP => kept[index] = value,
                KEEP_PLACE => kept[index] = place,
                IS => jump(value == number),
                HAS => jump(value & number != 0),
                IS_MORE => jump(value > place),
                GO => at += index,
                RETURN => return number,
                _ => {}
            }
        }
    }

    #[test]
    fn beginnings_and_what_carries_something_pass_and_nothing_else() {
        const SYN: u8 = 2;
        const ACK: u8 = 16;
        for count in [1, 3, TAP_PORTS] {
            let ports: Vec<u16> = (80..).take(count).collect();
            let last = ports[count - 1];
            let filter = of_ports(&ports);
            let takes = |bytes: &[u8], interface, sort| run(&filter, bytes, interface, sort) > 0;
            for host in ["10.0.0.1", "[2001:db8::1]"] {
                let (client, server) = (format!("{host}:5000"), format!("{host}:{last}"));
                let there = (&*client, &*server);
                let back = (&*server, &*client);
                for (places, flags, payload, expected) in [
                    (there, SYN, &b""[..], true),
                    (back, SYN | ACK, b"", true),
                    (there, ACK, b"x", true),
                    (back, ACK, b"x", true),
                    (there, ACK, b"", false),
                    ((&*client, &*client), ACK, b"x", false),
                ] {
                    let bytes = packet(places, 1, flags, payload);
                    assert_eq!(takes(&bytes, 2, 0), expected, "{places:?} {flags} {payload:?}");
                    assert_eq!(takes(&bytes, 2, OUTGOING), expected);
                    assert_eq!(takes(&bytes, LOOPBACK, 0), expected);
                    assert!(!takes(&bytes, LOOPBACK, OUTGOING));
                    for length in 0..20 {
                        assert!(!takes(&bytes[..length], 2, 0));
                    }
                }
            }
        }
        let mut part = packet(("10.0.0.1:5", "10.0.0.2:80"), 1, ACK, b"x");
        part[7] = 9;
        let udp = {
            let mut bytes = packet(("10.0.0.1:5", "10.0.0.2:80"), 1, ACK, b"x");
            bytes[9] = 17;
            bytes
        };
        for bytes in [&*part, &udp, &[0, 1, 8, 0]] {
            assert_eq!(run(&of_ports(&[80]), bytes, 2, 0), 0);
        }
    }
}
