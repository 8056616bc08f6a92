//! What a value is compared with, prepared once: hash sets, search tables, compiled patterns.

use std::cmp::Ordering;
use std::net::IpAddr;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use crate::ast::Op;
use crate::cidr::IpSet;
use crate::path_set::PathSet;
use crate::value::Value;

/// A prepared right side. A value of another type than the matcher's does not match.
#[derive(Debug)]
pub(crate) enum Matcher {
    Bool(Box<[bool]>),
    Int(Op, i64),
    IntIn(Box<[i64]>),
    Ip(Box<IpSet>),
    Str(StrSet),
    Contains(Box<Finder<'static>>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Pattern(Box<Regex>),
    Path(Box<PathSet>),
    Not(Box<Matcher>),
    AnyOf(Box<[Matcher]>),
    AllOf(Box<[Matcher]>),
    OneOf(Box<[Matcher]>),
}

impl Matcher {
    pub(crate) fn matches(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Not(inner), value) => !inner.matches(value),
            (Self::AnyOf(all), value) => all.iter().any(|m| m.matches(value)),
            (Self::AllOf(all), value) => all.iter().all(|m| m.matches(value)),
            (Self::OneOf(all), value) => all.iter().filter(|m| m.matches(value)).count() == 1,
            (Self::Bool(all), Value::Bool(yes)) => all.contains(yes),
            (Self::Int(op, right), Value::Int(left)) => compare(*op, left, right),
            (Self::IntIn(all), Value::Int(number)) => all.binary_search(number).is_ok(),
            (Self::Ip(all), Value::Ip(ip)) => all.contains(*ip),
            (_, Value::Str(text)) => self.matches_bytes(text),
            _ => false,
        }
    }

    /// What values are compared with, one by one, as far as it was kept.
    pub(crate) fn items(&self) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Bool(all) => all.iter().map(bool::to_string).collect(),
            Self::Int(_, number) => vec![number.to_string()],
            Self::IntIn(all) => all.iter().map(i64::to_string).collect(),
            Self::Ip(set) => set.blocks().collect(),
            Self::Str(set) => set.iter().map(text).collect(),
            Self::Contains(finder) => vec![text(finder.needle())],
            Self::StartsWith(bytes) | Self::EndsWith(bytes) => vec![text(bytes)],
            Self::Path(set) => set.plain().map(text).collect(),
            Self::Not(inner) => inner.items(),
            Self::AnyOf(all) | Self::AllOf(all) | Self::OneOf(all) => {
                all.iter().flat_map(Self::items).collect()
            }
            Self::Pattern(_) => Vec::new(),
        }
    }

    pub(crate) fn matches_bytes(&self, text: &[u8]) -> bool {
        match self {
            Self::Str(set) => set.contains(text),
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::StartsWith(prefix) => text.starts_with(prefix),
            Self::EndsWith(suffix) => text.ends_with(suffix),
            Self::Pattern(regex) => regex.is_match(text),
            Self::Path(set) => set.contains_prefix_of(text),
            _ => false,
        }
    }
}

/// Compares by one of the ordering operators; any other operator does not hold.
pub(crate) fn compare<T: Ord>(op: Op, left: &T, right: &T) -> bool {
    match op {
        Op::Eq => left == right,
        Op::Ne => left != right,
        Op::Lt => left < right,
        Op::Le => left <= right,
        Op::Gt => left > right,
        Op::Ge => left >= right,
        _ => false,
    }
}

/// Texts to find one among, sorted by length first: most comparisons end at the length, which
/// makes this faster than hashing up to thousands of texts.
#[derive(Debug, Default)]
pub(crate) struct StrSet(Box<[Box<[u8]>]>);

impl StrSet {
    pub(crate) fn new(items: impl IntoIterator<Item = Box<[u8]>>) -> Self {
        let mut all: Vec<Box<[u8]>> = items.into_iter().collect();
        all.sort_unstable_by(|a, b| by_length(a, b));
        all.dedup();
        Self(all.into())
    }

    #[inline]
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        self.0.binary_search_by(|item| by_length(item, text)).is_ok()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.iter().map(|item| &**item)
    }
}

fn by_length(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Two values found at run time, for `val()`. The list operators compare member by member.
pub(crate) fn values_hold(op: Op, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Str(l), Value::Str(r)) => bytes_hold(op, l, r),
        (Value::Int(l), Value::Int(r)) => compare(member_op(op), l, r),
        (Value::Bool(l), Value::Bool(r)) => compare(member_op(op), l, r),
        (Value::Ip(l), Value::Ip(r)) => compare::<IpAddr>(member_op(op), l, r),
        _ => false,
    }
}

fn member_op(op: Op) -> Op {
    if matches!(op, Op::In | Op::Intersects) { Op::Eq } else { op }
}

fn bytes_hold(op: Op, left: &[u8], right: &[u8]) -> bool {
    let lower = |text: &[u8]| text.to_ascii_lowercase();
    match op {
        Op::Contains => memchr::memmem::find(left, right).is_some(),
        Op::IContains => memchr::memmem::find(&lower(left), &lower(right)).is_some(),
        Op::StartsWith => left.starts_with(right),
        Op::EndsWith => left.ends_with(right),
        Op::PMatch => crate::path_set::is_path_prefix(right, left),
        other => compare(member_op(other), &left, &right),
    }
}
