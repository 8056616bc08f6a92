//! Options of a command line, by the rules of POSIX's getopt(3): what the transformer of that name
//! finds in a list of arguments.

use std::ops::ControlFlow;

use crate::value::{Unknown, Value, Visit};

/// Whether an option takes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Argument,
    /// GNU's `::`: an argument counts only if it stands in the same word.
    Attached,
}

/// The options that are asked for, as `nt:` writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    known: Box<[(u8, Takes)]>,
    /// `+`: the first word that is no option ends them. Without it the search goes on, as GNU's.
    stops_early: bool,
    /// What an option without its argument is told as: `?`, or `:` if the text begins with it.
    incomplete: u8,
}

impl Options {
    /// Reads an option string. The error says what is wrong and, behind it, the cure.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        let (text, stops_early) = match text.strip_prefix('+') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (text, incomplete) = match text.strip_prefix(':') {
            Some(rest) => (rest, b':'),
            None => (text, b'?'),
        };
        let mut known: Vec<(u8, Takes)> = Vec::new();
        let mut rest = text.as_bytes();
        while let [option, after @ ..] = rest {
            if !option.is_ascii_alphanumeric() {
                let found = text.get(text.len() - rest.len()..).and_then(|at| at.chars().next());
                let found = found.unwrap_or_default();
                let cure =
                    "an option is a letter or a digit, `:` behind it if it takes an argument";
                return Err((format!("`{found}` is no option"), cure));
            }
            if known.iter().any(|(other, _)| other == option) {
                let what = format!("option `{}` is there twice", char::from(*option));
                return Err((what, "name each option once"));
            }
            let (takes, after) = match after {
                [b':', b':', after @ ..] => (Takes::Attached, after),
                [b':', after @ ..] => (Takes::Argument, after),
                after => (Takes::Nothing, after),
            };
            known.push((*option, takes));
            rest = after;
        }
        if known.is_empty() {
            let cure = "name the options, as in \"nt:\": `n` without and `t` with an argument";
            return Err(("no options are named".to_owned(), cure));
        }
        Ok(Self { known: known.into(), stops_early, incomplete })
    }

    /// The option whose argument `[…]` asks for. The error says why there is none, and the cure.
    pub(crate) fn with_argument(&self, name: &str) -> Result<u8, (String, String)> {
        let named = self.known.iter().find(|(option, _)| name.as_bytes() == [*option]);
        match named {
            Some((_, Takes::Nothing)) => {
                let cure = format!("write `{name}:` among the options if it takes one");
                Err((format!("option `{name}` takes no argument"), cure))
            }
            Some((option, _)) => Ok(*option),
            None => {
                let cure = "name one of them that takes an argument".to_owned();
                Err((format!("`{name}` is not among the options"), cure))
            }
        }
    }

    fn takes(&self, option: u8) -> Option<Takes> {
        self.known.iter().find(|(known, _)| *known == option).map(|(_, takes)| *takes)
    }

    /// Calls `visit` with each option in the arguments, or with the arguments of the option `only`.
    /// What comes behind an argument that is not known is not known either.
    pub(crate) fn visit<'e>(
        &self,
        args: &[Value<'e>],
        only: Option<u8>,
        visit: &mut Visit<'_, 'e>,
    ) {
        let mut found = |found: Found<'_>| match (only, found) {
            (None, Found::Option(option, _)) => visit(Value::owned([option])),
            (Some(only), Found::Option(option, Some(argument))) if option == only => {
                visit(Value::owned(argument))
            }
            (Some(_), Found::Option(..)) => ControlFlow::Continue(()),
            (_, Found::Unknown(why)) => visit(Value::Unknown(why)),
        };
        // Nothing comes after it either way.
        match self.scan(args, &mut found) {
            ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
        }
    }

    fn scan(
        &self,
        args: &[Value<'_>],
        found: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let word = match arg {
                Value::Str(word) => &**word,
                Value::Unknown(why) => return found(Found::Unknown(*why)),
                _ => continue,
            };
            match word {
                b"--" => return ControlFlow::Continue(()),
                // Its letters are no options; which argument it takes only its program knows.
                [b'-', b'-', ..] => found(Found::Option(b'?', None))?,
                [b'-', cluster @ ..] if !cluster.is_empty() => {
                    self.cluster(cluster, &mut args, found)?;
                }
                _ if self.stops_early => return ControlFlow::Continue(()),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    /// The options of one word, `-` left out. The last of them may take the next word.
    fn cluster(
        &self,
        mut letters: &[u8],
        args: &mut std::slice::Iter<'_, Value<'_>>,
        found: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let [option, rest @ ..] = letters {
            letters = rest;
            let takes = match self.takes(*option) {
                Some(takes) => takes,
                None => {
                    found(Found::Option(b'?', None))?;
                    continue;
                }
            };
            match (takes, rest) {
                (Takes::Nothing, _) => found(Found::Option(*option, None))?,
                (Takes::Attached, []) => return found(Found::Option(*option, None)),
                (_, [_, ..]) => return found(Found::Option(*option, Some(rest))),
                (Takes::Argument, []) => {
                    return match args.next() {
                        Some(Value::Str(next)) => found(Found::Option(*option, Some(next))),
                        Some(Value::Unknown(why)) => found(Found::Unknown(*why)),
                        _ => found(Found::Option(self.incomplete, None)),
                    };
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// What a scan comes upon.
enum Found<'a> {
    /// An option, and its argument if it has one.
    Option(u8, Option<&'a [u8]>),
    /// Arguments that are not known.
    Unknown(Unknown),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(options: &str, args: &[&str], only: Option<&str>) -> String {
        let options = Options::parse(options).unwrap();
        let values: Vec<Value<'_>> = args
            .iter()
            .map(|arg| match *arg {
                "<cut>" => Value::Unknown(Unknown::Never("truncated")),
                arg => Value::str(arg),
            })
            .collect();
        let only = only.map(|name| options.with_argument(name).unwrap());
        let mut all = Vec::new();
        options.visit(&values, only, &mut |value| {
            let mut text = Vec::new();
            value.write_to(&mut text);
            all.push(String::from_utf8(text).unwrap());
            ControlFlow::Continue(())
        });
        all.join(" ")
    }

    #[test]
    fn options_are_found_as_getopt_finds_them() {
        let options = |options, args: &[&str]| scan(options, args, None);
        assert_eq!(options("nt:", &["-n", "-t", "val"]), "n t");
        assert_eq!(options("nt:", &["-nt", "val"]), "n t");
        assert_eq!(options("nt:", &["-tn", "-n"]), "t n", "`n` is the argument of `t`");
        assert_eq!(options("nt:", &["-t", "-n"]), "t", "an argument may begin with a dash");
        assert_eq!(options("nt:", &["-t", "--", "-n"]), "t n", "here `--` is an argument");
        assert_eq!(options("nt:", &["--", "-n"]), "", "`--` ends the options");
        assert_eq!(options("nt:", &["-", "-n"]), "n", "`-` is no option");
        assert_eq!(options("nt:", &["-nxn"]), "n ? n");
        assert_eq!(options("nt:", &["-n", "-t"]), "n ?", "`t` lacks its argument");
        assert_eq!(options(":nt:", &["-n", "-t"]), "n :");
        assert_eq!(options("nt:", &["file", "-n", "other", "-t", "x"]), "n t");
        assert_eq!(options("+nt:", &["-n", "file", "-t", "x"]), "n", "`+` stops there");
        assert_eq!(options("+:nt:", &["-t"]), ":");
        assert_eq!(options("nt:", &["--name", "-n"]), "? n", "a long option is one option");
        assert_eq!(options("t::", &["-t", "-tval"]), "t t");
        assert_eq!(options("nt:", &["-n", "", "a -t b"]), "n", "an argument may have spaces");
        assert_eq!(options("nt:", &["-vé"]), "? ? ?", "bytes, as getopt(3) has it");
        assert_eq!(options("nt:", &[]), "");
    }

    #[test]
    fn arguments_of_an_option() {
        let values = |options, args: &[&str]| scan(options, args, Some("t"));
        assert_eq!(values("nt:", &["-n", "-t", "val"]), "val");
        assert_eq!(values("nt:", &["-ntval"]), "val");
        assert_eq!(values("nt:", &["-t", "a", "-t", "b"]), "a b", "each of them");
        assert_eq!(values("nt:", &["-n"]), "");
        assert_eq!(values("nt:", &["-t"]), "");
        assert_eq!(values("nt:", &["-t", ""]), "", "an empty argument is one");
        assert_eq!(values("nt::", &["-t", "val"]), "", "`val` does not stand with it");
        assert_eq!(values("nt::", &["-tval"]), "val");
    }

    #[test]
    fn behind_what_is_cut_nothing_is_known() {
        assert_eq!(scan("nt:", &["-n", "<cut>"], None), "n <NA>");
        assert_eq!(scan("nt:", &["-t", "<cut>"], Some("t")), "<NA>");
        assert_eq!(scan("nt:", &["--", "<cut>"], None), "", "no option can follow");
        assert_eq!(scan("+nt:", &["file", "<cut>"], None), "");
    }

    #[test]
    fn bad_option_strings_are_named() {
        let why = |text| Options::parse(text).unwrap_err().0;
        assert_eq!(why(""), "no options are named");
        assert_eq!(why(":"), "no options are named");
        assert_eq!(why("n t:"), "` ` is no option");
        assert_eq!(why("né"), "`é` is no option");
        assert_eq!(why("nn"), "option `n` is there twice");
        assert_eq!(why("n:::"), "`:` is no option");
        assert_eq!(why("-n"), "`-` is no option");
        let options = Options::parse("nt:").unwrap();
        let why = |name| options.with_argument(name).unwrap_err().0;
        assert_eq!(why("n"), "option `n` takes no argument");
        assert_eq!(why("x"), "`x` is not among the options");
        assert_eq!(why("?"), "`?` is not among the options");
        assert_eq!(why("tt"), "`tt` is not among the options");
    }
}
