//! The variable sections behind a fixed body, taken one after the other.

use super::DecodeError;

/// What is left of the sections.
pub(super) struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next section.
    pub(super) fn take(&mut self, length: u32) -> Result<&'a [u8], DecodeError> {
        let (section, rest) = self
            .rest
            .split_at_checked(length as usize)
            .ok_or(DecodeError::Short { want: length as usize, have: self.rest.len() })?;
        self.rest = rest;
        Ok(section)
    }
}
