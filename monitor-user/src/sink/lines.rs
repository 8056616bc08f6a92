//! Whole lines on a stream: what could be written only in part does not spoil what comes next.

use std::io::{self, Write};

/// The lines of a document as one write, so that lines of several writers do not mix.
pub(super) fn join(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes
}

/// A write that failed.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Bytes that were written before.
    pub(super) written: usize,
    /// Why the rest was not.
    pub(super) error: io::Error,
}

/// Writes all, or says how much of it was written.
pub(super) fn write_all(output: &mut impl Write, bytes: &[u8]) -> Result<(), Unwritten> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match output.write(rest) {
            Ok(0) => {
                return Err(Unwritten { written, error: io::ErrorKind::WriteZero.into() });
            }
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unwritten { written, error }),
        }
    }
    Ok(())
}

/// A stream that cannot be shortened: a line that was cut is ended before the next begins.
pub(super) struct Lines<W> {
    output: W,
    torn: bool,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output, torn: false }
    }

    /// Writes the lines of a document.
    pub(super) fn write(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut bytes = join(lines);
        if self.torn {
            bytes.insert(0, b'\n');
        }
        match write_all(&mut self.output, &bytes) {
            Ok(()) => {
                self.torn = false;
                Ok(())
            }
            Err(Unwritten { written, error }) => {
                // After the line end of the one that was cut before, nothing is cut.
                let only_end = self.torn && written == 1;
                self.torn = if written == 0 { self.torn } else { !only_end };
                Err(error)
            }
        }
    }
}
