//! Standard error: what is said to people in any case, and the log: which messages, and with
//! colours or without.

use std::{
    ffi::OsStr,
    io::{IsTerminal as _, Write as _},
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::commands::Usage;

/// Sets the log up.
pub fn init(level: &str) -> Result<(), Usage> {
    let filter = filter(level).map_err(|what| {
        let cure = "error, warn, info, debug or trace, alone or as `part=level`; `,` between them";
        Usage(format!("--log {level}: {what}\nhint: {cure}"))
    })?;
    let no_color = std::env::var_os("NO_COLOR");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_coloured(std::io::stderr().is_terminal(), no_color.as_deref()))
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// A line for people, whatever is logged.
pub fn say(text: &str) {
    // Nobody may be there to read it.
    drop(writeln!(std::io::stderr().lock(), "runmon: {text}"));
}

/// A number of things: `1 rule`, `2 rules`.
#[must_use]
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A word alone must be a level. The filter would take any other for the name of a part of the
/// program, and then show nothing.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let mut directives = text.split(',');
    if let Some(word) = directives.find(|it| !it.contains('=') && !is_level(it)) {
        return Err(format!("`{word}` is no level"));
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

/// Colours are for terminals, and for who has not said otherwise.
fn is_coloured(terminal: bool, no_color: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_is_a_level() {
        for good in ["warn", "OFF", "info,runmon::sink=trace", "runmon=debug"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["bogus", "", "warn,", "warn,bogus", "a=bogus", "a=b=c"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn colours_are_for_terminals() {
        assert!(is_coloured(true, None) && is_coloured(true, Some(OsStr::new(""))));
        assert!(!is_coloured(false, None) && !is_coloured(true, Some(OsStr::new("1"))));
    }
}
