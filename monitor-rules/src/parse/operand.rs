//! The two sides of a comparison: fields, transformers, values and lists.

use crate::ast::{Call, FieldRef, Function, List, Literal, Modifier, Op, Operand};
use crate::cursor::{Cursor, is_blank};
use crate::diagnostic::{Code, Problem};
use crate::suggest::did_you_mean;

use super::{Parsed, Parser, SyntaxError};

/// Whether a value can be written without quotes.
pub(crate) fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_bare_char)
}

/// The value of a text that is quoted as in a condition, all of it; `None` for any other text.
pub(crate) fn quoted_value(text: &str) -> Option<String> {
    if !text.starts_with(['"', '\'']) {
        return None;
    }
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    let literal = parser.quoted().ok()?;
    parser.cursor.at_end().then_some(literal.text)
}

fn is_bare_char(c: char) -> bool {
    !is_blank(c) && !matches!(c, '(' | ')' | '"' | '\'' | '=' | ',')
}

impl Parser<'_> {
    /// A field or a transformer; the cursor stands on its name.
    pub(super) fn left(&mut self) -> Parsed<Operand> {
        if self.cursor.is_call() { self.call().map(Operand::Call) } else { self.field() }
    }

    fn field(&mut self) -> Parsed<Operand> {
        let start = self.cursor.position();
        let name = self.cursor.peek_name().to_owned();
        self.cursor.advance(name.len());
        let arg = self.bracket()?;
        let span = self.cursor.span_from(start);
        Ok(Operand::Field(FieldRef { name, arg, span }))
    }

    /// `[argument]`, if it follows at once.
    fn bracket(&mut self) -> Parsed<Option<Literal>> {
        let open = self.cursor.position();
        if !self.cursor.eat('[') {
            return Ok(None);
        }
        let unclosed = |parser: &Self| SyntaxError {
            span: parser.cursor.span_from(open),
            problem: Problem::new(Code::Syntax, "`[` is not closed"),
        };
        let literal = if matches!(self.cursor.peek(), Some('"' | '\'')) {
            self.quoted()?
        } else {
            let start = self.cursor.position();
            let rest = self.cursor.rest();
            let end = rest.find([']', '\n']).unwrap_or(rest.len());
            let text = rest.get(..end).unwrap_or_default().to_owned();
            self.cursor.advance(end);
            Literal { text, quoted: false, span: self.cursor.span_from(start) }
        };
        if self.cursor.eat(']') { Ok(Some(literal)) } else { Err(unclosed(self)) }
    }

    fn call(&mut self) -> Parsed<Call> {
        let start = self.cursor.position();
        let name = self.cursor.peek_name();
        let Some(function) = Function::from_text(name) else {
            let problem = Problem::new(Code::Syntax, format!("unknown transformer `{name}`"))
                .maybe_help(did_you_mean(name, Function::texts()));
            return Err(self.fail_at_word(problem));
        };
        self.cursor.advance(name.len());
        self.cursor.skip_blanks();
        self.cursor.eat('(');
        let args = self.deeper(|parser| parser.comma_separated(Self::argument))?;
        let index = self.bracket()?;
        Ok(Call { function, args, index, span: self.cursor.span_from(start) })
    }

    /// What a transformer is applied to: a field, another transformer, a value, or a list of such.
    fn argument(&mut self) -> Parsed<Operand> {
        if self.cursor.is_call() {
            return self.call().map(Operand::Call);
        }
        if self.cursor.peek_name().contains('.') {
            return self.field();
        }
        if self.cursor.peek() == Some('(') {
            return self.list_of(Self::argument).map(Operand::List);
        }
        self.value().map(Operand::Literal)
    }

    /// What stands behind an operator.
    pub(super) fn right(&mut self, op: Op) -> Parsed<(Option<Modifier>, Operand)> {
        self.cursor.skip_blanks();
        if self.cursor.call_function().is_some() {
            return Ok((None, Operand::Call(self.call()?)));
        }
        if op.takes_list() {
            return Ok((None, self.list_operand(op)?));
        }
        if op.takes_modifier()
            && let Some(modifier) = Modifier::from_text(self.cursor.peek_name())
            && self.cursor.followed_by(modifier.text().len(), '(')
        {
            self.cursor.advance(modifier.text().len());
            self.cursor.skip_blanks();
            return Ok((Some(modifier), Operand::List(self.list()?)));
        }
        if self.cursor.peek() == Some('(') {
            let problem = Problem::new(Code::Syntax, format!("`{}` takes one value", op.text()))
                .maybe_help(self.list_help(op));
            return Err(self.fail_at_word(problem));
        }
        Ok((None, Operand::Literal(self.value()?)))
    }

    fn list_help(&self, op: Op) -> Option<String> {
        match op {
            Op::Eq | Op::Ne => Some("use `in (…)` for several values".to_owned()),
            op if op.takes_modifier() => {
                let words: Vec<&str> = Modifier::texts().collect();
                Some(format!("put one of {} in front of a list", words.join(", ")))
            }
            _ => None,
        }
    }

    /// A list, or the name of one.
    fn list_operand(&mut self, op: Op) -> Parsed<Operand> {
        let name = self.cursor.peek_name();
        if self.cursor.peek() == Some('(') {
            return Ok(Operand::List(self.list()?));
        }
        if name.is_empty() || name.contains('.') {
            let problem = self.expected("a list or the name of a list");
            let help = format!("write `{} (…)`", op.text());
            return Err(self.fail_at_word(problem.help(help)));
        }
        Ok(Operand::Literal(self.value()?))
    }

    pub(super) fn list(&mut self) -> Parsed<List> {
        self.list_of(Self::list_item)
    }

    fn list_of(&mut self, item: impl Fn(&mut Self) -> Parsed<Operand>) -> Parsed<List> {
        let start = self.cursor.position();
        self.cursor.eat('(');
        let items = self.deeper(|parser| parser.comma_separated(item))?;
        Ok(List { items, span: self.cursor.span_from(start) })
    }

    fn list_item(&mut self) -> Parsed<Operand> {
        if self.cursor.peek() == Some('(') {
            return self.list().map(Operand::List);
        }
        self.value().map(Operand::Literal)
    }

    /// Items up to and with the closing parenthesis.
    fn comma_separated(
        &mut self,
        item: impl Fn(&mut Self) -> Parsed<Operand>,
    ) -> Parsed<Vec<Operand>> {
        let mut items = Vec::new();
        self.cursor.skip_blanks();
        if self.cursor.eat(')') {
            return Ok(items);
        }
        loop {
            self.cursor.skip_blanks();
            items.push(item(self)?);
            self.cursor.skip_blanks();
            if self.cursor.eat(')') {
                return Ok(items);
            }
            if !self.cursor.eat(',') {
                let problem = self.expected("`,` or `)`");
                return Err(self.fail_at_word(problem));
            }
        }
    }

    fn value(&mut self) -> Parsed<Literal> {
        if matches!(self.cursor.peek(), Some('"' | '\'')) {
            return self.quoted();
        }
        let start = self.cursor.position();
        let rest = self.cursor.rest();
        let end = rest.find(|c| !is_bare_char(c)).unwrap_or(rest.len());
        if end == 0 {
            let problem = self.expected("a value");
            return Err(self.fail_at_word(problem));
        }
        let text = rest.get(..end).unwrap_or_default().to_owned();
        self.cursor.advance(end);
        Ok(Literal { text, quoted: false, span: self.cursor.span_from(start) })
    }

    /// A quoted value. `\\`, `\"`, `\'`, `\n`, `\r` and `\t` are escapes; any other backslash
    /// stands for itself, so that patterns need not double it.
    fn quoted(&mut self) -> Parsed<Literal> {
        let start = self.cursor.position();
        let quote = self.cursor.peek().unwrap_or('"');
        self.cursor.advance(quote.len_utf8());
        let mut text = String::new();
        while let Some(c) = self.cursor.peek() {
            self.cursor.advance(c.len_utf8());
            if c == quote {
                return Ok(Literal { text, quoted: true, span: self.cursor.span_from(start) });
            }
            let escaped = if c == '\\' { self.cursor.peek().and_then(unescape) } else { None };
            if escaped.is_some() {
                self.cursor.advance(1);
            }
            text.push(escaped.unwrap_or(c));
        }
        let problem = Problem::new(Code::Syntax, "quoted text is not closed")
            .help(format!("add a closing {quote}"));
        Err(SyntaxError { span: crate::text::Span::new(start, start + 1), problem })
    }
}

fn unescape(c: char) -> Option<char> {
    match c {
        '\\' | '"' | '\'' => Some(c),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    }
}
