//! What varies in a name, and what stays: `tmp.Xa81bQ` → `tmp.{random}`.
//!
//! A name is runs of letters and digits with other characters between them. A run is replaced by
//! what it looks like where it surely says nothing by itself, as the id of a process or a UUID
//! does. What a pattern stands for must look like that as well: `{random}` is no word, so that a
//! profile with `/etc/{random}` does not expect `/etc/passwd`.

use std::fmt;

use crate::document::printable::{push_escaped, unsafe_to_show};

/// What a run of letters and digits looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Decimal digits.
    Number,
    /// Hexadecimal digits, letters among them.
    Hex,
    /// Letters and digits as `mkstemp` makes them up.
    Random,
    /// A UUID.
    Uuid,
}

impl Class {
    const ALL: [Self; 4] = [Self::Number, Self::Hex, Self::Random, Self::Uuid];

    /// How a profile writes it.
    const fn written(self) -> &'static str {
        match self {
            Self::Number => "{number}",
            Self::Hex => "{hex}",
            Self::Random => "{random}",
            Self::Uuid => "{uuid}",
        }
    }
}

/// What is known of a name beside itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'h> {
    /// Numbers that say nothing: ids of the processes that have to do with it.
    pub numbers: &'h [u32],
    /// No number says anything, as below `/proc`.
    pub any_number: bool,
    /// Its directory is one for temporary files: what is long enough to be made up is.
    pub temporary: bool,
}

/// A name with what varies in it replaced, as a profile writes it: a brace or a backslash of the
/// name itself, and what cannot be shown, is escaped. Two names are alike exactly if these are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape(Box<str>);

/// Digits of a number that says nothing by itself: a date, a time.
const LONG_NUMBER: usize = 8;
/// Digits of a hexadecimal number that says nothing by itself.
const LONG_HEX: usize = 12;
/// Characters of a run that was made up, at least.
const RANDOM: usize = 6;
/// Characters of a run that is no word.
const LONG_RUN: usize = 24;

impl Shape {
    /// A name with what surely varies replaced.
    #[must_use]
    pub fn of(name: &[u8], hints: &Hints<'_>) -> Self {
        Self(replace(&escape(name), |run| class_of(run, hints)).into())
    }

    /// What it becomes where its numbers vary; itself where it has none.
    #[must_use]
    pub fn numbered(&self) -> Self {
        Self(replace(&self.0, |run| is_number(run).then_some(Class::Number)).into())
    }

    /// Whether it has a part that was made up, or is too long to be a word: it carries data, or an
    /// id.
    #[must_use]
    pub fn is_made_up(&self) -> bool {
        parts(&self.0).any(|part| match part {
            Part::Run(run) => run.len() >= LONG_RUN,
            Part::Other(other) => is_class(other) && other != Class::Number.written(),
        })
    }

    /// A shape as a profile has it; None if none is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = parts(text).all(|part| match part {
            Part::Run(_) => true,
            Part::Other(other) => {
                !other.contains(['{', '}', '\\']) || is_class(other) || is_escape(other)
            }
        });
        (is_one && !text.is_empty()).then(|| Self(text.into()))
    }

    /// How a profile writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn class_of(run: &str, hints: &Hints<'_>) -> Option<Class> {
    if is_uuid(run) {
        return Some(Class::Uuid);
    }
    if is_number(run) {
        let is_known = || run.parse().is_ok_and(|number| hints.numbers.contains(&number));
        let says_nothing = hints.any_number || run.len() >= LONG_NUMBER || is_known();
        return says_nothing.then_some(Class::Number);
    }
    let bytes = run.as_bytes();
    let has = |is_it: fn(&u8) -> bool| bytes.iter().any(is_it);
    if run.len() >= LONG_HEX && bytes.iter().all(u8::is_ascii_hexdigit) && has(u8::is_ascii_digit) {
        return Some(Class::Hex);
    }
    if run.len() < RANDOM {
        return None;
    }
    let changes = bytes.windows(2).filter(|pair| is_change(pair)).count();
    let all_sorts =
        has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_made_up = hints.temporary || changes >= 3 || changes == 2 && all_sorts;
    is_made_up.then_some(Class::Random)
}

/// Whether characters that follow one another are of different sorts. A capital before a small
/// letter begins a word.
fn is_change(pair: &[u8]) -> bool {
    let [first, second] = pair else { return false };
    let sort = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    sort(first) != sort(second) && !(first.is_ascii_uppercase() && second.is_ascii_lowercase())
}

fn is_number(run: &str) -> bool {
    run.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lengths of the groups of a UUID, with hyphens between them.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];
/// Characters of a UUID.
const UUID_LEN: usize = 36;

fn is_uuid(text: &str) -> bool {
    let groups = text.split('-').map(|group| {
        let is_hex = group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { group.len() } else { 0 }
    });
    groups.eq(UUID)
}

