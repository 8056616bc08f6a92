//! Semantic versions, with what npm, crates.io and Go write besides: a `v` in front, missing parts,
//! pseudo-versions, `+incompatible`.

use std::cmp::Ordering;

use super::number::Number;

/// More parts than any ecosystem writes.
const PARTS: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Without zeros at the end: 1 is 1.0.0.
    core: Vec<Number>,
    /// Empty where it is a release.
    pre: Vec<Identifier>,
}

/// A part of what stands after the hyphen: numbers come before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(Number),
    Text(Box<str>),
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', '=']).unwrap_or(text);
        // What was built has no part in the order.
        let (text, build) = text.split_once('+').unwrap_or((text, "0"));
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        let mut core: Vec<Number> = core.split('.').map(Number::parse).collect::<Option<_>>()?;
        if core.len() > PARTS || !identifiers(build) || !pre.is_none_or(identifiers) {
            return None;
        }
        while core.last().is_some_and(Number::is_zero) {
            core.pop();
        }
        let identifier = |text: &str| match Number::parse(text) {
            Some(number) => Identifier::Number(number),
            None => Identifier::Text(text.into()),
        };
        let pre = pre.map(|pre| pre.split('.').map(identifier).collect()).unwrap_or_default();
        Some(Self { core, pre })
    }
}

fn identifiers(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_part))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.core
            .cmp(&other.core)
            .then_with(|| self.pre.is_empty().cmp(&other.pre.is_empty()))
            .then_with(|| self.pre.cmp(&other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
