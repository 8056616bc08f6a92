//! Records as brokers store them: a batch of the version 2, with the numbers by which a broker
//! knows what it has already.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::wire::Writer;

/// A record: to whom it belongs, and what it is.
pub(super) struct Record<'r> {
    pub(super) key: &'r str,
    pub(super) value: &'r [u8],
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Who wrote a batch, and its place in what that one wrote to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Author {
    pub(super) id: i64,
    pub(super) epoch: i16,
    pub(super) sequence: i32,
}

/// The attribute of a batch that is compressed.
const GZIP: i16 = 1;

/// A batch of records of one time, in milliseconds since 1970.
pub(super) fn batch(records: &[Record<'_>], author: Author, time: i64, gzip: bool) -> Vec<u8> {
    let mut all = Writer::default();
    for (place, record) in (0..).zip(records) {
        write_record(record, place, &mut all);
    }
    let (attributes, all) = if gzip { (GZIP, compressed(&all.0)) } else { (0, all.0) };
    let Author { id, epoch, sequence } = author;
    let mut checked = Writer::default();
    checked.i16(attributes).length(records.len().saturating_sub(1)).i64(time).i64(time);
    checked.i64(id).i16(epoch).i32(sequence).length(records.len()).raw(&all);
    let mut whole = Writer::default();
    // Behind the length: epoch of the leader, version, checksum.
    whole.i64(0).length(9 + checked.0.len()).i32(-1).i8(2);
    whole.raw(&crc32c(&checked.0).to_be_bytes()).raw(&checked.0);
    whole.0
}

fn write_record(record: &Record<'_>, place: i64, into: &mut Writer) {
    let mut one = Writer::default();
    one.i8(0).varint(0).varint(place).short(record.key.as_bytes()).short(record.value);
    one.varint(i64::try_from(record.headers.len()).unwrap_or_default());
    for (name, value) in &record.headers {
        one.short(name.as_bytes()).short(value.as_bytes());
    }
    into.short(&one.0);
}

/// Compression in memory does not fail.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The checksum by Castagnoli's polynomial, which the others here are not by.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| {
        let place = crc.to_le_bytes()[0] ^ byte;
        TABLE.get(usize::from(place)).copied().unwrap_or_default() ^ crc >> 8
    };
    !bytes.iter().fold(!0, step)
}

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let mut crc = place as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[place] = crc;
        place += 1;
    }
    table
}

/// The number of the record so many behind another one: they begin anew after the greatest.
pub(super) fn sequence_after(sequence: i32, records: usize) -> i32 {
    let next = i64::from(sequence) + i64::try_from(records).unwrap_or_default();
    i32::try_from(next % (i64::from(i32::MAX) + 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn checksums_are_castagnolis() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn sequences_begin_anew_after_the_greatest() {
        assert_eq!(sequence_after(0, 3), 3);
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    }

    #[test]
    fn a_batch_has_its_lengths() {
        let headers = || vec![("n", "7".to_owned())];
        let record = |value| Record { key: "k", value, headers: headers() };
        let author = Author { id: 0x0102, epoch: 3, sequence: 4 };
        let bytes = batch(&[record(b"ab"), record(b"")], author, 5, false);
        let mut expected = Writer::default();
        // From the attributes on; two records.
        expected.i16(0).i32(1).i64(5).i64(5).i64(0x0102).i16(3).i32(4).i32(2);
        // Lengths are doubled, as all numbers there that may be below zero.
        expected.raw(b"\x1a\0\0\0\x02k\x04ab\x02\x02n\x027");
        expected.raw(b"\x16\0\0\x02\x02k\0\x02\x02n\x027");
        assert_eq!(bytes[21..], expected.0);
        assert_eq!(bytes[..8], [0; 8]);
        assert_eq!(bytes[8..12], u32::try_from(bytes.len() - 12).unwrap().to_be_bytes());
        assert_eq!(bytes[12..17], *b"\xff\xff\xff\xff\x02");
        assert_eq!(bytes[17..21], crc32c(&bytes[21..]).to_be_bytes());
        let gzip = batch(&[record(b"ab"), record(b"")], author, 5, true);
        assert_eq!(gzip[21..23], [0, 1]);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&gzip[61..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, bytes[61..]);
    }
}
