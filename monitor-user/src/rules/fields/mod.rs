//! The fields of the schema, a file for each family, and what their getters share.

pub(super) mod act;
pub(super) mod ancestors;
pub(super) mod container;
pub(super) mod declared;
pub(super) mod descriptor;
pub(super) mod dns;
pub(super) mod event;
pub(super) mod mount;
pub(super) mod package;
pub(super) mod peer;
pub(super) mod pod;
pub(super) mod policy;
pub(super) mod process;
pub(super) mod profile;
pub(super) mod program;
pub(super) mod socket;
pub(super) mod unobserved;
pub(super) mod user;
pub(super) mod way;

use std::borrow::Cow;

use monitor_rules::{Arg, ArgRule, Field, Get, KindSet, Type, Unknown, Value, Visit};

use crate::{
    container::Label,
    event::{Event, Fact, Reason},
};

/// How a field with one value gets it.
type GetOne = for<'e> fn(&'e Event, &Arg) -> Value<'e>;
/// How a field with several values gets them.
type GetAny = for<'e> fn(&'e Event, &Arg, &mut Visit<'_, 'e>);

/// A field with one value.
pub(super) const fn one(
    name: &'static str,
    ty: Type,
    kinds: KindSet,
    doc: &'static str,
    get: GetOne,
) -> Field<Event> {
    Field { name, ty, arg: ArgRule::None, kinds, doc, get: Get::One(get) }
}

/// A field with one value, or with one for each number behind it.
pub(super) const fn numbered(
    name: &'static str,
    ty: Type,
    kinds: KindSet,
    doc: &'static str,
    get: GetOne,
) -> Field<Event> {
    Field { name, ty, arg: ArgRule::OptionalIndex, kinds, doc, get: Get::One(get) }
}

/// A field with one value for each word or glob behind it.
pub(super) const fn keyed(
    name: &'static str,
    ty: Type,
    kinds: KindSet,
    doc: &'static str,
    get: GetOne,
) -> Field<Event> {
    Field { name, ty, arg: ArgRule::Key, kinds, doc, get: Get::One(get) }
}

/// A field with alternatives.
pub(super) const fn any(
    name: &'static str,
    (ty, arg): (Type, ArgRule),
    kinds: KindSet,
    doc: &'static str,
    get: GetAny,
) -> Field<Event> {
    Field { name, ty, arg, kinds, doc, get: Get::Any(get) }
}

/// A value that will not be known.
const fn never(reason: &'static str) -> Value<'static> {
    Value::Unknown(Unknown::Never(reason))
}

/// A number as rules have it. None of ours reaches past the end.
fn number(value: u64) -> Value<'static> {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A fact, or why it is not known.
fn fact<'e>(fact: &'e Fact<Box<str>>) -> Value<'e> {
    match fact {
        Fact::Known(text, _) => Value::str(text.as_bytes()),
        Fact::Unknown(reason) => unknown(*reason),
    }
}

/// What is made of a fact, or why it is not known.
fn fact_of<'e, T>(fact: &'e Fact<T>, make: impl FnOnce(&'e T) -> Value<'e>) -> Value<'e> {
    match fact {
        Fact::Known(value, _) => make(value),
        Fact::Unknown(reason) => unknown(*reason),
    }
}

/// Labels, as Falco writes them.
fn labels(labels: &Fact<Box<[Label]>>) -> Value<'_> {
    fact_of(labels, |labels| {
        let all: Vec<String> =
            labels.iter().map(|label| format!("{}:{}", label.key, label.value)).collect();
        Value::owned(all.join(","))
    })
}

/// The value of the first label whose name the argument means.
fn labelled<'e>(labels: &'e Fact<Box<[Label]>>, arg: &Arg) -> Value<'e> {
    fact_of(labels, |labels| {
        let is_it = |label: &&Label| arg.key().is_some_and(|it| it.matches(label.key.as_bytes()));
        Value::or_absent(labels.iter().find(is_it).map(|label| Value::str(&*label.value)))
    })
}

/// What is not known, and why.
fn unknown(reason: Reason) -> Value<'static> {
    match reason {
        Reason::Pending => Value::Unknown(Unknown::Pending),
        Reason::NotApplicable => Value::Absent,
        reason => never(reason.name()),
    }
}

/// Strings that each end in a zero byte, with spaces between. Copies only if there are several.
fn spaced(strings: &[u8]) -> Value<'_> {
    let strings = strings.strip_suffix(b"\0").unwrap_or(strings);
    if !strings.contains(&0) {
        return Value::Str(Cow::Borrowed(strings));
    }
    Value::owned(strings.iter().map(|b| if *b == 0 { b' ' } else { *b }).collect::<Vec<u8>>())
}

/// Device numbers in the one number that the kernel shows to programs.
fn device_number(major: u32, minor: u32) -> Value<'static> {
    let (major, minor) = (i64::from(major), i64::from(minor));
    Value::Int((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}
