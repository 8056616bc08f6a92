//! One side of a compiled comparison: a field, a transformer over sides, several sides, or
//! constants.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::ast::Function;
use crate::getopt::Options;
use crate::kind::KindSet;
use crate::schema::{Arg, Field, Get, GetMembers, Type, visit_only};
use crate::value::{Unknown, Value, Visit};

pub(crate) enum Term<E: 'static> {
    Field {
        field: &'static Field<E>,
        arg: Arg,
    },
    Call {
        function: Function,
        args: Vec<Term<E>>,
    },
    /// The texts that the one text of a field is put together from.
    Members {
        field: &'static Field<E>,
        get: GetMembers<E>,
    },
    /// The options in a list of arguments, or the arguments of one of them.
    GetOpt {
        args: Box<Term<E>>,
        options: Options,
        only: Option<u8>,
    },
    /// The values of all members, in a transformer.
    List(Vec<Term<E>>),
    Values(Vec<Value<'static>>),
}

impl<E> Term<E> {
    /// The type of its values.
    pub(crate) fn ty(&self) -> Type {
        match self {
            Self::Field { field, .. } => field.ty,
            Self::Call { function: Function::Len, .. } => Type::Int,
            Self::Call { function: Function::Val, args } => {
                args.first().map_or(Type::Str, Self::ty)
            }
            Self::List(members) => {
                let mut types = members.iter().map(Self::ty);
                types.find(|ty| *ty != Type::Str).unwrap_or(Type::Str)
            }
            Self::Call { .. } | Self::Members { .. } | Self::GetOpt { .. } | Self::Values(_) => {
                Type::Str
            }
        }
    }

    /// Whether the values are one set, of which `in` means all.
    pub(crate) fn is_set(&self) -> bool {
        match self {
            Self::Field { field, .. } => matches!(field.get, Get::Set(_)),
            Self::Call { function: Function::Len | Function::Join | Function::Concat, .. } => false,
            Self::Call { args, .. } => args.iter().any(Self::is_set),
            Self::GetOpt { only, .. } => only.is_none(),
            Self::Members { .. } => true,
            Self::List(_) | Self::Values(_) => false,
        }
    }

    /// Whether `in` means all of the values where this is the left side.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_set() || matches!(self, Self::List(_) | Self::Values(_))
    }

    /// Whether there may be several values, each of which can make a check hold.
    pub(crate) fn is_any(&self) -> bool {
        matches!(
            self,
            Self::Field { field: Field { get: Get::Any(_), .. }, arg: Arg::None }
                | Self::GetOpt { only: Some(_), .. }
        )
    }

    /// The kinds of event in which there can be a value.
    pub(crate) fn kinds(&self) -> KindSet {
        match self {
            Self::Field { field, .. } | Self::Members { field, .. } => field.kinds,
            Self::GetOpt { args, .. } => args.kinds(),
            // Of nothing, `len` is still a number: zero.
            Self::Call { function: Function::Len, .. } => KindSet::ALL,
            // What has no value is left out of what is joined.
            Self::Call { function: Function::Join, args } => match args.as_slice() {
                [separator, rest @ ..] => separator.kinds().intersection(any_kind(rest)),
                [] => KindSet::EMPTY,
            },
            Self::Call { args, .. } => {
                args.iter().map(Self::kinds).fold(KindSet::ALL, KindSet::intersection)
            }
            Self::List(members) => any_kind(members),
            Self::Values(_) => KindSet::ALL,
        }
    }

    /// Calls `each` with every field in it and its argument.
    pub(crate) fn fields(&self, each: &mut dyn FnMut(&'static str, &Arg)) {
        match self {
            Self::Field { field, arg } => each(field.name, arg),
            Self::Members { field, .. } => each(field.name, &Arg::None),
            Self::GetOpt { args, .. } => args.fields(each),
            Self::Call { args: terms, .. } | Self::List(terms) => {
                terms.iter().for_each(|term| term.fields(each));
            }
            Self::Values(_) => {}
        }
    }

    /// The name to give when the value is not known: the first field.
    pub(crate) fn first_field(&self) -> &'static str {
        let mut first = "";
        self.fields(&mut |name, _| {
            if first.is_empty() {
                first = name;
            }
        });
        first
    }

    /// Calls `visit` with each value, until it breaks.
    pub(crate) fn visit<'e>(&'e self, event: &'e E, visit: &mut Visit<'_, 'e>) {
        match self {
            Self::Field { field, arg } => field.get.visit(event, arg, visit),
            Self::Members { get, .. } => get(event, visit),
            Self::GetOpt { args, options, only } => {
                options.visit(&args.collect(event), *only, visit);
            }
            Self::Values(values) => {
                for value in values {
                    if visit(value.clone()).is_break() {
                        return;
                    }
                }
            }
            Self::List(members) => visit_all(members, event, visit),
            Self::Call { function, args } => visit_call(*function, args, event, visit),
        }
    }

    fn collect<'e>(&'e self, event: &'e E) -> Vec<Value<'e>> {
        let mut all = Vec::new();
        self.visit(event, &mut |value| {
            all.push(value);
            ControlFlow::Continue(())
        });
        all.retain(|value| *value != Value::Absent);
        all
    }
}

