//! What Kafka's messages are made of: numbers in network order, and texts and lists behind their
//! lengths.
//!
//! Six kinds of message are needed, each in one version that all brokers since 2.1 take. They are
//! spoken here rather than by a library of all kinds and versions, which is large, and which makes
//! room for as many things as a broker says that there are.

use std::io;

/// A message that is written.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn i8(&mut self, number: i8) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn i16(&mut self, number: i16) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn i32(&mut self, number: i32) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn i64(&mut self, number: i64) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A text; one that is too long for any broker is cut.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let bytes = text.as_bytes();
        let length = i16::try_from(bytes.len()).unwrap_or(i16::MAX);
        let bytes = bytes.get(..usize::from(length.unsigned_abs())).unwrap_or_default();
        self.i16(length).raw(bytes)
    }

    /// No text.
    pub(super) fn none(&mut self) -> &mut Self {
        self.i16(-1)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len()).raw(bytes)
    }

    pub(super) fn length(&mut self, length: usize) -> &mut Self {
        self.i32(i32::try_from(length).unwrap_or(i32::MAX))
    }

    /// A number of which small ones, below zero too, take few bytes.
    pub(super) fn varint(&mut self, number: i64) -> &mut Self {
        let mut rest = (number << 1 ^ number >> 63).cast_unsigned();
        while rest >= 0x80 {
            self.0.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.0.push(rest.to_le_bytes()[0]);
        self
    }

    /// Bytes behind such a length.
    pub(super) fn short(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(i64::try_from(bytes.len()).unwrap_or(i64::MAX)).raw(bytes)
    }
}

/// A message that is read. What it says of lengths is believed only as far as there are bytes.
pub(super) struct Reader<'m>(pub(super) &'m [u8]);

impl<'m> Reader<'m> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn bool(&mut self) -> io::Result<bool> {
        Ok(self.take::<1>()? != [0])
    }

    pub(super) fn i16(&mut self) -> io::Result<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> io::Result<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> io::Result<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// A text, empty where there is none.
    pub(super) fn text(&mut self) -> io::Result<String> {
        let length = usize::try_from(self.i16()?).unwrap_or_default();
        self.raw(length).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn bytes(&mut self) -> io::Result<&'m [u8]> {
        let length = usize::try_from(self.i32()?).unwrap_or_default();
        self.raw(length)
    }

    fn raw(&mut self, length: usize) -> io::Result<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A list. Each of it has a byte at least, so that it ends.
    pub(super) fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> io::Result<T>,
    ) -> io::Result<Vec<T>> {
        let count = self.i32()?;
        (0..count).map(|_| each(self)).collect()
    }
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an answer of it is cut: it does not speak Kafka")
}
