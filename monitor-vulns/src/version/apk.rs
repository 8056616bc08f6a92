//! Alpine's versions: numbers, a letter, suffixes, a commit and a revision, as `apk` orders them.

use std::cmp::Ordering;

use super::number::{Number, take_digits, take_while};

/// Suffixes, those that come before the version without one first.
const BEFORE: &[&str] = &["alpha", "beta", "pre", "rc"];
const AFTER: &[&str] = &["cvs", "svn", "git", "hg", "p"];

/// What a version may go on with. The first of two that differ decides, so that the order of these
/// is that of `apk`: a suffix as of a release to come is less than the end, all else is more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Before(usize),
    End,
    Revision(Number),
    Commit(Box<str>),
    SuffixNumber(Number),
    After(usize),
    Letter(u8),
    Digits(Digits),
}

/// A number after a dot. With a leading zero it is ordered as a text, and before those without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Digits {
    Text(Box<str>),
    Number(Number),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    first: Number,
    rest: Vec<Token>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, mut text) = take_digits(text);
        let first = Number::parse(digits)?;
        let mut rest = Vec::new();
        while let Some(after) = text.strip_prefix('.') {
            let (digits, after) = take_digits(after);
            let number = Number::parse(digits)?;
            rest.push(Token::Digits(match digits.starts_with('0') {
                true => Digits::Text(digits.into()),
                false => Digits::Number(number),
            }));
            text = after;
        }
        if let Some(letter) = text.bytes().next().filter(u8::is_ascii_lowercase) {
            rest.push(Token::Letter(letter));
            text = text.get(1..)?;
        }
        while let Some(after) = text.strip_prefix('_') {
            let (name, after) = take_while(after, |byte| byte.is_ascii_lowercase());
            let place = |names: &[&str]| names.iter().position(|known| *known == name);
            rest.push(match place(BEFORE) {
                Some(place) => Token::Before(place),
                None => Token::After(place(AFTER)?),
            });
            let (digits, after) = take_digits(after);
            rest.extend(Number::parse(digits).map(Token::SuffixNumber));
            text = after;
        }
        if let Some(after) = text.strip_prefix('~') {
            let (commit, after) = take_while(after, |byte| byte.is_ascii_hexdigit());
            rest.push(Token::Commit((!commit.is_empty()).then(|| commit.into())?));
            text = after;
        }
        if let Some(revision) = text.strip_prefix("-r") {
            rest.push(Token::Revision(Number::parse(revision)?));
            text = "";
        }
        text.is_empty().then_some(Self { first, rest })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.first.cmp(&other.first);
        let end = [Token::End];
        order.then_with(|| self.rest.iter().chain(&end).cmp(other.rest.iter().chain(&end)))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
