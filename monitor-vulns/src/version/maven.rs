//! Maven's versions, by the order that its POM reference specifies.
//!
//! A version is a sequence of numbers and qualifiers, from which what stands for nothing is taken
//! away: zeros and `ga`, `final` and `release`, at the end and before a hyphen or a qualifier. The
//! sequences are ordered as words are, with an end that is itself a place in the order.

use std::cmp::Ordering;

use super::number::{Number, take_digits, take_while};

/// Qualifiers before the release, in their order.
const BEFORE: &[&str] = &["alpha", "beta", "milestone", "rc", "snapshot"];

/// What two versions differ by first decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Before(usize),
    /// The end, and what stands for nothing.
    Null,
    ServicePack,
    Qualifier(Box<str>),
    AfterHyphen(Number),
    AfterDot(Number),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version(Vec<Token>);

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_part = |byte: u8| byte.is_ascii_graphic();
        let is_version = text.bytes().all(is_part)
            && text.bytes().next().is_some_and(|first| first.is_ascii_digit());
        is_version.then(|| Self(tokens(&text.to_ascii_lowercase())))
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut after_hyphen) = (text, false);
    loop {
        let (digits, after) = take_digits(rest);
        let (token, after) = match Number::parse(digits) {
            Some(number) if after_hyphen => (Token::AfterHyphen(number), after),
            Some(number) => (Token::AfterDot(number), after),
            None => {
                let is_word = |byte: u8| !byte.is_ascii_digit() && !b".-_".contains(&byte);
                let (word, after) = take_while(rest, is_word);
                let before_number = after.starts_with(|next: char| next.is_ascii_digit());
                // Nothing between two separators is a zero, which stands for nothing.
                (qualifier(word, before_number), after)
            }
        };
        // Before a hyphen, or what is no number after a dot, nothing is left that means nothing.
        if !matches!(token, Token::AfterDot(_)) {
            trim(&mut tokens);
        }
        tokens.push(token);
        let separator = after.bytes().next().filter(|byte| b".-_".contains(byte));
        match separator {
            Some(separator) => {
                after_hyphen = separator != b'.';
                rest = after.get(1..).unwrap_or_default();
            }
            None if after.is_empty() => break,
            // Between a digit and a letter it is as if there were a hyphen.
            None => (after_hyphen, rest) = (true, after),
        }
    }
    trim(&mut tokens);
    tokens
}

fn qualifier(word: &str, before_number: bool) -> Token {
    let word = match word {
        "a" if before_number => "alpha",
        "b" if before_number => "beta",
        "m" if before_number => "milestone",
        "cr" => "rc",
        other => other,
    };
    match word {
        "" | "ga" | "final" | "release" => Token::Null,
        "sp" => Token::ServicePack,
        word => match BEFORE.iter().position(|known| *known == word) {
            Some(place) => Token::Before(place),
            None => Token::Qualifier(word.into()),
        },
    }
}

fn trim(tokens: &mut Vec<Token>) {
    let is_nothing = |token: &Token| match token {
        Token::Null => true,
        Token::AfterHyphen(number) | Token::AfterDot(number) => number.is_zero(),
        _ => false,
    };
    while tokens.last().is_some_and(is_nothing) {
        tokens.pop();
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let end = [Token::Null];
        self.0.iter().chain(&end).cmp(other.0.iter().chain(&end))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
