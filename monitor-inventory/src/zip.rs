//! The directory of an archive of ZIP, and single entries of it.

use std::io::Read as _;

use crate::limits::{ARCHIVE_DIRECTORY_BYTES, ARCHIVE_ENTRIES};

const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Bytes of the end, without the comment that can be behind it.
const END_BYTES: usize = 22;
const COMMENT_BYTES: usize = 65_535;
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The bytes of an archive: so many at an offset, fewer at its end.
pub(crate) type Bytes<'b> = &'b dyn Fn(u64, usize) -> Option<Vec<u8>>;

/// Why an archive is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZipError {
    /// It is none, or torn.
    Broken,
    /// It has more entries, or bytes, than are looked at.
    TooLarge,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Box<str>,
    method: u16,
    packed: u32,
    local: u32,
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The entries of an archive of so many bytes whose names are wanted.
pub(crate) fn entries(
    bytes: Bytes<'_>,
    size: u64,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Entry>, ZipError> {
    let directory = directory(bytes, size)?;
    let mut rest = &directory[..];
    let (mut entries, mut seen) = (Vec::new(), 0);
    while rest.starts_with(&ENTRY) {
        seen += 1;
        if seen > ARCHIVE_ENTRIES {
            return Err(ZipError::TooLarge);
        }
        let (entry, length) = entry(rest).ok_or(ZipError::Broken)?;
        if is_wanted(&entry.name) {
            entries.push(entry);
        }
        rest = rest.get(length..).ok_or(ZipError::Broken)?;
    }
    Ok(entries)
}

fn directory(bytes: Bytes<'_>, size: u64) -> Result<Vec<u8>, ZipError> {
    let tail = (END_BYTES + COMMENT_BYTES) as u64;
    let begin = size.saturating_sub(tail);
    let length = usize::try_from(size - begin).map_err(|_huge| ZipError::Broken)?;
    let last = bytes(begin, length).ok_or(ZipError::Broken)?;
    let at = memchr::memmem::rfind(&last, &END).ok_or(ZipError::Broken)?;
    let end = last.get(at..).ok_or(ZipError::Broken)?;
    let length = long(end, 12).ok_or(ZipError::Broken)?;
    let offset = long(end, 16).ok_or(ZipError::Broken)?;
    // Larger ones have their numbers elsewhere: more than what is looked at.
    if u64::from(length) > ARCHIVE_DIRECTORY_BYTES || offset == u32::MAX {
        return Err(ZipError::TooLarge);
    }
    // Something else, such as a script, can be before the archive.
    let end_at = begin + at as u64;
    let begin = end_at.checked_sub(length.into()).ok_or(ZipError::Broken)?;
    let length = usize::try_from(length).map_err(|_huge| ZipError::Broken)?;
    bytes(begin, length).ok_or(ZipError::Broken)
}

fn entry(bytes: &[u8]) -> Option<(Entry, usize)> {
    let [name, extra, comment] = [28, 30, 32].map(|at| short(bytes, at).map(usize::from));
    let name_end = ENTRY_BYTES.checked_add(name?)?;
    let text = bytes.get(ENTRY_BYTES..name_end)?;
    let entry = Entry {
        name: String::from_utf8_lossy(text).into(),
        method: short(bytes, 10)?,
        packed: long(bytes, 20)?,
        local: long(bytes, 42)?,
    };
    Some((entry, name_end.checked_add(extra?)?.checked_add(comment?)?))
}

/// What is in an entry, if that is no more than `limit` bytes.
pub(crate) fn content(bytes: Bytes<'_>, entry: &Entry, limit: u64) -> Result<Vec<u8>, ZipError> {
    if u64::from(entry.packed) > limit {
        return Err(ZipError::TooLarge);
    }
    let at = u64::from(entry.local);
    let local = bytes(at, LOCAL_BYTES).ok_or(ZipError::Broken)?;
    let names = short(&local, 26).zip(short(&local, 28));
    let (name, extra) = names.filter(|_| local.starts_with(&LOCAL)).ok_or(ZipError::Broken)?;
    let begin = at + LOCAL_BYTES as u64 + u64::from(name) + u64::from(extra);
    let packed = usize::try_from(entry.packed).map_err(|_huge| ZipError::TooLarge)?;
    let packed = bytes(begin, packed).ok_or(ZipError::Broken)?;
    match entry.method {
        STORED => Ok(packed),
        DEFLATED => {
            let mut content = Vec::new();
            let inflated = flate2::read::DeflateDecoder::new(&packed[..]);
            let read = inflated.take(limit + 1).read_to_end(&mut content);
            read.map_err(|_torn| ZipError::Broken)?;
            if content.len() as u64 > limit { Err(ZipError::TooLarge) } else { Ok(content) }
        }
        _ => Err(ZipError::Broken),
    }
}
