//! Connections whose beginning passed, and what it says of who listens. Of one that began before
//! nothing is judged: what is in the middle of a stream can look like anything.

use std::{collections::HashMap, net::SocketAddr};

use super::{
    hello::{Class, judge},
    packet::{Segment, parse},
};
use crate::limits::{TAP_CLIENT_BYTES, TAP_CONNECTIONS, TAP_SERVER_BYTES};

/// Connections that are looked at.
#[derive(Debug, Default)]
pub struct Streams {
    /// By client and server.
    open: HashMap<(SocketAddr, SocketAddr), Stream>,
}

/// The beginnings of both directions.
#[derive(Debug, Default)]
struct Stream {
    client: Side,
    server: Side,
}

/// The beginning of one.
#[derive(Debug, Default)]
struct Side {
    /// Number of the byte that comes next.
    next: Option<u32>,
    bytes: Vec<u8>,
    /// No more of it is taken.
    is_over: bool,
}

impl Side {
    fn begin(&mut self, sequence: u32) {
        self.next.get_or_insert(sequence.wrapping_add(1));
    }

    fn take(&mut self, segment: &Segment<'_>, most: usize) {
        let Some(next) = self.next.filter(|_| !self.is_over) else { return };
        // The byte before the first is the beginning itself.
        let sequence = segment.sequence.wrapping_add(u32::from(segment.is_first));
        let before = next.wrapping_sub(sequence);
        let new = match usize::try_from(before) {
            Ok(before) if before <= segment.payload.len() => segment.payload.get(before..),
            // What came before this is not seen, or this came already.
            _ if before > u32::MAX / 2 => {
                self.is_over |= !segment.payload.is_empty();
                return;
            }
            _ => return,
        };
        let new = new.unwrap_or_default();
        let room = most.saturating_sub(self.bytes.len());
        self.bytes.extend(new.iter().take(room));
        self.next = Some(next.wrapping_add(u32::try_from(new.len()).unwrap_or(u32::MAX)));
        self.is_over |= new.len() > room || segment.is_cut || segment.is_last;
    }
}

impl Streams {
    /// Takes a packet in. A server whose connection is judged, and how: None where its beginning
    /// says nothing.
    pub fn take(&mut self, packet: &[u8]) -> Option<(SocketAddr, Option<Class>)> {
        let segment = parse(packet)?;
        if segment.is_first && !segment.is_answer {
            let key = (segment.from, segment.to);
            let has_room = self.open.len() < TAP_CONNECTIONS;
            // An address and port that are used anew begin anew.
            let known = self.open.get(&key).and_then(|it| it.client.next);
            if known.is_some_and(|next| next != segment.sequence.wrapping_add(1)) {
                self.open.remove(&key);
            }
            if has_room || known.is_some() {
                self.open.entry(key).or_default().client.begin(segment.sequence);
            }
        }
        let (key, is_of_server) = match self.open.contains_key(&(segment.from, segment.to)) {
            true => ((segment.from, segment.to), false),
            false => ((segment.to, segment.from), true),
        };
        let Stream { client, server } = self.open.get_mut(&key)?;
        if is_of_server {
            if segment.is_first {
                server.begin(segment.sequence);
            }
            server.take(&segment, TAP_SERVER_BYTES);
        } else {
            client.take(&segment, TAP_CLIENT_BYTES);
        }
        // Who says no more may still be answered.
        let is_over = server.is_over;
        let judged = judge(&client.bytes, &server.bytes, is_over);
        if judged.is_none() && !is_over {
            return None;
        }
        self.open.remove(&key);
        Some((key.1, judged))
    }

    /// What the beginnings say of which there will be no more.
    pub fn end(&mut self) -> Vec<(SocketAddr, Option<Class>)> {
        let all = self.open.drain();
        let answered = all.filter(|(_, it)| !it.server.bytes.is_empty());
        answered
            .map(|((_, server), it)| (server, judge(&it.client.bytes, &it.server.bytes, true)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::packet::tests::packet, *};

    const CLIENT: &str = "10.0.0.1:5000";
    const SERVER: &str = "10.0.0.2:80";
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const ACK: u8 = 16;

    fn asks(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        packet((CLIENT, SERVER), sequence, flags, payload)
    }

    fn answers(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        packet((SERVER, CLIENT), sequence, flags, payload)
    }

    fn begun() -> Streams {
        let mut streams = Streams::default();
        // Numbers begin anew behind the last.
        for packet in [asks(u32::MAX, SYN, b""), answers(u32::MAX - 1, SYN | ACK, b"")] {
            assert_eq!(streams.take(&packet), None);
        }
        streams
    }

    fn plain() -> Option<(SocketAddr, Option<Class>)> {
        Some((SERVER.parse().unwrap(), Some(Class::Plaintext)))
    }

    #[test]
    fn a_beginning_is_put_together_and_judged() {
        let mut streams = begun();
        assert_eq!(streams.take(&asks(0, ACK, b"GET / ")), None);
        assert_eq!(streams.take(&answers(u32::MAX, ACK, b"HT")), None);
        // Twice, and with more.
        assert_eq!(streams.take(&answers(u32::MAX, ACK, b"HT")), None);
        assert_eq!(streams.take(&answers(u32::MAX, ACK, b"HTTP/1.1 200")), plain());
        assert_eq!(streams.take(&answers(20, ACK, b"more")), None);
        assert_eq!(streams.open.len(), 0);
    }

    #[test]
    fn what_began_before_is_not_judged() {
        let mut streams = Streams::default();
        assert_eq!(streams.take(&asks(0, ACK, b"GET / ")), None);
        assert_eq!(streams.take(&answers(0, ACK, b"HTTP/1.1 200")), None);
        // The answer to a beginning alone is none.
        assert_eq!(streams.take(&answers(0, SYN | ACK, b"")), None);
        assert_eq!(streams.open.len(), 0);
    }

    #[test]
    fn behind_a_gap_nothing_is_taken() {
        let mut streams = begun();
        let gone = Some((SERVER.parse().unwrap(), None));
        assert_eq!(streams.take(&answers(9, ACK, b"HTTP/1.1 200")), gone);
        let mut streams = begun();
        assert_eq!(streams.take(&asks(0, ACK, b"GET / ")), None);
        assert_eq!(streams.take(&answers(u32::MAX, ACK | FIN, b"x")), plain());
    }

    #[test]
    fn the_end_of_a_look_judges_what_is_there() {
        let mut streams = begun();
        assert_eq!(streams.take(&answers(u32::MAX, ACK, b"HT")), None);
        assert_eq!(streams.end(), [plain().unwrap()]);
        assert_eq!(begun().end(), []);
    }

    #[test]
    fn there_are_so_many_at_most() {
        let mut streams = Streams::default();
        for port in 0..u16::try_from(TAP_CONNECTIONS).unwrap() + 5 {
            let from = format!("10.0.0.1:{}", port + 1);
            assert_eq!(streams.take(&packet((&from, SERVER), 1, SYN, b"")), None);
        }
        assert_eq!(streams.open.len(), TAP_CONNECTIONS);
    }
}
