//! From the value of a YAML scalar back to the characters that it was written with.
//!
//! Folding, block indentation and quoting change only white space and escapes. So the value and
//! the raw text are walked in step: white space matches white space, an escape matches what it
//! stands for, and everything else matches itself.

/// For each byte of `value`, its offset in the file, if `raw` starts at `base` there.
pub(super) fn offsets(raw: &str, value: &str, base: u32) -> Vec<u32> {
    let mut walk = Walk::new(raw);
    let mut offsets = Vec::with_capacity(value.len());
    for c in value.chars() {
        if c.is_whitespace() {
            walk.blank();
        } else {
            walk.find();
        }
        let at = base.saturating_add(u32::try_from(walk.last).unwrap_or(u32::MAX));
        // The bytes of one character that is written as itself lie side by side.
        let same = walk.is_literal(c);
        let step = |i: usize| if same { at.saturating_add(i as u32) } else { at };
        offsets.extend((0..c.len_utf8()).map(step));
    }
    offsets
}

struct Walk<'r> {
    raw: &'r str,
    position: usize,
    quote: Option<char>,
    /// Where the last character was found.
    last: usize,
}

impl<'r> Walk<'r> {
    fn new(raw: &'r str) -> Self {
        let mut walk = Self { raw, position: 0, quote: None, last: 0 };
        walk.skip_properties();
        walk.quote = walk.peek().filter(|c| matches!(c, '"' | '\''));
        if walk.quote.is_some() {
            walk.position += 1;
        }
        walk
    }

    fn rest(&self) -> &'r str {
        self.raw.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Anchors and tags stand in front of the text.
    fn skip_properties(&mut self) {
        while self.rest().starts_with(['&', '!']) {
            let rest = self.rest();
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let after = rest.get(end..).unwrap_or_default().trim_start();
            self.position = self.raw.len() - after.len();
        }
    }

    fn is_literal(&self, c: char) -> bool {
        self.raw.get(self.last..).is_some_and(|text| text.starts_with(c))
    }

    /// White space of the value: the white space here, whatever it is made of. Further white space
    /// is left for [`Walk::find`] to skip, so that each blank of the value finds a place.
    fn blank(&mut self) {
        while self.is_line_join() {
            self.position += 1;
            self.skip_blanks();
        }
        self.last = self.position;
        self.position += match (self.quote, self.peek()) {
            (Some('"'), Some('\\')) => self.escape(),
            (_, Some(here)) if here.is_whitespace() => here.len_utf8(),
            (_, _) => 0,
        };
    }

    /// Any other character of the value: the next here that is no white space.
    fn find(&mut self) {
        self.skip_blanks();
        while self.is_line_join() {
            self.position += 1;
            self.skip_blanks();
        }
        self.last = self.position;
        self.position += match (self.quote, self.peek()) {
            (Some('"'), Some('\\')) => self.escape(),
            (Some('\''), Some('\'')) => 2,
            (_, Some(here)) => here.len_utf8(),
            (_, None) => 0,
        };
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    /// A backslash at the end of a line joins it with the next.
    fn is_line_join(&self) -> bool {
        let quoted = self.quote == Some('"');
        quoted && self.rest().strip_prefix('\\').is_some_and(|r| r.starts_with(['\n', '\r']))
    }

    /// The length of the escape here.
    fn escape(&self) -> usize {
        match self.rest().get(1..).and_then(|r| r.chars().next()) {
            Some('x') => 4,
            Some('u') => 6,
            Some('U') => 10,
            Some(other) => 1 + other.len_utf8(),
            None => 1,
        }
    }
}
