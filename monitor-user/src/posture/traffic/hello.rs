//! What the first bytes of a connection say of how it is spoken.

use std::fmt;

/// How a listener is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Neither side began with TLS.
    Plaintext,
    /// The server greets as SSH does.
    Ssh,
    /// They speak TLS.
    Tls {
        /// Its version, as it is on the wire.
        version: u16,
        /// Whether the client was asked for a certificate.
        mutual: Mutual,
    },
}

/// Whether a client was asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutual {
    /// It was.
    Asked,
    /// It was not.
    NotAsked,
    /// Since TLS 1.3 that is encrypted.
    Encrypted,
    /// It was an earlier session that went on, or not all of its beginning was seen.
    Unseen,
}

/// Since when the server's part of the handshake is encrypted.
const TLS_1_3: u16 = 0x0304;

impl Class {
    /// Whether another connection could say more.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Tls { mutual: Mutual::Unseen, .. })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, mutual) = match self {
            Self::Plaintext => return out.write_str("plaintext"),
            Self::Ssh => return out.write_str("SSH"),
            Self::Tls { version, mutual } => (*version, mutual),
        };
        match version {
            0x0300 => out.write_str("SSL 3.0"),
            0x0301 => out.write_str("TLS 1.0"),
            0x0302 => out.write_str("TLS 1.1"),
            0x0303 => out.write_str("TLS 1.2"),
            TLS_1_3 => out.write_str("TLS 1.3"),
            other => write!(out, "TLS {other:#06x}"),
        }?;
        out.write_str(match mutual {
            Mutual::Asked => ", client certificate asked for",
            Mutual::NotAsked => ", no client certificate asked for",
            Mutual::Encrypted | Mutual::Unseen => {
                ", whether a client certificate is asked for is not seen"
            }
        })
    }
}

/// Types of records and of messages of the handshake.
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;

/// Bytes without which a server's beginning says nothing.
const FEWEST: usize = 4;

/// Judges the first bytes of both directions; None: they do not say, or not yet. `is_over`: there
/// will be no more of them.
#[must_use]
pub fn judge(client: &[u8], server: &[u8], is_over: bool) -> Option<Class> {
    let client = past_proxy(client);
    // A client of PostgreSQL asks whether TLS is spoken; `S` is yes.
    if let (Some(client), Some((b'S', rest))) =
        (client.strip_prefix(POSTGRES), server.split_first())
    {
        return if rest.is_empty() { None } else { judge(client, rest, is_over) };
    }
    // Who only listens is not known by who speaks to it.
    if server.len() < FEWEST && !is_over || server.is_empty() {
        return None;
    }
    match server {
        [HANDSHAKE, 3, ..] => of_handshake(server, is_over),
        // It refused, for whatever reason.
        [ALERT, 3, ..] => None,
        _ if server.starts_with(b"SSH-") => Some(Class::Ssh),
        // That is what servers of TLS tell who begins without it.
        _ if is_bad_request(server) && !is_hello(client) => None,
        _ => Some(Class::Plaintext),
    }
}

const POSTGRES: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

fn is_hello(client: &[u8]) -> bool {
    matches!(client, [HANDSHAKE, 3, _, _, _, 1, ..])
}

fn is_bad_request(server: &[u8]) -> bool {
    let status = server.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(1..5));
    status == Some(b" 400")
}

/// What is behind what a load balancer puts before a connection's own bytes.
fn past_proxy(client: &[u8]) -> &[u8] {
    const SECOND: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    const LONGEST: usize = 107;
    let length = if client.starts_with(b"PROXY ") {
        client.iter().take(LONGEST).position(|byte| *byte == b'\n').map(|at| at + 1)
    } else if client.starts_with(SECOND) {
        client.get(14..16).map(|length| 16 + usize::from(number(length)))
    } else {
        Some(0)
    };
    length.and_then(|length| client.get(length..)).unwrap_or_default()
}

/// What the handshake of a server says.
fn of_handshake(server: &[u8], is_over: bool) -> Option<Class> {
    let (flight, is_ended) = flight(server);
    let mut rest = &*flight;
    let (SERVER_HELLO, hello) = message(&mut rest)? else { return None };
    let version = version(hello)?;
    let tls = |mutual| Some(Class::Tls { version, mutual });
    if version >= TLS_1_3 {
        return tls(Mutual::Encrypted);
    }
    while let Some((kind, _)) = message(&mut rest) {
        match kind {
            CERTIFICATE_REQUEST => return tls(Mutual::Asked),
            SERVER_HELLO_DONE => return tls(Mutual::NotAsked),
            _ => {}
        }
    }
    if is_ended || is_over { tls(Mutual::Unseen) } else { None }
}

/// The handshake that is in the first records, and whether they are followed by others.
fn flight(mut server: &[u8]) -> (Vec<u8>, bool) {
    let mut flight = Vec::new();
    while let [kind, 3, _, high, low, rest @ ..] = server {
        if *kind != HANDSHAKE {
            return (flight, true);
        }
        let length = usize::from(number(&[*high, *low]));
        let (record, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        flight.extend_from_slice(record);
        server = rest;
    }
    // Five bytes are the head of a record: fewer can still become one.
    let is_record = server.first().is_none_or(|kind| *kind == HANDSHAKE);
    (flight, !is_record)
}

/// The next message of a handshake, if all of it is there.
fn message<'a>(flight: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let [kind, high, middle, low, rest @ ..] = *flight else { return None };
    let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
    let (body, rest) = rest.split_at_checked(length)?;
    *flight = rest;
    Some((*kind, body))
}

