//! Days.

use std::fmt;

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// A day written as `yyyy-MM-dd`, and no other way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |at: usize, length: usize| {
            let digits = text.get(at..at + length)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<i16>().ok()).flatten()
        };
        let bytes = text.as_bytes();
        let has_dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
        if bytes.len() != 10 || !has_dashes {
            return None;
        }
        let (month, day) = (i8::try_from(digits(5, 2)?).ok()?, i8::try_from(digits(8, 2)?).ok()?);
        jiff::civil::Date::new(digits(0, 4)?, month, day).ok().map(Self)
    }

    /// The day of a moment, at Greenwich.
    #[must_use]
    pub fn of(moment: jiff::Timestamp) -> Self {
        Self(moment.to_zoned(jiff::tz::TimeZone::UTC).date())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}
