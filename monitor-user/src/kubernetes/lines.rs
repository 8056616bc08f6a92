//! Lines of an answer that has no end, each bounded.

use std::io::{BufRead, Read as _};

use super::watch::Trouble;

/// Reads the next line, without its end, in place of what is in `line`. False at the end.
///
/// # Errors
///
/// The connection failed, the line is longer than `most` bytes, or it was cut.
pub(super) fn next(
    input: &mut dyn BufRead,
    line: &mut Vec<u8>,
    most: u64,
) -> Result<bool, Trouble> {
    line.clear();
    let read = input.take(most.saturating_add(1)).read_until(b'\n', line);
    if read.map_err(|error| Trouble::Connection(error.to_string()))? == 0 {
        return Ok(false);
    }
    if line.pop_if(|end| *end == b'\n').is_some() {
        return Ok(true);
    }
    Err(if line.len() as u64 > most { Trouble::TooLong(most) } else { Trouble::Cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_whole() {
        let mut input: &[u8] = b"one\n\nfour\nfive5\ncut";
        let mut line = Vec::new();
        for expected in ["one", "", "four"] {
            assert!(matches!(next(&mut input, &mut line, 4), Ok(true)));
            assert_eq!(line, expected.as_bytes());
        }
        assert!(matches!(next(&mut input, &mut line, 4), Err(Trouble::TooLong(4))));
        // What comes behind a line that was too long is of no use; it is read on here.
        assert!(matches!(next(&mut input, &mut line, 4), Ok(true)));
        assert!(matches!(next(&mut input, &mut line, 4), Err(Trouble::Cut)));
        assert!(matches!(next(&mut input, &mut line, 4), Ok(false)));
    }
}
