//! Chunks of entries (`PackedForward` and `CompressedPackedForward`), and their acknowledgement.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write as _},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use rmp_serde::decode::Error;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{ForwardOptions, members};
use crate::limits::SINK_ANSWER_BYTES;

/// Entries on their way.
pub(super) struct Chunk {
    /// What the receiver is to answer. The same entries have the same id, so that a receiver can
    /// tell that it has them already.
    pub(super) id: String,
    /// What is sent.
    pub(super) message: Vec<u8>,
}

/// Members of documents in which their time stands as a text: ECS, OCSF, Falco.
const TIMES: [&str; 3] = ["@timestamp", "time_dt", "time"];

impl Chunk {
    pub(super) fn of<'l>(
        lines: impl Iterator<Item = &'l [u8]>,
        options: &ForwardOptions,
    ) -> Result<Self, rmp_serde::encode::Error> {
        let (mut entries, mut count) = (Vec::new(), 0_u32);
        for line in lines {
            write_entry(line, &mut entries)?;
            count += 1;
        }
        let digest = Sha256::digest(&entries);
        let id = BASE64_STANDARD.encode(digest.get(..16).unwrap_or_default());
        let entries = if options.gzip { compressed(&entries) } else { entries };
        let mut message = Vec::with_capacity(entries.len() + 256);
        rmp::encode::write_array_len(&mut message, 3)?;
        rmp::encode::write_str(&mut message, &options.tag)?;
        rmp::encode::write_bin(&mut message, &entries)?;
        rmp::encode::write_map_len(&mut message, 2 + u32::from(options.gzip))?;
        rmp::encode::write_str(&mut message, "size")?;
        rmp::encode::write_uint(&mut message, count.into())?;
        rmp::encode::write_str(&mut message, "chunk")?;
        rmp::encode::write_str(&mut message, &id)?;
        if options.gzip {
            rmp::encode::write_str(&mut message, "compressed")?;
            rmp::encode::write_str(&mut message, "gzip")?;
        }
        Ok(Self { id, message })
    }
}

/// Compression in memory does not fail.
fn compressed(entries: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(entries);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// An entry: its time, and the document as a map. A line for people is the map's only member.
fn write_entry(line: &[u8], entries: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    rmp::encode::write_array_len(entries, 2)?;
    // EventTime: an extension of the type 0 and eight bytes.
    rmp::encode::write_ext_meta(entries, 8, 0)?;
    let at = entries.len();
    entries.extend([0; 8]);
    let time = match members::write(line, &TIMES, entries) {
        Some(texts) => texts.into_iter().flatten().find_map(|text| text.parse().ok()),
        None => {
            let text = String::from_utf8_lossy(line);
            rmp_serde::encode::write(entries, &BTreeMap::from([("message", text)]))?;
            None
        }
    };
    let time = time.unwrap_or_else(Timestamp::now);
    let seconds = u32::try_from(time.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(time.subsec_nanosecond()).unwrap_or_default();
    let time = [seconds.to_be_bytes(), nanoseconds.to_be_bytes()].concat();
    entries.iter_mut().skip(at).zip(time).for_each(|(place, byte)| *place = byte);
    Ok(())
}

/// What a receiver answers to a chunk.
#[derive(Deserialize)]
struct Ack {
    ack: String,
}

/// Waits for the id of the chunk that the receiver has.
pub(super) fn read_ack(from: &mut impl Read) -> io::Result<String> {
    let bounded = &mut from.take(SINK_ANSWER_BYTES);
    let answer: Result<Ack, _> = rmp_serde::from_read(bounded);
    answer.map(|answer| answer.ack).map_err(|error| {
        unread(error, |error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("no acknowledgement: {error}"))
        })
    })
}

/// Why a message cannot be read: the connection failed, which is told as it is, or else what came
/// is no such message.
pub(super) fn unread(error: Error, otherwise: impl FnOnce(Error) -> io::Error) -> io::Error {
    match error {
        Error::InvalidMarkerRead(error) | Error::InvalidDataRead(error) => error,
        error => otherwise(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, time::Duration};

    use super::*;
    use crate::sink::trouble::{Trouble, Why};

    #[test]
    fn a_receiver_that_is_silent_and_one_that_hangs_up_are_told_apart() {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let why = Why::from(read_ack(&mut near).unwrap_err());
        assert_eq!((why.trouble, &*why.text), (Trouble::NoAnswer, "there is no answer in time"));
        // The same within a message.
        (&far).write_all(b"\x81\xa3ac").unwrap();
        assert_eq!(Why::from(read_ack(&mut near).unwrap_err()).trouble, Trouble::NoAnswer);
        drop(far);
        assert_eq!(Why::from(read_ack(&mut near).unwrap_err()).trouble, Trouble::HangsUp);
        let why = Why::from(read_ack(&mut &b"\xc0"[..]).unwrap_err());
        assert_eq!(why.trouble, Trouble::Other);
    }

    #[test]
    fn an_entry_has_the_time_of_its_document() {
        for member in TIMES {
            let mut entries = Vec::new();
            let line = format!("{{\"{member}\":\"2023-11-14T22:13:20.000000007Z\"}}");
            write_entry(line.as_bytes(), &mut entries).unwrap();
            let (seconds, nanoseconds) = (1_700_000_000_u32.to_be_bytes(), 7_u32.to_be_bytes());
            assert_eq!(entries[3..11], [seconds, nanoseconds].concat(), "{member}");
        }
        // OCSF has its time as a number, too.
        let mut entries = Vec::new();
        let line = br#"{"time":1,"time_dt":"2023-11-14T22:13:20.000000007Z"}"#;
        write_entry(line, &mut entries).unwrap();
        assert_eq!(entries[3..7], 1_700_000_000_u32.to_be_bytes());
    }
}
