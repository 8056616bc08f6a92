//! A piece of rule text that knows where each of its bytes was written.
//!
//! A condition may be a folded block scalar, may be continued by a later file, and may be extended
//! by exceptions. The parser sees one string; this map leads each byte of it back to the file.

use crate::source::Place;

/// A byte range of a [`Text`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Spans do not take part in comparison: two trees are equal when they say the same.
impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }
}

/// Where one byte of a text comes from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    source: u32,
    offset: u32,
}

/// A string with the origin of each byte.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    value: String,
    origins: Vec<Origin>,
    /// Where the text stands as a whole: for an empty text, and for its end.
    whole: Place,
}

impl Text {
    /// A text that is written as it stands at `place`, byte for byte.
    pub(crate) fn verbatim(value: &str, place: Place) -> Self {
        let offsets = (0..value.len()).map(|i| place.start.saturating_add(i as u32)).collect();
        Self::mapped(value, offsets, place)
    }

    /// A text whose byte `i` stands at `offsets[i]` of the source of `whole`.
    pub(crate) fn mapped(value: &str, offsets: Vec<u32>, whole: Place) -> Self {
        let origins =
            offsets.into_iter().map(|offset| Origin { source: whole.source, offset }).collect();
        Self { value: value.to_owned(), origins, whole }
    }

    /// No text yet, standing at `place`.
    pub(crate) fn empty(place: Place) -> Self {
        Self { value: String::new(), origins: Vec::new(), whole: place }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.value
    }

    pub(crate) fn whole(&self) -> Place {
        self.whole
    }

    /// Adds `more` behind a blank.
    pub(crate) fn append(&mut self, more: &Text) {
        self.push_at(" ", more.whole);
        self.value.push_str(&more.value);
        self.origins.extend_from_slice(&more.origins);
        self.whole = more.whole;
    }

    /// Adds words that nobody wrote, all of them attributed to `place`.
    pub(crate) fn push_at(&mut self, words: &str, place: Place) {
        self.value.push_str(words);
        let origin = Origin { source: place.source, offset: place.start };
        self.origins.extend(std::iter::repeat_n(origin, words.len()));
    }

    /// The place of a span; its end is kept within one source.
    pub(crate) fn locate(&self, span: Span) -> Place {
        let first = self.origins.get(span.start as usize);
        let last = self.origins.get((span.end.max(span.start + 1) as usize).saturating_sub(1));
        match (first, last) {
            (Some(a), Some(z)) if a.source == z.source && z.offset >= a.offset => {
                Place { source: a.source, start: a.offset, end: z.offset + 1 }
            }
            (Some(a), _) => Place { source: a.source, start: a.offset, end: a.offset + 1 },
            (None, _) => self.end(),
        }
    }

    fn end(&self) -> Place {
        let end = match self.origins.last() {
            Some(last) if last.source == self.whole.source => last.offset + 1,
            _ => self.whole.start,
        };
        Place { source: self.whole.source, start: end, end }
    }
}
