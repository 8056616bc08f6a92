//! How entries lie in a segment: a head, and that many bytes of MessagePack. A stretch that is no
//! entry, for whatever reason, is passed over up to the next one.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::record::{Marks, Record};

/// Begins an entry. Its first byte is in no text.
const MARK: [u8; 4] = *b"\xf5RM1";

/// Bytes before an entry's own: the mark, its length, its checksum, its sort.
pub(super) const HEAD: usize = 13;

/// Bytes of an entry at most: a document of the longest command lines is a hundred thousand.
pub(super) const ENTRY_BYTES_MAX: usize = 8 << 20;

const RECORD: u8 = 1;
const MARKS: u8 = 2;

/// What is in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Record(Arc<Record>),
    Marks(Marks),
}

/// What is at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An entry of so many bytes.
    Entry(Entry, usize),
    /// What may be an entry of so many bytes, of which not all are there.
    Short(usize),
    /// So many bytes of no entry.
    Broken(usize),
}

/// An entry could not be written down: it is larger than any that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Writes a record at the end of `bytes`.
pub(super) fn write_record(record: &Record, bytes: &mut Vec<u8>) -> Result<(), TooLarge> {
    write(RECORD, record, bytes)
}

/// Writes marks at the end of `bytes`.
pub(super) fn write_marks(marks: &Marks, bytes: &mut Vec<u8>) -> Result<(), TooLarge> {
    write(MARKS, marks, bytes)
}

fn write(sort: u8, entry: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), TooLarge> {
    let begin = bytes.len();
    bytes.extend([0; HEAD]);
    let written = rmp_serde::encode::write(bytes, entry);
    let length = bytes.len() - begin - HEAD;
    let fits = written.is_ok() && length <= ENTRY_BYTES_MAX;
    let (Some(head), Ok(length)) = (bytes.get_mut(begin..begin + HEAD), u32::try_from(length))
    else {
        return Err(TooLarge);
    };
    if let Some(place) = head.get_mut(HEAD - 1) {
        *place = sort;
    }
    let own = bytes.get(begin + HEAD - 1..).unwrap_or_default();
    let fields = [MARK, length.to_le_bytes(), crc32fast::hash(own).to_le_bytes()].concat();
    if !fits {
        bytes.truncate(begin);
        return Err(TooLarge);
    }
    bytes.iter_mut().skip(begin).zip(fields).for_each(|(place, byte)| *place = byte);
    Ok(())
}

/// What is at the start of these bytes, which are not none.
pub(super) fn read(bytes: &[u8]) -> Found {
    let Some(rest) = bytes.strip_prefix(&MARK) else {
        // The last bytes may begin a mark.
        let start = memchr::memmem::find(bytes, &MARK);
        let begun = (1..MARK.len())
            .rev()
            .find(|length| MARK.get(..*length).is_some_and(|beginning| bytes.ends_with(beginning)));
        return match (start, begun) {
            (Some(start), _) => Found::Broken(start),
            (None, Some(length)) if length == bytes.len() => Found::Short(HEAD),
            (None, begun) => Found::Broken(bytes.len() - begun.unwrap_or_default()),
        };
    };
    let (Some((length, rest)), true) = (rest.split_first_chunk(), bytes.len() >= HEAD) else {
        return Found::Short(HEAD);
    };
    let length = u32::from_le_bytes(*length) as usize;
    let Some((checksum, rest)) = rest.split_first_chunk() else { return Found::Short(HEAD) };
    if length > ENTRY_BYTES_MAX {
        return Found::Broken(MARK.len());
    }
    let Some(own) = rest.get(..=length) else { return Found::Short(HEAD + length) };
    if crc32fast::hash(own) != u32::from_le_bytes(*checksum) {
        return Found::Broken(MARK.len());
    }
    let entry = match own.split_first() {
        Some((&RECORD, own)) => decode(own).map(Arc::new).map(Entry::Record),
        Some((&MARKS, own)) => decode(own).map(Entry::Marks),
        // Of a later version.
        _ => None,
    };
    entry.map_or(Found::Broken(HEAD + length), |entry| Found::Entry(entry, HEAD + length))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::record, *};

    fn written(numbers: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| write_record(&record(*number), &mut bytes).unwrap());
        bytes
    }

    /// The numbers of all records in there, and how many bytes are none.
    fn all(mut bytes: &[u8]) -> (Vec<u64>, usize) {
        let (mut numbers, mut broken) = (Vec::new(), 0);
        while !bytes.is_empty() {
            let length = match read(bytes) {
                Found::Entry(Entry::Record(record), length) => {
                    numbers.push(record.sequence);
                    length
                }
                Found::Entry(Entry::Marks(_), length) => length,
                Found::Broken(length) => {
                    broken += length;
                    length
                }
                Found::Short(_) => {
                    broken += 1;
                    1
                }
            };
            assert!(length > 0);
            bytes = &bytes[length..];
        }
        (numbers, broken)
    }

    #[test]
    fn what_was_written_is_read() {
        let mut bytes = written(&[1, 2]);
        let marks = Marks {
            store: "s".to_owned(),
            epoch: 3,
            boot_id: "b".to_owned(),
            next: 3,
            sinks: Vec::new(),
            is_clean: false,
        };
        let begin = bytes.len();
        write_marks(&marks, &mut bytes).unwrap();
        let length = bytes.len() - begin;
        assert_eq!(read(&bytes[begin..]), Found::Entry(Entry::Marks(marks), length));
        assert_eq!(all(&bytes), (vec![1, 2], 0));
    }

    #[test]
    fn one_flipped_bit_costs_one_record() {
        let bytes = written(&[1, 2, 3]);
        let one = bytes.len() / 3;
        for place in one..2 * one {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[place] ^= 1 << bit;
                let (numbers, broken) = all(&bytes);
                assert_eq!(numbers, [1, 3], "byte {place}, bit {bit}");
                assert_eq!(broken, one);
            }
        }
    }

    #[test]
    fn what_was_cut_is_short_and_costs_no_other() {
        let bytes = written(&[1, 2]);
        let one = bytes.len() / 2;
        for length in 1..one {
            assert!(matches!(read(&bytes[..length]), Found::Short(_)), "{length}");
            let mut torn = bytes[..length].to_vec();
            torn.extend(&bytes[one..]);
            assert_eq!(all(&torn).0, [2], "{length}");
        }
    }

    #[test]
    fn what_is_too_large_is_not_written() {
        let mut bytes = written(&[1]);
        let before = bytes.clone();
        let mut large = record(2);
        large.id = "x".repeat(ENTRY_BYTES_MAX);
        assert_eq!(write_record(&large, &mut bytes), Err(TooLarge));
        assert_eq!(bytes, before);
    }
}