/// The kinds of event in which one of the terms can have a value.
fn any_kind<E>(terms: &[Term<E>]) -> KindSet {
    terms.iter().map(Term::kinds).fold(KindSet::EMPTY, KindSet::union)
}

fn visit_all<'e, E>(members: &'e [Term<E>], event: &'e E, visit: &mut Visit<'_, 'e>) {
    for member in members {
        let mut ended = false;
        member.visit(event, &mut |value| {
            let flow = visit(value);
            ended = flow.is_break();
            flow
        });
        if ended {
            return;
        }
    }
}

fn visit_call<'e, E>(
    function: Function,
    args: &'e [Term<E>],
    event: &'e E,
    visit: &mut Visit<'_, 'e>,
) {
    match (function, args) {
        (Function::Val, [inner]) => inner.visit(event, visit),
        (Function::ToLower, [inner]) => map(inner, event, visit, |t| Some(t.to_ascii_lowercase())),
        (Function::ToUpper, [inner]) => map(inner, event, visit, |t| Some(t.to_ascii_uppercase())),
        (Function::B64, [inner]) => map(inner, event, visit, crate::base64::decode),
        (Function::Basename, [inner]) => map(inner, event, visit, |t| Some(basename(t).to_vec())),
        (Function::Len, [inner]) => visit_only(len(inner, event), visit),
        (Function::Concat, parts) => {
            let values = parts.iter().map(|part| join(&part.collect(event), b""));
            visit_only(join(&values.collect::<Vec<_>>(), b""), visit);
        }
        (Function::Join, [separator, rest @ ..]) => {
            let values: Vec<_> = rest.iter().flat_map(|part| part.collect(event)).collect();
            let between = join(&separator.collect(event), b"");
            if let Value::Str(between) = between {
                visit_only(join(&values, &between), visit);
            }
        }
        // The compiler checks the number of operands, and makes another term of `getopt`.
        _ => {}
    }
}

fn map<'e, E>(
    inner: &'e Term<E>,
    event: &'e E,
    visit: &mut Visit<'_, 'e>,
    change: impl Fn(&[u8]) -> Option<Vec<u8>>,
) {
    inner.visit(event, &mut |value| match value {
        Value::Str(text) => visit(match change(&text) {
            Some(changed) => Value::Str(Cow::Owned(changed)),
            None => Value::Absent,
        }),
        other => visit(other),
    });
}

/// The length of a text, or the number of values of a field that has several.
fn len<'e, E>(inner: &'e Term<E>, event: &'e E) -> Value<'e> {
    let values = inner.collect(event);
    if let Some(Value::Unknown(unknown)) = values.iter().find(|v| matches!(v, Value::Unknown(_))) {
        return Value::Unknown(*unknown);
    }
    let several =
        inner.is_set() || inner.is_any() || matches!(inner, Term::List(_) | Term::Values(_));
    let count = match values.as_slice() {
        [Value::Str(text)] if !several => text.len(),
        all => all.len(),
    };
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Everything in one text; nothing if there is nothing, unknown if something is.
fn join<'e>(values: &[Value<'e>], between: &[u8]) -> Value<'e> {
    let unknown = |v: &Value<'_>| if let Value::Unknown(u) = v { Some(*u) } else { None };
    let pending = values.iter().filter_map(unknown).find(|u| *u == Unknown::Pending);
    if let Some(unknown) = pending.or_else(|| values.iter().find_map(unknown)) {
        return Value::Unknown(unknown);
    }
    if values.is_empty() || values.contains(&Value::Absent) {
        return Value::Absent;
    }
    let mut text = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            text.extend_from_slice(between);
        }
        value.write_to(&mut text);
    }
    Value::owned(text)
}

fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