/// A part of an escaped name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part<'t> {
    /// Letters and digits, as many as there are, or a UUID.
    Run(&'t str),
    /// A class, an escape, or a character that is neither letter nor digit.
    Other(&'t str),
}

/// The parts of an escaped name. What is no escape and no class is taken character by character.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let run = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let is_uuid = run == UUID[0] && rest.get(..UUID_LEN).is_some_and(is_uuid);
        let run = if is_uuid { UUID_LEN } else { run };
        let end = match first {
            '{' => rest
                .find('}')
                .map(|end| end + 1)
                .filter(|end| rest.get(..*end).is_some_and(is_class)),
            '\\' => [2, 4].into_iter().find(|end| rest.get(..*end).is_some_and(is_escape)),
            _ => None,
        };
        let (part, after) = match (run, end) {
            (1.., _) => (Part::Run(rest.get(..run)?), run),
            (_, Some(end)) => (Part::Other(rest.get(..end)?), end),
            _ => (Part::Other(rest.get(..first.len_utf8())?), first.len_utf8()),
        };
        rest = rest.get(after..)?;
        Some(part)
    })
}

fn is_class(text: &str) -> bool {
    Class::ALL.iter().any(|class| class.written() == text)
}

fn is_escape(text: &str) -> bool {
    match text.strip_prefix('\\') {
        Some("{" | "}" | "\\" | "*") => true,
        Some(code) => {
            let digits = code.strip_prefix('x').unwrap_or_default();
            digits.len() == 2 && digits.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        }
        None => false,
    }
}

fn replace(text: &str, class: impl Fn(&str) -> Option<Class>) -> String {
    let mut replaced = String::with_capacity(text.len());
    for part in parts(text) {
        replaced.push_str(match part {
            Part::Run(run) => class(run).map_or(run, |class| class.written()),
            Part::Other(other) => other,
        });
    }
    replaced
}

/// A name that neither a profile's reader nor a terminal takes for something else.
fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '{' | '}' | '\\' | '*' => text.extend(['\\', c]),
                c if unsafe_to_show(c) => {
                    push_escaped(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => text.push(c),
            }
        }
        push_escaped(&mut text, chunk.invalid());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(name: &str, hints: &Hints<'_>) -> String {
        Shape::of(name.as_bytes(), hints).as_str().to_owned()
    }

    #[test]
    fn what_was_made_up_is_replaced_and_words_stay() {
        let plain = Hints::default();
        for (name, expected) in [
            ("tmp.Xa81bQ", "tmp.{random}"),
            ("k3j9x2ab", "{random}"),
            ("nginx.log-20261129.gz", "nginx.log-{number}.gz"),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301.log", "{uuid}.log"),
            ("da39a3ee5e6b4b0d", "{hex}"),
        ] {
            assert_eq!(shape(name, &plain), expected);
        }
        for word in [
            "passwd",
            "shadow",
            "crontab",
            "authorized_keys",
            "README2",
            "Config",
            "python3.11",
            "libssl.so.3",
            "sha256sums",
            "myFileName",
            "x86_64-linux-gnu",
            "base64",
            "id_rsa",
        ] {
            assert_eq!(shape(word, &plain), word);
        }
    }

    #[test]
    fn hints_say_which_numbers_and_words_vary() {
        let hints = Hints { numbers: &[4711], ..Hints::default() };
        assert_eq!(shape("nginx-4711.pid", &hints), "nginx-{number}.pid");
        assert_eq!(shape("nginx-4712.pid", &hints), "nginx-4712.pid");
        assert_eq!(shape("1", &Hints { any_number: true, ..Hints::default() }), "{number}");
        let temporary = Hints { temporary: true, ..Hints::default() };
        assert_eq!(shape("tmp.abcdef", &temporary), "tmp.{random}");
        assert_eq!(shape("x.sh", &temporary), "x.sh");
    }

    #[test]
    fn a_shape_is_read_as_it_was_written() {
        let plain = Hints::default();
        for name in ["{number}", "a\\b", "*", "\u{1b}[31m", "\u{202e}x", "é {x} }", "{", "a{random"]
        {
            let shape = Shape::of(name.as_bytes(), &plain);
            assert_eq!(Shape::parse(shape.as_str()), Some(shape.clone()));
            assert!(!shape.as_str().contains(['\u{1b}', '\u{202e}']), "{shape}");
        }
        assert_ne!(shape("{number}", &plain), "{number}", "a name is no class");
        let bytes = Shape::of(b"a\xff\xfe", &plain);
        assert_eq!(bytes.as_str(), "a\\xff\\xfe");
        assert_eq!(Shape::parse("a\\xff\\xfe"), Some(bytes));
        for wrong in ["", "{word}", "a}", "\\y", "\\xF", "{number"] {
            assert_eq!(Shape::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_that_vary_are_replaced_once() {
        let shard = Shape::of(b"shard-7.tmp1", &Hints::default());
        assert_eq!(shard.numbered().as_str(), "shard-{number}.tmp1");
        assert_eq!(shard.numbered().numbered(), shard.numbered());
        let word = Shape::of(b"word", &Hints::default());
        assert_eq!(word.numbered(), word);
        let escaped = Shape::of(b"\xff7", &Hints::default());
        assert_eq!(escaped.numbered().as_str(), "\\xff{number}");
    }
}
