//! A position in condition text, and what stands there.

use crate::ast::Op;
use crate::text::Span;

pub(crate) struct Cursor<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, position: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Goes on by `bytes`, which must end at a character.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.position = (self.position + bytes).min(self.text.len());
    }

    pub(crate) fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.position)
    }

    pub(crate) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start_matches(is_blank).len());
    }

    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        let here = self.peek() == Some(wanted);
        if here {
            self.advance(wanted.len_utf8());
        }
        here
    }

    /// Takes the word `word` behind blanks, if it stands there alone.
    pub(crate) fn keyword(&mut self, word: &str) -> bool {
        let rest = self.rest().trim_start_matches(is_blank);
        let Some(after) = rest.strip_prefix(word) else { return false };
        let ends = !after.starts_with(|c: char| is_name(c) || c == '.' || c == '[');
        if ends {
            self.position = self.text.len() - after.len();
        }
        ends
    }

    /// The name here, with its dots: a field, a macro, a list or a transformer. Empty if there is
    /// none.
    pub(crate) fn peek_name(&self) -> &'t str {
        let rest = self.rest();
        let mut end = 0;
        loop {
            let part = rest.get(end..).unwrap_or_default();
            if !part.starts_with(|c: char| c.is_ascii_alphabetic()) {
                break;
            }
            end += part.find(|c| !is_name(c)).unwrap_or(part.len());
            let after = rest.get(end..).unwrap_or_default();
            let more = after.strip_prefix('.');
            if !more.is_some_and(|m| m.starts_with(|c: char| c.is_ascii_alphabetic())) {
                break;
            }
            end += 1;
        }
        rest.get(..end).unwrap_or_default()
    }

    /// Whatever stands behind blanks up to a blank or a parenthesis, for messages.
    pub(crate) fn peek_word(&self) -> &'t str {
        let rest = self.rest().trim_start_matches(is_blank);
        let end =
            rest.find(|c: char| is_blank(c) || matches!(c, '(' | ')' | ',')).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Whether a list stands here that an operator for lists follows, and no condition in
    /// parentheses.
    pub(crate) fn is_list_on_the_left(&self) -> bool {
        let Some(inner) = self.rest().strip_prefix('(') else { return false };
        let (mut quote, mut escaped) = (None, false);
        for (at, c) in inner.char_indices() {
            match (quote, c) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), _) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(') => return false,
                (None, ')') => {
                    let after = Self::new(inner.get(at + 1..).unwrap_or_default());
                    let operator = after.peek_operator();
                    return operator.is_some_and(|(op, _)| matches!(op, Op::In | Op::Intersects));
                }
                (None, _) => {}
            }
        }
        false
    }

    /// Whether `wanted` stands `offset` bytes on, blanks not counted.
    pub(crate) fn followed_by(&self, offset: usize, wanted: char) -> bool {
        let rest = self.rest().get(offset..).unwrap_or_default();
        rest.trim_start_matches(is_blank).starts_with(wanted)
    }

    /// The operator behind blanks, with the number of bytes that it takes from the cursor.
    pub(crate) fn peek_operator(&self) -> Option<(Op, usize)> {
        const SIGNS: [(&str, Op); 7] = [
            ("==", Op::Eq),
            ("=", Op::Eq),
            ("!=", Op::Ne),
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("<", Op::Lt),
            (">", Op::Gt),
        ];
        let rest = self.rest();
        let trimmed = rest.trim_start_matches(is_blank);
        let blanks = rest.len() - trimmed.len();
        if let Some((sign, op)) = SIGNS.iter().find(|(sign, _)| trimmed.starts_with(sign)) {
            return Some((*op, blanks + sign.len()));
        }
        let end = trimmed.find(|c| !is_name(c)).unwrap_or(trimmed.len());
        let word = trimmed.get(..end)?;
        if trimmed.get(end..).is_some_and(|after| after.starts_with('.')) {
            return None;
        }
        Op::from_text(word).map(|op| (op, blanks + end))
    }
}

pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(crate) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
