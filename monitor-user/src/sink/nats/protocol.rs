//! What client and server of NATS say to each other: lines, some with bytes behind them.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

use crate::limits::SINK_ANSWER_BYTES;

/// What a server says of itself before anything else.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    /// Bytes of a message at most.
    pub(super) max_payload: usize,
    /// Whether it goes on with TLS only.
    #[serde(default)]
    pub(super) tls_required: bool,
    /// Whether messages can have headers.
    #[serde(default)]
    pub(super) headers: bool,
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A message: its subject, what stands in its first line of headers behind the version, and
    /// what it is.
    Message {
        subject: String,
        status: String,
        payload: Vec<u8>,
    },
    Ping,
    Pong,
    /// What it does not like.
    Error(String),
    /// Of itself, as JSON.
    Info(String),
    Ok,
}

/// Reads the next thing that is said.
pub(super) fn read(from: &mut impl BufRead) -> io::Result<Said> {
    let line = read_line(from)?;
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
    let rest = rest.trim();
    match word.to_ascii_uppercase().as_str() {
        "MSG" => message(from, rest, false),
        "HMSG" => message(from, rest, true),
        "PING" => Ok(Said::Ping),
        "PONG" => Ok(Said::Pong),
        "+OK" => Ok(Said::Ok),
        "-ERR" => Ok(Said::Error(rest.trim_matches('\'').to_owned())),
        "INFO" => Ok(Said::Info(rest.to_owned())),
        _ => Err(strange("it does not speak NATS")),
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    let mut bounded = from.by_ref().take(SINK_ANSWER_BYTES);
    bounded.read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") {
        return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
    }
    match bounded.limit() {
        0 => Err(strange("a line of it has no end")),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What stands behind `SUBJECT SID [REPLY] [BYTES OF HEADERS] BYTES`.
fn message(from: &mut impl BufRead, line: &str, has_headers: bool) -> io::Result<Said> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |word: Option<&&str>| {
        let number = word.and_then(|word| word.parse::<u64>().ok());
        number.filter(|number| *number <= SINK_ANSWER_BYTES)
    };
    let total = number(words.last());
    let headers = match has_headers {
        true => number(words.len().checked_sub(2).and_then(|place| words.get(place))),
        false => Some(0),
    };
    let (Some(subject), Some(total), Some(headers)) = (words.first(), total, headers) else {
        return Err(strange("a message of it has no length"));
    };
    let mut bytes = Vec::new();
    from.by_ref().take(total + 2).read_to_end(&mut bytes)?;
    let headers = usize::try_from(headers).unwrap_or_default();
    let (Some((headers, payload)), true) =
        (bytes.strip_suffix(b"\r\n").and_then(|it| it.split_at_checked(headers)), words.len() > 2)
    else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let headers = String::from_utf8_lossy(headers);
    let first = headers.lines().next().unwrap_or_default();
    let status = first.split_once(' ').map(|(_, status)| status.trim().to_owned());
    let (subject, payload) = ((*subject).to_owned(), payload.to_owned());
    Ok(Said::Message { subject, status: status.unwrap_or_default(), payload })
}

fn headers(id: &str) -> String {
    format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n")
}

/// Bytes of a message, as servers count them.
pub(super) fn size(id: &str, payload: &[u8]) -> usize {
    headers(id).len() + payload.len()
}

/// A message with an id, to which is answered at another subject.
pub(super) fn publish(subject: &str, reply: &str, id: &str, payload: &[u8]) -> Vec<u8> {
    let headers = headers(id);
    let (before, total) = (headers.len(), headers.len() + payload.len());
    let mut bytes = format!("HPUB {subject} {reply} {before} {total}\r\n{headers}").into_bytes();
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

pub(super) fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
