//! Whole numbers of any length: a version may be a date, a commit count, or hostile.

use std::cmp::Ordering;

/// A number by its digits, without leading zeros; zero has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(Box<str>);

impl Number {
    /// Reads digits, and nothing else. None if there is none.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self(digits.trim_start_matches('0').into()))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Takes the longest start of a text whose bytes are all of a sort.
pub(super) fn take_while(text: &str, is_of: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is_of(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Takes the digits at the start of a text.
pub(super) fn take_digits(text: &str) -> (&str, &str) {
    take_while(text, |byte| byte.is_ascii_digit())
}
