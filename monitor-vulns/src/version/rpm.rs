//! RPM's versions: `[epoch:]version[-release]`, each part as `rpmvercmp` orders it.
//!
//! RPM itself passes over a release that only one of both has, by which 1-1 and 1-2 are both the
//! same as 1. Here none is less than any, so that the order is one.

use std::cmp::Ordering;

use super::number::{Number, take_digits, take_while};

#[derive(Clone, Debug)]
pub(super) struct Version {
    epoch: Number,
    version: Box<str>,
    release: Box<str>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (Number::parse(epoch)?, rest),
            None => (Number::default(), text),
        };
        let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._+%~^-".contains(&byte);
        let is_version = rest.bytes().all(is_part)
            && version.starts_with(|first: char| first.is_ascii_alphanumeric());
        is_version.then(|| Self { epoch, version: version.into(), release: release.into() })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.version, &other.version))
            .then_with(|| compare_part(&self.release, &other.release))
    }
}

fn compare_part(mut one: &str, mut two: &str) -> Ordering {
    loop {
        let is_separator = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^';
        one = take_while(one, is_separator).1;
        two = take_while(two, is_separator).1;
        match (one.strip_prefix('~'), two.strip_prefix('~')) {
            (Some(one_rest), Some(two_rest)) => {
                (one, two) = (one_rest, two_rest);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        // A caret is more than the end, and less than anything else.
        match (one.strip_prefix('^'), two.strip_prefix('^')) {
            (Some(one_rest), Some(two_rest)) => {
                (one, two) = (one_rest, two_rest);
                continue;
            }
            (Some(_), None) if two.is_empty() => return Ordering::Greater,
            (None, Some(_)) if one.is_empty() => return Ordering::Less,
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        if one.is_empty() || two.is_empty() {
            return one.len().min(1).cmp(&two.len().min(1));
        }
        let order = compare_segment(&mut one, &mut two);
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Compares what both begin with, digits or letters, and passes over it. Digits are more.
fn compare_segment(one: &mut &str, two: &mut &str) -> Ordering {
    let (first, one_rest) = take_digits(one);
    let (second, two_rest) = take_digits(two);
    match (Number::parse(first), Number::parse(second)) {
        (Some(first), Some(second)) => {
            (*one, *two) = (one_rest, two_rest);
            first.cmp(&second)
        }
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => {
            let (first, one_rest) = take_while(one, |byte| byte.is_ascii_alphabetic());
            let (second, two_rest) = take_while(two, |byte| byte.is_ascii_alphabetic());
            (*one, *two) = (one_rest, two_rest);
            first.cmp(second)
        }
    }
}
