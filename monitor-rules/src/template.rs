//! Output texts: `%field[argument]` is replaced by the field's value.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::ast::Literal;
use crate::compile::look_up;
use crate::condition;
use crate::cursor::Cursor;
use crate::diagnostic::{Code, Diagnostic, Problem, Reports};
use crate::schema::{Arg, Field, Schema};
use crate::source::Place;
use crate::text::{Span, Text};
use crate::value::{Unknown, Value};

/// A compiled output text.
pub struct Template<E: 'static> {
    parts: Vec<Part<E>>,
}

enum Part<E: 'static> {
    Words(Box<str>),
    Field(FieldUse<E>),
}

/// A field with its argument, as something else than a condition uses it.
pub(crate) struct FieldUse<E: 'static> {
    pub(crate) field: &'static Field<E>,
    pub(crate) arg: Arg,
    /// As written: `proc.aname[2]`.
    pub(crate) shown: Box<str>,
}

impl<E> Template<E> {
    /// The text with the values of the event. Absent and unknown values show as `<NA>`; several
    /// values are shown with commas.
    pub fn render(&self, event: &E, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Words(words) => out.extend_from_slice(words.as_bytes()),
                Part::Field(field) => {
                    field.render(event, out);
                }
            }
        }
    }

    /// The fields of the text in order, with their arguments as written (`proc.aname[2]`), and
    /// their values as [`Template::render`] shows them.
    pub fn values<'t>(&'t self, event: &'t E) -> impl Iterator<Item = (&'t str, Vec<u8>)> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Words(_) => None,
            Part::Field(field) => {
                let mut value = Vec::new();
                field.render(event, &mut value);
                Some((&*field.shown, value))
            }
        })
    }

    /// As [`Template::values`], but none where nothing is known: a value may read like the sign for
    /// that.
    pub fn known_values<'t>(
        &'t self,
        event: &'t E,
    ) -> impl Iterator<Item = (&'t str, Option<Vec<u8>>)> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Words(_) => None,
            Part::Field(field) => {
                let mut value = Vec::new();
                let is_known = field.render(event, &mut value);
                Some((&*field.shown, is_known.then_some(value)))
            }
        })
    }

    /// Whether something that it shows may still become known.
    #[must_use]
    pub fn is_pending(&self, event: &E) -> bool {
        let pending = |part: &Part<E>| matches!(part, Part::Field(it) if it.is_pending(event));
        self.parts.iter().any(pending)
    }

    /// The fields that the text uses.
    #[must_use]
    pub fn used(&self) -> BTreeSet<&'static str> {
        condition::fields(|each| self.fields(each))
    }

    /// The words in brackets that the text uses a field with, as
    /// [`crate::Condition::keys_of`].
    #[must_use]
    pub fn keys_of(&self, field: &str) -> BTreeSet<String> {
        condition::keys_of(field, |each| self.fields(each))
    }

    /// The fields of the text in order, with their arguments, as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Words(_) => None,
            Part::Field(field) => Some(&*field.shown),
        })
    }

    /// Compiles an output text that stands alone. `name` is what diagnostics call it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(
        schema: &'static Schema<E>,
        name: &str,
        text: &str,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut reports = Reports::default();
        let source = reports.sources.add(name, text);
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let text = Text::verbatim(text, Place { source, start: 0, end });
        let template = Self::compile(schema, &text, &mut reports);
        template.ok_or_else(|| reports.finish())
    }

    /// Calls `each` with every field and its argument.
    pub(crate) fn fields(&self, each: &mut dyn FnMut(&'static str, &Arg)) {
        for part in &self.parts {
            if let Part::Field(used) = part {
                each(used.field.name, &used.arg);
            }
        }
    }

    /// Compiles a text; `None` after reports.
    pub(crate) fn compile(
        schema: &'static Schema<E>,
        text: &Text,
        reports: &mut Reports,
    ) -> Option<Self> {
        let mut parts = Vec::new();
        let mut complete = true;
        // A folded block of YAML ends in a line feed that nobody meant.
        let mut cursor = Cursor::new(text.as_str().trim_end());
        let mut words = String::new();
        // A leading `*` asks for output even where a field is absent; that is always done.
        cursor.eat('*');
        while let Some(c) = cursor.peek() {
            cursor.advance(c.len_utf8());
            if c != '%' {
                words.push(c);
            } else if cursor.eat('%') {
                words.push('%');
            } else if let Some(found) = FieldUse::parse(schema, &mut cursor) {
                match found {
                    Ok(field) => {
                        parts.push(Part::Words(std::mem::take(&mut words).into()));
                        parts.push(Part::Field(field));
                    }
                    Err((span, problem)) => {
                        reports.push(text.locate(span), problem);
                        complete = false;
                    }
                }
            } else {
                words.push('%');
            }
        }
        parts.push(Part::Words(words.into()));
        parts.retain(|part| !matches!(part, Part::Words(words) if words.is_empty()));
        complete.then_some(Self { parts })
    }
}

type Found<E> = Result<FieldUse<E>, (Span, Problem)>;

impl<E> FieldUse<E> {
    /// The field that the cursor stands on, if there is one: a name with a dot.
    pub(crate) fn parse(schema: &'static Schema<E>, cursor: &mut Cursor<'_>) -> Option<Found<E>> {
        let start = cursor.position();
        let name = cursor.peek_name();
        if !name.contains('.') {
            return None;
        }
        cursor.advance(name.len());
        let mut arg = None;
        if cursor.peek() == Some('[') {
            let rest = cursor.rest();
            let Some(end) = rest.find(']') else {
                let problem = Problem::new(Code::Syntax, "`[` is not closed");
                let at = cursor.position();
                return Some(Err((Span::new(at, at + 1), problem)));
            };
            let inner = rest.get(1..end).unwrap_or_default();
            let inner_start = cursor.position() + 1;
            let span = Span::new(inner_start, inner_start + inner.len());
            arg = Some(Literal { text: inner.to_owned(), quoted: false, span });
            cursor.advance(end + 1);
        }
        let shown = arg.as_ref().map_or(name.to_owned(), |arg| format!("{name}[{}]", arg.text));
        let span = cursor.span_from(start);
        Some(match look_up(schema, name, arg.as_ref()) {
            Ok((field, arg)) => Ok(Self { field, arg, shown: shown.into() }),
            Err((true, problem)) => Err((arg.map_or(span, |arg| arg.span), problem)),
            Err((false, problem)) => Err((span, problem)),
        })
    }

    /// Whether one of its values may still arrive.
    pub(crate) fn is_pending(&self, event: &E) -> bool {
        let mut pending = false;
        self.field.get.visit(event, &self.arg, &mut |value| {
            pending |= value == Value::Unknown(Unknown::Pending);
            ControlFlow::Continue(())
        });
        pending
    }

    /// Appends its values with commas between, or `<NA>`.
    /// Whether there was any value.
    pub(crate) fn render(&self, event: &E, out: &mut Vec<u8>) -> bool {
        let mut first = true;
        self.field.get.visit(event, &self.arg, &mut |value| {
            if value != Value::Absent {
                if !first {
                    out.push(b',');
                }
                first = false;
                value.write_to(out);
            }
            ControlFlow::Continue(())
        });
        if first {
            Value::Absent.write_to(out);
        }
        !first
    }
}
