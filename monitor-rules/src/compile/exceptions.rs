//! The exceptions of a rule: rows of values that keep it quiet, made into a condition.

use crate::ast::{Literal, Op};
use crate::definition::{At, Exception, ExceptionValue};
use crate::diagnostic::{Code, Problem};
use crate::node::Node;
use crate::parse::quoted_value;
use crate::source::Place;
use crate::text::{Span, Text};

use super::Compiler;

/// A field with the operator that its values are compared by.
struct Column<'e> {
    field: &'e At<String>,
    op: Op,
}

impl<E> Compiler<'_, E> {
    /// What keeps a rule quiet: one of the rows. Without rows that is nothing.
    pub(crate) fn exception(&mut self, exception: &Exception) -> Option<Node<E>> {
        let columns = self.columns(exception)?;
        let rows = if let ([column], true) = (columns.as_slice(), exception.single)
            && column.op.takes_list()
        {
            vec![list_row(column, exception)]
        } else {
            let rows = exception.rows.iter();
            rows.map(|row| self.row(&columns, row, exception)).collect::<Option<Vec<Text>>>()?
        };
        let nodes: Vec<Option<Node<E>>> = rows.iter().map(|row| self.condition(row)).collect();
        nodes.into_iter().collect::<Option<Box<[_]>>>().map(Node::Or)
    }

    fn columns<'e>(&mut self, exception: &'e Exception) -> Option<Vec<Column<'e>>> {
        if exception.fields.is_empty() {
            let message = format!("exception `{}` has no `fields`", exception.name.value);
            self.reports.push(exception.name.place, Problem::new(Code::Shape, message));
            return None;
        }
        let default = if exception.single { Op::In } else { Op::Eq };
        let mut columns = Vec::new();
        for (i, field) in exception.fields.iter().enumerate() {
            let op = match exception.comps.get(i) {
                None => default,
                Some(word) if word.value == "==" => Op::Eq,
                Some(word) => {
                    let Some(op) = Op::from_text(&word.value) else {
                        let message = format!("unknown operator `{}`", word.value);
                        self.reports.push(word.place, Problem::new(Code::BadValue, message));
                        return None;
                    };
                    op
                }
            };
            columns.push(Column { field, op });
        }
        Some(columns)
    }

    fn row(
        &mut self,
        columns: &[Column<'_>],
        row: &[ExceptionValue],
        exception: &Exception,
    ) -> Option<Text> {
        if row.len() != columns.len() {
            let message = format!(
                "exception `{}` has {} fields, this row has {} values",
                exception.name.value,
                columns.len(),
                row.len()
            );
            let place = row.first().map_or(exception.name.place, ExceptionValue::place);
            self.reports.push(place, Problem::new(Code::Shape, message));
            return None;
        }
        let mut text = Text::empty(exception.name.place);
        for (i, (column, value)) in columns.iter().zip(row).enumerate() {
            if i > 0 {
                text.push_at(" and ", column.field.place);
            }
            push_column(&mut text, column);
            match value {
                ExceptionValue::One(one) if column.op.takes_list() => {
                    push_list(&mut text, std::slice::from_ref(one), one.place);
                }
                ExceptionValue::One(one) => push_word(&mut text, one, true),
                ExceptionValue::Many(many, place) if column.op.takes_list() => {
                    push_list(&mut text, many, *place);
                }
                ExceptionValue::Many(_, place) => {
                    let message = format!("`{}` takes one value, not a list", column.op.text());
                    let problem = Problem::new(Code::Shape, message)
                        .help("use `in` in `comps` for a list of values");
                    self.reports.push(*place, problem);
                    return None;
                }
            }
        }
        Some(text)
    }
}

/// All rows of an exception with one field at once, as one list.
fn list_row(column: &Column<'_>, exception: &Exception) -> Text {
    let mut text = Text::empty(exception.name.place);
    push_column(&mut text, column);
    let words: Vec<At<String>> = exception
        .rows
        .iter()
        .flatten()
        .flat_map(|value| match value {
            ExceptionValue::One(one) => vec![one.clone()],
            ExceptionValue::Many(many, _) => many.clone(),
        })
        .collect();
    push_list(&mut text, &words, exception.name.place);
    text
}

fn push_column(text: &mut Text, column: &Column<'_>) {
    text.push_at(&column.field.value, column.field.place);
    text.push_at(&format!(" {} ", column.op.text()), column.field.place);
}

fn push_list(text: &mut Text, words: &[At<String>], place: Place) {
    text.push_at("(", place);
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            text.push_at(", ", place);
        }
        match written_list(word) {
            Some(list) => text.push_at(list, word.place),
            None => push_word(text, word, false),
        }
    }
    text.push_at(")", place);
}

/// A list that is one text, such as `(a,b)`: Falco takes it as conditions have it.
fn written_list(word: &At<String>) -> Option<&str> {
    let list = word.value.trim();
    let inner = list.strip_prefix('(')?.strip_suffix(')')?;
    // With others in it, it could end before its end.
    (!inner.contains(['(', ')'])).then_some(list)
}

/// A list member may be written with its own quotes, as in conditions; without them it may name a
/// list.
fn push_word(text: &mut Text, word: &At<String>, quoted: bool) {
    let unquoted = quoted_value(word.value.trim());
    let literal = Literal {
        quoted: quoted || unquoted.is_some(),
        text: unquoted.unwrap_or_else(|| word.value.clone()),
        span: Span::default(),
    };
    text.push_at(&literal.to_string(), word.place);
}

impl ExceptionValue {
    fn place(&self) -> Place {
        match self {
            Self::One(one) => one.place,
            Self::Many(_, place) => *place,
        }
    }
}
