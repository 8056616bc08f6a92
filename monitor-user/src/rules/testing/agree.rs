//! Whether what a test says goes together. Fields follow from one another, so that one line can
//! undo another: what each line alone makes of its field must be so in the whole event too.

use std::ops::ControlFlow;

use monitor_rules::{Arg, Get, TestField, Value};

use super::{Draft, Mistake, SCHEMA, name_and_arg, set};
use crate::event::Event;

/// Each of its variables stands by itself, and there may be many.
const ENVIRONMENT: &str = "proc.env";

/// The lines of which one undoes the other, each pair told at the later one.
pub(super) fn contradictions(kind: u8, fields: &[&TestField], event: &Event) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut told = Vec::new();
    for field in fields {
        let Some(claim) = Claim::of(kind, field) else { continue };
        if claim.holds(event) {
            continue;
        }
        let undoes = |other: &&&TestField| {
            let both = in_order(fields, field, other);
            !std::ptr::eq(**other, *field)
                && make(kind, &both).is_ok_and(|event| !claim.holds(&event))
        };
        let others = fields.iter().filter(|other| can_undo(other));
        let pair = others.copied().find(|other| undoes(&other)).map(|other| (*field, other));
        match pair {
            Some((one, other)) if told.contains(&place(other, one)) => {}
            Some((one, other)) => {
                told.push(place(one, other));
                mistakes.push(contradiction(one, other));
            }
            None => mistakes.push(at(field, format!("`{}` contradicts the others", field.name))),
        }
    }
    mistakes
}

/// The mistake that a draft told of when it was to be finished, at the lines that lead to it.
pub(super) fn located(kind: u8, fields: &[&TestField], message: String) -> Option<Mistake> {
    let leads = |some: &[&TestField]| make(kind, some).is_err_and(|found| found == message);
    let likely: Vec<&TestField> = fields.iter().filter(|field| can_undo(field)).copied().collect();
    for (n, later) in likely.iter().enumerate() {
        if leads(&[*later]) {
            return Some(at(later, message));
        }
        let earlier = likely.iter().take(n).find(|earlier| leads(&[**earlier, *later]));
        if let Some(TestField { name, line, column, .. }) = earlier {
            let with = format!("{message} (see `{name}` at {line}:{column})");
            return Some(at(later, with));
        }
    }
    None
}

/// What a line says of its field.
struct Claim<'t> {
    field: &'t TestField,
    /// The values that the field has because of the line.
    values: Vec<Value<'static>>,
    /// Whether these are all that it has.
    whole: bool,
}

impl<'t> Claim<'t> {
    /// None for a line that nothing undoes, and for one that says nothing by itself.
    fn of(kind: u8, field: &'t TestField) -> Option<Self> {
        let (name, arg) = name_and_arg(field);
        if name == ENVIRONMENT {
            return None;
        }
        let alone = make(kind, &[field]).ok()?;
        let known = SCHEMA.fields.iter().find(|known| known.name == name)?;
        let whole = arg.is_some() || matches!(known.get, Get::One(_));
        let mut values = read(&alone, field)?;
        if !whole {
            // Of several values those are left that are there without the line.
            let before = read(&make(kind, &[]).ok()?, field)?;
            values.retain(|value| !before.contains(value));
        }
        Some(Self { field, values, whole })
    }

    fn holds(&self, event: &Event) -> bool {
        let found = read(event, self.field).unwrap_or_default();
        if self.whole {
            found == self.values
        } else {
            self.values.iter().all(|value| found.contains(value))
        }
    }
}

/// The event of some lines; none of them says more than it would among the others.
fn make(kind: u8, fields: &[&TestField]) -> Result<Event, String> {
    let mut draft = Draft::new(kind);
    for field in fields {
        set(&mut draft, field)?;
    }
    draft.name_some_file();
    draft.finish()
}

/// All values of a line's field; None where it is asked for by a word.
fn read(event: &Event, field: &TestField) -> Option<Vec<Value<'static>>> {
    let (name, arg) = name_and_arg(field);
    let arg = arg.map_or(Some(Arg::None), |arg| arg.parse().ok().map(Arg::Index))?;
    let known = SCHEMA.fields.iter().find(|known| known.name == name)?;
    let mut values = Vec::new();
    match known.get {
        Get::One(get) => values.push(get(event, &arg).into_owned()),
        Get::Any(get) | Get::Set(get) => get(event, &arg, &mut |value| {
            values.push(value.into_owned());
            ControlFlow::Continue(())
        }),
    }
    Some(values)
}

fn can_undo(field: &TestField) -> bool {
    name_and_arg(field).0 != ENVIRONMENT
}

fn in_order<'t>(
    fields: &[&'t TestField],
    one: &TestField,
    other: &TestField,
) -> Vec<&'t TestField> {
    let is_either = |field: &&TestField| std::ptr::eq(*field, one) || std::ptr::eq(*field, other);
    fields.iter().copied().filter(is_either).collect()
}

type Pair = ((usize, usize), (usize, usize));

fn place(one: &TestField, other: &TestField) -> Pair {
    ((one.line, one.column), (other.line, other.column))
}

fn contradiction(one: &TestField, other: &TestField) -> Mistake {
    let is_later = (one.line, one.column) > (other.line, other.column);
    let (later, earlier) = if is_later { (one, other) } else { (other, one) };
    let TestField { name, line, column, .. } = earlier;
    let message =
        format!("`{}` contradicts `{name}` at {line}:{column}: leave one of them out", later.name);
    at(later, message)
}

fn at(field: &TestField, message: String) -> Mistake {
    Mistake { message, line: field.line, column: field.column }
}
