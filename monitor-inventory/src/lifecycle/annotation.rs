//! The date that publishers of images set: `vnd.microsoft.artifact.lifecycle.end-of-life.date`, an
//! annotation beside the image in its registry. A node does not see it; who does hands it in, as
//! a file of digests and dates.

use std::collections::BTreeMap;

use super::Date;

/// What an annotation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotated {
    /// The day.
    Date(Date),
    /// No day that can be read; the text itself.
    Unknown(Box<str>),
}

/// Reads the annotation: a day, or a moment as RFC 3339 has it, with up to nine digits of a second.
/// Older tools wrote the day as their language does, which could be any.
#[must_use]
pub fn annotated(text: &str) -> Annotated {
    let trimmed = text.trim();
    let moment = || {
        // A space in place of the T is ISO's, and jiff's, but not RFC 3339's.
        let is_moment = trimmed.as_bytes().get(10).is_some_and(|it| matches!(it, b'T' | b't'));
        // A moment in brackets, or of more than nine digits, is none of RFC 3339.
        let moment = trimmed.parse::<jiff::Timestamp>().ok();
        moment.filter(|_| is_moment && !trimmed.contains('[')).map(Date::of)
    };
    match Date::parse(trimmed).or_else(moment) {
        Some(date) => Annotated::Date(date),
        None => Annotated::Unknown(text.into()),
    }
}

/// Days by the digest of an image, or of one of its platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DateMap {
    dates: BTreeMap<Box<str>, Annotated>,
}

/// A line that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no digest and date, as `sha256:… 2026-01-31`")]
pub struct DateMapError {
    /// Its number, from one.
    pub line: usize,
}

/// Lines of such a file that are taken.
const LINES: usize = 1 << 20;

impl DateMap {
    /// Reads a file of lines, each a digest and what its annotation says, with a space, a tab, a
    /// comma or `=` between. Empty lines and comments (`#`) are passed over.
    ///
    /// # Errors
    ///
    /// A line is none. A text that is no day is none of these errors: it is unknown.
    pub fn parse(text: &str) -> Result<Self, DateMapError> {
        let mut dates = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let error = DateMapError { line: number + 1 };
            let split = line.split_once([' ', '\t', ',', '=']);
            let (digest, date) = split.filter(|_| number < LINES).ok_or_else(|| error.clone())?;
            let hash = digest.strip_prefix("sha256:").or_else(|| digest.strip_prefix("sha512:"));
            let is_digest =
                |it: &str| it.len() >= 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
            if !hash.is_some_and(is_digest) {
                return Err(error);
            }
            dates.insert(digest.to_ascii_lowercase().into(), annotated(date));
        }
        Ok(Self { dates })
    }

    /// What is said of an image: of any of its digests, that of the index and those of platforms.
    #[must_use]
    pub fn of<'d>(&self, digests: impl IntoIterator<Item = &'d str>) -> Option<&Annotated> {
        digests.into_iter().find_map(|digest| self.dates.get(&*digest.to_ascii_lowercase()))
    }
}
