//! Reads a table of a file of SQLite, as its format is documented: pages, trees of them, records.
//! What is in a write-ahead log beside it is not seen.

use std::collections::HashSet;

use crate::limits::{HEADER_BYTES, PAGES};

/// Bytes of the file's header, which is in the first page.
const FILE_HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Kinds of pages of tables.
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
/// The table of all tables, and its columns that are read.
const SCHEMA_ROOT: u32 = 1;
const SCHEMA_TABLE_NAME: usize = 2;
const SCHEMA_ROOT_PAGE: usize = 3;
/// Columns of a record that are looked at.
const COLUMNS: usize = 64;

/// Why a database is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqliteError {
    /// It begins otherwise.
    #[error("it is no database of SQLite")]
    Other,
    /// It has no such table.
    #[error("it has no such table")]
    NoTable,
    /// Its pages lead nowhere, or in a circle.
    #[error("it is broken")]
    Broken,
    /// It has more pages than are looked at.
    #[error("it is too large")]
    TooLarge,
    /// The file cannot be read.
    #[error("it cannot be read")]
    Unread,
}

/// The bytes of a database.
pub trait ReadPages {
    /// So many bytes at an offset; None where they are not there, or cannot be read.
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>>;
}

impl ReadPages for &[u8] {
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let begin = usize::try_from(offset).ok()?;
        Some(self.get(begin..begin.checked_add(length)?)?.to_vec())
    }
}

/// A database.
pub struct Database<'p> {
    pages: &'p dyn ReadPages,
    page_bytes: usize,
    /// Those that hold content: the rest of a page is reserved.
    usable: usize,
}

/// Takes a payload's bytes, or that it is too large.
type Take<'t> = &'t mut dyn FnMut(Option<&[u8]>);

