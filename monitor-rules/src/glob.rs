//! Shell patterns. They are translated to regular expressions, so that matching takes linear time
//! whatever the pattern.

use regex::bytes::{Regex, RegexBuilder};

use crate::limits::REGEX_BYTES_MAX;

/// A compiled shell pattern: `*`, `?`, `[a-z]`, `[!a-z]`, `\x`. `*` also crosses `/`.
#[derive(Clone, Debug)]
pub(crate) struct Glob(Regex);

impl Glob {
    /// Whether the text has a character that is special in a pattern.
    pub(crate) fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    pub(crate) fn new(pattern: &str, ignore_case: bool) -> Result<Self, String> {
        full_match(&translate(pattern), ignore_case).map(Self)
    }

    pub(crate) fn into_regex(self) -> Regex {
        self.0
    }

    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

/// A regular expression that must match the whole text. Bytes, not characters: names need not be
/// UTF-8.
pub(crate) fn full_match(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    // Checked alone first: an unbalanced `)` must not close the group that anchors the pattern.
    regex_builder(pattern, ignore_case).build().map_err(reason)?;
    regex_builder(&format!(r"\A(?:{pattern})\z"), ignore_case).build().map_err(reason)
}

/// A search for the text anywhere, without regard to ASCII case.
pub(crate) fn find_ignoring_case(text: &str) -> Result<Regex, String> {
    regex_builder(&regex::escape(text), true).build().map_err(reason)
}

fn regex_builder(pattern: &str, ignore_case: bool) -> RegexBuilder {
    let mut builder = RegexBuilder::new(pattern);
    builder
        .unicode(false)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .size_limit(REGEX_BYTES_MAX)
        .nest_limit(64);
    builder
}

/// The last line of the regex crate's many says what is wrong.
fn reason(err: regex::Error) -> String {
    let text = err.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

fn translate(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => rest = translate_class(rest, &mut out),
            '\\' => {
                let escaped = rest.chars().next().unwrap_or('\\');
                rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            }
            other => out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// Translates `a-z]` (behind its `[`) and returns what follows; a `[` that nothing closes stands
/// for itself.
fn translate_class<'p>(rest: &'p str, out: &mut String) -> &'p str {
    let negated = rest.starts_with(['!', '^']);
    let body = if negated { rest.get(1..).unwrap_or_default() } else { rest };
    // A `]` in the first place is a member.
    let skip = usize::from(body.starts_with(']'));
    let Some(end) = body.get(skip..).and_then(|tail| tail.find(']')).map(|end| end + skip) else {
        out.push_str(r"\[");
        return rest;
    };
    out.push_str(if negated { "[^" } else { "[" });
    for member in body.get(..end).unwrap_or_default().chars() {
        if matches!(member, '[' | ']' | '\\' | '^' | '&' | '~') {
            out.push('\\');
        }
        out.push(member);
    }
    out.push(']');
    body.get(end + 1..).unwrap_or_default()
}
