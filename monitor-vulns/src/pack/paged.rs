//! Reads a file where it is asked to, and keeps a few pages of it.

use std::{
    cell::RefCell,
    io::{self, ErrorKind},
};

/// Bytes of a page.
const PAGE: usize = 4096;

/// Pages that are kept: a quarter of a mebibyte.
const PAGES: usize = 64;

/// What a pack is read from: a file, or bytes.
pub trait ReadAt {
    /// Fills the buffer with what is at an offset.
    ///
    /// # Errors
    ///
    /// If there is less, or reading fails.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// How many bytes there are.
    ///
    /// # Errors
    ///
    /// If that cannot be told.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let there = self.get(start..end).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(there);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// The pages of a file, of which some are here: each has one place where it can be.
pub(super) struct Paged<R> {
    input: R,
    size: u64,
    pages: RefCell<Vec<Page>>,
}

#[derive(Default)]
struct Page {
    /// The number of the page that is here, plus one; 0: none.
    number: u64,
    bytes: Vec<u8>,
}

impl<R: ReadAt> Paged<R> {
    pub(super) fn new(input: R, size: u64) -> Self {
        let pages = std::iter::repeat_with(Page::default).take(PAGES).collect();
        Self { input, size, pages: RefCell::new(pages) }
    }

    /// Reads what is long, past the pages.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.input.read_at(buffer, offset)
    }

    /// Reads what is short, by way of the pages.
    pub(super) fn read_short(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (mut buffer, mut offset) = (buffer, offset);
        while !buffer.is_empty() {
            let within = usize::try_from(offset % PAGE as u64).unwrap_or_default();
            let length = buffer.len().min(PAGE - within);
            let (now, rest) = buffer.split_at_mut_checked(length).ok_or(ErrorKind::InvalidInput)?;
            self.copy_page(offset / PAGE as u64, within, now)?;
            buffer = rest;
            offset = offset.checked_add(length as u64).ok_or(ErrorKind::UnexpectedEof)?;
        }
        Ok(())
    }

    fn copy_page(&self, number: u64, within: usize, buffer: &mut [u8]) -> io::Result<()> {
        let mut pages = self.pages.borrow_mut();
        let place = usize::try_from(number % PAGES as u64).unwrap_or_default();
        let page = pages.get_mut(place).ok_or(ErrorKind::InvalidInput)?;
        if page.number != number + 1 {
            let start = number * PAGE as u64;
            let length = self.size.saturating_sub(start).min(PAGE as u64);
            page.number = 0;
            page.bytes.resize(usize::try_from(length).unwrap_or_default(), 0);
            self.input.read_at(&mut page.bytes, start)?;
            page.number = number + 1;
        }
        let there = page.bytes.get(within..within + buffer.len());
        buffer.copy_from_slice(there.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