/// The version that a server chose.
fn version(hello: &[u8]) -> Option<u16> {
    const RANDOM: usize = 32;
    const SUPPORTED_VERSIONS: u16 = 43;
    let (legacy, rest) = hello.split_at_checked(2)?;
    let legacy = number(legacy);
    let (session, rest) = rest.get(RANDOM..)?.split_first()?;
    // Behind it are the cipher, the compression, and the length of the extensions.
    let mut rest = rest.get(usize::from(*session) + 3..)?.get(2..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(4) {
        let (kind, length) = head.split_at_checked(2)?;
        let (body, behind) = body.split_at_checked(usize::from(number(length)))?;
        if number(kind) == SUPPORTED_VERSIONS {
            return body.get(..2).map(number);
        }
        rest = behind;
    }
    (legacy >> 8 == 3).then_some(legacy)
}

/// A number of two bytes.
fn number(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |all, byte| all << 8 | u16::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &length[..], body].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind], &length[1..], body].concat()
    }

    fn hello(legacy: u16, chosen: Option<u16>) -> Vec<u8> {
        let mut body = legacy.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.extend([2, 9, 9, 0xc0, 0x2f, 0]);
        let mut extensions = vec![0xff, 1, 0, 1, 0];
        if let Some(chosen) = chosen {
            extensions.extend([0, 43, 0, 2]);
            extensions.extend(chosen.to_be_bytes());
        }
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        message(SERVER_HELLO, &body)
    }

    const CLIENT: &[u8] = &[HANDSHAKE, 3, 1, 0, 4, 1, 0, 0, 0];

    fn tls(version: u16, mutual: Mutual) -> Option<Class> {
        Some(Class::Tls { version, mutual })
    }

    #[test]
    fn what_is_not_tls_is_plaintext() {
        let said = |client: &[u8], server: &[u8]| judge(client, server, false);
        assert_eq!(said(b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK"), Some(Class::Plaintext));
        assert_eq!(said(b"", b"220 mail ESMTP"), Some(Class::Plaintext));
        assert_eq!(said(b"", b"SSH-2.0-x"), Some(Class::Ssh));
        assert_eq!(said(CLIENT, b"HTTP/1.1 400 Bad Request"), Some(Class::Plaintext));
        // Nobody answered, or a server of TLS refused who spoke something else.
        assert_eq!(said(b"GET / HTTP/1.1\r\n", b""), None);
        assert_eq!(said(b"GET / HTTP/1.1\r\n", b"HTTP/1.1 400 Bad Request"), None);
        assert_eq!(said(b"GET / HTTP/1.1\r\n", &record(ALERT, &[2, 70])), None);
        assert_eq!((said(b"x", b"+O"), judge(b"x", b"+O", true)), (None, Some(Class::Plaintext)));
    }

    #[test]
    fn before_1_3_it_is_seen_whether_a_certificate_is_asked_for() {
        let begun = [hello(0x0303, None), message(11, &[1; 300]), message(12, &[2; 30])].concat();
        let asked = [&*begun, &message(13, &[1; 20]), &message(14, &[])].concat();
        let not = [&*begun, &message(14, &[])].concat();
        let resumed = [hello(0x0303, None), message(4, &[1; 20])].concat();
        let resumed = [record(HANDSHAKE, &resumed), record(20, &[1])].concat();
        assert_eq!(judge(CLIENT, &resumed, false), tls(0x0303, Mutual::Unseen));
        for (flight, mutual) in [(asked, Mutual::Asked), (not, Mutual::NotAsked)] {
            // However it is put into records, and however much has come.
            for size in [flight.len(), 100, 7] {
                let server: Vec<u8> =
                    flight.chunks(size).flat_map(|piece| record(HANDSHAKE, piece)).collect();
                assert_eq!(judge(CLIENT, &server, false), tls(0x0303, mutual), "{size}");
                for length in 0..server.len() {
                    let judged = judge(CLIENT, &server[..length], false);
                    assert!([None, tls(0x0303, mutual)].contains(&judged), "{length}");
                }
            }
            let cut = &record(HANDSHAKE, &flight)[..200];
            assert_eq!(judge(CLIENT, cut, true), tls(0x0303, Mutual::Unseen));
        }
    }

    #[test]
    fn since_1_3_it_is_not() {
        let server = record(HANDSHAKE, &hello(0x0303, Some(TLS_1_3)));
        assert_eq!(judge(CLIENT, &server, false), tls(TLS_1_3, Mutual::Encrypted));
        assert_eq!(judge(b"", &server, false), tls(TLS_1_3, Mutual::Encrypted));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged_or_not(
            head in proptest::sample::select(vec![
                vec![],
                vec![HANDSHAKE, 3, 3],
                vec![HANDSHAKE, 3, 3, 0, 80, SERVER_HELLO, 0, 0, 60, 3, 3],
            ]),
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        ) {
            let server = [head, bytes.clone()].concat();
            let early = judge(&bytes, &server, false);
            proptest::prop_assert!(early.is_none() || early == judge(&bytes, &server, true));
        }
    }

    #[test]
    fn what_comes_before_tls_is_looked_past() {
        let server = record(HANDSHAKE, &hello(0x0303, Some(TLS_1_3)));
        let first = [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", CLIENT].concat();
        assert!(is_hello(past_proxy(&first)));
        let second = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02ab", CLIENT].concat();
        assert!(is_hello(past_proxy(&second)));
        let client = [POSTGRES, CLIENT].concat();
        assert_eq!(
            judge(&client, &[b"S", &*server].concat(), false),
            tls(TLS_1_3, Mutual::Encrypted)
        );
        assert_eq!(judge(&client, b"S", true), None);
        assert_eq!(judge(POSTGRES, b"N", true), Some(Class::Plaintext));
    }
}
