//! Sections of a program, of which no more is read than is asked for.

use std::{
    cell::Cell,
    io::{ErrorKind, Read, Result, Seek, SeekFrom},
    path::Path,
};

use object::{
    Endianness, FileKind, ReadCache, ReadRef,
    elf::{FileHeader32, FileHeader64},
    read::elf::{FileHeader, ProgramHeader, SectionHeader},
};

use crate::{
    go,
    limits::PROGRAM_BYTES,
    root::{Root, RootError},
};

/// What programs begin with.
pub(crate) const MAGIC: &[u8] = b"\x7fELF";

/// Bytes of a program, and where they begin.
type Piece = (u64, Vec<u8>);

/// What was read of a program beforehand, of many at once.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Its size.
    pub(crate) size: u64,
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// Those around its table of sections.
    pub(crate) table: Piece,
}

/// Bytes around a table of sections that are read beforehand: those of most programs are there, and
/// their names before it.
pub(crate) const TABLE_BYTES: usize = 6 << 10;

/// How many of them come before it.
const BEFORE_TABLE: u64 = 2 << 10;

/// From where on bytes are read to have a program's table of sections.
pub(crate) fn table(head: &[u8]) -> u64 {
    fn at<H: FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<u64> {
        let header = H::parse(head).ok()?;
        Some(header.e_shoff(header.endian().ok()?).into())
    }
    let found = match FileKind::parse(head) {
        Ok(FileKind::Elf32) => at::<FileHeader32<Endianness>>(head),
        Ok(FileKind::Elf64) => at::<FileHeader64<Endianness>>(head),
        _ => None,
    };
    found.unwrap_or_default().saturating_sub(BEFORE_TABLE)
}

/// A file of a root, as a stream. It says so once it would have read too much.
struct Stream<'r> {
    root: &'r dyn Root,
    path: &'r Path,
    size: u64,
    at: u64,
    left: u64,
    /// What was read beforehand and last, and where each begins.
    windows: [Piece; 3],
    error: &'r Cell<Option<RootError>>,
}

/// Bytes that are read before and behind what is asked for and was not read beforehand.
const AROUND: u64 = 4096;

impl Stream<'_> {
    /// What is known of the bytes from here on.
    fn known(&self) -> Option<&[u8]> {
        let of = |(begin, bytes): &'_ Piece| -> Option<usize> {
            let skipped = usize::try_from(self.at.checked_sub(*begin)?).ok()?;
            (skipped < bytes.len()).then_some(skipped)
        };
        self.windows.iter().find_map(|window| window.1.get(of(window)?..))
    }

    fn fetch(&mut self, length: usize) -> std::result::Result<(), RootError> {
        let begin = self.at.saturating_sub(AROUND);
        let length = (self.at - begin).saturating_add((length as u64).max(AROUND));
        self.left = self.left.checked_sub(length).ok_or(RootError::TooLarge)?;
        let length = usize::try_from(length).map_err(|_huge| RootError::TooLarge)?;
        let [.., last] = &mut self.windows;
        *last = (begin, self.root.read_at(self.path, begin, length)?);
        Ok(())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        if self.known().is_none()
            && let Err(error) = self.fetch(room.len())
        {
            self.error.set(Some(error));
            return Err(ErrorKind::Other.into());
        }
        let bytes = self.known().unwrap_or_default();
        let count = bytes.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for Stream<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The sections of these names, where a program has them; empty where it has none of them.
///
/// # Errors
///
/// It cannot be read. What is no program has no sections.
pub(crate) fn sections(
    root: &dyn Root,
    path: &Path,
    seen: Seen,
    names: &[&[u8]],
) -> std::result::Result<Vec<Option<Vec<u8>>>, RootError> {
    let Seen { size, head, table } = seen;
    let error = Cell::new(None);
    let stream = Stream {
        root,
        path,
        size,
        at: 0,
        left: PROGRAM_BYTES,
        windows: [(0, head), table, Piece::default()],
        error: &error,
    };
    let found = sections_of(&ReadCache::new(stream), names);
    match error.take() {
        Some(error) => Err(error),
        None => Ok(found.unwrap_or_default()),
    }
}

/// The same of bytes.
pub(crate) fn sections_of<'d>(
    data: impl ReadRef<'d>,
    names: &[&[u8]],
) -> Option<Vec<Option<Vec<u8>>>> {
    match FileKind::parse(data).ok()? {
        FileKind::Elf32 => of::<FileHeader32<Endianness>, _>(data, names),
        FileKind::Elf64 => of::<FileHeader64<Endianness>, _>(data, names),
        _ => None,
    }
}

fn of<'d, H: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(
    data: R,
    names: &[&[u8]],
) -> Option<Vec<Option<Vec<u8>>>> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let segments = header.program_headers(endian, data).unwrap_or_default();
    let memory = |address: u64, length: u64| {
        let within = |it: &H::ProgramHeader| it.data_range(endian, data, address, length).ok()?;
        segments.iter().find_map(within)
    };
    let one = |name: &&[u8]| {
        let (_, section) = sections.section_by_name(endian, name)?;
        let bytes = section.data(endian, data).ok()?;
        Some(if *name == go::SECTION { go::inlined(bytes, &memory) } else { bytes.to_vec() })
    };
    Some(names.iter().map(one).collect())
}
