//! Debian's versions, as `deb-version(7)` orders them.

use std::cmp::Ordering;

use super::number::{Number, take_digits, take_while};

#[derive(Clone, Debug)]
pub(super) struct Version {
    epoch: Number,
    upstream: Box<str>,
    revision: Box<str>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (Number::parse(epoch)?, rest),
            None => (Number::default(), text),
        };
        // dpkg keeps it in an int.
        if epoch > Number::parse("2147483647")? {
            return None;
        }
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((_, "")) => return None,
            Some((upstream, revision)) => (upstream, revision),
            None => (rest, ""),
        };
        let is_part = |text: &str, more: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        // That it begins with a digit is policy; dpkg compares what does not as well, but a word
        // such as `unknown` is no version.
        let is_version = upstream.starts_with(|first: char| first.is_ascii_digit())
            && is_part(upstream, b".-+~:")
            && is_part(revision, b".+~");
        is_version.then(|| Self { epoch, upstream: upstream.into(), revision: revision.into() })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&self.revision, &other.revision))
    }
}

/// Compares runs of other characters and of digits in turn.
fn compare_part(mut one: &str, mut two: &str) -> Ordering {
    while !one.is_empty() || !two.is_empty() {
        let is_other = |byte: u8| !byte.is_ascii_digit();
        let (first, one_rest) = take_while(one, is_other);
        let (second, two_rest) = take_while(two, is_other);
        let order = compare_others(first, second);
        if order != Ordering::Equal {
            return order;
        }
        let (first, one_rest) = take_digits(one_rest);
        let (second, two_rest) = take_digits(two_rest);
        let number = |digits| Number::parse(digits).unwrap_or_default();
        let order = number(first).cmp(&number(second));
        if order != Ordering::Equal {
            return order;
        }
        (one, two) = (one_rest, two_rest);
    }
    Ordering::Equal
}

/// A tilde sorts before the end, the end before letters, letters before the rest.
fn compare_others(one: &str, two: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    };
    let (mut one, mut two) = (one.bytes(), two.bytes());
    loop {
        let (first, second) = (one.next(), two.next());
        let order = weight(first).cmp(&weight(second));
        if order != Ordering::Equal || (first.is_none() && second.is_none()) {
            return order;
        }
    }
}
