//! Zip archives, as OSV's bucket has them: one file after the other, each within a limit, and no
//! list of all in memory.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use crate::limits::ARCHIVE_FILES;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Reading failed.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is none, or torn.
    #[error("it is no zip archive, or torn: {0}")]
    Form(&'static str),
}

/// A file in an archive: its name, and its content or the reason why it has none.
pub type Entry<'e> = (&'e str, Result<&'e [u8], String>);

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;

/// Where a file is.
#[derive(Clone, Copy)]
struct Place {
    method: u16,
    is_encrypted: bool,
    crc: u32,
    packed: u64,
    unpacked: u64,
    header: u64,
}

/// Gives each file to `take`, in the order of the archive's list, until it says no.
///
/// # Errors
///
/// If the archive as a whole cannot be read.
pub fn read(
    mut input: impl Read + Seek,
    limit: u64,
    mut take: impl FnMut(Entry<'_>) -> bool,
) -> Result<(), ArchiveError> {
    let (mut at, count) = directory(&mut input)?;
    let mut content = Vec::new();
    for _ in 0..count.min(ARCHIVE_FILES) {
        input.seek(SeekFrom::Start(at))?;
        let (name, place, length) = central(&mut input)?;
        at = at.checked_add(length).ok_or(ArchiveError::Form("an entry is too long"))?;
        if name.ends_with('/') {
            continue;
        }
        content.clear();
        let read = unpack(&mut input, place, limit, &mut content);
        let goes_on = match read {
            Ok(()) => take((&name, Ok(&content))),
            Err(why) => take((&name, Err(why.to_string()))),
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Where the list of files begins, and how many there are.
fn directory(input: &mut (impl Read + Seek)) -> Result<(u64, u64), ArchiveError> {
    const TAIL: u64 = 22 + 65_535;
    let size = input.seek(SeekFrom::End(0))?;
    let start = size.saturating_sub(TAIL);
    input.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    input.take(TAIL).read_to_end(&mut tail)?;
    let signature = END.to_le_bytes();
    let at = tail.windows(4).rposition(|bytes| bytes == signature);
    let at = at.ok_or(ArchiveError::Form("there is no list of files"))?;
    let end = Fields(tail.get(at..).unwrap_or_default());
    let (count, offset) = (u64::from(end.u16(10)?), u64::from(end.u32(16)?));
    if count != 0xffff && offset != 0xffff_ffff {
        return Ok((offset, count));
    }
    let locator = at.checked_sub(20).and_then(|at| tail.get(at..)).unwrap_or_default();
    let locator = Fields(locator);
    if locator.u32(0)? != LOCATOR_64 {
        return Ok((offset, count));
    }
    input.seek(SeekFrom::Start(locator.u64(8)?))?;
    let mut end = [0; 56];
    input.read_exact(&mut end)?;
    let end = Fields(&end);
    if end.u32(0)? != END_64 {
        return Err(ArchiveError::Form("the large list of files is not where it is said to be"));
    }
    Ok((end.u64(48)?, end.u64(32)?))
}

/// Reads an entry of the list: name, place, and its own length.
fn central(input: &mut impl Read) -> Result<(String, Place, u64), ArchiveError> {
    let mut fixed = [0; 46];
    input.read_exact(&mut fixed)?;
    let fixed = Fields(&fixed);
    if fixed.u32(0)? != CENTRAL {
        return Err(ArchiveError::Form("the list of files is torn"));
    }
    let [name, extra, comment] = [fixed.u16(28)?, fixed.u16(30)?, fixed.u16(32)?].map(usize::from);
    let mut variable = vec![0; name + extra];
    input.read_exact(&mut variable)?;
    let (name_bytes, extra_bytes) = variable.split_at_checked(name).unwrap_or_default();
    let mut place = Place {
        is_encrypted: fixed.u16(8)? & 1 != 0,
        method: fixed.u16(10)?,
        crc: fixed.u32(16)?,
        packed: u64::from(fixed.u32(20)?),
        unpacked: u64::from(fixed.u32(24)?),
        header: u64::from(fixed.u32(42)?),
    };
    large(extra_bytes, &mut place)?;
    let length = 46 + name + extra + comment;
    Ok((String::from_utf8_lossy(name_bytes).into_owned(), place, length as u64))
}

/// Fills in what needs more than 32 bits.
fn large(mut extra: &[u8], place: &mut Place) -> Result<(), ArchiveError> {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let (tag, length) = (Fields(head).u16(0)?, usize::from(Fields(head).u16(2)?));
        let Some((body, rest)) = rest.split_at_checked(length) else { break };
        extra = rest;
        if tag != 1 {
            continue;
        }
        let mut at = 0;
        for field in [&mut place.unpacked, &mut place.packed, &mut place.header] {
            if *field == 0xffff_ffff {
                *field = Fields(body).u64(at)?;
                at += 8;
            }
        }
    }
    Ok(())
}

/// Unpacks one file.
fn unpack(
    input: &mut (impl Read + Seek),
    place: Place,
    limit: u64,
    content: &mut Vec<u8>,
) -> Result<(), ArchiveError> {
    if place.is_encrypted {
        return Err(ArchiveError::Form("the file is encrypted"));
    }
    if place.unpacked > limit {
        return Err(ArchiveError::Form("the file is too large"));
    }
    input.seek(SeekFrom::Start(place.header))?;
    let mut fixed = [0; 30];
    input.read_exact(&mut fixed)?;
    let fixed = Fields(&fixed);
    if fixed.u32(0)? != LOCAL {
        return Err(ArchiveError::Form("the file is not where it is said to be"));
    }
    let skipped = i64::from(fixed.u16(26)?) + i64::from(fixed.u16(28)?);
    input.seek(SeekFrom::Current(skipped))?;
    let packed = input.take(place.packed);
    // One more than there may be: whether there is more is seen by it.
    match place.method {
        0 => packed.take(limit + 1).read_to_end(content)?,
        8 => DeflateDecoder::new(packed).take(limit + 1).read_to_end(content)?,
        _ => return Err(ArchiveError::Form("it is packed in an unknown way")),
    };
    let mut crc = flate2::Crc::new();
    crc.update(content);
    match content.len() as u64 {
        length if length > limit => Err(ArchiveError::Form("the file is too large")),
        length if length != place.unpacked || crc.sum() != place.crc => {
            Err(ArchiveError::Form("the file is torn"))
        }
        _ => Ok(()),
    }
}

/// Numbers in bytes, the low byte first.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], ArchiveError> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk::<N>());
        bytes.copied().ok_or(ArchiveError::Form("it ends too early"))
    }

    fn u16(&self, at: usize) -> Result<u16, ArchiveError> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32, ArchiveError> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> Result<u64, ArchiveError> {
        self.bytes(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;