impl<'p> Database<'p> {
    /// The database of these bytes.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn open(pages: &'p dyn ReadPages) -> Result<Self, SqliteError> {
        let header = pages.bytes(0, FILE_HEADER).ok_or(SqliteError::Other)?;
        if !header.starts_with(MAGIC) {
            return Err(SqliteError::Other);
        }
        let page_bytes = match number(&header, 16, 2).ok_or(SqliteError::Broken)? {
            1 => 65_536,
            bytes => bytes,
        };
        let page_bytes = usize::try_from(page_bytes).map_err(|_huge| SqliteError::Broken)?;
        let reserved = usize::from(*header.get(20).ok_or(SqliteError::Broken)?);
        let is_size = page_bytes.is_power_of_two() && page_bytes >= 512;
        let usable = page_bytes.checked_sub(reserved).filter(|it| is_size && *it >= 480);
        Ok(Self { pages, page_bytes, usable: usable.ok_or(SqliteError::Broken)? })
    }

    /// A column of each row of a table, as its bytes.
    ///
    /// # Errors
    ///
    /// There is no such table, or its pages are broken.
    pub fn each(&self, table: &str, column: usize, each: Take<'_>) -> Result<(), SqliteError> {
        let mut root = None;
        self.walk(SCHEMA_ROOT, &mut |payload| {
            let record = payload.and_then(columns).unwrap_or_default();
            if record.get(SCHEMA_TABLE_NAME).is_some_and(|name| *name == table.as_bytes())
                && record.first().is_some_and(|kind| *kind == b"table")
            {
                root = record.get(SCHEMA_ROOT_PAGE).and_then(|page| number(page, 0, page.len()));
            }
        })?;
        let root = root.ok_or(SqliteError::NoTable)?;
        let root = u32::try_from(root).map_err(|_huge| SqliteError::Broken)?;
        self.walk(root, &mut |payload| match payload {
            None => each(None),
            Some(payload) => {
                let record = columns(payload).unwrap_or_default();
                each(record.get(column).copied());
            }
        })
    }

    /// The payload of each row of a tree.
    fn walk(&self, root: u32, each: Take<'_>) -> Result<(), SqliteError> {
        let mut waiting = vec![root];
        let mut seen = HashSet::new();
        while let Some(number_of_page) = waiting.pop() {
            if !seen.insert(number_of_page) {
                return Err(SqliteError::Broken);
            }
            if seen.len() > PAGES {
                return Err(SqliteError::TooLarge);
            }
            let page = self.page(number_of_page)?;
            let begin = if number_of_page == 1 { FILE_HEADER } else { 0 };
            let head = page.get(begin..).ok_or(SqliteError::Broken)?;
            let cells = number(head, 3, 2).ok_or(SqliteError::Broken)?;
            let cells = usize::try_from(cells).map_err(|_huge| SqliteError::Broken)?;
            match head.first() {
                Some(&LEAF) => {
                    for cell in 0..cells {
                        let at = pointer(head, 8, cell).ok_or(SqliteError::Broken)?;
                        self.payload(&page, at, each)?;
                    }
                }
                Some(&INTERIOR) => {
                    let last = number(head, 8, 4).ok_or(SqliteError::Broken)?;
                    waiting.push(u32::try_from(last).map_err(|_huge| SqliteError::Broken)?);
                    for cell in (0..cells).rev() {
                        let at = pointer(head, 12, cell).ok_or(SqliteError::Broken)?;
                        let child = number(&page, at, 4).ok_or(SqliteError::Broken)?;
                        waiting.push(u32::try_from(child).map_err(|_huge| SqliteError::Broken)?);
                    }
                }
                _ => return Err(SqliteError::Broken),
            }
        }
        Ok(())
    }

    fn page(&self, number: u32) -> Result<Vec<u8>, SqliteError> {
        let before = u64::from(number.checked_sub(1).ok_or(SqliteError::Broken)?);
        let offset = before.checked_mul(self.page_bytes as u64).ok_or(SqliteError::Broken)?;
        self.pages.bytes(offset, self.page_bytes).ok_or(SqliteError::Unread)
    }

    /// The payload of a cell of a leaf, which can go on in further pages.
    fn payload(&self, page: &[u8], at: usize, each: Take<'_>) -> Result<(), SqliteError> {
        let cell = page.get(at..).ok_or(SqliteError::Broken)?;
        let (length, rest) = varint(cell).ok_or(SqliteError::Broken)?;
        let (_row, rest) = varint(rest).ok_or(SqliteError::Broken)?;
        let length = match usize::try_from(length) {
            Ok(length) if length <= HEADER_BYTES => length,
            _ => {
                each(None);
                return Ok(());
            }
        };
        let here = self.bytes_here(length);
        let first = rest.get(..here).ok_or(SqliteError::Broken)?;
        if here == length {
            each(Some(first));
            return Ok(());
        }
        let mut whole = first.to_vec();
        let mut next = number(rest, here, 4).ok_or(SqliteError::Broken)?;
        while whole.len() < length {
            let next_page = u32::try_from(next).map_err(|_huge| SqliteError::Broken)?;
            let more = self.page(next_page)?;
            let left = (length - whole.len()).min(self.usable - 4);
            whole.extend_from_slice(more.get(4..4 + left).ok_or(SqliteError::Broken)?);
            next = number(&more, 0, 4).ok_or(SqliteError::Broken)?;
        }
        each(Some(&whole));
        Ok(())
    }

    /// How much of a payload is in its leaf.
    fn bytes_here(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let here = least + (length - least) % (self.usable - 4);
        if here <= most { here } else { least }
    }
}

/// Where a cell begins.
fn pointer(head: &[u8], behind: usize, cell: usize) -> Option<usize> {
    usize::try_from(number(head, behind + 2 * cell, 2)?).ok()
}

/// A number of up to eight bytes, the highest one first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?).filter(|it| it.len() <= 8)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A number of variable length, and what is behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        if at == 8 {
            return Some((number << 8 | u64::from(*byte), bytes.get(9..)?));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

/// The columns of a record, as their bytes.
fn columns(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let (header, behind) = varint(payload)?;
    let before = payload.len() - behind.len();
    let header = usize::try_from(header).ok()?;
    let mut types = payload.get(before..header)?;
    let mut body = payload.get(header..)?;
    let mut columns = Vec::new();
    while !types.is_empty() && columns.len() < COLUMNS {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        columns.push(body.get(..length)?);
        body = body.get(length..)?;
    }
    Some(columns)
}
