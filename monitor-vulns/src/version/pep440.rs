//! Python's versions, as PEP 440 spells, normalises and orders them.

use super::number::{Number, take_digits};

/// The fields are in the order in which they decide, each of a type that sorts as the PEP says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    epoch: Number,
    /// Without zeros at the end.
    release: Vec<Number>,
    pre: Pre,
    /// None comes before all.
    post: Option<Number>,
    dev: Dev,
    local: Option<Vec<Local>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// Of a development release of the release itself, which comes before its alphas.
    BeforeAll,
    Some(u8, Number),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Some(Number),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Text(Box<str>),
    Number(Number),
}

/// Longer spellings first: each begins with none of those before it.
const PRE: &[(&str, u8)] = &[
    ("alpha", 0),
    ("beta", 1),
    ("preview", 2),
    ("pre", 2),
    ("rc", 2),
    ("a", 0),
    ("b", 1),
    ("c", 2),
];
const POST: &[(&str, u8)] = &[("post", 0), ("rev", 0), ("r", 0)];
const DEV: &[(&str, u8)] = &[("dev", 0)];

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, Some(locals(local)?)),
            None => (text, None),
        };
        let (epoch, rest) = match public.split_once('!') {
            Some((epoch, rest)) => (Number::parse(epoch)?, rest),
            None => (Number::default(), public),
        };
        let (release, rest) = release(rest)?;
        let (pre, rest) = suffix(rest, PRE);
        // A number alone after a hyphen is a post-release as well.
        let implicit = rest.strip_prefix('-').map(take_digits);
        let (post, rest) = match implicit.and_then(|(it, rest)| Some((Number::parse(it)?, rest))) {
            Some((number, rest)) => (Some((0, number)), rest),
            None => suffix(rest, POST),
        };
        let (dev, rest) = suffix(rest, DEV);
        if !rest.is_empty() {
            return None;
        }
        Some(Self {
            epoch,
            release,
            pre: match pre {
                Some((which, number)) => Pre::Some(which, number),
                None if post.is_none() && dev.is_some() => Pre::BeforeAll,
                None => Pre::None,
            },
            post: post.map(|(_, number)| number),
            dev: dev.map_or(Dev::None, |(_, number)| Dev::Some(number)),
            local,
        })
    }
}

fn release(text: &str) -> Option<(Vec<Number>, &str)> {
    let (digits, mut rest) = take_digits(text);
    let mut parts = vec![Number::parse(digits)?];
    while let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = take_digits(after);
        let Some(number) = Number::parse(digits) else { break };
        parts.push(number);
        rest = after;
    }
    while parts.last().is_some_and(Number::is_zero) {
        parts.pop();
    }
    Some((parts, rest))
}

/// A suffix with its number, which may be left out, and what follows; separators are optional.
fn suffix<'t>(text: &'t str, words: &[(&str, u8)]) -> (Option<(u8, Number)>, &'t str) {
    const SEPARATORS: [char; 3] = ['.', '-', '_'];
    let bare = text.strip_prefix(SEPARATORS).unwrap_or(text);
    let found = words.iter().find_map(|(word, which)| Some((*which, bare.strip_prefix(word)?)));
    let Some((which, after)) = found else { return (None, text) };
    let (digits, rest) = take_digits(after.strip_prefix(SEPARATORS).unwrap_or(after));
    match Number::parse(digits) {
        Some(number) => (Some((which, number)), rest),
        // The separator belongs to what follows.
        None => (Some((which, Number::default())), after),
    }
}

fn locals(text: &str) -> Option<Vec<Local>> {
    let local = |part: &str| {
        let is_local = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_local.then(|| match Number::parse(part) {
            Some(number) => Local::Number(number),
            None => Local::Text(part.into()),
        })
    };
    text.split(['.', '-', '_']).map(local).collect()
}
