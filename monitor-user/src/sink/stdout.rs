//! Standard output: one line a document.

use std::io::{self, Write as _};

use super::Intake;

/// Writes until there are no more documents. Whatever reads the output may go away: then
/// documents are dropped, and counted, and the monitor goes on.
pub fn run(mut intake: Intake) {
    let mut broken = false;
    while let Some(document) = intake.receive() {
        let lines = intake.write(&document);
        let written = !broken && write(&lines).is_ok();
        if !written && !broken {
            tracing::error!("standard output is closed: what goes there is dropped from now on");
            broken = true;
        }
        intake.done(written);
    }
}

/// One write a document, so that lines of several writers do not mix.
fn write(lines: &[Vec<u8>]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    let mut output = io::stdout().lock();
    output.write_all(&bytes)?;
    output.flush()
}
