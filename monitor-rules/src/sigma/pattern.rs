//! Sigma's text values: `*` and `?` are wildcards, a backslash takes that away.

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// Any number of characters.
    Any,
    /// One character.
    One,
}

/// A text value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern(pub(super) Vec<Part>);

/// What a value asks of a field's text, in the simplest form that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing but that it is there.
    Anything,
    Equal(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    /// A shell pattern.
    Glob(String),
    /// A regular expression for the whole text.
    Regex(String),
}

impl Pattern {
    /// Reads a value. A backslash before anything but `*`, `?` and a backslash is itself.
    pub(super) fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '*' => pattern.push_any(),
                '?' => pattern.0.push(Part::One),
                '\\' => {
                    let escaped = characters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                    pattern.push_char(escaped.unwrap_or('\\'));
                }
                c => pattern.push_char(c),
            }
        }
        pattern
    }

    /// A text without wildcards.
    pub(super) fn literal(text: &str) -> Self {
        let mut pattern = Self::default();
        text.chars().for_each(|c| pattern.push_char(c));
        pattern
    }

    pub(super) fn push_any(&mut self) {
        if self.0.last() != Some(&Part::Any) {
            self.0.push(Part::Any);
        }
    }

    pub(super) fn push_char(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(c),
            Some(Part::Any | Part::One) | None => self.0.push(Part::Text(c.to_string())),
        }
    }

    /// With anything before it.
    pub(super) fn after_any(mut self) -> Self {
        if self.0.first() != Some(&Part::Any) {
            self.0.insert(0, Part::Any);
        }
        self
    }

    /// With anything behind it.
    pub(super) fn before_any(mut self) -> Self {
        self.push_any();
        self
    }

    /// The text, if there are no wildcards.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn shape(&self, cased: bool) -> Shape {
        match self.0.as_slice() {
            [] => Shape::Equal(String::new()),
            [Part::Any] => Shape::Anything,
            [Part::Text(text)] => Shape::Equal(text.clone()),
            [Part::Text(text), Part::Any] => Shape::StartsWith(text.clone()),
            [Part::Any, Part::Text(text)] => Shape::EndsWith(text.clone()),
            [Part::Any, Part::Text(text), Part::Any] => Shape::Contains(text.clone()),
            parts if parts.contains(&Part::One) => Shape::Regex(regex(parts, cased)),
            parts => Shape::Glob(glob(parts)),
        }
    }
}

fn glob(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Any => out.push('*'),
            // Unreachable: a glob's `?` is a byte.
            Part::One => out.push('?'),
            Part::Text(text) => {
                for c in text.chars() {
                    if matches!(c, '*' | '?' | '[' | ']' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
        }
    }
    out
}

/// `?` is a whole character, however many bytes it has.
fn regex(parts: &[Part], cased: bool) -> String {
    let mut out = String::from(if cased { "" } else { "(?i)" });
    for part in parts {
        match part {
            Part::Any => out.push_str(".*"),
            Part::One => out.push_str("(?u:.)"),
            Part::Text(text) => out.push_str(&regex::escape(text)),
        }
    }
    out
}
