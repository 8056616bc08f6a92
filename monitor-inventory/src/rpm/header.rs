//! A header of rpm: an index of tags, and the values that they point to.

use crate::{limits::HEADER_BYTES, text};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENCE: u32 = 1014;
const ARCHITECTURE: u32 = 1022;
const SOURCE: u32 = 1044;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;
const MODULE: u32 = 5096;

/// Bytes of an entry of the index.
const ENTRY_BYTES: usize = 16;

/// Types of values: numbers of 32 bits, a text, and several.
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
const TRANSLATED: u32 = 9;

/// A header.
#[derive(Clone, Copy, Debug)]
pub struct Header<'b> {
    index: &'b [u8],
    data: &'b [u8],
}

/// A header of these bytes; None where its lengths do not fit.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Header<'_>> {
    if bytes.len() > HEADER_BYTES {
        return None;
    }
    let entries = usize::try_from(number(bytes, 0)?).ok()?;
    let data = usize::try_from(number(bytes, 4)?).ok()?;
    let index_bytes = entries.checked_mul(ENTRY_BYTES)?;
    let begin = 8_usize.checked_add(index_bytes)?;
    let index = bytes.get(8..begin)?;
    Some(Header { index, data: bytes.get(begin..begin.checked_add(data)?)? })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

impl<'b> Header<'b> {
    /// The type, the number of values, and the data from the first one on.
    fn value(&self, tag: u32) -> Option<(u32, usize, &'b [u8])> {
        let is_tag = |entry: &&[u8]| number(entry, 0) == Some(tag);
        let entry = self.index.chunks_exact(ENTRY_BYTES).find(is_tag)?;
        let offset = usize::try_from(number(entry, 8)?).ok()?;
        let count = usize::try_from(number(entry, 12)?).ok()?;
        Some((number(entry, 4)?, count, self.data.get(offset..)?))
    }

    fn text(&self, tag: u32) -> Option<&'b str> {
        let (kind, _, data) = self.value(tag)?;
        let is_text = [STRING, STRINGS, TRANSLATED].contains(&kind);
        text::clean(until_nul(data)?).filter(|_| is_text)
    }

    fn texts(&self, tag: u32) -> impl Iterator<Item = &'b [u8]> {
        let value = self.value(tag).filter(|(kind, ..)| *kind == STRINGS);
        let (_, count, mut data) = value.unwrap_or_default();
        std::iter::from_fn(move || {
            let text = until_nul(data)?;
            data = data.get(text.len() + 1..)?;
            Some(text)
        })
        .take(count)
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let value = self.value(tag).filter(|(kind, ..)| *kind == INT32);
        let (_, count, data) = value.unwrap_or_default();
        let four = data.chunks_exact(4).take(count);
        four.filter_map(|four| Some(u32::from_be_bytes(four.try_into().ok()?)))
    }

    /// The package's name.
    #[must_use]
    pub fn name(&self) -> Option<&'b str> {
        self.text(NAME)
    }

    /// Its version, without epoch and release.
    #[must_use]
    pub fn version(&self) -> Option<&'b str> {
        self.text(VERSION)
    }

    /// Its release.
    #[must_use]
    pub fn release(&self) -> Option<&'b str> {
        self.text(RELEASE)
    }

    /// Its epoch, where it has one.
    #[must_use]
    pub fn epoch(&self) -> Option<u32> {
        self.numbers(EPOCH).next()
    }

    /// Its licence.
    #[must_use]
    pub fn licence(&self) -> Option<&'b str> {
        self.text(LICENCE)
    }

    /// Its architecture.
    #[must_use]
    pub fn architecture(&self) -> Option<&'b str> {
        self.text(ARCHITECTURE)
    }

    /// The file of the source package.
    #[must_use]
    pub fn source(&self) -> Option<&'b str> {
        self.text(SOURCE)
    }

    /// The label of the module that it is of.
    #[must_use]
    pub fn module(&self) -> Option<&'b str> {
        self.text(MODULE)
    }

    /// Each of its files.
    pub fn each_file(&self, each: &mut dyn FnMut(&[u8])) {
        let directories: Vec<&[u8]> = self.texts(DIRECTORY_NAMES).collect();
        for (name, directory) in self.texts(BASE_NAMES).zip(self.numbers(DIRECTORY_INDEXES)) {
            let directory = usize::try_from(directory).ok().and_then(|at| directories.get(at));
            if let Some(directory) = directory {
                each(&[directory, name].concat());
            }
        }
    }
}

fn until_nul(data: &[u8]) -> Option<&[u8]> {
    data.get(..memchr::memchr(0, data)?)
}
