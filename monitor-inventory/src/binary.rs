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

/// A file of a root, as a stream. It says so once it would have read too much.
struct Stream<'r> {
    root: &'r dyn Root,
    path: &'r Path,
    size: u64,
    at: u64,
    left: u64,
    /// What was read last, and where it begins.
    window: (u64, Vec<u8>),
    error: &'r Cell<Option<RootError>>,
}

/// Bytes that are read before and behind what is asked for: names of sections are beside the table
/// of them.
const AROUND: u64 = 4096;

impl Stream<'_> {
    /// What is known of the bytes from here on.
    fn known(&self) -> Option<&[u8]> {
        let (begin, bytes) = &self.window;
        let skipped = usize::try_from(self.at.checked_sub(*begin)?).ok()?;
        bytes.get(skipped..).filter(|bytes| !bytes.is_empty())
    }

    fn fetch(&mut self, length: usize) -> std::result::Result<(), RootError> {
        let begin = self.at.saturating_sub(AROUND);
        let length = (self.at - begin).saturating_add((length as u64).max(AROUND));
        self.left = self.left.checked_sub(length).ok_or(RootError::TooLarge)?;
        let length = usize::try_from(length).map_err(|_huge| RootError::TooLarge)?;
        self.window = (begin, self.root.read_at(self.path, begin, length)?);
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
    names: &[&[u8]],
) -> std::result::Result<Vec<Option<Vec<u8>>>, RootError> {
    let size = root.stat(path)?.size;
    let error = Cell::new(None);
    let stream = Stream {
        root,
        path,
        size,
        at: 0,
        left: PROGRAM_BYTES,
        window: (0, Vec::new()),
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
