//! What makes an alert of several events: that many, that many different ones, or one after
//! another, within a time, for each key.

use crate::compile::Compiler;
use crate::condition::Condition;
use crate::cursor::Cursor;
use crate::definition::{AggregateDefinition, At};
use crate::diagnostic::{Code, Problem};
use crate::limits::{AGGREGATE_COUNT_MAX, AGGREGATE_STEPS_MAX};
use crate::schema::{Arg, Schema};
use crate::template::FieldUse;
use crate::time;

/// Several events that make one alert.
pub struct Aggregate<E: 'static> {
    pub(crate) goal: Goal<E>,
    /// The time in which they must fall, nanoseconds.
    pub within_ns: u64,
    /// They are gathered apart for each value of these.
    pub(crate) by: Vec<FieldUse<E>>,
}

/// What must be reached.
pub(crate) enum Goal<E: 'static> {
    /// That many matches.
    Count(usize),
    /// Matches with that many different values of the field.
    Distinct(FieldUse<E>, usize),
    /// A match of each condition, in this order.
    Sequence(Vec<Condition<E>>),
}

impl<E> Aggregate<E> {
    /// What must be reached, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let goal = match &self.goal {
            Goal::Count(count) => format!("{count} matches"),
            Goal::Distinct(field, count) => format!("{count} different values of {}", field.shown),
            Goal::Sequence(steps) => format!("{} steps in order", steps.len()),
        };
        let by: Vec<&str> = self.by.iter().map(|field| &*field.shown).collect();
        let by = if by.is_empty() { String::new() } else { format!(", by {}", by.join(", ")) };
        format!("{goal} within {} s{by}", self.within_ns as f64 / 1e9)
    }

    /// The steps of a sequence; none for what is only counted.
    #[must_use]
    pub fn steps(&self) -> &[Condition<E>] {
        match &self.goal {
            Goal::Sequence(steps) => steps,
            Goal::Count(_) | Goal::Distinct(..) => &[],
        }
    }

    /// Whether a value that events are gathered by may still arrive.
    pub(crate) fn is_pending(&self, event: &E) -> bool {
        let distinct = match &self.goal {
            Goal::Distinct(field, _) => Some(field),
            Goal::Count(_) | Goal::Sequence(_) => None,
        };
        self.by.iter().chain(distinct).any(|field| field.is_pending(event))
    }

    /// Calls `each` with every field that is asked for beside the condition, and its argument.
    pub(crate) fn fields(&self, each: &mut dyn FnMut(&'static str, &Arg)) {
        self.by.iter().for_each(|field| each(field.field.name, &field.arg));
        match &self.goal {
            Goal::Count(_) => {}
            Goal::Distinct(field, _) => each(field.field.name, &field.arg),
            Goal::Sequence(steps) => steps.iter().for_each(|step| step.visit_fields(each)),
        }
    }
}

/// Compiles the `aggregate:` of a rule; `None` after reports.
pub(crate) fn compile<E>(
    schema: &'static Schema<E>,
    definition: &AggregateDefinition,
    compiler: &mut Compiler<'_, E>,
) -> Option<Aggregate<E>> {
    let within_ns = within(definition, compiler);
    let by: Option<Vec<_>> =
        definition.by.iter().map(|name| field(schema, name, compiler)).collect();
    let goal = goal(schema, definition, compiler);
    Some(Aggregate { goal: goal?, within_ns: within_ns?, by: by? })
}

fn within<E>(definition: &AggregateDefinition, compiler: &mut Compiler<'_, E>) -> Option<u64> {
    let (place, span) = match &definition.within {
        Some(text) => (text.place, time::span(&text.value).filter(|span| *span > 0)),
        None => (definition.place, None),
    };
    if span.is_none() {
        let problem = Problem::new(Code::BadValue, "`within` must be a time span")
            .help("write a number with ms, s, m, h or d, such as `within: 60s`");
        compiler.reports.push(place, problem);
    }
    span
}

fn goal<E>(
    schema: &'static Schema<E>,
    definition: &AggregateDefinition,
    compiler: &mut Compiler<'_, E>,
) -> Option<Goal<E>> {
    match (&definition.sequence, &definition.count, &definition.distinct) {
        (Some(steps), None, None) => {
            if !(2..=AGGREGATE_STEPS_MAX).contains(&steps.len()) {
                let message = format!("`sequence` has 2 to {AGGREGATE_STEPS_MAX} steps");
                compiler.reports.push(definition.place, Problem::new(Code::Shape, message));
                return None;
            }
            let steps: Vec<Option<_>> = steps.iter().map(|step| compiler.condition(step)).collect();
            let steps: Option<Vec<_>> = steps.into_iter().collect();
            let condition = |node| Condition::new(schema, node);
            Some(Goal::Sequence(steps?.into_iter().map(condition).collect()))
        }
        (None, Some(count), distinct) => {
            let number = count.value.parse::<usize>().ok();
            let Some(number) = number.filter(|n| (1..=AGGREGATE_COUNT_MAX).contains(n)) else {
                let message = format!("`count` is a number from 1 to {AGGREGATE_COUNT_MAX}");
                compiler.reports.push(count.place, Problem::new(Code::BadValue, message));
                return None;
            };
            match distinct {
                Some(name) => Some(Goal::Distinct(field(schema, name, compiler)?, number)),
                None => Some(Goal::Count(number)),
            }
        }
        _ => {
            let problem = Problem::new(Code::Shape, "`aggregate` must say what is gathered")
                .help("write `count: 20`, `count: 20` with `distinct: fd.rip`, or `sequence:`");
            compiler.reports.push(definition.place, problem);
            None
        }
    }
}

fn field<E>(
    schema: &'static Schema<E>,
    name: &At<String>,
    compiler: &mut Compiler<'_, E>,
) -> Option<FieldUse<E>> {
    let mut cursor = Cursor::new(name.value.trim());
    match FieldUse::parse(schema, &mut cursor) {
        Some(Ok(field)) if cursor.peek().is_none() => Some(field),
        Some(Err((_, problem))) => {
            compiler.reports.push(name.place, problem);
            None
        }
        Some(Ok(_)) | None => {
            let message = format!("`{}` is no field", name.value);
            compiler.reports.push(name.place, Problem::new(Code::UnknownField, message));
            None
        }
    }
}
